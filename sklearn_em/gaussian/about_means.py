"""Rows with gaps: they are evaluated and summed about each component's own mean."""

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.kernel import Kernel
from sklearn_em.gaussian.log_prob import IMPOSSIBLE


class GapRows:
    """One block after another.

    Attributes
    ----------
    rows : ndarray of shape (p, b)
        The scaled rows, 0 where missing.
    observed : ndarray of shape (p, b)
        1 where observed, else 0.
    """

    def load(self, rows: np.ndarray, scale: np.ndarray, centre: np.ndarray) -> None:
        """Take `rows` (b, p) times `scale` (p,); what they are taken about is each component's own mean."""
        missing = np.isnan(rows)
        # Feature by feature in memory, as every product with them wants it.
        self.rows = np.where(missing, 0.0, rows * scale).T.copy()
        self.observed = np.where(missing, 0.0, 1.0).T.copy()


class AboutMeans(Kernel):
    """A kernel for rows with gaps.

    Parameters
    ----------
    gaussians : Gaussians
    constant : ndarray of shape (K,)
    blur, apart
        As in `Densities.prepare`.

    Attributes
    ----------
    reference : ndarray of shape (K, p)
        The points about which moments are summed: the means, but for components known to be tight elsewhere.
    """

    def __init__(
        self,
        gaussians: Gaussians,
        constant: np.ndarray,
        blur: np.ndarray | None = None,
        apart: np.ndarray | None = None,
    ) -> None:
        self.gaussians = gaussians
        self.moments = gaussians.structure.moments
        if blur is not None:
            constant = constant - 0.5 * (gaussians.precision_diagonal * blur).sum(axis=1)
        self.constant = np.maximum(constant, IMPOSSIBLE)
        means = gaussians.means
        self.reference = means if apart is None else np.where(np.isnan(apart), means, apart)
