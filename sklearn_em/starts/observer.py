"""Who looks on while a search runs, and may stop it."""

from functools import reduce

from sklearn_em.em import Status
from sklearn_em.mixture import GaussianMixtureModel
from sklearn_em.starts.ends import StartRecord, State


class Observer:
    """Is told what a search does, as it happens; this one does nothing."""

    def search_begins(self, model: GaussianMixtureModel) -> None:
        """See the model; a search that failed with one model may be made again with another."""

    def start_begins(self, number: int) -> None:
        """See which start is next; then come its states, if it gets so far, and its end."""

    def resumed(self, state: State) -> State:
        """Return where the full run of this start goes on from: `state`, or one of an earlier search further on."""
        return state

    def reached(self, state: State, status: Status) -> bool:
        """See a state of a full run, with RUNNING if another pass is to follow; return whether the run is to stop."""
        return False

    def start_ends(self, record: StartRecord) -> bool:
        """See how the start ended; return whether it is to be the last."""
        return False


class Observers(Observer):
    """Several that look on; each of them may stop."""

    def __init__(self, *observers: Observer):
        self._observers = observers

    def search_begins(self, model: GaussianMixtureModel) -> None:
        """Tell all of them."""
        for observer in self._observers:
            observer.search_begins(model)

    def start_begins(self, number: int) -> None:
        """Tell all of them."""
        for observer in self._observers:
            observer.start_begins(number)

    def resumed(self, state: State) -> State:
        """Ask all of them."""
        return reduce(lambda at, observer: observer.resumed(at), self._observers, state)

    def reached(self, state: State, status: Status) -> bool:
        """Tell all of them."""
        return max(observer.reached(state, status) for observer in self._observers)

    def start_ends(self, record: StartRecord) -> bool:
        """Tell all of them."""
        return max(observer.start_ends(record) for observer in self._observers)


UNOBSERVED = Observer()
