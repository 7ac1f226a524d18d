"""Statistics to parameters: the maximum-likelihood Gaussians under a structure."""

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance.forms import ill_defined
from sklearn_em.gaussian.covariance.structure import Structure
from sklearn_em.gaussian.statistics import GaussianStatistics

# The scatter about the mean has lost this many units of its last place when moments about another point are moved.
_LOST = 1e7


def blurred_covariances(structure: Structure, statistics: GaussianStatistics, blur: np.ndarray) -> np.ndarray:
    """Return the covariances of the components that are alive, with every row blurred by the diagonal `blur` (p,).

    A row that is a cloud of covariance R instead of a point adds R to the second moments, so the scatter of a
    component gains mass_k R and any structure is solved on that: for a free covariance, S_k / mass_k + R.
    """
    scatter, mass = statistics.scatter, statistics.mass
    cloud = statistics.moments.of_diagonal(blur)
    if statistics.total is not None:
        return structure.estimate(scatter + mass.sum() * cloud, mass, len(blur))
    if not statistics.all_alive:
        scatter, mass = scatter[statistics.alive], mass[statistics.alive]
    return structure.estimate(scatter + mass.reshape(-1, *[1] * cloud.ndim) * cloud, mass, len(blur))


def m_step(
    structure: Structure,
    statistics: GaussianStatistics,
    blur: np.ndarray,
    previous: Gaussians,
    resolution: np.ndarray | None = None,
) -> Gaussians:
    """Return the maximum-likelihood components; one that has no mass left keeps its parameters.

    Parameters
    ----------
    structure : Structure
    statistics : GaussianStatistics
    blur : ndarray of shape (p,)
        The diagonal of R.
    previous : Gaussians
        Where components without mass take their parameters from.
    resolution : ndarray of shape (p,), optional
        The variances that are no more than rounding in the rows; a component of these is singular.

    Raises
    ------
    DegenerateError
        If a covariance is singular.
    """
    means = statistics.means
    covariances = blurred_covariances(structure, statistics, blur)
    if not statistics.all_alive:
        kept = statistics.alive
        means = np.where(kept[:, None], means, previous.means)
        if not structure.shared:
            estimated, covariances = covariances, previous.covariances.copy()
            covariances[kept] = estimated
    if resolution is not None and (bad := structure.form.unresolved(covariances, resolution)).any():
        raise ill_defined(np.flatnonzero(bad))
    return Gaussians.from_covariances(structure, means, covariances)


def lost_digits(statistics: GaussianStatistics, estimated: Gaussians) -> np.ndarray:
    """Return which components' scatter lost its digits when it was moved to their mean, (K,) of bool.

    A component can become tight within one M-step; its moments then have to be summed again about a point inside it.
    """
    distance = statistics.shift**2
    if statistics.total is not None:
        distance += statistics.total.diagonal() / statistics.mass.sum()
    return (estimated.precision_diagonal * distance).max(axis=1) > _LOST
