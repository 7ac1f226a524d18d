"""R's mclust as an oracle: one-step EM, converged fits, densities, weights; and figures known to 40 digits.

`tests/data/README.md` says where the figures are from. Structures have mclust's codes here; `COVARIANCE_TYPES` says
which covariance_type each of them is. With one feature mclust knows E (common variance) and V (own variance) only.
"""

import functools
import json
import warnings
from pathlib import Path

import numpy as np
import oracles
import pytest
from conftest import few_rows_are_fine
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sklearn_em import GaussianMixtureEM

DATA = Path(__file__).parent / "data"
MODELS = list(oracles.GENERALISATIONS)
# mclust's optimum is only as good as its inner iteration: volumes to 1e-8, and the common orientation to 1e-5 at best.
# Its VVE turns the axes as if all volumes were equal, so its figures are a bound from below and nothing more.
EXACT = [model for model in MODELS if model not in {"VEE", "EVE", "VVE"}]
COMMON_AXES = ["EVE", "VVE"]
# Within EM the common orientation need not be turned to the last digit in every pass: this share of Q must be gained.
LEAST_GAIN = 0.99
CODES = {"E": "EEE", "V": "VVV"}  # what a model of mclust's with one feature is among those with more
NAMES = {code: name for name, code in oracles.CODES.items() if name in {"full", "tied", "diag", "spherical"}}
COVARIANCE_TYPES = {model: [NAMES.get(model, model)] for model in MODELS}
for letter in CODES:  # with one feature only the volume is left
    COVARIANCE_TYPES[letter] = [NAMES.get(model, model) for model in MODELS if model.startswith(letter)]
ONE_OF_EACH = {**COVARIANCE_TYPES, "E": ["tied"], "V": ["full"]}

every_covariance_type = pytest.mark.parametrize("covariance_type", [NAMES.get(model, model) for model in MODELS])
exactly_max_iter = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # tol=0 never converges


def read(name):
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def rows(dataset):
    name, _, column = dataset.partition("_")
    X = np.loadtxt(DATA / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2)
    return X[:, [["eruptions", "waiting"].index(column)]] if column else X


def params_of(record):
    """(weights, means, dense covariances) of a record; its sigma is as compact as the structure allows."""
    weights, means = np.array(record["pro"]), np.array(record["mean"])
    code = CODES.get(record["model"], record["model"])
    return weights / weights.sum(), means, oracles.dense_covariances(record["sigma"], code, *means.shape)


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


def is_wine(record):
    """Whether a case is one of those with thirteen features, which take longest."""
    return record["dataset"] == "wine"


def cases(records, types=COVARIANCE_TYPES, slow=lambda record: False):
    """One pytest case per record and covariance_type, named so that a failure says which."""
    return [
        pytest.param(
            record,
            covariance_type,
            id=f"{record['dataset']}-{record['model']}-{record['G']}{suffix}-{covariance_type}",
            marks=[pytest.mark.slow] if slow(record) else [],
        )
        for record in records
        for covariance_type in types[record["model"]]
        for suffix in ["-" + record["z_kind"] if "z_kind" in record else ""]
    ]


def of(models, records):
    """The records of these models, and of mclust's two models for one feature."""
    return [record for record in records if record["model"] in models or record["model"] in CODES]


def one_step_records():
    for case in read("mclust_onestep.json"):
        for model, result in case.pop("models").items():
            yield {**case, **result, "model": model}


def responsibilities_of(record):
    if "z" in record:
        return np.array(record["z"])
    labels = np.array(list(record["z_labels"]), dtype=int)
    return np.where(labels[:, np.newaxis] == np.arange(record["G"]), record["z_on"], record["z_off"])


def partition_of(dataset, n_components):
    """R's hierarchical clustering as responsibilities."""
    labels = np.array(list(GRID["partitions"][dataset][str(n_components)]), dtype=int) if n_components > 1 else 0
    return np.ones((len(rows(dataset)), 1)) * (np.reshape(labels, (-1, 1)) == np.arange(n_components))


