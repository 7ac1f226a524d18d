"""Partitions of the sample, and the parameters they start EM from, by the same M-step as everything else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.gaussian.m_step import blurred_covariances, m_step
from sklearn_em.gaussian.statistics import GaussianStatistics, about_own_means
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters
from sklearn_em.mixture.m_step import mixing_weights
from sklearn_em.starts.kmeans import draw, lloyd, seed, squared_distances
from sklearn_em.starts.space import StartSpace


@dataclass(frozen=True, eq=False)
class Given:
    """The parts of the start that the user gives, scaled as the problem says; None where the start finds them."""

    weights: np.ndarray | None = None
    means: np.ndarray | None = None
    precision_cholesky: np.ndarray | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the user gives no part."""
        return self.weights is None and self.means is None and self.precision_cholesky is None

    def parameters(self, structure: Structure) -> MixtureParameters | None:
        """Return the parameters, if all parts are given."""
        if self.weights is None or self.means is None or self.precision_cholesky is None:
            return None
        gaussians = Gaussians.from_precision_cholesky(structure, self.means, self.precision_cholesky)
        return MixtureParameters(self.weights, gaussians)


@dataclass(frozen=True, eq=False)
class Cells:
    """Labels of the rows of the space, and where the means are to be if not at the centroids.

    Attributes
    ----------
    labels : ndarray of shape (m,)
    spare : ndarray of shape (K, p)
        A mean for each component, used where it has no rows.
    means : ndarray of shape (K, p), optional
    """

    labels: np.ndarray
    spare: np.ndarray
    means: np.ndarray | None = None


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
    if given.means is not None:
        around = Cells(_nearest(space, given.means), given.means, given.means)
        yield partial(from_partition, model, space, around, given)
        return
    seen: list[tuple[np.ndarray, Callable[[], MixtureParameters]]] = []
    for points in space.metrics + space.metrics[::-1]:
        # Every candidate has a stream of its own: the number of draws of one does not move the next.
        own = np.random.RandomState(rng.randint(2**31 - 1))
        partition = METHODS[method](space, points, n_components, own)
        _, first, inverse = np.unique(partition.labels, return_index=True, return_inverse=True)
        anonymous = np.argsort(np.argsort(first))[inverse]
        known = next((make for other, make in seen if (anonymous == other).all()), None)
        seen.append((anonymous, known or partial(from_partition, model, space, partition, given)))
        yield seen[-1][1]


def one_component(model: GaussianMixtureModel) -> MixtureParameters:
    """Return the one start of a single component: the moments of the sample."""
    structure, sample = model.structure, model.problem.sample
    rows = sample.rows * model.problem.scale
    statistics = about_own_means(structure.moments, rows, sample.weight[None])
    covariances = blurred_covariances(structure, statistics, model.blur)
    gaussians = Gaussians.from_covariances(structure, statistics.means, covariances)
    return MixtureParameters(np.ones(1), m_step(structure, statistics, model.blur, gaussians, model.resolution))


def _nearest(space: StartSpace, means: np.ndarray) -> np.ndarray:
    """Assign the rows to given means in the metric of the total scatter, or of each feature if that is singular."""
    linear, *_ = np.linalg.lstsq(space.rows - space.weight @ space.rows, space.metrics[0], rcond=None)
    centres = (means - space.weight @ space.rows) @ linear
    return squared_distances(space.metrics[0], centres).argmin(axis=0)


def from_partition(model: GaussianMixtureModel, space: StartSpace, partition: Cells, given: Given) -> MixtureParameters:
    """Return the parameters that a partition of the sample starts EM from."""
    structure, n_components = model.structure, len(partition.spare)
    member = np.zeros((n_components, len(space.rows)))
    member[partition.labels, np.arange(len(space.rows))] = space.weight
    statistics = about_own_means(structure.moments, space.rows, member)
    one = _pooled(statistics)
    shared = blurred_covariances(structure, one, model.blur)
    previous = Gaussians.from_covariances(
        structure, partition.spare, shared if structure.shared else np.repeat(shared, n_components, axis=0)
    )
    shrunk = _shrunk(statistics, one, 1 / len(space.rows))
    gaussians = m_step(structure, shrunk, model.blur, previous, model.resolution, afresh=True)
    means = given.means if given.means is not None else partition.means
    if means is not None:
        gaussians = replace(gaussians, means=means)
    if given.precision_cholesky is not None:
        gaussians = Gaussians.from_precision_cholesky(structure, gaussians.means, given.precision_cholesky)
    weights = mixing_weights(statistics) if given.weights is None else given.weights
    return MixtureParameters(weights, gaussians)


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
