"""How many passes over the data does acceleration save? The same start, with and without it.

Run: python benchmarks/passes.py [--quick]

Oracle data sets with K = 2 to 6, overlapping mixtures, more components than clusters, and handwritten digits on their
principal components, each with all structures. A start is that of the default fit, given to both. Counted are passes
until the mean objective is within 1e-5 of its limit: the better of the ends of long runs with and without
acceleration, where they are one optimum (closer than 1e-6), else each run's own end. Also counted: runs that end with
acceleration more than 1 nat (of the total, not the mean) below or above the end without, and the time per pass.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from sklearn_em import GaussianMixtureEM

NEAR, SAME, SLOW = 1e-5, 1e-6, 100
STRUCTURES = ("full", "tied", "diag", "spherical")


def overlapping(n_samples: int, n_features: int, n_components: int, separation: float, seed: int) -> np.ndarray:
    """Draw from a mixture of correlated Gaussians whose means are `separation` apart or so."""
    rng = np.random.default_rng(seed)
    means = separation * rng.normal(size=(n_components, n_features))
    maps = np.eye(n_features) + 0.3 * rng.normal(size=(n_components, n_features, n_features))
    labels = rng.integers(n_components, size=n_samples)
    return means[labels] + np.einsum("nij,nj->ni", maps[labels], rng.normal(size=(n_samples, n_features)))


def problems(quick: bool) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield the name of a group, rows and a number of components."""
    folder = Path(__file__).parents[1] / "tests" / "data"
    for path in sorted(folder.glob("*.csv")):
        X = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
        for n_components in (3, 5) if quick else (2, 3, 4, 5, 6):
            yield path.stem, X, n_components
    for seed in range(1 if quick else 3):
        for separation in (0.5, 1.0, 1.5):
            yield "overlapping", overlapping(1000, 3, 3, separation, seed), 3
        yield "overlapping", overlapping(1000, 8, 4, 0.7, seed), 4
        yield "too many K", overlapping(600, 2, 2, 2.0, seed), 5
        yield "too many K", overlapping(1000, 4, 3, 2.0, seed), 6
    digits = load_digits().data
    for n_features in (8,) if quick else (8, 12, 16):
        yield "digits", PCA(n_features, svd_solver="full").fit_transform(digits), 10


def passes(trace: list[float], limit: float) -> int:
    """Return the number of passes after which the trace is near its limit."""
    return int(np.argmax(np.array(trace) >= limit - NEAR))


def compare(X: np.ndarray, n_components: int, covariance_type: str) -> tuple[int, int, float, float, float]:
    """Return the passes of both, how many nats acceleration ends higher, and the seconds per pass of both."""
    make = {"n_components": n_components, "covariance_type": covariance_type, "random_state": 0, "n_jobs": 1}
    start = GaussianMixtureEM(**make, max_iter=0).fit(X)
    given = {
        "weights_init": start.weights_ / start.weights_.sum(),
        "means_init": start.means_,
        "precisions_init": start.precisions_,
    }
    fits, seconds = [], []
    for acceleration in (None, "squarem"):
        begun = perf_counter()
        fits.append(GaussianMixtureEM(**make, **given, acceleration=acceleration, tol=1e-11, max_iter=20_000).fit(X))
        seconds.append((perf_counter() - begun) / max(fits[-1].n_iter_, 1))
    ends = [fit.lower_bound_ for fit in fits]
    limits = [max(ends)] * 2 if abs(ends[1] - ends[0]) < SAME else ends
    counts = [passes(fit.lower_bounds_, limit) for fit, limit in zip(fits, limits, strict=True)]
    return counts[0], counts[1], (ends[1] - ends[0]) * len(X), seconds[0], seconds[1]


def report(name: str, results: list[tuple[int, int, float, float, float]]) -> None:
    """Print one line of the table."""
    plain, fast, higher, seconds, fast_seconds = np.array(results).T
    ratio = np.maximum(fast, 1) / np.maximum(plain, 1)
    slow = plain >= SLOW
    of_slow = f"{np.exp(np.log(ratio[slow]).mean()):.2f}" if slow.any() else "-"
    print(
        f"{name:>14} {len(plain):5d} {np.exp(np.log(ratio).mean()):6.2f} {slow.sum():5d} {of_slow:>6} "
        f"{np.percentile(ratio, 95):7.2f} {np.median(plain):7.0f} {np.median(fast):7.0f} "
        f"{np.mean(higher < -1):8.1%} {np.mean(higher > 1):8.1%} {np.median(fast_seconds / seconds):7.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the problems")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore", ConvergenceWarning)
    groups: dict[str, list[tuple[int, int, float, float, float]]] = {}
    kinds: dict[str, list[tuple[int, int, float, float, float]]] = {}
    print(f"ratio: passes with / without; slow: {SLOW} passes or more without; geometric means")
    print(
        f"{'problems':>14} {'runs':>5} {'ratio':>6} {'slow':>5} {'ratio':>6} {'95 %':>7} {'without':>7} {'with':>7} "
        f"{'< -1 nat':>8} {'> 1 nat':>8} {'s/pass':>7}"
    )
    for name, X, n_components in problems(quick):
        for covariance_type in STRUCTURES:
            result = compare(X, n_components, covariance_type)
            groups.setdefault(name, []).append(result)
            kinds.setdefault(covariance_type, []).append(result)
    for name, results in {**groups, **kinds}.items():
        report(name, results)
    report("all", [result for results in groups.values() for result in results])


if __name__ == "__main__":
    main()