def start_of_iris(covariance_type):
    """The parameters that start three components on iris."""
    (record,) = (
        record
        for record in ONE_STEP
        if (record["dataset"], record["G"], record["z_kind"]) == ("iris", 3, "soft_hc")
        and record["model"] == oracles.code_of(covariance_type)
    )
    return params_of(record)


ONE_STEP = list(one_step_records())
GRID = read("mclust_grid.json")
WEIGHTED = [{**record.pop("params"), **record} for record in read("mclust_weighted.json")]
DENSITY = read("mclust_density.json")
HIGH_PRECISION = read("high_precision.json")


def test_nothing_is_missing():
    assert len(ONE_STEP) == 14 * 14 + 12 * 2
    assert len(GRID["cells"]) + len(GRID["na"]) == 9 * (5 * 14 + 4 * 2)
    assert len(WEIGHTED) == 3 * 14


@functools.cache
def textbook_m_step(dataset, n_components, z_kind, model):
    """The textbook's M-step from the responsibilities of a one-step record, and Q after it."""
    key = dataset, n_components, z_kind
    record = next(r for r in ONE_STEP if (r["dataset"], r["G"], r["z_kind"]) == key)
    X, resp = rows(dataset), responsibilities_of(record)
    params = oracles.m_step(X, resp, model)
    return params, oracles.expected_log_likelihood(X, resp, *params)


@pytest.mark.parametrize(("record", "covariance_type"), cases(ONE_STEP, slow=is_wine))
def test_textbook_m_step_is_that_of_r(record, covariance_type):
    X, resp, theirs = rows(record["dataset"]), responsibilities_of(record), params_of(record)
    code = oracles.code_of(covariance_type)
    ours, q = textbook_m_step(record["dataset"], record["G"], record["z_kind"], code)
    assert_allclose(ours[0], theirs[0], rtol=1e-11)
    assert_allclose(ours[1], theirs[1], rtol=1e-11)
    if record["model"] != "VVE":
        # off-diagonal elements may be sums that cancel, so they are judged against the size of the matrix
        atol = {"VEV": 1e-11, "VEE": 1e-7, "EVE": 1e-5}.get(record["model"], 1e-13)
        assert_allclose(ours[2], theirs[2], rtol=1e-11, atol=atol * np.abs(theirs[2]).max())
    assert q >= record["Q"] - 1e-12 * abs(q)
    # what R says of its own parameters
    assert_allclose(oracles.expected_log_likelihood(X, resp, *theirs), record["Q"], rtol=1e-12)
    assert_allclose(oracles.log_likelihood(X, *theirs), record["loglik"][0], rtol=1e-12)


def inclusions():
    return [(special, general) for special in MODELS for general in oracles.GENERALISATIONS[special]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [(r["dataset"], r["G"], r["z_kind"]) for r in ONE_STEP if r["model"] == "EII"], ids=str
)
def test_textbook_m_steps_are_nested(case):
    qs = {model: textbook_m_step(*case, model)[1] for model in MODELS}
    for special, general in inclusions():
        assert qs[special] <= qs[general] + 1e-12 * abs(qs[general]), (special, general)


@functools.cache
def q_from_spheres(dataset, covariance_type):
    """Q after the estimator's M-step from the responsibilities of equal spheres, which every structure can start at."""
    X = rows(dataset)
    weights, means, covariances = start = oracles.m_step(X, partition_of(dataset, 3), "EII")
    estimator = start_at((weights, means, covariances), covariance_type, tol=0, max_iter=1).fit(X)
    return oracles.expected_log_likelihood(X, oracles.responsibilities(X, *start), *published(estimator))


@exactly_max_iter
@pytest.mark.parametrize("dataset", ["iris", "diabetes", "faithful", "synth", "wine"])
@pytest.mark.parametrize(("special", "general"), inclusions())
def test_m_steps_are_nested(dataset, special, general):
    q = q_from_spheres(dataset, NAMES.get(general, general))
    assert q_from_spheres(dataset, NAMES.get(special, special)) <= q + 1e-9 * abs(q)


