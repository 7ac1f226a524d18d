"""Rows drawn from a mixture."""

import numpy as np

from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.values import MixtureParameters


def draw(
    params: MixtureParameters, noise: Noise | None, n_samples: int, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (n, p) in random order, and the component of each (n,); -1 for the noise."""
    gaussians, K = params.gaussians, params.weights.size
    weights = params.weights if noise is None else np.append(params.weights, params.noise_weight)
    counts = rng.multinomial(n_samples, weights)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    rows = rng.standard_normal((n_samples, gaussians.n_features))
    if noise is not None and counts[K]:
        labels[labels == K] = -1
        rows[labels == -1] = noise.draw(counts[K], rng)
    for k in np.flatnonzero(counts[:K]):
        factor = gaussians.precision_cholesky[k if len(gaussians.precision_cholesky) > 1 else 0]
        drawn = labels == k
        rows[drawn] = gaussians.means[k] + gaussians.structure.form.draw(factor, rows[drawn])
    return rows, labels
