"""Checks of what the user gives, with one sentence for each mistake."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from sklearn_em.data.block import ArraySource
from sklearn_em.data.evidence import Evidence, KnownLabels, Plausibilities
from sklearn_em.estimators.options import FixedParameters, GaussianMixturePrior, default_prior
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL
from sklearn_em.gaussian.features import FULL, ISOTROPIC
from sklearn_em.gaussian.m_step import FixedGaussians

_FLOATS = (np.float64, np.float32)


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


def check_sample_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return the weights as float64 of shape (n_samples,), or None if none were given."""
    if sample_weight is None:
        return None
    weight = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weight.ndim == 0:
        weight = np.full(n_samples, float(weight))
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
    if not weight.any():
        raise ValueError("sample_weight is zero for every row; at least one weight must be positive.")
    return weight


def check_observed(source: ArraySource, n_components: int, is_weighted: bool) -> None:
    """Raise ValueError where there are fewer rows to go by than components, or a feature is never observed."""
    n_rows = source.n_kept
    if n_rows < n_components:
        which = " of positive sample_weight" if is_weighted and n_rows < source.n_rows else ""
        which += " with something observed" if source.has_gaps else ""
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, n_samples = {n_rows}{which}."
        )
    if not source.has_gaps:
        return
    kept = source.rows if source.weight is None else source.rows[source.weight > 0]
    never = np.flatnonzero(np.isnan(kept).all(axis=0)).tolist()
    if never:
        raise ValueError(
            f"Features {never} of X are NaN in every row that counts; leave them out, nothing can be learnt of them."
        )


def check_weights(weights: Any, n_components: int) -> np.ndarray:
    """Return initial mixing weights (K,), which sum to 1."""
    weights = check_array(weights, dtype=_FLOATS, ensure_2d=False, input_name="weights_init")
    _check_shape(weights, (n_components,), "weights", "weights_init")
    if (weights < 0).any() or (weights > 1).any():
        # scikit-learn's sentence gives the two values in this order, and its tests expect it.
        raise ValueError(
            f"The parameter 'weights' should be in the range [0, 1], but got max value {weights.min():.5f}, "
            f"min value {weights.max():.5f}; mend weights_init."
        )
    tolerance = 1e-6 if weights.dtype == np.float32 else 1e-8
    if abs(weights.sum() - 1) > tolerance:
        raise ValueError(
            f"The parameter 'weights' should be normalized, but got sum(weights) = {weights.sum():.5f}; divide "
            "weights_init by its sum."
        )
    weights = weights.astype(np.float64)
    return weights / weights.sum()


def check_means(means: Any, n_components: int, n_features: int) -> np.ndarray:
    """Return initial means (K, p)."""
    means = check_array(means, dtype=_FLOATS, ensure_2d=False, input_name="means_init")
    _check_shape(means, (n_components, n_features), "means", "means_init")
    return means.astype(np.float64)


def check_precisions(precisions: Any, structure: Structure, n_components: int, n_features: int) -> np.ndarray:
    """Return the Cholesky factors of initial precisions, as used inside, (G, ...)."""
    # A single number, as spheres of one size have, is not an array to scikit-learn.
    precisions = np.asarray(precisions)
    shape = precisions.shape
    precisions = check_array(
        np.atleast_1d(precisions), dtype=_FLOATS, ensure_2d=False, allow_nd=True, input_name="precisions_init"
    ).reshape(shape)
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


def check_known_labels(known: Any, n_samples: int, n_components: int, has_noise: bool) -> Evidence | None:
    """Return what is known of where the rows came from, (n_samples, C) with C = K, or K + 1 where there is noise."""
    if known is None:
        return None
    known = check_array(known, ensure_2d=False, dtype="numeric", input_name="known_labels")
    if known.ndim not in (1, 2) or len(known) != n_samples:
        raise ValueError(
            f"known_labels has shape {known.shape}; give a label for each of the {n_samples} samples, or an array of "
            "plausibilities with one row for each."
        )
    n_columns = n_components + has_noise
    if known.ndim == 1:
        return _checked_labels(known, n_columns, n_components, has_noise)
    return _checked_plausibilities(known, n_columns, n_components, has_noise)


