"""Rows that are not in memory as a whole: sums over pieces that come into memory one at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.gaps import GappedSource
from sklearn_em.data.gather import gathered
from sklearn_em.data.scan import Extent
from sklearn_em.data.source import A, Opened, Rows, Source, T, What

# Pieces are summed in at most this many groups, whose sums are then added in order.
_MOST_GROUPS = 32
# Of the rows that show where the data lie, so many are kept.
_SOME_ROWS = 256
# More than any product of matrices that is not worth threads.
_LARGE = 2**62


@dataclass(frozen=True, eq=False)
class StoredPieces(Opened):
    """Rows in a store, from which each worker reads piece after piece.

    Attributes
    ----------
    read : callable
        Returns the rows from start to stop, checked, with their weights and what is known of them.
    bounds : tuple of (int, int)
        Where the pieces begin and end.
    release : callable
        Is told when nobody looks at the rows from start to stop any more.
    """

    read: Callable[[int, int], ArraySource]
    bounds: tuple[tuple[int, int], ...]
    release: Callable[[int, int], object]

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return self.bounds[-1][1]

    def of_sum(self, then: Callable[[A], T], what: What[A], workers: Workers) -> T:
        """Add up in the order of the pieces, so that the sum is the same for any number of workers."""
        n = -(-len(self.bounds) // _MOST_GROUPS)
        groups = [self.bounds[i : i + n] for i in range(0, len(self.bounds), n)]

        def of_group(group: tuple[tuple[int, int], ...]) -> A:
            return reduce(add, (self._of_piece(what, span) for span in group))

        return then(reduce(add, _in_turns(of_group, groups, workers)))

    def each(self, what: Callable[[ArraySource, Workers], T], workers: Workers) -> Iterator[T]:
        """Yield what each piece says, in order."""
        return _in_turns(partial(self._of_piece, what), self.bounds, workers)

    def array(
        self, what: Callable[[ArraySource, Workers], np.ndarray], workers: Workers, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return what is said of each row, in `out` if it is given."""
        return gathered(self.each(what, workers), self.n_rows, out)

    def _of_piece(self, what: Callable[[ArraySource, Workers], T], span: tuple[int, int]) -> T:
        with Workers(1) as one:
            result = what(self.read(*span), one)
        self.release(*span)
        return result


