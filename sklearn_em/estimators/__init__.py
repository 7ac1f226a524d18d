"""The shells: estimators with scikit-learn's interface."""

from sklearn_em.estimators.gaussian_mixture import GaussianMixtureEM
from sklearn_em.estimators.options import FixedParameters, GaussianMixturePrior

__all__ = ["FixedParameters", "GaussianMixtureEM", "GaussianMixturePrior"]
