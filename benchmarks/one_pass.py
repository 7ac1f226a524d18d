"""Time one EM pass (E-step, M-step, log-likelihood) against scikit-learn's, both in this process on the same data.

Run: python benchmarks/one_pass.py [--rounds 7] [--jobs 2]

Rounds of the two sides alternate, so that a change of the machine's speed meets both; the ratio is that of medians.
The last column is the largest relative difference of the parameters that the two M-steps return.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from sklearn.mixture import GaussianMixture

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.scan import scan
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import STRUCTURES
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters

CASES = [
    ("full", 100_000, 8, 10),
    ("full", 100_000, 2, 3),
    ("full", 100_000, 2, 10),
    ("full", 100_000, 16, 16),
    ("full", 100_000, 16, 64),
    ("full", 50_000, 32, 32),
    ("full", 50_000, 64, 32),
    ("tied", 100_000, 8, 10),
    ("diag", 100_000, 8, 10),
    ("spherical", 100_000, 8, 10),
]


def make_rows(n_samples: int, n_features: int, n_components: int) -> np.ndarray:
    """Draw from a mixture of correlated Gaussians."""
    rng = np.random.default_rng(0)
    centres = 3 * rng.normal(size=(n_components, n_features))
    maps = rng.normal(size=(n_components, n_features, n_features)) / np.sqrt(n_features)
    labels = rng.integers(n_components, size=n_samples)
    rows = rng.normal(size=(n_samples, n_features))
    for k in range(n_components):
        rows[labels == k] = centres[k] + rows[labels == k] @ maps[k].T
    return rows


def seconds(function: Callable[[], object]) -> float:
    """Time one call."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def time_case(covariance_type: str, n: int, p: int, n_components: int, rounds: int, jobs: int | None) -> list[float]:
    """Return both medians in milliseconds, and the largest relative difference of the results."""
    X = make_rows(n, p, n_components)
    structure = STRUCTURES[covariance_type]

    # Both sides start every round from random rows as means and the covariance of all rows.
    rng = np.random.default_rng(0)
    weights, means = np.full(n_components, 1 / n_components), X[rng.choice(n, n_components, replace=False)]
    covariance = np.cov(X.T).reshape(p, p)
    precisions = {
        "full": np.tile(np.linalg.inv(covariance), (n_components, 1, 1)),
        "tied": np.linalg.inv(covariance),
        "diag": np.tile(1 / covariance.diagonal(), (n_components, 1)),
        "spherical": np.full(n_components, 1 / covariance.diagonal().mean()),
    }[covariance_type]
    factors = structure.form.precision_cholesky_of_precisions(structure.from_natural(precisions, p))

    peer = GaussianMixture(n_components, covariance_type=covariance_type, reg_covar=0.0)

    def reset_peer() -> None:
        peer.weights_, peer.means_ = weights, means
        peer.precisions_cholesky_ = structure.to_natural(factors, p)

    def peer_pass() -> None:
        _, log_resp = peer._e_step(X, xp=np)
        peer._m_step(X, log_resp, xp=np)

    with Workers(jobs) as workers:
        problem = scan(ArraySource(X), n_components, structure.one_scale, workers)
    model = GaussianMixtureModel(structure, ArraySource(X), problem, np.zeros(p), workers)
    start = MixtureParameters(
        weights, Gaussians.from_precision_cholesky(structure, means, factors).rescale(problem.scale)
    )
    result = [start]

    def our_pass() -> None:
        result[0] = model.m_step(model.e_step(start), start)

    ours, theirs = [], []
    for _ in range(rounds):
        # As in a fit, the threads are there before the pass; they end with the context, which gives the linear
        # algebra library its own threads back for scikit-learn's pass.
        with workers:
            our_pass()
            ours.append(seconds(our_pass))
        reset_peer()
        theirs.append(seconds(peer_pass))
    end = result[0].gaussians.rescale(1 / problem.scale)
    differences = [
        np.abs(structure.to_natural(end.covariances, p) - peer.covariances_).max() / np.abs(peer.covariances_).max(),
        np.abs(end.means - peer.means_).max() / np.abs(peer.means_).max(),
        np.abs(result[0].weights - peer.weights_).max(),
    ]
    return [1e3 * float(np.median(theirs)), 1e3 * float(np.median(ours)), float(max(differences))]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=None, help="threads on our side; all if not given")
    arguments = parser.parse_args()
    print(f"{'structure':>10} {'N':>7} {'p':>3} {'K':>3} {'sklearn ms':>11} {'ours ms':>8} {'ratio':>6} {'differ':>8}")
    for case in CASES:
        theirs, ours, difference = time_case(*case, arguments.rounds, arguments.jobs)
        structure, n, p, k = case
        print(f"{structure:>10} {n:7d} {p:3d} {k:3d} {theirs:11.1f} {ours:8.1f} {theirs / ours:6.1f} {difference:8.0e}")


if __name__ == "__main__":
    main()
