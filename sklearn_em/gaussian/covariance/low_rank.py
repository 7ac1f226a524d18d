"""Covariances stored by factors, W W^T + Psi, in O(p q) numbers, with no matrix of p x p in what the E-step asks for.

Inside, a covariance is loadings and noise variances side by side, [W, Psi] (K, p, q + 1). Its `precision_cholesky` is
[A, d] of the same shape, with d = Psi^-1/2 and A = d W, rotated so that its columns a_i are orthogonal. Then, with
r_i^2 = 1 + |a_i|^2, Woodbury's identity has a symmetric root:

    P = diag(d) (I - A diag(1 / (r (r + 1))) A^T),    P P^T = (W W^T + Psi)^-1,    log det P = sum log d - sum log r

so that z^T Sigma^-1 z is a sum of squares, where Woodbury's difference of two squares loses digits.

References
----------
Woodbury (1950), "Inverting modified matrices".
"""

from dataclasses import dataclass

import numpy as np

from sklearn_em.gaussian.covariance.factor_analysis import LEAST_NOISE, analyse, oriented
from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL, Form, ill_defined, logs

# In units of each feature's variance: the width below which it is the least noise that keeps a covariance regular.
_SINGULAR = 10 * LEAST_NOISE
# Where the factors leave less than this of a feature, what they leave has no digits as a difference.
_LITTLE_LEFT = 1e-3


