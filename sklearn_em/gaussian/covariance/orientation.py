"""One orientation for components of different shapes: what the M-steps of EVE and VVE have in common.

In directions D the best variances along the axes are functions of q_kj = d_j^T W_k d_j, and what is left to minimise
over orthogonal D is, n_k being the masses and n their sum,

    VVE   sum_k (n_k / n) sum_j log q_kj        (each component its own volume)
    EVE   p log sum_k (prod_j q_kj)^(1/p)       (one volume)

Both are concave in q with slopes s_k / q_kj, where s_k is the component's share: n_k / n, or its part of the sum. So
all pairs of axes are turned at once by the angle that is best for each pair at these slopes (the Flury-Gautschi
rotation), which serves a quasi-Newton method as its metric: a limited-memory BFGS direction in the tangent space, and a
step that is halved until the objective falls. No step makes the covariances worse than those it began with.

References
----------
Flury and Gautschi (1986), "An algorithm for simultaneous orthogonal transformation of several positive definite
symmetric matrices to nearly diagonal form": the criterion of VVE and the rotation of a pair. Browne and McNicholas
(2014), "Estimating common principal components in high dimensions": EVE and VVE, and why a method must converge on the
orthogonal group.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np

from sklearn_em.gaussian.covariance import quasi_newton

# The objective as a function of the variances q (K, p), and each component's share (K,) in its slopes.
Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]

_MOST_STEPS = 500
_MOST_HALVINGS = 20
_MEMORY = 10
# A step that promises less than this, in nats per unit of weight, is not worth making; below the second, rounding
# hides whether the objective falls.
_ENOUGH, _HIDDEN = 1e-20, 1e-12
# Within EM the next pass moves the scatter again, and what is left to gain can wait for it. It takes three or four
# steps to come so far, and more where components are thin, which would keep EM from its limit.
_FEW_STEPS, _SMALL = 30, 1e-2
# Added to curvatures: a pair of axes in whose plane all components are round has no angle to turn by.
_ROUND = 1e-6


def common_axes(covariances: np.ndarray) -> np.ndarray:
    """Return the directions (p, p), as columns, of covariances (K, p, p) that have them in common.

    They are the eigenvectors of a sum with uneven weights, in which different spectra do not add up to equal values.
    """
    weight = 0.6180339887498949 ** np.arange(len(covariances)) / covariances.trace(axis1=1, axis2=2)
    return np.linalg.eigh(np.tensordot(weight, covariances, axes=1))[1]


def best_axes(
    scatter: np.ndarray, objective: Objective, pooled: Callable[[], np.ndarray], previous: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best common directions (p, p), as columns, and the scatter along them, (K, p).

    Parameters
    ----------
    scatter : ndarray of shape (K, p, p)
    objective : callable
        `q -> value, share`, see above.
    pooled : callable
        Returns the matrix (p, p) whose eigenvectors are the directions of the nearest structure with one shape.
    previous : ndarray of shape (K, p, p), optional
        Covariances of the pass before. Where their directions beat those of the scatter of all components, they are
        improved. Else the search goes from the pooled directions and from each component's own, and the best end is
        taken.
    """
    if previous is not None:
        before, of_all = common_axes(previous), np.linalg.eigh(scatter.sum(axis=0))[1]
        if objective(_along(scatter, before))[0] <= objective(_along(scatter, of_all))[0]:
            return _descended(scatter, objective, before, _FEW_STEPS, _SMALL)
    starts = [np.linalg.eigh(pooled())[1], *np.linalg.eigh(scatter)[1]]
    # A few steps from each tell which two are worth going on from.
    begun = [_descended(scatter, objective, axes, _FEW_STEPS, _SMALL)[0] for axes in starts]
    begun.sort(key=lambda axes: objective(_along(scatter, axes))[0])
    ends = [_descended(scatter, objective, axes) for axes in begun[:2]]
    best = min(ends, key=lambda end: objective(end[1])[0])
    # Only where no start of the data's own leads as low as the features themselves: the features are not turned with
    # the data, but a structure must not be worse than its special case along them.
    along_features = np.eye(scatter.shape[1])
    if objective(_along(scatter, along_features))[0] < objective(best[1])[0]:
        best = _descended(scatter, objective, along_features)
    return best


def _along(scatter: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return q, at least its rounding error."""
    q = (axes * (scatter @ axes)).sum(axis=1)
    largest = np.maximum(q.max(axis=1, keepdims=True), 0)
    return np.maximum(q, np.finfo(float).eps * largest + np.finfo(float).tiny)


def _descended(
    scatter: np.ndarray, objective: Objective, axes: np.ndarray, most_steps: int = _MOST_STEPS, small: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Turn the directions until the objective falls no more, or a step promises this small a part of the first."""
    pairs = np.triu_indices(len(axes), 1)
    q = _along(scatter, axes)
    value, share = objective(q)
    memory: quasi_newton.Memory = deque(maxlen=_MEMORY)
    last: tuple[np.ndarray, np.ndarray] | None = None
    first = 0.0
    for _ in range(most_steps):
        turned = axes.T @ scatter @ axes
        slopes = share[:, None] / q
        mixed = np.einsum("ki,kij->ij", slopes, turned)
        gradient = 2 * (mixed - mixed.T)[pairs]
        spread = slopes.T @ q
        curvature = 2 * (spread + spread.T - spread.diagonal()[:, None] - spread.diagonal())[pairs] + _ROUND
        if last is not None and (change := gradient - last[1]) @ last[0] > 0:
            memory.append((last[0], change))
        by_pairs = partial(_angles, curvature=curvature)
        direction = quasi_newton.direction(gradient, memory, by_pairs)
        if not gradient @ direction < 0:
            direction = by_pairs(gradient)
        promise = -float(gradient @ direction)
        first = max(first, promise)
        if not promise > max(_ENOUGH, small * first):
            break
        for _ in range(_MOST_HALVINGS):
            there = axes @ _rotation(direction, pairs, len(axes))
            at_there = _along(scatter, there)
            value_there, share_there = objective(at_there)
            if value_there <= value - 1e-4 * promise or (promise < _HIDDEN and value_there <= value + _HIDDEN * 1e-2):
                break
            direction, promise = direction / 2, promise / 2
        else:
            break
        last = direction, gradient
        axes, q, value, share = there, at_there, value_there, share_there
    return axes, q


def _angles(gradient: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Return the angles that are best pair by pair."""
    # Least a cos 2t + b sin 2t, whose slope at 0 is 2 b and whose curvature -4 a.
    return -0.5 * np.arctan2(0.5 * gradient, 0.25 * curvature)


def _rotation(angles: np.ndarray, pairs: tuple[np.ndarray, ...], n_features: int) -> np.ndarray:
    """Return the orthogonal matrix (Cayley's) that turns axis i towards axis j by about the angle of the pair."""
    turn = np.zeros((n_features, n_features))
    turn[pairs] = -0.5 * angles
    turn -= turn.T
    unit = np.eye(n_features)
    return np.linalg.solve(unit - turn, unit + turn)
