"""Time one EM pass over rows with 30 % of the values missing beside the pass over the complete rows.

Run: python benchmarks/gaps.py [--quick]
"""

import warnings
from collections.abc import Iterator

import numpy as np
from em_pass import Pass
from problems import correlated
from report import Table, at_most, main
from sklearn.exceptions import ConvergenceWarning
from timing import medians

from sklearn_em import GaussianMixtureEM

SHAPE = (100_000, 8, 5)
MISSING = 0.3
MOST = 15.0


def tables(quick: bool) -> Iterator[Table]:
    """Yield the one table."""
    n, p, n_components = SHAPE
    X = correlated(n // 5 if quick else n, p, n_components)
    gapped = np.where(np.random.default_rng(0).uniform(size=X.shape) < MISSING, np.nan, X)
    rows, verdicts = [], []
    for name in ("full", "tied", "diag", "spherical"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            start = GaussianMixtureEM(
                n_components, covariance_type=name, reg_covar=1e-3, max_iter=3, random_state=0
            ).fit(X)
        complete, own = medians(3 if quick else 9, Pass(start, X).seconds, Pass(start, gapped).seconds)
        rows.append([name, 1e3 * complete, 1e3 * own, own / complete])
        if name == "full":
            verdicts.append(at_most("full's pass with gaps over the complete one", own / complete, MOST))
    yield Table(
        "Missing values",
        f"Milliseconds of one pass at (N, p, K) = {SHAPE} with {MISSING:.0%} of the values missing at random, in all "
        f"{2**p} patterns, beside the pass over the complete rows, on all cores.",
        ["structure", "complete ms", "gaps ms", "ratio"],
        rows,
        verdicts,
    )


if __name__ == "__main__":
    main(tables, __doc__)
