"""Components that are not interchangeable: those with labelled rows, with forbidden rows, or with a fixed mean.

A partition knows no identities. So its clusters are given to the components they suit, then moved as k-means moves
them, with fixed means held and every row in a cluster that it is allowed in.

References
----------
Basu, Banerjee and Mooney (2002), "Semi-supervised clustering by seeding", section 3.1: constrained k-means.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import linear_sum_assignment

from sklearn_em.gaussian.m_step import FixedGaussians
from sklearn_em.starts.kmeans import centroids, lloyd, membership, squared_distances
from sklearn_em.starts.space import StartSpace


@dataclass(frozen=True, eq=False)
class Cells:
    """Labels of the rows of the space, and where the means are to be if not at the centroids.

    Attributes
    ----------
    labels : ndarray of shape (m,)
        -1 for rows that can only be noise.
    spare : ndarray of shape (K, p)
        A mean for each component, used where it has no rows.
    means : ndarray of shape (K, p), optional
    """

    labels: np.ndarray
    spare: np.ndarray
    means: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Identities:
    """What tells components apart before EM.

    Attributes
    ----------
    means : ndarray of shape (K, p)
        Of the rows known to be a component's, or fixed; NaN where nothing is known.
    is_fixed : ndarray of shape (K,) of bool
        Which of these are fixed.
    allowed : ndarray of shape (K, m) of bool
        Which rows of the space may come from each component.
    """

    means: np.ndarray
    is_fixed: np.ndarray
    allowed: np.ndarray

    @classmethod
    def of(cls, space: StartSpace, fixed: FixedGaussians | None, n_components: int) -> Self | None:
        """Return what is known, or None if nothing is."""
        if space.evidence is None and (fixed is None or not fixed.is_mean.any()):
            return None
        p = space.rows.shape[1]
        means, is_fixed = np.full((n_components, p), np.nan), np.zeros(n_components, dtype=bool)
        allowed = np.ones((n_components, len(space.rows)), dtype=bool)
        if space.evidence is not None:
            allowed = space.evidence.allowed()[:n_components]
            labels = space.evidence.labels
            known = np.flatnonzero((labels >= 0) & (labels < n_components))
            means = centroids(space.rows[known], space.weight[known], labels[known], n_components)
        if fixed is not None:
            is_fixed = fixed.is_mean[:, 0]
            means = np.where(fixed.is_mean, fixed.means, means)
        return cls(means, is_fixed, allowed)

    def nearest(self, distances: np.ndarray) -> np.ndarray:
        """Return the component with the least distance (K, m) of those allowed, -1 where none is."""
        labels = np.where(self.allowed, distances, np.inf).argmin(axis=0)
        return np.where(self.allowed.any(axis=0), labels, -1)

    def respected(self, space: StartSpace, points: np.ndarray, cells: Cells) -> Cells:
        """Return a partition like `cells`, found in the coordinates `points`, whose labels mean these components."""
        n_components = len(cells.spare)
        centres = centroids(points, space.weight, cells.labels, n_components)
        empty = np.isnan(centres[:, 0])
        if empty.any():
            centres[empty] = space.placed(points, cells.spare[empty])
        anchored = ~np.isnan(self.means[:, 0])
        anchors = np.full_like(centres, np.nan)
        if anchored.any():
            anchors[anchored] = space.placed(points, self.means[anchored])
        cluster = self._matched(space, centres, anchors, cells.labels)
        centres = np.where(anchored[:, None], anchors, centres[cluster])
        spare = np.where(anchored[:, None], self.means, cells.spare[cluster])
        means = cells.means
        if means is not None:
            means = np.where(anchored[:, None], self.means, means[cluster])
        labels = lloyd(points, space.weight, centres, self.nearest, self.is_fixed[:, None])
        return Cells(labels, spare, means)

    def _matched(self, space: StartSpace, centres: np.ndarray, anchors: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return which cluster each component is to have: far from no anchor, with few rows that are forbidden."""
        cost = np.nan_to_num(squared_distances(centres, anchors), nan=0.0)
        forbidden = ~self.allowed @ membership(labels, space.weight, len(centres)).T
        # Any forbidden row costs more than all distances.
        cost = cost / max(float(cost.sum()), 1.0) + forbidden / space.weight.min()
        return np.asarray(linear_sum_assignment(cost)[1])
