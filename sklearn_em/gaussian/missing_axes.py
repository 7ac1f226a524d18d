"""Rows with missing values under components whose features are independent: no pattern matters, only each gap.

A feature that is missing adds nothing to the log density, and to the moments about a component's mean its variance
times the responsibility. So rows of all patterns are summed together, about each component's own mean, at a cost that
grows with the number of features as that of complete rows does.
"""

from functools import cached_property

import numpy as np

from sklearn_em.gaussian.about_means import AboutMeans, GapRows
from sklearn_em.gaussian.log_prob import LOG_2PI, NOTHING
from sklearn_em.gaussian.statistics import GaussianStatistics


class AxisGapBuffer(GapRows):
    """One block after another, about one component's mean after another's."""

    def about(self, point: np.ndarray) -> np.ndarray:
        """Return the rows less a point (p,), 0 where missing."""
        z = self.rows - point[:, None]
        z *= self.observed
        return z


class AxisGapDensities(AboutMeans):
    """Densities of rows with gaps under diagonal covariances."""

    @cached_property
    def variances(self) -> np.ndarray:
        """The variances, (K, p)."""
        gaussians = self.gaussians
        diagonal = gaussians.structure.form.diagonal(gaussians.covariances, gaussians.n_features)
        return np.broadcast_to(diagonal, gaussians.means.shape)

    @property
    def numbers_per_row(self) -> int:
        """How many numbers a worker holds for each row of a block."""
        return 4 * self.gaussians.n_features + self.n_components

    def buffer(self, length: int) -> AxisGapBuffer:
        """Return room for one block after another."""
        return AxisGapBuffer()

    def log_joint(self, block: AxisGapBuffer, out: np.ndarray) -> np.ndarray:
        """Return offset + log density of the observed features of the rows in `block`, in `out` (K, b)."""
        np.matmul(np.log(self.variances) + LOG_2PI, block.observed, out=out)
        for k, mean in enumerate(self.gaussians.means):
            z = block.about(mean)
            z *= z
            out[k] += (1 / self.variances[k]) @ z
        out *= -0.5
        out += self.constant[:, None]
        return out

    def accumulator(self) -> "AxisGapAccumulator":
        """Return zero sums."""
        return AxisGapAccumulator(self)


class AxisGapAccumulator:
    """Sums the moments of one worker's blocks."""

    def __init__(self, densities: AxisGapDensities):
        self._densities = densities
        shape = densities.gaussians.means.shape
        self._mass, self._observed = np.zeros(shape[0]), np.zeros(shape)
        self._first, self._second = np.zeros(shape), np.zeros(shape)

    def add(self, block: AxisGapBuffer, resp: np.ndarray) -> None:
        """Add the rows in `block` with responsibilities (K, b), already times the row weights."""
        resp = np.where(resp > NOTHING, resp, 0.0)
        self._mass += resp.sum(axis=1)
        self._observed += resp @ block.observed.T
        for k, point in enumerate(self._densities.reference):
            z = block.about(point)
            self._first[k] += z @ resp[k]
            z *= z
            self._second[k] += z @ resp[k]

    def statistics(self) -> GaussianStatistics:
        """Return the sums of all blocks so far, with what is expected of the gaps."""
        densities, moments = self._densities, self._densities.moments
        missed = self._mass[:, None] - self._observed
        away = densities.gaussians.means - densities.reference
        first = self._first + missed * away
        second = self._second + missed * (densities.variances + away**2)
        packed = second if moments.n_quadratic(second.shape[1]) > 1 else second.sum(axis=1, keepdims=True)
        sums = np.concatenate([self._mass[:, None], packed, first], axis=1).T
        return GaussianStatistics(moments, sums, densities.reference)
