"""What `verbose` prints: one line per start, and one every so many iterations."""

from collections.abc import Callable
from time import perf_counter

from sklearn_em.starts.ends import StartRecord, State


def printer(interval: int, with_gains: bool) -> Callable[[int, State], None]:
    """Return a callback that prints the objective of every `interval`-th iteration."""
    begun = perf_counter()
    shown = -1

    def show(number: int, state: State) -> None:
        nonlocal shown
        if number != shown:
            print(f"Start {number}: objective {state.trace[-1]:.8g}")
            shown = number
        n_iter = len(state.trace) - 1
        if n_iter and n_iter % interval == 0:
            line = f"  iteration {n_iter}: objective {state.trace[-1]:.8g}"
            if with_gains:
                line += f", gain {state.trace[-1] - state.trace[-2]:.3g}, {perf_counter() - begun:.2f} s"
            print(line)

    return show


def print_records(records: list[StartRecord]) -> None:
    """Print how each start ended."""
    for number, record in enumerate(records):
        print(f"Start {number} ended after {record.n_iter} iterations at {record.objective:.8g}. {record.reason}")
