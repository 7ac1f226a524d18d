"""How a covariance is stored: as a matrix, per axis, as one variance, or by factors (`low_rank.py`).

Inside the package a covariance array always has a leading axis, of length K or, where all components share one
covariance, of length 1, so that broadcasting replaces every case distinction:

==============  ===========  ============================
form            inside       `precision_cholesky` inside
==============  ===========  ============================
ELLIPSOIDAL     (G, p, p)    (G, p, p), upper triangular
AXIS_ALIGNED    (G, p)       (G, p)
SPHERICAL       (G, 1)       (G, 1)
==============  ===========  ============================

`precision_cholesky` is P with Sigma^-1 = P P^T, so that z^T Sigma^-1 z = |P^T z|^2. Precisions themselves, which only
few features need, and what the user gives are stored in the form's `natural` form, which mostly is the form itself.
"""

from abc import ABC, abstractmethod

import numpy as np
from scipy.linalg import lapack

from sklearn_em.em.result import DegenerateError

# A pivot is lost in rounding below this many units in the last place, times p, of the variance it is left from.
_PIVOT_ROUNDING = 4 * np.finfo(float).eps

# From this many features on the triangle of P is worth its own product, in this many slices.
_MANY_FEATURES = 128
_SLICES = 4


def ill_defined(components: np.ndarray) -> DegenerateError:
    """Return the error that names the components whose covariance is singular."""
    return DegenerateError(
        "Fitting the mixture model failed because some components have ill-defined empirical covariance (for "
        "instance caused by singleton or collapsed samples). Try to decrease the number of components, increase "
        "reg_covar, or scale the input data.",
        tuple(int(k) for k in components),
    )


def logs(values: np.ndarray) -> np.ndarray:
    """Return the logarithms, the same bits wherever in memory the values lie."""
    # In place: before NumPy 2, with AVX-512, the last digit depends on how near the result is to what it is made of.
    result = np.array(values)
    return np.log(result, out=result)


def check_spread(along: np.ndarray) -> None:
    """Raise DegenerateError for components whose scatter (K, p) along some axis is rounding of that along another."""
    least = _PIVOT_ROUNDING * along.shape[1] * along.max(axis=1)
    if not (along.min(axis=1) > least).all():
        raise ill_defined(np.flatnonzero(~(along.min(axis=1) > least)))


