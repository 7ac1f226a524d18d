"""A sample of the rows to start from: all distinct ones where they are few, else some of every distance from the mean.

Distances in the metric of the total scatter do not depend on the rows' order, on units, or on whether a row is repeated
or weighs more; so neither does the sample. It is drawn in one pass that holds a bounded number of rows.
"""

from dataclasses import dataclass

import numpy as np

from sklearn_em.data.block import ArraySource, Partition
from sklearn_em.data.evidence import Evidence
from sklearn_em.data.gaps import source_of

# Up to this many rows (or this many per component) the sample is all the data.
_SAMPLE_ROWS = 8192
_SAMPLE_ROWS_PER_COMPONENT = 128
# Distinct rows among which the sample is chosen, and the share of the weight from which a row is always one of them.
_MOST_CHOICES = 2**17
_HEAVY = 2.0**-14
# Directions with less than this share of the largest variance are not distances but noise.
_RANK = 1e-10
_GRID = 2.0**32


def sample_size(n_components: int) -> int:
    """Return how many rows are enough to start so many components from."""
    return max(_SAMPLE_ROWS, _SAMPLE_ROWS_PER_COMPONENT * n_components)


@dataclass(frozen=True, eq=False)
class Sample:
    """Distinct rows in lexicographic order.

    Attributes
    ----------
    rows : ndarray of shape (m, p)
    weight : ndarray of shape (m,)
        The sum of the weights of each, all positive.
    evidence : Evidence, optional
        What is known of each; rows of different evidence are distinct.
    """

    rows: np.ndarray
    weight: np.ndarray
    evidence: Evidence | None = None

    @classmethod
    def of(cls, rows: np.ndarray, weight: np.ndarray, evidence: Evidence | None = None) -> "Sample":
        """Merge equal rows."""
        # + 0.0 turns -0.0 into 0.0, its equal.
        rows = rows + 0.0
        keys = rows if evidence is None else np.column_stack([rows, evidence.keys])
        # A missing value is equal to a missing value.
        keys = np.nan_to_num(keys, nan=np.inf)
        width = 1
        while True:
            # Most data are told apart by their first features: sort by few, and by more only where that is not so.
            order = np.lexsort(keys[:, :width].T[::-1])
            same = (keys[order[1:], :width] == keys[order[:-1], :width]).all(axis=1)
            if width >= keys.shape[1] or not same.any():
                break
            width *= 4
        first = np.concatenate([[True], ~same])
        merged = np.bincount(np.cumsum(first) - 1, weights=weight[order])
        return cls(rows[order[first]], merged, None if evidence is None else evidence.take(order[first]))

    @classmethod
    def joined(cls, one: "Sample", other: "Sample") -> "Sample":
        """Return the rows of both."""
        evidence = None if one.evidence is None or other.evidence is None else one.evidence.joined(other.evidence)
        rows = np.concatenate([one.rows, other.rows])
        return cls.of(rows, np.concatenate([one.weight, other.weight]), evidence)

    @property
    def source(self) -> ArraySource:
        """The sample as data to be summed over."""
        return source_of(self.rows, self.weight, self.evidence)


@dataclass(frozen=True, eq=False)
class _Choices:
    """Rows that may be chosen, by place in the data (m,), with their weights (m,).

    `distance` and `along` (m,) tell rows apart: the distance from the mean, and for equal ones the place along a fixed
    direction that no data set knows.
    """

    place: np.ndarray
    weight: np.ndarray
    distance: np.ndarray
    along: np.ndarray

    def __getitem__(self, which: np.ndarray) -> "_Choices":
        return _Choices(self.place[which], self.weight[which], self.distance[which], self.along[which])

    @staticmethod
    def merged(parts: "list[_Choices]") -> "_Choices":
        """Return all of them, sorted by distance, equal rows merged."""
        joined = _Choices(
            *(np.concatenate(pair) for pair in zip(*(vars(part).values() for part in parts), strict=True))
        )
        order = np.argsort(joined.distance)
        if not (np.diff(joined.distance[order]) > 0).all():
            order = np.lexsort((joined.along, joined.distance))
        joined = joined[order]
        first = np.concatenate([[True], (np.diff(joined.distance) > 0) | (np.diff(joined.along) > 0)])
        merged = np.bincount(np.cumsum(first) - 1, weights=joined.weight)
        return _Choices(joined.place[first], merged, joined.distance[first], joined.along[first])

    def are_kept(self, halvings: int, heavy: float) -> np.ndarray:
        """Draw one row in 2^halvings, the same ones wherever and however often they occur, and all heavy rows."""
        # + 0.0 turns -0.0 into 0.0.
        mixed = (self.distance + 0.0).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= (self.along + 0.0).view(np.uint64)
        for shift in (np.uint64(32), np.uint64(29)):
            mixed ^= mixed >> shift
            mixed *= np.uint64(0xD6E8FEB86659FD93)
        return (mixed < np.uint64(2 ** (64 - halvings) - 1)) | (self.weight > heavy)


