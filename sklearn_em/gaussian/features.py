"""The features phi(z) in which every Gaussian log density is linear, and which sums of them the M-step needs.

With z = x - c, the log density of a Gaussian is theta . phi(z). A block of rows is held feature-major, `phi` (F, b):
the quadratic features first, then z, then ones. The same array serves both steps: `theta @ phi` gives all log
densities by one matrix product, `phi @ resp.T` all weighted moments by another.

============  =========================  ====================
moments       quadratic features         length F
============  =========================  ====================
FULL          z_i z_j for i <= j         p (p + 1) / 2 + p + 1
DIAGONAL      z_i^2                      2 p + 1
ISOTROPIC     |z|^2                      p + 2
COMMON        none: they cancel          p + 1
============  =========================  ====================

COMMON serves components that share one covariance: the quadratic term of the log density is then the same for all,
so it cancels in the responsibilities, and the sum of the quadratic features over components is the total scatter,
which does not change from pass to pass.
"""

from abc import ABC, abstractmethod
from functools import lru_cache

import numpy as np

from sklearn_em.gaussian.covariance.forms import Form


@lru_cache(maxsize=32)
def _packing(n_features: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return the indices of the upper triangle, diagonal by diagonal, and the place of entry (i, j), (p, p)."""
    rows = np.concatenate([np.arange(n_features - offset) for offset in range(n_features)])
    upper = rows, rows + np.repeat(np.arange(n_features), np.arange(n_features, 0, -1))
    place = np.empty((n_features, n_features), dtype=np.intp)
    place[upper] = place[upper[::-1]] = np.arange(len(rows))
    return upper, place


class Moments(ABC):
    """Which second moments are summed, and how they are laid out."""

    @abstractmethod
    def n_quadratic(self, n_features: int) -> int:
        """Return the number of quadratic features."""

    @abstractmethod
    def fill(self, z: np.ndarray, quadratic: np.ndarray) -> None:
        """Write the quadratic features of z (p, b) into `quadratic` (Q, b)."""

    @abstractmethod
    def coefficients(self, form: Form, precisions: np.ndarray, n_features: int) -> np.ndarray:
        """Return the coefficients of the quadratic features in -z^T Sigma^-1 z / 2, (G, Q)."""

    @abstractmethod
    def second(self, quadratic: np.ndarray, n_features: int) -> np.ndarray:
        """Turn summed quadratic features (Q, K) into second moments, (K, p, p), (K, p) or (K, 1)."""

    @abstractmethod
    def packed(self, second: np.ndarray) -> np.ndarray:
        """Undo `second`, but for the order of axes: (K, Q)."""

    @abstractmethod
    def weighted_second(self, z: np.ndarray, resp: np.ndarray) -> np.ndarray:
        """Return the sum of resp times the quadratic features of z (p, b) for one component, (Q,)."""

    @abstractmethod
    def outer(self, vectors: np.ndarray) -> np.ndarray:
        """Return the second moment of each vector (K, p), in the shape of `second`."""

    @abstractmethod
    def of_diagonal(self, diagonal: np.ndarray) -> np.ndarray:
        """Return the second moment of a cloud with this diagonal covariance (p,), in the shape of `second`, less K."""

    @abstractmethod
    def of_matrices(self, matrices: np.ndarray) -> np.ndarray:
        """Return what is kept of second moments given as matrices (K, p, p)."""

    def length(self, n_features: int) -> int:
        """Return F."""
        return self.n_quadratic(n_features) + n_features + 1


class _Full(Moments):
    def n_quadratic(self, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    def fill(self, z: np.ndarray, quadratic: np.ndarray) -> None:
        # Diagonal by diagonal, so that both factors are whole slabs of memory: p calls, each one long loop, take two
        # thirds of the time of row times slab, and a third of fancy indexing's.
        start, p = 0, len(z)
        for offset in range(p):
            stop = start + p - offset
            np.multiply(z[: p - offset], z[offset:], out=quadratic[start:stop])
            start = stop

    def coefficients(self, form: Form, precisions: np.ndarray, n_features: int) -> np.ndarray:
        coefficients = -self.packed(form.matrices(precisions, n_features))
        # The diagonal comes first; every other entry stands for two.
        coefficients[:, :n_features] *= 0.5
        return coefficients

    def second(self, quadratic: np.ndarray, n_features: int) -> np.ndarray:
        return quadratic.T[:, _packing(n_features)[1]]

    def packed(self, second: np.ndarray) -> np.ndarray:
        return second[:, *_packing(second.shape[-1])[0]]

    def weighted_second(self, z: np.ndarray, resp: np.ndarray) -> np.ndarray:
        return ((z * resp) @ z.T)[_packing(len(z))[0]]

    def outer(self, vectors: np.ndarray) -> np.ndarray:
        return vectors[:, :, None] * vectors[:, None, :]

    def of_diagonal(self, diagonal: np.ndarray) -> np.ndarray:
        return np.diag(diagonal)

    def of_matrices(self, matrices: np.ndarray) -> np.ndarray:
        return matrices


class _Diagonal(Moments):
    def n_quadratic(self, n_features: int) -> int:
        return n_features

    def fill(self, z: np.ndarray, quadratic: np.ndarray) -> None:
        np.multiply(z, z, out=quadratic)

    def coefficients(self, form: Form, precisions: np.ndarray, n_features: int) -> np.ndarray:
        return -0.5 * form.diagonal(precisions, n_features)

    def second(self, quadratic: np.ndarray, n_features: int) -> np.ndarray:
        return quadratic.T

    def packed(self, second: np.ndarray) -> np.ndarray:
        return second

    def weighted_second(self, z: np.ndarray, resp: np.ndarray) -> np.ndarray:
        return (z * z) @ resp

    def outer(self, vectors: np.ndarray) -> np.ndarray:
        return vectors**2

    def of_diagonal(self, diagonal: np.ndarray) -> np.ndarray:
        return diagonal

    def of_matrices(self, matrices: np.ndarray) -> np.ndarray:
        return matrices.diagonal(axis1=-2, axis2=-1)


class _Isotropic(Moments):
    def n_quadratic(self, n_features: int) -> int:
        return 1

    def fill(self, z: np.ndarray, quadratic: np.ndarray) -> None:
        np.einsum("pb,pb->b", z, z, out=quadratic[0])

    def coefficients(self, form: Form, precisions: np.ndarray, n_features: int) -> np.ndarray:
        return -0.5 * precisions

    def second(self, quadratic: np.ndarray, n_features: int) -> np.ndarray:
        return quadratic.T

    def packed(self, second: np.ndarray) -> np.ndarray:
        return second

    def weighted_second(self, z: np.ndarray, resp: np.ndarray) -> np.ndarray:
        return np.atleast_1d(np.einsum("pb,pb->b", z, z) @ resp)

    def outer(self, vectors: np.ndarray) -> np.ndarray:
        return (vectors**2).sum(axis=1, keepdims=True)

    def of_diagonal(self, diagonal: np.ndarray) -> np.ndarray:
        return diagonal.sum(keepdims=True)

    def of_matrices(self, matrices: np.ndarray) -> np.ndarray:
        return matrices.trace(axis1=-2, axis2=-1)[:, None]


class _Common(_Full):
    """Linear features alone; second moments are read off the total scatter, as matrices."""

    def n_quadratic(self, n_features: int) -> int:
        return 0

    def fill(self, z: np.ndarray, quadratic: np.ndarray) -> None:
        pass

    def coefficients(self, form: Form, precisions: np.ndarray, n_features: int) -> np.ndarray:
        return np.empty((len(precisions), 0))


FULL = _Full()
DIAGONAL = _Diagonal()
ISOTROPIC = _Isotropic()
COMMON = _Common()
