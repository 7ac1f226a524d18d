"""The whole grid of structures and numbers of components: sought together, and by one fit after the other.

Run: python benchmarks/selection.py [--quick]
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from report import Table, at_most, main
from timing import medians, seconds

from sklearn_em import GaussianMixtureEM, GaussianMixtureIC
from sklearn_em.gaussian.covariance import STRUCTURES

DATA = Path(__file__).parents[1] / "tests" / "data"
NUMBERS = range(1, 10)
CODES = [structure.code for structure in STRUCTURES.values()]


def one_by_one(X: np.ndarray, structures: list[str]) -> float:
    """Return the lowest BIC of fits on their own, those left out that say nothing about where the rows came from."""
    values = []
    for structure in structures:
        for K in NUMBERS:
            mixture = GaussianMixtureEM(K, covariance_type=structure, random_state=0).fit(X)
            if not mixture.diagnostics_.is_spurious.any():
                values.append(mixture.bic(X))
    return min(values)


def together(X: np.ndarray, structures: list[str]) -> GaussianMixtureIC:
    """Return the fitted search."""
    estimator = GaussianMixtureEM(random_state=0)
    return GaussianMixtureIC(estimator, n_components=NUMBERS, covariance_type=structures).fit(X)


def tables(quick: bool) -> Iterator[Table]:
    """Yield one table."""
    rows = []
    for name in ["iris"] if quick else ["iris", "faithful", "diabetes", "synth", "acidity", "galaxies"]:
        X = np.loadtxt(DATA / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2)
        structures = CODES if X.shape[1] > 1 else ["EII", "VII"]
        [time] = medians(1 if quick else 5, partial(seconds, partial(together, X, structures)))
        search = together(X, structures)
        lowest: list[float] = []
        alone = seconds(lambda: lowest.append(one_by_one(X, structures)))  # noqa: B023
        chosen = f"{search.best_params_['covariance_type']}, {search.best_params_['n_components']}"
        cells = len(structures) * len(NUMBERS)
        rows.append([name, cells, time, alone / time, chosen, search.best_score_, lowest[0]])
    yield Table(
        "Structures and numbers of components",
        "Seconds for the grid by GaussianMixtureIC, in one process; how many times as long fits of their own take; the "
        "cell chosen, its BIC, and the lowest BIC of fits of their own.",
        ["data", "cells", "s", "fits alone / together", "chosen", "BIC", "BIC, fits alone"],
        rows,
        [at_most("seconds on iris", float(rows[0][2]), 3.0)],
    )


if __name__ == "__main__":
    main(tables, __doc__)
