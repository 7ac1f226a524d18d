"""From what the user gives as X to a source of checked rows, in memory or not."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from sklearn_em.data.block import ArraySource
from sklearn_em.data.dask import is_lazy
from sklearn_em.data.executors import Workers
from sklearn_em.data.pieces import Facts, PieceSource, StoredPieces, power_of_two_below
from sklearn_em.data.readers import Reader, reader_of
from sklearn_em.data.source import Opened, Source
from sklearn_em.estimators.checks import FLOATS, check_some_weight
from sklearn_em.estimators.partitions import partitioned
from sklearn_em.estimators.said import Place, Said, checked, checked_piece


def opened(estimator: Any, X: Any, said: Said, *, reset: bool) -> Opened:
    """Return rows that are checked when they are read: now if they are in memory, else a piece at a time.

    Parameters
    ----------
    estimator : estimator
        Gets or has the number and the names of the features.
    X : array-like, or rows that are not in memory
    said : Said
    reset : bool
        Whether the estimator is to get the features from X.
    """
    if is_lazy(X):
        return partitioned(estimator, X, said, reset=reset)
    reader = reader_of(X)
    if reader is None:
        rows = validate_data(estimator, X, reset=reset, dtype=FLOATS, ensure_all_finite="allow-nan")
        return said.of(rows)
    check_array(np.zeros((min(reader.n_rows, 1), reader.n_features)), estimator=estimator)
    validate_data(estimator, reader.header, reset=reset, skip_check_array=True)
    pieces = stored(reader, said)
    return pieces.read(0, reader.n_rows) if len(pieces.bounds) == 1 else pieces


def looked_at(rows: Opened, said: Said, workers: Workers) -> Source:
    """Return rows as a source, after one look at them if they are not in memory."""
    if isinstance(rows, ArraySource):
        return _in_units(rows, said)
    facts = rows.sum(Facts.of, workers)
    if said.sample_weight is not None:
        check_some_weight(facts.weight)
    return PieceSource(rows, facts, facts.unit if said.in_units else 1.0)


def stored(reader: Reader, said: Said) -> StoredPieces:
    """Return rows as pieces that are checked when they are read."""
    along = said.along(reader.n_rows)

    def read(start: int, stop: int) -> ArraySource:
        parts = [
            checked(rows, Place.between(first, last), last - first, reader.n_features)
            for first, last, rows in reader.parts(start, stop)
        ]
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return checked_piece(rows, along.between(start, stop), Place.between(start, stop))

    return StoredPieces(read, reader.bounds, reader.release)


def _in_units(source: ArraySource, said: Said) -> ArraySource:
    """Take the weights, not all of which are zero, in a unit near the largest."""
    if said.sample_weight is None:
        return source
    assert source.weight is not None
    largest = source.weight.max()
    check_some_weight(largest)
    if not said.in_units:
        return source
    unit = power_of_two_below(largest)
    return replace(source, weight=source.weight / unit, weight_unit=unit)
