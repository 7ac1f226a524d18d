"""Time one EM pass of each covariance structure beside the pass of the nearest of scikit-learn's four, both ours.

Run: python benchmarks/structures.py [--quick]
"""

import warnings
from collections.abc import Iterator

from em_pass import Pass
from problems import correlated
from report import Table, at_most, main
from sklearn.exceptions import ConvergenceWarning
from timing import medians

from sklearn_em import GaussianMixtureEM
from sklearn_em.gaussian.covariance import STRUCTURES
from sklearn_em.gaussian.features import FULL

SHAPE = (100_000, 8, 10)
# What the issue asked of each; nothing was asked of the others.
ASKED = {"tied_diag": 1.3, "VEV": 1.5, "EVV": 1.5, "VVE": 1.5}


def in_mid_fit(covariance_type: str, quick: bool) -> Pass:
    """Return the fourth pass of a fit: structures without a closed form go on from the covariances before."""
    n, p, n_components = SHAPE
    X = correlated(n // 5 if quick else n, p, n_components)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = GaussianMixtureEM(
            n_components, covariance_type=covariance_type, reg_covar=1e-3, max_iter=3, random_state=0
        ).fit(X)
    return Pass(start, X)


def tables(quick: bool) -> Iterator[Table]:
    """Yield the one table."""
    rows, verdicts = [], []
    for name, structure in STRUCTURES.items():
        beside = "tied" if structure.shared else "full" if structure.moments is FULL else "diag"
        other, own = medians(3 if quick else 9, in_mid_fit(beside, quick).seconds, in_mid_fit(name, quick).seconds)
        rows.append([name, structure.code, beside, 1e3 * other, 1e3 * own, own / other])
        if name in ASKED:
            verdicts.append(at_most(f"{name}'s pass over that of {beside}", own / other, ASKED[name]))
    yield Table(
        "One pass of every structure",
        f"Milliseconds of one pass in the middle of a fit at (N, p, K) = {SHAPE}, on all cores, beside the pass of the "
        "nearest of the four structures that scikit-learn has, ours as well.",
        ["structure", "code", "beside", "its ms", "ms", "ratio"],
        rows,
        verdicts,
    )


if __name__ == "__main__":
    main(tables, __doc__)
