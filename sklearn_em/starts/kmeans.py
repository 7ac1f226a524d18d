"""k-means on weighted rows, with every decision rounded.

scikit-learn's KMeans would do, but for equally distant rows: where a rounding error decides a tie, repeated rows and
weights start EM from different places. Its tolerance and its centring also depend on unweighted rows.

References
----------
Arthur and Vassilvitskii (2007), "k-means++: the advantages of careful seeding"; Lloyd (1982), "Least squares
quantization in PCM".
"""

from collections.abc import Callable

import numpy as np

from sklearn_em.starts.space import rounded

_MOST_PASSES = 30
# Where no more than this share of the rows change their cluster, EM goes on better.
_FEW = 2.0**-8
# From so many distances on, the nearest is found row by row.
_MANY = 2**15


def squared_distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return rounded squared distances, (K, m), never negative."""
    squares = (-2 * centres) @ points.T
    squares += np.einsum("mr,mr->m", points, points)
    squares += np.einsum("kr,kr->k", centres, centres)[:, None]
    return rounded(np.maximum(squares, 0, out=squares), out=squares)


def draw(weight: np.ndarray, size: int, rng: np.random.RandomState) -> np.ndarray:
    """Draw indices with probabilities proportional to `weight`, by the inverse of its distribution function."""
    share = np.cumsum(weight)
    return np.minimum(np.searchsorted(share, rng.uniform(size=size) * share[-1], side="right"), len(weight) - 1)


def seed(points: np.ndarray, weight: np.ndarray, n_clusters: int, rng: np.random.RandomState) -> np.ndarray:
    """Draw up to `n_clusters` distinct rows far from each other: greedy k-means++, indices (k,)."""
    n_trials = 2 + int(np.log(n_clusters))
    chosen = draw(weight, 1, rng)
    nearest = squared_distances(points, points[chosen])[0]
    while len(chosen) < n_clusters:
        # Every round draws, so that what follows does not depend on when rows run out.
        potential = weight * nearest
        if not potential.any():
            break
        trials = draw(potential, n_trials, rng)
        reached = np.minimum(squared_distances(points, points[trials]), nearest)
        cost = reached @ weight
        best = int(np.argmin(rounded(cost / max(cost.max(), np.finfo(float).tiny))))
        chosen, nearest = np.append(chosen, trials[best]), reached[best]
    return chosen


def membership(labels: np.ndarray, weight: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the weight of each row in the cluster of its label, 0 elsewhere (K, m); a label of -1 is in none."""
    member = np.zeros((n_clusters, len(labels)))
    placed = np.flatnonzero(labels >= 0)
    member[labels[placed], placed] = weight[placed]
    return member


def centroids(points: np.ndarray, weight: np.ndarray, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the weighted mean of each cluster, (K, r); NaN where a cluster is empty."""
    member = membership(labels, weight, n_clusters)
    with np.errstate(invalid="ignore"):
        return (member @ points) / member.sum(axis=1)[:, None]


def nearest_of_all(distances: np.ndarray) -> np.ndarray:
    """Return the cluster at the least distance (K, m), the first of equals."""
    if distances.size < _MANY:
        return distances.argmin(axis=0)
    # Along columns the place of the minimum takes four times as long.
    least, labels = distances[0].copy(), np.zeros(distances.shape[1], dtype=np.int32)
    for k in range(1, len(distances)):
        np.maximum(labels, (distances[k] < least) * np.int32(k), out=labels)
        np.minimum(least, distances[k], out=least)
    return labels.astype(np.intp)


def lloyd(
    points: np.ndarray,
    weight: np.ndarray,
    centres: np.ndarray,
    nearest: Callable[[np.ndarray], np.ndarray] = nearest_of_all,
    is_held: np.ndarray | bool = False,
) -> np.ndarray:
    """Move centres until hardly any row changes its cluster, and return the labels (m,).

    Parameters
    ----------
    points : ndarray of shape (m, r)
    weight : ndarray of shape (m,)
    centres : ndarray of shape (K, r)
    nearest : callable, optional
        From distances (K, m) to the cluster of each row, -1 for none.
    is_held : ndarray of shape (K, 1) of bool, optional
        Which centres stay where they are.
    """

    def nearest_to(centres: np.ndarray) -> np.ndarray:
        # Less the square of each row itself, which decides nothing.
        squares = (-2 * centres) @ points.T
        squares += np.einsum("kr,kr->k", centres, centres)[:, None]
        return nearest(rounded(squares, out=squares))

    labels = nearest_to(centres)
    for _ in range(_MOST_PASSES):
        moved = centroids(points, weight, labels, len(centres))
        centres = np.where(np.isnan(moved) | is_held, centres, moved)
        before, labels = labels, nearest_to(centres)
        if np.count_nonzero(labels != before) <= _FEW * len(labels):
            break
    return labels
