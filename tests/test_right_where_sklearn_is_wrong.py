"""Where scikit-learn 1.9.1's GaussianMixture is wrong, fragile or surprising, GaussianMixtureEM is right.

The numbers W1 to W13 are those of a list of weak spots found by running it; each test asserts what should happen.
"""

import re

import numpy as np
import oracles
import pytest
from conftest import few_rows_are_fine
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from sklearn_em import GaussianMixtureEM

COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]
INIT_PARAMS = ["kmeans", "k-means++", "random", "random_from_data"]

every_covariance_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
every_init = pytest.mark.parametrize("init_params", INIT_PARAMS)


def structured(dense, covariance_type):
    """The covariance of one component, reduced to what the structure can express."""
    return {
        "full": dense,
        "tied": dense,
        "diag": np.diag(dense),
        "spherical": np.trace(dense) / len(dense),
    }[covariance_type]


@every_covariance_type
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, bool])
@few_rows_are_fine
def test_w1_integers_are_not_truncated(covariance_type, dtype):
    # scikit-learn writes distances into an array of X's dtype: scores off by 0.5, other labels than fit_predict's
    integers = np.random.RandomState(0).randint(0, 20, size=(200, 2))
    if dtype is bool:
        integers = np.random.RandomState(0).randint(0, 2, size=(200, 8))
    X, X_float = integers.astype(dtype), integers.astype(float)
    estimator = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0)
    labels = estimator.fit_predict(X)
    assert_array_equal(estimator.predict(X), labels)
    assert_array_equal(estimator.predict(X_float), labels)
    assert_array_equal(estimator.predict_proba(X), estimator.predict_proba(X_float))
    assert_array_equal(estimator.score_samples(X), estimator.score_samples(X_float))
    assert estimator.score(X) == estimator.score(X_float)
    assert estimator.bic(X) == estimator.bic(X_float)
    assert_array_equal(estimator.fit_predict(X_float), labels)


@every_covariance_type
@pytest.mark.parametrize(
    ("dtype", "offset", "rtol"),
    [(np.float64, 1e7, 1e-10), (np.float64, 1e8, 1e-10), (np.float32, 1e3, 1e-6), (np.float32, 1e4, 1e-6)],
)
def test_w2_an_offset_does_not_cancel_the_covariance(covariance_type, dtype, offset, rtol):
    # scikit-learn: variance 0.875 instead of 1.017 at 1e7, "ill-defined" at 1e8; in float32 at 1e3 and 1e4
    X = (np.random.RandomState(0).randn(1000, 2) + offset).astype(dtype)
    centred = X.astype(float) - offset  # exact: these are the rows as their dtype rounds them
    mean, covariance = centred.mean(axis=0), np.cov(centred.T, bias=True)
    estimator = GaussianMixtureEM(1, covariance_type=covariance_type, reg_covar=0).fit(X)
    expected = structured(covariance, covariance_type)
    ours = estimator.covariances_ if covariance_type == "tied" else estimator.covariances_[0]
    assert estimator.covariances_.dtype == dtype
    assert_allclose(ours, expected, rtol=rtol, atol=rtol)
    dense = oracles.dense_covariances([expected], "full", 1, 2) if np.ndim(expected) == 2 else expected * np.eye(2)
    score = oracles.objective(centred, [1.0], [mean], np.reshape(dense, (1, 2, 2)))
    assert_allclose(estimator.score(X), score, rtol=10 * rtol)


@every_covariance_type
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@few_rows_are_fine
def test_w2_two_points_far_apart_keep_the_regularisation(covariance_type, dtype):
    # scikit-learn issue 30382: [112.1, 0.1] instead of [0.1, 0.1]
    X = np.array([[9999.0], [0.0]], dtype=dtype)
    estimator = GaussianMixtureEM(2, covariance_type=covariance_type, reg_covar=0.1, random_state=0).fit(X)
    assert_allclose(np.sort(estimator.means_.ravel()), [0, 9999], atol=1e-3)
    assert_allclose(np.unique(np.round(estimator.covariances_.ravel(), 5)), 0.1, rtol=1e-5)


@every_covariance_type
def test_w3_precisions_init_without_iterations(covariance_type):
    # scikit-learn never sets covariances_
    X = np.random.RandomState(0).randn(100, 2)
    covariances = np.array([[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.3], [-0.3, 3.0]]])
    if covariance_type == "tied":
        covariances = covariances[[0, 0]]
    elif covariance_type == "diag":
        covariances = covariances * np.eye(2)
    elif covariance_type == "spherical":
        covariances = covariances[:, :1, :1] * np.eye(2)
    expected = oracles.compact_covariances(covariances, covariance_type)
    precisions = oracles.compact_covariances(oracles.inverse(covariances), covariance_type)
    estimator = GaussianMixtureEM(
        2, covariance_type=covariance_type, precisions_init=precisions, max_iter=0, random_state=0
    ).fit(X)
    assert_allclose(estimator.covariances_, expected, rtol=1e-12)
    assert_allclose(estimator.precisions_, precisions, rtol=1e-12)
    assert_allclose(
        estimator.score_samples(X),
        oracles.score_samples(X, estimator.weights_, estimator.means_, covariances),
        rtol=1e-10,
    )


