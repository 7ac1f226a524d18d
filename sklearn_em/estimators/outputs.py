"""Predictions, wherever the rows are and wherever the results are to go."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.source import Opened
from sklearn_em.mixture.prediction import Predictor

# What is predicted for rows in memory.
Prediction = Callable[[Predictor, ArraySource], np.ndarray]


def predicted(predictor: Predictor, what: Prediction, rows: Opened, out: np.ndarray | None) -> Any:
    """Return the predictions for all rows, in `out` if it is given; for rows in Dask's partitions a lazy array."""
    return rows.array(partial(_of_piece, predictor, what), predictor.workers, out)


def blocks_of(predictor: Predictor, what: Prediction, rows: Opened) -> Iterator[np.ndarray]:
    """Yield the predictions for one block of rows after the other."""
    with predictor.workers:
        yield from rows.each(partial(_of_piece, predictor, what), predictor.workers)


def _of_piece(predictor: Predictor, what: Prediction, piece: ArraySource, workers: Workers) -> np.ndarray:
    result = what(predictor.by(workers), piece)
    return result if result.dtype.kind == "i" else result.astype(piece.dtype, copy=False)


def with_weight(predictor: Predictor, what: Any, source: ArraySource, workers: Workers) -> np.ndarray:
    """Return a sum over rows and the sum of their weights, (2,)."""
    return np.array([what(predictor.by(workers), source), source.total_weight])