def _checked_labels(known: np.ndarray, n_columns: int, n_components: int, has_noise: bool) -> Evidence:
    labels = known.astype(np.int64)
    wrong = np.flatnonzero((labels != known) | (labels < -1) | (labels >= n_columns))
    if wrong.size:
        row = int(wrong[0])
        noise = f", and {n_components} for noise" if has_noise else ""
        raise ValueError(
            f"known_labels[{row}] is {known[row]}; labels are whole numbers from 0 to {n_components - 1} for the "
            f"components{noise}, and -1 where the component is not known."
        )
    if (labels == n_components).all():
        raise ValueError(
            "known_labels says that every row is noise; leave some rows to the components, with labels of their own "
            "or -1."
        )
    return KnownLabels(labels, n_columns)


def _checked_plausibilities(known: np.ndarray, n_columns: int, n_components: int, has_noise: bool) -> Evidence:
    values = known.astype(np.float64)
    if values.shape[1] not in (n_components, n_columns):
        noise = f" or n_components + 1 = {n_columns}" if has_noise else ""
        raise ValueError(
            f"known_labels has {values.shape[1]} columns; plausibilities have one for each component, n_components = "
            f"{n_components}{noise}."
        )
    if (values < 0).any():
        row, column = np.argwhere(values < 0)[0]
        raise ValueError(
            f"known_labels[{row}, {column}] is {values[row, column]:g}; a plausibility is 0 (not this component) or "
            "positive."
        )
    largest = values.max(axis=1, keepdims=True)
    if not largest.all():
        row = int(np.argmin(largest))
        raise ValueError(
            f"known_labels[{row}] allows no component, all its plausibilities are 0; make at least one positive, or "
            "leave the row out with a sample_weight of 0."
        )
    values = values / largest
    if values.shape[1] < n_columns:
        values = np.column_stack([values, np.ones(len(values))])
    if not values[:, :n_components].any():
        raise ValueError(
            "known_labels says that every row is noise; make some plausibilities of the components positive."
        )
    return Plausibilities(values)


def check_prior(
    prior: GaussianMixturePrior | str | None, structure: Structure, n_features: int
) -> GaussianMixturePrior | None:
    """Return a prior whose numbers make sense for the structure and so many features."""
    if prior is None:
        return None
    if isinstance(prior, str):
        return default_prior(n_features)
    concentration, precision = prior.weight_concentration, prior.mean_precision
    if concentration is not None and not 1 <= concentration < np.inf:
        raise ValueError(
            f"prior.weight_concentration is {concentration!r}; give a number of 1 or more: below 1 the most probable "
            "weights are 0."
        )
    if precision is not None and not 0 < precision < np.inf:
        raise ValueError(
            f"prior.mean_precision is {precision!r}; give a positive number of rows, or None for no prior on the means."
        )
    least = n_features - 1 if structure.moments is FULL else 0
    degrees = prior.degrees_of_freedom
    if degrees is not None and not least < degrees < np.inf:
        raise ValueError(
            f"prior.degrees_of_freedom is {degrees!r}; with covariance_type={structure.name!r} and n_features = "
            f"{n_features} it must be greater than {least}."
        )
    if prior.mean is not None:
        mean = check_array(prior.mean, dtype=np.float64, ensure_2d=False, input_name="prior.mean")
        if mean.shape != (n_features,):
            raise ValueError(
                f"prior.mean has shape {mean.shape}; it must have one number for each of the {n_features} features, "
                f"shape ({n_features},)."
            )
    if prior.scale is not None:
        _check_prior_scale(prior.scale, structure, n_features)
    return prior


def _check_prior_scale(scale: Any, structure: Structure, n_features: int) -> None:
    p = n_features
    shapes: list[tuple[int, ...]] = [()]
    if structure.moments is not ISOTROPIC:
        shapes.append((p,))
    if structure.moments is FULL:
        shapes.append((p, p))
    given = np.asarray(scale)
    given = check_array(
        np.atleast_1d(given), dtype=np.float64, ensure_2d=False, allow_nd=True, input_name="prior.scale"
    ).reshape(given.shape)
    if given.shape not in shapes:
        allowed = " or ".join(["a number", *(f"an array of shape {shape}" for shape in shapes[1:])])
        raise ValueError(
            f"prior.scale has shape {given.shape}; for covariance_type={structure.name!r} and n_features = {p} give "
            f"{allowed}."
        )
    is_valid = (given > 0).all() if given.ndim < 2 else _is_positive_definite(given)
    if not is_valid:
        kind = "positive" if given.ndim < 2 else "symmetric and positive definite"
        raise ValueError(f"prior.scale is not {kind}; give a scale that is, in squared units of the data.")


