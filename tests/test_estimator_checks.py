"""scikit-learn's estimator checks: every covariance type with one, two and three components; every kind of start."""

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimators_partial_fit_n_features,
    check_non_transformer_estimators_n_iter,
    check_param_validation,
    parametrize_with_checks,
)

from sklearn_em import GaussianMixtureEM

ESTIMATORS = [
    GaussianMixtureEM(n_components, covariance_type=covariance_type)
    for n_components in [1, 2, 3]
    for covariance_type in ["full", "tied", "diag", "spherical"]
] + [
    GaussianMixtureEM(2, covariance_type="full", init_params="k-means++"),
    GaussianMixtureEM(3, covariance_type="tied", init_params="random_from_data"),
    GaussianMixtureEM(2, covariance_type="diag", init_params="random", n_init=2),
]

# the checks stop after a few iterations
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks([one for one in ESTIMATORS if one.n_components == 2])
def test_estimator_checks(estimator, check, monkeypatch):
    # without it scikit-learn skips the check that array API dispatch leaves NumPy input alone
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([one for one in ESTIMATORS if one.n_components != 2])
def test_more_estimator_checks(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@pytest.mark.parametrize(
    "check",
    # scikit-learn runs these on its own estimators, or on clusterers, only
    [
        check_param_validation,
        check_dataframe_column_names_consistency,
        check_estimators_partial_fit_n_features,
        check_non_transformer_estimators_n_iter,
    ],
)
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_checks_that_are_not_run_on_third_parties(check, covariance_type):
    check("GaussianMixtureEM", GaussianMixtureEM(2, covariance_type=covariance_type))
