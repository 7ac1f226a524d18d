"""What missing values are expected to be, or could be, given what is observed of their rows."""

from collections.abc import Callable

import numpy as np

from sklearn_em.data.block import ArraySource, Block
from sklearn_em.data.executors import Workers
from sklearn_em.data.gaps import segments
from sklearn_em.gaussian.missing import Conditionals
from sklearn_em.mixture.e_step import responsibilities
from sklearn_em.mixture.model import MixtureParameters
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.prediction import Predictor

# Rows (b, p) of one pattern, the components seen from it, and responsibilities (C, b), to missing values (b, m).
_Fill = Callable[[np.ndarray, Conditionals, np.ndarray], np.ndarray]


def conditional_means(
    params: MixtureParameters, noise: Noise | None, source: ArraySource, workers: Workers
) -> np.ndarray:
    """Return the rows (n, p) with the conditional expectation of each missing value.

    References
    ----------
    Ghahramani and Jordan (1994), "Supervised learning from incomplete data via an EM approach", section 3.
    """
    K = params.weights.size

    def expected(rows: np.ndarray, seen: Conditionals, resp: np.ndarray) -> np.ndarray:
        values = np.einsum("kb,kbm->bm", resp[:K], _regressed(params, rows, seen))
        if noise is not None:
            values += resp[K][:, None] * ((noise.low + noise.high) / 2)[seen.missing[0]]
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

    def drawn(rows: np.ndarray, seen: Conditionals, resp: np.ndarray) -> np.ndarray:
        n_rows, missing = resp.shape[1], seen.missing[0]
        share = np.cumsum(resp, axis=0)
        component = np.minimum((rng.uniform(size=n_rows) * share[-1] >= share).sum(axis=0), len(resp) - 1)
        values, vectors = np.linalg.eigh(seen.residual[0])
        roots = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
        roots = np.broadcast_to(roots, (K, *roots.shape[1:]))
        means = _regressed(params, rows, seen)
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


def _regressed(params: MixtureParameters, rows: np.ndarray, seen: Conditionals) -> np.ndarray:
    """Return mu_m + B (x_o - mu_o) for each component and row, (K, b, m)."""
    means, o, m = params.gaussians.means, seen.observed[0], seen.missing[0]
    z = rows[:, o] - means[:, None, o]
    return z @ seen.regression[0].swapaxes(1, 2) + means[:, None, m]


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
        places = np.arange(source.n_rows)[block.places]
        missing = np.isnan(block.rows)
        for start, stop in segments(missing):
            if missing[start].any():
                seen = Conditionals.of(matrices, ~missing[start : start + 1])
                values = fill(block.rows[start:stop], seen, resp[:, start:stop])
                rows[np.ix_(places[start:stop], seen.missing[0])] = values
    return rows
