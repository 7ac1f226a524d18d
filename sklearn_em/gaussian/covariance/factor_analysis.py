"""Factor analysis of covariances S_k: loadings W_k and noise Psi such that W_k W_k^T + Psi explains S_k best.

For given noise the best loadings are known: with the largest eigenvalues theta and their eigenvectors u of
Psi^-1/2 S Psi^-1/2, the columns of W are Psi^1/2 u (theta - 1)^1/2 where theta > 1, else 0. What is left to minimise
over x = log Psi, summed over the S_k with their shares of the mass where they have the noise in common, is

    f(x) = sum x + sum_used (1 + log theta) + sum_others theta,    df/dx = 1 - diag(S - W W^T) / Psi

A quasi-Newton method finds the minimum: limited-memory BFGS about the expected curvature, the squared entries of
I - U U^T. Where that does not descend, the step is that of ECM, Psi = diag(S - W W^T), which always does. With few
features f comes from the inverse of S, where the others are the large eigenvalues: so it has all its digits also where
noise goes to 0. With many, eigenvectors are those in a Krylov space about the last ones; the loadings are then the
best in that space, f is exact at them, and a step takes O(p^2 q).

References
----------
Joereskog (1967), "Some contributions to maximum likelihood factor analysis", and Lawley and Maxwell (1971), "Factor
Analysis as a Statistical Method", chapter 4: the minimum over the loadings, the gradient and the curvature. Ghahramani
and Hinton (1996), "The EM algorithm for mixtures of factor analyzers": the model. Zhao, Yu and Jiang (2008), "ML
estimation for factor analysis: EM or non-EM?": the step of ECM.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from sklearn_em.gaussian.covariance import quasi_newton

# The least noise, as a share of the feature's variance: without noise the likelihood is at its limit, or has none.
LEAST_NOISE = 1e-8
_MOST_STEPS = 500
_MOST_HALVINGS = 12
_MEMORY = 8
_LONGEST_STEP = 4.0
# Up to this many features all eigenvectors cost less than those in a Krylov space.
_FEW_FEATURES = 96
# Eigenvectors that are carried along beside those in use.
_SPARE = 8
# A step that promises less than this, in nats per unit of weight, is not worth making: with few features, and with
# many, where the next pass goes on from here.
_ENOUGH, _ENOUGH_OF_MANY = 1e-12, 1e-8


def analyse(
    covariances: np.ndarray, share: np.ndarray, n_factors: int, previous: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best loadings of each covariance matrix, and the best noise that all have in common.

    Parameters
    ----------
    covariances : ndarray of shape (M, p, p)
        With positive diagonals.
    share : ndarray of shape (M,)
        Their weights; they sum to 1.
    n_factors : int
    previous : tuple of ndarray of shape (M, p, q) and (p,), optional
        Loadings and noise to go on from: the result is never worse. Without them the noise begins as what regression on
        the other features leaves, and as all there is; the better end is kept.

    Returns
    -------
    loadings : ndarray of shape (M, p, q)
        Columns orthogonal in the metric of the noise's inverse, of decreasing length; in each, the largest entry in
        units of the noise's deviation is positive.
    noise : ndarray of shape (p,)
    """
    starts: list[tuple[np.ndarray, list[np.ndarray | None]]]
    unit = np.sqrt(share @ covariances.diagonal(axis1=1, axis2=2))
    scaled = covariances / (unit[:, None] * unit)
    if previous is None:
        starts = [(noise, [None] * len(share)) for noise in _cold_noises(np.tensordot(share, scaled, axes=1))]
    else:
        loadings, noise = previous
        starts = [(noise / unit**2, list(loadings / np.sqrt(noise)[:, None]))]
    ends = [_Search(scaled, share, n_factors, bases).descended(noise) for noise, bases in starts]
    best = min(ends, key=lambda end: end.value)
    loadings = np.stack([oriented(lengths * vectors) for lengths, vectors in best.factors])
    deviation = unit * np.exp(0.5 * best.x)
    return loadings * deviation[:, None], deviation**2


def oriented(columns: np.ndarray) -> np.ndarray:
    """Return the columns (p, q), of which either direction is right, with the largest entry of each positive."""
    largest = np.take_along_axis(columns, np.abs(columns).argmax(axis=0)[None], axis=0)
    return np.where(largest < 0, -columns, columns)


