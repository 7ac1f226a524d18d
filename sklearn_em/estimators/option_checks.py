"""Checks of what the user knows beside the rows: labels, priors, fixed values; one sentence for each mistake."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from sklearn_em.data.evidence import Evidence, KnownLabels, Plausibilities
from sklearn_em.em import DegenerateError
from sklearn_em.estimators.checks import checked_numbers
from sklearn_em.estimators.options import FixedParameters, GaussianMixturePrior, default_prior
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL
from sklearn_em.gaussian.features import FULL, ISOTROPIC
from sklearn_em.gaussian.m_step import FixedGaussians


def check_known_labels(known: Any, n_samples: int, n_components: int, has_noise: bool) -> Evidence:
    """Return what is known of where the rows came from, (n_samples, C) with C = K, or K + 1 where there is noise."""
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
    return Plausibilities(values)


def check_some_component(evidence: Evidence, n_components: int) -> None:
    """Raise ValueError where evidence leaves no row to any component."""
    if not evidence.allowed()[:n_components].any():
        raise ValueError(
            "known_labels says that every row is noise; leave some rows to the components, with labels of their own "
            "or -1, or with positive plausibilities."
        )


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
    given = checked_numbers(scale, "prior.scale", dtype=np.float64)
    if given.shape not in shapes:
        allowed = " or ".join(["a number", *(f"an array of shape {shape}" for shape in shapes[1:])])
        raise ValueError(
            f"prior.scale has shape {given.shape}; for covariance_type={structure.name!r} and n_features = {p} give "
            f"{allowed}."
        )
    if lacks := lacking(given):
        raise ValueError(f"prior.scale is not {lacks}; give a scale that is, in squared units of the data.")


def lacking(spread: np.ndarray, rounding: float = 1e-6) -> str:
    """Return what a covariance matrix, or variances, should be and are not; nothing if they are, but for rounding."""
    if spread.ndim < 2:
        return "" if (spread > 0).all() else "positive"
    is_valid = np.allclose(spread, spread.T, rtol=rounding, atol=rounding * abs(spread).max())
    try:
        ELLIPSOIDAL.precision_cholesky(spread[None])
    except DegenerateError:
        is_valid = False
    return "" if is_valid else "symmetric and positive definite"


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
        check_covariances(covariances, structure, "fixed.covariances", " is, or NaN where it is free")
    if np.isnan(means).all() and np.isnan(covariances).all():
        return None, shares
    return FixedGaussians(means, covariances), shares


def _fixed_array(array: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    checked = checked_numbers(array, name, dtype=np.float64, ensure_all_finite="allow-nan")
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


def check_covariances(
    covariances: np.ndarray, structure: Structure, name: str, need: str = " is", rounding: float = 1e-6
) -> None:
    """Raise ValueError for a covariance, as used inside, that is none; those that are NaN are left out."""
    for g in np.flatnonzero(~np.isnan(covariances.reshape(len(covariances), -1)[:, 0])):
        if lacks := lacking(covariances[g], rounding):
            where = name if structure.shared else f"{name}[{g}]"
            raise ValueError(f"{where} is not {lacks}; give a covariance that{need}.")


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
