"""The features phi(z) in which every Gaussian log density is linear, and which sums of them the M-step needs.

With z = x - c, the log density of a Gaussian is theta . phi(z). A block of rows is held feature-major, `phi` (F, b):
ones first, then the quadratic features, then z. The same array serves both steps: `theta @ phi` gives all log
densities by one matrix product, `phi @ resp.T` all weighted moments by another.

============  =========================  ====================
moments       quadratic features         length F
============  =========================  ====================
FULL          each z_i z_j once          p (p + 1) / 2 + p + 1
DIAGONAL      z_i^2                      2 p + 1
ISOTROPIC     |z|^2                      p + 2
COMMON        none: they cancel          p + 1
============  =========================  ====================

COMMON serves components that share one covariance: the quadratic term of the log density is then the same for all,
so it cancels in the responsibilities, and the sum of the quadratic features over components is the total scatter,
which does not change from pass to pass.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

if TYPE_CHECKING:
    # The structures say which moments they need, so that they import this module.
    from sklearn_em.gaussian.covariance.forms import Form


@dataclass(frozen=True, eq=False)
class _Packing:
    """How the symmetric z z^T is kept as a vector of length Q.

    Attributes
    ----------
    kept : ndarray of shape (Q,)
        The places in the flattened matrix of the entries that are kept: (i, i + d) modulo p, offset by offset. Offset 0
        is the diagonal, and offsets up to p / 2 meet each pair once (at p / 2 itself from either end, so half of it is
        left out).
    place : ndarray of shape (p, p)
        The place of entry (i, j) in the vector.
    coefficient : ndarray of shape (Q,)
        What an entry of the precision is multiplied by in the quadratic form: -1/2, or -1 where it stands for two.
    """

    kept: np.ndarray
    place: np.ndarray
    coefficient: np.ndarray


@lru_cache(maxsize=32)
def _packing(n_features: int) -> _Packing:
    entries = np.arange(n_features * (n_features + 1) // 2)
    rows, offsets = entries % n_features, entries // n_features
    columns = (rows + offsets) % n_features
    place = np.empty((n_features, n_features), dtype=np.intp)
    place[rows, columns] = place[columns, rows] = entries
    return _Packing(rows * n_features + columns, place, np.where(offsets == 0, -0.5, -1.0))


class Moments(ABC):
    """Which second moments are summed, and how they are laid out."""

    def __reduce__(self) -> str:
        # There is one of each, in this module: sent to another process it is the one that is there.
        return type(self).__name__[1:].upper()

    @abstractmethod
    def n_quadratic(self, n_features: int) -> int:
        """Return the number of quadratic features."""

    @abstractmethod
    def filler(self, z: np.ndarray, quadratic: np.ndarray) -> Callable[[], object]:
        """Return the function that writes the quadratic features of z into `quadratic` (Q, b).

        `z` (p + s, b) is followed by the spare room that `n_spare` asks for.
        """

    def n_spare(self, n_features: int) -> int:
        """Return s."""
        return 0

    @abstractmethod
    def coefficients(self, form: "Form", precisions: np.ndarray, n_features: int, out: np.ndarray) -> None:
        """Write the coefficients of the quadratic features in -z^T Sigma^-1 z / 2 into `out` (K, Q)."""

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

    def blurred(self, second: np.ndarray, mass: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
        """Return second moments with those of a cloud of this diagonal covariance (p,) for each unit of mass (K,)."""
        return second + mass[:, None] * self.of_diagonal(diagonal)

    def length(self, n_features: int) -> int:
        """Return F."""
        return self.n_quadratic(n_features) + n_features + 1


class _Full(Moments):
    def n_quadratic(self, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    def n_spare(self, n_features: int) -> int:
        return n_features

    def filler(self, z: np.ndarray, quadratic: np.ndarray) -> Callable[[], object]:
        # Cyclic diagonals of z z^T are one product with the windows of z, z. So there are three calls where row by row
        # takes p: with every call threads wait for the interpreter's lock, and at p = 64 it takes half the time.
        p = len(z) // 2
        whole = (p + 1) // 2
        down, across = z.strides
        windows = as_strided(z, (whole, p, z.shape[1]), (down, down, across), writeable=False)
        z, again = z[:p], z[p:]
        diagonals = quadratic[: whole * p].reshape(whole, p, -1)
        half = z[: p // 2], z[p // 2 :], quadratic[whole * p :]

        def fill() -> None:
            np.copyto(again, z)
            np.multiply(z, windows, out=diagonals)
            if p % 2 == 0:
                np.multiply(half[0], half[1], out=half[2])

        return fill

    def coefficients(self, form: "Form", precisions: np.ndarray, n_features: int, out: np.ndarray) -> None:
        np.multiply(self.packed(form.matrices(precisions, n_features)), _packing(n_features).coefficient, out=out)

    def second(self, quadratic: np.ndarray, n_features: int) -> np.ndarray:
        return quadratic.T.take(_packing(n_features).place, axis=1)

    def packed(self, second: np.ndarray) -> np.ndarray:
        p = second.shape[-1]
        return second.reshape(-1, p * p).take(_packing(p).kept, axis=1)

    def weighted_second(self, z: np.ndarray, resp: np.ndarray) -> np.ndarray:
        # Of a matrix with its own transpose dot makes one triangle, and lets other threads run, which matmul does not.
        half = z * np.sqrt(resp)
        return np.dot(half, half.T).take(_packing(len(z)).kept)

    def outer(self, vectors: np.ndarray) -> np.ndarray:
        return vectors[:, :, None] * vectors[:, None, :]

    def of_diagonal(self, diagonal: np.ndarray) -> np.ndarray:
        return np.diag(diagonal)

    def of_matrices(self, matrices: np.ndarray) -> np.ndarray:
        return matrices

    def blurred(self, second: np.ndarray, mass: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
        result = second.copy()
        result.reshape(len(result), -1)[:, :: len(diagonal) + 1] += mass[:, None] * diagonal
        return result


class _Diagonal(Moments):
    def n_quadratic(self, n_features: int) -> int:
        return n_features

    def filler(self, z: np.ndarray, quadratic: np.ndarray) -> Callable[[], object]:
        return partial(np.square, z, out=quadratic)

    def coefficients(self, form: "Form", precisions: np.ndarray, n_features: int, out: np.ndarray) -> None:
        np.multiply(form.diagonal(precisions, n_features), -0.5, out=out)

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

    def filler(self, z: np.ndarray, quadratic: np.ndarray) -> Callable[[], object]:
        return partial(np.einsum, "pb,pb->b", z, z, out=quadratic[0])

    def coefficients(self, form: "Form", precisions: np.ndarray, n_features: int, out: np.ndarray) -> None:
        np.multiply(precisions, -0.5, out=out)

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

    def n_spare(self, n_features: int) -> int:
        return 0

    def filler(self, z: np.ndarray, quadratic: np.ndarray) -> Callable[[], object]:
        return lambda: None

    def coefficients(self, form: "Form", precisions: np.ndarray, n_features: int, out: np.ndarray) -> None:
        pass


FULL = _Full()
DIAGONAL = _Diagonal()
ISOTROPIC = _Isotropic()
COMMON = _Common()
