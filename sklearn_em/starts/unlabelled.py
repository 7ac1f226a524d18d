"""A start that does not look at the labels but for the components' names.

A few labels may lie such that the clusters around them lead to a poor optimum, where the rows alone would not.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from sklearn_em.data.block import ArraySource
from sklearn_em.data.evidence import Evidence
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters
from sklearn_em.mixture.prediction import Predictor
from sklearn_em.starts.space import StartSpace

# What is forbidden counts as this log plausibility.
_FORBIDDEN = -30.0


def without_labels(model: GaussianMixtureModel, space: StartSpace) -> tuple[GaussianMixtureModel, StartSpace]:
    """Return the model, bound to the sample, and its space with nothing known of the rows."""
    return replace(model, source=replace(model.source, evidence=None)), replace(space, evidence=None)


def named(
    model: GaussianMixtureModel, space: StartSpace, evidence: Evidence, params: MixtureParameters
) -> MixtureParameters:
    """Return the components in the order in which they suit the evidence of the rows of the space best."""
    gaussians, K = params.gaussians, params.weights.size
    resp = Predictor(params, model.workers, model.noise).responsibilities(ArraySource(space.rows))[:, :K]
    plausibility = np.maximum(evidence.log_plausibility(slice(None))[:K], _FORBIDDEN)
    order = linear_sum_assignment(-(plausibility * space.weight) @ resp)[1]
    if not gaussians.structure.shared:
        gaussians = replace(
            gaussians,
            covariances=gaussians.covariances[order],
            precision_cholesky=gaussians.precision_cholesky[order],
        )
    return replace(params, weights=params.weights[order], gaussians=replace(gaussians, means=gaussians.means[order]))
