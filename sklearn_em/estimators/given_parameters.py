"""Parameters of a model that a user gives without a fit, with one sentence for each mistake."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_em.data.sample import power_of_two_near
from sklearn_em.em import DegenerateError
from sklearn_em.estimators.checks import FLOATS, check_weights, checked_numbers
from sklearn_em.estimators.option_checks import check_covariances, lacking
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.gaussian.covariance.structure import FACTOR_ATTRIBUTES
from sklearn_em.mixture import MixtureParameters

# How far covariances may be from symmetric and from the structure, relatively, and still be numbers that were rounded.
_ROUNDING = {np.dtype(np.float64): 1e-5, np.dtype(np.float32): 1e-3}


def check_given_means(means: Any) -> np.ndarray:
    """Return means (K, p) in the precision in which they are given."""
    checked = checked_numbers(means, "means", dtype=FLOATS)
    if checked.ndim != 2:
        raise ValueError(
            f"means has shape {checked.shape}; it must have a row for each component and a column for each feature, "
            "shape (n_components, n_features): with one feature, np.reshape(means, (-1, 1))."
        )
    return checked


def check_given_parameters(
    weights: ArrayLike, means: np.ndarray, covariances: Any, structure: Structure
) -> MixtureParameters:
    """Return the parameters, if they are those of a mixture that obeys the structure."""
    K, p = means.shape
    structure.check(p)
    weights, centres = check_weights(weights, K, "weights"), means.astype(float)
    if structure.form.natural is not structure.form:
        return MixtureParameters(weights, _of_loadings(structure, centres, covariances))
    given = checked_numbers(covariances, "covariances", dtype=FLOATS)
    _check_shape(given, structure.natural_shape(K, p), "covariances", structure, means)
    inside = structure.from_natural(given.astype(float), p)
    rounding = _ROUNDING[given.dtype]
    check_covariances(inside, structure, "covariances", rounding=rounding)
    gaussians = Gaussians.from_covariances(structure, centres, inside)
    if not structure.is_closed:
        _check_obeys(gaussians, rounding)
    return MixtureParameters(weights, gaussians)


def _of_loadings(structure: Structure, means: np.ndarray, covariances: Any) -> Gaussians:
    """Return components of which loadings and noise variances are given."""
    shapes = structure.published_shapes(*means.shape)
    if not isinstance(covariances, tuple | list) or len(covariances) != len(shapes):
        need = " and ".join(f"{name} of shape {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"covariances are not a pair, but a Factor is stored as loadings and noise variances; give {need}."
        )
    parts = {}
    for (name, shape), part in zip(shapes.items(), covariances, strict=True):
        parts[name] = checked_numbers(part, name.strip("_"), dtype=FLOATS)
        _check_shape(parts[name], shape, name.strip("_"), structure, means)
    noise = FACTOR_ATTRIBUTES[1]
    if lacks := lacking(parts[noise].ravel()):
        raise ValueError(f"{noise.strip('_')} are not {lacks}; give variances that are, in squared units of the data.")
    try:
        factors = structure.factors_of(parts, means.shape[1])
    except DegenerateError as error:
        raise ValueError(
            f"The covariances of components {list(error.components)} are singular in floating point; give larger "
            f"{noise.strip('_')}."
        ) from None
    return Gaussians.from_precision_cholesky(structure, means, factors)


def _check_obeys(gaussians: Gaussians, rounding: float) -> None:
    structure, form, (K, p) = gaussians.structure, gaussians.structure.form, gaussians.means.shape
    scale = power_of_two_near(np.sqrt(form.diagonal(gaussians.covariances, p).mean(axis=0)))
    scaled = gaussians.rescale(np.full(p, scale.min()) if structure.one_scale else scale)
    matrices = form.matrices(scaled.covariances, p)
    nearest = Gaussians.nearest(structure, scaled.means, matrices, np.full(K, 1 / K))
    deviations = np.sqrt(matrices.diagonal(axis1=1, axis2=2))
    change = np.abs(form.matrices(nearest.covariances, p) - matrices)
    furthest = (change / deviations[:, :, None] / deviations[:, None, :]).max()
    if furthest > rounding:
        free = "full" if gaussians.covariances.ndim == 3 else "diag"
        raise ValueError(
            f"covariances do not obey covariance_type={structure.name!r} ({structure.geometry.rstrip('.')}): the "
            f"nearest that do differ by {furthest:.2g} of the variances; mend them, or use "
            f'covariance_type="{free}", which any covariances obey.'
        )


def _check_shape(array: np.ndarray, shape: tuple[int, ...], name: str, structure: Structure, means: np.ndarray) -> None:
    if array.shape != shape:
        raise ValueError(
            f"{name} has shape {array.shape}; for means of shape {means.shape} and "
            f"covariance_type={structure.name!r} it must have shape {shape}."
        )
