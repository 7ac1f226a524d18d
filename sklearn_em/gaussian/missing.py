"""Rows with missing values: the observed part's density, and the moments of the whole row given the observed part.

Under component k, with o and m for what is observed and missing in a pattern,

    x_o ~ N(mu_o, Sigma_oo),   x_m | x_o ~ N(mu_m + B (x_o - mu_o), C),
    B = Sigma_mo Sigma_oo^-1,  C = Sigma_mm - B Sigma_om

so the expected moments of whole rows follow from sums over the observed parts by one linear map per pattern and
component, T = [I; B] in the order of the features: the first moment about mu is T s, the second T S T^T + mass C. The
rows themselves enter products with observed features alone, all components in one. About its own mean every component
keeps its digits, however tight it is.

References
----------
Ghahramani and Jordan (1994), "Supervised learning from incomplete data via an EM approach", section 3: the E-step for
Gaussians. Little and Rubin (2002), "Statistical Analysis with Missing Data", section 11.2: the sweep for patterns.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.features import Moments
from sklearn_em.gaussian.log_prob import IMPOSSIBLE, LOG_2PI, NOTHING
from sklearn_em.gaussian.statistics import GaussianStatistics


@dataclass(frozen=True, eq=False)
class Conditional:
    """All components seen from the observed features of one pattern; G = 1 where they share one covariance.

    Attributes
    ----------
    observed, missing : ndarray of int
        The places of o and m features.
    means : ndarray of shape (K, o)
        Of the observed features.
    root : ndarray of shape (G, o, o)
        P with Sigma_oo^-1 = P P^T.
    regression : ndarray of shape (G, m, o)
        B.
    residual : ndarray of shape (G, m, m)
        C.
    """

    observed: np.ndarray
    missing: np.ndarray
    means: np.ndarray
    root: np.ndarray
    regression: np.ndarray
    residual: np.ndarray

    @classmethod
    def of(cls, means: np.ndarray, covariances: np.ndarray, is_observed: np.ndarray) -> Self:
        """Condition on the features in `is_observed` (p,), of components with `means` and matrices `covariances`."""
        o, m = np.flatnonzero(is_observed), np.flatnonzero(~is_observed)
        lower = np.linalg.cholesky(covariances[:, o[:, None], o])
        root = np.linalg.inv(lower).swapaxes(1, 2)
        whitened = covariances[:, m[:, None], o] @ root
        regression = whitened @ root.swapaxes(1, 2)
        residual = covariances[:, m[:, None], m] - whitened @ whitened.swapaxes(1, 2)
        return cls(o, m, means[:, o], root, regression, residual)

    @property
    def log_norm(self) -> np.ndarray:
        """The log density of each component at its mean, (G,)."""
        log_det = np.log(self.root.diagonal(axis1=1, axis2=2)).sum(axis=1)
        return np.asarray(log_det - 0.5 * len(self.observed) * LOG_2PI)

    @cached_property
    def completion(self) -> np.ndarray:
        """T, (G, p, o)."""
        o, m = self.observed, self.missing
        whole = np.zeros((len(self.root), len(o) + len(m), len(o)))
        whole[:, o, np.arange(len(o))] = 1.0
        whole[:, m] = self.regression
        return whole


class GapBuffer:
    """One block after another: rows of one pattern, about each component's mean.

    Attributes
    ----------
    conditional : Conditional
        The components as seen from the block's observed features.
    rows : ndarray of shape (o, b)
        The observed features.
    about_means : ndarray of shape (K, o, b)
    """

    def __init__(self, densities: "GapDensities"):
        self._densities = densities
        self._pattern = b""

    def load(self, rows: np.ndarray, scale: np.ndarray, centre: np.ndarray) -> None:
        """Take `rows` (b, p) times `scale` (p,); the centre is each component's own."""
        is_observed = ~np.isnan(rows[0])
        if (pattern := is_observed.tobytes()) != self._pattern:
            densities = self._densities
            self.conditional = Conditional.of(densities.gaussians.means, densities.covariances, is_observed)
            self.log_norm = self.conditional.log_norm
            self._pattern = pattern
        o = self.conditional.observed
        self.rows = rows.T[o] * scale[o, None]
        self.about_means = self.rows - self.conditional.means[:, :, None]


