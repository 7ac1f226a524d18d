"""Rows with missing values: the observed part's density, and the moments of the whole row given the observed part.

With Sigma^-1 = P P^T, z = x - mu and y = P^T z, the log density of what is observed is that of the row with what is
missing put where it is most probable: a least squares problem in the missing z_m, whose rows of P are P_m. With
P_m^T = QR,

    z_m = -R^-1 Q^T y,   |y|^2 less |Q^T y|^2,   log det Sigma_oo = log det Sigma + 2 log |det R|

where y is that of z_m = 0. What is put there is the conditional mean, and R^-1 R^-T the conditional covariance. So
whole rows enter the two large products, one for all patterns and components; only Q and R are a pattern's own, and
nothing is squared that would lose digits. About its own mean every component keeps them, however tight it is.

References
----------
Ghahramani and Jordan (1994), "Supervised learning from incomplete data via an EM approach", section 3: the expected
moments. Golub and Van Loan (2013), "Matrix Computations", section 5.3: least squares by QR.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from sklearn_em.data.gaps import segments
from sklearn_em.gaussian.about_means import AboutMeans, GapRows
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance.forms import ELLIPSOIDAL
from sklearn_em.gaussian.log_prob import LOG_2PI, NOTHING
from sklearn_em.gaussian.statistics import GaussianStatistics

# All patterns are prepared at once, up to so many numbers (32 MiB): one by one they take as long as the sums of some
# dozen rows each.
_MOST_NUMBERS = 2**22


@dataclass(frozen=True, eq=False)
class Gaps:
    """P patterns with m missing features each, as all components see them; G = 1 where they share one covariance.

    Attributes
    ----------
    missing : ndarray of shape (P, m) of int
        The places of the missing features.
    q : ndarray of shape (P, G, p, m)
    inverse : ndarray of shape (P, G, m, m)
        R^-1: a root of the conditional covariance.
    log_norm : ndarray of shape (P, G)
        What the log density at the mean has more than that of a whole row.
    """

    missing: np.ndarray
    q: np.ndarray
    inverse: np.ndarray
    log_norm: np.ndarray

    @classmethod
    def of(cls, root: np.ndarray, patterns: np.ndarray) -> Self:
        """Prepare `patterns` (P, p) of bool, true where missing, for factors P (G, p, p) of the precisions."""
        m = np.nonzero(patterns)[1].reshape(len(patterns), -1)
        q, r = np.linalg.qr(root[:, m].transpose(1, 0, 3, 2))
        log_det = np.log(np.abs(r.diagonal(axis1=2, axis2=3))).sum(axis=2)
        return cls(m, q, np.linalg.inv(r), 0.5 * m.shape[1] * LOG_2PI - log_det)

    def fill(self, i: int, y: np.ndarray, z: np.ndarray) -> None:
        """Put conditional means into z (K, p, b), 0 where missing, and take their part off y = P^T z (K, p, b)."""
        along = self.q[i].swapaxes(1, 2) @ y
        y -= self.q[i] @ along
        z[:, self.missing[i]] = -(self.inverse[i] @ along)


def precision_root(gaussians: Gaussians) -> np.ndarray:
    """Return P as matrices (G, p, p), in whatever form the covariances are stored."""
    form = gaussians.structure.form
    if form is ELLIPSOIDAL:
        return gaussians.precision_cholesky
    return ELLIPSOIDAL.precision_cholesky(form.matrices(gaussians.covariances, gaussians.n_features))


class GapBuffer(GapRows):
    """One block after another, pattern by pattern.

    Attributes
    ----------
    parts : list of (slice, Gaps, int)
        The places of the rows of a pattern that has gaps, and which pattern it is.
    z : ndarray of shape (K, p, b)
        The rows less each component's mean, with conditional means where missing; once densities have been asked for.
    """

    def __init__(self, densities: "GapDensities"):
        self._densities = densities
        self._last: tuple[bytes, tuple[Gaps, int]] | None = None
        self.z = np.empty((densities.n_components, densities.gaussians.n_features, 0))

    def load(self, rows: np.ndarray, scale: np.ndarray, centre: np.ndarray) -> None:
        """Take `rows` (b, p), sorted by pattern; see `GapRows.load`."""
        super().load(rows, scale, centre)
        missing = np.isnan(rows)
        self.parts = [
            (slice(start, stop), *self._pattern(missing[start]))
            for start, stop in segments(missing)
            if missing[start].any()
        ]

    def _pattern(self, missing: np.ndarray) -> tuple[Gaps, int]:
        """Return a pattern out of those made before, or else made now: a block may begin with the last one's last."""
        key = missing.tobytes()
        if (known := self._densities.prepared.get(key)) is not None:
            return known
        if self._last is None or self._last[0] != key:
            self._last = key, (Gaps.of(self._densities.root, missing[None]), 0)
        return self._last[1]


