"""When to stop: an estimate of what is still to be gained, not the size of the last step.

EM converges linearly, so the last gain says little: at a rate of 0.99 a hundred times as much is still to come.
With gains d0, d1 and the rate a = d1 / d0, the rest of the geometric series is a / (1 - a) * d1 (Aitken; Boehning et
al. 1994, "The distribution of the likelihood ratio for mixtures of densities from the one-parameter exponential
family", section 4).
"""

from dataclasses import dataclass

import numpy as np

from sklearn_em.em.result import Status

# A rate seen early underestimates the rate at the end, when only the slowest direction is left.
_SLOWEST_EARLY_RATE = 0.9
# Gains below this many units in the last place of the objective are rounding, whatever the rate.
_ROUNDING = 8 * np.finfo(float).eps


def remaining_gain(trace: tuple[float, ...], n_plain: int) -> float:
    """Return the estimated distance from the last entry of the trace to its limit; it takes two plain steps."""
    before, last = trace[-2] - trace[-3], trace[-1] - trace[-2]
    if last <= 0:
        return 0.0
    rate = max(_SLOWEST_EARLY_RATE, last / before) if before > 0 else 1.0
    # A jump excites fast directions, whose rate then hides the slow one; what it gained warns of what they hide.
    jump = trace[-3] - trace[-4] if n_plain == 2 < len(trace) - 1 else 0.0
    return float("inf") if rate >= 1 else rate / (1 - rate) * last + jump


@dataclass(frozen=True)
class StoppingRule:
    """Converged when the estimated distance to the limit is below `tol`.

    Attributes
    ----------
    tol : float
        The accepted distance, in the objective's unit. 0 runs exactly `max_iter` iterations.
    max_iter : int
        The largest number of M-steps.
    """

    tol: float
    max_iter: int

    def status(self, trace: tuple[float, ...], n_plain: int) -> Status:
        """Judge a trace, which begins with the start and ends with `n_plain` plain steps: a jump tells no rate."""
        n_iter = len(trace) - 1
        if self.tol > 0 and n_plain > 0 and self._has_converged(trace, n_plain):
            return Status.CONVERGED
        return Status.MAX_ITER if n_iter >= self.max_iter else Status.RUNNING

    def _has_converged(self, trace: tuple[float, ...], n_plain: int) -> bool:
        gain = trace[-1] - trace[-2]
        if gain <= _ROUNDING * (1 + abs(trace[-1])):
            return True
        if n_plain == 1:
            # One gain tells no rate. It has to do where a run is one pass long, as in one-pass warm refits.
            return self.max_iter == 1 and gain < self.tol
        return remaining_gain(trace, n_plain) < self.tol
