"""The direction of limited-memory BFGS, for the M-steps that have no closed form.

References
----------
Nocedal (1980), "Updating quasi-Newton matrices with limited storage": the two loops.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

# The latest steps, and how much the gradient changed along each, the oldest first; step . change is positive.
Memory = deque[tuple[np.ndarray, np.ndarray]]


def direction(gradient: np.ndarray, memory: Memory, towards: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the direction in which to go from where the gradient is `gradient`.

    Parameters
    ----------
    gradient : ndarray of shape (n,)
    memory : deque of tuple of ndarray of shape (n,)
    towards : callable
        The direction without a memory: minus the gradient, in a metric of the caller's choice.
    """
    factors = []
    for step, change in reversed(memory):
        factor = (step @ gradient) / (change @ step)
        gradient = gradient - factor * change
        factors.append(factor)
    result = towards(gradient)
    for (step, change), factor in zip(memory, reversed(factors), strict=True):
        result = result - (factor + (change @ result) / (change @ step)) * step
    return result
