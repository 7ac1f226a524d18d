"""Time predictions beside scikit-learn's, with the same fitted parameters.

Run: python benchmarks/prediction.py [--quick]
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from problems import correlated, peer_of
from report import Table, at_least, main
from timing import medians, seconds_when_warm

from sklearn_em import GaussianMixtureEM

METHODS = ("predict", "predict_proba", "score_samples")


def tables(quick: bool) -> Iterator[Table]:
    """Yield one table."""
    n, p, k = 20_000 if quick else 100_000, 16, 16
    X = correlated(n, p, k)
    ours = GaussianMixtureEM(k, max_iter=5, random_state=0).fit(X)
    peer = peer_of(ours)
    rows = []
    for method in METHODS:
        sides = [partial(getattr(side, method), X) for side in (peer, ours)]
        theirs, our = medians(3 if quick else 15, *(partial(seconds_when_warm, side) for side in sides))
        differ = float(abs(np.subtract(*(side() for side in sides))).max())
        rows.append([method, n, p, k, 1e3 * theirs, 1e3 * our, theirs / our, differ])
    yield Table(
        "Prediction",
        "Milliseconds of predictions from the same full covariances, and the largest absolute difference.",
        ["method", "N", "p", "K", "sklearn ms", "ours ms", "ratio", "differ"],
        rows,
        [at_least("least ratio", min(row[6] for row in rows), 5)],
    )


if __name__ == "__main__":
    main(tables, __doc__)
