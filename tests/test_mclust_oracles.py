"""R's mclust as an oracle: one-step EM, converged fits, densities, weights; and figures known to 40 digits.

`tests/data/README.md` says where the figures are from. Structures have mclust's names here; `COVARIANCE_TYPES` says
which covariance_type each of them is. With one feature mclust knows E (common variance) and V (own variance) only.
"""

import json
from pathlib import Path

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose

from sklearn_em import GaussianMixtureEM

DATA = Path(__file__).parent / "data"
COVARIANCE_TYPES = {
    "VII": ["spherical"],
    "EEE": ["tied"],
    "VVI": ["diag"],
    "VVV": ["full"],
    "E": ["tied"],
    "V": ["full", "diag", "spherical"],
}
# structures that only the oracle knows so far: R checks it all the same
ORACLE_TYPES = {**COVARIANCE_TYPES, "EII": ["EII"], "EEI": ["EEI"]}


def read(name):
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def rows(dataset):
    name, _, column = dataset.partition("_")
    X = np.loadtxt(DATA / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2)
    return X[:, [["eruptions", "waiting"].index(column)]] if column else X


def params_of(record, covariance_type):
    """(weights, means, dense covariances) of a record; its sigma is as compact as the structure allows."""
    weights, means = np.array(record["pro"]), np.array(record["mean"])
    sigma = np.array(record["sigma"])
    if covariance_type in {"diag", "spherical"} and sigma.ndim == 3:  # V holds (G, 1, 1) matrices
        sigma = sigma[:, :, 0] if covariance_type == "diag" else sigma[:, 0, 0]
    covariances = oracles.dense_covariances(sigma, covariance_type, *means.shape)
    return weights / weights.sum(), means, covariances


def start_at(params, covariance_type, **options):
    """An estimator that starts at these parameters, without regularisation."""
    weights, means, covariances = params
    return GaussianMixtureEM(
        len(weights),
        covariance_type=covariance_type,
        reg_covar=0,
        weights_init=weights,
        means_init=means,
        precisions_init=oracles.compact_covariances(oracles.inverse(covariances), covariance_type),
        **options,
    )


def published(estimator):
    """(weights, means, dense covariances) of a fitted estimator."""
    shape = estimator.means_.shape
    covariances = oracles.dense_covariances(estimator.covariances_, estimator.covariance_type, *shape)
    return estimator.weights_, estimator.means_, covariances


def cases(records, types=COVARIANCE_TYPES):
    """One pytest case per record and covariance_type, named so that a failure says which."""
    return [
        pytest.param(
            record, covariance_type, id=f"{record['dataset']}-{record['model']}-{record['G']}{suffix}-{covariance_type}"
        )
        for record in records
        for covariance_type in types.get(record["model"], [])
        for suffix in ["-" + record["z_kind"] if "z_kind" in record else ""]
    ]


def one_step_records():
    for case in read("mclust_onestep.json"):
        for model, result in case.pop("models").items():
            yield {**case, **result, "model": model}


def responsibilities_of(record):
    if "z" in record:
        return np.array(record["z"])
    labels = np.array(list(record["z_labels"]), dtype=int)
    return np.where(labels[:, np.newaxis] == np.arange(record["G"]), record["z_on"], record["z_off"])


def start_of_iris(covariance_type):
    """The record that starts three components on iris."""
    (record,) = (
        record
        for record in ONE_STEP
        if (record["dataset"], record["G"], record["z_kind"]) == ("iris", 3, "soft_hc")
        and covariance_type in COVARIANCE_TYPES.get(record["model"], [])
    )
    return record


ONE_STEP = list(one_step_records())
GRID = read("mclust_grid.json")
WEIGHTED = read("mclust_weighted.json")
DENSITY = read("mclust_density.json")
HIGH_PRECISION = read("high_precision.json")

exactly_max_iter = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # tol=0 never converges


