"""The textbook itself: that it climbs its objective, and where it can be told otherwise what it should say."""

import json
from pathlib import Path

import numpy as np
import oracles
import pytest
import textbook
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from textbook import Fixed, Parameters, Prior, Problem

pytestmark = pytest.mark.slow  # the textbook's own laws, which change with the textbook alone

DATA = Path(__file__).parent / "data"
CLOSED_FORM = [code for code in oracles.M_STEPS if code not in {"EVE", "VVE"}]


def rows_with_gaps(n, p, share, rng):
    """Two clusters, of which some values are missing."""
    X = rng.normal(size=(n, p)) @ (np.eye(p) + 0.3 * rng.normal(size=(p, p))) + 2.0 * rng.integers(2, size=(n, 1))
    X[rng.uniform(size=X.shape) < share] = np.nan
    return X


def start_of(X, code, noise_weight=None):
    """Two components around two rows."""
    p, total = X.shape[1], 1 - (noise_weight or 0.0)
    means = np.where(np.isnan(X[:2]), np.nanmean(X, axis=0), X[:2])
    return Parameters(total * np.array([0.4, 0.6]), means, np.array([np.eye(p), np.eye(p)]), noise_weight)


def prior_of(X, code):
    """A prior of every part, with matrices of no special form."""
    p, auto = X.shape[1], textbook.auto_prior(X, code, 2)
    return Prior(1.5, auto.mean + 0.5, 0.7, p + 1.3, auto.scale * 0.8)


def problem_of(code, options, seed=0):
    """Rows and the options that are named, with the start."""
    rng = np.random.default_rng(seed)
    X = rows_with_gaps(18, 3, 0.2 if "gaps" in options else 0.0, rng)
    has_noise = "noise" in options
    start = start_of(X, code, 0.1 if has_noise else None)
    plausibilities = rng.uniform(size=(18, 2 + has_noise)) * (rng.uniform(size=(18, 2 + has_noise)) < 0.8)
    plausibilities[:, -1] += 0.1
    with np.errstate(divide="ignore"):
        log_plausibilities = np.log(plausibilities / plausibilities.max(axis=1, keepdims=True))
    weight = rng.exponential(size=18) * (rng.uniform(size=18) < 0.9) if "sample weights" in options else None
    fixed = {}
    if "fixed weights" in options:
        fixed["weights"] = np.array([0.3, np.nan])
    if "fixed means" in options:
        fixed["means"] = np.array([start.means[0], np.full(3, np.nan)])
    if "fixed covariances" in options:
        own = 1.5 * np.eye(3)
        fixed["covariances"] = np.array([own, own if oracles.is_shared(code) else np.full((3, 3), np.nan)])
        start = start._replace(covariances=np.where(np.isnan(fixed["covariances"]), np.eye(3), fixed["covariances"]))
    problem = Problem(
        X,
        code,
        weight,
        log_plausibilities if "labels" in options else None,
        np.array([0.05, 0.02, 0.1]) if "blur" in options else None,
        textbook.noise_log_volumes(X, weight) if has_noise else None,
        prior_of(X, code) if "prior" in options else Prior(),
        Fixed(**fixed),
        "equal weights" in options,
    )
    return problem, start


ALONE = ["gaps", "labels", "noise", "prior", "fixed weights", "fixed means", "fixed covariances", "equal weights"]
TOGETHER = [
    ["gaps", "labels", "noise", "sample weights", "blur"],
    ["gaps", "noise", "prior", "equal weights", "blur"],
    ["gaps", "prior", "fixed means", "fixed weights", "sample weights"],
    ["labels", "noise", "prior", "fixed weights", "fixed covariances"],
    ["gaps", "labels", "noise", "prior", "fixed weights", "fixed means", "fixed covariances", "sample weights", "blur"],
]


