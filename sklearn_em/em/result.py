"""How a run of EM ends: a status that owns its sentence, and the result that carries it."""

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from sklearn_em.em.acceleration import Squarem

P = TypeVar("P")
S = TypeVar("S")


class Status(Enum):
    """The outcome of a run; `str` gives the sentence shown to the user."""

    RUNNING = "The fit has not ended yet."
    CONVERGED = "Converged: the estimated distance to the limit of the objective is below tol."
    MAX_ITER = (
        "Best performing initialization did not converge. Try different init parameters, or increase max_iter, "
        "tol, or check for degenerate data."
    )
    STOPPED = "Stopped by a callback before convergence; the parameters are those of the last complete iteration."
    INTERRUPTED = "Interrupted before the fit had ended; the parameters are the best that were complete by then."
    OUTRUN = "Given up after short runs, in which it was not going to be better than the best start so far."
    DEGENERATE = (
        "Best performing initialization did not converge: a component collapsed onto too few distinct rows; the "
        "parameters are the last valid ones. Decrease the number of components or increase reg_covar."
    )

    def __str__(self) -> str:
        return self.value


class DegenerateError(ValueError):
    """No valid parameters explain the statistics; `components` lists the indices of those that collapsed."""

    def __init__(self, message: str, components: tuple[int, ...] = ()):
        super().__init__(message)
        self.components = components


@dataclass(frozen=True, eq=False)
class Result(Generic[P, S]):
    """The end of a run: parameters, statistics and the last entry of the trace belong together.

    `collapsed` are the components that ended it, if its status is degenerate.
    """

    params: P
    statistics: S
    trace: tuple[float, ...]
    status: Status
    accelerator: Squarem[S] | None = None
    collapsed: tuple[int, ...] = ()

    @property
    def objective(self) -> float:
        """The objective at `params`."""
        return self.trace[-1]

    @property
    def n_iter(self) -> int:
        """The number of M-steps taken; the trace also holds the start."""
        return len(self.trace) - 1

    @property
    def accelerated_steps(self) -> tuple[int, ...]:
        """Which entries of the trace were reached by a jump that was accepted; one that was undone repeats an entry."""
        return () if self.accelerator is None else self.accelerator.accepted
