"""Mixtures of factor analysers beside full covariances, where features are many: one pass, a fit, and rows not fitted.

Run: python benchmarks/factor.py [--quick]

The rows are like handwritten digits of 28 x 28 pixels: scikit-learn's 8 x 8 digits made larger, moved by up to two
pixels, with noise.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from em_pass import Pass
from report import Table, at_least, main
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from timing import medians, seconds

from sklearn_em import Factor, GaussianMixtureEM

K, N_HELD_OUT = 10, 1000
# Variances of the pixels are from 1, the noise, to about 40.
REG_COVAR = 1e-3
STRUCTURES = {
    "full": "full",
    "Factor(8)": Factor(8),
    'Factor(8, "common")': Factor(8, "common"),
    "diag": "diag",
}


def large_digits(n_samples: int) -> np.ndarray:
    """Return rows of 784 pixels."""
    rng = np.random.default_rng(0)
    digits = load_digits().data.reshape(-1, 8, 8)
    images = np.stack([zoom(digit, 3.5, order=1) for digit in digits])
    chosen, moves = rng.integers(len(images), size=n_samples), rng.integers(-2, 3, size=(n_samples, 2))
    moved = [np.roll(images[i], tuple(move), axis=(0, 1)).ravel() for i, move in zip(chosen, moves, strict=True)]
    return np.stack(moved) + rng.normal(size=(n_samples, 784))


def tables(quick: bool) -> Iterator[Table]:
    """Yield one table."""
    n = 1500 if quick else 4000
    X = large_digits(n + N_HELD_OUT)
    X, held_out = X[:n], X[n:]
    # A start that is not searched for: the search takes as many passes on either side.
    make = partial(GaussianMixtureEM, K, reg_covar=REG_COVAR, random_state=0)
    fits, passes = {}, {}
    for name, structure in STRUCTURES.items():
        fits[name] = make(covariance_type=structure, max_iter=2 if quick else 14)
        passes[name] = Pass(make(covariance_type=structure, max_iter=3).fit(X), X)
    one_pass = dict(zip(STRUCTURES, medians(1 if quick else 3, *(p.seconds for p in passes.values())), strict=True))
    whole = {name: seconds(partial(fitted.fit, X)) for name, fitted in fits.items()}
    rows = [
        [
            name,
            fitted._n_parameters(),
            1e3 * one_pass[name],
            one_pass["full"] / one_pass[name],
            whole[name],
            fitted.n_iter_,
            fitted.score(X),
            fitted.score(held_out),
        ]
        for name, fitted in fits.items()
    ]
    yield Table(
        "Factors, 784 features",
        f"Digits of 28 x 28 pixels, {n} rows, K = {K}: milliseconds of one pass, seconds of a fit of up "
        f"to {fits['full'].max_iter} iterations, and the mean log-likelihood of the rows and of {N_HELD_OUT} others. "
        "The ratio is full's time over the structure's. Full covariances have a component's rows for themselves at "
        "once, and then nowhere to go.",
        ["structure", "parameters", "pass ms", "ratio", "fit s", "iterations", "rows", "other rows"],
        rows,
        [
            at_least("ratio of passes of full and Factor(8)", rows[1][3], 1),
            at_least("gain on other rows, Factor(8) over full", rows[1][7] - rows[0][7], 0),
        ],
    )


if __name__ == "__main__":
    main(tables, __doc__)
