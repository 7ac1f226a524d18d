"""Variances in one proportion, along directions and with a volume of each component's own."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.covariance.volumes import volumes_about_one_shape
from sklearn_em.gaussian.features import FULL as FULL_MOMENTS


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    along, axes = np.linalg.eigh(scatter)
    volumes, shape = volumes_about_one_shape(np.maximum(along, 0), mass, previous)
    return (axes * (volumes[:, None] * shape)[:, None, :]) @ axes.swapaxes(1, 2)


VEV = Structure(
    name="VEV",
    code="VEV",
    geometry="Ellipsoids of one common shape, each of its own volume and orientation.",
    form=ELLIPSOIDAL,
    moments=FULL_MOMENTS,
    shared=False,
    orientation=Orientation.OWN,
    group=SymmetryGroup.ROTATION,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: (
        n_components + (n_features - 1) * (2 + n_components * n_features) // 2
    ),
    min_rows=lambda n_features: 2,
)
