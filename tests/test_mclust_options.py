"""R's mclust as an oracle for noise, priors and equal weights.

`tests/data/README.md` says where the figures are from. Structures have mclust's codes here. Everything is asked through
the estimator: where the component of every row is known, a fit is the M-step; a row that is repeated for each
component, with its responsibilities for sample weights, makes it that of responsibilities; and a warm start goes on
from there without labels. So entry i of `lower_bounds_` is what R has after i + 1 M-steps.
"""

import functools

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import dirichlet, invgamma, invwishart, multivariate_normal
from test_mclust_oracles import (
    CODES,
    COMMON_AXES,
    COVARIANCE_TYPES,
    EXACT,
    NAMES,
    ONE_OF_EACH,
    cases,
    every_covariance_type,
    exactly_max_iter,
    partition_of,
    published,
    read,
    rows,
    start_at,
)

from sklearn_em import GaussianMixtureEM, GaussianMixturePrior

# The models of mclust whose M-step with a prior is the maximiser of a posterior density, and the same as ours.
WITH_PRIOR = {"E", "V", "VII", "VVI", "EEE", "VVV"}
# The covariances at least: mclust forgets to draw the means of EEI towards the prior's.
ONE_STEP_WITH_PRIOR = {
    **{model: COVARIANCE_TYPES[model] for model in ["VII", "VVI", "EEE", "VVV", "EEI"]},
    "E": ["tied", "tied_diag", "tied_spherical"],  # the other structures of one volume meet the prior K times
    "V": COVARIANCE_TYPES["V"],
}
# With equal weights mclust divides sums over a component's rows by n / K instead of their mass in these four models,
# and does not normalise the weights of VVI.
WRONG_WITH_EQUAL_WEIGHTS = {"VEE", "EVE", "VVE", "EVV", "VVI"}

NOISE = read("mclust_noise.json")
EQUAL = read("mclust_equal_weights.json")
PRIOR = read("mclust_prior.json")


def test_nothing_is_missing():
    assert len(NOISE["cells"]) == 14 * 5
    assert len(EQUAL) == 14 * 2 * 3
    assert len(PRIOR["cells"]) + len(PRIOR["na"]) == 9 * (2 * 2 + 3 * 4) + 4 * 4
    assert [len(case["models"]) for case in PRIOR["one_step"]] == [2, 2, 5, 5, 5, 5]


def after_m_step(X, labels, n_components, covariance_type, sample_weight=None, **options):
    """An estimator after the M-step of a partition, which will do plain EM if it goes on."""
    estimator = GaussianMixtureEM(
        n_components, covariance_type=covariance_type, reg_covar=0, acceleration=None, random_state=0, **options
    )
    return estimator.fit(X, sample_weight=sample_weight, known_labels=labels)


def go_on(estimator, X, n_iter):
    """The estimator after so many more iterations, without labels."""
    return estimator.set_params(warm_start=True, tol=0, max_iter=n_iter).fit(X)


def converge(estimator, X):
    return estimator.set_params(warm_start=True, max_iter=20_000).fit(X)


def trace(estimator, X):
    """The log-likelihood after each M-step, where there is no prior."""
    return len(X) * np.array(estimator.lower_bounds_)


def assert_passes(estimator, X, log_likelihood, rtol):
    """Check that EM comes by R's log-likelihood on its way, and return after how many more M-steps."""
    differences = np.abs(trace(estimator, X) - log_likelihood)
    assert differences.min() <= rtol * abs(log_likelihood)
    return int(differences.argmin())


def labels_of(dataset, n_components):
    return partition_of(dataset, n_components).argmax(axis=1)


# Noise: `faithful` and 80 rows drawn from a box around it


def noisy_rows():
    return np.vstack([rows("faithful"), NOISE["uniform"]])


def after_m_step_with_noise(n_components, covariance_type):
    """An estimator after the M-step of R's start: 96 rows are taken for noise, the others hierarchically clustered."""
    is_noise = np.array(list(NOISE["is_noise"])) == "1"
    labels = np.full(len(is_noise), n_components)
    labels[~is_noise] = list(NOISE["labels"][str(n_components)])
    return after_m_step(noisy_rows(), labels, n_components, covariance_type, noise=True)