@pytest.mark.parametrize("code", CLOSED_FORM)
@pytest.mark.parametrize("options", [*([option] for option in ALONE), *TOGETHER], ids=", ".join)
def test_objective_never_falls(code, options):
    problem, parameters = problem_of(code, options)
    trace = []
    for _ in range(6):
        value, resp, following = textbook.em_pass(problem, parameters)
        trace.append(value)
        assert_allclose(resp.sum(axis=1), 1, rtol=1e-12)
        assert_allclose(sum(parameters.weights) + (parameters.noise_weight or 0.0), 1, rtol=1e-12)
        parameters = following
    assert np.diff(trace).min() > -1e-12 * (1 + abs(trace[-1]))
    if options != ["fixed covariances"]:
        assert trace[1] > trace[0] + 1e-4


@pytest.mark.parametrize("code", CLOSED_FORM)
def test_without_options_it_is_the_plain_textbook(code):
    X = rows_with_gaps(40, 3, 0.0, np.random.default_rng(1))
    weight, blur = np.random.default_rng(2).exponential(size=40), np.array([0.1, 0.2, 0.3])
    problem, start = Problem(X, code, weight, blur=blur), start_of(X, code)
    plain = start[:3]
    for _ in range(3):
        expected = oracles.objective(X, *plain, weight, np.diag(blur))
        value, resp, following = textbook.em_pass(problem, Parameters(*plain))
        assert_allclose(value, expected, rtol=1e-12)
        assert_allclose(resp, oracles.responsibilities(X, *plain, np.diag(blur)), rtol=1e-9, atol=1e-14)
        plain = oracles.em_step(X, *plain, code, weight, np.diag(blur))
        for ours, theirs in zip(following[:3], plain, strict=True):
            assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def bound(problem, resp, moments, parameters):
    """The expected log-likelihood of rows with nothing missing, and the log prior; `moments` are the rows' (K, n)."""
    shares = problem.weight[:, np.newaxis] * resp
    total = textbook.log_prior(problem, parameters)
    total += shares.sum(axis=0) @ np.log([*parameters.weights, parameters.noise_weight])
    for k, (mean, covariance) in enumerate(zip(parameters.means, parameters.covariances, strict=True)):
        rows, spreads = (np.array(each) for each in zip(*moments[k], strict=True))
        terms = multivariate_normal.logpdf(rows, mean, covariance)
        terms -= np.trace(np.linalg.inv(covariance) @ (spreads + problem.R), axis1=1, axis2=2) / 2
        total += shares[:, k] @ terms
    return total


def directions_of(code, K, p):
    """Directions (K, p, p) in which the covariances of a structure may move."""
    units = [np.eye(p)]
    if not code.endswith("II"):
        units = [np.diag(row) for row in np.eye(p)]
    if not code.endswith("I"):
        units += [
            np.eye(p)[[i]].T @ np.eye(p)[[j]] + np.eye(p)[[j]].T @ np.eye(p)[[i]] for i in range(p) for j in range(i)
        ]
    among = [np.ones(K)] if oracles.is_shared(code) else list(np.eye(K))
    return [np.einsum("k,ij->kij", share, unit) for share in among for unit in units]


@pytest.mark.parametrize("code", ["VVV", "VII", "VVI", "EEE", "EII", "EEI"])
@pytest.mark.parametrize(
    "options", [["noise", "prior"], ["gaps", "labels", "noise", "prior", "sample weights", "blur"]]
)
def test_m_step_is_a_stationary_point_of_the_bound(code, options):
    problem, start = problem_of(code, options)
    resp = textbook.responsibilities(problem, start)
    best = textbook.m_step(problem, resp, start)
    K, p = best.means.shape
    moments = [[textbook.conditional_moments(x, *old) for x in problem.X] for old in zip(*start[1:3], strict=True)]

    def slope(**changes):
        """The derivative of the bound along a change of the parameters, by central differences."""
        ends = []
        for step in (1e-5, -1e-5):
            moved = {name: np.asarray(getattr(best, name)) + step * change for name, change in changes.items()}
            ends.append(bound(problem, resp, moments, best._replace(**moved)))
        return (ends[0] - ends[1]) / 2e-5

    assert abs(slope(weights=np.array([1.0, -1.0]))) < 1e-6
    assert abs(slope(weights=np.array([-1.0, 0.0]), noise_weight=1.0)) < 1e-6
    for direction in np.eye(K * p).reshape(-1, K, p):
        assert abs(slope(means=direction)) < 1e-6
    for direction in directions_of(code, K, p):
        assert abs(slope(covariances=direction)) < 1e-4


