"""Which model: information criteria over structures and numbers of components."""

from sklearn_em.selection.information_criteria import GaussianMixtureIC

__all__ = ["GaussianMixtureIC"]
