"""Rows in Dask's partitions: tasks sum where the rows are, sums are added up in a tree, and only its top comes back.

The one file that knows Dask, which is imported when rows are given in it and not before.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any
from uuid import uuid4

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.source import A, Opened, T, What

# So many sums are added by one task. A worker holds them at once, and a fit waits for one level after the other.
_FAN_IN = 8

# A part of the rows as Dask computes it: its number, the rows, their weights, what is known of them; None where empty.
Check = Callable[[int, Any, Any, Any], ArraySource | None]


@dataclass(frozen=True, eq=False)
class DaskPieces(Opened):
    """Rows in partitions that are made, or held, by Dask.

    What is asked of the rows is one node of a graph, on which a task for each partition depends.

    Attributes
    ----------
    check : callable
        Returns a partition's rows, checked, with their weights and what is known of them; None where there are none.
    columns : sequence of (sequence of Delayed, or None)
        The partitions of the rows, of their weights and of what is known of them.
    example : ArraySource
        A row of the right width and type, to see what predictions look like.
    lengths : tuple of int, optional
        How many rows the partitions have, if that is known.
    """

    check: Check
    columns: Sequence[Sequence[Any] | None]
    example: ArraySource
    lengths: tuple[int, ...] | None

    def of_sum(self, then: Callable[[A], T], what: What[A], workers: Workers) -> T:
        """Add up in a tree of fixed order, so that the sum is the same on any number of workers."""
        from dask.task_spec import Task, TaskRef

        name = f"em-sum-{uuid4().hex}"
        layer, keys = self._asked(name, what)
        level = 0
        while len(keys) > 1:
            level += 1
            below = {(name, level, i): keys[i : i + _FAN_IN] for i in range(0, len(keys), _FAN_IN)}
            layer.update({key: Task(key, _added, *map(TaskRef, some)) for key, some in below.items()})
            keys = list(below)
        layer[name] = Task(name, _ended, then, TaskRef(keys[0]))
        return self._delayed(name, layer, name).compute()

    def each(self, what: Callable[[ArraySource, Workers], T], workers: Workers) -> Iterator[T]:
        """Yield what each partition says, in order, one computed after the other."""
        name = f"em-each-{uuid4().hex}"
        layer, keys = self._asked(name, what)
        for key in keys:
            value = self._delayed(name, layer, key).compute()
            if value is not None:
                yield value

    def array(
        self, what: Callable[[ArraySource, Workers], np.ndarray], workers: Workers, out: np.ndarray | None = None
    ) -> Any:
        """Return what is said of each row as a lazy Dask array, in chunks as long as the partitions.

        Raises
        ------
        ValueError
            If `out` is given.
        """
        if out is not None:
            raise ValueError(
                "out is given, but X is a Dask collection, of which predictions are lazy Dask arrays; leave out away, "
                "and write what is returned by dask.array.store(result, out) or result.to_zarr(path)."
            )
        import dask.array as da
        from dask.task_spec import Task, TaskRef

        example = what(self.example, workers)
        tail = example.shape[1:]
        name = f"em-array-{uuid4().hex}"
        layer, keys = self._asked(name, what)
        empty = example[:0]
        for i, key in enumerate(keys):
            place = (name, i, *(0 for _ in tail))
            layer[place] = Task(place, _in_type, TaskRef(key), empty)
        rows = (np.nan,) * len(keys) if self.lengths is None else self.lengths
        return da.Array(self._graph(name, layer), name, (rows, *((n,) for n in tail)), meta=empty)

    def _asked(self, name: str, what: Callable[[ArraySource, Workers], Any]) -> tuple[dict[Any, Any], list[Any]]:
        """Return tasks that ask every partition, and their keys."""
        from dask.task_spec import DataNode, Task, TaskRef

        asked = f"{name}-asked"
        layer: dict[Any, Any] = {asked: DataNode(asked, partial(_of_partition, self.check, what))}
        keys = [(f"{name}-of-rows", i) for i in range(self._n_parts)]
        columns = [column or [None] * len(keys) for column in self.columns]
        for key, *parts in zip(keys, *columns, strict=True):
            refs = [None if part is None else TaskRef(part.key) for part in parts]
            layer[key] = Task(key, _called, TaskRef(asked), key[1], *refs)
        return layer, keys

    @property
    def _n_parts(self) -> int:
        rows = self.columns[0]
        assert rows is not None
        return len(rows)

    def _graph(self, name: str, layer: dict[Any, Any]) -> Any:
        from dask.highlevelgraph import HighLevelGraph

        below = [column[0] for column in self.columns if column is not None]
        return HighLevelGraph.from_collections(name, layer, dependencies=below)

    def _delayed(self, name: str, layer: dict[Any, Any], key: Any) -> Any:
        from dask.delayed import Delayed

        return Delayed(key, self._graph(name, layer), layer=name)


def _called(asked: Callable[..., T], *parts: Any) -> T:
    return asked(*parts)


def _of_partition(check: Check, what: Callable[[ArraySource, Workers], T], number: int, *parts: Any) -> T | None:
    source = check(number, *parts)
    if source is None:
        return None
    # Dask runs as many tasks at once as there are cores.
    with Workers(1) as one:
        return what(source, one)


def _added(*values: A | None) -> A | None:
    present = [value for value in values if value is not None]
    return reduce(add, present) if present else None


def _ended(then: Callable[[A], T], value: A | None) -> T:
    if value is None:
        raise ValueError("X has no rows: all its partitions are empty; give at least one row.")
    return then(value)


def _in_type(value: np.ndarray | None, empty: np.ndarray) -> np.ndarray:
    return empty if value is None else value.astype(empty.dtype, copy=False)


def is_lazy(values: Any) -> bool:
    """Return whether values are a Dask collection."""
    if not hasattr(values, "__dask_graph__"):
        return False
    from dask import is_dask_collection

    return bool(is_dask_collection(values))


def in_row_chunks(values: Any, name: str, n_dimensions: tuple[int, ...]) -> Any:
    """Return a Dask array or table in chunks of whole rows.

    Raises
    ------
    TypeError
        For other collections.
    ValueError
        If it has another number of dimensions.
    """
    # A Delayed has every attribute.
    if not isinstance(getattr(values, "ndim", None), int):
        raise TypeError(
            f"{name} is a Dask collection of type {type(values).__name__}; give a dask array or a dask DataFrame."
        )
    if values.ndim not in n_dimensions:
        need = " or ".join(map(str, n_dimensions))
        raise ValueError(f"{name} has {values.ndim} dimensions; give a Dask collection of {need}, rows first.")
    is_split = hasattr(values, "chunks") and values.ndim == 2 and values.numblocks[1] > 1
    return values.rechunk({1: -1}) if is_split else values


def lengths_of(values: Any) -> tuple[int, ...] | None:
    """Return the lengths of the chunks of rows, if they are known."""
    if not hasattr(values, "chunks") or np.isnan(values.chunks[0]).any():
        return None
    return tuple(values.chunks[0])


def counted(values: Any) -> tuple[int, ...]:
    """Return the lengths of the partitions, which are computed."""
    from dask import compute, delayed

    return compute(*map(delayed(len, pure=False), parts_of(*optimised(values))))


def spread(values: np.ndarray, lengths: tuple[int, ...]) -> Any:
    """Return an array in memory in chunks of these lengths, where Dask holds its results."""
    import dask.array as da

    chunks = (lengths, *((n,) for n in values.shape[1:]))
    return da.from_array(values, chunks=chunks, name=False).persist()


def optimised(*values: Any) -> list[Any]:
    """Return collections whose graphs are optimised, once for all passes.

    Several arrays are left as they are: what they have in common, the rows of which weights are made, Dask's optimiser
    would compute for each of them.
    """
    from dask import optimize

    if sum(hasattr(one, "chunks") for one in values) > 1:
        return [one if hasattr(one, "chunks") else one.optimize() for one in values]
    return [optimize(one)[0] if hasattr(one, "chunks") else one.optimize() for one in values]


def parts_of(values: Any) -> list[Any]:
    """Return the partitions of rows of an array or a table."""
    return list(np.ravel(values.to_delayed(optimize_graph=False)))
