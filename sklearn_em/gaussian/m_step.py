"""Statistics to parameters: the most probable Gaussians under a structure."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_em.em import DegenerateError
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance.forms import ill_defined
from sklearn_em.gaussian.covariance.structure import Structure
from sklearn_em.gaussian.prior import GaussianPrior
from sklearn_em.gaussian.statistics import GaussianStatistics, beside, scatter_of

# The scatter about the mean has lost this many units of its last place when moments about another point are moved.
_LOST = 1e7


@dataclass(frozen=True, eq=False)
class FixedGaussians:
    """The components' parameters that stay as they are; NaN where they are free.

    Attributes
    ----------
    means : ndarray of shape (K, p)
    covariances : ndarray of shape (G, ...)
        In the structure's form.
    """

    means: np.ndarray
    covariances: np.ndarray

    @cached_property
    def is_mean(self) -> np.ndarray:
        """Which means are fixed, (K, 1) of bool."""
        return ~np.isnan(self.means[:, :1])

    @cached_property
    def is_covariance(self) -> np.ndarray:
        """Which covariances are fixed, (G,) of bool."""
        return np.asarray(~np.isnan(self.covariances.reshape(len(self.covariances), -1)[:, 0]))


@dataclass(frozen=True, eq=False)
class Terms:
    """What besides the rows decides about the components.

    Attributes
    ----------
    blur : ndarray of shape (p,)
        The diagonal of R, the covariance of the tiny cloud that stands for each row. It adds R to a row's second
        moments, so any structure is solved on scatter_k + mass_k R: for a free covariance, S_k / mass_k + R.
    resolution : ndarray of shape (p,), optional
        The variances that are no more than rounding in the rows; a component of these is singular.
    prior : GaussianPrior, optional
    fixed : FixedGaussians, optional
    """

    blur: np.ndarray
    resolution: np.ndarray | None = None
    prior: GaussianPrior | None = None
    fixed: FixedGaussians | None = None

    @cached_property
    def blur_of_each(self) -> np.ndarray:
        """The blur as each covariance sees it, (p,) or (G, p): a fixed one needs none."""
        if self.fixed is None or not self.fixed.is_covariance.any():
            return self.blur
        return np.where(self.fixed.is_covariance[:, None], 0.0, self.blur)

    def with_fixed_means(self, means: np.ndarray) -> np.ndarray:
        """Return means (K, p) with the fixed ones in their places."""
        return means if self.fixed is None else np.where(self.fixed.is_mean, self.fixed.means, means)

    @property
    def has_prior_of_covariances(self) -> bool:
        """Whether a covariance has a maximum even where there are no rows."""
        return self.prior is not None and self.prior.scale is not None


def m_step(
    structure: Structure, statistics: GaussianStatistics, terms: Terms, previous: Gaussians, *, afresh: bool = False
) -> Gaussians:
    """Return the most probable components; what has neither mass nor a prior stays as it was.

    Parameters
    ----------
    structure : Structure
    statistics : GaussianStatistics
    terms : Terms
    previous : Gaussians
        Where components without mass take their parameters from, and where structures without a closed form begin.
    afresh : bool, default=False
        Whether structures without a closed form look everywhere, in place of going on from `previous`.

    Raises
    ------
    DegenerateError
        If a covariance is singular.
    """
    means = _means(statistics, terms, previous.means)
    covariances = _covariances(structure, statistics, terms, means, previous.covariances, afresh)
    if terms.resolution is not None and (bad := structure.form.unresolved(covariances, terms.resolution)).any():
        raise ill_defined(np.flatnonzero(bad))
    return Gaussians.from_covariances(structure, means, covariances)


def covariances_alone(structure: Structure, statistics: GaussianStatistics, terms: Terms) -> np.ndarray:
    """Return the covariances that have no others to go on from; all components are to have mass."""
    p = statistics.means.shape[1]
    return structure.estimate(*_scatter_and_counts(structure, statistics, terms, statistics.means), p, None)


def _means(statistics: GaussianStatistics, terms: Terms, previous: np.ndarray) -> np.ndarray:
    means, prior = statistics.means, terms.prior
    if prior is not None and prior.mean is not None:
        away = prior.mean - statistics.reference
        share = (prior.mean_precision / (prior.mean_precision + statistics.mass))[:, None]
        means = statistics.reference + ((1 - share) * statistics.shift + share * away)
    elif not statistics.all_alive:
        means = np.where(statistics.alive[:, None], means, previous)
    return terms.with_fixed_means(means)


def _covariances(
    structure: Structure,
    statistics: GaussianStatistics,
    terms: Terms,
    means: np.ndarray,
    previous: np.ndarray,
    afresh: bool,
) -> np.ndarray:
    """Solve the structure on scatter and counts of the components that are free."""
    if terms.fixed is not None and (is_fixed := terms.fixed.is_covariance).any():
        previous = structure.form.updated(previous, terms.fixed.covariances[is_fixed], is_fixed)
    before = None if afresh else previous
    free = _free(structure, statistics, terms)
    if free is not None and not free.any():
        return previous
    scatter, counts = _scatter_and_counts(structure, statistics, terms, means)
    if free is None:
        return structure.estimate(scatter, counts, means.shape[1], before)
    try:
        estimated = structure.estimate(
            scatter[free], counts[free], means.shape[1], None if before is None else before[free]
        )
    except DegenerateError as error:
        raise ill_defined(np.flatnonzero(free)[list(error.components)]) from None
    return structure.form.updated(previous, estimated, free)


def _free(structure: Structure, statistics: GaussianStatistics, terms: Terms) -> np.ndarray | None:
    """Return which covariances are to be estimated, (G,) of bool; None for all, as nearly always."""
    has_rows = terms.has_prior_of_covariances or statistics.all_alive
    if has_rows and terms.fixed is None:
        return None
    free = np.ones(1 if structure.shared else len(statistics.mass), dtype=bool)
    if not has_rows:
        free &= statistics.alive.any() if structure.shared else statistics.alive
    if terms.fixed is not None:
        free &= ~terms.fixed.is_covariance
    return None if free.all() else free


def _scatter_and_counts(
    structure: Structure, statistics: GaussianStatistics, terms: Terms, means: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scatter about `means` with all that counts as scatter, and how many rows it counts as, (G,).

    Without a prior, scatter_k + mass_k R and mass_k; one pooled entry where the components share their covariance.
    """
    moments, mass, prior = structure.moments, statistics.mass, terms.prior
    scatter = scatter_of(structure, statistics)
    about: list[np.ndarray] = []
    counts = mass
    if means is not statistics.means:
        about.append(beside(mass, scatter) * moments.outer(means - statistics.means))
    if prior is not None and prior.mean is not None:
        about.append(prior.mean_precision * moments.outer(means - prior.mean))
        counts = counts + 1
    if structure.shared:
        mass, counts = mass.sum(keepdims=True), counts.sum(keepdims=True)
        about = [sums.sum(axis=0) for sums in about]
    scatter = moments.blurred(scatter, mass, terms.blur)
    for sums in about:
        scatter += sums
    if prior is not None and prior.scale is not None:
        scatter, counts = scatter + prior.scale, counts + prior.covariance_count(means.shape[1])
    return scatter, counts


def lost_digits(statistics: GaussianStatistics, estimated: Gaussians) -> np.ndarray:
    """Return the components whose scatter lost its digits when it was moved to their mean.

    A component can become tight within one M-step; its moments then have to be summed again about a point inside it.
    """
    distance = statistics.shift**2
    if statistics.total is not None:
        distance += statistics.total.diagonal() / statistics.total_mass
    units = estimated.precision_diagonal * distance
    # A sum of all is at hand sooner than each one's maximum, and tells as much where nothing is lost.
    return np.flatnonzero(units.max(axis=1) > _LOST) if units.sum() > _LOST else np.empty(0, dtype=np.intp)
