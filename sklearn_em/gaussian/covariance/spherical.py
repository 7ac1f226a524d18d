"""Every component has one variance of its own for all features."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import SPHERICAL as SPHERICAL_FORM
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.features import ISOTROPIC


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    return scatter / (n_features * mass[:, None])


SPHERICAL = Structure(
    name="spherical",
    code="VII",
    geometry="Spheres, each of its own volume.",
    form=SPHERICAL_FORM,
    moments=ISOTROPIC,
    shared=False,
    orientation=Orientation.AXES,
    group=SymmetryGroup.ROTATION,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: n_components,
    min_rows=lambda n_features: 2,
)