@exactly_max_iter
@pytest.mark.parametrize(("record", "covariance_type"), cases(of([*EXACT, "VEE"], ONE_STEP)))
def test_trace_of_log_likelihoods(record, covariance_type):
    X = rows(record["dataset"])
    # R counts M-steps and starts with one; ours starts after it
    passes = np.array(record["k"]) - 1
    estimator = start_at(params_of(record), covariance_type, tol=0, max_iter=passes[-1]).fit(X)
    assert estimator.n_iter_ == passes[-1]
    rtol = 1e-8 if record["model"] == "VEE" else 1e-12
    assert_allclose(len(X) * np.array(estimator.lower_bounds_)[passes], record["loglik"], rtol=rtol)


def share_of_gain(X, resp, start, ours, best, sample_weight=None, blur=None):
    """How much of the Q that the best M-step gains another one gains; 1 where there is next to nothing to gain."""
    q_start, q_ours, q_best = (
        oracles.expected_log_likelihood(X, resp, *params, sample_weight, blur) for params in [start, ours, best]
    )
    return (q_ours - q_start + 1e-10 * abs(q_best)) / (q_best - q_start + 1e-10 * abs(q_best))


def assert_textbook_step(estimator, start, X, sample_weight=None, blur=None):
    """Check that the estimator went from `start` where the textbook goes with one EM step."""
    covariance_type, ours = estimator.covariance_type, published(estimator)
    resp = oracles.responsibilities(X, *start, blur)
    expected = oracles.m_step(X, resp, covariance_type, sample_weight, blur)
    assert_allclose(ours[0], expected[0], rtol=1e-10)
    assert_allclose(ours[1], expected[1], rtol=1e-10, atol=1e-12 * np.abs(expected[1]).max())
    if covariance_type in COMMON_AXES:
        assert share_of_gain(X, resp, start, ours, expected, sample_weight, blur) >= LEAST_GAIN
    else:
        atol = 1e-10 if covariance_type in {"VEE", "VEV"} else 1e-12
        assert_allclose(ours[2], expected[2], rtol=1e-10, atol=atol * np.abs(expected[2]).max())
    assert_allclose(estimator.covariance_matrices(), ours[2], rtol=1e-12)


@exactly_max_iter
@pytest.mark.parametrize(("record", "covariance_type"), cases(ONE_STEP))
def test_parameters_after_one_step(record, covariance_type):
    X, start = rows(record["dataset"]), params_of(record)
    estimator = start_at(start, covariance_type, tol=0, max_iter=1).fit(X)
    assert_textbook_step(estimator, start, X)


@exactly_max_iter
@every_covariance_type
def test_blurred_and_weighted_steps(covariance_type):
    # what R does not have: regularisation, and weights that are not whole numbers
    X, params, reg_covar = rows("iris"), start_of_iris(covariance_type), 0.05
    sample_weight, blur = np.random.RandomState(0).uniform(0.1, 2, size=len(X)), reg_covar * np.eye(4)
    objectives = [oracles.objective(X, *params, sample_weight, blur)]
    for _ in range(3):
        estimator = start_at(params, covariance_type, tol=0, max_iter=1).set_params(reg_covar=reg_covar)
        estimator.fit(X, sample_weight=sample_weight)
        assert_textbook_step(estimator, params, X, sample_weight, blur)
        params = published(estimator)
        objectives.append(oracles.objective(X, *params, sample_weight, blur))
        assert_allclose(estimator.lower_bounds_, objectives[-2:], rtol=1e-12)
    assert np.all(np.diff(objectives) > 0)
    log_likelihood = oracles.log_likelihood(X, *params, sample_weight)
    assert_allclose(estimator.score(X, sample_weight=sample_weight), log_likelihood / sample_weight.sum(), rtol=1e-12)


