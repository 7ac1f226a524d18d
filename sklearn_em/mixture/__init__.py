"""The latent variable: which component a row came from."""

from sklearn_em.mixture.model import GaussianMixtureModel
from sklearn_em.mixture.values import MixtureParameters, MixtureStatistics

__all__ = ["GaussianMixtureModel", "MixtureParameters", "MixtureStatistics"]
