"""The number of free parameters, which criteria such as BIC charge for."""

import numpy as np

from sklearn_em.gaussian.covariance import Structure
from sklearn_em.gaussian.m_step import FixedGaussians


def n_parameters(
    structure: Structure,
    n_components: int,
    n_features: int,
    *,
    fixed: FixedGaussians | None = None,
    shares: np.ndarray | None = None,
    n_of_noise: int = 0,
) -> int:
    """Return the number of free parameters.

    Parameters
    ----------
    structure : Structure
    n_components, n_features : int
    fixed : FixedGaussians, optional
        Means and covariances that are not free.
    shares : ndarray of shape (K,), optional
        Fixed weights, NaN where they are free.
    n_of_noise : int
        1 for the weight of the noise, and 1 for its volume if that is taken from the data: mclust's count.
    """
    free_weights = n_components if shares is None else int(np.count_nonzero(np.isnan(shares)))
    free_means = free_covariances = n_components
    if fixed is not None:
        free_means -= int(np.count_nonzero(fixed.is_mean))
        # A covariance that all share is fixed for all or none.
        free_covariances -= int(np.broadcast_to(fixed.is_covariance, n_components).sum())
    of_covariances = structure.n_parameters(free_covariances, n_features) if free_covariances else 0
    return of_covariances + free_means * n_features + max(free_weights - 1, 0) + n_of_noise
