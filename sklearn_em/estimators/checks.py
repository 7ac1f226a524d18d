"""Checks of rows, weights and what a start is given, with one sentence for each mistake."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from sklearn_em.data.source import Source
from sklearn_em.gaussian.covariance import Structure

FLOATS = (np.float64, np.float32)


@contextmanager
def unchanged_on_error(estimator: object) -> Iterator[None]:
    """Give an estimator its attributes back if the block raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def checked_numbers(array: Any, name: str, **options: Any) -> np.ndarray:
    """Return an array of any shape, a single number included, that scikit-learn has looked at."""
    # A single number, as spheres of one size have, is not an array to scikit-learn.
    array = np.asarray(array)
    checked = check_array(np.atleast_1d(array), ensure_2d=False, allow_nd=True, input_name=name, **options)
    return np.asarray(checked).reshape(array.shape)


def check_sample_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return the weights as float64 of shape (n_samples,), not all zero, or None if none were given."""
    weight = checked_weight(sample_weight, n_samples)
    if weight is not None:
        check_some_weight(weight.max())
    return weight


def check_some_weight(most: float) -> None:
    """Raise ValueError where all weights are zero."""
    if most == 0:
        raise ValueError("sample_weight is zero for every row; at least one weight must be positive.")


def checked_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return the weights as float64 of shape (n_samples,), or None if none were given."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, float(sample_weight))
    weight = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}; it must have one weight for each of the {n_samples} samples, "
            f"shape ({n_samples},)."
        )
    if (weight < 0).any():
        row = int(np.argmin(weight))
        raise ValueError(
            f"sample_weight[{row}] is {weight[row]:g}; weights must be 0 (the row is left out) or positive."
        )
    return weight


def check_observed(source: Source, n_components: int, is_weighted: bool) -> None:
    """Raise ValueError where there are fewer rows to go by than components, or a feature is never observed."""
    n_rows = source.n_kept
    if n_rows < n_components:
        which = " of positive sample_weight" if is_weighted and n_rows < source.n_rows else ""
        which += " with something observed" if source.has_gaps else ""
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, n_samples = {n_rows}{which}."
        )
    if never := np.flatnonzero(source.never_observed).tolist():
        raise ValueError(
            f"Features {never} of X are NaN in every row that counts; leave them out, nothing can be learnt of them."
        )


def check_weights(weights: Any, n_components: int, parameter: str) -> np.ndarray:
    """Return mixing weights (K,), which sum to 1, given as this parameter."""
    weights = check_array(weights, dtype=FLOATS, ensure_2d=False, input_name=parameter)
    _check_shape(weights, (n_components,), "weights", parameter)
    if (weights < 0).any() or (weights > 1).any():
        # scikit-learn's sentence gives the two values in this order, and its tests expect it.
        raise ValueError(
            f"The parameter 'weights' should be in the range [0, 1], but got max value {weights.min():.5f}, "
            f"min value {weights.max():.5f}; mend {parameter}."
        )
    tolerance = 1e-6 if weights.dtype == np.float32 else 1e-8
    if abs(weights.sum() - 1) > tolerance:
        raise ValueError(
            f"The parameter 'weights' should be normalized, but got sum(weights) = {weights.sum():.5f}; divide "
            f"{parameter} by its sum."
        )
    weights = weights.astype(np.float64)
    return weights / weights.sum()


def check_means(means: Any, n_components: int, n_features: int) -> np.ndarray:
    """Return initial means (K, p)."""
    means = check_array(means, dtype=FLOATS, ensure_2d=False, input_name="means_init")
    _check_shape(means, (n_components, n_features), "means", "means_init")
    return means.astype(np.float64)


def check_precisions(precisions: Any, structure: Structure, n_components: int, n_features: int) -> np.ndarray:
    """Return the Cholesky factors of initial precisions, as used inside, (G, ...)."""
    precisions = checked_numbers(precisions, "precisions_init", dtype=FLOATS)
    name = f"{structure.name} precision"
    _check_shape(precisions, structure.natural_shape(n_components, n_features), name, "precisions_init")
    # An inverse computed in single precision is symmetric to single precision.
    tolerance = 1e-3 if precisions.dtype == np.float32 else 1e-6
    inside = structure.from_natural(precisions.astype(np.float64), n_features)
    matrices = structure.form.natural.matrices(inside, n_features)
    try:
        if not np.allclose(matrices, matrices.swapaxes(-1, -2), rtol=tolerance, atol=tolerance * abs(matrices).min()):
            raise np.linalg.LinAlgError("not symmetric")
        return structure.form.precision_cholesky_of_precisions(inside)
    except np.linalg.LinAlgError:
        kind = "symmetric, positive-definite" if inside.ndim == 3 else "positive"
        raise ValueError(f"'{name}' should be {kind}; mend precisions_init.") from None


def _check_shape(array: np.ndarray, shape: tuple[int, ...], name: str, parameter: str) -> None:
    if array.shape != shape:
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}; mend {parameter}."
        )
