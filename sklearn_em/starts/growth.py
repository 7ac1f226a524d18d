"""From a solution with K components to starts with K + 1: one of them cut in two.

All others are where they were, so that few passes lead to a good end. The new component is the last.

References
----------
Ueda, Nakano, Ghahramani and Hinton (2000), "SMEM algorithm for mixture models", section 3.2: the split.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters
from sklearn_em.starts.moves import cuts, estimated, explained
from sklearn_em.starts.space import StartSpace, rounded


def grown(
    model: GaussianMixtureModel, space: StartSpace, params: MixtureParameters, most: int, rng: np.random.RandomState
) -> list[Callable[[], MixtureParameters]]:
    """Return the makers of the most promising starts with one component more, at most so many.

    Parameters
    ----------
    model : GaussianMixtureModel
        With one component more, bound to the sample.
    space : StartSpace
        The sample.
    params : MixtureParameters
    most : int
    rng : RandomState
    """
    _, resp = explained(model, space, params)
    found = cuts(space, params, resp, rng)
    gains = rounded(np.array([cut.gain for _, _, cut in found]))
    makers: list[Callable[[], MixtureParameters]] = []
    for place in np.argsort(-gains, kind="stable")[:most]:
        k, member, cut = found[place]
        makers.append(partial(_grown, model, space, params.gaussians, resp, k, member[cut.side]))
    return makers


def _grown(
    model: GaussianMixtureModel, space: StartSpace, gaussians: Gaussians, resp: np.ndarray, k: int, kept: np.ndarray
) -> MixtureParameters:
    """Leave component k the rows in `kept`, and give the rest of its rows to a new one."""
    K = gaussians.n_components
    resp = np.insert(resp, K, resp[k], axis=0)
    resp[K, kept] = 0.0
    resp[k] -= resp[K]
    means = np.append(gaussians.means, gaussians.means[k : k + 1], axis=0)
    previous = replace(gaussians, means=means)
    if not gaussians.structure.shared:
        covariances, factors = gaussians.covariances, gaussians.precision_cholesky
        previous = replace(
            previous,
            covariances=np.append(covariances, covariances[k : k + 1], axis=0),
            precision_cholesky=np.append(factors, factors[k : k + 1], axis=0),
        )
    return estimated(model, space, previous, resp)
