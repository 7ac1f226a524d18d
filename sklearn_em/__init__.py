"""Expectation-maximisation for Python."""

from sklearn_em.estimators import GaussianMixtureEM
from sklearn_em.gaussian.covariance import Factor

__all__ = ["Factor", "GaussianMixtureEM", "__version__"]

__version__ = "0.1.0"
