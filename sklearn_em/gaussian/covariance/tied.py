"""All components share one covariance matrix."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.features import FULL as FULL_MOMENTS


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    return scatter.sum(axis=0, keepdims=True) / mass.sum()


TIED = Structure(
    name="tied",
    code="EEE",
    geometry="Ellipsoids of one common volume, shape and orientation.",
    form=ELLIPSOIDAL,
    moments=FULL_MOMENTS,
    shared=True,
    orientation=Orientation.COMMON,
    group=SymmetryGroup.INVERTIBLE,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: n_features * (n_features + 1) // 2,
    min_rows=lambda n_features: 1,
)
