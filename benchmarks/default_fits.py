"""Whole fits with default settings beside scikit-learn's: how long they take, and how far they come.

Run: python benchmarks/default_fits.py [--quick]

scikit-learn's class makes one k-means and stops where a step gains less than 1e-3 per row; ours compares up to four
starts and stops nearer to the limit.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from problems import oracles, overlapping
from report import Table, at_least, main
from sklearn.mixture import GaussianMixture
from timing import geometric_mean, medians, seconds

from sklearn_em import GaussianMixtureEM

SEEDS = range(3)


def problems(quick: bool) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield name, rows and number of components."""
    yield "iris", oracles()["iris"], 3
    yield "overlapping", overlapping(1000, 4, 4, 1.0, 0), 4
    yield "overlapping", overlapping(5000, 8, 6, 1.0, 1), 6
    if quick:
        return
    yield "overlapping", overlapping(20_000, 4, 5, 1.0, 2), 5
    yield "overlapping", overlapping(50_000, 8, 8, 1.0, 3), 8
    yield "overlapping", overlapping(100_000, 16, 10, 1.0, 4), 10


def compare(X: np.ndarray, n_components: int, covariance_type: str, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return milliseconds, medians over the seeds, and mean log-likelihoods, means over the seeds, of both sides."""
    times, scores = [], []
    for seed in SEEDS:
        sides = [
            make(n_components, covariance_type=covariance_type, random_state=seed)
            for make in (GaussianMixture, GaussianMixtureEM)
        ]
        times.append(medians(rounds, *(partial(seconds, partial(side.fit, X)) for side in sides)))
        scores.append([side.score(X) for side in sides])
    return 1e3 * np.median(times, axis=0), np.mean(scores, axis=0)


def tables(quick: bool) -> Iterator[Table]:
    """Yield the table of all problems and structures."""
    rows: list[list[str | int | float]] = []
    for name, X, n_components in problems(quick):
        rounds = 3 if quick or len(X) > 5000 else 15
        for covariance_type in ("full", "tied", "diag", "spherical"):
            (theirs, ours), reached = compare(X, n_components, covariance_type, rounds)
            rows.append([name, covariance_type, *X.shape, n_components, float(theirs), float(ours)])
            rows[-1] += [float(theirs / ours), *(f"{score:.4f}" for score in reached)]
    mean = geometric_mean(float(row[7]) for row in rows)
    yield Table(
        "Whole fits with default settings",
        "Milliseconds of `fit` (median over three seeds), and the mean log-likelihood reached (mean over the seeds). "
        f"The geometric mean of the ratios is {mean:.2f}.",
        [*("data", "structure", "N", "p", "K"), "sklearn ms", "ours ms", "ratio", "sklearn reaches", "ours reaches"],
        rows,
        [at_least("least ratio on iris", min(float(row[7]) for row in rows if row[0] == "iris"), 1)],
    )


if __name__ == "__main__":
    main(tables, __doc__)
