"""Variances for each feature of each component's own, with one product."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import AXIS_ALIGNED, ill_defined
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.features import DIAGONAL


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    if not scatter.min() > 0:
        raise ill_defined(np.flatnonzero(~(scatter > 0).all(axis=1)))
    volume = np.exp(np.log(scatter).mean(axis=1, keepdims=True))
    return scatter / volume * (volume.sum() / mass.sum())


EVI = Structure(
    name="EVI",
    code="EVI",
    geometry="Ellipsoids along the axes, of one common volume, each of its own shape.",
    form=AXIS_ALIGNED,
    moments=DIAGONAL,
    shared=False,
    orientation=Orientation.AXES,
    group=SymmetryGroup.RESCALING,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: 1 + n_components * (n_features - 1),
    min_rows=lambda n_features: 2,
)
