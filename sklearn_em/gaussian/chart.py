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

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np

from sklearn_em.gaussian.covariance.structure import Structure
from sklearn_em.gaussian.statistics import GaussianStatistics, beside, of_scatter, scatter_of

# Beyond these changes (logarithms, standard deviations) a point is no better than a guess, and could overflow.
_FARTHEST_LOG = 30.0
_FARTHEST_SHIFT = 1e4


class _Spreads(ABC):
    """What the chart does with covariances, however they are laid out: of one point (G, ...) or of n (n, G, ...)."""

    @abstractmethod
    def root(self, spread: np.ndarray) -> np.ndarray | None:
        """Return L; None where a covariance is singular."""

    @abstractmethod
    def inverse(self, root: np.ndarray) -> np.ndarray:
        """Return L^-1."""

    @abstractmethod
    def times(self, root: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Return L v for each component's v (..., K, p)."""

    @abstractmethod
    def congruent(self, root: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Return L S L^T."""

    @abstractmethod
    def log(self, spread: np.ndarray) -> np.ndarray | None:
        """Return the logarithms; None where a covariance is singular."""

    @abstractmethod
    def exp(self, logs: np.ndarray) -> np.ndarray | None:
        """Undo `log`; None where that is out of reach."""


class _Matrices(_Spreads):
    def root(self, spread: np.ndarray) -> np.ndarray | None:
        try:
            return np.linalg.cholesky(spread)
        except np.linalg.LinAlgError:
            return None

    def inverse(self, root: np.ndarray) -> np.ndarray:
        return np.linalg.inv(root)

    def times(self, root: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        return np.matmul(root, vectors[..., None])[..., 0]

    def congruent(self, root: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return root @ spread @ root.swapaxes(1, 2)

    def log(self, spread: np.ndarray) -> np.ndarray | None:
        if not np.isfinite(spread).all():
            return None
        values, axes = np.linalg.eigh(spread)
        return _rebuilt(np.log(values), axes) if values.min() > 0 else None

    def exp(self, logs: np.ndarray) -> np.ndarray | None:
        values, axes = np.linalg.eigh(logs)
        return None if np.abs(values).max() > _FARTHEST_LOG else _rebuilt(np.exp(values), axes)


def _rebuilt(values: np.ndarray, axes: np.ndarray) -> np.ndarray:
    return (axes * values[..., None, :]) @ axes.swapaxes(-1, -2)


class _Variances(_Spreads):
    def root(self, spread: np.ndarray) -> np.ndarray | None:
        return np.sqrt(spread) if spread.min() > 0 else None

    def inverse(self, root: np.ndarray) -> np.ndarray:
        return 1 / root

    def times(self, root: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        return root * vectors

    def congruent(self, root: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return root**2 * spread

    def log(self, spread: np.ndarray) -> np.ndarray | None:
        return np.log(spread) if spread.min() > 0 and spread.max() < np.inf else None

    def exp(self, logs: np.ndarray) -> np.ndarray | None:
        return None if np.abs(logs).max() > _FARTHEST_LOG else np.exp(logs)


_MATRICES, _VARIANCES = _Matrices(), _Variances()


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
        spreads = _spreads(spread)
        root = spreads.root(spread)
        if root is None:
            return None
        share = frame.mass / frame.total_mass
        root_share = np.sqrt(share)
        of_spread = np.sqrt(0.5 * _features_per_entry(spread, len(blur)))
        own = np.ones(1) if structure.shared else root_share
        units = root_share, root_share[:, None], of_spread * beside(own, spread)
        return cls(structure, blur, frame.mass, frame.means, root, spreads.inverse(root), units)

    def vectors(self, *points: GaussianStatistics) -> np.ndarray | None:
        """Return the coordinates (n, d) of n points; None where a component is empty or singular in one of them."""
        if not all(point.all_alive for point in points):
            return None
        # All points at once: for few components a call takes as long as for many.
        mass, means = np.array([point.mass for point in points]), np.array([point.means for point in points])
        spread = np.array([_spread(self.structure, point, self.blur) for point in points])
        spreads = _spreads(self.root)
        log_spread = spreads.log(spreads.congruent(self.inverse_root, spread))
        if log_spread is None:
            return None
        parts = np.log(mass / self.mass), spreads.times(self.inverse_root, means - self.means), log_spread
        flat = [(unit * part).reshape(len(points), -1) for unit, part in zip(self.units, parts, strict=True)]
        return np.concatenate(flat, axis=1)

    def statistics(self, vector: np.ndarray) -> GaussianStatistics | None:
        """Return the statistics at these coordinates (d,), about their own means; None where they are out of reach.

        The M-step adds mass times R to the scatter, so it is taken off here.
        """
        if not np.isfinite(vector).all():
            return None
        (n_components, n_features), spreads = self.means.shape, _spreads(self.root)
        ends = n_components, n_components * (1 + n_features)
        log_ratio = vector[: ends[0]] / self.units[0]
        shift = vector[ends[0] : ends[1]].reshape(self.means.shape) / self.units[1]
        change = spreads.exp(vector[ends[1] :].reshape(self.root.shape) / self.units[2])
        if change is None or np.abs(log_ratio).max() > _FARTHEST_LOG or np.abs(shift).max() > _FARTHEST_SHIFT:
            return None
        mass = self.mass * np.exp(log_ratio)
        mass *= self.mass.sum() / mass.sum()
        spread = spreads.congruent(self.root, change)
        moments, means = self.structure.moments, self.means + spreads.times(self.root, shift)
        scatter = beside(mass * _features_per_entry(spread, n_features), spread) * spread
        scatter = moments.blurred(scatter, mass, -self.blur)
        point = of_scatter(moments, mass, means, scatter)
        return point if point.all_alive else None


def _spreads(spread: np.ndarray) -> _Spreads:
    """Tell by one point's covariances, or their roots, how they are laid out."""
    return _MATRICES if spread.ndim == 3 else _VARIANCES


def _spread(structure: Structure, statistics: GaussianStatistics, blur: np.ndarray) -> np.ndarray:
    """Return the blurred covariances in the layout of the structure's moments, one entry where shared."""
    mass = statistics.mass.sum(keepdims=True) if structure.shared else statistics.mass
    spread = structure.moments.blurred(scatter_of(structure, statistics), mass, blur)
    spread /= beside(mass * _features_per_entry(spread, len(blur)), spread)
    return spread


def _features_per_entry(spread: np.ndarray, n_features: int) -> int:
    """Return how many features one entry stands for: p where isotropic, else 1."""
    return n_features // spread.shape[-1]
