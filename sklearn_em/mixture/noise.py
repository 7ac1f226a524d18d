"""Rows that belong to no component: a uniform density over the box of the data.

References
----------
Banfield and Raftery (1993), "Model-based Gaussian and non-Gaussian clustering", section 5: a Poisson process over the
region of the data as one more component. Fraley and Raftery (2002), "Model-based clustering, discriminant analysis, and
density estimation", section 3.3: the smaller of two boxes for the region.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.scan import Problem, box
from sklearn_em.gaussian.log_prob import IMPOSSIBLE


@dataclass(frozen=True, eq=False)
class Noise:
    """A uniform density.

    Attributes
    ----------
    log_volume : float
        The log of the volume of the box.
    low, high : ndarray of shape (p,)
        The data's extents along the features, by which the volume for rows that lack some is smaller.
    counts : ndarray of shape (p,) of bool
        Which features count: those that are not constant.
    log_units : ndarray of shape (p,)
        The logs of what features have been multiplied by since the volume was in the data's units.
    axes : ndarray of shape (p, p)
        The directions of the box, as columns, in the data's units ...
    sides : ndarray of shape (2, p)
        ... and where it begins and ends along them.
    """

    log_volume: float
    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray
    log_units: np.ndarray
    axes: np.ndarray
    sides: np.ndarray

    @classmethod
    def of(cls, source: ArraySource, problem: Problem, log_volume: float | None, workers: Workers) -> Self:
        """Return the noise over the data, in the data's units; its volume is the data's if none is given.

        The box lies along the features or, where that is smaller and nothing is missing, along the principal
        components. A constant feature does not count.
        """
        low, high = problem.low / problem.scale, problem.high / problem.scale
        counts = high - low > np.sqrt(problem.resolution) / problem.scale
        p = len(low)
        noise = cls(0.0, low, high, counts, np.zeros(p), np.eye(p), np.array([low, high]))
        volume = float(noise._log_ranges.sum())
        if log_volume is not None:
            # The same box, grown or shrunk about its middle.
            grown = np.exp((log_volume - volume) / max(int(np.count_nonzero(counts)), 1))
            middle, half = (low + high) / 2, (high - low) / 2 * np.where(counts, grown, 1.0)
            return replace(noise, log_volume=log_volume, sides=np.array([middle - half, middle + half]))
        noise = replace(noise, log_volume=volume)
        if source.has_gaps or not counts.all():
            return noise
        # One factor for all features, so that axes stay principal and nothing overflows.
        unit = float(problem.scale.min())
        ratio = unit / problem.scale
        variances, axes = np.linalg.eigh(problem.covariance * ratio[:, None] * ratio)
        sides = np.array(box(source, workers, axes * unit))
        extent = sides[1] - sides[0]
        if not (variances > np.finfo(float).eps * p * variances[-1]).all() or not (extent > 0).all():
            return noise
        along = float(np.log(extent).sum() - p * np.log(unit))
        return replace(noise, log_volume=along, axes=axes, sides=sides / unit) if along < volume else noise

    def log_joint(self, weight: float, rows: np.ndarray) -> np.ndarray | float:
        """Return the log of weight times density of rows (b, p): a number, or (b,) where some lack features."""
        if weight == 0:
            return IMPOSSIBLE
        everywhere = float(np.log(weight) - self.log_volume)
        if not (missing := np.isnan(rows)).any():
            return everywhere
        return np.asarray(everywhere + missing @ self._log_ranges)

    def rescale(self, factor: np.ndarray) -> Self:
        """Return the density of features multiplied by `factor` (p,)."""
        log_factor = np.log(factor)
        return replace(
            self,
            log_volume=self.log_volume + float(log_factor.sum()),
            log_units=self.log_units + log_factor,
        )

    def draw(self, n_rows: int, rng: np.random.RandomState) -> np.ndarray:
        """Draw rows (n, p), in the data's units."""
        along = rng.uniform(self.sides[0], self.sides[1], size=(n_rows, len(self.low)))
        return along @ self.axes.T

    @property
    def _log_ranges(self) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.where(self.counts, np.log(self.high - self.low), 0.0) + self.log_units
