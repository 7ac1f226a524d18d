"""Every component has a covariance matrix of its own."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.features import FULL as FULL_MOMENTS


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    return scatter / mass[:, None, None]


FULL = Structure(
    name="full",
    code="VVV",
    geometry="Ellipsoids, each of its own volume, shape and orientation.",
    form=ELLIPSOIDAL,
    moments=FULL_MOMENTS,
    shared=False,
    orientation=Orientation.OWN,
    group=SymmetryGroup.INVERTIBLE,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: n_components * n_features * (n_features + 1) // 2,
    min_rows=lambda n_features: n_features + 1,
)
