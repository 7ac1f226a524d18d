"""How much memory does a call take at its peak, beside the rows that are there and the answer it returns?

Run: python benchmarks/memory.py [--quick]

Each figure is taken in a process of its own, on Linux: the highest resident memory during the call less that before
it, without pages of files. Rows are made block by block, so that making them leaves no higher peak behind.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from problems import peer_of
from report import Table, at_most, main
from sklearn.mixture import GaussianMixture

from sklearn_em import GaussianMixtureEM

CALLS = ("fit", "predict", "score", "score_samples", "predict_proba")
MIB = 2**20
SIZES = [(200_000, 8, 10), (1_000_000, 8, 10), (4_000_000, 8, 10), (200_000, 16, 64), (1_000_000, 16, 64)]
QUICK = SIZES[:2]


def mib_of_call(side: str, call: str, n: int, p: int, k: int) -> float:
    """Measure a call in this process."""
    rng = np.random.default_rng(0)
    X, centres = np.empty((n, p)), 3 * rng.normal(size=(k, p))
    for start in range(0, n, 10_000):
        X[start : start + 10_000] = centres[rng.integers(k, size=10_000)] + rng.normal(size=(10_000, p))
    if call == "fit":
        # Few passes show the peak; 15 is the least with which our search for a start is the whole one.
        estimators = {"ours": GaussianMixtureEM(k, max_iter=15), "sklearn": GaussianMixture(k, max_iter=2)}
        estimator = estimators[side].set_params(random_state=0)
    else:
        fitted = GaussianMixtureEM(k, max_iter=0, random_state=0).fit(X[:5000])
        estimator = fitted if side == "ours" else peer_of(fitted)
    # Writing 5 sets the mark of the highest resident memory back to what is resident now.
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_status()
    answer = getattr(estimator, call)(X)
    after = memory_status()
    extra = (after["VmHWM"] - before["VmRSS"]) - (after["RssFile"] - before["RssFile"])
    return (extra - (answer.nbytes if isinstance(answer, np.ndarray) else 0)) / MIB


def memory_status() -> dict[str, int]:
    """Return this process's figures in bytes."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines if line[-1] == "kB"}


def measure(*arguments: str | int) -> float:
    """Measure a call in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--call", *map(str, arguments)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def tables(quick: bool) -> Iterator[Table]:
    """Yield one table."""
    rows = []
    # scikit-learn holds several arrays of rows by components: left out where they are long, as is plain from the rest.
    longest = 2_000_000 if quick else 13_000_000
    for n, p, k in QUICK if quick else SIZES:
        for call in CALLS:
            theirs = measure("sklearn", call, n, p, k) if n * k <= longest else "-"
            rows.append([call, n, p, k, theirs, measure("ours", call, n, p, k)])
    yield Table(
        "Memory",
        "MiB of memory that a call takes at its peak, beside the rows and the answer; full covariances.",
        ["call", "N", "p", "K", "sklearn MiB", "ours MiB"],
        rows,
        [at_most("most MiB of ours", max(row[5] for row in rows), 64)],
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--call"]:
        print(mib_of_call(*sys.argv[2:4], *map(int, sys.argv[4:])))
    else:
        main(tables, __doc__)
