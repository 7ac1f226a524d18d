"""One set of variances for all components, along directions of each one's own."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL, check_spread
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.features import FULL as FULL_MOMENTS


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    along, axes = np.linalg.eigh(scatter)
    variances = np.maximum(along, 0).sum(axis=0, keepdims=True) / mass.sum()
    check_spread(variances)
    return (axes * variances[:, None]) @ axes.swapaxes(1, 2)


EEV = Structure(
    name="EEV",
    code="EEV",
    geometry="Ellipsoids of one common volume and shape, each of its own orientation.",
    form=ELLIPSOIDAL,
    moments=FULL_MOMENTS,
    shared=False,
    orientation=Orientation.OWN,
    group=SymmetryGroup.ROTATION,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: n_features + n_components * n_features * (n_features - 1) // 2,
    min_rows=lambda n_features: 1,
)
