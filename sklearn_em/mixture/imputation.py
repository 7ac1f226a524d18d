"""What missing values are expected to be, or could be, given what is observed of their rows."""

from dataclasses import dataclass

import numpy as np

from sklearn_em.data.block import ArraySource, Block
from sklearn_em.data.gaps import segments
from sklearn_em.gaussian.missing import Gaps, precision_root
from sklearn_em.mixture.e_step import responsibilities
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.prediction import Predictor


@dataclass(frozen=True, eq=False)
class _Part:
    """The rows of one pattern, b in number, that lack m features.

    Attributes
    ----------
    cells : tuple of ndarray
        The places of the missing values in the table, (b, m).
    missing : ndarray of shape (m,) of int
    means : ndarray of shape (K, b, m)
        The conditional means.
    root : ndarray of shape (G, m, m)
        Roots of the conditional covariances.
    resp : ndarray of shape (C, b)
    """

    cells: tuple[np.ndarray, ...]
    missing: np.ndarray
    means: np.ndarray
    root: np.ndarray
    resp: np.ndarray


def conditional_means(predictor: Predictor, source: ArraySource) -> np.ndarray:
    """Return the rows (n, p) with the conditional expectation of each missing value.

    References
    ----------
    Ghahramani and Jordan (1994), "Supervised learning from incomplete data via an EM approach", section 3.
    """
    rows, K, noise = source.rows.astype(float), predictor.params.weights.size, predictor.noise
    for part in _parts(predictor, source):
        values = np.einsum("kb,kbm->bm", part.resp[:K], part.means)
        if noise is not None:
            values += part.resp[K][:, None] * ((noise.low + noise.high) / 2)[part.missing]
        rows[part.cells] = values
    return rows


def conditional_draws(
    predictor: Predictor, source: ArraySource, n_draws: int, rng: np.random.RandomState
) -> np.ndarray:
    """Return tables (n_draws, n, p) with draws from the conditional distribution of what is missing in each row.

    References
    ----------
    Little and Rubin (2002), "Statistical Analysis with Missing Data", section 10.2: multiple imputation.
    """
    tables = np.repeat(source.rows[None].astype(float), n_draws, axis=0)
    parts = _parts(predictor, source)
    for table in tables:
        for part in parts:
            table[part.cells] = _drawn(part, predictor.noise, rng)
    return tables


def _drawn(part: _Part, noise: Noise | None, rng: np.random.RandomState) -> np.ndarray:
    """Draw the missing values (b, m)."""
    K, n_rows, n_missing = part.means.shape
    share = np.cumsum(part.resp, axis=0)
    component = np.minimum((rng.uniform(size=n_rows) * share[-1] >= share).sum(axis=0), len(share) - 1)
    result, normal = np.empty((n_rows, n_missing)), rng.standard_normal((n_rows, n_missing))
    for k in range(K):
        own = component == k
        result[own] = part.means[k, own] + normal[own] @ part.root[min(k, len(part.root) - 1)].T
    if noise is not None:
        lost = component == K
        low, high = noise.low[part.missing], noise.high[part.missing]
        result[lost] = rng.uniform(low, high, size=(lost.sum(), n_missing))
    return result


def _parts(predictor: Predictor, source: ArraySource) -> list[_Part]:
    """Return what is known of the missing values, pattern by pattern, in the order of the blocks."""
    gaussians = predictor.params.gaussians
    root, mu = precision_root(gaussians), gaussians.means

    def of_block(block: Block, joint: np.ndarray, shared: np.ndarray | float, scratch: np.ndarray) -> list[_Part]:
        responsibilities(joint, scratch=scratch)
        missing, found = np.isnan(block.rows), []
        places = np.arange(source.n_rows)[block.places]
        for start, stop in segments(missing):
            if missing[start].any():
                gaps = Gaps.of(root, missing[start : start + 1])
                m = gaps.missing[0]
                z = np.nan_to_num(block.rows[start:stop].T - mu[:, :, None], nan=0.0)
                gaps.fill(0, root.swapaxes(1, 2) @ z, z)
                means = z[:, m].swapaxes(1, 2) + mu[:, None, m]
                cells = np.ix_(places[start:stop], m)
                found.append(_Part(cells, m, means, gaps.inverse[0], joint[:, start:stop].copy()))
        return found

    return [part for parts in predictor.each_block(source, of_block) for part in parts]
