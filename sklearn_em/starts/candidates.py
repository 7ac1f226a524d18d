"""Partitions of the sample, and the parameters they start EM from, by the same M-step as everything else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.gaussian.m_step import covariances_alone
from sklearn_em.gaussian.statistics import GaussianStatistics, about_own_means
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters, MixtureStatistics
from sklearn_em.starts.identities import Cells, Identities
from sklearn_em.starts.kmeans import draw, lloyd, membership, nearest_of_all, seed, squared_distances
from sklearn_em.starts.space import StartSpace

# The noise's share of the weight at the start: enough for EM to find what belongs to it.
NOISE = 0.1


@dataclass(frozen=True, eq=False)
class Given:
    """The parts of the start that the user gives, scaled as the problem says; None where the start finds them."""

    weights: np.ndarray | None = None
    means: np.ndarray | None = None
    precision_cholesky: np.ndarray | None = None
    noise_weight: float | None = None

    @classmethod
    def of(cls, params: MixtureParameters, has_noise: bool) -> Self:
        """Give all parts."""
        share = params.weights / params.weights.sum()
        gaussians = params.gaussians
        return cls(share, gaussians.means, gaussians.precision_cholesky, params.noise_weight if has_noise else None)

    @property
    def is_empty(self) -> bool:
        """Whether the user gives no part."""
        return self.weights is None and self.means is None and self.precision_cholesky is None

    def parameters(self, structure: Structure, has_noise: bool) -> MixtureParameters | None:
        """Return the parameters, if all parts are given; the weights are those of the components among each other."""
        if self.weights is None or self.means is None or self.precision_cholesky is None:
            return None
        gaussians = Gaussians.from_precision_cholesky(structure, self.means, self.precision_cholesky)
        noise_weight = NOISE if has_noise and self.noise_weight is None else self.noise_weight or 0.0
        return MixtureParameters(self.weights * (1 - noise_weight), gaussians, noise_weight)


Method = Callable[[StartSpace, np.ndarray, int, np.random.RandomState], Cells]


def _filled(space: StartSpace, chosen: np.ndarray, n_components: int) -> np.ndarray:
    """Return rows for all components: the chosen ones, over and over where there are not enough distinct rows."""
    return space.rows[np.resize(chosen, n_components)]


def kmeans(space: StartSpace, points: np.ndarray, n_components: int, rng: np.random.RandomState) -> Cells:
    """Clusters of k-means from k-means++ seeds."""
    chosen = seed(points, space.weight, n_components, rng)
    return Cells(lloyd(points, space.weight, points[chosen]), _filled(space, chosen, n_components))


def kmeans_plusplus(space: StartSpace, points: np.ndarray, n_components: int, rng: np.random.RandomState) -> Cells:
    """k-means++ seeds as means."""
    return _around(space, points, seed(points, space.weight, n_components, rng), n_components)


def random_from_data(space: StartSpace, points: np.ndarray, n_components: int, rng: np.random.RandomState) -> Cells:
    """Distinct rows drawn at random as means."""
    left, chosen = space.weight.copy(), np.empty(0, dtype=np.intp)
    for _ in range(min(n_components, len(left))):
        chosen = np.append(chosen, draw(left, 1, rng))
        left[chosen] = 0.0
    return _around(space, points, chosen, n_components)


def random(space: StartSpace, points: np.ndarray, n_components: int, rng: np.random.RandomState) -> Cells:
    """Cut the rows into cells around random points of a Gaussian as wide as the data.

    Responsibilities drawn row by row, the other way to start at random, leave all components near the overall mean:
    a saddle of the likelihood, from which EM takes very long to get away.
    """
    spread = np.sqrt(space.weight @ points**2)
    centres = rng.normal(size=(n_components, points.shape[1])) * spread
    labels = squared_distances(points, centres).argmin(axis=0)
    return Cells(labels, _filled(space, draw(space.weight, n_components, rng), n_components))


def _around(space: StartSpace, points: np.ndarray, chosen: np.ndarray, n_components: int) -> Cells:
    means = _filled(space, chosen, n_components)
    return Cells(squared_distances(points, points[chosen]).argmin(axis=0), means, means)


METHODS: dict[str, Method] = {
    "kmeans": kmeans,
    "k-means++": kmeans_plusplus,
    "random": random,
    "random_from_data": random_from_data,
}


def candidates(
    model: GaussianMixtureModel,
    space: StartSpace,
    method: str,
    n_components: int,
    given: Given,
    rng: np.random.RandomState,
) -> Iterator[Callable[[], MixtureParameters]]:
    """Yield the makers of a start's few candidates; making one raises DegenerateError if it is singular.

    Two of each metric: k-means in one metric alone finds the best optimum half as often. The first is the one to take
    where there is no time to compare them. A partition that comes again is the same maker again.
    """
    identities = Identities.of(space, model.terms.fixed, n_components)
    if given.means is not None:
        distances = squared_distances(space.metrics[0], space.placed(space.metrics[0], given.means))
        nearest = nearest_of_all if identities is None else identities.nearest
        yield partial(from_partition, model, space, Cells(nearest(distances), given.means, given.means), given)
        return
    seen: list[tuple[np.ndarray, Callable[[], MixtureParameters]]] = []
    for points in space.metrics + space.metrics[::-1]:
        # Every candidate has a stream of its own: the number of draws of one does not move the next.
        own = np.random.RandomState(rng.randint(2**31 - 1))
        partition = METHODS[method](space, points, n_components, own)
        if identities is not None:
            partition = identities.respected(space, points, partition)
        labels = partition.labels if identities is not None else _anonymous(partition.labels)
        known = next((make for other, make in seen if (labels == other).all()), None)
        seen.append((labels, known or partial(from_partition, model, space, partition, given)))
        yield seen[-1][1]


def _anonymous(labels: np.ndarray) -> np.ndarray:
    """Return the same partition with its clusters in the order of their first rows."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse])


