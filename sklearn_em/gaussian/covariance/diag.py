"""Every component has a variance of its own for each feature."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import AXIS_ALIGNED
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.features import DIAGONAL


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    return scatter / mass[:, None]


DIAG = Structure(
    name="diag",
    code="VVI",
    geometry="Ellipsoids along the axes, each of its own volume and shape.",
    form=AXIS_ALIGNED,
    moments=DIAGONAL,
    shared=False,
    orientation=Orientation.AXES,
    group=SymmetryGroup.RESCALING,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: n_components * n_features,
    min_rows=lambda n_features: 2,
)
