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

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from sklearn_em.data.gaps import segments
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.features import Moments
from sklearn_em.gaussian.log_prob import IMPOSSIBLE, LOG_2PI, NOTHING
from sklearn_em.gaussian.statistics import GaussianStatistics

# Conditionals of all patterns are made at once, up to so many numbers (32 MiB): one by one they take as long as the
# sums of some hundred rows each.
_MOST_NUMBERS = 2**22


@dataclass(frozen=True, eq=False)
class Conditionals:
    """All components seen from the observed features of P patterns, o in each; G = 1 where they share one covariance.

    Attributes
    ----------
    observed, missing : ndarray of shape (P, o) and (P, m) of int
        The places of the features.
    root : ndarray of shape (P, G, o, o)
        Factors R with Sigma_oo^-1 = R R^T.
    regression : ndarray of shape (P, G, m, o)
        B.
    residual : ndarray of shape (P, G, m, m)
        C.
    """

    observed: np.ndarray
    missing: np.ndarray
    root: np.ndarray
    regression: np.ndarray
    residual: np.ndarray

    @classmethod
    def of(cls, covariances: np.ndarray, patterns: np.ndarray) -> Self:
        """Condition components of these covariances (G, p, p) on `patterns` (P, p) of bool, with as many in each."""
        n_patterns = len(patterns)
        o = np.nonzero(patterns)[1].reshape(n_patterns, -1)
        m = np.nonzero(~patterns)[1].reshape(n_patterns, -1)

        def part(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
            return covariances[:, rows[:, :, None], columns[:, None, :]].swapaxes(0, 1)

        root = np.linalg.inv(np.linalg.cholesky(part(o, o))).swapaxes(2, 3)
        whitened = part(m, o) @ root
        regression = whitened @ root.swapaxes(2, 3)
        residual = part(m, m) - whitened @ whitened.swapaxes(2, 3)
        return cls(o, m, root, regression, residual)

    @cached_property
    def log_norm(self) -> np.ndarray:
        """The log density of each component at its mean, (P, G)."""
        log_det = np.log(self.root.diagonal(axis1=2, axis2=3)).sum(axis=2)
        return np.asarray(log_det - 0.5 * self.observed.shape[1] * LOG_2PI)

    @cached_property
    def completion(self) -> np.ndarray:
        """T, (P, G, p, o)."""
        (n_patterns, n_observed), n_missing = self.observed.shape, self.missing.shape[1]
        whole = np.zeros((n_patterns, self.root.shape[1], n_observed + n_missing, n_observed))
        each = np.arange(n_patterns)[:, None]
        whole[each, :, self.observed, np.arange(n_observed)] = 1.0
        whole[each, :, self.missing] = self.regression.swapaxes(1, 2)
        return whole


# One of a few patterns.
_Pattern = tuple[Conditionals, int]


class GapBuffer:
    """One block after another, pattern by pattern."""

    def __init__(self, densities: "GapDensities"):
        self._densities = densities
        self._last: tuple[bytes, _Pattern] | None = None

    def load(self, rows: np.ndarray, scale: np.ndarray, centre: np.ndarray) -> None:
        """Take `rows` (b, p) times `scale` (p,); what they are taken about is each component's own mean."""
        missing = np.isnan(rows)
        self.rows = rows.T * scale[:, None]
        self._parts = [(start, stop, self._pattern(~missing[start])) for start, stop in segments(missing)]

    def parts(self) -> Iterator[tuple[slice, Conditionals, int, np.ndarray]]:
        """Yield the places of the rows of a pattern, its conditionals, its place in them, and the observed (o, b)."""
        for start, stop, (conditionals, i) in self._parts:
            places = slice(start, stop)
            yield places, conditionals, i, self.rows[conditionals.observed[i], places]

    def _pattern(self, is_observed: np.ndarray) -> _Pattern:
        """Return a pattern out of those made before, or else made now: most blocks begin with the last one's last."""
        key = is_observed.tobytes()
        if (known := self._densities.conditionals.get(key)) is not None:
            return known
        if self._last is None or self._last[0] != key:
            self._last = key, (Conditionals.of(self._densities.covariances, is_observed[None]), 0)
        return self._last[1]


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
    patterns : ndarray of shape (P, p) of bool
        Which features are observed, in every way that occurs.
    """

    gaussians: Gaussians
    moments: Moments
    offset: np.ndarray
    reference: np.ndarray
    patterns: np.ndarray

    @classmethod
    def prepare(
        cls,
        gaussians: Gaussians,
        offset: np.ndarray,
        patterns: np.ndarray,
        blur: np.ndarray | None = None,
        apart: np.ndarray | None = None,
    ) -> Self:
        """Compute what a pass needs; see `Densities.prepare`."""
        if blur is not None:
            offset = offset - 0.5 * (gaussians.precision_diagonal * blur).sum(axis=1)
        means = gaussians.means
        reference = means if apart is None else np.where(np.isnan(apart), means, apart)
        moments = gaussians.structure.moments
        densities = cls(gaussians, moments, np.maximum(offset, IMPOSSIBLE), reference, patterns)
        # Before threads ask for them, each for its own.
        _ = densities.conditionals
        return densities

    @cached_property
    def covariances(self) -> np.ndarray:
        """The covariances as matrices (G, p, p)."""
        structure = self.gaussians.structure
        return structure.form.matrices(self.gaussians.covariances, self.gaussians.n_features)

    @cached_property
    def conditionals(self) -> dict[bytes, _Pattern]:
        """All patterns by their bytes, if they are not too many: those with as many gaps together."""
        if len(self.patterns) * self.covariances.size > _MOST_NUMBERS:
            return {}
        n_observed = self.patterns.sum(axis=1)
        found = {}
        for n in np.unique(n_observed):
            alike = self.patterns[n_observed == n]
            conditionals = Conditionals.of(self.covariances, alike)
            found.update({pattern.tobytes(): (conditionals, i) for i, pattern in enumerate(alike)})
        return found

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.offset)

    @property
    def numbers_per_row(self) -> int:
        """How many numbers a worker holds for each row of a block."""
        return (self.n_components + 2) * self.gaussians.n_features + self.n_components

    @property
    def numbers_per_sum(self) -> int:
        """How many numbers the statistics hold."""
        return self.moments.length(self.gaussians.n_features) * self.n_components

    @property
    def fewest_rows(self) -> int:
        """How many rows a block should have, if the data do."""
        return 0

    @property
    def keeps_features(self) -> bool:
        """Whether blocks look the same in every pass: they do not, about means that move."""
        return False

    def buffer(self, length: int) -> GapBuffer:
        """Return room for one block after another."""
        return GapBuffer(self)

    def log_joint(self, block: GapBuffer, out: np.ndarray) -> np.ndarray:
        """Return offset + log density of the observed features of the rows in `block`, in `out` (K, b)."""
        means = self.gaussians.means
        for places, conditionals, i, rows in block.parts():
            z = rows - means[:, conditionals.observed[i], None]
            y = conditionals.root[i].swapaxes(1, 2) @ z
            part = np.einsum("kob,kob->kb", y, y)
            part *= -0.5
            part += (self.offset + conditionals.log_norm[i])[:, None]
            out[:, places] = part
        return out

    def shared_term(self, block: GapBuffer) -> float:
        """Return 0: nothing is left out."""
        return 0.0

    def accumulator(self) -> "GapAccumulator":
        """Return zero sums."""
        return GapAccumulator(self)


class GapAccumulator:
    """Sums the moments of one worker's blocks over observed parts, then completes those of patterns with as many gaps.

    The sums are per component and about its reference: mass (K,), first (K, o) and second moments (K, o, o).
    """

    def __init__(self, densities: GapDensities):
        self._densities = densities
        K, p = densities.gaussians.means.shape
        self._mass, self._first, self._second = np.zeros(K), np.zeros((K, p)), np.zeros((K, p, p))
        self._open: dict[Conditionals, dict[int, list[np.ndarray]]] = {}

    def add(self, block: GapBuffer, resp: np.ndarray) -> None:
        """Add the rows in `block` with responsibilities (K, b), already times the row weights."""
        resp = np.where(resp > NOTHING, resp, 0.0)
        reference = self._densities.reference
        for places, conditionals, i, rows in block.parts():
            z = rows - reference[:, conditionals.observed[i], None]
            share = resp[:, places]
            weighted = z * share[:, None]
            sums = [share.sum(axis=1), weighted.sum(axis=2), weighted @ z.swapaxes(1, 2)]
            if conditionals not in self._open:
                if not self._densities.conditionals:
                    self._complete()
                self._open[conditionals] = {}
            same = self._open[conditionals]
            same[i] = [old + new for old, new in zip(same[i], sums, strict=True)] if i in same else sums

    def statistics(self) -> GaussianStatistics:
        """Return the sums of all blocks so far."""
        self._complete()
        moments = self._densities.moments
        second = moments.packed(moments.of_matrices(self._second))
        sums = np.concatenate([self._mass[:, None], second, self._first], axis=1).T
        return GaussianStatistics(moments, sums, self._densities.reference)

    def _complete(self) -> None:
        """Turn sums over observed parts into expected ones over whole rows."""
        means, reference = self._densities.gaussians.means, self._densities.reference
        for conditionals, parts in self._open.items():
            which = list(parts)
            mass, first, second = (np.stack(sums) for sums in zip(*parts.values(), strict=True))
            o, m = conditionals.observed[which], conditionals.missing[which]
            whole = conditionals.completion[which]
            first = (whole @ first[..., None])[..., 0]
            second = whole @ second @ whole.swapaxes(2, 3)
            if reference is not means:
                # About another point than the mean, missing features are expected at T z + e.
                away = means - reference
                gap = away[:, m].swapaxes(0, 1) - np.einsum(
                    "pgmo,pgo->pgm", conditionals.regression[which], away[:, o].swapaxes(0, 1)
                )
                e = np.zeros_like(first)
                e[np.arange(len(which))[:, None], :, m] = gap.swapaxes(1, 2)
                cross = first[..., :, None] * e[..., None, :]
                own = mass[..., None, None] * (e[..., :, None] * e[..., None, :])
                second += cross + cross.swapaxes(2, 3) + own
                first = first + mass[..., None] * e
            self._mass += mass.sum(axis=0)
            self._first += first.sum(axis=0)
            self._second += second.sum(axis=0)
            residual = mass[..., None, None] * conditionals.residual[which]
            for places, matrix in zip(m, residual, strict=True):
                self._second[:, places[:, None], places] += matrix
        self._open = {}
