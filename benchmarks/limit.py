"""How fast could a pass be? The matrix products at the speed of a large one, and one exponential per responsibility."""

from functools import cache

import numpy as np
from threadpoolctl import threadpool_limits
from timing import seconds


@cache
def seconds_per_flop() -> float:
    """Return the best of some products of large matrices on one thread."""
    a = np.random.default_rng(0).normal(size=(1500, 1500))
    with threadpool_limits(1):
        return min(seconds(lambda: a @ a) for _ in range(5)) / (2 * 1500**3)


@cache
def seconds_per_exp() -> float:
    """Return the best of some exponentials of an array that stays in the cache."""
    exponents = np.random.default_rng(0).uniform(-20, 0, size=2048)
    out = np.empty_like(exponents)
    return min(seconds(lambda: np.exp(exponents, out=out)) for _ in range(200)) / exponents.size


def least_seconds(n_rows: int, n_features: int, n_components: int, n_threads: int) -> float:
    """Return the time of a pass of full covariances.

    A row has F = 1 + p + p (p + 1) / 2 numbers in which log densities are linear; two products of (N, F) and (F, K),
    one in either step, are 4 N K F operations.
    """
    n_numbers = 1 + n_features + n_features * (n_features + 1) // 2
    pairs = n_rows * n_components
    return pairs * (4 * n_numbers * seconds_per_flop() + seconds_per_exp()) / n_threads
