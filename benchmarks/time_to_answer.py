"""Seconds until the mean log-likelihood is within 1e-5 of its limit, beside scikit-learn's, from the same start.

Run: python benchmarks/time_to_answer.py [--quick]

The start is ours of `max_iter=0`; `reg_covar` is the same number on both sides, so both climb the same hill. Outside
of the timing, long runs with and without acceleration find the limits (the better one for both, if they agree within
1e-6, else each one's own), and traces tell how many passes each side needs. Timed is `fit` with exactly so many.
Both sides count objectives of their own: ours that of rows blurred by `reg_covar`, scikit-learn's that of the rows.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from passes import NEAR, SAME, passes
from problems import as_start, digits, oracles, overlapping, principal
from report import Table, at_least, main
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import scale
from timing import geometric_mean, medians, seconds

from sklearn_em import GaussianMixtureEM

COLUMNS = [
    *("problem", "structure", "N", "p", "K"),
    *("sklearn s", "ours s", "sklearn passes", "our passes", "ratio", "nats higher"),
]
Problem = tuple[str, np.ndarray, int, str]


def problems(quick: bool) -> Iterator[Problem]:
    """Yield name, rows, number of components and structure; the quick ones first."""
    oracle, cancer = oracles(), scale(load_breast_cancer().data)
    yield "iris", oracle["iris"], 3, "full"
    yield "diabetes", oracle["diabetes"], 3, "full"
    yield "breast cancer", cancer, 4, "diag"
    yield "digits, 12 components", digits(12), 10, "full"
    yield "overlapping", overlapping(1000, 3, 3, 0.7, 0), 3, "full"
    yield "too many K", overlapping(5000, 2, 3, 2.0, 0), 4, "spherical"
    yield "overlapping", overlapping(20_000, 4, 5, 1.0, 0), 5, "full"
    if quick:
        return
    yield "faithful", oracle["faithful"], 3, "full"
    yield "synth", oracle["synth"], 4, "full"
    yield "acidity", oracle["acidity"], 3, "full"
    yield "wine", scale(load_wine().data), 3, "tied"
    yield "breast cancer, 6 components", principal(cancer, 6), 4, "full"
    yield "digits, 16 components", digits(16), 10, "tied"
    yield "digits, 30 components", digits(30), 10, "diag"
    yield "overlapping", overlapping(5000, 8, 4, 0.7, 1), 4, "full"
    yield "too many K", overlapping(1000, 4, 3, 2.0, 0), 6, "full"
    yield "overlapping", overlapping(50_000, 8, 8, 1.0, 2), 8, "full"
    yield "overlapping", overlapping(100_000, 2, 3, 2.0, 2), 3, "full"
    yield "overlapping", overlapping(100_000, 8, 5, 1.0, 4), 5, "diag"
    yield "overlapping", overlapping(50_000, 6, 5, 1.0, 5), 5, "tied"


def passes_of_peer(peer: GaussianMixture, X: np.ndarray, limit: float, guess: int) -> int:
    """Return the passes that scikit-learn needs; its trace begins with the start too, but ends before the last pass."""
    for max_iter in (guess, 2 * guess, 4 * guess):
        trace = peer.set_params(max_iter=max_iter).fit(X).lower_bounds_
        if max(trace) >= limit - NEAR:
            return max(1, passes(trace, limit))
    raise RuntimeError("scikit-learn does not come near the limit that plain EM of ours finds.")


def compare(problem: Problem, quick: bool) -> list[str | int | float]:
    """Return a row of the table."""
    name, X, n_components, covariance_type = problem
    same = {
        "n_components": n_components,
        "covariance_type": covariance_type,
        "reg_covar": 1e-6 * float(X.var(axis=0).min()),
    }
    same |= as_start(GaussianMixtureEM(**same, max_iter=0, random_state=0).fit(X))

    plain, fast = (
        GaussianMixtureEM(**same, acceleration=acceleration, tol=1e-12, max_iter=20_000).fit(X)
        for acceleration in (None, "squarem")
    )
    better = max(plain, fast, key=lambda fit: fit.lower_bound_)
    agree = abs(plain.lower_bound_ - fast.lower_bound_) < SAME
    n_ours = max(1, passes(fast.lower_bounds_, (better if agree else fast).lower_bound_))
    # Plain EM of ours takes scikit-learn's path, so its end is scikit-learn's, and its passes are a good guess.
    guess = passes(plain.lower_bounds_, plain.lower_bound_) + 5
    limit = (better if agree else plain).score(X)
    n_theirs = passes_of_peer(GaussianMixture(**same, tol=0), X, limit, guess)

    peer = GaussianMixture(**same, tol=0, max_iter=n_theirs)
    ours = GaussianMixtureEM(**same, tol=0, max_iter=n_ours, acceleration="squarem")
    time_peer, time_ours = partial(seconds, lambda: peer.fit(X)), partial(seconds, lambda: ours.fit(X))
    theirs, our = medians(3 if quick else 15 if len(X) < 2000 else 5, time_peer, time_ours)
    end = (ours.score(X) - peer.score(X)) * len(X)
    return [name, covariance_type, *X.shape, n_components, theirs, our, n_theirs, n_ours, theirs / our, end]


def tables(quick: bool) -> Iterator[Table]:
    """Yield the table of all problems."""
    rows = [compare(problem, quick) for problem in problems(quick)]
    yield Table(
        "Time to the answer",
        "Seconds of `fit` until the mean log-likelihood is within 1e-5 of its limit, from the same start; ours "
        'with acceleration="squarem". The last column is how many nats (of the total) higher ours ends.',
        COLUMNS,
        rows,
        [at_least("geometric mean of ratios", geometric_mean(row[9] for row in rows), 20)],
    )


if __name__ == "__main__":
    main(tables, __doc__)
