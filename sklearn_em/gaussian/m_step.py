"""Statistics to parameters: the maximum-likelihood Gaussians under a structure."""

import numpy as np

from sklearn_em.em import DegenerateError
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance.forms import ill_defined
from sklearn_em.gaussian.covariance.structure import Structure
from sklearn_em.gaussian.statistics import GaussianStatistics

# The scatter about the mean has lost this many units of its last place when moments about another point are moved.
_LOST = 1e7


def blurred_covariances(
    structure: Structure, statistics: GaussianStatistics, blur: np.ndarray, previous: np.ndarray | None = None
) -> np.ndarray:
    """Return the covariances of the components that are alive, with every row blurred by the diagonal `blur` (p,).

    A row that is a cloud of covariance R instead of a point adds R to the second moments, so the scatter of a
    component gains mass_k R and any structure is solved on that: for a free covariance, S_k / mass_k + R.
    Structures without a closed form go on from the covariances `previous`, if given.
    """
    scatter, mass, p = statistics.scatter, statistics.mass, len(blur)
    cloud = structure.moments.of_diagonal(blur)
    if statistics.total is not None:
        pooled = structure.moments.of_matrices(scatter) + mass.sum() * cloud
        return structure.estimate(pooled, mass, p, previous)
    scatter = scatter + mass.reshape(-1, *[1] * cloud.ndim) * cloud
    if statistics.all_alive:
        return structure.estimate(scatter, mass, p, previous)
    kept = np.flatnonzero(statistics.alive)
    if previous is not None and not structure.shared:
        previous = previous[kept]
    try:
        return structure.estimate(scatter[kept], mass[kept], p, previous)
    except DegenerateError as error:
        raise ill_defined(kept[list(error.components)]) from None


def m_step(
    structure: Structure,
    statistics: GaussianStatistics,
    blur: np.ndarray,
    previous: Gaussians,
    resolution: np.ndarray | None = None,
    *,
    afresh: bool = False,
) -> Gaussians:
    """Return the maximum-likelihood components; one that has no mass left keeps its parameters.

    Parameters
    ----------
    structure : Structure
    statistics : GaussianStatistics
    blur : ndarray of shape (p,)
        The diagonal of R.
    previous : Gaussians
        Where components without mass take their parameters from, and where structures without a closed form begin.
    resolution : ndarray of shape (p,), optional
        The variances that are no more than rounding in the rows; a component of these is singular.
    afresh : bool, default=False
        Whether structures without a closed form look everywhere, in place of going on from `previous`.

    Raises
    ------
    DegenerateError
        If a covariance is singular.
    """
    means = statistics.means
    covariances = blurred_covariances(structure, statistics, blur, None if afresh else previous.covariances)
    if not statistics.all_alive:
        kept = statistics.alive
        means = np.where(kept[:, None], means, previous.means)
        if not structure.shared:
            covariances = structure.form.updated(previous.covariances, covariances, kept)
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
