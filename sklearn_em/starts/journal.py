"""How far every start of a search has come: what there is to go on from, or to publish, if the search is broken off."""

from collections.abc import Mapping
from dataclasses import replace

from sklearn_em.em import Result, Status
from sklearn_em.mixture import GaussianMixtureModel
from sklearn_em.starts.ends import Judged, Run, StartRecord, State
from sklearn_em.starts.observer import Observer


class Journal(Observer):
    """Keeps the last complete state of every full run, and lets a search go on from those of an earlier one.

    Whatever is made on the sample is made again, which is cheap and comes out the same. So the states of the full runs
    are all that an earlier search leaves: one that had ended ends at once, one that was under way goes on.

    Parameters
    ----------
    states : mapping of int to LoopState
        By the number of the start.

    Attributes
    ----------
    states : dict of int to LoopState
    records : list of StartRecord
        Of the starts that have ended.
    model : GaussianMixtureModel or None
        None before a search begins.
    """

    def __init__(self, states: Mapping[int, State]):
        self.states = dict(states)
        self.records: list[StartRecord] = []
        self.model: GaussianMixtureModel | None = None

    def search_begins(self, model: GaussianMixtureModel) -> None:
        """Begin afresh."""
        self.model, self.records = model, []

    def start_begins(self, number: int) -> None:
        """Remember the start's number."""
        self._number = number

    def resumed(self, state: State) -> State:
        """Return the last state that is known of this start."""
        return self.states.get(self._number, state)

    def reached(self, state: State, status: Status) -> bool:
        """Keep the state; where it is news, later starts of an earlier search are those of another path."""
        if state is not self.states.get(self._number):
            self.states = {number: known for number, known in self.states.items() if number < self._number}
            self.states[self._number] = state
        return False

    def start_ends(self, record: StartRecord) -> bool:
        """Keep the record."""
        self.records.append(record)
        return False

    def broken_off(self) -> tuple[GaussianMixtureModel, Run, list[StartRecord]] | None:
        """Return the model, the best of what is complete, and a record of each start; None if nothing is."""
        if self.model is None or not self.states:
            return None
        best: Judged | None = None
        records = list(self.records)
        for number, state in sorted(self.states.items()):
            has_ended = number < len(self.records)
            status = self.records[number].status if has_ended else None
            run = Result(state.params, state.statistics, state.trace, status or Status.INTERRUPTED, state.accelerator)
            judged = Judged.of(self.model, run)
            if not has_ended:
                records.append(StartRecord(run.objective, run.n_iter, run.status, str(run.status), judged.is_spurious))
            if judged.is_better(best):
                best = judged
        assert best is not None
        return self.model, replace(best.run, status=Status.INTERRUPTED), records
