"""A matrix of each component's own, all with one determinant."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL, ill_defined
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.features import FULL as FULL_MOMENTS


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    sign, log_det = np.linalg.slogdet(scatter)
    if not (sign > 0).all():
        raise ill_defined(np.flatnonzero(~(sign > 0)))
    volume = np.exp(log_det / n_features)[:, None, None]
    return scatter / volume * (volume.sum() / mass.sum())


EVV = Structure(
    name="EVV",
    code="EVV",
    geometry="Ellipsoids of one common volume, each of its own shape and orientation.",
    form=ELLIPSOIDAL,
    moments=FULL_MOMENTS,
    shared=False,
    orientation=Orientation.OWN,
    group=SymmetryGroup.INVERTIBLE,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: 1 + n_components * (n_features * (n_features + 1) // 2 - 1),
    min_rows=lambda n_features: n_features + 1,
)
