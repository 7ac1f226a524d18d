"""Expected sufficient statistics of the components: additive, and about stated points."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from sklearn_em.gaussian.features import COMMON, FeatureBuffer, Moments
from sklearn_em.gaussian.log_prob import Densities

# A component with less than this share of the mass has none: what it has is the rounding of other rows.
_NO_MASS = 1e-15
# From this many components on the product is faster with the components leading, up to a tenth; below, with the
# features leading.
_FEW = 16


@dataclass(frozen=True)
class GaussianStatistics:
    """Responsibility-weighted sums of the features.

    Attributes
    ----------
    moments : Moments
        The layout of the quadratic features.
    sums : ndarray of shape (F, K)
        Sums of ones, of the quadratic features, and of z.
    reference : ndarray of shape (K, p)
        The point about which each component was summed.
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
    def shift(self) -> np.ndarray:
        """The mean of each component less its reference, (K, p); 0 where there is no mass."""
        first = self.sums[-self.reference.shape[1] :].T
        mass = self.mass[:, None]
        return first / np.where(mass > 0, mass, 1.0)

    @cached_property
    def means(self) -> np.ndarray:
        """The mean of each component, (K, p)."""
        return self.reference + self.shift

    def scatter(self) -> np.ndarray:
        """Return the scatter about each component's own mean, or one pooled entry under COMMON moments."""
        p = self.reference.shape[1]
        explained = self.moments.outer(self.shift)
        if self.total is not None:
            return (self.total - np.tensordot(self.mass, explained, axes=1))[None]
        between = self.mass.reshape(-1, *[1] * (explained.ndim - 1)) * explained
        return self.moments.second(self.sums[1:-p], p) - between


class Accumulator:
    """Sums the moments of one worker's blocks; the responsibilities are the caller's."""

    def __init__(self, densities: Densities):
        n_components, n_features = densities.reference.shape
        length = densities.moments.length(n_features)
        self._densities = densities
        self._sums = np.zeros((length, n_components))
        self._tight = np.zeros((densities.tight.size, length))
        shape = self._sums.shape if n_components < _FEW else self._sums.shape[::-1]
        self._product = np.empty(shape) if densities.theta.size else None

    def add(self, block: FeatureBuffer, resp: np.ndarray) -> None:
        """Add the rows in `block` with responsibilities (K, b), already times the row weights."""
        d, product = self._densities, self._product
        # dot, not matmul: matmul keeps the interpreter's lock where the product has 500 entries or fewer, and then the
        # other threads wait.
        if product is None:
            pass
        elif len(resp) < _FEW:
            self._sums += np.dot(block.phi, resp.T, out=product)
        else:
            self._sums += np.dot(resp, block.phi.T, out=product).T
        p = d.reference.shape[1]
        for t, k in enumerate(d.tight):
            z = block.rows - d.reference[k][:, None]
            self._tight[t, 0] += resp[k].sum()
            self._tight[t, 1:-p] += d.moments.weighted_second(z, resp[k])
            self._tight[t, -p:] += z @ resp[k]

    def statistics(self) -> GaussianStatistics:
        """Return the sums so far, and start again from zero."""
        sums = self._sums.copy()
        sums[:, self._densities.tight] = self._tight.T
        self._sums[:] = 0.0
        self._tight[:] = 0.0
        return GaussianStatistics(self._densities.moments, sums, self._densities.reference)


def with_total(statistics: GaussianStatistics, total: np.ndarray) -> GaussianStatistics:
    """Complete sums under COMMON moments by the second moment of all rows about the centre."""
    return replace(statistics, total=total) if statistics.moments is COMMON else statistics