def noise_cases(models):
    return cases([{**cell, "dataset": "noise"} for cell in NOISE["cells"] if cell["model"] in models])


def test_volume_of_noise():
    estimator = after_m_step_with_noise(2, "full")
    assert_allclose(np.exp(estimator.noise_log_volume_), NOISE["hypvol"], rtol=1e-13)
    is_noise = np.array(list(NOISE["is_noise"])) == "1"
    assert_allclose(estimator.noise_weight_, is_noise.mean(), rtol=1e-13)
    assert_allclose(estimator.weights_.sum(), 1 - is_noise.mean(), rtol=1e-13)


@pytest.mark.parametrize("dataset", ["faithful", "iris", "diabetes", "synth", "wine", "galaxies"])
def test_noise_is_in_the_smaller_box(dataset):
    # R's hypvol(): along the features, or along the principal components of the covariance
    X = rows(dataset)
    _, axes = np.linalg.eigh(np.cov(X.T).reshape(X.shape[1], -1))
    expected = min(np.log(np.ptp(box, axis=0)).sum() for box in [X, X @ axes])
    estimator = after_m_step(X, np.zeros(len(X), dtype=int), 1, "diag", noise=True)
    assert_allclose(estimator.noise_log_volume_, expected, rtol=1e-10)


@pytest.mark.slow
@exactly_max_iter
@pytest.mark.parametrize(("record", "covariance_type"), noise_cases([*EXACT, "VEE"]))
def test_noise(record, covariance_type):
    X = noisy_rows()
    rtol = 1e-7 if record["model"] == "VEE" else 1e-10
    estimator = converge(after_m_step_with_noise(record["G"], covariance_type), X)
    assert np.diff(estimator.lower_bounds_).min() >= -1e-13 * abs(estimator.lower_bound_)
    if "loglik_after_k" in record:
        assert_allclose(trace(estimator, X)[np.array(NOISE["k"]) - 1], record["loglik_after_k"], rtol=rtol)
    assert len(X) * estimator.score(X) >= record["loglik"] * (1 + 1e-12)  # where R stops there is more to gain
    # what R says where it stops
    n_iter = assert_passes(estimator, X, record["loglik"], rtol)
    estimator = go_on(after_m_step_with_noise(record["G"], covariance_type), X, n_iter)
    assert_allclose(len(X) * estimator.score(X), record["loglik"], rtol=rtol)
    if record["model"] != "VEE":
        assert_allclose(estimator.noise_weight_, record["noise_weight"], rtol=1e-8)
    assert_allclose(estimator.weights_.sum() + estimator.noise_weight_, 1, rtol=1e-14)
    assert np.count_nonzero(estimator.predict(X) == -1) == record["noise_points"]
    n_parameters = (estimator.bic(X) + 2 * len(X) * estimator.score(X)) / np.log(len(X))
    assert_allclose(n_parameters, record["df"], rtol=1e-10)


@pytest.mark.parametrize(("record", "covariance_type"), noise_cases(COMMON_AXES))
def test_noise_is_no_worse_with_common_axes(record, covariance_type):
    X = noisy_rows()
    estimator = converge(after_m_step_with_noise(record["G"], covariance_type), X)
    assert len(X) * estimator.score(X) >= record["loglik"] - 1e-6 * abs(record["loglik"])


# Equal weights


def equal_weights_cases(models):
    return cases([record for record in EQUAL if record["model"] in models])


def after_m_step_with_equal_weights(record, covariance_type):
    labels = labels_of(record["dataset"], record["G"])
    return after_m_step(rows(record["dataset"]), labels, record["G"], covariance_type, weights="equal")


@exactly_max_iter
@pytest.mark.parametrize(
    ("record", "covariance_type"),
    equal_weights_cases(model for model in EXACT if model not in WRONG_WITH_EQUAL_WEIGHTS),
)
def test_equal_weights(record, covariance_type):
    X = rows(record["dataset"])
    estimator = go_on(after_m_step_with_equal_weights(record, covariance_type), X, 4)
    assert_allclose(trace(estimator, X)[[0, 1, 4]], record["loglik_after_k"], rtol=1e-10)
    assert_array_equal(estimator.weights_, 1 / record["G"])
    n_parameters = (estimator.bic(X) + 2 * len(X) * estimator.score(X)) / np.log(len(X))
    assert_allclose(n_parameters, record["df"], rtol=1e-10)
    if record["loglik"] is not None:  # R says NA where covariances become singular
        estimator = converge(after_m_step_with_equal_weights(record, covariance_type), X)
        assert_passes(estimator, X, record["loglik"], 1e-10)
        assert np.diff(estimator.lower_bounds_).min() >= -1e-13 * abs(estimator.lower_bound_)
        assert len(X) * estimator.score(X) >= record["loglik"] - 1e-12 * abs(record["loglik"])


