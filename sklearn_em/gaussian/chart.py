"""Coordinates of the statistics in which every vector is a valid point, so that EM's path can be extrapolated.

About a *frame*, the statistics of one pass, a point has per component

    log(mass / mass of the frame),   L^-1 (mean - mean of the frame),   log(L^-1 Sigma L^-T),   L L^T = Sigma of the frame

where Sigma = scatter / mass + R is the blurred covariance and the last log is that of a matrix (of the variances where
only they are summed; of one pooled entry where components share their covariance). The frame is the origin, and any
vector has positive masses and positive definite covariances. A linear map of the data turns L into A L Q, Q orthogonal, so
coordinates turn by Q and keep their lengths: what is extrapolated in them follows every map of the structure's group.

Each part is scaled to the metric of the complete data's Fisher information, in which a step of EM is a gradient step.

References
----------
Arsigny, Fillard, Pennec and Ayache (2007), "Geometric means in a novel vector space structure on symmetric
positive-definite matrices", section 3: logarithms of covariances as a vector space. Xu and Jordan (1996), "On
convergence properties of the EM algorithm for Gaussian mixtures", theorem 1: EM as a scaled gradient.
"""

import numpy as np

from sklearn_em.gaussian.covariance.structure import Structure
from sklearn_em.gaussian.m_step import alive
from sklearn_em.gaussian.statistics import GaussianStatistics

# Beyond these changes (logarithms, standard deviations) a point is no better than a guess, and could overflow.
_FARTHEST = 30.0, 1e4


def chart(
    structure: Structure, statistics: GaussianStatistics, frame: GaussianStatistics, blur: np.ndarray
) -> np.ndarray | None:
    """Return the coordinates of `statistics` about `frame`, or None where a component is empty or singular.

    Parameters
    ----------
    structure : Structure
    statistics, frame : GaussianStatistics
        Of all the data; packed in any layout and about any references.
    blur : ndarray of shape (p,)
        The diagonal of R.
    """
    try:
        at, about = _Point.of(structure, statistics, blur), _Point.of(structure, frame, blur)
        root = about.root()
        shift, log_spread = _divided(root, at.means - about.means), _log(_whitened(root, at.spread))
    except np.linalg.LinAlgError:
        return None
    units = about.units(structure)
    parts = np.log(at.mass / about.mass), shift, log_spread
    return np.concatenate([(unit * part).ravel() for unit, part in zip(units, parts, strict=True)])


def unchart(
    structure: Structure, vector: np.ndarray, frame: GaussianStatistics, blur: np.ndarray
) -> GaussianStatistics | None:
    """Return the statistics at these coordinates, about their own means; None where they are out of reach.

    The M-step adds mass times R to the scatter, so it is taken off here.
    """
    try:
        about = _Point.of(structure, frame, blur)
        root = about.root()
    except np.linalg.LinAlgError:
        return None
    shapes = about.mass.shape, about.means.shape, about.spread.shape
    ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
    parts = (part.reshape(shape) for part, shape in zip(np.split(vector, ends), shapes, strict=True))
    log_ratio, shift, log_spread = (part / unit for part, unit in zip(parts, about.units(structure), strict=True))
    farthest = np.abs(log_ratio).max(), np.abs(log_spread).max(), np.abs(shift).max()
    # Written so that NaN is out of reach, too.
    if not (farthest[0] <= _FARTHEST[0] and farthest[1] <= _FARTHEST[0] and farthest[2] <= _FARTHEST[1]):
        return None
    mass = about.mass * np.exp(log_ratio)
    mass *= about.mass.sum() / mass.sum()
    if not alive(mass).all():
        return None
    means = about.means + _multiplied(root, shift)
    spread = _unwhitened(root, _exp(log_spread))
    covariances = _features_per_entry(spread, len(blur)) * spread - structure.moments.of_diagonal(blur)
    scatter = mass.reshape(-1, *[1] * (covariances.ndim - 1)) * covariances
    if scatter.ndim == 3:
        scatter = scatter[:, *np.triu_indices(len(blur))]
    sums = np.concatenate([scatter, np.zeros_like(means), mass[:, None]], axis=1).T
    return GaussianStatistics(structure.moments, sums, means)