@dataclass(frozen=True)
class LowRank(Form):
    """The operations on [W, Psi] and [A, d].

    Attributes
    ----------
    n_factors : int
        q.
    one_noise : bool
        Whether all components have the same Psi.
    """

    n_factors: int
    one_noise: bool

    @property
    def natural(self) -> Form:
        """Matrices."""
        return ELLIPSOIDAL

    def precision_cholesky(self, covariances: np.ndarray) -> np.ndarray:
        """Return [A, d]; raise DegenerateError where a covariance is singular in floating point."""
        loadings, noise = _parts(covariances)
        variance = self.diagonal(covariances, noise.shape[1])
        bad = ~((noise > 0) & np.isfinite(variance)).all(axis=1)
        if not bad.any():
            bad = np.array([_narrower(*pair) for pair in zip(covariances, variance, strict=True)])
        if bad.any():
            raise ill_defined(np.flatnonzero(bad))
        deviation = np.sqrt(noise)[:, :, None]
        scaled = loadings / deviation
        vectors, lengths, _ = np.linalg.svd(scaled, full_matrices=False)
        scaled = np.stack([oriented(columns) for columns in vectors * lengths[:, None]])
        return np.concatenate([scaled, 1 / deviation], axis=2)

    def unresolved(self, covariances: np.ndarray, resolution: np.ndarray) -> np.ndarray:
        """Return which have a feature whose variance is no more than `resolution` (p,)."""
        return np.asarray((self.diagonal(covariances, len(resolution)) <= resolution).any(axis=1))

    def narrower(self, covariances: np.ndarray, variance: np.ndarray, share: float) -> np.ndarray:
        """Return which covariances have a direction of less than `share`, of features in units of `variance`."""
        return np.array([_narrower(covariance, variance, share) for covariance in covariances])

    def precision_cholesky_of_precisions(self, precisions: np.ndarray) -> np.ndarray:
        """Return [A, d] of the nearest covariances of this form, all components counting alike."""
        matrices = ELLIPSOIDAL.covariances(ELLIPSOIDAL.precision_cholesky_of_precisions(precisions))
        return self.precision_cholesky(self.nearest(matrices, np.ones(len(matrices)), None))

    def nearest(self, matrices: np.ndarray, mass: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        """Return what has the highest likelihood where the components have the covariances `matrices` (K, p, p).

        Begins from the covariances `previous`, if given, and is then no worse than they are.
        """
        groups = [np.arange(len(mass))] if self.one_noise else np.arange(len(mass))[:, None]
        result = np.empty((*matrices.shape[:2], self.n_factors + 1))
        for group in groups:
            before = None if previous is None else (previous[group, :, :-1], previous[group[0], :, -1])
            share = mass[group] / mass[group].sum()
            result[group, :, :-1], result[group, :, -1] = analyse(matrices[group], share, self.n_factors, before)
        return result

    def updated(self, previous: np.ndarray, estimated: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the covariances with new ones in the places `which` (K,), and the new noise in all if it is one."""
        result = super().updated(previous, estimated, which)
        if self.one_noise:
            result[:, :, -1] = estimated[0, :, -1]
        return result

    def precisions(self, precision_cholesky: np.ndarray) -> np.ndarray:
        """Return P P^T as matrices; for few features."""
        scaled, inverse_deviation = _parts(precision_cholesky)
        unit = np.eye(scaled.shape[1])
        factors = inverse_deviation[:, :, None] * (unit - (scaled * _less(scaled)) @ scaled.swapaxes(1, 2))
        return factors @ factors.swapaxes(1, 2)

    def precision_diagonal(self, precision_cholesky: np.ndarray, n_features: int) -> np.ndarray:
        """Return the diagonals of P P^T, (K, p)."""
        scaled, inverse_deviation = _parts(precision_cholesky)
        left = 1 - (scaled**2 / _grown(scaled) ** 2).sum(axis=2)
        for k in np.flatnonzero((left < _LITTLE_LEFT).any(axis=1)):
            # At most a few for each factor.
            little = np.flatnonzero(left[k] < _LITTLE_LEFT)
            rows = -(scaled[k, little] * _less(scaled[k])) @ scaled[k].T
            rows[np.arange(len(little)), little] += 1
            left[k, little] = np.square(rows).sum(axis=1)
        return left * inverse_deviation**2

    def covariances(self, precision_cholesky: np.ndarray) -> np.ndarray:
        """Return [W, Psi]."""
        scaled, inverse_deviation = _parts(precision_cholesky)
        noise = inverse_deviation[:, :, None] ** -2.0
        return np.concatenate([scaled / inverse_deviation[:, :, None], noise], axis=2)

    def log_det(self, precision_cholesky: np.ndarray, n_features: int) -> np.ndarray:
        """Return log det P, (K,)."""
        scaled, inverse_deviation = _parts(precision_cholesky)
        return logs(inverse_deviation).sum(axis=1) - logs(_grown(scaled)).sum(axis=(1, 2))

    def project(self, precision_cholesky: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return P_k^T z for one k: (p, b) to (p, b), in O(p q b)."""
        scaled = precision_cholesky[:, :-1]
        y = precision_cholesky[:, -1:] * rows
        y -= np.dot(scaled, _less(scaled).T * np.dot(scaled.T, y))
        return y

    def times(self, array: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Return the products of covariances with vectors (K, p)."""
        loadings, noise = _parts(array)
        return np.einsum("kiq,kjq,kj->ki", loadings, loadings, vectors, optimize=True) + noise * vectors

    def diagonal(self, array: np.ndarray, n_features: int) -> np.ndarray:
        """Return the variances, (K, p)."""
        loadings, noise = _parts(array)
        return np.square(loadings).sum(axis=2) + noise

    def rescale(self, array: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """Return covariances of features multiplied by `factor` (p,)."""
        loadings, noise = _parts(array)
        return np.concatenate([loadings * factor[:, None], (noise * factor * factor)[:, :, None]], axis=2)

    def rescale_cholesky(self, precision_cholesky: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """Return [A, d] of features multiplied by `factor` (p,)."""
        scaled, inverse_deviation = _parts(precision_cholesky)
        return np.concatenate([scaled, (inverse_deviation / factor)[:, :, None]], axis=2)

    def matrices(self, array: np.ndarray, n_features: int) -> np.ndarray:
        """Return covariances as dense matrices, (K, p, p)."""
        loadings, noise = _parts(array)
        result = loadings @ loadings.swapaxes(1, 2)
        result[:, np.arange(n_features), np.arange(n_features)] += noise
        return result

    def draw(self, precision_cholesky: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Turn standard normal rows (n, p) into rows with the covariance of one P_k."""
        scaled = precision_cholesky[:, :-1]
        return (normal + (normal @ scaled / (1 + _grown(scaled))) @ scaled.T) / precision_cholesky[:, -1]

    def natural_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return the shape of the covariances as matrices."""
        return ELLIPSOIDAL.natural_shape(n_components, n_features)


def _parts(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return array[:, :, :-1], array[:, :, -1]


def _grown(scaled: np.ndarray) -> np.ndarray:
    """Return r, (..., 1, q)."""
    return np.sqrt(1 + np.square(scaled).sum(axis=-2, keepdims=True))


def _less(scaled: np.ndarray) -> np.ndarray:
    """Return 1 / (r (r + 1)), (..., 1, q): (1 - 1 / r) / |a|^2 without a difference."""
    grown = _grown(scaled)
    return 1 / (grown * (1 + grown))


def _narrower(covariance: np.ndarray, variance: np.ndarray, share: float = _SINGULAR) -> bool:
    """Tell whether [W, Psi] (p, q + 1), in units of `variance` (p,), has an eigenvalue below `share`.

    Of the matrix [[Psi - share, W], [W^T, -I]] Sylvester's law counts the negative eigenvalues in two ways, by either
    block: those of W W^T + Psi - share, and q, are as many as those of Psi - share and of -I - W^T (Psi - share)^-1 W.
    """
    noise = covariance[:, -1] / variance - share
    if noise.min() >= 0:
        return False
    noise[noise == 0] = -np.finfo(float).tiny
    loadings = covariance[:, :-1] / np.sqrt(variance)[:, None]
    rest = np.eye(loadings.shape[1]) + (loadings.T / noise) @ loadings
    return bool(np.count_nonzero(noise < 0) > np.count_nonzero(np.linalg.eigvalsh(rest) < 0))
