"""Choosing the number of components and the structure: criteria as scorers, and a test of K against K + 1."""

from sklearn_em.selection.bootstrap import BootstrapLikelihoodRatioResult, bootstrap_likelihood_ratio_test
from sklearn_em.selection.scorers import WholeSample, aic_scorer, bic_scorer, icl_scorer

__all__ = [
    "BootstrapLikelihoodRatioResult",
    "WholeSample",
    "aic_scorer",
    "bic_scorer",
    "bootstrap_likelihood_ratio_test",
    "icl_scorer",
]
