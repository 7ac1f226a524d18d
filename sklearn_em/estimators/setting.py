"""What all fits to the same rows share, whatever their components and structure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from sklearn_em.data.executors import Workers
from sklearn_em.data.gaps import source_of
from sklearn_em.data.scan import Problem, scan
from sklearn_em.data.source import Source
from sklearn_em.estimators.options import GaussianMixturePrior, resolved
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.gaussian.m_step import FixedGaussians, Terms
from sklearn_em.mixture import GaussianMixtureModel
from sklearn_em.mixture.m_step import Proportions
from sklearn_em.mixture.noise import Noise
from sklearn_em.starts import StartSpace, filled_sample

# The share of a feature's variance that `reg_covar="auto"` adds to it.
_AUTO_REGULARISATION = 1e-6
# A search looks at so many rows at least, and per feature; and per component, with so many times as many as its
# covariance needs. At four times as many it finds no better ends, and takes about twice as long. Up to nine components,
# as many as grids mostly have, are sought among the same rows ...
_ROWS_TO_SEARCH, _ROWS_PER_FEATURE = 2048, 4
_ROWS_PER_COMPONENT, _TIMES_AS_MANY = 224, 8
# ... but at all of the sample where that is less than so many times more: what it finds need not be run on them again.
_WORTH_THINNING = 1.5
# Where the data are thinner in some direction than this share of the least variance of a feature, they are singular.
_SINGULAR = 1e-3


@dataclass(frozen=True, eq=False)
class Options:
    """What the user says about the model beside its size, in the data's units.

    Attributes
    ----------
    reg_covar : float or "auto"
    noise : bool
    noise_log_volume : float, optional
        None to take it from the data.
    prior : GaussianMixturePrior, optional
    fixed : FixedGaussians, optional
        In the structure's form.
    proportions : ndarray of shape (K,), optional
        Fixed shares, NaN where they are free.
    """

    reg_covar: float | str
    noise: bool = False
    noise_log_volume: float | None = None
    prior: GaussianMixturePrior | None = None
    fixed: FixedGaussians | None = None
    proportions: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Setting:
    """Rows that were looked at once: where they lie, the noise they are in, and the sample in which starts are sought.

    Attributes
    ----------
    source : Source
    problem : Problem
    noise : Noise, optional
        In the data's units.
    workers : Workers
    """

    source: Source
    problem: Problem
    noise: Noise | None
    workers: Workers

    @classmethod
    def of(cls, source: Source, options: Options, n_components: int, one_scale: bool, workers: Workers) -> Self:
        """Look at the rows; see `scan`."""
        problem = scan(source, n_components, one_scale, workers)
        noise = Noise.of(source, problem, options.noise_log_volume, workers) if options.noise else None
        return cls(source, problem, noise, workers)

    def to_search(self, structures: Iterable[Structure], n_components: int) -> Self:
        """Return the setting with no more rows in its sample than are enough to find so many components.

        A single component needs no search, and rows of which something is known are few.
        """
        sample, p = self.problem.sample, len(self.problem.scale)
        per_component = max(_ROWS_PER_COMPONENT, *(_TIMES_AS_MANY * structure.min_rows(p) for structure in structures))
        size = max(_ROWS_TO_SEARCH, _ROWS_PER_FEATURE * p, per_component * n_components)
        if n_components == 1 or sample.evidence is not None or len(sample.rows) < _WORTH_THINNING * size:
            return self
        return replace(self, source=self.close_source, problem=self.problem.thinned(size))

    @cached_property
    def close_source(self) -> Source:
        """The rows in memory if they fit into the sample, else where they are."""
        source, sample = self.source, self.problem.sample
        if source.in_memory or not self.problem.is_whole:
            return source
        return source_of(sample.rows.astype(source.dtype), sample.weight, sample.evidence, source.weight_unit)

    @cached_property
    def filled(self) -> np.ndarray:
        """The rows (m, p) of the sample, scaled, with guesses where values are missing."""
        return filled_sample(self.problem, self.workers)

    @cached_property
    def space(self) -> StartSpace:
        """The sample in the coordinates in which starts are sought."""
        return StartSpace.of(self.problem, self.filled)

    def model(self, structure: Structure, options: Options, n_components: int) -> GaussianMixtureModel:
        """Return the model of these options, scaled as the problem says."""
        problem = self.problem
        blur, scale = _blur(options.reg_covar, problem, structure), problem.scale
        # The variances at which a component is singular: rounding of the rows, or nothing where they are blurred.
        resolution = None if blur.all() else np.where(blur > 0, 0.0, problem.resolution)
        prior, concentration, fixed = None, None, options.fixed
        if options.prior is not None:
            prior = resolved(options.prior, structure, problem, n_components)
            concentration = options.prior.weight_concentration
        if fixed is not None:
            fixed = FixedGaussians(fixed.means * scale, structure.form.rescale(fixed.covariances, scale))
        return GaussianMixtureModel(
            structure,
            self.close_source,
            problem,
            Terms(blur, resolution, prior, fixed),
            self.workers,
            Proportions(concentration, options.proportions),
            None if self.noise is None else self.noise.rescale(scale),
        )


def _blur(reg_covar: float | str, problem: Problem, structure: Structure) -> np.ndarray:
    """Return the diagonal of R, scaled as the problem says."""
    if not isinstance(reg_covar, str):
        return float(reg_covar) * problem.scale**2
    if not structure.one_scale:
        return _AUTO_REGULARISATION * problem.variance
    # Only a multiple of the identity looks the same from every side, and it must be small in every direction: beside
    # one feature in large units the others would be lost in a share of the mean variance.
    return np.full_like(problem.variance, _AUTO_REGULARISATION * _thinnest(problem))


def _thinnest(problem: Problem) -> float:
    """Return the variance of the data in the direction in which it is least; not 0 where they are singular."""
    variance, diagonal = problem.variance, problem.covariance.diagonal()
    # In units of deviations as regularisation sees them; a constant feature has a variance of its own there.
    deviation = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    correlation = problem.covariance / deviation / deviation[:, None]
    np.fill_diagonal(correlation, 1.0)
    least = np.linalg.eigvalsh(correlation * np.sqrt(variance) * np.sqrt(variance)[:, None])[0]
    return float(max(least, _SINGULAR * variance.min()))
