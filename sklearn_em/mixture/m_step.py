"""Statistics to parameters: mixing weights, and the components by their family."""

import numpy as np

from sklearn_em.gaussian.m_step import alive


def mixing_weights(mass: np.ndarray) -> np.ndarray:
    """Return each component's share of the mass, exactly 0 where there is none to speak of.

    References
    ----------
    Bishop (2006), "Pattern Recognition and Machine Learning", equation 9.26.
    """
    mass = np.where(alive(mass), mass, 0.0)
    return mass / mass.sum()
