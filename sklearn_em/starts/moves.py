"""From a good solution to others nearby: take one component away and use it where the rows ask for two.

A local maximum of the likelihood mostly has one component too many in one region and one too few in another. A move
leaves all the others where they are, so it needs few passes to show whether it helps, where a fresh start has to find
everything again. A move edits the responsibilities, and the usual M-step makes parameters of them, under any
structure.

References
----------
Ueda, Nakano, Ghahramani and Hinton (2000), "SMEM algorithm for mixture models", section 3: split where the fit is bad,
merge where it costs least. Zhao, Hautamaki, Karkkainen and Franti (2012), "Random swap EM algorithm for Gaussian
mixture models", section 3: one component to a random place.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.em import DegenerateError
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.log_prob import LOG_2PI
from sklearn_em.gaussian.statistics import about_own_means
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters, MixtureStatistics
from sklearn_em.mixture.e_step import responsibilities
from sklearn_em.mixture.prediction import Predictor
from sklearn_em.starts.kmeans import draw
from sklearn_em.starts.space import StartSpace, rounded
from sklearn_em.starts.splits import Split, splits

# The most promising pairs of a split and a removal, and random swaps beside them: these also reach the few far rows.
_BEST_PAIRS = 8
_RANDOM_SWAPS = 8
# The same cut is tried with this many removals, and each component is cut in this many ways, ...
_TRIES_PER_SPLIT = 2
_SPLITS_PER_COMPONENT = 2
# ... and this many components are tried as the one to remove.
_MOST_REMOVALS = 4
# A row belongs to a cluster that has this share of it, and has nothing to do with one that has less than the other.
_BELONGS, _NOTHING = 0.02, 1e-12


@dataclass(frozen=True, eq=False)
class _Removal:
    """A component, and what its loss costs after one M-step, per unit of weight."""

    component: int
    loss: float


def moves(
    model: GaussianMixtureModel,
    space: StartSpace,
    params: MixtureParameters,
    suspects: np.ndarray,
    all_of_them: bool,
    rng: np.random.RandomState,
) -> list[Callable[[], MixtureParameters]]:
    """Return the makers of some solutions one move away; making one raises DegenerateError if it is singular.

    Parameters
    ----------
    model : GaussianMixtureModel
        Bound to the sample.
    space : StartSpace
        The sample.
    params : MixtureParameters
    suspects : ndarray of shape (K,) of bool
        Components that are better taken away, whatever it costs; if there are none, the cheapest ones are.
    all_of_them : bool
        Whether to make moves also where none is promising.
    rng : RandomState
    """
    joint, resp = explained(model, space, params)
    removals = _removals(model, space, params, joint, resp, suspects)
    pairs = [
        (split.gain - removal.loss, split, member, k, removal)
        for k, member, split in cuts(space, params, resp, rng)
        for removal in removals
        if removal.component != k
    ]
    values = rounded(np.array([pair[0] for pair in pairs], dtype=float))
    if not (all_of_them or suspects.any() or (values > -_promise(model, params)).any()):
        return []
    tried: Counter[int] = Counter()
    makers: list[Callable[[], MixtureParameters]] = []
    for place in np.argsort(-values, kind="stable"):
        _, split, member, k, removal = pairs[place]
        tried[id(split)] += 1
        if tried[id(split)] <= _TRIES_PER_SPLIT and len(makers) < _BEST_PAIRS:
            makers.append(partial(_moved, model, space, params, joint, removal.component, k, member[split.side]))
    return makers + [partial(_swapped, model, space, params, joint, resp, rng)] * _RANDOM_SWAPS


def explained(
    model: GaussianMixtureModel, space: StartSpace, params: MixtureParameters
) -> tuple[np.ndarray, np.ndarray]:
    """Return log joint densities and responsibilities of the rows of the space, (C, m)."""
    joint = np.ascontiguousarray(Predictor(params, model.workers, model.noise).log_joint(ArraySource(space.rows)).T)
    resp = joint.copy()
    responsibilities(resp)
    resp[resp < _NOTHING] = 0.0
    return joint, resp


def _promise(model: GaussianMixtureModel, params: MixtureParameters) -> float:
    """Return how much worse a move may look than it turns out after more passes, per unit of weight.

    Twice the number of parameters of a component, in nats of all the data: 26 of 31 moves seen to pay looked better
    than that, and most solutions that no move improved had none that did.
    """
    n_components, n_features = params.gaussians.means.shape
    per_component = model.structure.n_parameters(n_components, n_features) / n_components + n_features + 1
    # Rows, not weights, whose unit means nothing.
    return 2 * per_component / model.problem.n_rows


def _removals(
    model: GaussianMixtureModel,
    space: StartSpace,
    params: MixtureParameters,
    joint: np.ndarray,
    resp: np.ndarray,
    suspects: np.ndarray,
) -> list[_Removal]:
    """Take components away, those that the likelihood seems to miss least first."""
    if np.count_nonzero(params.weights) < 2:
        return []
    before = model.objective(model.e_step(params), params)
    missed = _missed(space, resp[: len(suspects)])
    components = np.argsort(rounded(missed), kind="stable")
    if suspects.any():
        components = components[suspects[components]]
    removals = []
    for j in components[:_MOST_REMOVALS]:
        try:
            without = estimated(model, space, params.gaussians, _resp_without(joint, j))
        except DegenerateError:
            continue
        loss = before - model.objective(model.e_step(without), without)
        removals.append(_Removal(int(j), loss))
    return removals


def _resp_without(joint: np.ndarray, component: int) -> np.ndarray:
    """Return the responsibilities (K, m) of the other components."""
    others = joint.copy()
    others[component] = -np.inf
    responsibilities(others)
    others[others < _NOTHING] = 0.0
    others[component] = 0.0
    return others


def cuts(
    space: StartSpace, params: MixtureParameters, resp: np.ndarray, rng: np.random.RandomState
) -> list[tuple[int, np.ndarray, Split]]:
    """Cut every component in two; return its number, the places of its rows, and the cut."""
    gaussians, p = params.gaussians, space.rows.shape[1]
    factors, form = gaussians.precision_cholesky, gaussians.structure.form
    found = []
    for k, share in enumerate(resp[: gaussians.n_components]):
        # Every component has a stream of its own: the number of draws for one does not move the next.
        own = np.random.RandomState(rng.randint(2**31 - 1))
        # Beside far heavier rows a weight is nothing, as rounded as it is here.
        member = np.flatnonzero((rounded(share) > _BELONGS) & (space.weight > 0))
        if len(member) < 2 * (p + 1):
            continue
        z = form.project(factors[min(k, len(factors) - 1)], (space.rows[member] - gaussians.means[k]).T)
        weight = share[member] * space.weight[member]
        min_rows = max(gaussians.structure.min_rows(p), 2)
        best = splits(z, weight, 1 / len(space.rows), min_rows, _SPLITS_PER_COMPONENT, own)
        found += [(k, member, cut) for cut in best]
    return found


def _moved(
    model: GaussianMixtureModel,
    space: StartSpace,
    params: MixtureParameters,
    joint: np.ndarray,
    removed: int,
    k: int,
    kept: np.ndarray,
) -> MixtureParameters:
    """Leave component k the rows in `kept`, and give the rest of its rows to the removed one."""
    resp = _resp_without(joint, removed)
    resp[removed] = resp[k]
    resp[removed, kept] = 0.0
    resp[k] -= resp[removed]
    return estimated(model, space, params.gaussians, resp)


def estimated(
    model: GaussianMixtureModel, space: StartSpace, previous: Gaussians, resp: np.ndarray
) -> MixtureParameters:
    """Return the parameters at responsibilities (C, m) for the rows of the space."""
    resp = resp * (space.weight * model.problem.weight)
    K = previous.n_components
    gaussian = about_own_means(model.structure.moments, space.rows, resp[:K])
    return model.estimate(MixtureStatistics(gaussian, float("nan"), float(resp[K:].sum())), previous)


def _missed(space: StartSpace, resp: np.ndarray) -> np.ndarray:
    """Return how much the log-likelihood would miss each component, all else unchanged."""
    # Component by component: all at once would take as much memory again as all responsibilities.
    return np.array([-np.log1p(-np.minimum(share, 1 - 1e-10)) @ space.weight for share in resp])


def _swapped(
    model: GaussianMixtureModel,
    space: StartSpace,
    params: MixtureParameters,
    joint: np.ndarray,
    resp: np.ndarray,
    rng: np.random.RandomState,
) -> MixtureParameters:
    """Put one component on a row of the sample.

    The component is drawn by how little the likelihood misses it; the row by its squared distance from the component it
    belongs to, in units of that component's spread, as k-means++ draws.
    """
    gaussians = params.gaussians
    structure, p = gaussians.structure, gaussians.n_features
    missed = _missed(space, resp[: gaussians.n_components])
    moved = int(draw(1 / rounded(missed / missed.max() + 1e-6), 1, rng)[0])
    at_mean = params.log_weights + structure.form.log_det(gaussians.precision_cholesky, p)
    joint = joint[: gaussians.n_components]
    nearest = joint.argmax(axis=0)
    distance = at_mean[nearest] - joint[nearest, np.arange(len(space.rows))] - 0.5 * p * LOG_2PI
    place = int(draw(space.weight * rounded(np.maximum(distance, 0)), 1, rng)[0])

    means, weights = gaussians.means.copy(), params.weights.copy()
    means[moved] = space.rows[place]
    weights[moved] = (1 - params.noise_weight) / len(weights)
    if structure.shared:
        gaussians = replace(gaussians, means=means)
    else:
        matrices = structure.form.matrices(gaussians.covariances, p).copy()
        matrices[moved] = np.tensordot(params.weights, matrices, axes=1)
        gaussians = Gaussians.nearest(structure, means, matrices, weights)
    share = model.proportions.obeying(weights / weights.sum())
    return MixtureParameters(share * (1 - params.noise_weight), gaussians, params.noise_weight)
