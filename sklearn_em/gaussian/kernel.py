"""What sums over rows need of the components: one interface, for complete rows and for rows with gaps."""

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.log_prob import Densities
from sklearn_em.gaussian.missing import GapDensities

Kernel = Densities | GapDensities


def kernel(
    gaussians: Gaussians,
    centre: np.ndarray,
    offset: np.ndarray,
    *,
    has_gaps: bool,
    blur: np.ndarray | None = None,
    apart: np.ndarray | None = None,
    total_is_known: bool = True,
) -> Kernel:
    """Prepare the densities of rows that have gaps or have none; the parameters are those of `Densities.prepare`."""
    if has_gaps:
        return GapDensities.prepare(gaussians, offset, blur, apart)
    return Densities.prepare(gaussians, centre, offset, blur, apart, total_is_known)
