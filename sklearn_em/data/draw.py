"""A sample of the rows to start from: all where they are few, else some of every distance from the mean."""

from functools import partial

import numpy as np

from sklearn_em.data.choices import Drawing
from sklearn_em.data.executors import Workers
from sklearn_em.data.sample import Sample, power_of_two_near, whitening
from sklearn_em.data.source import Source

# Up to this many rows the sample is all the data; or up to so many per component if their responsibilities, of which a
# search holds several sets, are no more numbers than this, 8 MiB; but never less than so few per component.
_SAMPLE_ROWS = 8192
_SAMPLE_ROWS_PER_COMPONENT = 128
_MOST_RESPONSIBILITIES = 2**20
_FEWEST_PER_COMPONENT = 32
# The sample is chosen among so many distinct rows at most, which hold no more than so many numbers, if these are enough
# for the sample; with more than this share of the weight a row is always one of them.
_MOST_CHOICES = 2**15
_MOST_NUMBERS = 2**20
_HEAVY = 2.0**-14
# Moments are rounded to so many digits, so that it does not matter in which order they were summed.
_DIGITS = 2.0**36


def sample_size(n_components: int) -> int:
    """Return how many rows are enough to start so many components from."""
    affordable = max(_MOST_RESPONSIBILITIES // n_components, _FEWEST_PER_COMPONENT * n_components)
    return max(_SAMPLE_ROWS, min(_SAMPLE_ROWS_PER_COMPONENT * n_components, affordable))


def draw_sample(
    source: Source,
    unit: np.ndarray,
    mean: np.ndarray,
    scatter: np.ndarray,
    weight: float,
    n_components: int,
    workers: Workers,
) -> tuple[Sample, bool]:
    """Take all distinct rows, or every so many-th row in the order of their distance from the mean.

    The rows of which something is known are few, mostly, and are sampled by themselves.

    Parameters
    ----------
    source : Source
    unit : ndarray of shape (p,)
        What features are multiplied by before they are compared with `mean` (p,) and `scatter` (p, p), the sum of outer
        products about it.
    weight : float
        The sum of weights.
    n_components : int
    workers : Workers

    Returns
    -------
    sample : Sample
        Unscaled.
    is_whole : bool
        Whether it is all the rows.
    """
    size = sample_size(n_components)
    if source.n_kept <= size:
        return source.sum(Sample.of_kept, workers), True
    mean, axes = _frame(mean, scatter / weight)
    most = max(min(_MOST_CHOICES, _MOST_NUMBERS // len(unit)), 2 * size)
    choose = partial(Drawing.of, unit=unit, mean=mean, axes=axes, heavy=_HEAVY * weight, most=most)
    return source.of_sum(partial(Drawing.drawn, size=size), choose, workers)


def _frame(mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (p,) and axes (p, r + 1) along which to measure rows, those whitened and one more.

    The last one is a direction that no data set knows.
    """
    deviation = power_of_two_near(np.sqrt(np.maximum(covariance.diagonal(), np.finfo(float).tiny)))
    mean = np.round(mean * deviation * _DIGITS) / _DIGITS / deviation
    scale = deviation[:, None] * deviation
    covariance = np.round(covariance * scale * _DIGITS) / _DIGITS / scale
    direction = np.cos(np.arange(1.0, len(mean) + 1))
    direction /= np.sqrt(np.maximum(covariance.diagonal(), np.finfo(float).tiny))
    return mean, np.column_stack([whitening(covariance), direction])
