"""The one look at the data before EM: where they lie, how wide they are, and a sample to start from."""

from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from typing import Self

import numpy as np

from sklearn_em.data.block import ArraySource, Partition
from sklearn_em.data.draw import draw_sample
from sklearn_em.data.executors import Workers
from sklearn_em.data.sample import SAME_SHARE, Sample, power_of_two_near
from sklearn_em.data.source import Source

# The interquartile range of a Gaussian in standard deviations.
_INTERQUARTILE_RANGE = 1.3489795003921634
# A standard deviation below this many units in the last place of the largest value is rounding.
_CONSTANT = 8 * np.finfo(float).eps
# Extremes of short rows are taken over lines of so many numbers.
_LINE = 256


@dataclass(frozen=True, eq=False)
class Problem:
    """What every later step knows about the data. Lengths are in the data's units times `scale`.

    Attributes
    ----------
    n_rows : int
        The distinct rows of positive weight; where the sample is not whole, all rows of positive weight.
    weight : float
        The sum of weights.
    scale : ndarray of shape (p,)
        Powers of two that bring each feature near 1: exact, and no unit overflows or underflows.
    centre : ndarray of shape (p,)
        The weighted median, an actual value of each feature: a far row does not move it.
    variance : ndarray of shape (p,)
        The variance of each feature, as seen by regularisation: at most the squared robust scale, 1 (unscaled) for a
        constant feature.
    resolution : ndarray of shape (p,)
        The variance that rounding alone gives each feature.
    total : ndarray of shape (p, p)
        The sum of w z z^T over all rows, about the centre.
    observed : ndarray of shape (p,)
        The share of the weight of rows in which each feature is observed.
    mean : ndarray of shape (p,)
        The weighted mean of what is observed.
    covariance : ndarray of shape (p, p)
        About the mean; with gaps, of rows with the mean in them, brought to the variances of what is observed.
    low, high : ndarray of shape (p,)
        The smallest and the largest value.
    sample : Sample
        All rows of positive weight, or a systematic sample of them, unscaled.
    is_whole : bool
        Whether the sample is all the rows.
    """

    n_rows: int
    weight: float
    scale: np.ndarray
    centre: np.ndarray
    variance: np.ndarray
    resolution: np.ndarray
    total: np.ndarray
    observed: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    low: np.ndarray
    high: np.ndarray
    sample: Sample
    is_whole: bool

    def thinned(self, size: int) -> Self:
        """Return the same problem with at most `size` rows of the sample."""
        return replace(self, sample=self.sample.thinned(size), is_whole=False)

    def of_sample(self) -> Self:
        """Return the same problem with the sample for data."""
        sample = self.sample
        z = np.nan_to_num(sample.rows * self.scale - self.centre, nan=0.0)
        weight = float(sample.weight.sum())
        observed = sample.weight @ ~np.isnan(sample.rows) / weight
        return replace(
            self,
            n_rows=len(sample.rows),
            weight=weight,
            total=(z.T * sample.weight) @ z,
            observed=observed,
            is_whole=True,
        )


def weighted_quantiles(values: np.ndarray, weight: np.ndarray, levels: tuple[float, ...]) -> list[np.ndarray]:
    """Return, per level, the smallest value of each column below or at which that share of the weight lies."""
    columns = np.ascontiguousarray(values.T)
    if np.ptp(weight) == 0 and not np.isnan(columns).any():
        # As mostly: numbers alone are put in their places several times as fast as others with them.
        ranks = [max(int(np.ceil((level - SAME_SHARE) * len(weight))) - 1, 0) for level in levels]
        return list(np.partition(columns, ranks, axis=1)[:, ranks].T)
    # Missing values are sorted last.
    order = np.argsort(columns, axis=1)
    columns = np.take_along_axis(columns, order, axis=1)
    share = np.cumsum(np.where(np.isnan(columns), 0.0, weight[order]), axis=1)
    places = [(share < (level - SAME_SHARE) * share[:, -1:]).sum(axis=1, keepdims=True) for level in levels]
    return [np.take_along_axis(columns, place, axis=1)[:, 0] for place in places]


def scan(source: Source, n_components: int, one_scale: bool, workers: Workers) -> Problem:
    """Look at the data once before EM.

    Parameters
    ----------
    source : Source
    n_components : int
        How many components the sample is to start.
    one_scale : bool
        Whether all features are to be scaled alike, as structures that know only rotations need it.
    workers : Workers
    """
    low, high = box(source, workers)
    unit = power_of_two_near(np.maximum(high - low, np.maximum(abs(low), abs(high)) * _CONSTANT))
    # The mean is kept as a difference from a point near it: at a large offset its own digits would not do.
    some = source.some_rows.astype(float)
    (about,) = weighted_quantiles(some, np.ones(len(some)), (0.5,))
    # Not a number where some rows show nothing of a feature.
    about = np.nan_to_num(about) * unit
    sums = source.sum(partial(_Sums.of, unit=unit, about=about), workers)
    weight, (observed, shift, scatter) = sums.weight, sums.moments()
    spread = np.sqrt(np.maximum(scatter.diagonal() / weight, 0)) / unit

    sample, is_whole = draw_sample(source, unit, about + shift, scatter, weight, n_components, workers)
    lower, centre, upper = weighted_quantiles(sample.rows, sample.weight, (0.25, 0.5, 0.75))
    robust = (upper - lower) / _INTERQUARTILE_RANGE
    robust = np.where(robust > 0, np.minimum(robust, spread), spread)
    resolution = _CONSTANT * np.maximum(abs(low), abs(high))
    constant = spread <= resolution
    robust = np.where(constant, 1.0, robust)
    scale = power_of_two_near(robust)
    if one_scale:
        scale = np.full_like(scale, scale[~constant].min(initial=np.inf) if not constant.all() else 1.0)

    ratio = scale / unit
    shift = (about - centre * unit + shift) * ratio
    scatter = scatter * ratio[:, None] * ratio
    total = scatter + weight * shift[:, None] * shift
    n_rows = len(sample.rows) if is_whole else source.n_kept
    return Problem(
        n_rows=n_rows,
        weight=weight,
        scale=scale,
        centre=centre * scale,
        variance=(robust * scale) ** 2,
        resolution=(resolution * scale) ** 2,
        total=total,
        observed=observed,
        mean=centre * scale + shift,
        covariance=scatter / weight,
        low=low * scale,
        high=high * scale,
        sample=sample,
        is_whole=is_whole,
    )


