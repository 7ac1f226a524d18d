"""Expected sufficient statistics of the components: additive, and about stated points."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from sklearn_em.gaussian.covariance.structure import Structure
from sklearn_em.gaussian.features import COMMON, Moments

# A component with less than this share of the mass has none: what it has is the rounding of other rows.
_NO_MASS = 1e-15


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

    def scale(self, factor: float) -> Self:
        """Return the statistics of the same rows with weights multiplied by `factor`."""
        return replace(self, sums=self.sums * factor, total=None if self.total is None else self.total * factor)

    def move_to(self, reference: np.ndarray) -> Self:
        """Return the same statistics about other points (K, p) or (1, p); not under COMMON moments."""
        p, moments = reference.shape[1], self.moments
        shift = self.shift + (self.reference - reference)
        added = self.mass[:, None] * moments.packed(moments.outer(shift) - moments.outer(self.shift))
        sums = np.concatenate([self.sums[:1], self.sums[1:-p] + added.T, self.mass * shift.T])
        return replace(self, sums=sums, reference=reference)

    @cached_property
    def mass(self) -> np.ndarray:
        """The sum of responsibilities of each component, (K,)."""
        return self.sums[0]

    @cached_property
    def total_mass(self) -> float:
        """The mass of all components."""
        return float(self.mass.sum())

    @cached_property
    def alive(self) -> np.ndarray:
        """Which components have mass, (K,) of bool."""
        return self.mass > _NO_MASS * self.total_mass

    @cached_property
    def all_alive(self) -> bool:
        """Whether every component has mass, as nearly always."""
        return bool(self.mass.min() > _NO_MASS * self.total_mass)

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
        """The scatter about each component's own mean, (K, ...); not under COMMON moments."""
        p = self.reference.shape[1]
        between = self.moments.outer(self.shift)
        # In place: with many features each further array of this size takes as long as a product.
        between *= beside(self.mass, between)
        return np.subtract(self.moments.second(self.sums[1:-p], p), between, out=between)

    @cached_property
    def pooled_scatter(self) -> np.ndarray:
        """The sum of the components' scatters, (1, ...), without making them; a matrix under COMMON moments."""
        p = self.reference.shape[1]
        if self.total is not None:
            half = self.shift * np.sqrt(self.mass)[:, None]
            return (self.total - half.T @ half)[None]
        within = self.sums[1:-p].sum(axis=1) - self.moments.weighted_second(self.shift.T, self.mass)
        return self.moments.second(within[:, None], p)


def beside(values: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return one value per component (K,) in a shape that fits beside second moments (K, ...)."""
    return values.reshape(-1, *[1] * (second.ndim - 1))


def scatter_of(structure: Structure, statistics: GaussianStatistics) -> np.ndarray:
    """Return the scatter as the structure estimates from it: of each component or pooled, (G, ...)."""
    if not structure.shared:
        return statistics.scatter
    pooled = statistics.pooled_scatter
    return pooled if statistics.total is None else structure.moments.of_matrices(pooled)


def with_total(statistics: GaussianStatistics, total: np.ndarray) -> GaussianStatistics:
    """Complete sums under COMMON moments by the second moment of all rows about the centre."""
    return replace(statistics, total=total) if statistics.moments is COMMON else statistics


def of_scatter(moments: Moments, mass: np.ndarray, means: np.ndarray, scatter: np.ndarray) -> GaussianStatistics:
    """Return the statistics of components of this mass (K,), with this mean (K, p) and this scatter about it."""
    sums = np.concatenate([mass[:, None], moments.packed(scatter), np.zeros(means.shape)], axis=1)
    return GaussianStatistics(moments, sums.T, means)


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