def test_gaps_of_one_feature_have_a_closed_form():
    # Anderson (1957): the first feature's moments by all rows, the regression on it by those that are complete
    rng = np.random.default_rng(0)
    X = rows_with_gaps(30, 2, 0.0, rng)
    X[rng.uniform(size=30) < 0.4, 1] = np.nan
    complete = X[~np.isnan(X[:, 1])]
    S = np.cov(complete.T, bias=True)
    slope = S[0, 1] / S[0, 0]
    variance = X[:, 0].var()
    mean = [X[:, 0].mean(), complete[:, 1].mean() + slope * (X[:, 0].mean() - complete[:, 0].mean())]
    second = S[1, 1] - slope * S[0, 1] + slope**2 * variance
    problem = Problem(X, "VVV")
    parameters = Parameters(np.ones(1), np.zeros((1, 2)), np.eye(2)[np.newaxis])
    for _ in range(60):
        _, _, parameters = textbook.em_pass(problem, parameters)
    assert_allclose(parameters.means[0], mean, rtol=1e-9)
    assert_allclose(parameters.covariances[0], [[variance, slope * variance], [slope * variance, second]], rtol=1e-9)


def test_row_with_nothing_observed_changes_nothing():
    problem, start = problem_of("VVV", ["gaps", "noise", "prior"])
    X = np.vstack([problem.X, np.full((1, 3), np.nan)])
    longer = Problem(X, "VVV", blur=problem.blur, noise_log_volumes=textbook.noise_log_volumes(X), prior=problem.prior)
    one, other = textbook.em_pass(problem, start), textbook.em_pass(longer, start)
    assert_allclose(one[0], other[0], rtol=1e-14)
    assert_allclose(other[1][-1], [*start.weights, start.noise_weight], rtol=1e-14)
    for before, after in zip(one[2], other[2], strict=True):
        assert_array_equal(before, after)


def test_hypervolume_is_that_of_r():
    noise = json.loads((DATA / "mclust_noise.json").read_text())
    X = np.vstack([np.loadtxt(DATA / "faithful.csv", delimiter=",", skiprows=1), noise["uniform"]])
    assert_allclose(np.exp(textbook.log_hypervolume(X)), noise["hypvol"], rtol=1e-13)
    weight = np.random.default_rng(0).integers(0, 3, size=len(X))
    repeated = textbook.log_hypervolume(np.repeat(X, weight, axis=0))
    assert_allclose(textbook.log_hypervolume(X, weight), repeated, rtol=1e-12)


def test_volumes_of_rows_with_gaps():
    X = np.array([[0.0, 0.0, 1.0], [2.0, 3.0, 1.0], [1.0, np.nan, 1.0], [np.nan, 1.0, np.nan], [np.nan] * 3])
    expected = np.log([6.0, 6.0, 2.0, 3.0, 1.0])
    assert_allclose(textbook.noise_log_volumes(X), expected, rtol=1e-14)
    larger = expected + np.log(10) * np.array([2, 2, 1, 1, 0])
    assert_allclose(textbook.noise_log_volumes(X, log_volume=np.log(600.0)), larger, rtol=1e-14)


@pytest.mark.parametrize(
    "case", json.loads((DATA / "mclust_prior.json").read_text())["one_step"], ids=lambda case: case["dataset"]
)
def test_scale_of_prior_is_that_of_r(case):
    X = np.loadtxt(DATA / f"{case['dataset']}.csv", delimiter=",", skiprows=1, ndmin=2)
    for model, theirs in case["scale"].items():
        code = {"E": "EEE", "V": "VVV"}.get(model, model)
        ours = textbook.auto_prior(X, code, case["G"]).scale
        if textbook.kind_of(code) == "diagonal":
            ours = np.mean(ours)  # R's is round, whatever the units
        assert_allclose(np.ravel(ours), np.ravel(theirs), rtol=1e-12)
