"""Pictures of mixtures, by scikit-learn's Display conventions."""

from sklearn_em.display.convergence import ConvergenceDisplay
from sklearn_em.display.mixture import GaussianMixtureDisplay
from sklearn_em.display.selection import SelectionDisplay

__all__ = ["ConvergenceDisplay", "GaussianMixtureDisplay", "SelectionDisplay"]