def _inverse(matrix: np.ndarray) -> np.ndarray | None:
    """Return the inverse of a symmetric matrix, None where it is not positive definite."""
    lower, failed = lapack.dpotrf(matrix, lower=1)
    if failed:
        return None
    inverse = np.tril(lapack.dpotri(lower, lower=1)[0])
    return inverse + np.tril(inverse, -1).T


def _cold_noises(correlation: np.ndarray) -> list[np.ndarray]:
    """Return noises (p,) to begin from: all there is, and what regression on the other features leaves."""
    noises = [np.ones(len(correlation))]
    # With hardly more rows than features, as where they are many, regression leaves nothing.
    if len(correlation) <= _FEW_FEATURES and (inverse := _inverse(correlation)) is not None:
        noises.append(1 / inverse.diagonal())
    return noises


@dataclass(frozen=True, eq=False)
class _Point:
    """The objective at x = log Psi, with all that the search needs there.

    Attributes
    ----------
    x, gradient : ndarray of shape (p,)
    value : float
        Up to a constant.
    factors : list of tuple of ndarray of shape (q,) and (p, q)
        For each matrix, the lengths and directions of the columns of Psi^-1/2 W.
    bases : list of ndarray of shape (p, m)
        For each matrix, a basis of the space of its leading eigenvectors.
    """

    x: np.ndarray
    value: float
    gradient: np.ndarray
    factors: list[tuple[np.ndarray, np.ndarray]]
    bases: list[np.ndarray | None]