@exactly_max_iter
@every_covariance_type
def test_steps_in_one_fit_are_steps_one_by_one(covariance_type):
    X, start = rows("iris"), start_of_iris(covariance_type)
    estimator = start_at(start, covariance_type, tol=0, max_iter=5).fit(X)
    lower_bounds = []
    for _ in range(5):
        single = start_at(start, covariance_type, tol=0, max_iter=1).fit(X)
        lower_bounds.append(single.lower_bounds_[0])
        start = published(single)
    # an orientation is found to half the digits, and an objective off its maximum feels that
    rtol = 1e-6 if covariance_type in COMMON_AXES else 1e-10
    assert_allclose(estimator.lower_bounds_[:-1], lower_bounds, rtol=rtol)


@pytest.mark.parametrize("name", oracles.CODES)
def test_codes_and_names_are_the_same(name):
    X, start = rows("iris"), start_of_iris(name)
    by_name, by_code = (start_at(start, word, max_iter=500).fit(X) for word in [name, oracles.CODES[name]])
    assert_array_equal(by_name.covariances_, by_code.covariances_)
    assert_array_equal(by_name.precisions_, by_code.precisions_)
    assert by_name.lower_bounds_ == by_code.lower_bounds_


@pytest.mark.parametrize(
    ("record", "covariance_type"), cases([cell for cell in GRID["cells"] if "pro" in cell], ONE_OF_EACH)
)
def test_criteria_at_given_parameters(record, covariance_type):
    X = rows(record["dataset"])
    estimator = start_at(params_of(record), covariance_type, max_iter=0).fit(X)
    assert_allclose(len(X) * estimator.lower_bound_, record["loglik"], rtol=1e-11)
    assert_allclose(len(X) * estimator.score(X), record["loglik"], rtol=1e-11)
    assert_allclose(estimator.bic(X), -record["bic"], rtol=1e-11)  # mclust's BIC and ICL have the other sign
    assert_allclose(estimator.icl(X), -record["icl"], rtol=1e-11)
    assert_allclose(estimator.aic(X), 2 * record["df"] - 2 * record["loglik"], rtol=1e-11)


def has_one_path(cell):
    """Whether EM goes one way from R's partition, and the textbook gets there in less than minutes.

    A cluster of no more rows than features has no variance in many directions, and EEV gives them in any order to the
    common ones. With 13 features turned from many starts the textbook's M-steps of EVE and VVE take minutes.
    """
    few = partition_of(cell["dataset"], cell["G"]).sum(axis=0).min() <= rows(cell["dataset"]).shape[1]
    many = cell["dataset"] == "wine" and cell["G"] > 2
    return not (few and cell["model"] == "EEV") and not (many and cell["model"] in COMMON_AXES)


# A few components on three sets are enough to see a mistake; the rest of R's grid is the proof.
@pytest.mark.parametrize(
    ("record", "covariance_type"),
    cases(
        [cell for cell in GRID["cells"] if "loglik_tight" in cell and has_one_path(cell)],
        ONE_OF_EACH,
        slow=lambda cell: cell["dataset"] not in {"iris", "diabetes", "faithful"} or cell["G"] > 3,
    ),
)
@few_rows_are_fine
def test_converged_log_likelihood(record, covariance_type):
    # From R's partition to where EM ends: up to 5,000 passes, and dozens of nats beyond mclust's default tolerance. R's
    # own stop leaves about 1e-8. R's VVE, whose M-step is another map, may go from the partition to another optimum:
    # there the bound is the EM with the right M-step, or R's end is the start, from which EM can only go up.
    X = rows(record["dataset"])
    start = oracles.m_step(X, partition_of(record["dataset"], record["G"]), covariance_type)
    if record["model"] == "VVE" and "pro" in record and "loglik_exact" not in record:
        start, record = params_of(record), {"loglik": record["loglik"]}
    estimator = start_at(start, covariance_type, tol=1e-12, max_iter=20_000, acceleration=None).fit(X)
    assert estimator.converged_
    bound = max(record[name] for name in ["loglik", "loglik_tight", "loglik_exact"] if name in record)
    assert len(X) * estimator.lower_bound_ >= bound - 1e-6


