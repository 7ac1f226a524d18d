"""Rows that are not in memory: the peak of memory, the price of reading, and what a pass costs as rows grow.

Run: python benchmarks/scale.py [--quick]

Rows are written to a temporary folder, 1.3 GB at most; so the operating system's cache holds them, and the figures are
those of a disk that is fast enough. Peaks are taken in processes of their own, on Linux, with the pages of files.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from memory import memory_status
from report import Table, at_most, main
from scipy.optimize import nnls
from timing import medians

from sklearn_em import GaussianMixtureEM
from sklearn_em.data.executors import available_threads
from sklearn_em.estimators.callbacks import Tasks

MIB = 2**20
ROWS, P, K = 20_000_000, 8, 5
# (features, components) of the passes to which the cost model is fitted.
SHAPES = [(2, 3), (8, 5), (8, 20), (32, 10), (64, 5)]
LENGTHS = [100_000, 500_000, 2_000_000, 20_000_000]
MOST_NUMBERS = 160_000_000
PASSES = 5
# What is to be foretold: numbers of a large problem, and of the network (bytes a second, seconds) and the disks.
LARGE_N, LARGE_P, LARGE_K = 10**9, 64, 20
NETWORK, LATENCY, DISK = 1.25e9, 1e-3, 1e9


def write(path: Path, n: int, p: int, k: int) -> np.memmap:
    """Write rows of a mixture, a block at a time."""
    rng = np.random.default_rng(0)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=float, shape=(n, p))
    centres = 2 * rng.normal(size=(k, p))
    for start in range(0, n, 100_000):
        block = rows[start : start + 100_000]
        block[:] = centres[rng.integers(k, size=len(block))] + rng.normal(size=block.shape)
    rows.flush()
    return np.load(path, mmap_mode="r")


def start_of(rows: np.ndarray, k: int) -> dict[str, object]:
    """Return a start that leaves nothing to be found."""
    precisions = np.broadcast_to(np.eye(rows.shape[1]), (k, rows.shape[1], rows.shape[1]))
    return {
        "weights_init": np.full(k, 1 / k),
        "means_init": np.array(rows[:k]),
        "precisions_init": precisions,
        "acceleration": None,
        "tol": 0,
    }


class Clock(Tasks):
    """Notes when each pass ends."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def reached(self, state: object, status: object) -> bool:
        self.times.append(time.perf_counter())
        return False


def seconds_of_pass(rows: np.ndarray, k: int, passes: int = PASSES) -> float:
    """Return the median time of the passes of a fit."""
    clock, estimator = Clock(), GaussianMixtureEM(k, max_iter=passes, **start_of(rows, k))
    estimator._fit(rows, None, None, tasks=clock)
    return float(np.median(np.diff(clock.times)))


def peak_of(call: str, path: Path, out: Path) -> tuple[float, float]:
    """Return the peaks of memory of this process, after the imports and after a call."""

    def peak() -> float:
        return memory_status()["VmHWM"] / MIB

    rows, before = np.load(path, mmap_mode="r"), peak()
    if call == "fit":
        GaussianMixtureEM(K, random_state=0, max_iter=15).fit(rows)
    else:
        estimator = GaussianMixtureEM(K, max_iter=0, **start_of(rows, K)).fit(np.array(rows[:1000]))
        shape = (len(rows), K) if call == "predict_proba" else (len(rows),)
        dtype = np.int64 if call == "predict" else float
        into = np.lib.format.open_memmap(out, mode="w+", dtype=dtype, shape=shape)
        getattr(estimator, call)(rows, out=into)
    return before, peak()


def memory(folder: Path, rows: int) -> Table:
    """Measure peaks."""
    path = folder / "rows.npy"
    write(path, rows, P, K)
    figures = []
    for call in ("fit", "predict", "predict_proba"):
        command = [sys.executable, "-W", "ignore", __file__, "--peak", call, str(path), str(folder / "out.npy")]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        figures.append([call, rows, rows * P * 8 / MIB, *map(float, answer.split())])
    return Table(
        "Memory with rows in a file",
        f"Peak MiB of the whole process, memory-mapped rows of {P} features, K = {K}; predictions into a memory map.",
        ["call", "N", "MiB of rows", "MiB after imports", "MiB at the peak"],
        figures,
        [at_most("most MiB", max(row[4] for row in figures), 300)],
    )


def speed(folder: Path, rows: int, rounds: int) -> Table:
    """Compare a pass over a memory map with one over an array."""
    mapped = np.load(folder / "rows.npy", mmap_mode="r")[:rows]
    array = np.array(mapped)
    stored, in_memory = medians(rounds, lambda: seconds_of_pass(mapped, K), lambda: seconds_of_pass(array, K))
    return Table(
        "A pass over rows in a file",
        f"Nanoseconds per row, {P} features, K = {K}, full covariances.",
        ["N", "ns in memory", "ns from the file", "ratio"],
        [[rows, in_memory / rows * 1e9, stored / rows * 1e9, stored / in_memory]],
        [at_most("file over memory", stored / in_memory, 1.3)],
    )


