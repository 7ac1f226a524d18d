"""Statistics to parameters: mixing weights; the components' are their family's."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from sklearn_em.gaussian.statistics import GaussianStatistics


@dataclass(frozen=True, eq=False)
class Proportions:
    """What besides the rows decides the mixing weights.

    Attributes
    ----------
    concentration : float, optional
        alpha of a symmetric Dirichlet prior over all weights, the noise's included; at least 1.
    fixed : ndarray of shape (K,), optional
        Fixed shares of what the noise leaves to the Gaussians, NaN where they are free.
    """

    concentration: float | None = None
    fixed: np.ndarray | None = None

    def weights(self, statistics: GaussianStatistics, noise: float | None) -> tuple[np.ndarray, float]:
        """Return each component's share of the mass, exactly 0 where there is none to speak of, and the noise's.

        Parameters
        ----------
        statistics : GaussianStatistics
        noise : float, optional
            The mass of the noise; None where there is no noise.

        References
        ----------
        Bishop (2006), "Pattern Recognition and Machine Learning", equation 9.26.
        """
        counts = statistics.mass if statistics.all_alive else np.where(statistics.alive, statistics.mass, 0.0)
        if self.concentration is not None:
            counts = counts + (self.concentration - 1)
        total = counts.sum()
        share = self.obeying(counts / total if total > 0 else counts)
        if noise is None:
            return share, 0.0
        noise_count = noise if self.concentration is None else noise + self.concentration - 1
        noise_weight = float(noise_count / (total + noise_count))
        return share * (1 - noise_weight), noise_weight

    def log_prior(self, weights: np.ndarray, noise_weight: float | None) -> float:
        """Return the log density of the prior at weights (K,)."""
        if self.concentration is None:
            return 0.0
        every = weights if noise_weight is None else np.append(weights, noise_weight)
        size, alpha = len(every), self.concentration
        constant = float(gammaln(size * alpha) - size * gammaln(alpha))
        # At alpha = 1 a weight of 0 is as probable as any other.
        return constant if alpha == 1 else constant + (alpha - 1) * float(np.log(every).sum())

    def obeying(self, share: np.ndarray) -> np.ndarray:
        """Fix what is fixed, and give the free ones the rest in proportion to `share` (K,)."""
        if self.fixed is None:
            return share
        free = np.isnan(self.fixed)
        left, among = 1 - self.fixed[~free].sum(), share[free].sum()
        scaled = share * (left / among) if among > 0 else np.full_like(share, left / max(free.sum(), 1))
        return np.where(free, scaled, self.fixed)