@pytest.mark.parametrize("covariance_type", COMMON_AXES)
@pytest.mark.parametrize("dataset", ["iris", "diabetes", "faithful"])
def test_common_axes_are_right_where_em_ends(dataset, covariance_type):
    # single passes may turn the axes part of the way, but in the end the textbook must have nothing to add
    X = rows(dataset)
    start = oracles.m_step(X, partition_of(dataset, 3), covariance_type)
    estimator = start_at(start, covariance_type, tol=1e-12, max_iter=20_000).fit(X)
    end = published(estimator)
    resp = oracles.responsibilities(X, *end)
    q = oracles.expected_log_likelihood(X, resp, *end)
    assert_allclose(q, oracles.expected_log_likelihood(X, resp, *oracles.m_step(X, resp, covariance_type)), rtol=1e-8)


@pytest.mark.parametrize(("record", "covariance_type"), cases(GRID["na"], slow=is_wine))
@few_rows_are_fine
def test_where_r_gives_nothing(record, covariance_type):
    # The likelihood has no maximum near by: that is said, or the regularisation makes one. All these models generalise
    # EEI, whose M-step is a start that no partition makes singular.
    X, resp = rows(record["dataset"]), partition_of(record["dataset"], record["G"])
    start = oracles.m_step(X, resp, "EEI")
    estimator, message = start_at(start, covariance_type), ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        try:
            estimator.fit(X)
        except ValueError as error:
            message = str(error)
    if message:
        assert "ill-defined empirical covariance" in message
    else:
        assert estimator.converged_ or caught
        assert_sane(estimator, X)
    assert_sane(estimator.set_params(reg_covar="auto").fit(X), X)


def assert_sane(estimator, X):
    """Check that nothing is nan or infinite, that probabilities are such and covariances positive definite."""
    weights, means, covariances = estimator.weights_, estimator.means_, estimator.covariance_matrices()
    assert np.isfinite(estimator.lower_bound_)
    assert np.isfinite(estimator.score(X))
    assert np.all(np.isfinite(means))
    assert np.all(weights > 0)
    assert_allclose([weights.sum(), *estimator.predict_proba(X).sum(axis=1)], 1, rtol=1e-12)
    sd = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    correlations = covariances / (sd[:, :, np.newaxis] * sd[:, np.newaxis])
    assert_allclose(correlations, correlations.transpose(0, 2, 1), rtol=0, atol=1e-12)
    assert np.all(np.linalg.eigvalsh(correlations) > 0)


@pytest.mark.parametrize(
    "record", HIGH_PRECISION["mixture_loglik"], ids=lambda r: f"{r['dataset']}-{r['model']}-{r['G']}"
)
def test_log_likelihood_of_40_digits(record):
    X = rows(record["dataset"])
    weights, means, covariances = (np.array(record["params"][name]) for name in ["pro", "mean", "sigma"])
    estimator = start_at((weights / weights.sum(), means, covariances), "full", max_iter=0).fit(X)
    assert_allclose(len(X) * estimator.lower_bound_, float(record["loglik_40_digits"]), rtol=1e-13)
    assert_allclose(len(X) * estimator.score(X), float(record["loglik_40_digits"]), rtol=1e-13)


@every_covariance_type
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
        code = oracles.code_of(covariance_type)
        if code.endswith("II"):
            exact = np.trace(exact) / len(exact) * np.eye(len(exact))
        elif code.endswith("I"):
            exact = np.diag(np.diag(exact))
        assert_allclose(published(estimator)[2], [exact], rtol=1e-10)


