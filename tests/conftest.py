"""Data and names that many tests share."""

from dataclasses import fields, is_dataclass
from enum import Enum

import numpy as np
import pytest

from sklearn_em.gaussian.covariance import STRUCTURES

# What each of these does others do as well: pooling, one volume, volumes about one shape, common and own axes.
LIKE_OTHERS = {"tied_spherical", "EVI", "VEE", "VVE", "EEV", "EVV"}

# For data in which some components cannot help to live on too few rows.
few_rows_are_fine = pytest.mark.filterwarnings("ignore:Components .* say nothing about where the data came from")


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.slow] if name in LIKE_OTHERS else []) for name in STRUCTURES],
    ids=str,
)
def covariance_type(request):
    """Every structure of the registry: one more line there is one more case here."""
    return request.param


def natural(matrices, covariance_type):
    """Bring covariances or precisions (K, p, p) that obey a structure into the shape in which it publishes them."""
    structure, p = STRUCTURES[covariance_type], matrices.shape[-1]
    n_axes = len(structure.form.natural_shape(1, p))
    inside = matrices if n_axes == 3 else matrices.diagonal(axis1=1, axis2=2)[:, : p if n_axes == 2 else 1]
    return structure.to_natural(inside[:1] if structure.shared else inside, p)


def mixture_rows(n_samples=300, n_features=3, n_components=3, separation=3.0, seed=0):
    """Draw rows from a mixture of correlated Gaussians; return them with their components."""
    rng = np.random.default_rng(seed)
    means = separation * rng.normal(size=(n_components, n_features))
    maps = np.eye(n_features) + 0.4 * rng.normal(size=(n_components, n_features, n_features))
    labels = rng.integers(n_components, size=n_samples)
    rows = means[labels] + np.einsum("nij,nj->ni", maps[labels], rng.normal(size=(n_samples, n_features)))
    return rows, labels


def bits(value):
    """What two values have in common if and only if they are the same to the last bit."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if is_dataclass(value):
        return type(value).__name__, [(field.name, bits(getattr(value, field.name))) for field in fields(value)]
    if isinstance(value, dict):
        return {name: bits(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [bits(each) for each in value]
    return (
        (type(value).__name__, value.hex())
        if isinstance(value, float)
        else value.name
        if isinstance(value, Enum)
        else value
    )


def fitted_bits(estimator):
    """All that a fit has published."""
    return bits({name: value for name, value in sorted(vars(estimator).items()) if name.endswith("_")})