@pytest.mark.parametrize(("record", "covariance_type"), cases(ONE_STEP, ORACLE_TYPES))
def test_textbook_m_step_is_that_of_r(record, covariance_type):
    X, resp = rows(record["dataset"]), responsibilities_of(record)
    expected = params_of(record, covariance_type)
    for ours, theirs in zip(oracles.m_step(X, resp, covariance_type), expected, strict=True):
        # off-diagonal elements may be sums that cancel, so they are judged against the size of the matrix
        assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13 * np.abs(theirs).max())
    assert_allclose(oracles.log_likelihood(X, *expected), record["loglik"][0], rtol=1e-12)


@exactly_max_iter
@pytest.mark.parametrize(("record", "covariance_type"), cases(ONE_STEP))
def test_trace_of_log_likelihoods(record, covariance_type):
    X = rows(record["dataset"])
    # R counts M-steps and starts with one; ours starts after it
    passes = np.array(record["k"]) - 1
    params = params_of(record, covariance_type)
    estimator = start_at(params, covariance_type, tol=0, max_iter=passes[-1]).fit(X)
    assert estimator.n_iter_ == passes[-1]
    assert_allclose(len(X) * np.array(estimator.lower_bounds_)[passes], record["loglik"], rtol=1e-12)


@exactly_max_iter
@pytest.mark.parametrize(("record", "covariance_type"), cases(ONE_STEP))
def test_parameters_after_one_step(record, covariance_type):
    X, start = rows(record["dataset"]), params_of(record, covariance_type)
    estimator = start_at(start, covariance_type, tol=0, max_iter=1).fit(X)
    expected = oracles.em_step(X, *start, covariance_type)
    for ours, theirs in zip(published(estimator), expected, strict=True):
        assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12 * np.abs(theirs).max())


@exactly_max_iter
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_blurred_and_weighted_steps(covariance_type):
    # what R does not have: regularisation, and weights that are not whole numbers
    record = start_of_iris(covariance_type)
    X, params, reg_covar = rows("iris"), params_of(record, covariance_type), 0.05
    sample_weight, blur = np.random.RandomState(0).uniform(0.1, 2, size=len(X)), reg_covar * np.eye(4)
    estimator = start_at(params, covariance_type, tol=0, max_iter=3).set_params(reg_covar=reg_covar)
    estimator.fit(X, sample_weight=sample_weight)
    objectives = [oracles.objective(X, *params, sample_weight, blur)]
    for _ in range(3):
        params = oracles.em_step(X, *params, covariance_type, sample_weight, blur)
        objectives.append(oracles.objective(X, *params, sample_weight, blur))
    assert_allclose(estimator.lower_bounds_, objectives, rtol=1e-12)
    assert np.all(np.diff(objectives) > 0)
    for ours, theirs in zip(published(estimator), params, strict=True):
        assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    log_likelihood = oracles.log_likelihood(X, *params, sample_weight)
    assert_allclose(estimator.score(X, sample_weight=sample_weight), log_likelihood / sample_weight.sum(), rtol=1e-12)


@pytest.mark.parametrize(("record", "covariance_type"), cases(GRID))
def test_criteria_at_given_parameters(record, covariance_type):
    X = rows(record["dataset"])
    estimator = start_at(params_of(record, covariance_type), covariance_type, max_iter=0).fit(X)
    assert_allclose(len(X) * estimator.lower_bound_, record["loglik"], rtol=1e-11)
    assert_allclose(len(X) * estimator.score(X), record["loglik"], rtol=1e-11)
    assert_allclose(estimator.bic(X), -record["bic"], rtol=1e-11)  # mclust's BIC has the other sign
    assert_allclose(estimator.aic(X), 2 * record["df"] - 2 * record["loglik"], rtol=1e-11)


