"""Predictions, wherever the rows are and wherever the results are to go."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.pieces import StoredPieces
from sklearn_em.data.readers import release_pages
from sklearn_em.mixture.prediction import Predictor

# In memory or not.
Rows = ArraySource | StoredPieces
# What is predicted for rows in memory.
Prediction = Callable[[Predictor, ArraySource], np.ndarray]


def predicted(predictor: Predictor, what: Prediction, source: Rows, out: np.ndarray | None) -> np.ndarray:
    """Return the predictions for all rows, in `out` if it is given.

    Raises
    ------
    ValueError
        If `out` has another shape, or a type that cannot hold the predictions.
    """
    begin = 0
    for block in _blocks(predictor, what, source):
        if out is None:
            if len(block) == source.n_rows:
                return block
            out = np.empty((source.n_rows, *block.shape[1:]), dtype=block.dtype)
        elif begin == 0:
            _check_out(out, (source.n_rows, *block.shape[1:]), block.dtype)
        end = begin + len(block)
        out[begin:end] = block
        if isinstance(out, np.memmap):
            release_pages(out, begin, end)
        begin = end
    assert out is not None
    return out


def blocks_of(predictor: Predictor, what: Prediction, source: Rows) -> Iterator[np.ndarray]:
    """Yield the predictions for one block of rows after the other."""
    with predictor.workers:
        yield from _blocks(predictor, what, source)


def _blocks(predictor: Predictor, what: Prediction, source: Rows) -> Iterator[np.ndarray]:
    if isinstance(source, ArraySource):
        yield _in_type(what(predictor, source), source)
        return

    def of_piece(piece: ArraySource, workers: Workers) -> np.ndarray:
        return _in_type(what(predictor.by(workers), piece), piece)

    yield from source.each(of_piece, predictor.workers)


def _in_type(result: np.ndarray, source: ArraySource) -> np.ndarray:
    return result if result.dtype.kind == "i" else result.astype(source.dtype, copy=False)


def _check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype) -> None:
    if not isinstance(out, np.ndarray) and not hasattr(out, "__setitem__"):
        raise ValueError(f"out is a {type(out).__name__}; give an array of shape {shape}.")
    if tuple(out.shape) != shape:
        raise ValueError(f"out has shape {tuple(out.shape)}; the result has shape {shape}, give an array of it.")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise ValueError(f"out has dtype {out.dtype}, which cannot hold the result's {dtype}; give an array that can.")


def with_weight(predictor: Predictor, what: Any, source: ArraySource, workers: Workers) -> np.ndarray:
    """Return a sum over rows and the sum of their weights, (2,)."""
    return np.array([what(predictor.by(workers), source), source.total_weight])
