"""Wrong input: every message once, and nothing half-changed."""

import re
import sys
import warnings

import numpy as np
import pytest
import sklearn
from conftest import few_rows_are_fine, mixture_rows
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sklearn_em import GaussianMixtureEM, TraceCallback

X, _ = mixture_rows(60, 2, 2)


def with_cell(value):
    rows = X.copy()
    rows[3, 1] = value
    return rows


WRONG_ROWS = {
    "inf": (with_cell(np.inf), "Input X contains infinity"),
    "empty": (np.empty((0, 2)), "Found array with 0 sample"),
    "no features": (np.empty((5, 0)), "0 feature"),
    "1-D": (X[:, 0], "Expected 2D array, got 1D array instead"),
    "3-D": (X[None], "Found array with dim 3"),
    "strings": ([["a", "b"], ["c", "d"]], "could not convert string to float"),
    "complex": (X * 1j, "Complex data not supported"),
    "too few rows": (X[:1], "Expected n_samples >= n_components but got n_components = 2, n_samples = 1."),
}

WRONG_WEIGHTS = {
    "negative": (np.r_[-0.5, np.ones(59)], "sample_weight[0] is -0.5; weights must be 0"),
    "all zero": (np.zeros(60), "sample_weight is zero for every row; at least one weight must be positive."),
    "short": (np.ones(59), "sample_weight has shape (59,); it must have one weight for each of the 60 samples"),
    "2-D": (np.ones((60, 1)), "sample_weight has shape (60, 1)"),
    "nan": (np.r_[np.nan, np.ones(59)], "Input sample_weight contains NaN"),
    "too few": (np.r_[1.0, np.zeros(59)], "n_samples = 1 of positive sample_weight."),
}

WRONG_PARAMETERS = {
    "weights shape": ({"weights_init": [1.0]}, "The parameter 'weights' should have the shape of (2,), but got (1,)"),
    "weights range": ({"weights_init": [1.5, -0.5]}, "The parameter 'weights' should be in the range [0, 1]"),
    "weights sum": ({"weights_init": [0.5, 0.1]}, "should be normalized, but got sum(weights) = 0.60000"),
    "weights nan": ({"weights_init": [np.nan, 0.1]}, "Input weights_init contains NaN"),
    "means shape": ({"means_init": [[0.0, 0.0]]}, "The parameter 'means' should have the shape of (2, 2), but got"),
    "means inf": ({"means_init": [[0.0, 0.0], [np.inf, 0]]}, "Input means_init contains infinity"),
    "precisions shape": ({"precisions_init": np.eye(2)}, "The parameter 'full precision' should have the shape of"),
    "precisions sign": (
        {"precisions_init": [np.eye(2), -np.eye(2)]},
        "'full precision' should be symmetric, positive-definite; mend precisions_init.",
    ),
    "precisions symmetry": (
        {"precisions_init": [np.eye(2), [[1, 0.5], [0, 1]]]},
        "'full precision' should be symmetric, positive-definite",
    ),
    "diag precisions": (
        {"precisions_init": [[1, 1], [1, 0]], "covariance_type": "diag"},
        "'diag precision' should be positive; mend precisions_init.",
    ),
    "structure": ({"covariance_type": "round"}, "The 'covariance_type' parameter of GaussianMixtureEM must be a str"),
    "init": ({"init_params": "kmeans++"}, "The 'init_params' parameter of GaussianMixtureEM must be a str among"),
    "reg_covar": ({"reg_covar": "some"}, "The 'reg_covar' parameter of GaussianMixtureEM must be"),
    "n_jobs": ({"n_jobs": 0}, "The 'n_jobs' parameter of GaussianMixtureEM must be"),
    "tol": ({"tol": -1.0}, "The 'tol' parameter of GaussianMixtureEM must be a float in the range [0.0, inf)"),
    "degenerate": (
        {"reg_covar": 0, "covariance_type": "full", "n_components": 60},
        "Fitting the mixture model failed because some components have ill-defined empirical covariance",
    ),
}


def assert_leaves_no_trace(estimator, call, message):
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=re.escape(message)):
        call(estimator)
    after = vars(estimator)
    assert after.keys() == before.keys()
    for name, value in before.items():
        assert after[name] is value


@pytest.mark.parametrize(("rows", "message"), WRONG_ROWS.values(), ids=WRONG_ROWS)
@pytest.mark.parametrize("fitted", [False, True])
def test_wrong_rows(rows, message, fitted):
    estimator = GaussianMixtureEM(2, random_state=0)
    if fitted:
        estimator.fit(np.hstack([X, X**2]))
    assert_leaves_no_trace(estimator, lambda e: e.fit(rows), message)


