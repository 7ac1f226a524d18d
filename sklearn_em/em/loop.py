"""The only EM loop of the package.

The E-step comes first: a state always holds parameters, the statistics that *these* parameters give, and their
objective as the last entry of the trace. So the trace, the published parameters and the labels belong together,
no closing E-step is needed, and stopping anywhere leaves a valid state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from sklearn_em.em.acceleration import Jump, Squarem
from sklearn_em.em.model import Model
from sklearn_em.em.result import DegenerateError, Result, Status
from sklearn_em.em.stopping import StoppingRule

P = TypeVar("P")
S = TypeVar("S")


@dataclass(frozen=True, eq=False)
class LoopState(Generic[P, S]):
    """All that EM carries from one step to the next; plain values, so that it can be saved and resumed."""

    params: P
    statistics: S
    trace: tuple[float, ...]
    accelerator: Squarem[S] | None = None

    @property
    def n_plain(self) -> int:
        """The number of plain steps since the start or the last jump."""
        return len(self.trace) - 1 - (0 if self.accelerator is None else self.accelerator.jumped_at)


def begin(model: Model[P, S], params: P, accelerator: Squarem[S] | None = None) -> LoopState[P, S]:
    """Score the start."""
    statistics = model.e_step(params)
    return LoopState(params, statistics, (model.objective(statistics, params),), accelerator)


def step(model: Model[P, S], state: LoopState[P, S]) -> LoopState[P, S]:
    """Make one pass: a jump where the accelerator has one, else a plain step of EM."""
    accelerator = state.accelerator
    if accelerator is not None:
        jump = accelerator.propose(model, state.statistics)
        if jump is not None and (jumped := _jumped(model, state, accelerator, jump)) is not None:
            return jumped
        accelerator = accelerator.stepped(state.statistics)
    # Maximise the bound at the statistics in hand, then make it tight at the new parameters.
    params = model.m_step(state.statistics, state.params)
    statistics = model.e_step(params)
    return LoopState(params, statistics, (*state.trace, model.objective(statistics, params)), accelerator)


def _jumped(
    model: Model[P, S], state: LoopState[P, S], accelerator: Squarem[S], jump: Jump[S]
) -> LoopState[P, S] | None:
    """Make the bound tight at the jump; stay, one pass later, if the objective is lower there. None: not valid."""
    try:
        params = model.m_step(jump.statistics, state.params)
    except DegenerateError:
        return None
    statistics = model.e_step(params)
    objective = model.objective(statistics, params)
    accepted = bool(np.isfinite(objective) and objective >= state.trace[-1])
    accelerator = accelerator.jumped(jump, accepted, len(state.trace))
    if accepted:
        return LoopState(params, statistics, (*state.trace, objective), accelerator)
    return LoopState(state.params, state.statistics, (*state.trace, state.trace[-1]), accelerator)


def run(
    model: Model[P, S],
    state: LoopState[P, S],
    stopping: StoppingRule,
    callback: Callable[[LoopState[P, S], Status], object] | None = None,
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
        Called with every state, the first one included, and with RUNNING if another pass is to follow; a true return
        value stops the run.

    Returns
    -------
    Result
        The last state and why it is the last.
    """
    collapsed: tuple[int, ...] = ()
    while True:
        status = stopping.status(state.trace, state.n_plain)
        stopped = callback is not None and callback(state, status)
        if status is Status.RUNNING and stopped:
            status = Status.STOPPED
        if status is Status.RUNNING:
            try:
                state = step(model, state)
                continue
            except DegenerateError as error:
                status, collapsed = Status.DEGENERATE, error.components
        return Result(state.params, state.statistics, state.trace, status, state.accelerator, collapsed)
