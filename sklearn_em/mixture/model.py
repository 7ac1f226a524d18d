"""The Gaussian mixture as a model for the EM loop: its parameters, its statistics, and its two steps over the data."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add
from typing import Self

import numpy as np

from sklearn_em.data.block import ArraySource, Partition
from sklearn_em.data.executors import Workers
from sklearn_em.data.scan import Problem
from sklearn_em.em import DegenerateError
from sklearn_em.gaussian.chart import GaussianChart
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance.structure import Structure
from sklearn_em.gaussian.features import COMMON, FULL, FeatureBuffer, Moments
from sklearn_em.gaussian.log_prob import MOST_FEATURES_FOR_PHI, Densities
from sklearn_em.gaussian.m_step import lost_digits, m_step
from sklearn_em.gaussian.statistics import Accumulator, GaussianStatistics, with_total
from sklearn_em.mixture.e_step import log_likelihood, responsibilities
from sklearn_em.mixture.m_step import mixing_weights

# A component whose smallest variance is below this share of the data's is a spike, not a cluster ...
_SPIKE = 1e-5
# ... where regularisation is more than this share of that variance: then it is what holds it up.
_HELD_UP = 0.1


@dataclass(frozen=True, eq=False)
class MixtureParameters:
    """Mixing weights (K,) and components."""

    weights: np.ndarray
    gaussians: Gaussians

    @property
    def log_weights(self) -> np.ndarray:
        """The log weights, -inf for a component without mass."""
        if self.weights.all():
            return np.log(self.weights)
        with np.errstate(divide="ignore"):
            return np.log(self.weights)


@dataclass(frozen=True, eq=False)
class MixtureStatistics:
    """What the rows say about the mixture: additive.

    Attributes
    ----------
    gaussian : GaussianStatistics
        The components' moments; their masses are the mixing weights' statistics.
    log_likelihood : float
        The weighted sum of the rows' log densities, regularised as the model says.
    """

    gaussian: GaussianStatistics
    log_likelihood: float

    def __add__(self, other: Self) -> Self:
        """Add the statistics of other rows."""
        return type(self)(self.gaussian + other.gaussian, self.log_likelihood + other.log_likelihood)


@dataclass(frozen=True, eq=False)
class MixtureChart:
    """Coordinates of the statistics: those of the components, whose masses are the mixing weights' statistics."""

    gaussian: GaussianChart

    def vector(self, statistics: MixtureStatistics) -> np.ndarray | None:
        """Return the coordinates, or None where a component is empty or singular."""
        return self.gaussian.vector(statistics.gaussian)

    def statistics(self, vector: np.ndarray) -> MixtureStatistics | None:
        """Return the statistics at these coordinates, of unknown likelihood; None where they are out of reach."""
        gaussian = self.gaussian.statistics(vector)
        return None if gaussian is None else MixtureStatistics(gaussian, float("nan"))


