"""How the benchmarks take times.

Rounds of the sides alternate, so that a change of the machine's speed meets all of them, and a ratio is one of medians.
"""

import time
from collections.abc import Callable, Iterable

import numpy as np

_WARM = _TIMED = 0.06
_LOOK = 0.005


def seconds(function: Callable[[], object]) -> float:
    """Time one call."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def settled(function: Callable[[], float]) -> float:
    """Return what the function returns, once its threads are at rest.

    Threads of a linear algebra library that has just been used wait busily for more work, a tenth of a second long, on
    the cores that the next side needs: right after scikit-learn, or after any large product, two threads of ours take
    half as long again. Where no other thread was at work there is no wait, for a core that has rested is slow at first.
    """
    begun = _seconds_of_others()
    result = function()
    while (now := _seconds_of_others()) - begun > _LOOK / 5:
        begun = now
        time.sleep(_LOOK)
    return result


def _seconds_of_others() -> float:
    """Return the processor time of all other threads."""
    return time.process_time() - time.thread_time()


def seconds_when_warm(function: Callable[[], object]) -> float:
    """Return the mean time of calls that follow each other, as the passes of a fit do; some are made before."""
    warm = 0.0
    while warm < _WARM:
        warm += (last := seconds(function))
    repeats = max(1, min(100, round(_TIMED / last)))
    return seconds(lambda: [function() for _ in range(repeats)]) / repeats


def medians(rounds: int, *timed: Callable[[], float]) -> list[float]:
    """Return the median of what each function, which times itself, returns in alternating rounds."""
    return np.median([[settled(function) for function in timed] for _ in range(rounds)], axis=0).tolist()


def geometric_mean(ratios: Iterable[float]) -> float:
    """Return the mean that treats twice as fast and twice as slow alike."""
    return float(np.exp(np.mean(np.log(list(ratios)))))
