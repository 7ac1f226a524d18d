"""How many passes over the data does acceleration save? The same start, with and without it.

Run: python benchmarks/passes.py [--quick]

Oracle data sets with K = 2 to 6, overlapping mixtures, more components than clusters, and handwritten digits on their
principal components, each with all structures. A start is that of the default fit, given to both. Counted are passes
until the mean objective is within 1e-5 of its limit: the better of the ends of long runs with and without
acceleration, where they are one optimum (closer than 1e-6), else each run's own end. Also counted: runs that end with
acceleration more than 1 nat (of the total, not the mean) below or above the end without, and the time per pass.
"""

from collections.abc import Iterator

import numpy as np
from problems import as_start, digits, oracles, overlapping
from report import Table, at_most, main
from timing import geometric_mean, seconds

from sklearn_em import GaussianMixtureEM

NEAR, SAME, SLOW = 1e-5, 1e-6, 100
STRUCTURES = ("full", "tied", "diag", "spherical")
# Passes without and with acceleration, how many nats acceleration ends higher, seconds per pass without and with.
Result = tuple[int, int, float, float, float]


def problems(quick: bool) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield the name of a group, rows and a number of components."""
    for name, X in oracles().items():
        for n_components in (3,) if quick else (2, 3, 4, 5, 6):
            yield name, X, n_components
    for seed in range(1 if quick else 3):
        for separation in (1.0,) if quick else (0.5, 1.0, 1.5):
            yield "overlapping", overlapping(1000, 3, 3, separation, seed), 3
        yield "overlapping", overlapping(1000, 8, 4, 0.7, seed), 4
        yield "too many K", overlapping(600, 2, 2, 2.0, seed), 5
        yield "too many K", overlapping(1000, 4, 3, 2.0, seed), 6
    for n_features in (8,) if quick else (8, 12, 16):
        yield "digits", digits(n_features), 10


def passes(trace: list[float], limit: float) -> int:
    """Return the number of passes after which the trace is near its limit."""
    return int(np.argmax(np.array(trace) >= limit - NEAR))


def compare(X: np.ndarray, n_components: int, covariance_type: str) -> Result:
    """Run from the same start with and without acceleration."""
    make = {"n_components": n_components, "covariance_type": covariance_type, "random_state": 0, "n_jobs": 1}
    given = as_start(GaussianMixtureEM(**make, max_iter=0).fit(X))
    fits = [
        GaussianMixtureEM(**make, **given, acceleration=acceleration, tol=1e-11, max_iter=20_000)
        for acceleration in (None, "squarem")
    ]
    per_pass = [seconds(lambda fit=fit: fit.fit(X)) / max(fit.n_iter_, 1) for fit in fits]
    ends = [fit.lower_bound_ for fit in fits]
    limits = [max(ends)] * 2 if abs(ends[1] - ends[0]) < SAME else ends
    counts = [passes(fit.lower_bounds_, limit) for fit, limit in zip(fits, limits, strict=True)]
    return counts[0], counts[1], (ends[1] - ends[0]) * len(X), per_pass[0], per_pass[1]


def summary(name: str, results: list[Result]) -> list[str | int | float]:
    """Return one row of the table."""
    plain, fast, higher, per_pass, fast_per_pass = np.array(results).T
    ratio = np.maximum(fast, 1) / np.maximum(plain, 1)
    slow = plain >= SLOW
    return [
        *(name, len(plain), geometric_mean(ratio)),
        *(int(slow.sum()), geometric_mean(ratio[slow]) if slow.any() else "-", float(np.percentile(ratio, 95))),
        *(float(np.median(plain)), float(np.median(fast))),
        *(float(np.mean(higher < -1)), float(np.mean(higher > 1)), float(np.median(fast_per_pass / per_pass))),
    ]


def tables(quick: bool) -> Iterator[Table]:
    """Yield one table: a row per group of problems, per structure, and for all."""
    groups: dict[str, list[Result]] = {}
    for name, X, n_components in problems(quick):
        for covariance_type in STRUCTURES:
            result = compare(X, n_components, covariance_type)
            for group in (name, covariance_type, "all"):
                groups.setdefault(group, []).append(result)
    # First the problems, then the structures, then all.
    order = [*(group for group in groups if group not in (*STRUCTURES, "all")), *STRUCTURES, "all"]
    rows = [summary(group, groups[group]) for group in order]
    everything = rows[-1]
    verdicts = [at_most("ratio over all", everything[2], 0.6)]
    if everything[3]:
        verdicts.append(at_most(f"ratio where plain EM needs {SLOW} or more", everything[4], 0.35))
    verdicts.append(at_most("share of ends > 1 nat lower", everything[8], 0.02))
    yield Table(
        "Passes saved by acceleration",
        f"Passes with acceleration over passes without, until within {NEAR:g} of the limit; geometric means. Slow is "
        f"what takes {SLOW} passes or more without.",
        [
            *("problems", "runs", "ratio", "slow", "ratio of slow", "95 % of ratios", "median without"),
            *("median with", "> 1 nat lower", "> 1 nat higher", "time per pass"),
        ],
        rows,
        verdicts,
    )


if __name__ == "__main__":
    main(tables, __doc__)