@pytest.mark.parametrize(
    ("record", "covariance_type"),
    cases(
        [record for record in EQUAL if record["model"] in WRONG_WITH_EQUAL_WEIGHTS - {"VVI"} and record["loglik"]],
    ),
)
def test_equal_weights_are_no_worse_where_r_is_wrong(record, covariance_type):
    X = rows(record["dataset"])
    estimator = converge(after_m_step_with_equal_weights(record, covariance_type), X)
    assert_array_equal(estimator.weights_, 1 / record["G"])
    assert len(X) * estimator.score(X) >= record["loglik"]


# Priors


def default_prior(X, n_components, covariance_type):
    """The default of Fraley and Raftery (2007) as R has it, whose prior of axes along the features is round."""
    p = X.shape[1]
    scale = np.cov(X.T).reshape(p, p) / n_components ** (2 / p)
    if oracles.code_of(covariance_type).endswith("I"):
        scale = np.trace(scale) / p
    return GaussianMixturePrior(mean=X.mean(axis=0), mean_precision=0.01, degrees_of_freedom=p + 2, scale=scale)


def with_responsibilities(X, resp):
    """Rows, sample weights and labels in which responsibilities are certain."""
    n_samples, n_components = resp.shape
    return np.repeat(X, n_components, axis=0), resp.ravel(), np.tile(np.arange(n_components), n_samples)


def responsibilities_with_prior(dataset):
    """The responsibilities from which R makes one M-step: six digits, of which the last column is what is left."""
    (case,) = (case for case in PRIOR["one_step"] if case["dataset"] == dataset)
    two = np.array(case["z"]) / 1e6
    return np.column_stack([two, 1 - two.sum(axis=1)])


def one_step_records():
    for case in PRIOR["one_step"]:
        for model, result in case["models"].items():
            yield {**{key: case[key] for key in ["dataset", "G", "mean", "scale"]}, **result, "model": model}


@pytest.mark.parametrize(("record", "covariance_type"), cases(list(one_step_records()), ONE_STEP_WITH_PRIOR))
def test_m_step_with_prior(record, covariance_type):
    X, resp, K = rows(record["dataset"]), responsibilities_with_prior(record["dataset"]), record["G"]
    repeated, sample_weight, labels = with_responsibilities(X, resp)
    prior = default_prior(X, K, covariance_type)
    estimator = after_m_step(repeated, labels, K, covariance_type, sample_weight, prior=prior)
    weights, means, covariances = published(estimator)
    assert_allclose(weights, resp.mean(axis=0), rtol=1e-12)
    code = CODES.get(record["model"], record["model"])
    theirs = oracles.dense_covariances(record["sigma"], code, *means.shape)
    assert_allclose(covariances, theirs, rtol=1e-11, atol=1e-13 * np.abs(theirs).max())
    assert_allclose(means, record["mean"], rtol=1e-12)
    if record["model"] in WITH_PRIOR:
        assert_allclose(len(X) * estimator.score(X), record["loglik"], rtol=1e-12)


@pytest.mark.parametrize("case", PRIOR["one_step"], ids=lambda case: case["dataset"])
def test_scale_of_prior(case):
    # that the prior above is R's
    X = rows(case["dataset"])
    for model, theirs in case["scale"].items():
        ours = default_prior(X, case["G"], ONE_OF_EACH[model][0]).scale
        assert_allclose(np.ravel(ours), np.ravel(theirs), rtol=1e-12)


