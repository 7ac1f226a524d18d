"""What missing values are expected to be, or could be, given what is observed of their rows."""

from collections.abc import Callable

import numpy as np

from sklearn_em.data.block import ArraySource, Block
from sklearn_em.data.executors import Workers
from sklearn_em.data.gaps import segments
from sklearn_em.gaussian.missing import Gaps, precision_root
from sklearn_em.mixture.e_step import responsibilities
from sklearn_em.mixture.model import MixtureParameters
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.prediction import Predictor

# Conditional means (K, b, m) of rows of one pattern, the pattern, and responsibilities (C, b), to values (b, m).
_Fill = Callable[[np.ndarray, Gaps, np.ndarray], np.ndarray]


def conditional_means(
    params: MixtureParameters, noise: Noise | None, source: ArraySource, workers: Workers
) -> np.ndarray:
    """Return the rows (n, p) with the conditional expectation of each missing value.

    References
    ----------
    Ghahramani and Jordan (1994), "Supervised learning from incomplete data via an EM approach", section 3.
    """
    K = params.weights.size

    def expected(means: np.ndarray, gaps: Gaps, resp: np.ndarray) -> np.ndarray:
        values = np.einsum("kb,kbm->bm", resp[:K], means)
        if noise is not None:
            values += resp[K][:, None] * ((noise.low + noise.high) / 2)[gaps.missing[0]]
        return values

    return _filled(params, noise, source, workers, expected)


def conditional_draws(
    params: MixtureParameters, noise: Noise | None, source: ArraySource, workers: Workers, rng: np.random.RandomState
) -> np.ndarray:
    """Return the rows (n, p) with a draw from the conditional distribution of what is missing in each.

    References
    ----------
    Little and Rubin (2002), "Statistical Analysis with Missing Data", section 10.2: multiple imputation.
    """
    K = params.weights.size

    def drawn(means: np.ndarray, gaps: Gaps, resp: np.ndarray) -> np.ndarray:
        n_rows, missing = resp.shape[1], gaps.missing[0]
        share = np.cumsum(resp, axis=0)
        component = np.minimum((rng.uniform(size=n_rows) * share[-1] >= share).sum(axis=0), len(resp) - 1)
        roots = np.broadcast_to(gaps.inverse[0], (K, len(missing), len(missing)))
        result = np.empty((n_rows, len(missing)))
        normal = rng.standard_normal(result.shape)
        for k in range(K):
            own = component == k
            result[own] = means[k, own] + normal[own] @ roots[k].T
        if noise is not None:
            lost = component == K
            result[lost] = rng.uniform(noise.low[missing], noise.high[missing], size=(lost.sum(), len(missing)))
        return result

    return _filled(params, noise, source, workers, drawn)


def _filled(
    params: MixtureParameters, noise: Noise | None, source: ArraySource, workers: Workers, fill: _Fill
) -> np.ndarray:
    rows = source.rows.astype(float)
    root, mu = precision_root(params.gaussians), params.gaussians.means

    def write(block: Block, joint: np.ndarray, shared: np.ndarray | float) -> tuple[Block, np.ndarray]:
        responsibilities(joint)
        return block, joint.copy()

    # Blocks come back in their order, so that draws do not depend on who was faster.
    for block, resp in Predictor(params, workers, noise).each_block(source, write):
        places = np.arange(source.n_rows)[block.places]
        missing = np.isnan(block.rows)
        for start, stop in segments(missing):
            if missing[start].any():
                gaps = Gaps.of(root, missing[start : start + 1])
                m = gaps.missing[0]
                z = np.nan_to_num(block.rows[start:stop].T - mu[:, :, None], nan=0.0)
                gaps.fill(0, root.swapaxes(1, 2) @ z, z)
                means = z[:, m].swapaxes(1, 2) + mu[:, None, m]
                rows[np.ix_(places[start:stop], m)] = fill(means, gaps, resp[:, start:stop])
    return rows
