"""GaussianMixtureEM among scikit-learn's tools: pipelines, searches, data frames, copies, routed weights, samples."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_em import GaussianMixtureEM

COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]
IRIS = load_iris().data
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
WEIGHTS = np.random.RandomState(0).uniform(0.5, 2, size=len(IRIS))

every_covariance_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def assert_same_model(one, other, X, X_other=None):
    """Bit-equal parameters and predictions."""
    X_other = X if X_other is None else X_other
    for name in ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_", "lower_bounds_"]:
        assert_array_equal(getattr(one, name), getattr(other, name))
    for method in ["predict", "predict_proba", "score_samples", "log_joint"]:
        assert_array_equal(getattr(one, method)(X), getattr(other, method)(X_other))


def test_pipeline_is_fit_on_scaled_data():
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(3, random_state=0)).fit(IRIS)
    scaled = StandardScaler().fit_transform(IRIS)
    alone = GaussianMixtureEM(3, random_state=0).fit(scaled)
    assert_array_equal(pipeline.predict(IRIS), alone.predict(scaled))
    assert_array_equal(pipeline.predict_proba(IRIS), alone.predict_proba(scaled))
    assert_array_equal(pipeline.score_samples(IRIS), alone.score_samples(scaled))
    assert pipeline.score(IRIS) == alone.score(scaled)
    assert_array_equal(pipeline.fit_predict(IRIS), alone.predict(scaled))


def test_grid_search_maximises_the_held_out_score():
    grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "spherical"]}
    cv = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(GaussianMixtureEM(random_state=0), grid, cv=cv).fit(IRIS)
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        estimator = GaussianMixtureEM(random_state=0, **params)
        assert score == np.mean([estimator.fit(IRIS[train]).score(IRIS[test]) for train, test in cv.split(IRIS)])
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert search.best_params_["covariance_type"] == "full"  # iris' clusters are elongated
    assert search.score(IRIS) == GaussianMixtureEM(random_state=0, **search.best_params_).fit(IRIS).score(IRIS)


def test_grid_search_in_threads():
    # every fit limits the threads of the linear algebra library, which are global
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(random_state=0))
    grid = {"gaussianmixtureem__n_components": [1, 2, 3]}
    alone = GridSearchCV(pipeline, grid, cv=3).fit(IRIS)
    with joblib.parallel_config(backend="threading", n_jobs=4):
        threaded = GridSearchCV(pipeline, grid, cv=3).fit(IRIS)
    assert_array_equal(threaded.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


def test_cross_val_score_ignores_y():
    estimator, y = GaussianMixtureEM(2, random_state=0), np.arange(len(IRIS)) % 2
    cv = KFold(3)
    assert_array_equal(cross_val_score(estimator, IRIS, y, cv=cv), cross_val_score(estimator, IRIS, cv=cv))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_data_frames(frame):
    X = frame(dict(zip(NAMES, IRIS.T, strict=True)))
    estimator = GaussianMixtureEM(3, random_state=0).fit(X)
    assert_array_equal(estimator.feature_names_in_, NAMES)
    assert estimator.n_features_in_ == 4
    assert_same_model(estimator, GaussianMixtureEM(3, random_state=0).fit(IRIS), X, IRIS)
    assert_array_equal(estimator.predict(X), estimator.fit_predict(X))
    assert estimator.bic(X) == GaussianMixtureEM(3, random_state=0).fit(IRIS).bic(IRIS)
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(frame(dict(zip(NAMES[::-1], IRIS.T, strict=True))))


@pytest.mark.parametrize("series", [pd.Series, pl.Series, list], ids=["pandas", "polars", "list"])
def test_sample_weight_containers(series):
    plain = GaussianMixtureEM(3, random_state=0).fit(IRIS, sample_weight=WEIGHTS)
    estimator = GaussianMixtureEM(3, random_state=0).fit(IRIS, sample_weight=series(WEIGHTS))
    assert_same_model(estimator, plain, IRIS)
    assert estimator.score(IRIS, sample_weight=series(WEIGHTS)) == plain.score(IRIS, sample_weight=WEIGHTS)
    assert estimator.bic(IRIS, sample_weight=series(WEIGHTS)) == plain.bic(IRIS, sample_weight=WEIGHTS)


def test_no_feature_names_without_a_frame():
    assert not hasattr(GaussianMixtureEM(2, random_state=0).fit(IRIS), "feature_names_in_")


@every_covariance_type
def test_clone_fits_alike(covariance_type):
    estimator = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0, tol=1e-4, n_init=2, n_jobs=1)
    copy = clone(estimator.fit(IRIS))
    assert copy.get_params() == estimator.get_params()
    assert not hasattr(copy, "means_")
    assert_same_model(copy.fit(IRIS), estimator, IRIS)


@every_covariance_type
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pickle_round_trip(covariance_type, dtype):
    X = IRIS.astype(dtype)
    estimator = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(X)
    copy = pickle.loads(pickle.dumps(estimator))
    assert_same_model(copy, estimator, X)
    assert copy.status_ == estimator.status_
    assert_array_equal(copy.sample(20, random_state=0)[0], estimator.sample(20, random_state=0)[0])


def test_unfitted_and_warm_estimators_survive_pickling():
    assert_same_model(
        pickle.loads(pickle.dumps(GaussianMixtureEM(3, random_state=0))).fit(IRIS),
        GaussianMixtureEM(3, random_state=0).fit(IRIS),
        IRIS,
    )
    warm = GaussianMixtureEM(3, random_state=0, warm_start=True).fit(IRIS)
    assert_same_model(pickle.loads(pickle.dumps(warm)).fit(IRIS), warm.fit(IRIS), IRIS)


@every_covariance_type
@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_joblib_round_trip(covariance_type, mmap_mode, tmp_path):
    estimator = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(IRIS)
    joblib.dump(estimator, tmp_path / "model.joblib")
    copy = joblib.load(tmp_path / "model.joblib", mmap_mode=mmap_mode)
    assert_same_model(copy, estimator, IRIS)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_set_output_is_harmless(output):
    X = pd.DataFrame(IRIS, columns=NAMES)
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(3, random_state=0))
    expected = clone(pipeline).fit(IRIS)
    with sklearn.config_context(transform_output=output):
        pipeline.fit(X)
        labels, proba = pipeline.predict(X), pipeline.predict_proba(X)
    assert_array_equal(pipeline[-1].feature_names_in_, NAMES)
    assert isinstance(labels, np.ndarray)
    assert isinstance(proba, np.ndarray)
    assert_array_equal(labels, expected.predict(IRIS))
    # the scaler sums the columns of a frame in another order
    assert_allclose(proba, expected.predict_proba(IRIS), rtol=1e-8, atol=1e-12)


def test_weights_by_step_name():
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(3, random_state=0))
    pipeline.fit(IRIS, gaussianmixtureem__sample_weight=WEIGHTS)
    scaled = StandardScaler().fit_transform(IRIS)
    expected = GaussianMixtureEM(3, random_state=0).fit(scaled, sample_weight=WEIGHTS)
    assert_same_model(pipeline[-1], expected, scaled)


def test_weights_routed_through_a_pipeline():
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            GaussianMixtureEM(3, random_state=0)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=True),
        )
        pipeline.fit(IRIS, sample_weight=WEIGHTS)
        score = pipeline.score(IRIS, sample_weight=WEIGHTS)
    scaled = StandardScaler().fit_transform(IRIS)
    expected = GaussianMixtureEM(3, random_state=0).fit(scaled, sample_weight=WEIGHTS)
    assert_same_model(pipeline[-1], expected, scaled)
    assert score == expected.score(scaled, sample_weight=WEIGHTS)


def test_weights_routed_through_a_search():
    cv = KFold(3, shuffle=True, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = (
            GaussianMixtureEM(random_state=0).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        search = GridSearchCV(estimator, {"n_components": [1, 2]}, cv=cv).fit(IRIS, sample_weight=WEIGHTS)
    for n_components, score in zip([1, 2], search.cv_results_["mean_test_score"], strict=True):
        expected = [
            GaussianMixtureEM(n_components, random_state=0)
            .fit(IRIS[train], sample_weight=WEIGHTS[train])
            .score(IRIS[test], sample_weight=WEIGHTS[test])
            for train, test in cv.split(IRIS)
        ]
        assert_allclose(score, np.mean(expected), rtol=1e-14)


def test_weights_that_were_not_requested_are_refused():
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(2, random_state=0))
        with pytest.raises(ValueError, match="sample_weight"):
            pipeline.fit(IRIS, sample_weight=WEIGHTS)


@every_covariance_type
@pytest.mark.parametrize("n_init", [1, 3])
def test_fit_predict_is_fit_then_predict(covariance_type, n_init):
    estimator = GaussianMixtureEM(3, covariance_type=covariance_type, n_init=n_init, random_state=0)
    labels = estimator.fit_predict(IRIS, sample_weight=WEIGHTS)
    assert_array_equal(labels, estimator.predict(IRIS))
    assert_array_equal(labels, clone(estimator).fit(IRIS, sample_weight=WEIGHTS).predict(IRIS))
    assert_array_equal(labels, estimator.predict_proba(IRIS).argmax(axis=1))


@every_covariance_type
def test_sample_has_the_moments_of_the_model(covariance_type):
    estimator = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(IRIS)
    n_samples = 100_000
    X, labels = estimator.sample(n_samples, random_state=0)
    assert X.shape == (n_samples, 4)
    assert labels.shape == (n_samples,)
    expected = {
        "full": lambda k: estimator.covariances_[k],
        "tied": lambda k: estimator.covariances_,
        "diag": lambda k: np.diag(estimator.covariances_[k]),
        "spherical": lambda k: estimator.covariances_[k] * np.eye(4),
    }[covariance_type]
    for k in range(3):
        ours, weight, covariance = X[labels == k], estimator.weights_[k], expected(k)
        sd = np.sqrt(np.diag(covariance))
        # within five standard errors of each moment
        assert_allclose(len(ours) / n_samples, weight, atol=5 * np.sqrt(weight * (1 - weight) / n_samples))
        assert np.all(np.abs(ours.mean(axis=0) - estimator.means_[k]) < 5 * sd / np.sqrt(len(ours)))
        error = np.abs(np.cov(ours.T, bias=True) - covariance) / np.outer(sd, sd)
        assert np.all(error < 5 * np.sqrt(2 / len(ours)))


def test_sample_is_shuffled():
    # scikit-learn's rows come sorted by component
    _, labels = GaussianMixtureEM(3, random_state=0).fit(IRIS).sample(300, random_state=0)
    changes = np.count_nonzero(np.diff(labels))
    p = np.bincount(labels, minlength=3) / 300
    # a random order changes component in a share 1 - sum p^2 of the steps
    assert changes > 0.7 * 299 * (1 - np.sum(p**2))


def test_sample_draws_afresh_unless_it_is_seeded():
    # scikit-learn repeats the same rows in every call when random_state is an integer
    estimator = GaussianMixtureEM(3, random_state=0).fit(IRIS)
    assert not np.array_equal(estimator.sample(10)[0], estimator.sample(10)[0])
    (X, labels), (X_again, labels_again) = (estimator.sample(10, random_state=7) for _ in range(2))
    assert_array_equal(X, X_again)
    assert_array_equal(labels, labels_again)
    assert not np.array_equal(X, estimator.sample(10, random_state=8)[0])


def test_sample_accepts_a_generator_of_random_numbers():
    estimator = GaussianMixtureEM(3, random_state=0).fit(IRIS)
    rng = np.random.RandomState(7)
    first, second = estimator.sample(10, random_state=rng)[0], estimator.sample(10, random_state=rng)[0]
    assert_array_equal(first, estimator.sample(10, random_state=np.random.RandomState(7))[0])
    assert not np.array_equal(first, second)


def test_sample_does_not_change_predictions():
    estimator = GaussianMixtureEM(3, random_state=0).fit(IRIS)
    before = estimator.predict_proba(IRIS)
    estimator.sample(10)
    assert_array_equal(estimator.predict_proba(IRIS), before)
    assert estimator.random_state == 0
