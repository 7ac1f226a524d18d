"""Some rows with their weights, and how data are cut into such blocks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np

from sklearn_em.data.evidence import Evidence, Places
from sklearn_em.data.executors import Workers
from sklearn_em.data.gather import gathered
from sklearn_em.data.source import A, Opened, Source, T, What

# A worker's buffers for one block: 2^19 numbers are 4 MiB. In shorter blocks, which would fit the level-2 cache whole,
# two threads mostly wait for each other: every call of NumPy gives the interpreter's lock away and takes it back.
_NUMBERS_PER_BLOCK = 2**19
_SHORTEST, _LONGEST = 192, 2**15
# Blocks are multiples of this many to a pass, so that two or four workers get equal shares.
_SHARES = 4
# Blocks are summed in at most this many groups, whose sums are then added in order.
_MOST_GROUPS = 32
# So many rows show where the data lie.
_SOME_ROWS = 64
# All groups' sums together: 2^22 numbers of 8 bytes are 32 MiB.
_MOST_NUMBERS_IN_SUMS = 2**22


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows as they lie in the data.

    Attributes
    ----------
    rows : ndarray of shape (b, p)
        NaN where a value is missing.
    weight : ndarray of shape (b,), optional
        None where all weigh 1.
    places : slice or ndarray of shape (b,)
        Where they lie.
    evidence : ndarray of shape (C, b), optional
        The log plausibilities of the components.
    """

    rows: np.ndarray
    weight: np.ndarray | None
    places: Places
    evidence: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class ArraySource(Source, Opened):
    """Complete rows in an array or memory map, never copied as a whole, with what is known of them.

    Attributes
    ----------
    rows : ndarray of shape (n, p)
    weight : ndarray of shape (n,), optional
        None where all weigh 1.
    evidence : Evidence, optional
    weight_unit : float
        What a weight of 1 is in the user's weights.
    """

    rows: np.ndarray
    weight: np.ndarray | None = None
    evidence: Evidence | None = None
    weight_unit: float = 1.0

    in_memory = True
    extent = None

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers in the rows."""
        return self.rows.dtype

    @property
    def n_rows(self) -> int:
        """The number of rows, those of weight 0 included."""
        return self.rows.shape[0]

    @property
    def n_kept(self) -> int:
        """The number of rows of positive weight."""
        return self.n_rows if self.weight is None else int(np.count_nonzero(self.weight))

    @property
    def n_features(self) -> int:
        """The number of columns."""
        return self.rows.shape[1]

    @property
    def total_weight(self) -> float:
        """The sum of weights, the number of rows where there are none."""
        return float(self.n_rows if self.weight is None else self.weight.sum())

    @property
    def kept_rows(self) -> np.ndarray:
        """The rows of positive weight."""
        return self.rows if self.weight is None or self.weight.all() else self.rows[self.weight > 0]

    @property
    def has_gaps(self) -> bool:
        """Whether the rows are treated as such with missing values."""
        return self.patterns is not None

    @property
    def lacks_values(self) -> bool:
        """Whether a row of positive weight has missing values."""
        return self.has_gaps and bool(np.isnan(self.kept_rows).any())

    @property
    def never_observed(self) -> np.ndarray:
        """Which features are missing in every row of positive weight, (p,) of bool."""
        return np.isnan(self.kept_rows).all(axis=0) if self.has_gaps else np.zeros(self.n_features, dtype=bool)

    @property
    def patterns(self) -> np.ndarray | None:
        """Which features are missing, in every way that occurs, (P, p) of bool; None where none ever is."""
        return None

    @property
    def has_evidence(self) -> bool:
        """Whether something is known of where rows came from."""
        return self.evidence is not None

    @property
    def is_decided(self) -> bool:
        """Whether the components of all rows are known, and the rows complete."""
        return self.evidence is not None and not self.has_gaps and self.evidence.is_decisive

    @property
    def some_rows(self) -> np.ndarray:
        """A few rows (m, p) of positive weight from everywhere, at least one."""
        spread = slice(None, None, max(1, self.n_rows // _SOME_ROWS))
        if self.weight is None:
            return self.rows[spread]
        weighty = self.weight[spread] > 0
        # One row will do where all of these were left out.
        return self.rows[spread][weighty] if weighty.any() else self.rows[[self.weight.argmax()]]

    def of_sum(self, then: Callable[[A], T], what: What[A], workers: Workers) -> T:
        """Return `then` of what the rows say."""
        return then(what(self, workers))

    def each(self, what: Callable[["ArraySource", Workers], T], workers: Workers) -> Iterator[T]:
        """Yield what the rows say."""
        yield what(self, workers)

    def array(
        self, what: Callable[["ArraySource", Workers], np.ndarray], workers: Workers, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return what is said of each row, in `out` if it is given."""
        return gathered(self.each(what, workers), self.n_rows, out)

    def block(self, start: int, stop: int) -> Block:
        """Return a view of the rows from `start` to `stop`."""
        return self._at(slice(start, stop))

    def with_weight(self, weight: np.ndarray | None) -> Self:
        """Return the same rows with other weights."""
        return replace(self, weight=weight)

    def _at(self, places: Places) -> Block:
        weight = None if self.weight is None else self.weight[places]
        evidence = None if self.evidence is None else self.evidence.log_plausibility(places)
        return Block(self.rows[places], weight, places, evidence)


@dataclass(frozen=True)
class Partition:
    """The cut of n rows into blocks, and of the blocks into groups.

    It depends on the data and the model's size alone, not on who sums, and sums are added in its order: so the
    result is the same to the last bit for any number of workers.
    """

    n_rows: int
    block_length: int
    group_length: int

    @staticmethod
    @lru_cache(maxsize=64)
    def of(n_rows: int, numbers_per_row: int, numbers_per_sum: int = 1, shortest: int = 0) -> "Partition":
        """Cut so that a block's buffers stay near the cores, and all sums in some memory.

        Parameters
        ----------
        n_rows : int
        numbers_per_row : int
            How many numbers a worker holds for each row of a block.
        numbers_per_sum : int
            How many numbers a sum holds.
        shortest : int
            A block is to be no shorter than this, if the data are not.
        """
        longest = min(max(_NUMBERS_PER_BLOCK // max(numbers_per_row, 1), _SHORTEST, shortest), _LONGEST)
        if n_rows <= longest:
            return Partition(n_rows, max(n_rows, 1), max(n_rows, 1))
        n_blocks = -(-n_rows // longest)
        n_blocks = -(-n_blocks // _SHARES) * _SHARES
        block_length = -(-n_rows // n_blocks)
        n_groups = min(max(_MOST_NUMBERS_IN_SUMS // max(numbers_per_sum, 1), 4), _MOST_GROUPS)
        blocks_per_group = -(-n_blocks // n_groups)
        return Partition(n_rows, block_length, block_length * blocks_per_group)

    @property
    def is_one_block(self) -> bool:
        """Whether one block holds all rows."""
        return self.n_rows <= self.block_length

    @property
    def groups(self) -> Sequence[Any]:
        """What stands for each group: its first row."""
        return range(0, self.n_rows, self.group_length)

    def blocks(self, group_start: Any) -> list[tuple[int, int]]:
        """Return the first row and the end of each block of a group."""
        group_stop = min(group_start + self.group_length, self.n_rows)
        starts = range(group_start, group_stop, self.block_length)
        return [(start, min(start + self.block_length, group_stop)) for start in starts]