def whitening(covariance: np.ndarray) -> np.ndarray:
    """Return W (p, r) such that the columns of z W are uncorrelated with unit variance if z has this covariance."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > _RANK * values[-1]
    return vectors[:, kept] / np.sqrt(values[kept])


def draw_sample(
    source: ArraySource, unit: np.ndarray, mean: np.ndarray, scatter: np.ndarray, weight: float, n_components: int
) -> tuple[Sample, bool]:
    """Take all distinct rows, or every so many-th row in the order of their distance from the mean.

    The rows of which something is known are few, mostly, and are sampled by themselves.

    Parameters
    ----------
    source : ArraySource
    unit : ndarray of shape (p,)
        What features are multiplied by before they are compared with `mean` (p,) and `scatter` (p, p), the sum of outer
        products about it.
    weight : float
        The sum of weights.
    n_components : int

    Returns
    -------
    sample : Sample
        Unscaled.
    is_whole : bool
        Whether it is all the rows.
    """
    size = sample_size(n_components)
    if source.n_kept <= size:
        kept = slice(None) if source.weight is None else np.flatnonzero(source.weight)
        return _taken(source, kept), True
    axes = _axes(unit, scatter / weight)
    if source.evidence is None:
        return _drawn(source, unit, mean, axes, size)
    each = np.ones(source.n_rows) if source.weight is None else source.weight
    known = source.evidence.is_informative
    parts = [source.with_weight(np.where(which, each, 0.0)) for which in (known, ~known)]
    drawn = [_drawn(part, unit, mean, axes, size) for part in parts if part.n_kept]
    sample = drawn[0][0] if len(drawn) == 1 else Sample.joined(drawn[0][0], drawn[1][0])
    return sample, all(is_whole for _, is_whole in drawn)


def _taken(source: ArraySource, places: slice | np.ndarray, weight: np.ndarray | None = None) -> Sample:
    """Return the rows in these places, with their own weights if no others are given."""
    rows = source.rows[places].astype(float)
    if weight is None:
        weight = np.ones(len(rows)) if source.weight is None else source.weight[places]
    return Sample.of(rows, weight, None if source.evidence is None else source.evidence.take(places))


def _axes(unit: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return axes (p, r + 1) along which to measure rows: whitened ones, and a direction that no data set knows."""
    direction = np.cos(np.arange(1.0, len(unit) + 1))
    direction /= np.sqrt(np.maximum(covariance.diagonal(), np.finfo(float).tiny))
    return np.column_stack([whitening(covariance), direction])


def _drawn(source: ArraySource, unit: np.ndarray, mean: np.ndarray, axes: np.ndarray, size: int) -> tuple[Sample, bool]:
    if source.n_kept <= size:
        assert source.weight is not None
        return _taken(source, np.flatnonzero(source.weight)), True
    weight = source.total_weight
    choices, share = _choices(source, unit, mean, axes, weight)
    if share == 1 and len(choices.place) <= size:
        return _taken(source, choices.place, choices.weight), True
    stands_for = np.cumsum(np.where(choices.weight > _HEAVY * weight, choices.weight, choices.weight / share))
    chosen = choices.place[np.searchsorted(stands_for, (np.arange(size) + 0.5) / size * stands_for[-1])]
    return _taken(source, chosen, np.full(size, weight / size)), False


def _choices(
    source: ArraySource, unit: np.ndarray, mean: np.ndarray, axes: np.ndarray, weight: float
) -> tuple[_Choices, float]:
    """Return the distinct rows of positive weight, sorted by distance, or a share of them, and that share."""
    partition = Partition.of(source.n_rows, 3 * source.n_features)
    parts: list[_Choices] = []
    halvings = 0
    spans = [span for group in partition.groups for span in partition.blocks(group)]
    for start, stop in spans:
        places = np.arange(start, stop)
        if source.weight is not None:
            places = places[source.weight[start:stop] > 0]
        weights = np.ones(len(places)) if source.weight is None else source.weight[places]
        z = source.rows[start:stop] if len(places) == stop - start else source.rows[places]
        z = z * unit - mean
        evidence = 0.0 if source.evidence is None else _told_apart(source.evidence.take(places).keys)
        if source.has_gaps:
            # At the mean, but not the same as a row that is there.
            missing = np.isnan(z)
            evidence = evidence + _told_apart(missing)
            z[missing] = 0.0
        z = z @ axes
        distance = np.round(np.square(z[:, :-1]).sum(axis=1) * _GRID)
        found = _Choices(places, weights, distance, np.round((z[:, -1] + evidence) * _GRID))
        parts.append(found[found.are_kept(halvings, _HEAVY * weight)] if halvings else found)
        if sum(len(part.place) for part in parts) < 2 * _MOST_CHOICES and stop < source.n_rows:
            continue
        # What is kept in the end does not depend on when the parts were merged: the number only grows.
        parts = [_Choices.merged(parts)]
        while len(parts[0].place) > _MOST_CHOICES:
            halvings += 1
            parts = [parts[0][parts[0].are_kept(halvings, _HEAVY * weight)]]
    return parts[0], 0.5**halvings


def _told_apart(keys: np.ndarray) -> np.ndarray:
    """Return a number for each row of `keys` (m, c) that is another one where the row is."""
    return np.asarray(keys @ np.sin(np.arange(1.0, keys.shape[1] + 1)))
