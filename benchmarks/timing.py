"""How the benchmarks take times.

Rounds of the sides alternate, so that a change of the machine's speed meets all of them, and a ratio is one of medians.
"""

import time
from collections.abc import Callable, Iterable

import numpy as np


def seconds(function: Callable[[], object]) -> float:
    """Time one call."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def medians(rounds: int, *timed: Callable[[], float]) -> list[float]:
    """Return the median of what each function, which times itself, returns in alternating rounds."""
    return np.median([[function() for function in timed] for _ in range(rounds)], axis=0).tolist()


def geometric_mean(ratios: Iterable[float]) -> float:
    """Return the mean that treats twice as fast and twice as slow alike."""
    return float(np.exp(np.mean(np.log(list(ratios)))))
