"""From Dask's collections to partitions of checked rows."""

from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from sklearn_em.data.block import ArraySource
from sklearn_em.data.dask import (
    DaskPieces,
    counted,
    in_row_chunks,
    is_lazy,
    lengths_of,
    optimised,
    parts_of,
    spread,
)
from sklearn_em.estimators.said import Place, Said, checked, checked_piece, sliceable

# What is said of each row.
_SAID = ("sample_weight", "known_labels")


@dataclass(frozen=True, eq=False)
class PartitionCheck:
    """The check of a partition, made where it is.

    Attributes
    ----------
    n_features : int
    said : Said
        What is the same for all rows.
    bounds : tuple of (int, int), optional
        Where the partitions begin and end, if that is known.
    """

    n_features: int
    said: Said
    bounds: tuple[tuple[int, int], ...] | None

    def __call__(self, number: int, rows: Any, weight: Any, labels: Any) -> ArraySource | None:
        """Return checked rows with what is said of them, or None where there are none."""
        n_rows, place = rows.shape[0], Place.of_partition(number)
        if self.bounds is not None:
            start, stop = self.bounds[number]
            n_rows, place = stop - start, Place.between(start, stop)
        given: dict[str, Any] = {
            name: part for name, part in zip(_SAID, (weight, labels), strict=True) if part is not None
        }
        for name, part in given.items():
            if len(part) != n_rows:
                raise ValueError(
                    f"{name} has {len(part)} entries for {place.piece}, which has {n_rows} rows; give {name} in "
                    "partitions as long as those of X."
                )
        if n_rows == 0:
            return None
        return checked_piece(checked(rows, place, n_rows, self.n_features), replace(self.said, **given), place)


def partitioned(estimator: Any, X: Any, said: Said, *, reset: bool) -> DaskPieces:
    """Return rows in Dask's partitions, which are checked where they are whenever they are looked at.

    Parameters
    ----------
    estimator : estimator
        Gets or has the number and the names of the features.
    X : dask.array.Array or dask.dataframe.DataFrame
    said : Said
    reset : bool
        Whether the estimator is to get the features from X.
    """
    X = in_row_chunks(X, "X", (2,))
    header = _header(X)
    check_array(np.zeros((1, header.shape[1])), estimator=estimator)
    validate_data(estimator, header, reset=reset, skip_check_array=True)
    lengths, given = lengths_of(X), {name: getattr(said, name) for name in _SAID}
    own = {name: values for name, values in given.items() if values is not None and np.ndim(values)}
    if lengths is None and not all(map(is_lazy, own.values())):
        lengths = counted(X)
    along = {name: _along(values, name, X, lengths) for name, values in own.items()}
    collections = dict(zip(("X", *along), optimised(X, *along.values()), strict=True))
    bounds = None if lengths is None else tuple(pairwise(accumulate(lengths, initial=0)))
    of_all: dict[str, Any] = dict.fromkeys(own)
    check = PartitionCheck(header.shape[1], replace(said, **of_all), bounds)
    columns = [parts_of(collections[name]) if name in collections else None for name in ("X", *_SAID)]
    example = ArraySource(np.zeros((1, header.shape[1]), dtype=_dtype(X)))
    return DaskPieces(check, columns, example, lengths)


def _header(X: Any) -> Any:
    """Return a table or array without rows that has the columns of X."""
    if not hasattr(X, "columns"):
        return np.empty((0, X.shape[1]))
    import pandas as pd

    return pd.DataFrame(columns=X.columns)


def _dtype(X: Any) -> np.dtype:
    """Return float32 if all of X is, else float64."""
    types = set(X.dtypes) if hasattr(X, "columns") else {X.dtype}
    return np.dtype(np.float32 if types == {np.dtype(np.float32)} else np.float64)


def _along(values: Any, name: str, X: Any, lengths: tuple[int, ...] | None) -> Any:
    """Return what is said of each row in chunks as long as those of X."""
    if not is_lazy(values):
        assert lengths is not None
        return spread(np.asarray(sliceable(values, name, sum(lengths))), lengths)
    values = in_row_chunks(values, name, (1, 2))
    if lengths is not None and lengths_of(values) is not None:
        return sliceable(values, name, sum(lengths)).rechunk({0: lengths})
    n_parts, n_own = X.npartitions, values.npartitions
    if n_own != n_parts:
        raise ValueError(
            f"{name} has {n_own} partitions of unknown length, but X has {n_parts}; give {name} in partitions as long "
            "as those of X, or arrays whose lengths are known, by compute_chunk_sizes() or to_dask_array(lengths=True)."
        )
    return values