def one_component(model: GaussianMixtureModel, filled: np.ndarray) -> MixtureParameters:
    """Return the one start of a single component: the moments of the sample, scaled and with guesses in its gaps."""
    weight = model.problem.sample.weight
    statistics = about_own_means(model.structure.moments, filled, weight[None])
    return model.estimate(_with_noise(statistics), _alike(model, statistics, statistics.means))


def from_partition(model: GaussianMixtureModel, space: StartSpace, partition: Cells, given: Given) -> MixtureParameters:
    """Return the parameters that a partition of the sample starts EM from."""
    structure = model.structure
    # A prior counts in units of the data's weights.
    member = membership(partition.labels, space.weight * model.problem.weight, len(partition.spare))
    statistics = about_own_means(structure.moments, space.rows, member)
    one = _pooled(statistics)
    previous = _alike(model, one, partition.spare)
    shrunk = _shrunk(statistics, one, model.problem.weight / len(space.rows))
    params = model.estimate(_with_noise(shrunk), previous, afresh=True)
    gaussians = params.gaussians
    means = given.means if given.means is not None else partition.means
    if means is not None:
        gaussians = replace(gaussians, means=model.terms.with_fixed_means(means))
    if given.precision_cholesky is not None:
        gaussians = Gaussians.from_precision_cholesky(structure, gaussians.means, given.precision_cholesky)
    weights = params.weights if given.weights is None else given.weights * (1 - params.noise_weight)
    return MixtureParameters(weights, gaussians, params.noise_weight)


def _with_noise(statistics: GaussianStatistics) -> MixtureStatistics:
    """Give the noise some share of the mass, where there is any, so that EM can find what belongs to it."""
    mass = float(statistics.mass.sum())
    return MixtureStatistics(statistics, float("nan"), mass * NOISE / (1 - NOISE))


def _alike(model: GaussianMixtureModel, one: GaussianStatistics, means: np.ndarray) -> Gaussians:
    """Return components that all have the covariance of one component's statistics."""
    structure = model.structure
    terms = replace(model.terms, resolution=None, fixed=None)
    covariance = covariances_alone(structure, one, terms)
    copies = 1 if structure.shared else len(means)
    return Gaussians.from_covariances(structure, means, np.repeat(covariance, copies, axis=0))


def _pooled(statistics: GaussianStatistics) -> GaussianStatistics:
    """Return the statistics of one component with the scatter within all clusters."""
    return replace(statistics, sums=statistics.sums.sum(axis=1, keepdims=True), reference=statistics.reference[:1])


def _shrunk(statistics: GaussianStatistics, one: GaussianStatistics, row: float) -> GaussianStatistics:
    """Add to each cluster some rows' worth of the pooled scatter, keeping its mass.

    A cluster of few rows would start as a spike or a thin sheet, from which EM does not come back.
    """
    p = statistics.reference.shape[1]
    extra = (p + 1) * row
    mass = statistics.mass
    sums = statistics.sums.copy()
    within = one.sums[1:-p] / one.mass
    sums[1:-p] = (sums[1:-p] + extra * within) * (mass / (mass + extra))
    return replace(statistics, sums=sums)
