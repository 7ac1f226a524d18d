"""The Gaussian mixture as a model for the EM loop: its two steps over the data, and coordinates of its statistics."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np

from sklearn_em.data.executors import Workers
from sklearn_em.data.scan import Problem
from sklearn_em.data.source import Source
from sklearn_em.em import DegenerateError
from sklearn_em.gaussian.chart import GaussianChart
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance.structure import Structure
from sklearn_em.gaussian.features import COMMON, FULL
from sklearn_em.gaussian.log_prob import MOST_FEATURES_FOR_PHI
from sklearn_em.gaussian.m_step import Terms, lost_digits, m_step
from sklearn_em.gaussian.statistics import with_total
from sklearn_em.mixture.m_step import Proportions
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.sums import KeptFeatures, Pass
from sklearn_em.mixture.values import MixtureParameters, MixtureStatistics

# A component whose smallest variance is below this share of the data's is a spike, not a cluster ...
_SPIKE = 1e-5
# ... where regularisation is more than this share of that variance: then it is what holds it up.
_HELD_UP = 0.1
# Beyond this change of the noise's log odds a point is no better than a guess.
_FARTHEST_LOG_ODDS = 30.0


@dataclass(frozen=True, eq=False)
class MixtureChart:
    """Coordinates of the statistics: those of the components, whose masses are the mixing weights' statistics.

    Where there is noise the last is the change of the log of its mass over the components', which keep theirs, in the
    metric of Fisher information.
    """

    gaussian: GaussianChart
    noise: float = 0.0

    @cached_property
    def _unit(self) -> float:
        mass = self.gaussian.mass.sum()
        return float(np.sqrt(mass * self.noise) / (mass + self.noise))

    def vectors(self, *points: MixtureStatistics) -> np.ndarray | None:
        """Return the coordinates (n, d) of n points; None where a component or the noise is empty in one of them."""
        vectors = self.gaussian.vectors(*(point.gaussian for point in points))
        if vectors is None or not self.noise > 0:
            return vectors
        if not all(point.noise > 0 for point in points):
            return None
        odds = [point.noise / point.gaussian.total_mass * (self.gaussian.mass.sum() / self.noise) for point in points]
        return np.column_stack([vectors, self._unit * np.log(odds)])

    def statistics(self, vector: np.ndarray) -> MixtureStatistics | None:
        """Return the statistics at these coordinates, of unknown likelihood; None where they are out of reach."""
        noise = 0.0
        if self.noise > 0:
            vector, log_odds = vector[:-1], vector[-1] / self._unit
            noise = float(self.noise * np.exp(np.clip(log_odds, -_FARTHEST_LOG_ODDS, _FARTHEST_LOG_ODDS)))
        gaussian = self.gaussian.statistics(vector)
        return None if gaussian is None else MixtureStatistics(gaussian, float("nan"), noise)


@dataclass(frozen=True, eq=False)
class GaussianMixtureModel:
    """A Gaussian mixture bound to its data.

    EM climbs J = sum_i w_i log sum_k a_ik pi_k N(x_i | mu_k, Sigma_k) exp(-tr(Sigma_k^-1 R) / 2) + log p(theta), per
    unit of weight: the log-likelihood of rows blurred to tiny clouds of covariance R, never above that of the rows
    themselves, and the log prior. a_ik is the plausibility of component k for row i, x_i what is observed of it, and
    noise adds a_i0 pi_0 / V_i to the inner sum.

    Attributes
    ----------
    structure : Structure
    source : Source
    problem : Problem
    terms : Terms
        What besides the rows decides about the components, scaled as the problem says.
    workers : Workers
    proportions : Proportions
        What besides the rows decides the mixing weights.
    noise : Noise, optional
        Scaled as the problem says.
    """

    structure: Structure
    source: Source
    problem: Problem
    terms: Terms
    workers: Workers
    proportions: Proportions = field(default_factory=Proportions)
    noise: Noise | None = None

    def e_step(self, params: MixtureParameters) -> MixtureStatistics:
        """Sum the moments of all rows, weighted by responsibilities."""
        return self._sum(params)

    def m_step(self, statistics: MixtureStatistics, previous: MixtureParameters) -> MixtureParameters:
        """Maximise the bound in closed form.

        Where a covariance comes out so narrow that the moments had no digits left for it, those of `previous` are
        summed again about a point inside it.
        """
        gaussian = statistics.gaussian
        try:
            params = self.estimate(statistics, previous.gaussians)
            lost = lost_digits(gaussian, params.gaussians)
        except DegenerateError as error:
            if not gaussian.shift.any():
                raise
            # Singular by nature or by rounding: only a second sum can tell.
            lost = np.array(error.components)
        if not lost.size:
            return params
        apart = np.full_like(gaussian.means, np.nan)
        which = slice(None) if self.structure.shared else lost
        apart[which] = gaussian.means[which]
        return self.estimate(self._sum(previous, apart), previous.gaussians)

    def estimate(
        self, statistics: MixtureStatistics, previous: Gaussians, *, afresh: bool = False
    ) -> MixtureParameters:
        """Return the parameters that maximise the bound at any statistics; see `gaussian.m_step`."""
        gaussians = m_step(self.structure, statistics.gaussian, self.terms, previous, afresh=afresh)
        noise = None if self.noise is None else statistics.noise
        weights, noise_weight = self.proportions.weights(statistics.gaussian, noise)
        return MixtureParameters(weights, gaussians, noise_weight)

    def objective(self, statistics: MixtureStatistics, params: MixtureParameters) -> float:
        """Return J, per unit of weight and in the data's own units."""
        return (statistics.log_likelihood + self.log_prior(params)) / self.problem.weight + self._log_scale

    def log_prior(self, params: MixtureParameters) -> float:
        """Return the log density of the priors."""
        total = 0.0 if self.terms.prior is None else self.terms.prior.log_density(params.gaussians)
        noise_weight = None if self.noise is None else params.noise_weight
        return total + self.proportions.log_prior(params.weights, noise_weight)

    def chart(self, frame: MixtureStatistics) -> "MixtureChart | None":
        """Return coordinates of statistics in which `frame` is 0.

        None where a component is empty or singular, and where the matrix logarithms take longer than they save: with
        many features a jump is worth dozens of passes.
        """
        if self.structure.moments is FULL and len(self.terms.blur) > MOST_FEATURES_FOR_PHI:
            return None
        chart = GaussianChart.about(self.structure, frame.gaussian, self.terms.blur)
        return None if chart is None else MixtureChart(chart, frame.noise)

    def on_sample(self) -> Self:
        """Return the same model bound to the problem's sample, or itself if that is all the data."""
        if self.problem.is_whole:
            return self
        return replace(self, source=self.problem.sample.source, problem=self.problem.of_sample())

    @property
    def is_decided(self) -> bool:
        """Whether responsibilities do not depend on parameters: rows are complete and their components known."""
        return self.source.is_decided

    def spurious(self, params: MixtureParameters, statistics: MixtureStatistics) -> np.ndarray:
        """Return which components live on too few rows, or are so thin that only regularisation holds them up, (K,).

        Such maxima of the likelihood exist in every sample and say nothing about where the rows came from. A prior is
        there to make sense of few rows.
        """
        mass, blur, p = statistics.gaussian.mass, self.terms.blur, len(self.terms.blur)
        if self.structure.shared or self.terms.has_prior_of_covariances:
            return np.zeros(len(mass), dtype=bool)
        few = mass * self.problem.n_rows / self.problem.weight < self.structure.min_rows(p)
        variance = self.problem.variance
        thin = min(_SPIKE, (blur / variance).max() / _HELD_UP)
        spurious = few | params.gaussians.narrower(variance, thin)
        return spurious if self.terms.fixed is None else spurious & ~self.terms.fixed.is_covariance

    @cached_property
    def _log_scale(self) -> float:
        # Scaling a feature by s multiplies densities by 1 / s, those of the rows in which it is observed.
        return float(self.problem.observed @ np.log(self.problem.scale))

    def _sum(self, params: MixtureParameters, apart: np.ndarray | None = None) -> MixtureStatistics:
        """Sum over all rows; where `apart` (K, p) is not NaN, a component's moments about this point."""
        problem, kept = self.problem, self._features if self.source.in_memory else None
        all_rows = Pass(params, problem.scale, problem.centre, self.terms.blur_of_each, self.noise, apart, kept)
        statistics = self.source.sum(all_rows, self.workers)
        if statistics.gaussian.moments is not COMMON:
            return statistics
        # The term all components share cancels in the responsibilities; summed over rows it is one trace.
        precisions = self.structure.form.natural.matrices(params.gaussians.precisions, len(problem.scale))[0]
        shared = -0.5 * float((precisions * problem.total).sum())
        gaussian = with_total(statistics.gaussian, problem.total)
        return MixtureStatistics(gaussian, statistics.log_likelihood + shared)

    @cached_property
    def _features(self) -> KeptFeatures:
        return {}
