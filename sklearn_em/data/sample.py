"""Distinct rows to start from, and the coordinates in which they are compared."""

from dataclasses import dataclass

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.evidence import Evidence
from sklearn_em.data.executors import Workers
from sklearn_em.data.gaps import source_of

# Directions with less than this share of the largest variance are not distances but noise.
_RANK = 1e-10
# Room for rounding, so that weights and repeated rows meet the same side of a share that falls between two rows.
SAME_SHARE = 2.0**-41


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
    def of_kept(cls, source: ArraySource, workers: Workers) -> "Sample":
        """Take all rows of positive weight."""
        kept = slice(None) if source.weight is None else np.flatnonzero(source.weight)
        rows = source.rows[kept].astype(float)
        weight = np.ones(len(rows)) if source.weight is None else source.weight[kept]
        return cls.of(rows, weight, None if source.evidence is None else source.evidence.take(kept))

    def __add__(self, other: "Sample") -> "Sample":
        """Return the rows of both."""
        rows, weight = np.concatenate([self.rows, other.rows]), np.concatenate([self.weight, other.weight])
        evidence = None if self.evidence is None or other.evidence is None else self.evidence.joined(other.evidence)
        return Sample.of(rows, weight, evidence)

    def thinned(self, size: int) -> "Sample":
        """Return at most `size` rows that stand for all of them."""
        weight = thinned_weight(self.weight, size)
        kept = np.flatnonzero(weight)
        return Sample(self.rows[kept], weight[kept], None if self.evidence is None else self.evidence.take(kept))

    @property
    def source(self) -> ArraySource:
        """The sample as data to be summed over."""
        return source_of(self.rows, self.weight, self.evidence)


def thinned_weight(weight: np.ndarray, size: int) -> np.ndarray:
    """Return weights (n,) of the same sum for at most `size` of n rows, and 0 for all others.

    Rows heavier than one of `size` equal parts keep their weight; of the others every so many-th has that of its step.
    """
    if len(weight) <= size:
        return weight
    is_light = weight / weight.sum() * size <= 1 + SAME_SHARE
    cumulative = np.cumsum(weight[is_light])
    n_steps = size - (len(weight) - len(cumulative))
    levels = (np.arange(n_steps) + 0.5) / n_steps - SAME_SHARE
    chosen = np.searchsorted(cumulative, levels * cumulative[-1])
    result = weight.copy()
    result[is_light] = np.bincount(chosen, minlength=len(cumulative)) * (cumulative[-1] / n_steps)
    return result


def whitening(covariance: np.ndarray) -> np.ndarray:
    """Return W (p, r) such that the columns of z W are uncorrelated with unit variance if z has this covariance."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > _RANK * values[-1]
    return vectors[:, kept] / np.sqrt(values[kept])


def power_of_two_near(spread: np.ndarray) -> np.ndarray:
    """Return powers of two, within the range of normal numbers, that bring `spread` to between 1 and 2."""
    exponent = np.frexp(spread)[1] - 1
    return np.ldexp(1.0, np.clip(-exponent, -1000, 1000))
