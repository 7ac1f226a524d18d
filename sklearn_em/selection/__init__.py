"""Which model: information criteria over structures and numbers of components, and a test of K against K + 1."""

from sklearn_em.selection.bootstrap import BootstrapLikelihoodRatioResult, bootstrap_likelihood_ratio_test
from sklearn_em.selection.information_criteria import GaussianMixtureIC
from sklearn_em.selection.scorers import WholeSample, aic_scorer, bic_scorer, icl_scorer

__all__ = [
    "BootstrapLikelihoodRatioResult",
    "GaussianMixtureIC",
    "WholeSample",
    "aic_scorer",
    "bic_scorer",
    "bootstrap_likelihood_ratio_test",
    "icl_scorer",
]
