"""Rows with missing values, sorted by which are missing: the rows of one pattern share all but their own products."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from sklearn_em.data.block import ArraySource, Block
from sklearn_em.data.evidence import Evidence


def segments(missing: np.ndarray) -> list[tuple[int, int]]:
    """Return where runs of rows that miss (n, p) the same begin and end."""
    change = np.flatnonzero((missing[1:] != missing[:-1]).any(axis=1)) + 1
    bounds = [0, *change.tolist(), len(missing)]
    return list(pairwise(bounds))


@dataclass(frozen=True, eq=False)
class GappedSource(ArraySource):
    """Rows with NaN where a value is missing; blocks come in the order of the patterns."""

    @cached_property
    def _order(self) -> np.ndarray:
        missing = np.isnan(self.rows)
        # Patterns with as many gaps lie together.
        return np.lexsort([*np.packbits(missing, axis=1).T[::-1], missing.sum(axis=1)])

    @cached_property
    def patterns(self) -> np.ndarray:
        """Which features are missing, in every way that occurs, (P, p) of bool."""
        missing = np.isnan(self.rows)[self._order]
        return missing[[start for start, _ in segments(missing)]]

    def block(self, start: int, stop: int) -> Block:
        """Return the rows from `start` to `stop` in the order of their patterns."""
        return self._at(self._order[start:stop])


def source_of(
    rows: np.ndarray,
    weight: np.ndarray | None = None,
    evidence: Evidence | None = None,
    weight_unit: float = 1.0,
) -> ArraySource:
    """Return rows as data to be summed over; a row with nothing observed gets no weight."""
    # One sum is the whole cost where nothing is missing.
    with np.errstate(over="ignore", invalid="ignore"):
        total = rows.sum()
    if np.isfinite(total) or not (missing := np.isnan(rows)).any():
        return ArraySource(rows, weight, evidence, weight_unit)
    if (empty := missing.all(axis=1)).any():
        weight = np.where(empty, 0.0, 1.0 if weight is None else weight)
    return GappedSource(rows, weight, evidence, weight_unit)
