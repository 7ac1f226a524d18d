"""Expected sufficient statistics of the components: additive, and about stated points."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from sklearn_em.gaussian.features import COMMON, FeatureBuffer, Moments
from sklearn_em.gaussian.log_prob import Densities

# A component with less than this share of the mass has none: what it has is the rounding of other rows.
_NO_MASS = 1e-15
# A row adds nothing to the moments of a component with less responsibility than this, as far out as it may be.
_NOTHING = 1e-60
# From this many components on the product is faster with the components leading, up to a tenth; below, with the
# features leading.
_FEW = 16


@dataclass(frozen=True, eq=False)
class GaussianStatistics:
    """Responsibility-weighted sums of the features.

    Attributes
    ----------
    moments : Moments
        The layout of the quadratic features.
    sums : ndarray of shape (F, K)
        Sums of ones, of the quadratic features, and of z.
    reference : ndarray of shape (K, p) or (1, p)
        The point about which each component was summed, or all of them.
    total : ndarray of shape (p, p), optional
        COMMON moments only: the second moment of all rows about the reference.
    """

    moments: Moments
    sums: np.ndarray
    reference: np.ndarray
    total: np.ndarray | None = None

    def __add__(self, other: Self) -> Self:
        """Add the statistics of other rows, summed about the same reference."""
        return replace(self, sums=self.sums + other.sums)

    @cached_property
    def mass(self) -> np.ndarray:
        """The sum of responsibilities of each component, (K,)."""
        return self.sums[0]

    @cached_property
    def alive(self) -> np.ndarray:
        """Which components have mass, (K,) of bool."""
        return self.mass > _NO_MASS * self.mass.sum()

    @cached_property
    def all_alive(self) -> bool:
        """Whether every component has mass, as nearly always."""
        return bool(self.mass.min() > _NO_MASS * self.mass.sum())

    @cached_property
    def shift(self) -> np.ndarray:
        """The mean of each component less its reference, (K, p); 0 where there is no mass."""
        first = self.sums[-self.reference.shape[1] :]
        mass = self.mass if self.all_alive else np.where(self.mass > 0, self.mass, 1.0)
        return (first / mass).T

    @cached_property
    def means(self) -> np.ndarray:
        """The mean of each component, (K, p)."""
        return self.reference + self.shift

    @cached_property
    def scatter(self) -> np.ndarray:
        """The scatter about each component's own mean, or one pooled entry under COMMON moments."""
        p = self.reference.shape[1]
        explained = self.moments.outer(self.shift)
        if self.total is not None:
            return self.total - (self.mass @ explained.reshape(-1, p * p)).reshape(1, p, p)
        between = self.mass.reshape(-1, *[1] * (explained.ndim - 1)) * explained
        return self.moments.second(self.sums[1:-p], p) - between


class Accumulator:
    """Sums the moments of one worker's blocks; the responsibilities are the caller's."""

    def __init__(self, densities: Densities):
        self._densities = densities
        self._sums: np.ndarray | None = None
        if densities.tight.size:
            self._tight = np.zeros((densities.moments.length(densities.gaussians.n_features), densities.tight.size))

    def add(self, block: FeatureBuffer, resp: np.ndarray) -> None:
        """Add the rows in `block` with responsibilities (K, b), already times the row weights."""
        d, p = self._densities, self._densities.gaussians.n_features
        if d.theta.size:
            # dot, not matmul: matmul keeps the interpreter's lock where the product has 500 entries or fewer, and then
            # the other threads wait.
            sums = np.dot(block.phi, resp.T) if len(resp) < _FEW else np.dot(resp, block.phi.T).T
            self._sums = sums if self._sums is None else self._sums + sums
        for t, k in enumerate(d.tight):
            # With many features most rows belong to one component: the others need not sum them.
            member = np.flatnonzero(resp[k] > _NOTHING)
            some = member.size < resp.shape[1]
            share, rows = (resp[k, member], block.rows[:, member]) if some else (resp[k], block.rows)
            z = rows - d.reference[k][:, None]
            self._tight[0, t] += share.sum()
            self._tight[1:-p, t] += d.moments.weighted_second(z, share)
            self._tight[-p:, t] += z @ share

    def statistics(self) -> GaussianStatistics:
        """Return the sums of all blocks so far."""
        d, sums = self._densities, self._sums
        if sums is None:
            sums = np.zeros((len(self._tight), len(d.gaussians.means)))
        if d.tight.size:
            sums[:, d.tight] = self._tight
        return GaussianStatistics(d.moments, sums, d.reference)


def with_total(statistics: GaussianStatistics, total: np.ndarray) -> GaussianStatistics:
    """Complete sums under COMMON moments by the second moment of all rows about the centre."""
    return replace(statistics, total=total) if statistics.moments is COMMON else statistics


def about_own_means(moments: Moments, rows: np.ndarray, resp: np.ndarray) -> GaussianStatistics:
    """Sum the moments of rows (m, p) with given responsibilities (K, m), each component's about its own mean.

    A component without rows is about 0.
    """
    p = rows.shape[1]
    sums = np.zeros((moments.length(p), len(resp)))
    reference = np.zeros((len(resp), p))
    for k, share in enumerate(resp):
        member = np.flatnonzero(share)
        if not member.size:
            continue
        own, weight = rows[member], share[member]
        # As a difference from one of them, the mean of equal values is exact.
        reference[k] = own[0] + weight @ (own - own[0]) / weight.sum()
        sums[0, k] = weight.sum()
        sums[1:-p, k] = moments.weighted_second((own - reference[k]).T, weight)
    return GaussianStatistics(moments, sums, reference)