def terms(n: int, p: int, k: int) -> list[float]:
    """Return what the cost model counts of a pass: numbers in features, operations, exponentials, the pass itself."""
    n_features = 1 + p + p * (p + 1) // 2
    return [float(n * n_features), 4.0 * n * k * n_features, float(n * k), 1.0]


def cost_model(folder: Path, quick: bool) -> tuple[Table, np.ndarray]:
    """Fit the cost of a pass to measurements; return its prices, too."""
    lengths = LENGTHS[:3] if quick else LENGTHS
    cases = []
    for p, k in SHAPES:
        sizes = [n for n in lengths if n * p <= MOST_NUMBERS]
        whole = write(folder / "rows.npy", sizes[-1], p, k)
        for n in sizes:
            passes = 20 if n * p * k < 1e8 else 3
            cases.append((n, p, k, seconds_of_pass(whole[:n], k, passes)))
    measured = np.array([seconds for *_, seconds in cases])
    counts = np.array([terms(n, p, k) for n, p, k, _ in cases])
    # Relative errors: a short pass matters as much as a long one.
    prices, _ = nnls(counts / measured[:, None], np.ones(len(cases)))
    predicted = counts @ prices
    rows = [[n, p, k, t, e, e / t] for (n, p, k, t), e in zip(cases, predicted, strict=True)]
    feature, flop, exponential, fixed = prices
    table = Table(
        "What a pass costs",
        f"Seconds of a pass over a memory map, {available_threads()} threads, and what the model says: "
        f"{feature * 1e9:.3g} ns per number in N F, {flop * 1e9:.3g} ns per operation in 4 N K F, "
        f"{exponential * 1e9:.3g} ns per row and component, {fixed * 1e3:.3g} ms per pass; "
        "F = 1 + p + p (p + 1) / 2.",
        ["N", "p", "K", "seconds", "of the model", "model over measured"],
        rows,
        [at_most("worst relative error", float(abs(predicted / measured - 1).max()), 0.5)],
    )
    return table, prices


def seconds_of_task(quick: bool) -> tuple[Table, float]:
    """Measure what Dask takes for each block, in a cluster of two processes on this machine."""
    import dask.array as da
    from distributed import Client, LocalCluster

    numbers = [16, 64] if quick else [32, 128, 512]
    rows = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        for n_blocks in numbers:
            X = da.random.default_rng(0).normal(size=(n_blocks * 1000, P), chunks=(1000, P)).persist()
            clock, start = Clock(), start_of(np.array(X[:K].compute()), K)
            GaussianMixtureEM(K, max_iter=6, **start)._fit(X, None, None, tasks=clock)
            rows.append([n_blocks, float(np.median(np.diff(clock.times)))])
    slope = float(np.polyfit(*np.array(rows).T, 1)[0])
    return Table(
        "A pass on a cluster",
        f"Seconds of a pass over blocks of 1000 rows, {P} features, K = {K}, on two processes of this machine: "
        f"{slope * 1e3:.3g} ms more for each block.",
        ["blocks", "seconds"],
        rows,
    ), slope


def projection(prices: np.ndarray, task: float) -> Table:
    """Say what the model makes of more rows than this machine holds."""
    rows = []
    n_features = 1 + LARGE_P + LARGE_P * (LARGE_P + 1) // 2
    sums = 8 * LARGE_K * n_features
    for workers in (10, 100):
        for length in (2**17, 2**20):
            n_blocks = -(-LARGE_N // length)
            computing = float(np.array(terms(LARGE_N // workers, LARGE_P, LARGE_K)) @ prices)
            levels = int(np.ceil(np.log(n_blocks) / np.log(8)))
            tree = levels * (LATENCY + 8 * sums / NETWORK)
            broadcast = np.log2(workers) * (LATENCY + sums / NETWORK)
            parts = [computing, n_blocks * task, tree, broadcast]
            rows.append([workers, length, n_blocks, *parts, LARGE_N / workers * LARGE_P * 8 / DISK, sum(parts)])
    return Table(
        "A billion rows, foretold",
        f"Seconds of one pass over {LARGE_N:.0e} rows of {LARGE_P} features, K = {LARGE_K}, as the model has it: "
        f"workers like this machine that hold the rows, a network of {NETWORK / 1e9:g} GB/s and {LATENCY * 1e3:g} ms. "
        f"Workers that read the rows in every pass, at {DISK / 1e9:g} GB/s, take what stands under reading, beside the "
        "computing.",
        ["workers", "rows in a block", "blocks", "computing", "scheduling", "tree", "broadcast", "reading", "total"],
        rows,
    )


def tables(quick: bool) -> Iterator[Table]:
    """Yield the tables."""
    rows = ROWS // 10 if quick else ROWS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield memory(folder, rows)
        yield speed(folder, rows // 4, 3)
        model, prices = cost_model(folder, quick)
        yield model
    cluster, task = seconds_of_task(quick)
    yield cluster
    yield projection(prices, task)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print(*peak_of(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])))
    else:
        main(tables, __doc__)
