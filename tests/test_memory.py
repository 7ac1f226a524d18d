"""Nothing of size (n_samples, n_components) is held that the user did not ask for."""

import tracemalloc

import numpy as np
import pytest
from conftest import mixture_rows

from sklearn_em import GaussianMixtureEM

N, K = 150_000, 40


@pytest.fixture(scope="module")
def rows():
    return mixture_rows(N, 2, 5)[0]


def peak_bytes(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_peak_is_far_below_rows_times_components(covariance_type, rows):
    start = {"means_init": rows[:K], "max_iter": 1, "n_jobs": 1}
    estimator = GaussianMixtureEM(K, covariance_type=covariance_type, **start)
    array = 8 * N * K
    assert peak_bytes(lambda: estimator.fit(rows)) < array / 2
    for method in (estimator.predict, estimator.score, estimator.score_samples, estimator.bic):
        assert peak_bytes(lambda method=method: method(rows)) < array / 4
    # The answer itself, once.
    assert array <= peak_bytes(lambda: estimator.predict_proba(rows)) < array * 1.25


def test_rows_are_not_copied(rows):
    """A fit of more features than the sample holds rows for keeps less than the rows themselves take."""
    wide = np.random.default_rng(0).normal(size=(200_000, 32))
    estimator = GaussianMixtureEM(2, covariance_type="diag", means_init=wide[:2], max_iter=1, tol=1e9, n_jobs=1)
    assert peak_bytes(lambda: estimator.fit(wide)) < wide.nbytes / 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_memory_does_not_grow_with_the_rows():
    """Sixty bytes a row would be 60 MB here."""
    many = np.random.default_rng(0).normal(size=(1_000_000, 2))
    estimator = GaussianMixtureEM(5, max_iter=1, random_state=0, n_jobs=1)
    assert peak_bytes(lambda: estimator.fit(many)) < 2**25
    assert peak_bytes(lambda: estimator.score(many)) < 2**23