@every_init
def test_w4_without_iterations_the_best_start_is_kept(init_params):
    # scikit-learn keeps the last one, at a bound of -inf
    X = np.random.RandomState(0).randn(1000, 2)  # enough for no start to have a component of two or three rows
    options = {"n_components": 3, "init_params": init_params, "max_iter": 0, "random_state": 0}
    one = GaussianMixtureEM(n_init=1, **options).fit(X)
    many = GaussianMixtureEM(n_init=10, **options).fit(X)
    assert many.n_iter_ == 0
    assert np.isfinite(one.lower_bound_)
    assert many.lower_bound_ >= one.lower_bound_
    # starts that differ by rounding are equal, and the first of them is kept
    assert_allclose(many.lower_bound_, max(start.objective for start in many.starts_), rtol=1e-5)


@every_init
def test_w4_starting_weights_are_normalised(init_params):
    # scikit-learn: they sum to K / N, and 996 of 1000 draws come from the last component
    X = np.random.RandomState(0).randn(100, 2)
    estimator = GaussianMixtureEM(3, init_params=init_params, max_iter=0, random_state=0).fit(X)
    assert_allclose(estimator.weights_.sum(), 1, rtol=1e-14)
    _, labels = estimator.sample(1000, random_state=0)
    shares = np.bincount(labels, minlength=3) / 1000
    assert_allclose(shares, estimator.weights_, atol=5 * np.sqrt(0.25 / 1000))  # five standard errors


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@every_covariance_type
@every_init
def test_w5_no_ghosts_at_the_origin(covariance_type, init_params):
    # scikit-learn puts components without rows at (0, 0), however far the data
    X = np.repeat([[100.0, 101.0], [103.0, 99.0], [98.0, 104.0]], 20, axis=0)
    estimator = GaussianMixtureEM(5, covariance_type=covariance_type, init_params=init_params, random_state=0).fit(X)
    assert np.all(estimator.means_ >= X.min(axis=0) - 1e-6)
    assert np.all(estimator.means_ <= X.max(axis=0) + 1e-6)
    assert np.all(np.isfinite(estimator.covariances_))
    assert np.all(estimator.weights_ >= 0)
    assert_allclose(estimator.weights_.sum(), 1, rtol=1e-12)


@every_init
def test_w6_tied_covariances_do_not_collapse_to_one_gaussian(init_params):
    # scikit-learn: all starts but k-means end at -8.782, the score of a single Gaussian, "converged", in 10 of 10 seeds
    X, labels = make_blobs(600, n_features=3, centers=5, random_state=3)
    single = oracles.objective(X, *oracles.m_step(X, np.ones((600, 1)), "tied"))
    truth = oracles.objective(X, *oracles.m_step(X, np.eye(5)[labels], "tied"))
    assert_allclose([single, truth], [-8.782, -5.837], atol=1e-3)
    scores = [
        GaussianMixtureEM(5, covariance_type="tied", init_params=init_params, random_state=seed).fit(X).score(X)
        for seed in range(10)
    ]
    assert min(scores) > single + 1
    if init_params == "kmeans":
        assert min(scores) >= truth - 1e-6


@pytest.mark.parametrize("seed", range(10))
def test_w7_elongated_clusters_are_found(seed):
    # two cigars, sd 20 x 0.3, 3 apart: scikit-learn's start is blind to scale, adjusted Rand index 0 in 10 of 10 seeds
    rng = np.random.RandomState(0)
    labels = np.repeat([0, 1], 300)
    X = rng.randn(600, 2) * [20, 0.3] + np.outer(labels, [0, 3])
    estimator = GaussianMixtureEM(2, random_state=seed).fit(X)
    assert adjusted_rand_score(labels, estimator.predict(X)) == 1
    truth = oracles.objective(X, *oracles.m_step(X, np.eye(2)[labels], "full"))
    assert estimator.score(X) >= truth - 1e-6