@exactly_max_iter
@pytest.mark.parametrize(("record", "covariance_type"), cases(PRIOR["cells"], ONE_OF_EACH))
def test_log_likelihood_with_prior(record, covariance_type):
    # R stops early, so that this says much of how it came there
    X, K = rows(record["dataset"]), record["G"]
    prior = default_prior(X, K, covariance_type)
    estimator = after_m_step(X, labels_of(record["dataset"], K), K, covariance_type, prior=prior)
    estimator = go_on(estimator, X, (record["n_iter"] or 1) - 1)
    assert np.all(np.diff(estimator.lower_bounds_) >= -1e-13 * abs(estimator.lower_bound_))
    assert_allclose(len(X) * estimator.score(X), record["loglik"], rtol=1e-10)


# Not where axes are the features': there R's scale is the same for all features, whatever their units.
@pytest.mark.parametrize("dataset", ["galaxies", "faithful", "iris", "diabetes", "wine"])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "spherical", "EEV", "VEV"])
def test_auto_is_the_default_of_r(dataset, covariance_type):
    X, labels = rows(dataset), labels_of(dataset, 3)
    ours, theirs = (
        after_m_step(X, labels, 3, covariance_type, prior=prior)
        for prior in ["auto", default_prior(X, 3, covariance_type)]
    )
    for one, other in zip(published(ours), published(theirs), strict=True):
        assert_allclose(one, other, rtol=1e-9, atol=1e-12 * np.abs(other).max())
    assert_allclose(ours.lower_bound_, theirs.lower_bound_, rtol=1e-12)


@pytest.mark.parametrize("n_components", range(1, 10))
def test_auto_prior_keeps_galaxies_from_collapsing(n_components):
    X = rows("galaxies")
    estimator = GaussianMixtureEM(n_components, covariance_type="spherical", prior="auto", random_state=0).fit(X)
    assert estimator.converged_
    assert estimator.diagnostics_.n_failed_starts == 0
    assert np.all(np.diff(estimator.lower_bounds_) >= -1e-13 * abs(estimator.lower_bound_))
    # even a component without rows has the variance of the prior's mode
    prior = default_prior(X, n_components, "spherical")
    least = prior.scale / (len(X) + 1 + prior.degrees_of_freedom + 2)
    assert np.all(estimator.covariances_ > least)


def log_prior(prior, concentration, covariance_type, weights, means, covariances):
    """The log density of the prior, as scipy has it."""
    p, code = means.shape[1], oracles.code_of(covariance_type)
    log_density = dirichlet(np.full(len(weights), concentration)).logpdf(weights)
    for mean, covariance in zip(means, covariances, strict=True):
        log_density += multivariate_normal(prior.mean, covariance / prior.mean_precision).logpdf(mean)
    for covariance in covariances[:1] if oracles.is_shared(code) else covariances:
        variances = np.diag(covariance)
        if code.endswith("II"):
            log_density += invgamma(prior.degrees_of_freedom / 2, scale=prior.scale / 2).logpdf(variances[0])
        elif code.endswith("I"):
            log_density += invgamma(prior.degrees_of_freedom / 2, scale=prior.scale / 2).logpdf(variances).sum()
        else:
            scale = np.reshape(prior.scale, (p, p))
            log_density += invwishart(prior.degrees_of_freedom, scale).logpdf(covariance)
    return log_density


def m_step_with_prior(X, resp, covariance_type, prior, concentration):
    """The textbook's M-step with a prior."""
    (n_samples, p), K, code = X.shape, resp.shape[1], oracles.code_of(covariance_type)
    mass, kappa, nu = resp.sum(axis=0), prior.mean_precision, prior.degrees_of_freedom
    means = (resp.T @ X + kappa * prior.mean) / (mass + kappa)[:, np.newaxis]
    scatter = np.zeros((K, p, p))
    for k in range(K):
        for i in range(n_samples):
            scatter[k] += resp[i, k] * np.outer(X[i] - means[k], X[i] - means[k])
        scatter[k] += kappa * np.outer(means[k] - prior.mean, means[k] - prior.mean)
    if code.endswith("II"):
        scale, count = prior.scale / p * np.eye(p), (nu + 2) / p
    elif code.endswith("I"):
        scale, count = prior.scale * np.eye(p), nu + 2
    else:
        scale, count = prior.scale, nu + p + 1
    counts = mass + 1
    meets = slice(1) if oracles.is_shared(code) else slice(None)  # components with a covariance of their own
    scatter[meets] += scale
    counts[meets] += count
    weights = (mass + concentration - 1) / (n_samples + K * (concentration - 1))
    return weights, means, oracles.M_STEPS[code](scatter, counts)


