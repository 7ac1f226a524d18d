"""The kernel that suits the rows: complete ones, or such with gaps."""

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import Orientation
from sklearn_em.gaussian.kernel import Kernel
from sklearn_em.gaussian.log_prob import Densities
from sklearn_em.gaussian.missing import GapDensities
from sklearn_em.gaussian.missing_axes import AxisGapDensities


def prepared(
    gaussians: Gaussians,
    centre: np.ndarray,
    offset: np.ndarray,
    patterns: np.ndarray | None,
    blur: np.ndarray | None = None,
    apart: np.ndarray | None = None,
    total_is_known: bool = True,
) -> Kernel:
    """Prepare the densities of rows with gaps of these patterns, or of complete rows; see `Densities.prepare`."""
    if patterns is not None and gaussians.structure.orientation is Orientation.AXES:
        return AxisGapDensities(gaussians, offset, blur, apart)
    if patterns is not None:
        return GapDensities(gaussians, offset, patterns, blur, apart)
    return Densities.prepare(gaussians, centre, offset, blur, apart, total_is_known)