def _in_turns(function: Callable[[Any], T], tasks: Sequence[Any], workers: Workers) -> Iterator[T]:
    """Yield the result of each task, in order; no more of them are held than there are workers."""
    n = workers.n_threads
    for i in range(0, len(tasks), n):
        yield from workers.map(lambda: function, tasks[i : i + n], _LARGE)


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of rows after one look: additive.

    Attributes
    ----------
    n_rows, n_kept : int
    weight : float
        The sum of weights in units of `unit`, a power of two near the largest.
    unit : float
    has_gaps, lacks_values : bool
        Whether values are missing, and whether in rows of positive weight.
    extent : Extent
        Infinite where nothing is observed.
    some_rows : ndarray of shape (m, p)
    has_evidence, is_decided : bool
    dtype : dtype
    """

    n_rows: int
    n_kept: int
    weight: float
    unit: float
    has_gaps: bool
    lacks_values: bool
    extent: Extent
    some_rows: np.ndarray
    has_evidence: bool
    is_decided: bool
    dtype: np.dtype

    @staticmethod
    def of(source: ArraySource, workers: Workers) -> "Facts":
        """Look at rows."""
        unit = 1.0
        if source.weight is not None and (largest := source.weight.max()) > 0:
            unit = power_of_two_below(largest)
            source = source.with_weight(source.weight / unit)
        n_kept = source.n_kept
        rows = source.some_rows if n_kept else source.rows[:0]
        return Facts(
            n_rows=source.n_rows,
            n_kept=n_kept,
            weight=source.total_weight,
            unit=unit,
            has_gaps=source.has_gaps,
            lacks_values=source.lacks_values,
            extent=Extent.of(source, workers),
            some_rows=np.array(rows, dtype=float),
            has_evidence=source.has_evidence,
            is_decided=source.is_decided,
            dtype=source.dtype,
        )

    def __add__(self, other: "Facts") -> "Facts":
        """Return what is known of all these rows."""
        unit = max(self.unit, other.unit)
        rows = np.concatenate([self.some_rows, other.some_rows])
        return Facts(
            n_rows=self.n_rows + other.n_rows,
            n_kept=self.n_kept + other.n_kept,
            weight=self.weight * (self.unit / unit) + other.weight * (other.unit / unit),
            unit=unit,
            has_gaps=self.has_gaps or other.has_gaps,
            lacks_values=self.lacks_values or other.lacks_values,
            extent=self.extent + other.extent,
            some_rows=rows[:: max(1, len(rows) // _SOME_ROWS)],
            has_evidence=self.has_evidence,
            is_decided=self.is_decided and other.is_decided,
            dtype=np.result_type(self.dtype, other.dtype),
        )


def power_of_two_below(weight: float) -> float:
    """Return the power of two next below a weight: exact as a unit, in which weights neither overflow nor underflow."""
    return float(np.ldexp(1.0, np.frexp(weight)[1] - 1))


@dataclass(frozen=True, eq=False)
class PieceSource(Source):
    """Rows in pieces, with what is known of them after one look.

    Attributes
    ----------
    pieces : Rows
    facts : Facts
    weight_unit : float
        What a weight of 1 is in the user's weights.
    """

    pieces: Rows
    facts: Facts
    weight_unit: float

    in_memory = False

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers in the rows."""
        return self.facts.dtype

    @property
    def n_rows(self) -> int:
        """The number of rows, those of weight 0 included."""
        return self.facts.n_rows

    @property
    def n_kept(self) -> int:
        """The number of rows of positive weight."""
        return self.facts.n_kept

    @property
    def n_features(self) -> int:
        """The number of columns."""
        return len(self.facts.extent.low)

    @property
    def total_weight(self) -> float:
        """The sum of weights, the number of rows where there are none."""
        return self.facts.weight * (self.facts.unit / self.weight_unit)

    @property
    def has_gaps(self) -> bool:
        """Whether the rows are treated as such with missing values."""
        return self.facts.has_gaps

    @property
    def lacks_values(self) -> bool:
        """Whether a row of positive weight has missing values."""
        return self.facts.lacks_values

    @property
    def never_observed(self) -> np.ndarray:
        """Which features are missing in every row of positive weight, (p,) of bool."""
        return self.facts.extent.low > self.facts.extent.high

    @property
    def has_evidence(self) -> bool:
        """Whether something is known of where rows came from."""
        return self.facts.has_evidence

    @property
    def is_decided(self) -> bool:
        """Whether the components of all rows are known, and the rows complete."""
        return self.facts.is_decided

    @property
    def some_rows(self) -> np.ndarray:
        """A few rows (m, p) of positive weight from everywhere, at least one."""
        return self.facts.some_rows

    @property
    def extent(self) -> tuple[np.ndarray, np.ndarray]:
        """The smallest and the largest value (p,) of each feature."""
        return self.facts.extent.low, self.facts.extent.high

    def of_sum(self, then: Callable[[A], T], what: What[A], workers: Workers) -> T:
        """Return `then` of the sum of what all pieces say, each looked at as what it is part of."""
        return self.pieces.of_sum(then, partial(_as_part, what, self.weight_unit, self.has_gaps), workers)


def _as_part(what: What[A], unit: float, has_gaps: bool, piece: ArraySource, workers: Workers) -> A:
    """Ask a piece of a source with these weights; where there are gaps somewhere, all pieces are treated alike."""
    if piece.weight is not None and unit != 1:
        piece = piece.with_weight(piece.weight / unit)
    if has_gaps and not piece.has_gaps:
        piece = GappedSource(piece.rows, piece.weight, piece.evidence)
    return what(replace(piece, weight_unit=unit), workers)
