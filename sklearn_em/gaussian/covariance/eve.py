"""Variances of each component's own along common directions, with one product."""

import numpy as np

from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL, check_spread
from sklearn_em.gaussian.covariance.orientation import best_axes
from sklearn_em.gaussian.covariance.structure import Orientation, Structure, SymmetryGroup
from sklearn_em.gaussian.features import FULL as FULL_MOMENTS


def _estimate(scatter: np.ndarray, mass: np.ndarray, n_features: int, previous: np.ndarray | None) -> np.ndarray:
    def log_volume(along: np.ndarray) -> tuple[float, np.ndarray]:
        log = np.log(along).mean(axis=1)
        share = np.exp(log - log.max())
        return n_features * float(log.max() + np.log(share.sum())), share / share.sum()

    axes, along = best_axes(scatter, log_volume, lambda: scatter.sum(axis=0), previous)
    check_spread(along)
    volume = np.exp(np.log(along).mean(axis=1, keepdims=True))
    variances = along / volume * (volume.sum() / mass.sum())
    return (axes * variances[:, None, :]) @ axes.T


EVE = Structure(
    name="EVE",
    code="EVE",
    geometry="Ellipsoids of one common volume and orientation, each of its own shape.",
    form=ELLIPSOIDAL,
    moments=FULL_MOMENTS,
    shared=False,
    orientation=Orientation.COMMON,
    group=SymmetryGroup.ROTATION,
    estimate=_estimate,
    n_parameters=lambda n_components, n_features: 1 + (n_features - 1) * (2 * n_components + n_features) // 2,
    min_rows=lambda n_features: n_features + 1,
)
