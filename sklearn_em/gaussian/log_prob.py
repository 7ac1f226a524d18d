"""Log densities of a block of rows under all components, by one matrix product where that is accurate.

The quadratic form theta . phi(x - c) loses about eps * kappa of the log density, where kappa is the squared distance
from c to the far side of a component in units of its own spread. A component of large kappa is *tight* (small, thin
or far away): it is evaluated, and its moments are summed, about its own mean instead. So are all components where
phi would be too long to fit in a cache.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Self

import numpy as np

from sklearn_em.gaussian.buffer import FeatureBuffer
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.features import COMMON, FULL, Moments
from sklearn_em.gaussian.kernel import Kernel
from sklearn_em.gaussian.statistics import GaussianStatistics

LOG_2PI = float(np.log(2 * np.pi))
# At 1e6 log densities are right to about 1e-10 and covariances to 1e-9 relative.
_TIGHT = 1e6
# Stands for the log density of a component of weight 0.
IMPOSSIBLE = -1e300
_NONE = np.empty(0, dtype=np.intp)
# Beyond this many features phi, with its p^2 / 2 rows, costs more than projecting each component by itself.
MOST_FEATURES_FOR_PHI = 64
# A row adds nothing to the moments of a component with less responsibility than this, as far out as it may be. What the
# E-step clamps is less.
NOTHING = 1e-34
# The product of features and responsibilities is faster with the longer side last: with the features last from so many
# on, by a tenth to a third, and with the components last below, by up to a third.
_FEW_FEATURES = 40


@dataclass(frozen=True, eq=False)
class Densities(Kernel):
    """Everything about the components that all blocks of one pass share.

    Attributes
    ----------
    gaussians : Gaussians
    moments : Moments
        The features in use.
    centre : ndarray of shape (p,)
        The point c about which the features are taken.
    constant : ndarray of shape (K,)
        The log density of component k at its mean, plus the caller's offset.
    theta : ndarray of shape (K, F)
        The coefficients of the features.
    tight : ndarray of int
        The components evaluated about their own mean.
    reference : ndarray of shape (K, p) or (1, p)
        The point about which each component's moments are to be summed: c, or a point inside a tight component. One row
        where all are summed about c.
    """

    gaussians: Gaussians
    moments: Moments
    centre: np.ndarray
    constant: np.ndarray
    theta: np.ndarray
    tight: np.ndarray
    reference: np.ndarray

    @classmethod
    def prepare(
        cls,
        gaussians: Gaussians,
        centre: np.ndarray,
        offset: np.ndarray,
        blur: np.ndarray | None = None,
        apart: np.ndarray | None = None,
        total_is_known: bool = True,
    ) -> Self:
        """Compute what a pass needs.

        Parameters
        ----------
        gaussians : Gaussians
        centre : ndarray of shape (p,)
        offset : ndarray of shape (K,)
            Added to the log densities, for example log weights.
        blur : ndarray of shape (p,) or (G, p), optional
            The diagonal of R, the covariance of the tiny cloud that stands for each row: its expected quadratic
            features differ from those of the row by R, hence its expected log density by -tr(Sigma_k^-1 R) / 2.
        apart : ndarray of shape (K, p), optional
            Points about which to sum the moments of components known to be tight; NaN elsewhere.
        total_is_known : bool, default=True
            Whether the components' second moments add up to that of all rows, so that a common covariance needs no
            sums of its own.
        """
        structure = gaussians.structure
        form, p = structure.form, gaussians.n_features
        shift = gaussians.means - centre
        spread = gaussians.precision_diagonal
        constant = offset + (form.log_det(gaussians.precision_cholesky, p) - 0.5 * p * LOG_2PI)
        if blur is not None:
            constant -= 0.5 * (spread @ blur if blur.ndim == 1 else (spread * blur).sum(axis=1))
        # An infinite entry makes matrix products raise the invalid flag.
        np.maximum(constant, IMPOSSIBLE, out=constant)

        moments = structure.moments
        kappa = spread * (shift**2 + form.diagonal(gaussians.covariances, p))
        # One sum is at hand sooner than each component's, and mostly says enough.
        tight = np.flatnonzero(kappa.sum(axis=1) > _TIGHT) if kappa.sum() > _TIGHT else _NONE
        if structure.shared and total_is_known and apart is None and not tight.size:
            moments = COMMON
        elif moments is FULL and p > MOST_FEATURES_FOR_PHI:
            tight = np.arange(len(shift))
        reference = centre[None]
        if tight.size or apart is not None:
            reference = np.repeat(reference, len(shift), axis=0)
            reference[tight] = gaussians.means[tight]
        if apart is not None:
            known = np.flatnonzero(~np.isnan(apart[:, 0]))
            tight = np.union1d(tight, known)
            reference[known] = apart[known]

        if tight.size == len(shift):
            theta = np.empty((len(shift), 0))
        else:
            if tight.size:
                shift[tight] = 0.0
            precisions, natural = gaussians.precisions, form.natural
            linear = natural.times(precisions, shift)
            theta = np.empty((len(shift), moments.length(p)))
            theta[:, 0] = constant - 0.5 * (linear * shift).sum(axis=1)
            moments.coefficients(natural, precisions, p, theta[:, 1:-p])
            theta[:, -p:] = linear
        return cls(gaussians, moments, centre, constant, theta, tight, reference)

    @property
    def fewest_rows(self) -> int:
        """How many rows a block should have, if the data do: each tight component makes a sum of its own in each."""
        return 2 * self.gaussians.n_features if self.tight.size else 0

    @property
    def features_per_row(self) -> int:
        """How many numbers of each row a loaded buffer holds, the same ones in every pass."""
        p = self.gaussians.n_features
        of_phi = self.moments.length(p) + self.moments.n_spare(p) if self.theta.size else 0
        return of_phi + (p if self.tight.size else 0)

    @property
    def layout(self) -> Hashable:
        """What tells buffers that hold different numbers apart."""
        return self.moments, self.theta.size > 0, self.tight.size > 0

    @property
    def numbers_per_row(self) -> int:
        """How many numbers a worker holds for each row of a block."""
        n_components, n_features = self.gaussians.means.shape
        return self.features_per_row + n_components + (n_features if self.tight.size else 0)

    def buffer(self, length: int) -> FeatureBuffer:
        """Return room for what these densities look at in blocks of up to `length` rows."""
        moments = self.moments if self.theta.size else None
        return FeatureBuffer(moments, self.gaussians.n_features, length, with_rows=bool(self.tight.size))

    def log_joint(self, block: FeatureBuffer, out: np.ndarray) -> np.ndarray:
        """Return offset + log density of the rows in `block`, in `out` (K, b).

        Under COMMON moments the term that all components share is left out; `shared_term` gives it.
        """
        if self.theta.size:
            np.matmul(self.theta, block.phi, out=out)
        form, factors = self.gaussians.structure.form, self.gaussians.precision_cholesky
        for k in self.tight:
            y = form.project(factors[min(k, len(factors) - 1)], block.rows - self.gaussians.means[k][:, None])
            np.einsum("pb,pb->b", y, y, out=out[k])
            out[k] *= -0.5
            out[k] += self.constant[k]
        return out

    def shared_term(self, block: FeatureBuffer) -> np.ndarray | float:
        """Return -z^T Sigma^-1 z / 2 of the rows in `block` where COMMON moments left it out, else 0."""
        if self.moments is not COMMON:
            return 0.0
        y = self.gaussians.structure.form.project(self.gaussians.precision_cholesky[0], block.z)
        return -0.5 * np.einsum("pb,pb->b", y, y)

    def accumulator(self) -> "Accumulator":
        """Return zero sums."""
        return Accumulator(self)


class Accumulator:
    """Sums the moments of one worker's blocks; the responsibilities are the caller's."""

    def __init__(self, densities: Densities):
        self._densities = densities
        self._sums: np.ndarray | None = None
        if densities.tight.size:
            # Component by component in memory, as they are added to.
            self._tight = np.zeros((densities.tight.size, densities.moments.length(densities.gaussians.n_features))).T

    def add(self, block: FeatureBuffer, resp: np.ndarray) -> None:
        """Add the rows in `block` with responsibilities (K, b), already times the row weights."""
        d, p = self._densities, self._densities.gaussians.n_features
        if d.theta.size:
            # dot, not matmul: matmul keeps the interpreter's lock where the product has 500 entries or fewer, and then
            # the other threads wait.
            sums = np.dot(block.phi, resp.T) if len(block.phi) < _FEW_FEATURES else np.dot(resp, block.phi.T).T
            self._sums = sums if self._sums is None else self._sums + sums
        for t, k in enumerate(d.tight):
            # With many features most rows belong to one component: the others need not sum them.
            member = np.flatnonzero(resp[k] > NOTHING)
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
            sums = self._tight
        elif d.tight.size:
            sums[:, d.tight] = self._tight
        return GaussianStatistics(d.moments, sums, d.reference)
