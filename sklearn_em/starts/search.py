"""From candidates to the best end: short runs choose among the candidates of a start, full runs among the starts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from sklearn_em.em import DegenerateError, LoopState, Result, Squarem, Status, StoppingRule, begin, run
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters, MixtureStatistics

Run = Result[MixtureParameters, MixtureStatistics]
State = LoopState[MixtureParameters, MixtureStatistics]
Candidate = Callable[[], MixtureParameters]

# Passes before candidates are compared: after five their order says little about where they end.
SCREENING_PASSES = 15
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


def search(
    model: GaussianMixtureModel,
    starts: Iterable[Iterable[Candidate]],
    stopping: StoppingRule,
    callback: Callable[[int, State], object] | None = None,
    accelerator: Squarem[MixtureStatistics] | None = None,
) -> tuple[Run, list[StartRecord]]:
    """Run every start to its end and return the best end, with a record of all.

    Parameters
    ----------
    model : GaussianMixtureModel
    starts : iterable of iterables of callables
        The candidates of each start; they are compared on the sample of the data.
    stopping : StoppingRule
    callback : callable, optional
        Called with the number of the start and each state of its full run.
    accelerator : Squarem, optional
        Of the full runs.

    Raises
    ------
    DegenerateError
        If every start fails.
    """
    on_sample = model.on_sample()
    best: Run | None = None
    records: list[StartRecord] = []
    failure: DegenerateError | None = None
    for number, makers in enumerate(starts):
        try:
            state = _screened(model, on_sample, makers, stopping, accelerator)
        except DegenerateError as error:
            failure = failure or error
            records.append(StartRecord(float("-inf"), 0, None, str(error)))
            continue
        watch = None if callback is None else lambda state, number=number: callback(number, state)
        end = run(model, state, stopping, watch)
        spurious = model.is_spurious(end.params, end.statistics)
        records.append(StartRecord(end.objective, end.n_iter, end.status, str(end.status), spurious))
        if best is None or _is_better(model, end, best):
            best = end
        if end.status is Status.STOPPED:
            break
    if best is None:
        assert failure is not None
        raise failure
    return best, records


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
    best: Run | None = None
    failure: DegenerateError | None = None
    for make in makers:
        try:
            params = make()
            if len(makers) == 1 or stopping.max_iter < SCREENING_PASSES:
                return begin(model, params, accelerator)
            end = run(on_sample, begin(on_sample, params), short)
        except DegenerateError as error:
            failure = failure or error
            continue
        if best is None or _is_better(on_sample, end, best):
            best = end
    if best is None:
        assert failure is not None
        raise failure
    if on_sample is model:
        return LoopState(best.params, best.statistics, best.trace, accelerator)
    return begin(model, best.params, accelerator)


def _is_better(model: GaussianMixtureModel, end: Run, best: Run) -> bool:
    """Rank by being valid, then by not being spurious, then by the objective."""
    rank, best_rank = _drawbacks(model, end), _drawbacks(model, best)
    if rank != best_rank:
        return rank < best_rank
    return end.objective > best.objective + _BETTER


def _drawbacks(model: GaussianMixtureModel, end: Run) -> tuple[bool, bool]:
    return end.status is Status.DEGENERATE, model.is_spurious(end.params, end.statistics)
