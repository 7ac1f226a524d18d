"""Log densities of a block of rows under all components, by one matrix product where that is accurate.

The quadratic form theta . phi(x - c) loses about eps * kappa of the log density, where kappa is the squared distance
from c to the far side of a component in units of its own spread. A component of large kappa is *tight* (small, thin
or far away): it is evaluated, and its moments are summed, about its own mean instead. So are all components where
phi would be too long to fit in a cache.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.features import COMMON, FULL, Moments

LOG_2PI = float(np.log(2 * np.pi))
# At 1e6 log densities are right to about 1e-10 and covariances to 1e-9 relative.
_TIGHT = 1e6
# Stands for the log density of a component of weight 0.
_IMPOSSIBLE = -1e300
# Beyond this many features phi, with its p^2 / 2 rows, costs more than projecting each component by itself.
_MOST_FEATURES_FOR_PHI = 64


@dataclass(frozen=True)
class Densities:
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
    reference : ndarray of shape (K, p)
        The point about which each component's moments are to be summed: c, or a point inside a tight component.
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
    ) -> Self:
        """Compute what a pass needs.

        Parameters
        ----------
        gaussians : Gaussians
        centre : ndarray of shape (p,)
        offset : ndarray of shape (K,)
            Added to the log densities, for example log weights.
        blur : ndarray of shape (p,), optional
            The diagonal of R, the covariance of the tiny cloud that stands for each row: its expected quadratic
            features differ from those of the row by R, hence its expected log density by -tr(Sigma_k^-1 R) / 2.
        apart : ndarray of shape (K, p), optional
            Points about which to sum the moments of components known to be tight; NaN elsewhere.
        """
        structure = gaussians.structure
        form, p = structure.form, gaussians.n_features
        shift = gaussians.means - centre
        precisions = gaussians.precisions
        spread = form.diagonal(precisions, p)
        constant = offset + form.log_det(gaussians.precision_cholesky, p) - 0.5 * p * LOG_2PI
        if blur is not None:
            constant = constant - 0.5 * spread @ blur
        # An infinite entry makes matrix products raise the invalid flag.
        constant = np.maximum(constant, _IMPOSSIBLE)

        kappa = (spread * (shift**2 + form.diagonal(gaussians.covariances, p))).sum(axis=1)
        tight = kappa > _TIGHT
        moments = structure.moments
        if structure.shared and apart is None and not tight.any():
            moments = COMMON
        elif moments is FULL and p > _MOST_FEATURES_FOR_PHI:
            tight[:] = True
        reference = np.where(tight[:, None], gaussians.means, centre)
        if apart is not None:
            known = ~np.isnan(apart[:, 0])
            tight |= known
            reference[known] = apart[known]

        if tight.all():
            theta = np.empty((len(shift), 0))
        else:
            loose = np.where(tight[:, None], 0.0, shift) if tight.any() else shift
            linear = (form.matrices(precisions, p) @ loose[:, :, None])[:, :, 0]
            theta = np.empty((len(shift), moments.length(p)))
            theta[:, : -p - 1] = moments.coefficients(form, precisions, p)
            theta[:, -p - 1 : -1] = linear
            theta[:, -1] = constant - 0.5 * (linear * loose).sum(axis=1)
        return cls(gaussians, moments, centre, constant, theta, np.flatnonzero(tight), reference)

    @property
    def numbers_per_row(self) -> int:
        """How many numbers a worker holds for each row of a block."""
        n_components, n_features = self.reference.shape
        return (self.theta.shape[1] or 2 * n_features) + 2 * n_components


class BlockEvaluator:
    """The buffers of one worker, and the kernel that fills them block after block.

    Attributes
    ----------
    rows : ndarray of shape (p, b)
        The rows of the current block, only where a component is tight.
    z : ndarray of shape (p, b)
        The same less the centre: the linear part of `phi`.
    phi : ndarray of shape (F, b)
        The features, only where a component is not tight.
    """

    def __init__(self, densities: Densities, length: int):
        n_components, n_features = densities.reference.shape
        self._densities = densities
        self._joint = np.empty((n_components, length))
        self._loose = densities.theta.shape[1] > 0
        self._phi = np.empty((densities.moments.length(n_features) if self._loose else n_features + 1, length))
        self._phi[-1] = 1.0
        self._rows = np.empty((n_features, length)) if densities.tight.size else self._phi[-n_features - 1 : -1]

    def log_joint(self, rows: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return offset + log density of `rows` (b, p) times `scale` (p,), as a buffer of shape (K, b).

        Under COMMON moments the term that all components share is left out; `shared_term` gives it.
        """
        d, b, p = self._densities, rows.shape[0], rows.shape[1]
        self.rows = np.multiply(rows.T, scale[:, None], out=self._rows[:, :b])
        self.phi = self._phi[:, :b]
        self.z = self.phi[-p - 1 : -1]
        joint = self._joint[:, :b]
        if self._loose:
            np.subtract(self.rows, d.centre[:, None], out=self.z)
            d.moments.fill(self.z, self.phi[: -p - 1])
            np.matmul(d.theta, self.phi, out=joint)
        form, factors = d.gaussians.structure.form, d.gaussians.precision_cholesky
        for k in d.tight:
            y = form.project(factors[min(k, len(factors) - 1)], self.rows - d.gaussians.means[k][:, None])
            np.einsum("pb,pb->b", y, y, out=joint[k])
            joint[k] *= -0.5
            joint[k] += d.constant[k]
        return joint

    def shared_term(self) -> np.ndarray | float:
        """Return -z^T Sigma^-1 z / 2 of the current block where COMMON moments left it out, else 0."""
        d = self._densities
        if d.moments is not COMMON:
            return 0.0
        y = d.gaussians.structure.form.project(d.gaussians.precision_cholesky[0], self.z)
        return -0.5 * np.einsum("pb,pb->b", y, y)
