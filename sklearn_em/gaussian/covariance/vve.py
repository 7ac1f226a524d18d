"""Variances of each component's own along common directions."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL, check_spread
from sklearn_em.gaussian.covariance.orientation import best_axes
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.covariance.volumes import volumes_about_one_shape
from sklearn_em.gaussian.features import FULL as FULL_MOMENTS


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    share = mass / mass.sum()

    def log_volumes(along: np.ndarray) -> tuple[float, np.ndarray]:
        return float(share @ np.log(along).sum(axis=1)), share

    def one_shape() -> np.ndarray:
        return volumes_about_one_shape(scatter, mass, previous)[1]

    axes, along = best_axes(scatter, log_volumes, one_shape, previous)
    check_spread(along)
    return (axes * (along / mass[:, None])[:, None, :]) @ axes.T


VVE = Structure(
    name="VVE",
    code="VVE",
    geometry="Ellipsoids of one common orientation, each of its own volume and shape.",
    form=ELLIPSOIDAL,
    moments=FULL_MOMENTS,
    shared=False,
    orientation=Orientation.COMMON,
    group=SymmetryGroup.ROTATION,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: n_components * n_features + n_features * (n_features - 1) // 2,
    min_rows=lambda n_features: n_features + 1,
)
