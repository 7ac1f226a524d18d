"""What do threads give, are results the same with them, and how many run inside joblib's workers?

Run: python benchmarks/threads.py [--quick]
"""

import os
import threading
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from em_pass import Pass
from one_pass import common_start
from problems import correlated
from report import Table, at_least, at_most, main
from sklearn.model_selection import GridSearchCV
from threadpoolctl import ThreadpoolController
from timing import medians

from sklearn_em import GaussianMixtureEM

ASKED = ("full", 100_000, 16, 64)
OTHERS = [
    ("full", 100_000, 8, 10),
    ("full", 50_000, 64, 32),
    ("tied", 100_000, 16, 16),
    ("diag", 100_000, 16, 16),
    ("spherical", 100_000, 16, 16),
]
FITTED = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_", "lower_bounds_")


class Watched(GaussianMixtureEM):
    """Count the threads while it is fitted: those of Python that were not there before, and those of BLAS in each."""

    def fit(self, X: np.ndarray, y: Any = None, sample_weight: np.ndarray | None = None) -> Self:
        blas = ThreadpoolController().select(user_api="blas").lib_controllers
        seen: list[tuple[int, int]] = []
        done = threading.Event()

        def watch() -> None:
            others = threading.active_count() - 1
            while not done.wait(0.002):
                seen.append((threading.active_count() - others, max(library.num_threads for library in blas)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            return super().fit(X, y, sample_weight)
        finally:
            done.set()
            watcher.join()
            # BLAS is held to one thread just after a fit begins and until just before it ends: hence the median.
            self.n_threads_, self.n_blas_threads_ = np.max(seen, axis=0)[0], int(np.median(seen, axis=0)[1])


def threads_of(fitted: Watched, X: np.ndarray, y: Any = None) -> dict[str, float]:
    """Return what was counted, as scores of a search."""
    return {"threads": fitted.n_threads_, "blas": fitted.n_blas_threads_}


def speed_up(case: tuple[str, int, int, int], rounds: int) -> list[str | int | float]:
    """Return a row for one size: milliseconds on one thread and on two, and whether fits are identical."""
    covariance_type, n, p, k = case
    X = correlated(n, p, k)
    starts = [common_start(X, k, covariance_type, n_jobs) for n_jobs in (1, 2)]
    one, two = medians(rounds, *(Pass(start, X).seconds for start in starts))
    fits = [start.set_params(max_iter=3, tol=0).fit(X) for start in starts]
    identical = all(np.array_equal(*(getattr(fit, name) for fit in fits)) for name in FITTED)
    return [*case, 1e3 * one, 1e3 * two, one / two, "yes" if identical else "no"]


def workers(n: int) -> Table:
    """Count threads in a fit of its own and in fits inside workers."""
    X = correlated(n, 8, 6)
    estimator = Watched(6, random_state=0, max_iter=30)
    alone = estimator.fit(X)
    search = GridSearchCV(estimator, {"n_components": [4, 6]}, scoring=threads_of, cv=2, refit=False, n_jobs=2).fit(X)
    threads, blas = (int(np.max(search.cv_results_[f"mean_test_{name}"])) for name in ("threads", "blas"))
    rows = [
        ["a fit of its own", 1, int(alone.n_threads_), alone.n_blas_threads_],
        ["GridSearchCV(n_jobs=2)", 2, threads, blas],
    ]
    rows = [[*row, int(np.prod(row[1:]))] for row in rows]
    return Table(
        "Threads inside joblib's workers",
        f"Threads of Python and of BLAS while `fit` with n_jobs=None runs, on {os.cpu_count()} cores.",
        ["fit", "processes", "threads in each", "of BLAS in each", "in all"],
        rows,
        [at_most("threads in all, as there are cores:", max(row[4] for row in rows), os.cpu_count() or 1)],
    )


def tables(quick: bool) -> Iterator[Table]:
    """Yield the speed-up and the counts."""
    rounds = 3 if quick else 9
    rows = [speed_up(case, rounds) for case in (ASKED, *(OTHERS[:1] if quick else OTHERS))]
    yield Table(
        "Two threads",
        "Milliseconds of one of our passes with n_jobs=1 and n_jobs=2, and whether all fitted attributes of fits with "
        "one and with the other are the same to the last bit.",
        ["structure", "N", "p", "K", "one ms", "two ms", "speed-up", "identical"],
        rows,
        [
            at_least(f"speed-up at {ASKED[1:]}", rows[0][6], 1.5),
            at_least("share of identical fits", float(np.mean([row[7] == "yes" for row in rows])), 1),
        ],
    )
    yield workers(20_000 if quick else 50_000)


if __name__ == "__main__":
    main(tables, __doc__)
