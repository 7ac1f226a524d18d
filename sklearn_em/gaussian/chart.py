"""Coordinates of the statistics in which every vector is a valid point, so that EM's path can be extrapolated.

About a *frame*, the statistics of one pass, a point has per component

    log(mass / mass of the frame),   L^-1 (mean - mean of the frame),   log(L^-1 Sigma L^-T)

where Sigma = scatter / mass + R is the blurred covariance, L L^T that of the frame, and the last log is a matrix's
(of the variances where only they are summed; of one pooled entry where components share their covariance). The frame
is the origin, and any vector has positive masses and positive definite covariances. A linear map A of the data turns L
into A L Q, Q orthogonal, so coordinates turn by Q and keep their lengths: what is extrapolated in them follows every
map of the structure's group.

Each part is scaled to the metric of the complete data's Fisher information, in which a step of EM is a gradient step.

References
----------
Arsigny, Fillard, Pennec and Ayache (2007), "Geometric means in a novel vector space structure on symmetric
positive-definite matrices": logarithms of covariances as a vector space. Xu and Jordan (1996), "On
convergence properties of the EM algorithm for Gaussian mixtures", theorem 1: EM as a scaled gradient.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from sklearn_em.gaussian.covariance.structure import Structure
from sklearn_em.gaussian.statistics import GaussianStatistics, of_scatter

# Beyond these changes (logarithms, standard deviations) a point is no better than a guess, and could overflow.
_FARTHEST_LOG = 30.0
_FARTHEST_SHIFT = 1e4


@dataclass(frozen=True, eq=False)
class GaussianChart:
    """The chart about one frame.

    Attributes
    ----------
    structure : Structure
    blur : ndarray of shape (p,)
        The diagonal of R.
    mass : ndarray of shape (K,)
    means : ndarray of shape (K, p)
    root, inverse_root : ndarray
        L and L^-1: matrices (G, p, p), or standard deviations (G, p) or (G, 1) where only variances are summed.
    units : tuple of ndarray
        The roots of the complete data's Fisher information for the three parts.
    """

    structure: Structure
    blur: np.ndarray
    mass: np.ndarray
    means: np.ndarray
    root: np.ndarray
    inverse_root: np.ndarray
    units: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def about(cls, structure: Structure, frame: GaussianStatistics, blur: np.ndarray) -> Self | None:
        """Return the chart about `frame`, or None where a component is empty or singular.

        Parameters
        ----------
        structure : Structure
        frame : GaussianStatistics
            Of all the data; packed in any layout and about any references.
        blur : ndarray of shape (p,)
        """
        if not frame.all_alive:
            return None
        spread = _spread(structure, frame, blur)
        if spread.ndim == 2 and not (spread > 0).all():
            return None
        try:
            root = np.linalg.cholesky(spread) if spread.ndim == 3 else np.sqrt(spread)
            inverse_root = np.linalg.inv(root) if spread.ndim == 3 else 1 / root
        except np.linalg.LinAlgError:
            return None
        share = frame.mass / frame.mass.sum()
        of_spread = np.sqrt(0.5 * _features_per_entry(spread, len(blur)) * (np.ones(1) if structure.shared else share))
        units = np.sqrt(share), np.sqrt(share)[:, None], of_spread.reshape(-1, *[1] * (spread.ndim - 1))
        return cls(structure, blur, frame.mass, frame.means, root, inverse_root, units)

    def vector(self, statistics: GaussianStatistics) -> np.ndarray | None:
        """Return the coordinates of `statistics`, or None where a component is empty or singular."""
        if not statistics.all_alive:
            return None
        shift = _times(self.inverse_root, statistics.means - self.means)
        whitened = _congruent(self.inverse_root, _spread(self.structure, statistics, self.blur))
        if not np.isfinite(whitened).all():
            return None
        values, vectors = _eigen(whitened)
        if not (values > 0).all():
            return None
        parts = np.log(statistics.mass / self.mass), shift, _rebuilt(np.log(values), vectors)
        return np.concatenate([(unit * part).ravel() for unit, part in zip(self.units, parts, strict=True)])

    def statistics(self, vector: np.ndarray) -> GaussianStatistics | None:
        """Return the statistics at these coordinates, about their own means; None where they are out of reach.

        The M-step adds mass times R to the scatter, so it is taken off here.
        """
        if not np.isfinite(vector).all():
            return None
        n_components, n_features = self.means.shape
        ends = n_components, n_components * (1 + n_features)
        log_ratio = vector[: ends[0]] / self.units[0]
        shift = vector[ends[0] : ends[1]].reshape(self.means.shape) / self.units[1]
        values, vectors = _eigen(vector[ends[1] :].reshape(self.root.shape) / self.units[2])
        log_change = max(np.abs(log_ratio).max(), np.abs(values).max())
        if log_change > _FARTHEST_LOG or np.abs(shift).max() > _FARTHEST_SHIFT:
            return None
        mass = self.mass * np.exp(log_ratio)
        mass *= self.mass.sum() / mass.sum()
        spread = _congruent(self.root, _rebuilt(np.exp(values), vectors))
        moments, means = self.structure.moments, self.means + _times(self.root, shift)
        covariances = spread * _features_per_entry(spread, n_features) - moments.of_diagonal(self.blur)
        scatter = mass.reshape(-1, *[1] * (spread.ndim - 1)) * covariances
        point = of_scatter(moments, mass, means, scatter)
        return point if point.all_alive else None


def _spread(structure: Structure, statistics: GaussianStatistics, blur: np.ndarray) -> np.ndarray:
    """Return the blurred covariances in the layout of the structure's moments, one entry where shared."""
    scatter, mass = statistics.scatter, statistics.mass
    if statistics.total is not None:
        scatter = structure.moments.of_matrices(scatter)
    if structure.shared:
        scatter, mass = scatter.sum(axis=0, keepdims=True), mass.sum(keepdims=True)
    spread = scatter / mass.reshape(-1, *[1] * (scatter.ndim - 1)) + structure.moments.of_diagonal(blur)
    return spread / _features_per_entry(spread, len(blur))


def _features_per_entry(spread: np.ndarray, n_features: int) -> int:
    """Return how many features one entry stands for: p where isotropic, else 1."""
    return n_features // spread.shape[-1]


def _times(root: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return L v for each component's v (K, p)."""
    return vectors * root if root.ndim == 2 else np.matmul(root, vectors[:, :, None])[:, :, 0]


def _congruent(root: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return L S L^T."""
    return spread * root**2 if root.ndim == 2 else root @ spread @ root.swapaxes(1, 2)


def _eigen(spread: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return eigenvalues (G, p) and eigenvectors; variances are their own eigenvalues."""
    return (spread, None) if spread.ndim == 2 else np.linalg.eigh(spread)


def _rebuilt(values: np.ndarray, vectors: np.ndarray | None) -> np.ndarray:
    """Undo `_eigen`."""
    return values if vectors is None else (vectors * values[:, None, :]) @ vectors.swapaxes(1, 2)
