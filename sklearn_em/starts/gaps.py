"""Guesses for missing values, good enough to look for starts: those of a single Gaussian."""

from dataclasses import replace

import numpy as np

from sklearn_em.data.executors import Workers
from sklearn_em.data.scan import Problem
from sklearn_em.em import StoppingRule, begin, run
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import STRUCTURES
from sklearn_em.gaussian.m_step import Terms
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters
from sklearn_em.mixture.imputation import conditional_means
from sklearn_em.mixture.prediction import Predictor

# Rough is enough, and blurred this much, in shares of the variances, no matrix is singular.
_ROUGH = StoppingRule(tol=1e-2, max_iter=5)
# With more features, in which every row may lack others, even one pass takes long: means have to do.
_MOST_FEATURES = 32
_BLUR = 1e-3


def filled_sample(problem: Problem, workers: Workers) -> np.ndarray:
    """Return the rows (m, p) of the problem's sample, scaled, with guesses where values are missing."""
    rows = problem.sample.rows * problem.scale
    missing = np.isnan(rows)
    if not missing.any():
        return rows
    if rows.shape[1] > _MOST_FEATURES:
        return np.where(missing, problem.mean, rows)
    source = replace(problem.sample, rows=rows, evidence=None).source
    structure = STRUCTURES["full"]
    scaled = replace(problem.of_sample(), scale=np.ones(len(problem.scale)))
    model = GaussianMixtureModel(structure, source, scaled, Terms(_BLUR * problem.variance), workers)
    wide = np.diag(problem.covariance.diagonal() + problem.variance)[None]
    start = MixtureParameters(np.ones(1), Gaussians.from_covariances(structure, problem.mean[None], wide))
    params = run(model, begin(model, start), _ROUGH).params
    return conditional_means(Predictor(params, workers), source)