class _Search:
    """Minimises f for given matrices.

    Parameters
    ----------
    scaled : ndarray of shape (M, p, p)
        The covariances in units in which their mean has a unit diagonal.
    share : ndarray of shape (M,)
    n_factors : int
    bases : list of ndarray of shape (p, m), or None
        For each matrix, a guess of the space of its leading eigenvectors; None looks at the whole space.
    """

    def __init__(self, scaled: np.ndarray, share: np.ndarray, n_factors: int, bases: list[np.ndarray | None]):
        self._scaled, self._share, self._n_factors = scaled, share, n_factors
        self._few = scaled.shape[1] <= _FEW_FEATURES
        self._inverses = [_inverse(matrix) if self._few else None for matrix in scaled]
        self._bases = bases

    def descended(self, noise: np.ndarray) -> _Point:
        """Go down from this noise (p,) until no step promises anything."""
        floor = np.minimum(np.log(LEAST_NOISE), np.log(noise))
        point = self._at(np.log(noise), self._bases)
        memory: quasi_newton.Memory = deque(maxlen=_MEMORY)
        enough = _ENOUGH if self._few else _ENOUGH_OF_MANY
        for _ in range(_MOST_STEPS):
            free = (point.x > floor) | (point.gradient < 0)
            direction = self._direction(point, free, memory)
            promise = -float(point.gradient @ direction)
            if not promise > enough:
                break
            there = self._along(point, direction, floor, promise)
            if there is None:
                ratio = np.maximum(1 - point.gradient, LEAST_NOISE)
                there = self._at(np.maximum(point.x + np.log(ratio), floor), point.bases)
                memory.clear()
                if not there.value < point.value:
                    break
            step, change = there.x - point.x, there.gradient - point.gradient
            if step @ change > 1e-12 * np.sqrt((step @ step) * (change @ change)):
                memory.append((step, change))
            point = there
        return point

    def _along(self, point: _Point, direction: np.ndarray, floor: np.ndarray, promise: float) -> _Point | None:
        """Return the first point along the direction, halved over and over, at which f has come down."""
        for _ in range(_MOST_HALVINGS):
            there = self._at(np.maximum(point.x + direction, floor), point.bases)
            if there.value <= point.value - 1e-4 * promise:
                return there
            direction, promise = direction / 2, promise / 2
        return None

    def _at(self, x: np.ndarray, bases: list[np.ndarray | None]) -> _Point:
        root = np.exp(-0.5 * x)
        value, gradient = 0.0, np.zeros_like(x)
        factors, found = [], []
        for scaled, inverse, share, basis in zip(self._scaled, self._inverses, self._share, bases, strict=True):
            if inverse is not None:
                own, slope, factor = self._by_inverse(scaled, inverse, root)
            else:
                own, slope, factor, basis = self._by_leading(scaled, root, basis)
                own += float(x.sum())
            value += share * own
            gradient += share * slope
            factors.append(factor)
            found.append(basis)
        return _Point(x, value, gradient, factors, found)

    def _by_inverse(
        self, scaled: np.ndarray, inverse: np.ndarray, root: np.ndarray
    ) -> tuple[float, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Return f less log |S|, its gradient and the factors, from all eigenvectors of Psi^1/2 S^-1 Psi^1/2."""
        q = self._n_factors
        reciprocal, vectors = np.linalg.eigh(inverse / root[:, None] / root)
        reciprocal = np.maximum(reciprocal, np.finfo(float).tiny)
        used = reciprocal < 1
        used[q:] = False
        theta, others = 1 / reciprocal[~used], vectors[:, ~used]
        value = float((theta - np.log(theta)).sum())
        gradient = np.square(others) @ (1 - theta)
        directions = vectors[:, :q]
        # The smallest eigenvalues have lost their digits to the largest; their vectors have not.
        images = root[:, None] * (scaled @ (root[:, None] * directions))
        excess = np.where(used[:q], np.maximum((directions * images).sum(axis=0) - 1, 0.0), 0.0)
        return value, gradient, (np.sqrt(excess), directions)

    def _by_leading(
        self, scaled: np.ndarray, root: np.ndarray, basis: np.ndarray | None
    ) -> tuple[float, np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Return f less the sum of x, its gradient, the factors, and a basis from which to go on."""
        q = self._n_factors
        theta, vectors, images = self._leading(scaled, root, basis)
        directions, theta = vectors[:, :q], np.maximum(theta[:q], 1.0)
        excess = theta - 1
        relative = scaled.diagonal() * root**2
        value = float(relative.sum() + (np.log(theta) - excess).sum())
        # Where the vectors are not quite eigenvectors, their images are not theta times the vectors; this is then the
        # step of EM from the factors in hand, which does not make f worse either.
        kept = relative - 2 * ((directions * images[:, :q]) @ (excess / theta)) + np.square(directions) @ excess
        return value, 1 - np.maximum(kept, 0.0), (np.sqrt(excess), directions), vectors

    def _leading(
        self, scaled: np.ndarray, root: np.ndarray, basis: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return leading eigenvalues of Psi^-1/2 S Psi^-1/2, decreasing, eigenvectors, and their images."""
        p, wanted = len(root), self._n_factors + (0 if self._few else _SPARE)
        if self._few or basis is None or 3 * wanted > p:
            theta, vectors = np.linalg.eigh(scaled * root[:, None] * root)
            theta, vectors = theta[: -wanted - 1 : -1], vectors[:, : -wanted - 1 : -1]
            return theta, vectors, vectors * theta

        def image(columns: np.ndarray) -> np.ndarray:
            return root[:, None] * np.dot(scaled, root[:, None] * columns)

        space = np.linalg.qr(basis)[0]
        images = image(space)
        for _ in range(1 if basis.shape[1] == wanted else 2):
            latest = images[:, -basis.shape[1] :]
            fresh = latest - space @ (space.T @ latest)
            fresh = np.linalg.qr(fresh - space @ (space.T @ fresh))[0]
            space, images = np.hstack([space, fresh]), np.hstack([images, image(fresh)])
        theta, turn = np.linalg.eigh(space.T @ images)
        theta, turn = theta[: -wanted - 1 : -1], turn[:, : -wanted - 1 : -1]
        return theta, space @ turn, images @ turn

    def _direction(self, point: _Point, free: np.ndarray, memory: quasi_newton.Memory) -> np.ndarray:
        def uncurved(gradient: np.ndarray) -> np.ndarray:
            return -self._uncurved(point, np.where(free, gradient, 0.0), free)

        towards = quasi_newton.direction(np.where(free, point.gradient, 0.0), memory, uncurved)
        towards = np.where(free, towards, 0.0)
        if not point.gradient @ towards < 0:
            towards = -np.where(free, point.gradient, 0.0)
        return towards * min(1.0, _LONGEST_STEP / np.abs(towards).max(initial=1e-300))

    def _uncurved(self, point: _Point, gradient: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return the gradient times the inverse of the expected curvature, or of its diagonal where p is large."""
        # Along x = log Psi the slope itself is part of the curvature: it is all there is as Psi goes to 0.
        more = np.maximum(point.gradient, 0.0) + 1e-3
        if not self._few:
            left = sum(s * (1 - (v**2).sum(axis=1)) ** 2 for s, (_, v) in zip(self._share, point.factors, strict=True))
            return gradient / (left + more)
        curvature = np.diag(more)
        for share, (lengths, vectors) in zip(self._share, point.factors, strict=True):
            used = vectors[:, lengths > 0]
            curvature += share * np.square(np.eye(len(more)) - used @ used.T)
        return np.linalg.solve(np.where(free[:, None] & free, curvature, np.eye(len(more))), gradient)
