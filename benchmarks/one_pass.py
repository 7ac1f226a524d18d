"""Time one EM pass (E-step, M-step, log-likelihood) beside scikit-learn's, both in this process on the same data.

Run: python benchmarks/one_pass.py [--quick]

Both sides start every round from the same parameters: random rows as means, the covariance of all rows. "differ" is
the largest difference of the parameters that the two M-steps return, relative to the largest of the kind.
"""

from collections.abc import Iterator

import numpy as np
from em_pass import Pass
from limit import least_seconds
from machine import n_threads
from problems import correlated, peer_of
from report import Table, at_least, at_most, main
from timing import geometric_mean, medians, seconds_when_warm

from sklearn_em import GaussianMixtureEM

# Keeps components of fewer rows than features regular; the data's variances are near 1.
REG_COVAR = 1e-3
FULL = [
    (100_000, 2, 3),
    (100_000, 2, 10),
    (100_000, 8, 10),
    (100_000, 16, 16),
    (100_000, 16, 64),
    (50_000, 32, 32),
    (50_000, 64, 32),
]
SIMPLER = [(100_000, 8, 10), (100_000, 16, 16), (100_000, 2, 10), (50_000, 32, 32)]
EXTREME = [
    *((covariance_type, 3000, 784, 10) for covariance_type in ("full", "tied", "diag", "spherical")),
    *((covariance_type, 50_000, 8, 256) for covariance_type in ("full", "diag")),
]
WHAT = "Milliseconds of one E-step with log-likelihood and one M-step from the same parameters, on all cores."
COLUMNS = ["structure", "N", "p", "K", "sklearn ms", "ours ms", "ratio", "differ"]


def common_start(
    X: np.ndarray, n_components: int, covariance_type: str, n_jobs: int | None = None
) -> GaussianMixtureEM:
    """Return an estimator with random rows as means and the covariance of all rows."""
    n, p = X.shape
    covariance = np.cov(X.T).reshape(p, p)
    precisions = {
        "full": lambda: np.tile(np.linalg.inv(covariance), (n_components, 1, 1)),
        "tied": lambda: np.linalg.inv(covariance),
        "diag": lambda: np.tile(1 / covariance.diagonal(), (n_components, 1)),
        "spherical": lambda: np.full(n_components, 1 / covariance.diagonal().mean()),
    }[covariance_type]()
    return GaussianMixtureEM(
        n_components,
        covariance_type=covariance_type,
        reg_covar=REG_COVAR,
        weights_init=np.full(n_components, 1 / n_components),
        means_init=X[np.random.default_rng(0).choice(n, n_components, replace=False)],
        precisions_init=precisions,
        max_iter=0,
        n_jobs=n_jobs,
    ).fit(X)


def time_case(covariance_type: str, n: int, p: int, n_components: int, rounds: int) -> tuple[float, float, float]:
    """Return the seconds of scikit-learn's pass and of ours, and the difference of their results."""
    X = correlated(n, p, n_components)
    start = common_start(X, n_components, covariance_type)
    ours, peer = Pass(start, X), peer_of(start, REG_COVAR)

    def peer_pass() -> None:
        for name in ("weights_", "means_", "precisions_cholesky_"):
            setattr(peer, name, getattr(start, name))
        _, log_resp = peer._e_step(X, xp=np)
        peer._m_step(X, log_resp, xp=np)

    theirs, our = medians(rounds, lambda: seconds_when_warm(peer_pass), ours.seconds)
    differences = [abs(a - getattr(peer, name)).max() / abs(a).max() for name, a in ours.result().items()]
    return theirs, our, float(max(differences))


def measure(cases: list[tuple[str, int, int, int]], rounds: int, quick: bool) -> list[list[str | int | float]]:
    """Return a row per case; a quick run has a fifth of the rows of long cases."""
    rows = []
    for covariance_type, n, p, n_components in cases:
        case = covariance_type, n // 5 if quick and n > 10_000 else n, p, n_components
        theirs, ours, differ = time_case(*case, rounds)
        rows.append([*case, 1e3 * theirs, 1e3 * ours, theirs / ours, differ])
    return rows


def tables(quick: bool) -> Iterator[Table]:
    """Yield a table per structure, and one of many features or components."""
    rounds = 3 if quick else 7
    differ = "largest difference"
    rows = measure([("full", *shape) for shape in FULL], rounds, quick)
    ratios = [row[6] for row in rows]
    # With few features the work is not in the matrix products.
    shares = [least_seconds(*row[1:4], n_threads()) / (1e-3 * row[5]) for row in rows]
    many = [share for share, row in zip(shares, rows, strict=True) if row[2] >= 16]
    yield Table(
        "One pass, full covariances",
        f"{WHAT} The share of the limit is the time of the matrix products at the speed of a large one and of one "
        "exponential per row and component, over the time it took; it says something from 16 features on.",
        [*COLUMNS, "share of limit"],
        [[*row, share] for row, share in zip(rows, shares, strict=True)],
        [
            at_least("geometric mean of ratios", geometric_mean(ratios), 15),
            at_least("least ratio", min(ratios), 5),
            at_least("least share of the limit, 16 features or more,", min(many), 0.5),
            at_most(differ, max(row[7] for row in rows), 1e-9),
        ],
    )
    for covariance_type, bound in (("tied", 20), ("diag", 6), ("spherical", 8)):
        rows = measure([(covariance_type, *shape) for shape in SIMPLER], rounds, quick)
        yield Table(
            f"One pass, {covariance_type} covariances",
            WHAT,
            COLUMNS,
            rows,
            [
                at_least("geometric mean of ratios", geometric_mean(row[6] for row in rows), bound),
                at_most(differ, max(row[7] for row in rows), 1e-9),
            ],
        )
    rows = measure(EXTREME, 1 if quick else 5, quick)
    yield Table(
        "One pass, many features or components",
        WHAT,
        COLUMNS,
        rows,
        [
            at_least("least ratio", min(row[6] for row in rows), 2),
            at_most(differ, max(row[7] for row in rows), 1e-9),
        ],
    )


if __name__ == "__main__":
    main(tables, __doc__)
