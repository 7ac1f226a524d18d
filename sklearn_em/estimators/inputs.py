"""From what the user gives as X to a source of checked rows, in memory or not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from sklearn_em.data.block import ArraySource
from sklearn_em.data.evidence import Evidence
from sklearn_em.data.executors import Workers
from sklearn_em.data.gaps import source_of
from sklearn_em.data.pieces import Facts, PieceSource, StoredPieces, power_of_two_below
from sklearn_em.data.readers import Reader, reader_of
from sklearn_em.data.source import Rows, Source
from sklearn_em.estimators.checks import FLOATS, check_some_weight, checked_weight


@dataclass(frozen=True)
class Said:
    """What the user says of rows, and how to check it.

    Attributes
    ----------
    sample_weight, known_labels : Any, optional
    check_labels : callable, optional
        Returns the evidence in labels of so many rows.
    in_units : bool
        Whether weights may be taken in another unit, so that none is too large or too small.
    """

    sample_weight: Any = None
    known_labels: Any = None
    check_labels: Callable[[Any, int], Evidence] | None = None
    in_units: bool = True

    def of(self, rows: np.ndarray) -> ArraySource:
        """Return checked rows with what is said of them, which is as long as they are."""
        weight = checked_weight(self.sample_weight, len(rows))
        evidence = None
        if self.known_labels is not None and self.check_labels is not None:
            evidence = self.check_labels(self.known_labels, len(rows))
        return source_of(rows, weight, evidence)

    def along(self, n_rows: int) -> "Said":
        """Return the same in a form of which slices can be taken."""
        weight = _sliceable(self.sample_weight, "sample_weight", n_rows)
        return replace(self, sample_weight=weight, known_labels=_sliceable(self.known_labels, "known_labels", n_rows))

    def between(self, start: int, stop: int) -> "Said":
        """Return what is said of the rows from start to stop."""
        weight, labels = (
            values if values is None or np.ndim(values) == 0 else np.asarray(values[start:stop])
            for values in (self.sample_weight, self.known_labels)
        )
        return replace(self, sample_weight=weight, known_labels=labels)


def opened(estimator: Any, X: Any, said: Said, *, reset: bool) -> ArraySource | StoredPieces:
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
    reader = reader_of(X)
    if reader is None:
        rows = validate_data(estimator, X, reset=reset, dtype=FLOATS, ensure_all_finite="allow-nan")
        return said.of(rows)
    check_array(np.zeros((min(reader.n_rows, 1), reader.n_features)), estimator=estimator)
    validate_data(estimator, reader.header, reset=reset, skip_check_array=True)
    pieces = stored(reader, said)
    return pieces.read(0, reader.n_rows) if len(pieces.bounds) == 1 else pieces


def looked_at(rows: ArraySource | Rows, said: Said, workers: Workers) -> Source:
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
        parts = [checked(rows, first, last, reader.n_features) for first, last, rows in reader.parts(start, stop)]
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return checked_piece(rows, along.between(start, stop), start)

    return StoredPieces(read, reader.bounds, reader.release)


def checked(rows: Any, start: int, stop: int, n_features: int) -> np.ndarray:
    """Return the rows from start to stop of X as numbers.

    Raises
    ------
    ValueError
        That names these rows, where they are not as they should be.
    """
    try:
        array: np.ndarray = check_array(rows, dtype=FLOATS, ensure_all_finite="allow-nan", input_name="X")
    except ValueError as error:
        raise ValueError(f"In X[{start}:{stop}], rows {start} to {stop - 1}: {error}") from None
    if len(array) != stop - start:
        raise ValueError(
            f"X[{start}:{stop}], rows {start} to {stop - 1}, had {stop - start} rows when X was first looked at and "
            f"has {len(array)} now; X must give the same rows whenever it is asked."
        )
    if array.shape[1] != n_features:
        raise ValueError(
            f"X[{start}:{stop}], rows {start} to {stop - 1}, has {array.shape[1]} features, but the first rows have "
            f"{n_features}; all rows must have the same features."
        )
    return array


def checked_piece(rows: np.ndarray, said: Said, start: int) -> ArraySource:
    """Return checked rows, the first of which is number `start`, with what is said of them."""
    try:
        return said.of(rows)
    except ValueError as error:
        raise ValueError(
            f"Of rows {start} to {start + len(rows) - 1}, counted from the first of them: {error}"
        ) from None


def _in_units(source: ArraySource, said: Said) -> ArraySource:
    """Take the weights, not all of which are zero, in a unit near the largest."""
    if said.sample_weight is None:
        return source
    assert source.weight is not None
    check_some_weight(source.weight.max())
    if not said.in_units:
        return source
    unit = power_of_two_below(source.weight.max())
    return replace(source, weight=source.weight / unit, weight_unit=unit)


def _sliceable(values: Any, name: str, n_rows: int) -> Any:
    """Return what is said of each row as something of which slices can be taken."""
    if values is None or np.isscalar(values):
        return values
    if not hasattr(values, "shape") or hasattr(values, "iloc"):
        values = np.asarray(values)
    if values.shape and values.shape[0] != n_rows:
        raise ValueError(f"{name} has shape {values.shape}, but X has {n_rows} rows; give one entry for each of them.")
    return values
