"""The thin shells with scikit-learn's interface."""

from sklearn_em.estimators.gaussian_mixture import GaussianMixtureEM

__all__ = ["GaussianMixtureEM"]
