"""Variances for each feature in one proportion, and a volume of each component's own."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import AXIS_ALIGNED
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.covariance.volumes import volumes_about_one_shape
from sklearn_em.gaussian.features import DIAGONAL


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    volumes, shape = volumes_about_one_shape(scatter, mass, previous)
    return volumes[:, None] * shape


VEI = Structure(
    name="VEI",
    code="VEI",
    geometry="Ellipsoids along the axes, of one common shape, each of its own volume.",
    form=AXIS_ALIGNED,
    moments=DIAGONAL,
    shared=False,
    orientation=Orientation.AXES,
    group=SymmetryGroup.RESCALING,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: n_components + n_features - 1,
    min_rows=lambda n_features: 2,
)
