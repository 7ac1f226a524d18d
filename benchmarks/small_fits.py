"""Small data, where the time goes into what surrounds the sums: one pass, a fit of one component, import.

Run: python benchmarks/small_fits.py [--quick]
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import numpy as np
from em_pass import Pass
from problems import oracles
from report import Table, at_most, main
from sklearn.utils.validation import validate_data
from timing import medians, seconds

from sklearn_em import GaussianMixtureEM


def surroundings(X: np.ndarray, quick: bool) -> Table:
    """Measure what is not sums over rows."""
    start = GaussianMixtureEM(3, reg_covar=1e-6, max_iter=0, random_state=0).fit(X)
    one_pass = medians(5 if quick else 25, Pass(start, X).seconds)[0]

    one, validated = GaussianMixtureEM(1), GaussianMixtureEM(1)

    def validate() -> None:
        validated._validate_params()
        validate_data(validated, X, dtype=[np.float64, np.float32])

    fit, validation = medians(20 if quick else 200, partial(seconds, lambda: one.fit(X)), partial(seconds, validate))
    peers, ours, estimator = np.median([import_seconds() for _ in range(3 if quick else 11)], axis=0).tolist()
    figures = [
        ("microseconds of one pass, K = 3", 1e6 * one_pass, 100),
        ("milliseconds of a fit of K = 1 beyond validation", 1e3 * (fit - validation), 1),
        ("milliseconds of import beyond sklearn.mixture", 1e3 * ours, 20),
    ]
    return Table(
        "What surrounds the sums",
        f"One EM pass of full covariances on Iris; a fit of one component, beyond scikit-learn's validation of "
        f"parameters and rows ({1e3 * validation:.2f} ms); importing sklearn_em once sklearn.mixture is there (which "
        f"takes {1e3 * peers:.0f} ms), in fresh processes. What is in it is loaded when first asked for: "
        f"GaussianMixtureEM takes {1e3 * estimator:.0f} ms.",
        ["figure", "measured"],
        [figure[:2] for figure in figures],
        [at_most(*figure) for figure in figures],
    )


def import_seconds() -> list[float]:
    """Time the import of sklearn.mixture, then that of ours, and then of our estimator, in a fresh process."""
    # In one process, as the difference of two long imports would be noise.
    code = """
import time
begun = time.perf_counter()
import sklearn.mixture
between = time.perf_counter()
import sklearn_em
ours = time.perf_counter()
sklearn_em.GaussianMixtureEM
print(between - begun, ours - between, time.perf_counter() - ours)
"""
    # Compiled once, as an installed package is.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return [float(figure) for figure in shown.split()]


def tables(quick: bool) -> Iterator[Table]:
    """Yield the table."""
    yield surroundings(oracles()["iris"], quick)


if __name__ == "__main__":
    main(tables, __doc__)