def box(source: Source, workers: Workers, axes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest value of each feature, or along each column of `axes` (p, p)."""
    if axes is None and source.extent is not None:
        return source.extent
    extent = source.sum(partial(Extent.of, axes=axes), workers)
    return extent.low, extent.high


@dataclass(frozen=True, eq=False)
class Extent:
    """The smallest and the largest values (p,)."""

    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(source: ArraySource, workers: Workers, axes: np.ndarray | None = None) -> "Extent":
        """Look at rows, along the columns of `axes` (p, p) if there are any."""
        partition = Partition.of(source.n_rows, 3 * source.n_features)
        # fmin leaves missing values out, and takes longer.
        least, most = (np.fmin, np.fmax) if source.has_gaps else (np.minimum, np.maximum)

        def of_group(start: int) -> "Extent":
            low, high = np.full(source.n_features, np.inf), np.full(source.n_features, -np.inf)
            for span in partition.blocks(start):
                rows = _kept(source, *span)
                rows = rows if axes is None else rows @ axes
                least(low, _along_columns(least, rows, np.inf), out=low)
                most(high, _along_columns(most, rows, -np.inf), out=high)
            return Extent(low, high)

        return reduce(add, workers.map(lambda: of_group, partition.groups, 0))

    def __add__(self, other: "Extent") -> "Extent":
        """Take the further ends of both."""
        return Extent(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


def _kept(source: ArraySource, start: int, stop: int) -> np.ndarray:
    """Return the rows of positive weight."""
    rows = source.rows[start:stop]
    if source.weight is None or (weight := source.weight[start:stop]).all():
        return rows
    return rows[weight > 0]


def _along_columns(extreme: np.ufunc, rows: np.ndarray, nothing: float) -> np.ndarray:
    """Return the least or largest of each column of `rows` (m, p), or `nothing` where there are none."""
    # Many short rows side by side in a line: an inner loop over two features would take 30 times as long.
    per_line = max(_LINE // rows.shape[1], 1)
    whole = len(rows) // per_line * per_line
    lines = extreme.reduce(rows[:whole].reshape(-1, per_line * rows.shape[1]), axis=0, initial=nothing)
    return extreme.reduce(np.concatenate([lines.reshape(per_line, -1), rows[whole:]]), axis=0, initial=nothing)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over rows times a unit, about a point.

    Attributes
    ----------
    weight : float
        The sum of weights.
    products : ndarray of shape (p + o, p + o)
        The products of the features, 0 where missing, and of ones where they are not; one row of ones where none is.
    about : ndarray of shape (p,)
    """

    weight: float
    products: np.ndarray
    about: np.ndarray

    @staticmethod
    def of(source: ArraySource, workers: Workers, unit: np.ndarray, about: np.ndarray) -> "_Sums":
        """Sum over rows."""
        p = source.n_features
        n_ones = p if source.has_gaps else 1
        partition = Partition.of(source.n_rows, 3 * p)

        def of_group(start: int) -> "_Sums":
            total, products = 0.0, np.zeros((p + n_ones, p + n_ones))
            for first, stop in partition.blocks(start):
                rows = source.rows[first:stop]
                weight = None if source.weight is None else source.weight[first:stop]
                z = np.ones((p + n_ones, len(rows)))
                np.multiply(rows.T, unit[:, None], out=z[:p])
                z[:p] -= about[:, None]
                if source.has_gaps:
                    missing = np.isnan(z[:p])
                    z[:p][missing] = z[p:][missing] = 0.0
                products += (z if weight is None else z * weight) @ z.T
                total += len(rows) if weight is None else float(weight.sum())
            return _Sums(total, products, about)

        return reduce(add, workers.map(lambda: of_group, partition.groups, source.n_rows * (p + n_ones) ** 2))

    def __add__(self, other: "_Sums") -> "_Sums":
        """Add the sums of other rows."""
        return replace(self, weight=self.weight + other.weight, products=self.products + other.products)

    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the moments of the rows.

        Returns
        -------
        observed : ndarray of shape (p,)
            The share of the weight with which each feature is observed.
        shift : ndarray of shape (p,)
            The mean less `about`.
        scatter : ndarray of shape (p, p)
            About the mean; with gaps, of rows with the mean in them, brought to the variances of what is observed.
        """
        p, weight, products = len(self.about), self.weight, self.products
        counts, first = products[p:, p:], products[:p, p:]
        if len(counts) < p:
            shift = first[:, 0] / counts[0, 0]
            scatter = products[:p, :p] - counts[0, 0] * shift[:, None] * shift
            return np.ones(p), shift, (scatter + scatter.T) / 2
        observed = np.where(counts.diagonal() > 0, counts.diagonal(), 1.0)
        shift = first.diagonal() / observed
        scatter = products[:p, :p] - first * shift - (first * shift).T + counts * shift[:, None] * shift
        grown = np.sqrt(weight / observed)
        return counts.diagonal() / weight, shift, (scatter + scatter.T) / 2 * grown[:, None] * grown
