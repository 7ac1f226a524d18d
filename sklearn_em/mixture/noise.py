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

from sklearn_em.data.executors import Workers
from sklearn_em.data.scan import Problem, box
from sklearn_em.data.source import Source
from sklearn_em.gaussian.log_prob import IMPOSSIBLE


@dataclass(frozen=True, eq=False)
class Noise:
    """A uniform density.

    Attributes
    ----------
    log_sides : ndarray of shape (p,)
        The logs of the extents of a box along the features that has its volume, 0 for a feature that is constant. A row
        that lacks some features is in a box without them.
    low, high : ndarray of shape (p,)
        The extents of the box along the features, in the data's units.
    axes : ndarray of shape (p, p)
        The directions of the box, as columns, in the data's units ...
    sides : ndarray of shape (2, p)
        ... and where it begins and ends along them.
    """

    log_sides: np.ndarray
    low: np.ndarray
    high: np.ndarray
    axes: np.ndarray
    sides: np.ndarray

    @classmethod
    def of(cls, source: Source, problem: Problem, log_volume: float | None, workers: Workers) -> Self:
        """Return the noise over the data, in the data's units; its volume is the data's if none is given.

        The box lies along the features or, where that is smaller and nothing is missing, along the principal
        components. A constant feature does not count.
        """
        low, high = problem.low / problem.scale, problem.high / problem.scale
        p, counts = len(low), high - low > np.sqrt(problem.resolution) / problem.scale
        log_sides = np.log(np.where(counts, high - low, 1.0))
        if log_volume is not None:
            # The same box, grown or shrunk about its middle.
            log_grown = (log_volume - log_sides.sum()) / max(int(np.count_nonzero(counts)), 1)
            middle, half = (low + high) / 2, np.exp(np.where(counts, log_grown, 0.0)) * (high - low) / 2
            log_sides, low, high = np.where(counts, log_sides + log_grown, 0.0), middle - half, middle + half
        noise = cls(log_sides, low, high, np.eye(p), np.array([low, high]))
        if log_volume is not None or source.lacks_values:
            return noise
        # One factor for all features, so that axes stay principal and nothing overflows.
        unit, c = float(problem.scale.min()), np.flatnonzero(counts)
        ratio = unit / problem.scale[c]
        variances, principal = np.linalg.eigh(problem.covariance[np.ix_(c, c)] * ratio[:, None] * ratio)
        axes = np.eye(p)
        axes[np.ix_(c, c)] = principal
        sides = np.array(box(source, workers, axes * unit))
        extent = (sides[1] - sides[0])[c]
        if not (variances > np.finfo(float).eps * p * variances.max(initial=0.0)).all() or not (extent > 0).all():
            return noise
        smaller = float(np.log(extent).sum() - len(c) * np.log(unit)) - noise.log_volume
        if not smaller < 0:
            return noise
        log_sides = np.where(counts, log_sides + smaller / len(c), 0.0)
        return replace(noise, log_sides=log_sides, axes=axes, sides=sides / unit)

    @property
    def log_volume(self) -> float:
        """The log of the volume of the box."""
        return float(self.log_sides.sum())

    def log_joint(self, weight: float, rows: np.ndarray) -> np.ndarray | float:
        """Return the log of weight times density of rows (b, p): a number, or (b,) where some lack features."""
        if weight == 0:
            return IMPOSSIBLE
        missing = np.isnan(rows)
        if not missing.any():
            return float(np.log(weight)) - self.log_volume
        return np.asarray(np.log(weight) - ~missing @ self.log_sides)

    def rescale(self, factor: np.ndarray) -> Self:
        """Return the density of features multiplied by `factor` (p,)."""
        return replace(self, log_sides=self.log_sides + np.log(factor))

    def draw(self, n_rows: int, rng: np.random.RandomState) -> np.ndarray:
        """Draw rows (n, p), in the data's units."""
        along = rng.uniform(self.sides[0], self.sides[1], size=(n_rows, len(self.low)))
        return along @ self.axes.T