# the slow fits are made once, so V as "full" only
@pytest.mark.parametrize(("record", "covariance_type"), cases(GRID, {**COVARIANCE_TYPES, "V": ["full"]}))
def test_converged_log_likelihood(record, covariance_type):
    # From where mclust's default tolerance stops to where EM ends: up to 4,000 passes and 17 nats. R's own stop leaves
    # about 1e-8; both must end in the same optimum. None of these fits is degenerate.
    X = rows(record["dataset"])
    start = params_of(record, covariance_type)
    estimator = start_at(start, covariance_type, tol=1e-12, max_iter=20_000).fit(X)
    assert estimator.converged_
    assert_allclose(len(X) * estimator.lower_bound_, record["loglik_tight"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "record", HIGH_PRECISION["mixture_loglik"], ids=lambda r: f"{r['dataset']}-{r['model']}-{r['G']}"
)
def test_log_likelihood_of_40_digits(record):
    X = rows(record["dataset"])
    weights, means, covariances = (np.array(record["params"][name]) for name in ["pro", "mean", "sigma"])
    estimator = start_at((weights / weights.sum(), means, covariances), "full", max_iter=0).fit(X)
    assert_allclose(len(X) * estimator.lower_bound_, float(record["loglik_40_digits"]), rtol=1e-13)
    assert_allclose(len(X) * estimator.score(X), float(record["loglik_40_digits"]), rtol=1e-13)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("record", HIGH_PRECISION["mstep_offset_exact"], ids=lambda r: f"offset={r['offset']:g}")
def test_exact_m_step_far_from_the_origin(record, covariance_type):
    # One component fitted with weights z[:, k] is the M-step of component k. The expected figures are the moments of
    # the rows as float64 rounds them, in exact rational arithmetic.
    X = rows("iris") + record["offset"]
    (resp,) = (
        responsibilities_of(case)
        for case in read("mclust_onestep.json")
        if (case["dataset"], case["G"], case["z_kind"]) == ("iris", 3, "soft_random")
    )
    for k, component in enumerate(record["components"]):
        estimator = GaussianMixtureEM(1, covariance_type=covariance_type, reg_covar=0)
        estimator.fit(X, sample_weight=resp[:, k])
        # means_ includes the offset, so it is right to half a unit in its last place
        atol = 1e-12 + np.spacing(record["offset"])
        assert_allclose(estimator.means_[0] - record["offset"], component["mean_minus_offset"], rtol=0, atol=atol)
        exact = np.array(component["covariance"])
        expected = {
            "full": [exact],
            "tied": exact,
            "diag": [np.diag(exact)],
            "spherical": [np.trace(exact) / len(exact)],
        }
        assert_allclose(estimator.covariances_, expected[covariance_type], rtol=1e-10)


@exactly_max_iter
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("offset", [1e3, 1e6, 1e8, 1e10, 1e12])
def test_em_step_of_three_components_far_from_the_origin(covariance_type, offset):
    weights, means, covariances = params_of(start_of_iris(covariance_type), covariance_type)
    X, means = rows("iris") + offset, means + offset
    estimator = start_at((weights, means, covariances), covariance_type, tol=0, max_iter=1).fit(X)
    # subtracting the offset is exact, so the oracle sees the same rounded rows, only near the origin
    X, means = X - offset, means - offset
    expected_weights, expected_means, expected_covariances = oracles.em_step(
        X, weights, means, covariances, covariance_type
    )
    assert_allclose(estimator.lower_bounds_[0], oracles.objective(X, weights, means, covariances), rtol=1e-10)
    assert_allclose(estimator.weights_, expected_weights, rtol=1e-9)
    assert_allclose(estimator.means_ - offset, expected_means, rtol=1e-9, atol=np.spacing(offset))
    assert_allclose(published(estimator)[2], expected_covariances, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("record", HIGH_PRECISION["nist_numacc"], ids=lambda r: r["name"])
def test_nist_certified_variance(record, covariance_type):
    X = np.array(record["first"] + record["then"] * record["repeats"])[:, np.newaxis]
    estimator = GaussianMixtureEM(1, covariance_type=covariance_type, reg_covar=0).fit(X)
    assert_allclose(estimator.means_.item(), float(record["certified_mean"]), rtol=1e-15)
    # the variance of the values as float64 holds them, which differs from NIST's in the 8th digit for NumAcc4
    assert_allclose(estimator.covariances_.item(), record["exact_ml_variance_of_the_doubles"], rtol=1e-10)
    certified_sd = estimator.covariances_.item() * len(X) / (len(X) - 1)
    assert_allclose(np.sqrt(certified_sd), float(record["certified_sd_n_minus_1"]), rtol=1e-8)


@pytest.mark.parametrize("record", DENSITY, ids=lambda r: f"{r['dataset']}-{r['model']}-{r['G']}")
def test_densities_out_to_ten_thousand_sd(record):
    # at given parameters every structure is a case of full
    weights, means, covariances = (np.atleast_1d(record["params"][name]) for name in ["pro", "mean", "sigma"])
    weights = weights / weights.sum()
    estimator = start_at((weights, means, covariances), "full", max_iter=0).fit(rows(record["dataset"]))
    points = np.array(record["points"], dtype=float)
    log_joint = estimator.log_joint(points)
    assert_allclose(log_joint - np.log(weights), record["log_component_density"], rtol=1e-12, atol=1e-12)
    assert_allclose(estimator.score_samples(points), record["log_density"], rtol=1e-12, atol=1e-12)
    # an error of 1e-12 in a log density of -1e9 is 1e-3: the far points have a clear winner instead
    assert_allclose(estimator.predict_proba(points), record["responsibilities"], rtol=1e-10, atol=1e-10)


@exactly_max_iter
@pytest.mark.parametrize(("record", "covariance_type"), cases(WEIGHTED))
def test_integer_weights_are_repeated_rows(record, covariance_type):
    X, sample_weight = rows(record["dataset"]), np.array(list(record["weights"]), dtype=float)
    labels = np.array(list(record["z_labels"]), dtype=int)
    start = oracles.m_step(X, np.eye(record["G"])[labels], covariance_type, sample_weight)
    passes = np.array(record["k"]) - 1  # R repeated the rows, and counts the first M-step
    estimator = start_at(start, covariance_type, tol=0, max_iter=passes[-1])
    estimator.fit(X, sample_weight=sample_weight)
    log_likelihoods = sample_weight.sum() * np.array(estimator.lower_bounds_)[passes]
    assert_allclose(log_likelihoods, record["loglik_after_k"], rtol=1e-12)


@pytest.mark.parametrize(("record", "covariance_type"), cases(WEIGHTED))
def test_weighted_fit_converged(record, covariance_type):
    X, sample_weight = rows(record["dataset"]), np.array(list(record["weights"]), dtype=float)
    labels = np.array(list(record["z_labels"]), dtype=int)
    start = oracles.m_step(X, np.eye(record["G"])[labels], covariance_type, sample_weight)
    estimator = start_at(start, covariance_type, tol=1e-12, max_iter=20_000).fit(X, sample_weight=sample_weight)
    log_likelihood = sample_weight.sum() * estimator.score(X, sample_weight=sample_weight)
    assert_allclose(log_likelihood, record["loglik_converged"], rtol=0, atol=1e-6)
    # at a flat maximum 1e-8 nats are 1e-4 in a parameter
    for ours, theirs in zip(published(estimator), params_of(record["params"], covariance_type), strict=True):
        assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize(
    ("model", "covariance_type"), [(model, name) for model, names in COVARIANCE_TYPES.items() for name in names]
)
def test_number_of_parameters(model, covariance_type):
    rng = np.random.default_rng(0)
    for n_features, n_components, expected in read("mclust_nparams.json")[model]:
        means = rng.normal(size=(n_components, n_features))
        precisions = np.ones((n_components, 1, 1)) * np.eye(n_features)
        weights = np.full(n_components, 1 / n_components)
        estimator = start_at((weights, means, precisions), covariance_type, max_iter=0)
        estimator.fit(rng.normal(size=(n_components + 1, n_features)))
        assert estimator._n_parameters() == expected