class GapDensities(AboutMeans):
    """Densities of rows with gaps under covariance matrices.

    Parameters
    ----------
    gaussians, offset, blur, apart
        As in `Densities.prepare`.
    patterns : ndarray of shape (P, p) of bool
        What is missing, in every way that occurs.

    Attributes
    ----------
    root : ndarray of shape (G, p, p)
        P.
    prepared : dict
        All patterns by their bytes, if they are not too many: those with as many gaps together.
    """

    def __init__(
        self,
        gaussians: Gaussians,
        offset: np.ndarray,
        patterns: np.ndarray,
        blur: np.ndarray | None = None,
        apart: np.ndarray | None = None,
    ) -> None:
        form, p = gaussians.structure.form, gaussians.n_features
        at_mean = form.log_det(gaussians.precision_cholesky, p) - 0.5 * p * LOG_2PI
        super().__init__(gaussians, offset + at_mean, blur, apart)
        self.root = precision_root(gaussians)
        self.prepared = _prepared(self.root, patterns)

    @property
    def numbers_per_row(self) -> int:
        """How many numbers a worker holds for each row of a block."""
        return (3 * self.n_components + 2) * self.gaussians.n_features + self.n_components

    def buffer(self, length: int) -> GapBuffer:
        """Return room for one block after another."""
        return GapBuffer(self)

    def log_joint(self, block: GapBuffer, out: np.ndarray) -> np.ndarray:
        """Return offset + log density of what is observed of the rows in `block`, in `out` (K, b)."""
        z = block.rows - self.gaussians.means[:, :, None]
        z *= block.observed
        y = self.root.swapaxes(1, 2) @ z
        for places, gaps, i in block.parts:
            gaps.fill(i, y[:, :, places], z[:, :, places])
        np.einsum("kpb,kpb->kb", y, y, out=out)
        out *= -0.5
        out += self.constant[:, None]
        for places, gaps, i in block.parts:
            out[:, places] += gaps.log_norm[i][:, None]
        block.z = z
        return out

    def accumulator(self) -> "GapAccumulator":
        """Return zero sums."""
        return GapAccumulator(self)


def _prepared(root: np.ndarray, patterns: np.ndarray) -> dict[bytes, tuple[Gaps, int]]:
    n_missing = patterns.sum(axis=1)
    if n_missing.sum() * root[:, 0].size > _MOST_NUMBERS:
        return {}
    found = {}
    for n in np.unique(n_missing[n_missing > 0]):
        alike = patterns[n_missing == n]
        gaps = Gaps.of(root, alike)
        found.update({pattern.tobytes(): (gaps, i) for i, pattern in enumerate(alike)})
    return found


class GapAccumulator:
    """Sums the moments of one worker's blocks."""

    def __init__(self, densities: GapDensities):
        self._densities = densities
        K, p = densities.gaussians.means.shape
        self._mass, self._first, self._second = np.zeros(K), np.zeros((K, p)), np.zeros((K, p, p))
        # The mass (K,) of the rows of each pattern, whose conditional covariances are still to be added.
        self._open: dict[Gaps, dict[int, np.ndarray]] = {}

    def add(self, block: GapBuffer, resp: np.ndarray) -> None:
        """Add the rows in `block` with responsibilities (K, b), already times the row weights."""
        densities = self._densities
        resp = np.where(resp > NOTHING, resp, 0.0)
        z = block.z
        if densities.reference is not densities.gaussians.means:
            z = z + (densities.gaussians.means - densities.reference)[:, :, None]
        weighted = z * resp[:, None]
        self._mass += resp.sum(axis=1)
        self._first += weighted.sum(axis=2)
        self._second += weighted @ z.swapaxes(1, 2)
        for places, gaps, i in block.parts:
            masses = self._open.setdefault(gaps, {})
            masses[i] = masses.get(i, 0.0) + resp[:, places].sum(axis=1)
        if not densities.prepared:
            self._spread()

    def statistics(self) -> GaussianStatistics:
        """Return the sums of all blocks so far."""
        self._spread()
        moments = self._densities.moments
        second = moments.packed(moments.of_matrices(self._second))
        sums = np.concatenate([self._mass[:, None], second, self._first], axis=1).T
        return GaussianStatistics(moments, sums, self._densities.reference)

    def _spread(self) -> None:
        """Add the conditional covariances of what is missing."""
        for gaps, masses in self._open.items():
            which = list(masses)
            inverse = gaps.inverse[which]
            covariances = np.stack(list(masses.values()))[..., None, None] * (inverse @ inverse.swapaxes(2, 3))
            for m, covariance in zip(gaps.missing[which], covariances, strict=True):
                self._second[:, m[:, None], m] += covariance
        self._open = {}
