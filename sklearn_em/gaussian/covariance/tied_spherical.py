"""All components share one variance."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import SPHERICAL as SPHERICAL_FORM
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.features import ISOTROPIC


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    return scatter.sum(axis=0, keepdims=True) / (n_features * mass.sum())


TIED_SPHERICAL = Structure(
    name="tied_spherical",
    code="EII",
    geometry="Spheres of one common volume.",
    form=SPHERICAL_FORM,
    moments=ISOTROPIC,
    shared=True,
    orientation=Orientation.AXES,
    group=SymmetryGroup.ROTATION,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: 1,
    min_rows=lambda n_features: 1,
)
