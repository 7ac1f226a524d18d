"""How runs end, and what lies one move away from the best end so far."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from sklearn_em.em import DegenerateError, LoopState, Result, Squarem, Status, StoppingRule, begin, run
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters, MixtureStatistics

Run = Result[MixtureParameters, MixtureStatistics]
State = LoopState[MixtureParameters, MixtureStatistics]
Candidate = Callable[[], MixtureParameters]
# Moves away from parameters, given which components are suspect, and whether to make moves that promise little.
Proposals = Callable[[MixtureParameters, np.ndarray, bool], list[Candidate]]

# What counts as better, in nats per unit of weight, hence whatever the units of the data: two ends at one optimum
# differ by rounding, which must not choose between them.
BETTER = 1e-9
# Passes before moves are compared.
_FIRST_PASSES = 3
# Passes in which the best solution of all the data settles on the sample, at most.
_SETTLING_PASSES = 100


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
class Judged:
    """A run, and which components speak against its end."""

    run: Run
    spurious: np.ndarray

    @classmethod
    def of(cls, model: GaussianMixtureModel, end: Run) -> Self:
        """Judge the end of a run of this model."""
        return cls(end, model.spurious(end.params, end.statistics))

    @property
    def is_spurious(self) -> bool:
        """Whether a component is spurious."""
        return bool(self.spurious.any())

    def is_better(self, other: Self | None) -> bool:
        """Rank by being valid, then by not being spurious, then by the objective; anything is better than nothing."""
        if other is None:
            return True
        drawbacks = [(end.run.status is Status.DEGENERATE, end.is_spurious) for end in (self, other)]
        if drawbacks[0] != drawbacks[1]:
            return drawbacks[0] < drawbacks[1]
        return self.run.objective > other.run.objective + BETTER


def insert(judged: Judged, ranking: list[Judged]) -> None:
    """Put an end in its place in a ranking, the best first; equals stay in the order in which they came."""
    place = next((i for i, other in enumerate(ranking) if judged.is_better(other)), len(ranking))
    ranking.insert(place, judged)


def ranked(ends: Iterable[Judged]) -> list[Judged]:
    """Return the ends in their ranking."""
    ranking: list[Judged] = []
    for judged in ends:
        insert(judged, ranking)
    return ranking


def _are_same(one: MixtureParameters, other: MixtureParameters) -> bool:
    """Tell by their values, for those of a resumed fit are copies."""
    pairs = [
        (one.weights, other.weights),
        (one.gaussians.means, other.gaussians.means),
        (one.gaussians.precision_cholesky, other.gaussians.precision_cholesky),
    ]
    return all(np.array_equal(*pair) for pair in pairs)


class Neighbours:
    """Solutions one move away from the best one so far, after a few passes, the most promising first.

    Attributes
    ----------
    to_beat : float
        The objective on the sample of the end that the best solution comes to there.
    """

    def __init__(
        self,
        on_sample: GaussianMixtureModel,
        proposals: Proposals,
        stopping: StoppingRule,
        accelerator: Squarem[MixtureStatistics] | None,
    ):
        self._on_sample, self._proposals = on_sample, proposals
        self._accelerator = accelerator
        self._short = replace(stopping, max_iter=_FIRST_PASSES)
        self._settling = replace(stopping, max_iter=min(_SETTLING_PASSES, stopping.max_iter))
        self._around: MixtureParameters | None = None
        self._left: list[Run] = []

    def next(self, best: Judged, all_of_them: bool) -> Run:
        """Return the most promising one that was not returned before; raise DegenerateError if there is none."""
        if self._around is None or not _are_same(self._around, best.run.params):
            self._around, self._left = best.run.params, []
            # What is best on all the data can be bettered on the sample without being another optimum.
            state = begin(self._on_sample, best.run.params, self._accelerator)
            self.to_beat = run(self._on_sample, state, self._settling).objective
        if not self._left:
            self._left = self._made(best, all_of_them)
        return self._left.pop(0)

    def _made(self, best: Judged, all_of_them: bool) -> list[Run]:
        ends: list[Judged] = []
        failure = DegenerateError("No component can be moved.")
        for make in self._proposals(best.run.params, best.spurious, all_of_them):
            try:
                end = run(self._on_sample, begin(self._on_sample, make()), self._short)
            except DegenerateError as error:
                failure = error
                continue
            insert(Judged.of(self._on_sample, end), ends)
        if not ends:
            raise failure
        return [judged.run for judged in ends]
