"""What all densities of rows with gaps have in common: they are evaluated and summed about each component's mean."""

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.features import Moments
from sklearn_em.gaussian.log_prob import IMPOSSIBLE


class AboutMeans:
    """Everything about the components that all blocks of one pass share.

    Parameters
    ----------
    gaussians : Gaussians
    constant : ndarray of shape (K,)
        A log density, plus the caller's offset, that does not depend on the row.
    blur, apart
        As in `Densities.prepare`.

    Attributes
    ----------
    moments : Moments
        The moments that the structure needs.
    reference : ndarray of shape (K, p)
        The points about which moments are summed: the means, but for components known to be tight elsewhere.
    """

    # Blocks look another way in every pass, about means that move.
    keeps_features = False
    # No component asks for blocks of so many rows.
    fewest_rows = 0

    def __init__(
        self, gaussians: Gaussians, constant: np.ndarray, blur: np.ndarray | None, apart: np.ndarray | None
    ) -> None:
        self.gaussians = gaussians
        self.moments: Moments = gaussians.structure.moments
        if blur is not None:
            constant = constant - 0.5 * (gaussians.precision_diagonal * blur).sum(axis=1)
        self.constant = np.maximum(constant, IMPOSSIBLE)
        means = gaussians.means
        self.reference = means if apart is None else np.where(np.isnan(apart), means, apart)

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.constant)

    @property
    def numbers_per_sum(self) -> int:
        """How many numbers the statistics hold."""
        return self.moments.length(self.gaussians.n_features) * self.n_components

    def shared_term(self, block: object) -> float:
        """Return 0: nothing is left out."""
        return 0.0