def _is_positive_definite(matrix: np.ndarray) -> bool:
    if not np.allclose(matrix, matrix.T, rtol=1e-6, atol=1e-6 * abs(matrix).max()):
        return False
    try:
        ELLIPSOIDAL.precision_cholesky(matrix[None])
    except ValueError:
        return False
    return True


def check_fixed(
    fixed: FixedParameters | None, weights: str | None, structure: Structure, n_components: int, n_features: int
) -> tuple[FixedGaussians | None, np.ndarray | None]:
    """Return the fixed means and covariances, and the fixed shares (K,), NaN where free; None where there are none."""
    K, p = n_components, n_features
    shares = np.full(K, 1 / K) if weights == "equal" else None
    if fixed is None:
        return None, shares
    if fixed.weights is not None:
        if shares is not None:
            raise ValueError('weights is "equal", but fixed.weights are given too; give one of the two.')
        shares = _fixed_weights(fixed.weights, K)
    inside = structure.from_natural(np.empty(structure.natural_shape(K, p)), p).shape
    means, covariances = np.full((K, p), np.nan), np.full(inside, np.nan)
    if fixed.means is not None:
        means = _fixed_array(fixed.means, (K, p), "fixed.means")
        _check_whole(means, "fixed.means")
    if fixed.covariances is not None:
        if structure.form.natural is not structure.form:
            raise ValueError(
                f"fixed.covariances are given, but covariance_type={structure.name!r} knows loadings and noise, not "
                'matrices; use covariance_type="full" for components whose covariance is fixed.'
            )
        given = _fixed_array(fixed.covariances, structure.natural_shape(K, p), "fixed.covariances")
        covariances = structure.from_natural(given, p)
        _check_whole(covariances, "fixed.covariances")
        _check_covariances(covariances, structure)
    if np.isnan(means).all() and np.isnan(covariances).all():
        return None, shares
    return FixedGaussians(means, covariances), shares


def _fixed_array(array: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    array = np.asarray(array)
    checked = check_array(
        np.atleast_1d(array),
        dtype=np.float64,
        ensure_2d=False,
        allow_nd=True,
        ensure_all_finite="allow-nan",
        input_name=name,
    ).reshape(array.shape)
    if checked.shape != shape:
        raise ValueError(f"{name} has shape {checked.shape}; it must have shape {shape}, with NaN where it is free.")
    return checked


def _check_whole(array: np.ndarray, name: str) -> None:
    missing = np.isnan(array).reshape(len(array), -1)
    partly = np.flatnonzero(missing.any(axis=1) & ~missing.all(axis=1))
    if partly.size:
        where = f"{name}[{partly[0]}]" if len(array) > 1 else name
        raise ValueError(
            f"{where} is NaN in some places only; give all numbers of a component, which are then fixed, or NaN for "
            "all of them."
        )


def _check_covariances(covariances: np.ndarray, structure: Structure) -> None:
    for g in np.flatnonzero(~np.isnan(covariances.reshape(len(covariances), -1)[:, 0])):
        one = covariances[g]
        if not (_is_positive_definite(one) if one.ndim == 2 else (one > 0).all()):
            kind = "symmetric and positive definite" if one.ndim == 2 else "positive"
            where = f"fixed.covariances[{g}]" if not structure.shared else "fixed.covariances"
            raise ValueError(f"{where} is not {kind}; give a covariance that is, or NaN where it is free.")


def _fixed_weights(weights: Any, n_components: int) -> np.ndarray:
    weights = _fixed_array(weights, (n_components,), "fixed.weights")
    free = np.isnan(weights)
    total = float(weights[~free].sum())
    if (weights[~free] < 0).any():
        raise ValueError(
            f"fixed.weights[{np.nanargmin(weights)}] is {np.nanmin(weights):g}; weights are 0 or positive, or NaN "
            "where they are free."
        )
    if not free.any() and abs(total - 1) > 1e-8:
        raise ValueError(f"fixed.weights sum to {total:g}; if all are fixed they must sum to 1.")
    if free.any() and not total < 1:
        raise ValueError(
            f"fixed.weights sum to {total:g}, which leaves nothing for components {np.flatnonzero(free).tolist()}, "
            "which are free; the fixed ones must sum to less than 1."
        )
    return weights
