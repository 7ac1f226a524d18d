"""What the user says of rows, and the checks of both, with errors that say which rows they are about."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.utils.validation import check_array

from sklearn_em.data.block import ArraySource
from sklearn_em.data.evidence import Evidence
from sklearn_em.data.gaps import source_of
from sklearn_em.estimators.checks import FLOATS, checked_weight


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

    def along(self, n_rows: int) -> Self:
        """Return the same in a form of which slices can be taken."""
        weight = sliceable(self.sample_weight, "sample_weight", n_rows)
        return replace(self, sample_weight=weight, known_labels=sliceable(self.known_labels, "known_labels", n_rows))

    def between(self, start: int, stop: int) -> Self:
        """Return what is said of the rows from start to stop."""
        weight, labels = (
            values if values is None or np.ndim(values) == 0 else np.asarray(values[start:stop])
            for values in (self.sample_weight, self.known_labels)
        )
        return replace(self, sample_weight=weight, known_labels=labels)


class Place(NamedTuple):
    """Where rows are, in words: the piece of X, and its rows."""

    piece: str
    rows: str

    @classmethod
    def between(cls, start: int, stop: int) -> Self:
        """Return the place of the rows from start to stop."""
        rows = f"rows {start} to {stop - 1}"
        return cls(f"X[{start}:{stop}], {rows}", rows)

    @classmethod
    def of_partition(cls, number: int) -> Self:
        """Return the place of a partition before which nobody knows how many rows there are."""
        return cls(f"partition {number} of X", f"the rows of partition {number}")


def checked(rows: Any, place: Place, n_rows: int, n_features: int) -> np.ndarray:
    """Return rows of X as numbers.

    Raises
    ------
    ValueError
        That names these rows, where they are not as they should be.
    """
    try:
        array: np.ndarray = check_array(rows, dtype=FLOATS, ensure_all_finite="allow-nan", input_name="X")
    except ValueError as error:
        raise ValueError(f"In {place.piece}: {error}") from None
    if len(array) != n_rows:
        raise ValueError(
            f"{place.piece}, had {n_rows} rows when X was first looked at and has {len(array)} now; X must give the "
            "same rows whenever it is asked."
        )
    if array.shape[1] != n_features:
        raise ValueError(
            f"{place.piece}, has {array.shape[1]} features, but the first rows have {n_features}; all rows must have "
            "the same features."
        )
    return array


def checked_piece(rows: np.ndarray, said: Said, place: Place) -> ArraySource:
    """Return checked rows with what is said of them."""
    try:
        return said.of(rows)
    except ValueError as error:
        raise ValueError(f"Of {place.rows}, counted from the first of them: {error}") from None


def sliceable(values: Any, name: str, n_rows: int) -> Any:
    """Return what is said of each row as something of which slices can be taken."""
    if values is None or np.isscalar(values):
        return values
    if not hasattr(values, "shape") or hasattr(values, "iloc"):
        values = np.asarray(values)
    if values.shape and values.shape[0] != n_rows:
        raise ValueError(f"{name} has shape {values.shape}, but X has {n_rows} rows; give one entry for each of them.")
    return values