@dataclass(frozen=True, eq=False)
class GaussianMixtureModel:
    """A Gaussian mixture bound to its data.

    EM climbs J = sum_i w_i log sum_k pi_k N(x_i | mu_k, Sigma_k) exp(-tr(Sigma_k^-1 R) / 2) / sum_i w_i: the
    log-likelihood of rows blurred to tiny clouds of covariance R (`blur`), never above that of the rows themselves.

    Attributes
    ----------
    structure : Structure
    source : ArraySource
    problem : Problem
    blur : ndarray of shape (p,)
        The diagonal of R, scaled as the problem says.
    workers : Workers
    """

    structure: Structure
    source: ArraySource
    problem: Problem
    blur: np.ndarray
    workers: Workers

    def e_step(self, params: MixtureParameters) -> MixtureStatistics:
        """Sum the moments of all rows, weighted by responsibilities."""
        return self._sum(self._densities(params))

    def m_step(self, statistics: MixtureStatistics, previous: MixtureParameters) -> MixtureParameters:
        """Maximise the bound in closed form.

        Where a covariance comes out so narrow that the moments had no digits left for it, those of `previous` are
        summed again about a point inside it.
        """
        gaussian = statistics.gaussian
        try:
            gaussians = self._estimate(gaussian, previous)
            lost = lost_digits(gaussian, gaussians)
        except DegenerateError as error:
            if not gaussian.shift.any():
                raise
            # Singular by nature or by rounding: only a second sum can tell.
            lost = np.isin(np.arange(len(gaussian.mass)), error.components)
        if lost.any():
            if self.structure.shared:
                lost[:] = True
            apart = np.where(lost[:, None], gaussian.means, np.nan)
            gaussian = self._sum(self._densities(previous, apart)).gaussian
            gaussians = self._estimate(gaussian, previous)
        return MixtureParameters(mixing_weights(gaussian), gaussians)

    def _estimate(self, statistics: GaussianStatistics, previous: MixtureParameters) -> Gaussians:
        return m_step(self.structure, statistics, self.blur, previous.gaussians, self.resolution)

    @cached_property
    def resolution(self) -> np.ndarray | None:
        """The variances at which a component is singular: rounding of the rows, or nothing where they are blurred."""
        return None if self.blur.all() else np.where(self.blur > 0, 0.0, self.problem.resolution)

    def objective(self, statistics: MixtureStatistics, params: MixtureParameters) -> float:
        """Return J, per unit of weight and in the data's own units."""
        return statistics.log_likelihood / self.problem.weight + self._log_scale

    def chart(self, frame: MixtureStatistics) -> "MixtureChart | None":
        """Return coordinates of statistics in which `frame` is 0.

        None where a component is empty or singular, and where the matrix logarithms take longer than they save: with
        many features a jump is worth dozens of passes.
        """
        if self.structure.moments is FULL and len(self.blur) > MOST_FEATURES_FOR_PHI:
            return None
        chart = GaussianChart.about(self.structure, frame.gaussian, self.blur)
        return None if chart is None else MixtureChart(chart)

    def on_sample(self) -> Self:
        """Return the same model bound to the problem's sample, or itself if that is all the data."""
        problem, sample = self.problem, self.problem.sample
        if problem.is_whole:
            return self
        z = sample.rows * problem.scale - problem.centre
        weight = float(sample.weight.sum())
        total = (z.T * sample.weight) @ z
        problem = replace(problem, n_rows=len(sample.rows), weight=weight, total=total, is_whole=True)
        return replace(self, source=ArraySource(sample.rows, sample.weight), problem=problem)

    def spurious(self, params: MixtureParameters, statistics: MixtureStatistics) -> np.ndarray:
        """Return which components live on too few rows, or are so thin that only regularisation holds them up, (K,).

        Such maxima of the likelihood exist in every sample and say nothing about where the rows came from.
        """
        mass, p = statistics.gaussian.mass, len(self.blur)
        if self.structure.shared:
            return np.zeros(len(mass), dtype=bool)
        few = mass * self.problem.n_rows / self.problem.weight < self.structure.min_rows(p)
        variance = self.problem.variance
        thin = min(_SPIKE, (self.blur / variance).max() / _HELD_UP)
        return few | self.structure.form.narrower(params.gaussians.covariances, variance, thin)

    @cached_property
    def _log_scale(self) -> float:
        # Scaling a feature by s multiplies densities by 1 / s.
        return float(np.log(self.problem.scale).sum())

    def _densities(self, params: MixtureParameters, apart: np.ndarray | None = None) -> Densities:
        return Densities.prepare(params.gaussians, self.problem.centre, params.log_weights, self.blur, apart)

    def _sum(self, densities: Densities) -> MixtureStatistics:
        numbers_per_sum = densities.moments.length(self.source.n_features) * densities.constant.size
        # Each tight component makes a sum of its own in each block: of a matrix, it should be of enough rows.
        rows_per_block = 2 * self.source.n_features if densities.tight.size else 0
        partition = Partition.of(self.source.n_rows, densities.numbers_per_row, numbers_per_sum, rows_per_block)
        one_block = partition.is_one_block

        def make_worker() -> Callable[[int], MixtureStatistics]:
            # In every pass the features are the same: where one block holds all rows, they are kept.
            features = self._kept(densities) if one_block else densities.buffer(partition.block_length)
            room = np.empty((densities.constant.size, partition.block_length))

            def sum_group(start: int) -> MixtureStatistics:
                accumulator = Accumulator(densities)
                total = 0.0
                for span in partition.blocks(start):
                    block = self.source.block(*span)
                    if not one_block:
                        features.load(block.rows, self.problem.scale, self.problem.centre)
                    joint = densities.log_joint(features, room[:, : len(block.rows)])
                    top, norm = responsibilities(joint, block.weight)
                    accumulator.add(features, joint)
                    total += log_likelihood(top, norm, block.weight)
                return MixtureStatistics(accumulator.statistics(), total)

            return sum_group

        work = self.source.n_rows * numbers_per_sum
        statistics = reduce(add, self.workers.map(make_worker, partition.groups, work))
        if densities.moments is not COMMON:
            return statistics
        # The term all components share cancels in the responsibilities; summed over rows it is one trace.
        precisions = self.structure.form.natural.matrices(densities.gaussians.precisions, self.source.n_features)[0]
        shared = -0.5 * float((precisions * self.problem.total).sum())
        gaussian = with_total(statistics.gaussian, self.problem.total)
        return MixtureStatistics(gaussian, statistics.log_likelihood + shared)

    def _kept(self, densities: Densities) -> FeatureBuffer:
        """Return the features of all rows, made when first asked for."""
        key = densities.moments, densities.theta.size > 0, densities.tight.size > 0
        if key not in self._features:
            features = densities.buffer(self.source.n_rows)
            features.load(self.source.rows, self.problem.scale, self.problem.centre)
            self._features[key] = features
        return self._features[key]

    @cached_property
    def _features(self) -> dict[tuple[Moments, bool, bool], FeatureBuffer]:
        return {}
