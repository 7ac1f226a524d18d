"""Distinct rows to start from, and the coordinates in which they are compared."""

from dataclasses import dataclass

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.evidence import Evidence
from sklearn_em.data.executors import Workers
from sklearn_em.data.gaps import source_of

# Directions with less than this share of the largest variance are not distances but noise.
_RANK = 1e-10


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

    @property
    def source(self) -> ArraySource:
        """The sample as data to be summed over."""
        return source_of(self.rows, self.weight, self.evidence)


def whitening(covariance: np.ndarray) -> np.ndarray:
    """Return W (p, r) such that the columns of z W are uncorrelated with unit variance if z has this covariance."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > _RANK * values[-1]
    return vectors[:, kept] / np.sqrt(values[kept])


def power_of_two_near(spread: np.ndarray) -> np.ndarray:
    """Return powers of two, within the range of normal numbers, that bring `spread` to between 1 and 2."""
    exponent = np.frexp(spread)[1] - 1
    return np.ldexp(1.0, np.clip(-exponent, -1000, 1000))
