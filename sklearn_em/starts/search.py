"""From candidates to the best end: short runs choose among candidates and moves, full runs among the starts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Self

import numpy as np

from sklearn_em.em import DegenerateError, LoopState, Result, Squarem, Status, StoppingRule, begin, run
from sklearn_em.em.stopping import remaining_gain
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters, MixtureStatistics

Run = Result[MixtureParameters, MixtureStatistics]
State = LoopState[MixtureParameters, MixtureStatistics]
Candidate = Callable[[], MixtureParameters]
# Moves away from parameters, given which components are suspect, and whether to make moves that promise little.
Proposals = Callable[[MixtureParameters, np.ndarray, bool], list[Candidate]]

# Passes before candidates are compared: after five their order says little about where they end.
SCREENING_PASSES = 15
# Passes before moves are compared, and between two looks at whether there is hope for one.
_FIRST_PASSES = 3
_MORE_PASSES = 8
# Moves tried within a start whose candidates came to different ends.
_MOVES_PER_START = 3
# What counts as better, in nats per unit of weight, hence whatever the units of the data: two ends at one optimum
# differ by rounding, which must not choose between them.
_BETTER = 1e-9
# Candidates this close, in nats of all the data, have come to one optimum.
_SAME = 0.1


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


@dataclass(frozen=True, eq=False)
class _Judged:
    """A run, and which components speak against its end."""

    run: Run
    spurious: np.ndarray

    @classmethod
    def of(cls, model: GaussianMixtureModel, end: Run) -> Self:
        return cls(end, model.spurious(end.params, end.statistics))

    @property
    def is_spurious(self) -> bool:
        return bool(self.spurious.any())

    def is_better(self, other: Self | None) -> bool:
        """Rank by being valid, then by not being spurious, then by the objective; anything is better than nothing."""
        if other is None:
            return True
        drawbacks = [(end.run.status is Status.DEGENERATE, end.is_spurious) for end in (self, other)]
        if drawbacks[0] != drawbacks[1]:
            return drawbacks[0] < drawbacks[1]
        return self.run.objective > other.run.objective + _BETTER


class _Neighbours:
    """Solutions one move away from the best one so far, after a few passes, the most promising first.

    Attributes
    ----------
    to_beat : float
        The objective on the sample of the end that the best solution comes to there.
    """

    def __init__(self, on_sample: GaussianMixtureModel, proposals: Proposals, stopping: StoppingRule):
        self._on_sample, self._proposals, self._stopping = on_sample, proposals, stopping
        self._short = replace(stopping, max_iter=_FIRST_PASSES)
        self._around: MixtureParameters | None = None
        self._left: list[Run] = []

    def next(self, best: _Judged, all_of_them: bool = True) -> Run:
        """Return the most promising one that was not returned before; raise DegenerateError if there is none."""
        if self._around is not best.run.params:
            self._around, self._left = best.run.params, []
            # What is best on all the data can be bettered on the sample without being another optimum.
            end = run(self._on_sample, begin(self._on_sample, best.run.params), self._stopping)
            self.to_beat = end.objective
        if not self._left:
            self._left = self._made(best, all_of_them)
        return self._left.pop(0)

    def _made(self, best: _Judged, all_of_them: bool) -> list[Run]:
        ends: list[_Judged] = []
        failure = DegenerateError("No component can be moved.")
        for make in self._proposals(best.run.params, best.spurious, all_of_them):
            try:
                end = run(self._on_sample, begin(self._on_sample, make()), self._short)
            except DegenerateError as error:
                failure = error
                continue
            judged = _Judged.of(self._on_sample, end)
            # Stable, so that equals stay in the order of the proposals.
            place = next((i for i, other in enumerate(ends) if judged.is_better(other)), len(ends))
            ends.insert(place, judged)
        if not ends:
            raise failure
        return [judged.run for judged in ends]


def search(
    model: GaussianMixtureModel,
    on_sample: GaussianMixtureModel,
    starts: Iterator[Iterable[Candidate]],
    proposals: Proposals | None,
    n_init: int,
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
    on_sample : GaussianMixtureModel
        The same model bound to the sample, where candidates and moves are compared.
    starts : iterator of iterables of callables
        The candidates of each start from scratch.
    proposals : callable, optional
        Makes moves; without it, or without the time to compare them, all starts are from scratch.
    n_init : int
        The number of starts, if `starts` yields as many.
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
    neighbours = None
    if proposals is not None and stopping.max_iter >= SCREENING_PASSES:
        neighbours = _Neighbours(on_sample, proposals, stopping)
    best: _Judged | None = None
    records: list[StartRecord] = []
    failure: DegenerateError | None = None
    for number in range(n_init):
        watch = None if callback is None else partial(callback, number)
        try:
            if neighbours is not None and best is not None:
                end = _moved(model, on_sample, best, neighbours, True, stopping, watch, accelerator)
            elif (makers := next(starts, None)) is not None:
                state = _first(model, on_sample, makers, neighbours, stopping, accelerator)
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


def _moved(
    model: GaussianMixtureModel,
    on_sample: GaussianMixtureModel,
    best: _Judged,
    neighbours: _Neighbours,
    all_of_them: bool,
    stopping: StoppingRule,
    watch: Callable[[State], object] | None,
    accelerator: Squarem[MixtureStatistics] | None,
) -> Run:
    """Go on from the most promising neighbour, as long as there is hope that it will be better than the best."""
    end = neighbours.next(best, all_of_them)
    # Of two ends at one optimum, each less than tol from it, either can be higher.
    better = neighbours.to_beat + stopping.tol + _BETTER
    while not (end.objective > better or best.is_spurious):
        ended = end.status is not Status.MAX_ITER or end.n_iter >= stopping.max_iter
        if ended or end.objective + remaining_gain(end.trace, end.n_iter) <= better:
            # A sample's objective is not that of all the data, but the distance from the best one is close to it.
            trace = tuple(value - neighbours.to_beat + best.run.objective for value in end.trace)
            return replace(end, trace=trace, status=Status.OUTRUN)
        passes = min(end.n_iter + _MORE_PASSES, stopping.max_iter)
        end = run(on_sample, LoopState(end.params, end.statistics, end.trace), replace(stopping, max_iter=passes))
    return run(model, _onward(model, on_sample, end, accelerator), stopping, watch)


def _first(
    model: GaussianMixtureModel,
    on_sample: GaussianMixtureModel,
    makers: Iterable[Candidate],
    neighbours: _Neighbours | None,
    stopping: StoppingRule,
    accelerator: Squarem[MixtureStatistics] | None,
) -> State:
    """Return the state from which a start goes on with all the data.

    It is the best of some candidates after a short run; where no two of them came to one end there may be better ones,
    and a few moves look for them. Where there is nothing to choose, or no time, it is the first that is valid.
    """
    short = replace(stopping, max_iter=SCREENING_PASSES)
    tried: dict[Candidate, _Judged] = {}
    ends: list[_Judged] = []
    best: _Judged | None = None
    failure: DegenerateError | None = None
    makers = iter(makers)
    head = list(islice(makers, 2 if stopping.max_iter >= SCREENING_PASSES else 1))
    for make in chain(head, makers):
        try:
            if len(head) == 1:
                return begin(model, make(), accelerator)
            if make not in tried:
                tried[make] = _Judged.of(on_sample, run(on_sample, begin(on_sample, make(), accelerator), short))
            judged = tried[make]
        except DegenerateError as error:
            failure = failure or error
            continue
        ends.append(judged)
        if judged.is_better(best):
            best = judged
        if _agreed(on_sample, ends, best):
            break
    if best is None:
        assert failure is not None
        raise failure
    if neighbours is not None and not _agreed(on_sample, ends, best):
        state = _onward(on_sample, on_sample, best.run, accelerator)
        best = _Judged.of(on_sample, run(on_sample, state, stopping))
        for _ in range(_MOVES_PER_START):
            try:
                end = _moved(on_sample, on_sample, best, neighbours, False, stopping, None, accelerator)
            except DegenerateError:
                break
            judged = _Judged.of(on_sample, end)
            if end.status is not Status.OUTRUN and judged.is_better(best):
                best = judged
    return _onward(model, on_sample, best.run, accelerator)


def _agreed(on_sample: GaussianMixtureModel, ends: list[_Judged], best: _Judged | None) -> bool:
    """Tell whether two candidates have come to the best end, so that it is likely to be the best there is."""
    if best is None or best.is_spurious:
        return False
    near = _SAME / on_sample.problem.n_rows
    return sum(abs(end.run.objective - best.run.objective) < near for end in ends) >= 2


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
