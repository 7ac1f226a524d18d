"""What missing values are expected to be, or could be, given what is observed of their rows."""

from collections.abc import Callable

import numpy as np

from sklearn_em.data.block import ArraySource, Block
from sklearn_em.data.executors import Workers
from sklearn_em.gaussian.missing import Conditional
from sklearn_em.mixture.e_step import responsibilities
from sklearn_em.mixture.model import MixtureParameters
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.prediction import Predictor

# The rows of one pattern, the components seen from it, responsibilities (C, b), and places of the missing features, to
# values of the latter (b, m).
_Fill = Callable[[Block, Conditional, np.ndarray, np.ndarray], np.ndarray]


def conditional_means(
    params: MixtureParameters, noise: Noise | None, source: ArraySource, workers: Workers
) -> np.ndarray:
    """Return the rows (n, p) with the conditional expectation of each missing value.

    References
    ----------
    Ghahramani and Jordan (1994), "Supervised learning from incomplete data via an EM approach", section 3.
    """
    K = params.weights.size

    def expected(block: Block, seen: Conditional, resp: np.ndarray, missing: np.ndarray) -> np.ndarray:
        each = _regressed(params, block, seen, missing)
        values = np.einsum("kb,kbm->bm", resp[:K], each)
        if noise is not None:
            values += resp[K][:, None] * ((noise.low + noise.high) / 2)[missing]
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

    def drawn(block: Block, seen: Conditional, resp: np.ndarray, missing: np.ndarray) -> np.ndarray:
        n_rows = resp.shape[1]
        share = np.cumsum(resp, axis=0)
        component = np.minimum((rng.uniform(size=n_rows) * share[-1] >= share).sum(axis=0), len(resp) - 1)
        values, vectors = np.linalg.eigh(seen.residual)
        roots = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
        roots = np.broadcast_to(roots, (K, *roots.shape[1:]))
        means = _regressed(params, block, seen, missing)
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


def _regressed(params: MixtureParameters, block: Block, seen: Conditional, missing: np.ndarray) -> np.ndarray:
    """Return mu_m + B (x_o - mu_o) for each component and row, (K, b, m)."""
    z = block.rows[:, seen.observed] - seen.means[:, None]
    return z @ seen.regression.swapaxes(1, 2) + params.gaussians.means[:, None, missing]


def _filled(
    params: MixtureParameters, noise: Noise | None, source: ArraySource, workers: Workers, fill: _Fill
) -> np.ndarray:
    rows = source.rows.astype(float)
    structure, p = params.gaussians.structure, params.gaussians.n_features
    matrices = structure.form.matrices(params.gaussians.covariances, p)

    def write(block: Block, joint: np.ndarray, shared: np.ndarray | float) -> tuple[Block, np.ndarray]:
        responsibilities(joint)
        return block, joint.copy()

    # Blocks come back in their order, so that draws do not depend on who was faster.
    for block, resp in Predictor(params, workers, noise).each_block(source, write):
        is_observed = ~np.isnan(block.rows[0])
        missing = np.flatnonzero(~is_observed)
        if missing.size:
            seen = Conditional.of(params.gaussians.means, matrices, is_observed)
            rows[np.ix_(np.arange(source.n_rows)[block.places], missing)] = fill(block, seen, resp, missing)
    return rows
