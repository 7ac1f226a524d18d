"""What `verbose` prints: that a start begins, its objective every so many iterations, and how it ends."""

from time import perf_counter

from sklearn_em.em import Status
from sklearn_em.starts import Observer, StartRecord
from sklearn_em.starts.ends import State

_ENDS = {
    Status.CONVERGED: "converged",
    Status.MAX_ITER: "reached max_iter",
    Status.STOPPED: "was stopped by a callback",
    Status.OUTRUN: "was given up as no better",
    Status.DEGENERATE: "ended with a collapsed component",
}


class Printer(Observer):
    """Prints every start, and every `interval`-th iteration of it; `in_detail` with gains and times."""

    def __init__(self, interval: int, in_detail: bool):
        self._interval, self._in_detail = interval, in_detail
        self._began = perf_counter()

    def start_begins(self, number: int) -> None:
        """Print its number."""
        self._number, self._n_seen = number, 0
        print(f"Start {number} begins.")

    def reached(self, state: State, status: Status) -> bool:
        """Print the objective of every `interval`-th iteration; those that chose the start come all at once."""
        trace = state.trace
        for n_iter in range(self._n_seen, len(trace)):
            if n_iter % self._interval == 0:
                gain = f", gain {trace[n_iter] - trace[n_iter - 1]:.3g}" if self._in_detail and n_iter else ""
                print(f"  iteration {n_iter}: objective {trace[n_iter]:.8g}{gain}{self._time()}")
        self._n_seen = len(trace)
        return False

    def start_ends(self, record: StartRecord) -> bool:
        """Print how it ended."""
        if record.status is None:
            print(f"Start {self._number} failed{self._time()}. {record.reason}")
        else:
            how = f"{_ENDS[record.status]} after {record.n_iter} iterations"
            print(f"Start {self._number} {how}: objective {record.objective:.8g}{self._time()}")
        return False

    def _time(self) -> str:
        return f", {perf_counter() - self._began:.2f} s" if self._in_detail else ""