@every_covariance_type
@pytest.mark.parametrize("unit", [1e-3, 1e-4, 1e-8, 1e8])
def test_w8_units_do_not_matter(covariance_type, unit):
    # scikit-learn's reg_covar is absolute: 2.4 times the variance in units of 1e-3, 150 times in units of 1e-4
    X, labels = make_blobs(300, n_features=2, centers=[[0, 0], [10, 0], [0, 10]], random_state=0)
    estimator = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(X * unit)
    _, _, truth = oracles.m_step(X, np.eye(3)[labels], covariance_type)
    ours = oracles.dense_covariances(estimator.covariances_, covariance_type, 3, 2) / unit**2
    order = estimator.predict(X[[np.flatnonzero(labels == k)[0] for k in range(3)]] * unit)
    # these blobs do not overlap; the default regularisation is 1e-6 of the variance, which is 20 here
    assert_allclose(ours[order], truth, rtol=1e-4, atol=1e-4)
    assert_array_equal(estimator.predict(X * unit), order[labels])


def test_w9_criteria_accept_lists():
    X = np.random.RandomState(0).randn(50, 2)
    estimator = GaussianMixtureEM(2, random_state=0).fit(X)
    assert estimator.bic(X.tolist()) == estimator.bic(X)
    assert estimator.aic(X.tolist()) == estimator.aic(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n_init", [1, 10])
def test_w10_a_collapsing_start_does_not_kill_the_fit(seed, n_init):
    # six distinct points, five times each, no regularisation: a component of two points collapses.
    # scikit-learn failed in 55 of 60 fits with n_init=1 and in 30 of 30 with n_init=10: more starts, more failures
    X = np.repeat(np.random.RandomState(0).randn(6, 2), 5, axis=0)
    estimator = GaussianMixtureEM(3, reg_covar=0, init_params="random", n_init=n_init, random_state=seed).fit(X)
    assert np.isfinite(estimator.lower_bound_)
    assert np.all(np.linalg.eigvalsh(estimator.covariances_) > 0)
    assert np.all(np.isfinite(estimator.score_samples(X)))
    assert len(estimator.starts_) == n_init


@pytest.mark.parametrize(
    ("change", "name"), [({"n_components": 3}, "n_components"), ({"n_features": 3}, "n_features")], ids=lambda v: str(v)
)
def test_w11_warm_start_refuses_another_shape(change, name):
    # scikit-learn ignores the new n_components, and fails in a matrix product on another number of features
    rng = np.random.RandomState(0)
    estimator = GaussianMixtureEM(2, warm_start=True, random_state=0).fit(rng.randn(60, 2))
    estimator.set_params(n_components=change.get("n_components", 2))
    with pytest.raises(ValueError, match="warm_start") as error:
        estimator.fit(rng.randn(60, change.get("n_features", 2)))
    assert name in str(error.value)


def test_w12_fit_leaves_the_parameters_alone():
    # scikit-learn replaces lists by arrays
    X = np.random.RandomState(0).randn(60, 2)
    params = {
        "weights_init": [0.5, 0.5],
        "means_init": [[-1, 0], [1, 0]],
        "precisions_init": [[[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 2.0]]],
    }
    copies = {name: np.array(value).tolist() for name, value in params.items()}
    estimator = GaussianMixtureEM(2, **params).fit(X)
    for name, value in params.items():
        assert getattr(estimator, name) is value
        assert value == copies[name]


def test_w12_fit_does_not_write_into_the_arrays_it_is_given():
    X = np.random.RandomState(0).randn(60, 2)
    params = {"weights_init": np.full(2, 0.5), "means_init": X[:2].copy(), "precisions_init": np.stack([np.eye(2)] * 2)}
    copies = {name: value.copy() for name, value in params.items()}
    for value in params.values():
        value.flags.writeable = False
    estimator = GaussianMixtureEM(2, **params).fit(X)
    for name, value in copies.items():
        assert_array_equal(getattr(estimator, name), value)


def test_w13_message_about_weights():
    # max and min are swapped in scikit-learn's text, and its own tests pin that: one text for both packages
    message = "The parameter 'weights' should be in the range [0, 1], but got max value -0.50000, min value 1.50000"
    with pytest.raises(ValueError, match=re.escape(message)):
        GaussianMixtureEM(2, weights_init=[1.5, -0.5]).fit(np.random.RandomState(0).randn(20, 2))


@pytest.mark.parametrize("n_samples", [0, -3])
def test_w13_message_about_n_samples(n_samples):
    # scikit-learn prints n_components where the number asked for belongs
    estimator = GaussianMixtureEM(5, random_state=0).fit(np.random.RandomState(0).randn(50, 2))
    with pytest.raises(ValueError, match="Invalid value for 'n_samples'") as error:
        estimator.sample(n_samples)
    assert str(n_samples) in str(error.value)
    assert "n_components" not in str(error.value)