@exactly_max_iter
@every_covariance_type
@pytest.mark.parametrize("offset", [1e3, 1e6, 1e8, 1e10, 1e12])
def test_em_step_of_three_components_far_from_the_origin(covariance_type, offset):
    weights, means, covariances = start_of_iris(covariance_type)
    X, means = rows("iris") + offset, means + offset
    estimator = start_at((weights, means, covariances), covariance_type, tol=0, max_iter=1).fit(X)
    # subtracting the offset is exact, so the oracle sees the same rounded rows, only near the origin
    X, means = X - offset, means - offset
    resp = oracles.responsibilities(X, weights, means, covariances)
    expected = oracles.m_step(X, resp, covariance_type)
    assert_allclose(estimator.lower_bounds_[0], oracles.objective(X, weights, means, covariances), rtol=1e-10)
    assert_allclose(estimator.weights_, expected[0], rtol=1e-9)
    assert_allclose(estimator.means_ - offset, expected[1], rtol=1e-9, atol=np.spacing(offset))
    if covariance_type in COMMON_AXES:
        ours = *expected[:2], published(estimator)[2]
        assert share_of_gain(X, resp, (weights, means, covariances), ours, expected) >= LEAST_GAIN
    else:
        assert_allclose(published(estimator)[2], expected[2], rtol=1e-8, atol=1e-10)


@every_covariance_type
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


def start_of_weighted(record):
    """(rows, sample weights, parameters after the M-step of the record's partition)."""
    X, sample_weight = rows(record["dataset"]), np.array(list(record["weights"]), dtype=float)
    labels = np.array(list(record["z_labels"]), dtype=int)
    return X, sample_weight, oracles.m_step(X, np.eye(record["G"])[labels], record["model"], sample_weight)


@exactly_max_iter
@pytest.mark.parametrize(("record", "covariance_type"), cases(of([*EXACT, "VEE"], WEIGHTED)))
def test_integer_weights_are_repeated_rows(record, covariance_type):
    X, sample_weight, start = start_of_weighted(record)
    passes = np.array(record["k"]) - 1  # R repeated the rows, and counts the first M-step
    estimator = start_at(start, covariance_type, tol=0, max_iter=passes[-1])
    estimator.fit(X, sample_weight=sample_weight)
    log_likelihoods = sample_weight.sum() * np.array(estimator.lower_bounds_)[passes]
    assert_allclose(log_likelihoods, record["loglik_after_k"], rtol=1e-12 if record["model"] in EXACT else 1e-8)


@pytest.mark.parametrize(("record", "covariance_type"), cases(WEIGHTED))
def test_weighted_fit_converged(record, covariance_type):
    X, sample_weight, start = start_of_weighted(record)
    estimator = start_at(start, covariance_type, tol=1e-12, max_iter=20_000).fit(X, sample_weight=sample_weight)
    log_likelihood = sample_weight.sum() * estimator.score(X, sample_weight=sample_weight)
    assert log_likelihood >= record["loglik_converged"] - 1e-6
    if record["model"] in EXACT:
        assert_allclose(log_likelihood, record["loglik_converged"], rtol=0, atol=1e-6)
        # at a flat maximum 1e-8 nats are 1e-4 in a parameter
        for ours, theirs in zip(published(estimator), params_of(record), strict=True):
            assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize(
    ("model", "covariance_type"), [(model, name) for model, names in COVARIANCE_TYPES.items() for name in names]
)
def test_number_of_parameters(model, covariance_type):
    rng = np.random.default_rng(0)
    for n_features, n_components, *expected in read("mclust_nparams.json")[model]:
        means = rng.normal(size=(n_components, n_features))
        covariances = np.ones((n_components, 1, 1)) * np.eye(n_features)
        weights = np.full(n_components, 1 / n_components)
        X = rng.normal(size=(n_components + 1, n_features))
        estimator = start_at((weights, means, covariances), covariance_type, max_iter=0).fit(X)
        ours = estimator.aic(X) / 2 + len(X) * estimator.score(X)
        # mclust's background noise has a weight and a volume; with equal weights only their number is known
        equal = n_components - 1
        assert_allclose([ours, ours + 2, ours - equal, ours + 2 - equal], expected, rtol=1e-10)
