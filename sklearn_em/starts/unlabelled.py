"""A start that does not look at the labels but for the components' names.

A few labels may lie such that the clusters around them lead to a poor optimum, where the rows alone would not.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from scipy.optimize import linear_sum_assignment

from sklearn_em.data.block import ArraySource
from sklearn_em.data.evidence import Evidence
from sklearn_em.em import StoppingRule
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters
from sklearn_em.mixture.prediction import Predictor
from sklearn_em.starts.candidates import Given, candidates
from sklearn_em.starts.moves import moves
from sklearn_em.starts.search import search
from sklearn_em.starts.space import StartSpace

# What is forbidden counts as this log plausibility.
_FORBIDDEN = -30.0


def unlabelled(
    model: GaussianMixtureModel,
    space: StartSpace,
    method: str,
    n_components: int,
    stopping: StoppingRule,
    rng: np.random.RandomState,
) -> MixtureParameters:
    """Return where EM ends on the sample with nothing known of its rows, the components in the order of what is.

    Parameters
    ----------
    model : GaussianMixtureModel
        Bound to the sample.
    space : StartSpace
        The sample, with evidence.
    method : str
        The name of a way to find starts.
    n_components : int
    stopping : StoppingRule
    rng : RandomState
    """
    assert isinstance(model.source, ArraySource)
    blind = replace(model, source=replace(model.source, evidence=None))
    anonymous = replace(space, evidence=None)
    own = np.random.RandomState(rng.randint(2**31 - 1))
    starts = iter([candidates(blind, anonymous, method, n_components, Given(), own)])
    best, _ = search(blind, blind, starts, partial(moves, blind, anonymous, rng=own), 1, stopping)
    assert space.evidence is not None
    return _named(blind, space, space.evidence, best.params)


def _named(
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
