"""The only EM loop of the package.

The E-step comes first: a state always holds parameters, the statistics that *these* parameters give, and their
objective as the last entry of the trace. So the trace, the published parameters and the labels belong together,
no closing E-step is needed, and stopping anywhere leaves a valid state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sklearn_em.em.model import Model
from sklearn_em.em.result import DegenerateError, Result, Status
from sklearn_em.em.stopping import StoppingRule

P = TypeVar("P")
S = TypeVar("S")


@dataclass(frozen=True)
class LoopState(Generic[P, S]):
    """All that EM carries from one step to the next; plain values, so that it can be saved and resumed."""

    params: P
    statistics: S
    trace: tuple[float, ...]


def begin(model: Model[P, S], params: P) -> LoopState[P, S]:
    """Score the start."""
    statistics = model.e_step(params)
    return LoopState(params, statistics, (model.objective(statistics, params),))


def step(model: Model[P, S], state: LoopState[P, S]) -> LoopState[P, S]:
    """Maximise the bound at the statistics in hand, then make it tight at the new parameters."""
    params = model.m_step(state.statistics, state.params)
    statistics = model.e_step(params)
    return LoopState(params, statistics, (*state.trace, model.objective(statistics, params)))


def run(
    model: Model[P, S],
    state: LoopState[P, S],
    stopping: StoppingRule,
    callback: Callable[[LoopState[P, S]], Any] | None = None,
) -> Result[P, S]:
    """Step until the rule stops the run.

    Parameters
    ----------
    model : Model
        The model, bound to its data.
    state : LoopState
        Where to go on from: `begin(model, start)`, or the state of an earlier run.
    stopping : StoppingRule
        Turns the trace into a status.
    callback : callable, optional
        Called with every state, the first one included; a true return value stops the run.

    Returns
    -------
    Result
        The last state and why it is the last.
    """
    while True:
        stopped = callback is not None and callback(state)
        status = stopping.status(state.trace)
        if status is Status.RUNNING and stopped:
            status = Status.STOPPED
        if status is Status.RUNNING:
            try:
                state = step(model, state)
                continue
            except DegenerateError:
                status = Status.DEGENERATE
        return Result(state.params, state.statistics, state.trace, status)
