"""The latent variable: which component a row came from."""

from sklearn_em.mixture.model import GaussianMixtureModel, MixtureParameters, MixtureStatistics

__all__ = ["GaussianMixtureModel", "MixtureParameters", "MixtureStatistics"]
