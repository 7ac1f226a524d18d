"""A mixture seen in some of its features.

The marginal of a Gaussian is Gaussian, with the sub-vector of the mean and the sub-matrix of the covariance (Bishop
2006, "Pattern Recognition and Machine Learning", equation 2.98), so what is drawn of many features is exact.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.special import logsumexp
from scipy.stats import chi2

_N_DRAWS = 20_000


@dataclass(frozen=True, eq=False)
class Marginal:
    """A mixture of Gaussians and noise in q features.

    Attributes
    ----------
    weights : ndarray of shape (K,)
    means : ndarray of shape (K, q)
    covariances : ndarray of shape (K, q, q)
    noise_weight : float
    noise_log_sides : ndarray of shape (q,)
        The logs of the extents of the box over which the noise is uniform.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    noise_weight: float
    noise_log_sides: np.ndarray

    def of(self, features: list[int]) -> Self:
        """Return the mixture in fewer features."""
        return replace(
            self,
            means=self.means[:, features],
            covariances=self.covariances[:, features][:, :, features],
            noise_log_sides=self.noise_log_sides[features],
        )

    @property
    def present(self) -> np.ndarray:
        """The components that have weight."""
        return np.flatnonzero(self.weights > 0)

    @property
    def deviations(self) -> np.ndarray:
        """The standard deviations (K, q)."""
        return np.sqrt(self.covariances.diagonal(axis1=1, axis2=2))

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """The standard deviations along the principal axes (K, q), and these as columns (K, q, q)."""
        values, vectors = np.linalg.eigh(self.covariances)
        # Rounded to float32, a thin matrix need not be positive definite.
        least = np.finfo(float).eps * values[:, -1:]
        return np.sqrt(np.maximum(values, least)), vectors

    def radius(self, level: float) -> float:
        """Return the Mahalanobis distance within which a share `level` of a component lies."""
        return float(np.sqrt(chi2.ppf(level, self.means.shape[1])))

    def log_joint(self, points: np.ndarray) -> np.ndarray:
        """Return the log of weight times density at points (n, q): a row per component, and a last one for noise."""
        out = np.full((len(self.weights) + 1, len(points)), -np.inf)
        lengths, directions = self.axes
        for k in self.present:
            whitened = (points - self.means[k]) @ directions[k] / lengths[k]
            log_norm = np.log(lengths[k]).sum() + len(lengths[k]) / 2 * np.log(2 * np.pi)
            out[k] = np.log(self.weights[k]) - log_norm - np.sum(whitened**2, axis=1) / 2
        if self.noise_weight > 0:
            out[-1] = np.log(self.noise_weight) - self.noise_log_sides.sum()
        return out

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Return the log density of the mixture at points (n, q)."""
        return np.asarray(logsumexp(self.log_joint(points), axis=0))

    def density_levels(self, shares: np.ndarray) -> np.ndarray:
        """Return the densities above which these shares of the components' mass lie.

        The regions so bounded are those of highest density (Hyndman 1996, "Computing and graphing highest density
        regions"). Noise aside: a constant moves no contour.
        """
        rng = np.random.default_rng(0)
        counts = rng.multinomial(_N_DRAWS, self.weights / self.weights.sum())
        labels = np.repeat(np.arange(len(counts)), counts)
        lengths, directions = self.axes
        scaled = rng.standard_normal((_N_DRAWS, self.means.shape[1])) * lengths[labels]
        draws = self.means[labels] + np.einsum("nij,nj->ni", directions[labels], scaled)
        return np.asarray(np.quantile(np.exp(self.log_density(draws)), 1 - shares))
