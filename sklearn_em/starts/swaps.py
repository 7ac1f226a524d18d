"""Random swaps: from a good solution, move one component to a place that is badly explained.

A local maximum of the likelihood mostly has one component too many in one region and one too few in another. A swap
leaves all the others where they are, so it needs few passes to show whether it helps, where a fresh start has to find
everything again.

References
----------
Zhao, Hautamaki, Karkkainen and Franti (2012), "Random swap EM algorithm for Gaussian mixture models", section 3.
"""

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.log_prob import LOG_2PI
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters
from sklearn_em.mixture.e_step import responsibilities
from sklearn_em.mixture.prediction import Predictor
from sklearn_em.starts.kmeans import draw
from sklearn_em.starts.space import rounded


def swap(model: GaussianMixtureModel, params: MixtureParameters, rng: np.random.RandomState) -> MixtureParameters:
    """Return `params` with one component moved to a row of the sample.

    The component is drawn by how little the likelihood misses it; the row by its squared distance from the component it
    belongs to, in units of that component's spread, as k-means++ draws.
    """
    sample, scale = model.problem.sample, model.problem.scale
    gaussians = params.gaussians
    structure, p = gaussians.structure, gaussians.n_features
    rows = sample.rows * scale
    joint = Predictor(params, model.workers).log_joint(ArraySource(rows)).T

    resp = joint.copy()
    responsibilities(resp)
    missed = -np.log1p(-np.minimum(resp, 1 - 1e-10)) @ sample.weight
    moved = int(draw(1 / rounded(missed / missed.max() + 1e-6), 1, rng)[0])

    at_mean = params.log_weights + structure.form.log_det(gaussians.precision_cholesky, p)
    nearest = joint.argmax(axis=0)
    distance = at_mean[nearest] - joint[nearest, np.arange(len(rows))] - 0.5 * p * LOG_2PI
    place = int(draw(sample.weight * rounded(np.maximum(distance, 0)), 1, rng)[0])

    means, weights, covariances = gaussians.means.copy(), params.weights.copy(), gaussians.covariances
    means[moved] = rows[place]
    weights[moved] = 1 / len(weights)
    if not structure.shared:
        covariances = covariances.copy()
        covariances[moved] = np.tensordot(params.weights, gaussians.covariances, axes=1)
    return MixtureParameters(weights / weights.sum(), Gaussians.from_covariances(structure, means, covariances))