class Form(ABC):
    """The operations that depend on how a covariance is stored."""

    @property
    def natural(self) -> "Form":
        """The form of precisions, and of what the user gives."""
        return self

    @abstractmethod
    def precision_cholesky(self, covariances: np.ndarray) -> np.ndarray:
        """Return P; raise DegenerateError where a covariance is singular in floating point."""

    @abstractmethod
    def unresolved(self, covariances: np.ndarray, resolution: np.ndarray) -> np.ndarray:
        """Return which covariances are no wider than `resolution` (p,), variances, in some direction they know."""

    @abstractmethod
    def precision_cholesky_of_precisions(self, precisions: np.ndarray) -> np.ndarray:
        """Return P from natural precisions; raise LinAlgError where one is not positive definite."""

    @abstractmethod
    def precisions(self, precision_cholesky: np.ndarray) -> np.ndarray:
        """Return P P^T, in the natural form."""

    @abstractmethod
    def precision_diagonal(self, precision_cholesky: np.ndarray, n_features: int) -> np.ndarray:
        """Return the diagonals of P P^T, (G, p)."""

    @abstractmethod
    def covariances(self, precision_cholesky: np.ndarray) -> np.ndarray:
        """Return (P P^T)^-1."""

    @abstractmethod
    def log_det(self, precision_cholesky: np.ndarray, n_features: int) -> np.ndarray:
        """Return log det P, (G,)."""

    @abstractmethod
    def project(self, precision_cholesky: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return P_g^T z for one g: (p, b) to (p, b); the columns have unit covariance if z has Sigma_g."""

    @abstractmethod
    def times(self, array: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Return the products of covariances or precisions with vectors (K, p)."""

    @abstractmethod
    def diagonal(self, array: np.ndarray, n_features: int) -> np.ndarray:
        """Return the diagonals of covariances or precisions, (G, p)."""

    @abstractmethod
    def rescale(self, array: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """Return covariances of features multiplied by `factor` (p,), or precisions for its reciprocal."""

    @abstractmethod
    def rescale_cholesky(self, precision_cholesky: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """Return P for precisions of features divided by `factor` (p,)."""

    @abstractmethod
    def matrices(self, array: np.ndarray, n_features: int) -> np.ndarray:
        """Return the array as dense matrices, (G, p, p)."""

    def spectrum(self, covariances: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the eigenvalues (G, p), ascending, of covariances of features in units of `variance` (p,)."""
        deviation = np.sqrt(variance)
        return np.linalg.eigvalsh(self.matrices(covariances, len(variance)) / deviation[:, None] / deviation)

    def narrower(self, covariances: np.ndarray, variance: np.ndarray, share: float) -> np.ndarray:
        """Return which covariances have a direction of less than `share`, of features in units of `variance`."""
        return self.spectrum(covariances, variance)[:, 0] < share

    def updated(self, previous: np.ndarray, estimated: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the covariances with new ones in the places `which` (K,) of bool."""
        result = previous.copy()
        result[which] = estimated
        return result

    @abstractmethod
    def draw(self, precision_cholesky: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Turn standard normal rows (n, p) into rows with the covariance of one P_g."""

    @abstractmethod
    def natural_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return the shape of the array as the user sees it, where components do not share it."""


class _Ellipsoidal(Form):
    def precision_cholesky(self, covariances: np.ndarray) -> np.ndarray:
        result = np.empty_like(covariances)
        for g, covariance in enumerate(covariances):
            lower, failed = lapack.dpotrf(covariance, lower=1, clean=1)
            result[g] = np.nan if failed else lapack.dtrtri(lower, lower=1)[0].T
        # 1 over the diagonal of P are the roots of the pivots.
        most = 1 / (_PIVOT_ROUNDING * covariances.shape[-1])
        share = result.diagonal(axis1=-2, axis2=-1) ** 2 * covariances.diagonal(axis1=-2, axis2=-1)
        # None is below 1, and a sum is at hand sooner than each one's maximum.
        if not share.sum() < most:
            singular = ~(share < most).all(axis=-1)
            if singular.any():
                raise ill_defined(np.flatnonzero(singular))
        return result

    def unresolved(self, covariances: np.ndarray, resolution: np.ndarray) -> np.ndarray:
        return np.asarray((covariances.diagonal(axis1=-2, axis2=-1) <= resolution).any(axis=-1))

    def precision_cholesky_of_precisions(self, precisions: np.ndarray) -> np.ndarray:
        # Reversing both axes turns the lower factor into the upper one.
        return np.linalg.cholesky(precisions[..., ::-1, ::-1])[..., ::-1, ::-1]

    def precisions(self, precision_cholesky: np.ndarray) -> np.ndarray:
        return precision_cholesky @ precision_cholesky.swapaxes(-1, -2)

    def precision_diagonal(self, precision_cholesky: np.ndarray, n_features: int) -> np.ndarray:
        return np.einsum("gij,gij->gi", precision_cholesky, precision_cholesky)

    def covariances(self, precision_cholesky: np.ndarray) -> np.ndarray:
        inverse = np.stack([lapack.dtrtri(upper, lower=0)[0] for upper in precision_cholesky])
        return inverse.swapaxes(-1, -2) @ inverse

    def log_det(self, precision_cholesky: np.ndarray, n_features: int) -> np.ndarray:
        return logs(precision_cholesky.diagonal(axis1=-2, axis2=-1)).sum(axis=-1)

    def project(self, precision_cholesky: np.ndarray, rows: np.ndarray) -> np.ndarray:
        p = len(precision_cholesky)
        if p < _MANY_FEATURES:
            return precision_cholesky.T @ rows
        # Slice by slice, so that most of the zeros below the diagonal are left out: 5/8 of the work.
        result = np.empty((p, rows.shape[1]))
        for start in range(0, p, -(-p // _SLICES)):
            stop = min(start + -(-p // _SLICES), p)
            np.dot(precision_cholesky[:stop, start:stop].T, rows[:stop], out=result[start:stop])
        return result

    def times(self, array: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        return (array @ vectors[:, :, None])[:, :, 0]

    def diagonal(self, array: np.ndarray, n_features: int) -> np.ndarray:
        return array.diagonal(axis1=-2, axis2=-1)

    def rescale(self, array: np.ndarray, factor: np.ndarray) -> np.ndarray:
        return array * factor[:, None] * factor

    def rescale_cholesky(self, precision_cholesky: np.ndarray, factor: np.ndarray) -> np.ndarray:
        return precision_cholesky / factor[:, None]

    def matrices(self, array: np.ndarray, n_features: int) -> np.ndarray:
        return array

    def draw(self, precision_cholesky: np.ndarray, normal: np.ndarray) -> np.ndarray:
        return normal @ lapack.dtrtri(precision_cholesky, lower=0)[0]

    def natural_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, n_features)


class _AxisAligned(Form):
    def precision_cholesky(self, covariances: np.ndarray) -> np.ndarray:
        if not covariances.min() > 0:
            raise ill_defined(np.flatnonzero(~(covariances > 0).all(axis=-1)))
        return 1 / np.sqrt(covariances)

    def unresolved(self, covariances: np.ndarray, resolution: np.ndarray) -> np.ndarray:
        return np.asarray((covariances <= resolution).any(axis=-1))

    def precision_cholesky_of_precisions(self, precisions: np.ndarray) -> np.ndarray:
        if not (precisions > 0).all():
            raise np.linalg.LinAlgError("not positive")
        return np.sqrt(precisions)

    def precisions(self, precision_cholesky: np.ndarray) -> np.ndarray:
        return precision_cholesky**2

    def precision_diagonal(self, precision_cholesky: np.ndarray, n_features: int) -> np.ndarray:
        return self.diagonal(np.square(precision_cholesky), n_features)

    def covariances(self, precision_cholesky: np.ndarray) -> np.ndarray:
        return precision_cholesky**-2.0

    def spectrum(self, covariances: np.ndarray, variance: np.ndarray) -> np.ndarray:
        return np.sort(self.diagonal(covariances, len(variance)) / variance, axis=1)

    def log_det(self, precision_cholesky: np.ndarray, n_features: int) -> np.ndarray:
        log = logs(precision_cholesky)
        return log.sum(axis=-1) * (n_features // log.shape[-1])

    def project(self, precision_cholesky: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return precision_cholesky[:, None] * rows

    def times(self, array: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        return array * vectors

    def diagonal(self, array: np.ndarray, n_features: int) -> np.ndarray:
        return array if array.shape[-1] == n_features else np.repeat(array, n_features, axis=1)

    def rescale(self, array: np.ndarray, factor: np.ndarray) -> np.ndarray:
        return array * factor[: array.shape[-1]] ** 2

    def rescale_cholesky(self, precision_cholesky: np.ndarray, factor: np.ndarray) -> np.ndarray:
        return precision_cholesky / factor[: precision_cholesky.shape[-1]]

    def matrices(self, array: np.ndarray, n_features: int) -> np.ndarray:
        return self.diagonal(array, n_features)[:, :, None] * np.eye(n_features)

    def draw(self, precision_cholesky: np.ndarray, normal: np.ndarray) -> np.ndarray:
        return normal / precision_cholesky

    def natural_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)


class _Spherical(_AxisAligned):
    def unresolved(self, covariances: np.ndarray, resolution: np.ndarray) -> np.ndarray:
        return covariances[:, 0] <= resolution.mean()

    def natural_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components,)


ELLIPSOIDAL = _Ellipsoidal()
AXIS_ALIGNED = _AxisAligned()
SPHERICAL = _Spherical()
