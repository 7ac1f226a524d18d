"""Volumes of their own about one shape: the M-step that VEI, VEE and VEV have in common.

Covariances Sigma_k = exp(-u_k) C maximise the bound at C = sum_k exp(u_k) W_k / n, W_k being the scatter and n the mass
of all, and what is left to minimise,

    f(u) = log |sum_k exp(u_k) W_k| - p sum_k n_k u_k / n

is convex (the determinant is a polynomial with positive coefficients in exp(u)), so Newton's method finds the only
minimum, in about five steps from anywhere and two from the volumes of the pass before, to the last digits. Alternating
between volumes and shape, the textbook's way, takes dozens.

References
----------
Celeux and Govaert (1995), "Gaussian parsimonious clustering models", sections 3.1 and 3.2: the models and the bound.
"""

import numpy as np

from sklearn_em.gaussian.covariance.forms import ill_defined

_MOST_STEPS = 100
_MOST_HALVINGS = 30
# Where the scatter of two components has no direction in common, f is straight, and its second derivative singular.
_RIDGE = 1e-10
# Of the logarithm of a volume, in one step: far from the minimum f is nearly straight.
_LONGEST_STEP = 4.0
# Beyond this a component is singular for certain, and the exponential nears overflow.
_FARTHEST = 300.0
# Newton's decrement is about twice the distance of f from its minimum. Near it rounding hides whether f falls, but
# every step squares the distance; after a step from the last one, or where it shrinks no more, there is nothing left.
_NEAR, _LAST = 1e-10, 1e-20


def volumes_about_one_shape(
    scatter: np.ndarray, mass: np.ndarray, previous: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the volumes and the shape of the best covariances; their products are the covariances.

    Parameters
    ----------
    scatter : ndarray of shape (K, p, p) or (K, p)
        Matrices, or diagonals of such.
    mass : ndarray of shape (K,)
    previous : ndarray of shape (K, p, p) or (K, p), optional
        Covariances from whose volumes to begin.

    Returns
    -------
    volumes : ndarray of shape (K,)
    shape : ndarray of shape (p, p) or (p,)

    Raises
    ------
    DegenerateError
        If a component has no scatter, or all of them together none in some direction.
    """
    p, share = scatter.shape[-1], mass / mass.sum()
    size = _trace(scatter) / (p * mass)
    if not size.min() > 0:
        raise ill_defined(np.flatnonzero(~(size > 0)))
    u = -np.log(size) if previous is None else -_log_det(previous) / p
    u -= share @ u
    # f does not change where all u grow alike; the constant holds the system regular in that direction.
    flat = np.ones((len(u), len(u)))
    value = _value(scatter, share, u)
    before = np.inf
    for _ in range(_MOST_STEPS):
        parts = _parts(scatter, u)
        trace = _trace(parts)
        gradient = trace - p * share
        products = np.tensordot(parts, parts, axes=([1, 2], [2, 1]) if parts.ndim == 3 else (1, 1))
        step = np.linalg.solve(np.diag(trace + _RIDGE * p * share) - products + flat, -gradient)
        decrement = -float(gradient @ step)
        if decrement < _NEAR:
            u = np.clip(u + step, -_FARTHEST, _FARTHEST)
            if decrement < _LAST or decrement >= before:
                break
            before = decrement
            continue
        step *= min(1.0, _LONGEST_STEP / np.abs(step).max())
        u, value = _descended(scatter, share, u, value, step, -float(gradient @ step))
    return np.exp(-u), np.tensordot(np.exp(u), scatter, axes=1) / mass.sum()


def _descended(
    scatter: np.ndarray, share: np.ndarray, u: np.ndarray, value: float, step: np.ndarray, decrement: float
) -> tuple[np.ndarray, float]:
    """Return the first point along the step, halved over and over, at which f has come down, and f there."""
    for _ in range(_MOST_HALVINGS):
        there = np.clip(u + step, -_FARTHEST, _FARTHEST)
        at_there = _value(scatter, share, there)
        if at_there <= value - 0.1 * decrement:
            return there, at_there
        step, decrement = step / 2, decrement / 2
    return u, value


def _value(scatter: np.ndarray, share: np.ndarray, u: np.ndarray) -> float:
    """Return f(u), infinite where the sum is singular."""
    total = np.tensordot(np.exp(u), scatter, axes=1)
    return float(_log_det(total[None])[0]) - scatter.shape[-1] * float(share @ u)


def _trace(matrices: np.ndarray) -> np.ndarray:
    """Return the traces of matrices, or of their diagonals, (K,)."""
    return matrices.trace(axis1=1, axis2=2) if matrices.ndim == 3 else matrices.sum(axis=1)


def _log_det(matrices: np.ndarray) -> np.ndarray:
    """Return the log determinants of matrices, or of their diagonals, (K,); infinite where one is singular."""
    if matrices.ndim == 2:
        return np.log(matrices).sum(axis=1) if matrices.min() > 0 else np.full(len(matrices), np.inf)
    sign, log_det = np.linalg.slogdet(matrices)
    return np.where(sign > 0, log_det, np.inf)


def _parts(scatter: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return S^-1 exp(u_k) W_k, S being the sum of exp(u_k) W_k."""
    grown = np.exp(u).reshape(-1, *[1] * (scatter.ndim - 1)) * scatter
    total = grown.sum(axis=0)
    if scatter.ndim == 2:
        if not total.min() > 0:
            raise ill_defined(np.arange(len(scatter)))
        return grown / total
    try:
        return np.linalg.solve(total, grown)
    except np.linalg.LinAlgError:
        raise ill_defined(np.arange(len(scatter))) from None
