"""Expectation-maximisation for Python."""

from sklearn_em.estimators import GaussianMixtureEM

__all__ = ["GaussianMixtureEM"]
