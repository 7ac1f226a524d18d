"""Expectation-maximisation for Python."""

from sklearn_em.estimators import FixedParameters, GaussianMixtureEM, GaussianMixturePrior
from sklearn_em.gaussian.covariance import Factor

__all__ = ["Factor", "FixedParameters", "GaussianMixtureEM", "GaussianMixturePrior", "__version__"]

__version__ = "0.1.0"
