"""From candidates to the best end: short runs choose among candidates and moves, full runs among the starts."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice

from sklearn_em.em import DegenerateError, LoopState, Squarem, Status, StoppingRule, begin, run
from sklearn_em.em.stopping import remaining_gain
from sklearn_em.mixture import GaussianMixtureModel, MixtureStatistics
from sklearn_em.starts.ends import (
    BETTER,
    Candidate,
    Judged,
    Neighbours,
    Proposals,
    Run,
    StartRecord,
    State,
    ranked,
)
from sklearn_em.starts.observer import UNOBSERVED, Observer

# Passes before candidates are compared. Fifteen choose no better ends, and after five their order says little.
SCREENING_PASSES = 10
# Passes before two candidates that may be coming to one end are compared again; a fit of fewer compares none.
MEETING_PASSES = 15
# Passes, a jump among them, that tell the pace of a run.
_PACE = 3
# Passes between two looks at whether there is hope for a move.
_MORE_PASSES = 8
# Moves tried within a start whose candidates came to different ends, and those of which a further start takes the first
# that is not given up.
_MOVES_PER_START, _MOVES_PER_FURTHER_START = 3, 2
# Candidates this close, in nats of all the data, have come to one optimum.
_SAME = 0.1


def search(
    model: GaussianMixtureModel,
    on_sample: GaussianMixtureModel,
    starts: Iterator[Iterable[Candidate]],
    proposals: Proposals | None,
    n_init: int,
    stopping: StoppingRule,
    observer: Observer = UNOBSERVED,
    accelerator: Squarem[MixtureStatistics] | None = None,
) -> tuple[Run, list[StartRecord]]:
    """Run starts to their ends and return the best end, with a record of each.

    The first start is made from candidates; every further one moves a component of the best solution so far, or another
    one if after some passes that is not going to be better, and is then given up. So more starts are never worse.

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
    observer : Observer
        Is told of every start and of each state of its full run, may say where that goes on from, and may stop both.
    accelerator : Squarem, optional
        Of the full runs and of candidates; moves begin plain.

    Raises
    ------
    DegenerateError
        If every start fails.
    """
    neighbours = None
    if proposals is not None and stopping.max_iter >= MEETING_PASSES:
        neighbours = Neighbours(on_sample, proposals, stopping, accelerator)
    best: Judged | None = None
    records: list[StartRecord] = []
    failure: DegenerateError | None = None
    observer.search_begins(model)
    for number in range(n_init):
        try:
            if neighbours is not None and best is not None:
                observer.start_begins(number)
                for _ in range(_MOVES_PER_FURTHER_START):
                    end = _moved(model, on_sample, best, neighbours, True, stopping, observer, accelerator)
                    if end.status is not Status.OUTRUN:
                        break
            elif (makers := next(starts, None)) is not None:
                observer.start_begins(number)
                state = _first(model, on_sample, makers, neighbours, stopping, accelerator)
                end = run(model, observer.resumed(state), stopping, observer.reached)
            else:
                break
        except DegenerateError as error:
            failure = failure or error
            records.append(StartRecord(float("-inf"), 0, None, str(error)))
        else:
            judged = Judged.of(model, end)
            records.append(StartRecord(end.objective, end.n_iter, end.status, str(end.status), judged.is_spurious))
            if end.status is not Status.OUTRUN and judged.is_better(best):
                best = judged
        if observer.start_ends(records[-1]):
            break
    if best is None:
        assert failure is not None
        raise failure
    return best.run, records


def _moved(
    model: GaussianMixtureModel,
    on_sample: GaussianMixtureModel,
    best: Judged,
    neighbours: Neighbours,
    all_of_them: bool,
    stopping: StoppingRule,
    observer: Observer,
    accelerator: Squarem[MixtureStatistics] | None,
) -> Run:
    """Go on from the most promising neighbour, as long as there is hope that it will be better than the best."""
    end = neighbours.next(best, all_of_them)
    # Of two ends at one optimum, each less than tol from it, either can be higher.
    better = neighbours.to_beat + stopping.tol + BETTER
    while not (end.objective > better or best.is_spurious):
        ended = end.status is not Status.MAX_ITER or end.n_iter >= stopping.max_iter
        if ended or end.objective + remaining_gain(end.trace, end.n_iter) <= better:
            # A sample's objective is not that of all the data, but the distance from the best one is close to it.
            trace = tuple(value - neighbours.to_beat + best.run.objective for value in end.trace)
            return replace(end, trace=trace, status=Status.OUTRUN)
        passes = min(end.n_iter + _MORE_PASSES, stopping.max_iter)
        end = run(on_sample, LoopState(end.params, end.statistics, end.trace), replace(stopping, max_iter=passes))
    state = observer.resumed(onward(model, on_sample, end, accelerator))
    return run(model, state, stopping, observer.reached)


def _first(
    model: GaussianMixtureModel,
    on_sample: GaussianMixtureModel,
    makers: Iterable[Candidate],
    neighbours: Neighbours | None,
    stopping: StoppingRule,
    accelerator: Squarem[MixtureStatistics] | None,
) -> State:
    """Return the state from which a start goes on with all the data.

    It is the best of some candidates after a short run; where no two of them came to one end there may be better ones,
    and a few moves look for them. Where there is nothing to choose, or no time, it is the first that is valid.
    """
    makers = iter(makers)
    head = list(islice(makers, 2 if stopping.max_iter >= MEETING_PASSES else 1))
    makers = chain(head, makers)
    if len(head) == 1:
        return _begun(model, makers, accelerator)
    ranking = _screened(on_sample, makers, stopping, accelerator)
    best = ranking[0]
    if neighbours is not None and not _agreed(on_sample, ranking):
        best = _followed(on_sample, best, stopping, accelerator)
        for _ in range(_MOVES_PER_START):
            try:
                end = _moved(on_sample, on_sample, best, neighbours, False, stopping, UNOBSERVED, accelerator)
            except DegenerateError:
                break
            judged = Judged.of(on_sample, end)
            if end.status is not Status.OUTRUN and judged.is_better(best):
                best = judged
    return onward(model, on_sample, best.run, accelerator)


def _begun(
    model: GaussianMixtureModel, makers: Iterable[Candidate], accelerator: Squarem[MixtureStatistics] | None
) -> State:
    """Return the state of the first candidate that is valid."""
    failure: DegenerateError | None = None
    for make in makers:
        try:
            return begin(model, make(), accelerator)
        except DegenerateError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _screened(
    on_sample: GaussianMixtureModel,
    makers: Iterable[Candidate],
    stopping: StoppingRule,
    accelerator: Squarem[MixtureStatistics] | None,
) -> list[Judged]:
    """Return the ends of short runs from candidates, the best first; no more are made once two came to one end."""
    short, longer = (replace(stopping, max_iter=passes) for passes in (SCREENING_PASSES, MEETING_PASSES))
    # A candidate that comes again stands here again.
    made: list[Candidate] = []
    ends: dict[Candidate, Judged] = {}
    ranking: list[Judged] = []
    failure: DegenerateError | None = None
    for make in makers:
        try:
            if make not in ends:
                ends[make] = Judged.of(on_sample, run(on_sample, begin(on_sample, make(), accelerator), short))
        except DegenerateError as error:
            failure = failure or error
            continue
        made.append(make)
        ranking = ranked(ends[make] for make in made)
        if _may_meet(ranking) and not _agreed(on_sample, ranking):
            for candidate, end in list(ends.items()):
                if end in ranking[:2]:
                    ends[candidate] = _followed(on_sample, end, longer, accelerator)
            ranking = ranked(ends[make] for make in made)
        if _agreed(on_sample, ranking):
            break
    if not ranking:
        assert failure is not None
        raise failure
    return ranking


def _followed(
    on_sample: GaussianMixtureModel,
    judged: Judged,
    stopping: StoppingRule,
    accelerator: Squarem[MixtureStatistics] | None,
) -> Judged:
    """Return where a run on the sample gets to if it goes on."""
    state = onward(on_sample, on_sample, judged.run, accelerator)
    return Judged.of(on_sample, run(on_sample, state, stopping))


def _may_meet(ranking: list[Judged]) -> bool:
    """Tell whether the second candidate, at its pace, comes up to the first one before they are compared again."""
    if len(ranking) < 2 or ranking[1].run.status is not Status.MAX_ITER:
        return False
    best, other = (end.run.trace for end in ranking[:2])
    pace = (other[-1] - other[-1 - _PACE]) / _PACE
    return best[-1] - other[-1] < (MEETING_PASSES - SCREENING_PASSES) * pace


def _agreed(on_sample: GaussianMixtureModel, ranking: list[Judged]) -> bool:
    """Tell whether two candidates have come to the best end, so that it is likely to be the best there is."""
    if len(ranking) < 2 or ranking[0].is_spurious:
        return False
    best, other = (end.run.objective for end in ranking[:2])
    return abs(best - other) < _SAME / on_sample.problem.n_rows


def onward(
    model: GaussianMixtureModel,
    on_sample: GaussianMixtureModel,
    end: Run,
    accelerator: Squarem[MixtureStatistics] | None,
) -> State:
    """Return the state from which a run on the sample goes on with all the data."""
    if on_sample is model:
        return LoopState(end.params, end.statistics, end.trace, end.accelerator or accelerator)
    return begin(model, end.params, accelerator)
