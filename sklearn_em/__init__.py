"""Expectation-maximisation for Python."""

from sklearn_em.estimators import GaussianMixtureEM

__all__ = ["GaussianMixtureEM", "__version__"]

__version__ = "0.1.0"
