"""Rows with missing values, sorted by which are missing: the rows of one pattern share all but their own products."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_em.data.block import ArraySource, Block, Partition
from sklearn_em.data.evidence import Evidence

# Sums of patterns are added in this many groups at most.
_MOST_GROUPS = 32
# What a pattern costs, in rows.
_ROWS_PER_PATTERN = 64


@dataclass(frozen=True)
class PatternPartition(Partition):
    """The cut of rows that are sorted by pattern: no block has rows of two.

    Like every partition it depends on the data and the model's size alone. `bounds` are the first rows of the patterns,
    and the end.
    """

    bounds: tuple[int, ...] = ()

    @property
    def is_one_block(self) -> bool:
        """Whether one block holds all rows."""
        return False

    @property
    def groups(self) -> Sequence[list[tuple[int, int]]]:
        """The blocks of each group: patterns next to each other with about the same number of rows in all."""
        spans = [
            (start, min(start + self.block_length, stop))
            for first, stop in zip(self.bounds[:-1], self.bounds[1:], strict=True)
            for start in range(first, stop, self.block_length)
        ]
        cost = np.cumsum([_ROWS_PER_PATTERN + stop - start for start, stop in spans])
        n_groups = min(_MOST_GROUPS, len(spans))
        group = np.minimum(cost * n_groups // (cost[-1] + 1), n_groups - 1)
        return [[spans[i] for i in np.flatnonzero(group == g)] for g in np.unique(group)]

    def blocks(self, group: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the first row and the end of each block of a group."""
        return group


@dataclass(frozen=True, eq=False)
class GappedSource(ArraySource):
    """Rows with NaN where a value is missing; blocks come in the order of the patterns."""

    @property
    def has_gaps(self) -> bool:
        """Whether values are missing."""
        return True

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, tuple[int, ...]]:
        """The places of the rows in the order of their patterns, and where each pattern begins."""
        bits = np.packbits(np.isnan(self.rows), axis=1)
        order = np.lexsort(bits.T[::-1])
        change = (bits[order[1:]] != bits[order[:-1]]).any(axis=1)
        return order, (0, *(np.flatnonzero(change) + 1).tolist(), self.n_rows)

    def partition(self, numbers_per_row: int, numbers_per_sum: int = 1, shortest: int = 0) -> Partition:
        """Cut the rows into blocks of one pattern each."""
        cut = super().partition(numbers_per_row, numbers_per_sum, shortest)
        return PatternPartition(cut.n_rows, cut.block_length, cut.group_length, self._sorted[1])

    def block(self, start: int, stop: int) -> Block:
        """Return the rows from `start` to `stop` in the order of their patterns."""
        return self._at(self._sorted[0][start:stop])


def source_of(rows: np.ndarray, weight: np.ndarray | None = None, evidence: Evidence | None = None) -> ArraySource:
    """Return rows as data to be summed over; a row with nothing observed gets no weight."""
    # One sum is the whole cost where nothing is missing.
    with np.errstate(over="ignore", invalid="ignore"):
        total = rows.sum()
    if np.isfinite(total) or not (missing := np.isnan(rows)).any():
        return ArraySource(rows, weight, evidence)
    if (empty := missing.all(axis=1)).any():
        weight = np.where(empty, 0.0, 1.0 if weight is None else weight)
    return GappedSource(rows, weight, evidence)
