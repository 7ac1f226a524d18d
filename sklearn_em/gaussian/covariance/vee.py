"""One matrix for all components, times a volume of each one's own."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.covariance.volumes import volumes_about_one_shape
from sklearn_em.gaussian.features import FULL as FULL_MOMENTS


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    volumes, shape = volumes_about_one_shape(scatter, mass, previous)
    return volumes[:, None, None] * shape


VEE = Structure(
    name="VEE",
    code="VEE",
    geometry="Ellipsoids of one common shape and orientation, each of its own volume.",
    form=ELLIPSOIDAL,
    moments=FULL_MOMENTS,
    shared=False,
    orientation=Orientation.COMMON,
    group=SymmetryGroup.INVERTIBLE,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: n_components - 1 + n_features * (n_features + 1) // 2,
    min_rows=lambda n_features: 2,
)