@dataclass(frozen=True, eq=False)
class GapDensities:
    """Everything about the components that all blocks of one pass over rows with gaps share.

    Attributes
    ----------
    gaussians : Gaussians
    moments : Moments
        The moments that the structure needs.
    offset : ndarray of shape (K,)
        Added to the log densities.
    reference : ndarray of shape (K, p)
        The points about which moments are summed.
    """

    gaussians: Gaussians
    moments: Moments
    offset: np.ndarray
    reference: np.ndarray

    @classmethod
    def prepare(
        cls,
        gaussians: Gaussians,
        offset: np.ndarray,
        blur: np.ndarray | None = None,
        apart: np.ndarray | None = None,
    ) -> Self:
        """Compute what a pass needs; see `Densities.prepare`."""
        if blur is not None:
            offset = offset - 0.5 * (gaussians.precision_diagonal * blur).sum(axis=1)
        means = gaussians.means
        reference = means if apart is None else np.where(np.isnan(apart), means, apart)
        return cls(gaussians, gaussians.structure.moments, np.maximum(offset, IMPOSSIBLE), reference)

    @cached_property
    def covariances(self) -> np.ndarray:
        """The covariances as matrices (G, p, p)."""
        structure = self.gaussians.structure
        return structure.form.matrices(self.gaussians.covariances, self.gaussians.n_features)

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.offset)

    @property
    def numbers_per_row(self) -> int:
        """How many numbers a worker holds for each row of a block."""
        return self.n_components * (3 * self.gaussians.n_features + 1)

    @property
    def numbers_per_sum(self) -> int:
        """How many numbers the statistics hold."""
        return self.moments.length(self.gaussians.n_features) * self.n_components

    @property
    def fewest_rows(self) -> int:
        """How many rows a block should have, if the data do."""
        return 0

    def buffer(self, length: int) -> GapBuffer:
        """Return room for one block after another."""
        return GapBuffer(self)

    def log_joint(self, block: GapBuffer, out: np.ndarray) -> np.ndarray:
        """Return offset + log density of the observed features of the rows in `block`, in `out` (K, b)."""
        y = block.conditional.root.swapaxes(1, 2) @ block.about_means
        np.einsum("kob,kob->kb", y, y, out=out)
        out *= -0.5
        out += (self.offset + block.log_norm)[:, None]
        return out

    def shared_term(self, block: GapBuffer) -> float:
        """Return 0: nothing is left out."""
        return 0.0

    def accumulator(self) -> "GapAccumulator":
        """Return zero sums."""
        return GapAccumulator(self)


class GapAccumulator:
    """Sums the moments of one worker's blocks, completed pattern by pattern."""

    def __init__(self, densities: GapDensities):
        self._densities = densities
        K, p = densities.gaussians.means.shape
        self._mass, self._first, self._second = np.zeros(K), np.zeros((K, p)), np.zeros((K, p, p))
        self._pattern: _PatternSums | None = None

    def add(self, block: GapBuffer, resp: np.ndarray) -> None:
        """Add the rows in `block` with responsibilities (K, b), already times the row weights."""
        if self._pattern is None or self._pattern.conditional is not block.conditional:
            self._complete()
            self._pattern = _PatternSums(block.conditional, self._densities.reference)
        self._pattern.add(block, np.where(resp > NOTHING, resp, 0.0), self._densities)

    def statistics(self) -> GaussianStatistics:
        """Return the sums of all blocks so far."""
        self._complete()
        moments = self._densities.moments
        second = moments.packed(moments.of_matrices(self._second))
        sums = np.concatenate([self._mass[:, None], second, self._first], axis=1).T
        return GaussianStatistics(moments, sums, self._densities.reference)

    def _complete(self) -> None:
        if self._pattern is None:
            return
        mass, first, second = self._pattern.completed(self._densities)
        self._mass += mass
        self._first += first
        self._second += second
        self._pattern = None


class _PatternSums:
    """Sums over the observed parts of the rows of one pattern, about each component's reference."""

    def __init__(self, conditional: Conditional, reference: np.ndarray):
        self.conditional = conditional
        K, o = conditional.means.shape
        self._reference = reference[:, conditional.observed]
        self._mass, self._first, self._second = np.zeros(K), np.zeros((K, o)), np.zeros((K, o, o))

    def add(self, block: GapBuffer, resp: np.ndarray, densities: GapDensities) -> None:
        z = block.about_means
        if densities.reference is not densities.gaussians.means:
            z = block.rows - self._reference[:, :, None]
        weighted = z * resp[:, None]
        self._mass += resp.sum(axis=1)
        self._first += weighted.sum(axis=2)
        self._second += weighted @ z.swapaxes(1, 2)

    def completed(self, densities: GapDensities) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return mass (K,), first (K, p) and second moments (K, p, p) of whole rows."""
        conditional, mass = self.conditional, self._mass
        o, m, whole = conditional.observed, conditional.missing, conditional.completion
        first = (whole @ self._first[:, :, None])[:, :, 0]
        second = whole @ self._second @ whole.swapaxes(1, 2)
        if densities.reference is not densities.gaussians.means:
            # About another point than the mean, missing features are expected at T z + e.
            away = densities.gaussians.means - densities.reference
            e = np.zeros_like(away)
            e[:, m] = away[:, m] - (conditional.regression @ away[:, o, None])[:, :, 0]
            cross = first[:, :, None] * e[:, None]
            second += cross + cross.swapaxes(1, 2) + mass[:, None, None] * (e[:, :, None] * e[:, None])
            first = first + mass[:, None] * e
        second[:, m[:, None], m] += mass[:, None, None] * conditional.residual
        return mass, first, second