@functools.cache
def textbook_m_step_with_prior(covariance_type):
    X = rows("iris")
    prior = default_prior(X, 3, covariance_type)
    return m_step_with_prior(X, responsibilities_with_prior("iris"), covariance_type, prior, 3)


@every_covariance_type
def test_m_step_with_prior_is_the_textbooks(covariance_type):
    # all structures, those included for which R has no prior or a wrong one
    X, resp, concentration = rows("iris"), responsibilities_with_prior("iris"), 3
    repeated, sample_weight, labels = with_responsibilities(X, resp)
    prior = default_prior(X, 3, covariance_type)
    options = GaussianMixturePrior(
        concentration, prior.mean, prior.mean_precision, prior.degrees_of_freedom, prior.scale
    )
    estimator = after_m_step(repeated, labels, 3, covariance_type, sample_weight, prior=options)
    ours = published(estimator)

    def posterior(params):
        density = oracles.expected_log_likelihood(X, resp, *params)
        return density + log_prior(prior, concentration, covariance_type, *params)

    expected = textbook_m_step_with_prior(covariance_type)
    assert_allclose(ours[0], expected[0], rtol=1e-10)
    assert_allclose(ours[1], expected[1], rtol=1e-10)
    assert_allclose(posterior(ours), posterior(expected), rtol=1e-12)
    if covariance_type not in COMMON_AXES:
        assert_allclose(ours[2], expected[2], rtol=1e-10, atol=1e-10 * np.abs(expected[2]).max())
    # the labels are certain, so this is the objective
    assert_allclose(len(X) * estimator.lower_bound_, posterior(ours), rtol=1e-12)


@exactly_max_iter
@every_covariance_type
def test_objective_with_prior(covariance_type):
    X, concentration = rows("iris"), 3
    prior = default_prior(X, 3, covariance_type)
    options = GaussianMixturePrior(
        concentration, prior.mean, prior.mean_precision, prior.degrees_of_freedom, prior.scale
    )
    estimator = go_on(after_m_step(X, labels_of("iris", 3), 3, covariance_type, prior=options), X, 20)
    assert np.all(np.diff(estimator.lower_bounds_) >= -1e-13 * abs(estimator.lower_bound_))
    params = published(estimator)
    log_posterior = oracles.log_likelihood(X, *params) + log_prior(prior, concentration, covariance_type, *params)
    assert_allclose(len(X) * estimator.lower_bound_, log_posterior, rtol=1e-12)


@every_covariance_type
def test_prior_meets_repeated_rows_as_weights(covariance_type):
    # a prior weighs as much as so many rows, hence the size of weights matters
    X, labels = rows("iris"), labels_of("iris", 3)
    weighted = after_m_step(X, labels, 3, covariance_type, np.full(len(X), 3.0), prior="auto")
    repeated = after_m_step(np.tile(X, (3, 1)), np.tile(labels, 3), 3, covariance_type, prior="auto")
    for one, other in zip(published(weighted), published(repeated), strict=True):
        assert_allclose(one, other, rtol=1e-8, atol=1e-10 * np.abs(other).max())
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-12)


# The number of parameters


@pytest.mark.parametrize(
    ("model", "covariance_type"),
    [(model, NAMES.get(CODES.get(model, model), CODES.get(model, model))) for model in COVARIANCE_TYPES],
)
@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_number_of_parameters_with_options(model, covariance_type, step):
    rng = np.random.default_rng(0)
    for n_features, n_components, *expected in read("mclust_nparams.json")[model][::step]:
        means = rng.normal(size=(n_components, n_features))
        covariances = np.ones((n_components, 1, 1)) * np.eye(n_features)
        weights = np.full(n_components, 1 / n_components)
        X = rng.normal(size=(n_components + 1, n_features))
        ours = []
        for options in [{}, {"noise": True}, {"weights": "equal"}, {"noise": True, "weights": "equal"}]:
            estimator = start_at((weights, means, covariances), covariance_type, max_iter=0, **options).fit(X)
            ours.append(estimator.aic(X) / 2 + len(X) * estimator.score(X))
        assert_allclose(ours, expected, rtol=1e-10)
