"""A mixture's parameters, and the statistics that rows give: plain values."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance.forms import logs
from sklearn_em.gaussian.statistics import GaussianStatistics


@dataclass(frozen=True, eq=False)
class MixtureParameters:
    """Mixing weights (K,), components, and the weight of the noise; all weights sum to 1."""

    weights: np.ndarray
    gaussians: Gaussians
    noise_weight: float = 0.0

    @property
    def log_weights(self) -> np.ndarray:
        """The log weights, -inf for a component without mass."""
        if np.count_nonzero(self.weights) == len(self.weights):
            return logs(self.weights)
        with np.errstate(divide="ignore"):
            return logs(self.weights)


@dataclass(frozen=True, eq=False)
class MixtureStatistics:
    """What the rows say about the mixture: additive.

    Attributes
    ----------
    gaussian : GaussianStatistics
        The components' moments; their masses are the mixing weights' statistics.
    log_likelihood : float
        The weighted sum of the rows' log densities, regularised as the model says.
    noise : float
        The mass of the noise.
    """

    gaussian: GaussianStatistics
    log_likelihood: float
    noise: float = 0.0

    def __add__(self, other: Self) -> Self:
        """Add the statistics of other rows."""
        return type(self)(
            self.gaussian + other.gaussian, self.log_likelihood + other.log_likelihood, self.noise + other.noise
        )

    def scale(self, factor: float) -> Self:
        """Return the statistics of the same rows with weights multiplied by `factor`."""
        return type(self)(self.gaussian.scale(factor), self.log_likelihood * factor, self.noise * factor)

    def move_to(self, other: Self) -> Self:
        """Return the same statistics about the points of `other`."""
        return replace(self, gaussian=self.gaussian.move_to(other.gaussian.reference))
