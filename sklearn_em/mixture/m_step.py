"""Statistics to parameters: mixing weights; the components' are their family's."""

import numpy as np

from sklearn_em.gaussian.statistics import GaussianStatistics


def mixing_weights(statistics: GaussianStatistics) -> np.ndarray:
    """Return each component's share of the mass, exactly 0 where there is none to speak of.

    References
    ----------
    Bishop (2006), "Pattern Recognition and Machine Learning", equation 9.26.
    """
    mass = statistics.mass if statistics.all_alive else np.where(statistics.alive, statistics.mass, 0.0)
    return mass / mass.sum()
