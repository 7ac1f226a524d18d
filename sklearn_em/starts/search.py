"""From candidates to the best end: short runs choose among the candidates of a start, full runs among the starts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np

from sklearn_em.em import DegenerateError, LoopState, Result, Squarem, Status, StoppingRule, begin, run
from sklearn_em.em.stopping import remaining_gain
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters, MixtureStatistics
from sklearn_em.starts.swaps import swap

Run = Result[MixtureParameters, MixtureStatistics]
State = LoopState[MixtureParameters, MixtureStatistics]
Candidate = Callable[[], MixtureParameters]

# Passes before candidates are compared: after five their order says little about where they end.
SCREENING_PASSES = 15
# Passes between two looks at whether there is hope for a swap.
SWAP_PASSES = 8
# What counts as better, in nats per unit of weight, hence whatever the units of the data: two ends at one optimum
# differ by rounding, which must not choose between them.
_BETTER = 1e-9


@dataclass(frozen=True)
class StartRecord:
    """How one start ended.

    Attributes
    ----------
    objective : float
        The objective at its end; -inf if it failed.
    n_iter : int
        The number of M-steps.
    status : Status or None
        Why it ended; None if it failed.
    reason : str
        The status in words, or why the start failed.
    is_spurious : bool
        Whether a component lives on too few rows, or is so thin that only regularisation holds it up; such an end is
        not chosen if there is another.
    """

    objective: float
    n_iter: int
    status: Status | None
    reason: str
    is_spurious: bool = False


@dataclass(frozen=True)
class _Judged:
    """A run, and what speaks against its end."""

    run: Run
    is_spurious: bool

    @classmethod
    def of(cls, model: GaussianMixtureModel, end: Run) -> Self:
        return cls(end, model.is_spurious(end.params, end.statistics))

    def is_better(self, other: Self | None) -> bool:
        """Rank by being valid, then by not being spurious, then by the objective; anything is better than nothing."""
        if other is None:
            return True
        drawbacks = [(end.run.status is Status.DEGENERATE, end.is_spurious) for end in (self, other)]
        if drawbacks[0] != drawbacks[1]:
            return drawbacks[0] < drawbacks[1]
        return self.run.objective > other.run.objective + _BETTER


def search(
    model: GaussianMixtureModel,
    starts: Iterator[Iterable[Candidate]],
    n_init: int,
    rng: np.random.RandomState | None,
    stopping: StoppingRule,
    callback: Callable[[int, State], object] | None = None,
    accelerator: Squarem[MixtureStatistics] | None = None,
) -> tuple[Run, list[StartRecord]]:
    """Run starts to their ends and return the best end, with a record of each.

    The first start is made from candidates; every further one moves a component of the best solution so far, and is
    given up if after some passes it is not going to be better. So more starts are never worse.

    Parameters
    ----------
    model : GaussianMixtureModel
    starts : iterator of iterables of callables
        The candidates of each start from scratch; they are compared on the sample of the data.
    n_init : int
        The number of starts, if `starts` yields as many.
    rng : RandomState, optional
        For the swaps; without it all starts are from scratch.
    stopping : StoppingRule
    callback : callable, optional
        Called with the number of the start and each state of its full run.
    accelerator : Squarem, optional
        Of the full runs; the short ones that choose are plain.

    Raises
    ------
    DegenerateError
        If every start fails.
    """
    on_sample = model.on_sample()
    best: _Judged | None = None
    records: list[StartRecord] = []
    failure: DegenerateError | None = None
    for number in range(n_init):
        watch = None if callback is None else partial(callback, number)
        try:
            if rng is not None and best is not None and stopping.max_iter >= SCREENING_PASSES:
                end = _swapped(model, on_sample, best.run, rng, stopping, watch, accelerator)
            elif (makers := next(starts, None)) is not None:
                state = _screened(model, on_sample, makers, stopping, accelerator)
                end = run(model, state, stopping, watch)
            else:
                break
        except DegenerateError as error:
            failure = failure or error
            records.append(StartRecord(float("-inf"), 0, None, str(error)))
            continue
        judged = _Judged.of(model, end)
        records.append(StartRecord(end.objective, end.n_iter, end.status, str(end.status), judged.is_spurious))
        if end.status is not Status.OUTRUN and judged.is_better(best):
            best = judged
        if end.status is Status.STOPPED:
            break
    if best is None:
        assert failure is not None
        raise failure
    return best.run, records


def _swapped(
    model: GaussianMixtureModel,
    on_sample: GaussianMixtureModel,
    best: Run,
    rng: np.random.RandomState,
    stopping: StoppingRule,
    watch: Callable[[State], object] | None,
    accelerator: Squarem[MixtureStatistics] | None,
) -> Run:
    """Run the best solution with one component moved, as long as there is hope that it will be better."""
    to_beat = best.objective if on_sample is model else begin(on_sample, best.params).trace[-1]
    state = begin(on_sample, swap(on_sample, best.params, rng))
    while True:
        passes = min(len(state.trace) - 1 + SWAP_PASSES, stopping.max_iter)
        end = run(on_sample, state, replace(stopping, max_iter=passes))
        if end.objective > to_beat + _BETTER:
            break
        ended = end.status is not Status.MAX_ITER or passes == stopping.max_iter
        if ended or end.objective + remaining_gain(end.trace, end.n_iter) <= to_beat + _BETTER:
            # A sample's objective is not that of all the data, but the distance from the best one is close to it.
            trace = tuple(value - to_beat + best.objective for value in end.trace)
            return replace(end, trace=trace, status=Status.OUTRUN)
        state = LoopState(end.params, end.statistics, end.trace)
    return run(model, _onward(model, on_sample, end, accelerator), stopping, watch)


def _screened(
    model: GaussianMixtureModel,
    on_sample: GaussianMixtureModel,
    makers: Iterable[Candidate],
    stopping: StoppingRule,
    accelerator: Squarem[MixtureStatistics] | None,
) -> State:
    """Return the state from which to go on: of the best candidate after a short run, or of the first that is valid."""
    short = replace(stopping, max_iter=SCREENING_PASSES)
    makers = list(makers)
    best: _Judged | None = None
    failure: DegenerateError | None = None
    for make in makers:
        try:
            params = make()
            if len(makers) == 1 or stopping.max_iter < SCREENING_PASSES:
                return begin(model, params, accelerator)
            judged = _Judged.of(on_sample, run(on_sample, begin(on_sample, params), short))
        except DegenerateError as error:
            failure = failure or error
            continue
        if judged.is_better(best):
            best = judged
    if best is None:
        assert failure is not None
        raise failure
    return _onward(model, on_sample, best.run, accelerator)


def _onward(
    model: GaussianMixtureModel,
    on_sample: GaussianMixtureModel,
    end: Run,
    accelerator: Squarem[MixtureStatistics] | None,
) -> State:
    """Return the state from which a run on the sample goes on with all the data."""
    if on_sample is model:
        return LoopState(end.params, end.statistics, end.trace, accelerator)
    return begin(model, end.params, accelerator)
