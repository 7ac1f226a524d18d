"""Where rows that are not in memory come from: arrays in files, sequences of blocks, Parquet."""

import mmap
import threading
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

# A piece holds about this many numbers, 8 MiB of them: several blocks, and little beside the cores' buffers.
_NUMBERS_PER_PIECE = 2**20
# What holds its numbers in memory says so by one of these: tables, tensors, sparse matrices, arrays of other libraries.
_IN_MEMORY = ("__array_interface__", "__dataframe__", "__arrow_c_stream__", "__dlpack__", "iloc", "toarray")


class Reader(ABC):
    """Rows that are read when they are asked for.

    Attributes
    ----------
    header : Any
        A table or array of any length with the columns of the rows.
    n_rows : int
    n_features : int
    """

    header: Any
    n_rows: int
    n_features: int

    @property
    @abstractmethod
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """Where pieces begin and end that are read at once."""

    @abstractmethod
    def parts(self, start: int, stop: int) -> Iterator[tuple[int, int, Any]]:
        """Yield the parts of a piece: the first row, the end, and the rows as they are stored."""

    def release(self, start: int, stop: int) -> object:
        """Take note that nobody looks at a piece any more."""
        return None


class SlicedReader(Reader):
    """An array in a file, or anything else with `shape` and slices of rows.

    Parameters
    ----------
    array : object
        With `shape` (n, p) and `[start:stop]`.
    """

    def __init__(self, array: Any, shape: tuple[int, int] | None = None) -> None:
        self._array = array
        self.n_rows, self.n_features = array.shape if shape is None else shape
        self.header = np.empty((0, self.n_features))
        # Who wrote the array's class may not have thought of several threads.
        self._lock = threading.Lock()

    @property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """Where pieces begin and end; chunks are stored, and mostly compressed, as a whole."""
        chunks = getattr(self._array, "chunks", None)
        chunk = chunks[0] if isinstance(chunks, tuple) and isinstance(chunks[0], int) else 1
        length = max(_NUMBERS_PER_PIECE // max(self.n_features, 1) // chunk, 1) * chunk
        return tuple((start, min(start + length, self.n_rows)) for start in range(0, self.n_rows, length))

    def parts(self, start: int, stop: int) -> Iterator[tuple[int, int, Any]]:
        """Yield the rows."""
        with self._lock:
            rows = self._array[start:stop]
        if np.ma.isMaskedArray(rows):
            rows = np.ma.filled(rows.astype(float), np.nan)
        yield start, stop, np.asarray(rows)


class MemmapReader(SlicedReader):
    """A memory map: rows are not copied, and their pages are given back when nobody looks at them any more."""

    def parts(self, start: int, stop: int) -> Iterator[tuple[int, int, Any]]:
        """Yield a view of the rows."""
        yield start, stop, np.asarray(self._array[start:stop])

    def release(self, start: int, stop: int) -> None:
        """Let the operating system have the pages."""
        release_pages(self._array, start, stop)


def release_pages(array: np.memmap, start: int, stop: int) -> None:
    """Let the operating system have the pages of some rows; they stay in its cache as long as it has room."""
    mapped = array._mmap  # type: ignore[attr-defined]
    # Changes to a copy-on-write map are nowhere else.
    if array.mode == "c" or mapped is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    rows = array[start:stop]
    base = np.frombuffer(mapped, np.uint8).ctypes.data
    # Where rows do not lie one after the other, columns do.
    for run in [rows] if rows.flags.c_contiguous else rows.T:
        offset = run.__array_interface__["data"][0] - base
        first, last = -(-offset // mmap.PAGESIZE) * mmap.PAGESIZE, offset + run.nbytes
        if run.flags.c_contiguous and last > first:
            mapped.madvise(mmap.MADV_DONTNEED, first, last - first)


class BlockReader(Reader):
    """A sequence of blocks of rows: it has a length, and `[i]` gives the same rows whenever it is asked.

    Parameters
    ----------
    blocks : sequence
        Each a table or array of shape (b, p).
    header : Any
        With the columns of the blocks.
    lengths : list of int
        The numbers of their rows.
    """

    def __init__(self, blocks: Any, header: Any, lengths: list[int]) -> None:
        self._blocks, self.header = blocks, header
        self.n_features = header.shape[1]
        self._begins = [0, *accumulate(lengths)]
        self.n_rows = self._begins[-1]
        self._lock = threading.Lock()

    @property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """Where pieces begin and end: several short blocks, or a long one."""
        length = _NUMBERS_PER_PIECE // max(self.n_features, 1)
        ends = [0]
        for begin, end in pairwise(self._begins):
            if end - ends[-1] > length and begin > ends[-1]:
                ends.append(begin)
        return tuple(pairwise([*ends, self.n_rows]))

    def parts(self, start: int, stop: int) -> Iterator[tuple[int, int, Any]]:
        """Yield the blocks of a piece."""
        for i in range(bisect_right(self._begins, start) - 1, len(self._begins) - 1):
            begin, end = self._begins[i], self._begins[i + 1]
            if begin >= stop:
                break
            if end > begin:
                with self._lock:
                    block = self._blocks[i]
                yield begin, end, block


class _Fragments:
    """A pyarrow data set as blocks: the row groups of Parquet, whole files of other formats."""

    def __init__(self, dataset: Any) -> None:
        self._names = dataset.schema.names
        self._fragments, self.lengths = [], []
        for fragment in dataset.get_fragments():
            if not hasattr(fragment, "split_by_row_group"):
                self._fragments.append(fragment)
                self.lengths.append(fragment.count_rows())
                continue
            for group in fragment.split_by_row_group():
                self._fragments.append(group)
                # The rows that such a part counts are those of its whole file.
                self.lengths.append(sum(stored.num_rows for stored in group.row_groups))

    def __getitem__(self, i: int) -> np.ndarray:
        table = self._fragments[i].to_table(columns=self._names)
        return np.column_stack([column.to_numpy() for column in table.columns])


def reader_of(X: Any) -> Reader | None:
    """Return how rows are read that are not in memory, or None for what is.

    Raises
    ------
    TypeError
        For what can be read only once.
    """
    if isinstance(X, np.memmap) and X.ndim == 2:
        return MemmapReader(X)
    if isinstance(X, Iterator):
        raise TypeError(
            f"X is a {type(X).__name__}, which can be read only once, but all rows are needed several times; give an "
            "array, or a sequence of blocks with len() and [i], or call partial_fit(block) for one block after the "
            "other."
        )
    if hasattr(X, "get_fragments") and hasattr(X, "schema"):
        fragments = _Fragments(X)
        return BlockReader(fragments, X.schema.empty_table(), fragments.lengths)
    if not hasattr(X, "__getitem__") or isinstance(X, np.ndarray | str | bytes | Mapping):
        return None
    if any(hasattr(X, name) for name in _IN_MEMORY):
        return None
    if hasattr(X, "shape"):
        return SlicedReader(X) if len(X.shape) == 2 else None
    if not hasattr(X, "__len__") or len(X) == 0 or hasattr(X, "__array__"):
        return None
    first = X[0]
    if isinstance(X, list | tuple) and isinstance(first, list | tuple):
        return None
    if np.ndim(first) == 2:
        return BlockReader(X, first, [len(first), *(len(X[i]) for i in range(1, len(X)))])
    if np.ndim(first) == 1 and not isinstance(X, list | tuple):
        return SlicedReader(X, (len(X), len(first)))
    return None