@pytest.mark.parametrize(("weight", "message"), WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
def test_wrong_weights(weight, message):
    assert_leaves_no_trace(GaussianMixtureEM(2), lambda e: e.fit(X, sample_weight=weight), message)
    if "of positive" not in message:
        fitted = GaussianMixtureEM(2, random_state=0).fit(X)
        for method in (fitted.score, fitted.aic, fitted.bic):
            with pytest.raises(ValueError, match=re.escape(message)):
                method(X, sample_weight=weight)


@pytest.mark.parametrize(("parameters", "message"), WRONG_PARAMETERS.values(), ids=WRONG_PARAMETERS)
def test_wrong_parameters(parameters, message):
    rows = np.zeros((60, 2)) if "ill-defined" in message else X
    estimator = GaussianMixtureEM(**{"n_components": 2, **parameters})
    assert_leaves_no_trace(estimator, lambda e: e.fit(rows), message)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score_samples", "score", "bic", "aic", "log_joint"])
def test_prediction_before_fit_and_of_another_width(method):
    with pytest.raises(NotFittedError, match="This GaussianMixtureEM instance is not fitted yet"):
        getattr(GaussianMixtureEM(2), method)(X)
    with pytest.raises(ValueError, match="X has 1 features, but GaussianMixtureEM is expecting 2 features"):
        getattr(GaussianMixtureEM(2, random_state=0).fit(X), method)(X[:, :1])


@pytest.mark.parametrize("n_samples", [0, -3, 1.5])
def test_wrong_number_of_draws(n_samples):
    with pytest.raises(ValueError, match=re.escape(f"Invalid value for 'n_samples': {n_samples!r}")):
        GaussianMixtureEM(2, random_state=0).fit(X).sample(n_samples)


def test_warm_start_of_another_shape():
    estimator = GaussianMixtureEM(2, warm_start=True, random_state=0).fit(X)
    message = "warm_start=True goes on from the last fit, whose means have shape (2, 2)"
    assert_leaves_no_trace(estimator.set_params(n_components=3), lambda e: e.fit(X), message)
    assert_leaves_no_trace(estimator.set_params(n_components=2), lambda e: e.fit(X[:, :1]), message)
    assert_leaves_no_trace(estimator.set_params(covariance_type="tied"), lambda e: e.fit(X), message)


def test_unfinished_fit_warns_with_the_sentence_of_its_status():
    with pytest.warns(
        ConvergenceWarning, match="did not converge. Try different init parameters, or increase max_iter"
    ):
        estimator = GaussianMixtureEM(3, max_iter=1, random_state=0).fit(X)
    assert not estimator.converged_
    assert estimator.status_.name == "MAX_ITER"


@few_rows_are_fine
def test_components_without_rows_are_named():
    rows = np.repeat([[100.0, 100.0], [101.0, 100.0], [100.0, 102.0]], 5, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"Components \[3, 4\] were left without rows and have weight 0"):
        estimator = GaussianMixtureEM(5, random_state=0).fit(rows)
    assert_array_equal(estimator.weights_ > 0, [True, True, True, False, False])
    assert_array_equal(estimator.predict_proba(rows)[:, 3:], 0)
    assert_array_equal(estimator.log_joint(rows)[:, 3:], -np.inf)
    assert set(estimator.sample(100)[1]) == {0, 1, 2}


@few_rows_are_fine
def test_collapse_in_mid_run_keeps_the_last_valid_parameters():
    rows = np.vstack([X, [[50.0, 50.0]]])
    start = {"means_init": [[0.0, 0.0], [50.0, 50.0]], "precisions_init": [np.eye(2), np.eye(2)]}
    with pytest.warns(ConvergenceWarning, match="a component collapsed onto too few distinct rows"):
        estimator = GaussianMixtureEM(2, reg_covar=0, weights_init=[0.5, 0.5], **start).fit(rows)
    assert estimator.status_.name == "DEGENERATE"
    assert np.isfinite(estimator.score(rows))
    assert estimator.starts_[0].status is estimator.status_


def fit_without_regularisation(values, n_components, **options):
    rows = np.repeat(values, 4)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixtureEM(
            n_components, reg_covar=0, n_init=20, init_params="random", random_state=0, **options
        ).fit(rows)


def test_collapsed_starts_are_recorded_and_not_chosen():
    """A component that takes the far value alone is singular; one that takes all values is not."""
    estimator = fit_without_regularisation([0.0, 0.1, 0.2, 100.0], 2, max_iter=7)
    ends = [record.status.name for record in estimator.starts_]
    assert "DEGENERATE" in ends
    assert estimator.status_.name != "DEGENERATE"
    assert all(record.reason == str(record.status) for record in estimator.starts_)


def test_failed_starts_are_recorded_and_survived():
    """Two values in two cells leave no scatter at all to start from; both in one cell do."""
    estimator = fit_without_regularisation([0.0, 1.0], 2, max_iter=7)
    failed = [record for record in estimator.starts_ if record.status is None]
    assert 0 < len(failed) < 20
    assert all("ill-defined" in record.reason and record.objective == -np.inf for record in failed)
    assert np.isfinite(estimator.lower_bound_)


def test_callbacks_need_a_scikit_learn_that_has_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    sentence = f"needs scikit-learn 1.9 or later, but {sklearn.__version__} is installed; update it, or set verbose=1"
    with pytest.raises(AttributeError, match=f"set_callbacks {re.escape(sentence)}"):
        GaussianMixtureEM().set_callbacks("progress")
    with pytest.raises(ImportError, match=f"TraceCallback {re.escape(sentence)}"):
        TraceCallback()
    assert not hasattr(GaussianMixtureEM(), "_set_callbacks")