class _Point:
    """Masses (K,), means (K, p) and blurred covariances in the layout of the moments, one entry where shared."""

    def __init__(self, mass: np.ndarray, means: np.ndarray, spread: np.ndarray):
        self.mass, self.means, self.spread = mass, means, spread

    @classmethod
    def of(cls, structure: Structure, statistics: GaussianStatistics, blur: np.ndarray) -> "_Point":
        mass, scatter = statistics.mass, statistics.scatter()
        if not alive(mass).all():
            raise np.linalg.LinAlgError("a component has no mass")
        if statistics.total is not None:
            scatter = structure.moments.of_matrices(scatter)
        if structure.shared:
            scatter, counts = scatter.sum(axis=0, keepdims=True), mass.sum(keepdims=True)
        else:
            counts = mass
        spread = scatter / counts.reshape(-1, *[1] * (scatter.ndim - 1)) + structure.moments.of_diagonal(blur)
        return cls(mass, statistics.means, spread / _features_per_entry(spread, len(blur)))

    def root(self) -> np.ndarray:
        """Return L: lower triangular matrices, or standard deviations."""
        if self.spread.ndim == 3:
            return np.linalg.cholesky(self.spread)
        if not (self.spread > 0).all():
            raise np.linalg.LinAlgError("a variance is not positive")
        return np.sqrt(self.spread)

    def units(self, structure: Structure) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the roots of the complete data's Fisher information per row for the three parts."""
        share = self.mass / self.mass.sum()
        features = _features_per_entry(self.spread, self.means.shape[1])
        counts = np.ones(1) if structure.shared else share
        of_spread = np.sqrt(0.5 * features * counts).reshape(-1, *[1] * (self.spread.ndim - 1))
        return np.sqrt(share), np.sqrt(share)[:, None], of_spread


def _features_per_entry(spread: np.ndarray, n_features: int) -> int:
    """Return how many features one entry stands for: p where isotropic, else 1."""
    return n_features // spread.shape[-1]


def _divided(root: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return L^-1 v for each component's v (K, p)."""
    if root.ndim == 2:
        return vectors / root
    return np.linalg.solve(np.broadcast_to(root, (len(vectors), *root.shape[1:])), vectors[:, :, None])[:, :, 0]


def _multiplied(root: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return L v."""
    return vectors * root if root.ndim == 2 else np.matmul(root, vectors[:, :, None])[:, :, 0]


def _whitened(root: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return L^-1 Sigma L^-T, exactly symmetric."""
    if root.ndim == 2:
        return spread / root**2
    half = np.linalg.solve(root, spread)
    whole = np.linalg.solve(root, half.swapaxes(1, 2))
    return 0.5 * (whole + whole.swapaxes(1, 2))


def _unwhitened(root: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return L W L^T."""
    return spread * root**2 if root.ndim == 2 else root @ spread @ root.swapaxes(1, 2)


def _log(spread: np.ndarray) -> np.ndarray:
    """Return the logarithm of matrices (G, p, p), or of variances (G, q)."""
    if spread.ndim == 2:
        if not (spread > 0).all():
            raise np.linalg.LinAlgError("a variance is not positive")
        return np.log(spread)
    values, vectors = np.linalg.eigh(spread)
    if not (values > 0).all():
        raise np.linalg.LinAlgError("a covariance is singular")
    return (vectors * np.log(values)[:, None, :]) @ vectors.swapaxes(1, 2)


def _exp(log_spread: np.ndarray) -> np.ndarray:
    """Undo `_log`."""
    if log_spread.ndim == 2:
        return np.exp(log_spread)
    values, vectors = np.linalg.eigh(log_spread)
    return (vectors * np.exp(values)[:, None, :]) @ vectors.swapaxes(1, 2)
