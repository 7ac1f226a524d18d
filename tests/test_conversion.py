"""Mixtures of known parameters, and the same mixture in scikit-learn's class and ours."""

import pickle

import numpy as np
import oracles
import pandas as pd
import pytest
from conftest import mixture_rows, natural
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from sklearn_em import Factor, GaussianMixtureEM
from sklearn_em.gaussian.covariance import STRUCTURES

IRIS = load_iris().data
THEIRS = ["full", "tied", "diag", "spherical"]
TWO = [0.5, 0.5]
PLANE = [[0.0, 0.0], [3.0, 1.0]]


@pytest.fixture
def textbook(covariance_type):
    """Rows, and weights, means and dense covariances that the textbook finds for them."""
    X, labels = mixture_rows(60)
    return X, oracles.m_step(X, np.eye(3)[labels], covariance_type)


def test_everything_works_without_a_fit(textbook, covariance_type):
    X, (weights, means, covariances) = textbook
    compact = natural(covariances, covariance_type)
    mixture = GaussianMixtureEM.from_parameters(weights, means, compact, covariance_type)
    assert mixture.n_components == 3
    assert mixture.n_features_in_ == 3
    assert_array_equal(mixture.covariances_, compact)
    assert_allclose(mixture.covariance_matrices(), covariances, rtol=1e-12, atol=1e-14)
    assert_allclose(mixture.precisions_, natural(oracles.inverse(covariances), covariance_type), rtol=1e-9, atol=1e-12)

    log_densities = oracles.score_samples(X, weights, means, covariances)
    resp = oracles.responsibilities(X, weights, means, covariances)
    assert_allclose(mixture.score_samples(X), log_densities, rtol=1e-10)
    assert mixture.score(X) == pytest.approx(log_densities.mean(), rel=1e-10)
    assert_allclose(mixture.predict_proba(X), resp, atol=1e-10)
    assert_array_equal(mixture.predict(X), resp.argmax(axis=1))
    n_parameters = 2 + 9 + STRUCTURES[covariance_type].n_parameters(3, 3)
    bic = -2 * log_densities.sum() + n_parameters * np.log(len(X))
    assert mixture.bic(X) == pytest.approx(bic, rel=1e-10)
    assert mixture.aic(X) == pytest.approx(-2 * log_densities.sum() + 2 * n_parameters, rel=1e-10)
    assert mixture.icl(X) == pytest.approx(bic - 2 * np.log(resp.max(axis=1)).sum(), rel=1e-10)

    volume, shape, axes = mixture.covariance_decomposition()
    parts = volume[:, None, None] * np.einsum("kij,kj,klj->kil", axes, shape, axes)
    assert_allclose(parts, covariances, rtol=1e-6, atol=1e-6)
    assert_allclose(mixture.impute(np.full((1, 3), np.nan)), (weights @ means)[None], rtol=1e-10)
    drawn, labels = mixture.sample(4000, random_state=0)
    for k in range(3):
        error = np.sqrt(np.diag(covariances[k]) / (labels == k).sum())
        assert np.all(np.abs(drawn[labels == k].mean(axis=0) - means[k]) < 5 * error)

    copied = pickle.loads(pickle.dumps(mixture))
    assert_array_equal(copied.score_samples(X), mixture.score_samples(X))
    with pytest.raises(NotFittedError):
        clone(mixture).predict(X)
    assert not any(hasattr(mixture, name) for name in ["converged_", "n_iter_", "lower_bound_", "diagnostics_"])


def test_a_fit_goes_on_from_given_parameters(textbook, covariance_type):
    X, (weights, means, covariances) = textbook
    given = GaussianMixtureEM.from_parameters(weights, means, natural(covariances, covariance_type), covariance_type)
    start = given.score_samples(X)
    given.set_params(warm_start=True, reg_covar=0, max_iter=0).fit(X)
    assert given.lower_bounds_ == pytest.approx([start.mean()], rel=1e-8)
    given.set_params(max_iter=1000).fit(X)
    assert given.converged_
    assert given.lower_bound_ > start.mean()


@pytest.mark.parametrize(("name", "code"), list(oracles.CODES.items()))
def test_codes_are_names(name, code):
    covariances = natural(2 * np.array([np.eye(2), np.eye(2)]), name)
    by_name, by_code = (GaussianMixtureEM.from_parameters(TWO, PLANE, covariances, word) for word in [name, code])
    assert_array_equal(by_name.score_samples(PLANE), by_code.score_samples(PLANE))


@pytest.mark.parametrize("noise", ["own", "common"])
def test_factors_are_given_as_loadings_and_noise(noise):
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(2, 6, 2))
    variances = rng.uniform(0.5, 1, size=6 if noise == "common" else (2, 6))
    means, X = rng.normal(size=(2, 6)), rng.normal(size=(20, 6))
    mixture = GaussianMixtureEM.from_parameters([0.2, 0.8], means, (loadings, variances), Factor(2, noise=noise))
    covariances = loadings @ loadings.transpose(0, 2, 1) + np.broadcast_to(variances, (2, 6))[:, :, None] * np.eye(6)
    assert_allclose(mixture.covariance_matrices(), covariances, rtol=1e-10, atol=1e-12)
    assert_allclose(mixture.score_samples(X), oracles.score_samples(X, [0.2, 0.8], means, covariances), rtol=1e-10)
    stored = mixture.factor_loadings_, mixture.noise_variances_
    again = GaussianMixtureEM.from_parameters(mixture.weights_, mixture.means_, stored, mixture.covariance_type)
    assert_allclose(again.factor_loadings_, mixture.factor_loadings_, rtol=1e-10, atol=1e-12)


def test_numbers_as_printed_obey_their_structure(covariance_type):
    units = 1e6 if STRUCTURES[covariance_type].one_scale else np.array([1e-8, 1.0, 1e8])
    X, _ = mixture_rows()
    fitted = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(X * units)
    printed = np.vectorize(lambda number: float(f"{number:.7g}"))(fitted.covariances_)
    rounded = GaussianMixtureEM.from_parameters(fitted.weights_, fitted.means_, printed, covariance_type)
    assert rounded.score(X * units) == pytest.approx(fitted.score(X * units), abs=1e-4)
    single = [array.astype(np.float32) for array in (fitted.weights_, fitted.means_, fitted.covariances_)]
    assert GaussianMixtureEM.from_parameters(*single, covariance_type).covariances_.dtype == np.float32


def test_a_table_of_means_names_the_features():
    means = pd.DataFrame(PLANE, columns=["width", "height"])
    mixture = GaussianMixtureEM.from_parameters(TWO, means, [1.0, 1.0], "spherical")
    assert mixture.feature_names_in_.tolist() == ["width", "height"]
    assert mixture.predict(means).tolist() == [0, 1]  # and does not warn


def test_a_seed_given_later_counts():
    draws = []
    for _ in range(2):
        mixture = GaussianMixtureEM.from_parameters(TWO, PLANE, [1.0, 1.0], "spherical").set_params(random_state=3)
        draws.append([mixture.sample(5)[0] for _ in range(2)])
    assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0][0], draws[0][1])


ROUND = np.array([np.eye(2), np.eye(2)])
UNEQUAL = np.array([np.eye(2), np.diag([1.0, 2.0])])
LOADINGS = np.ones((2, 2, 1))


@pytest.mark.parametrize(
    ("weights", "means", "covariances", "covariance_type", "message"),
    [
        (TWO, [0.0, 1.0], [1, 1], "spherical", r"means has shape \(2,\); .*np.reshape\(means, \(-1, 1\)\)\."),
        (TWO, [[0.0], [np.nan]], [1, 1], "spherical", "means contains NaN"),
        ([1.0], PLANE, [1, 1], "spherical", r"'weights' should have the shape of \(2,\), but got \(1,\); mend weights"),
        ([0.5, 0.6], PLANE, [1, 1], "spherical", r"sum\(weights\) = 1.10000; divide weights by its sum"),
        ([-0.5, 1.5], PLANE, [1, 1], "spherical", r"'weights' should be in the range \[0, 1\].*; mend weights"),
        ([0.5, np.inf], PLANE, [1, 1], "spherical", "weights contains infinity"),
        (TWO, PLANE, [1, 1], "full", r"covariances has shape \(2,\); .*'full' it must have shape \(2, 2, 2\)"),
        (TWO, PLANE, ROUND, "tied", r"covariances has shape \(2, 2, 2\); .*'tied' it must have shape \(2, 2\)"),
        (TWO, PLANE, [1, np.nan], "spherical", "covariances contains NaN"),
        (TWO, PLANE, [1, 0], "spherical", r"covariances\[1\] is not positive; give"),
        (TWO, PLANE, [[1, 2], [2, 1]], "tied", "covariances is not symmetric and positive definite; give"),
        (TWO, PLANE, [np.eye(2), [[1, 0.5], [0, 1]]], "VVV", r"covariances\[1\] is not symmetric and positive"),
        (TWO, PLANE, UNEQUAL, "EEV", r"obey covariance_type='EEV' \(Ellipsoids .* covariance_type=\"full\""),
        (TWO, PLANE, [[1, 2], [1, 3]], "EVI", r"obey covariance_type='EVI' \(Ellipsoids .* covariance_type=\"diag\""),
        (TWO, PLANE, ROUND, Factor(1), r"give factor_loadings_ of shape \(2, 2, 1\) and noise_variances_ of"),
        (TWO, PLANE, (LOADINGS, np.ones(2)), Factor(1), r"noise_variances has shape \(2,\); .* have shape \(2, 2\)"),
        (TWO, PLANE, (LOADINGS, np.zeros((2, 2))), Factor(1), "noise_variances are not positive; give"),
        (TWO, PLANE, (LOADINGS, np.full((2, 2), 1e-12)), Factor(1), r"components \[0, 1\] are singular in floating"),
        (TWO, PLANE, (LOADINGS, np.ones((2, 2))), Factor(2), "there must be fewer factors than features"),
        (TWO, PLANE, ROUND, "round", "The 'covariance_type' parameter of GaussianMixtureEM must be"),
    ],
)
def test_wrong_parameters(weights, means, covariances, covariance_type, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM.from_parameters(weights, means, covariances, covariance_type)


@pytest.mark.parametrize(
    ("covariance_type", "wrong"),
    [
        ("VEI", [[1, 2], [1, 3]]),
        ("EVV", [np.eye(2), 2 * np.eye(2)]),
        ("VEE", UNEQUAL),
        ("VEV", UNEQUAL),
        ("EVE", UNEQUAL),
        ("VVE", [[[2, 0.5], [0.5, 1]], [[1, 0.5], [0.5, 3]]]),
    ],
)
def test_covariances_of_another_structure(covariance_type, wrong):
    with pytest.raises(ValueError, match="do not obey"):
        GaussianMixtureEM.from_parameters(TWO, PLANE, wrong, covariance_type)


def assert_same_model(one, other, X):
    assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=0, atol=1e-12)
    assert_allclose(one.score_samples(X), other.score_samples(X), rtol=1e-12, atol=1e-12)
    assert one.bic(X) == pytest.approx(other.bic(X), rel=1e-12)
    assert one.aic(X) == pytest.approx(other.aic(X), rel=1e-12)


@pytest.mark.parametrize("covariance_type", THEIRS)
def test_from_scikit_learn_and_back(covariance_type):
    X = load_iris(as_frame=True).data
    theirs = GaussianMixture(3, covariance_type=covariance_type, random_state=0, n_init=2, max_iter=50).fit(X)
    ours = GaussianMixtureEM.from_sklearn(theirs)
    back = ours.to_sklearn()
    assert_same_model(ours, theirs, X)
    assert_same_model(back, theirs, X)
    assert_array_equal(back.sample(30)[0], theirs.sample(30)[0])
    assert vars(back).keys() >= vars(theirs).keys()
    for name in vars(theirs):
        if name != "tol":
            assert_array_equal(getattr(back, name), getattr(theirs, name), err_msg=name)
    assert ours.get_params()["tol"] == GaussianMixtureEM().tol
    # a copy, not a view: what is done to one does not show in the other
    back.means_ += 1
    assert_same_model(ours, theirs, X)


@pytest.mark.parametrize("covariance_type", [*THEIRS, "VVV", "EEE", "VVI", "VII"])
def test_to_scikit_learn_and_back(covariance_type):
    ours = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(IRIS)
    theirs = ours.to_sklearn()
    assert type(theirs) is GaussianMixture
    assert_same_model(ours, theirs, IRIS)
    assert theirs.lower_bound_ == theirs.lower_bounds_[-1] == ours.lower_bound_
    assert len(theirs.lower_bounds_) == theirs.n_iter_ == ours.n_iter_
    assert theirs.converged_
    assert theirs.n_features_in_ == 4
    again = GaussianMixtureEM.from_sklearn(theirs)
    assert_allclose(again.score_samples(IRIS), ours.score_samples(IRIS), rtol=1e-11)
    assert_allclose(again.sample(30)[0], ours.sample(30)[0], rtol=1e-11)
    assert theirs.set_params(warm_start=True).fit(IRIS).n_iter_ == 1  # it goes on, and has arrived


@pytest.mark.parametrize("covariance_type", THEIRS)
def test_single_precision_survives(covariance_type):
    X = IRIS.astype(np.float32)
    theirs = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    ours = GaussianMixtureEM.from_sklearn(theirs)
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-3, atol=1e-3)
    assert_allclose(ours.to_sklearn().score_samples(X), theirs.score_samples(X), rtol=1e-6)


def test_parameters_that_mean_the_same_are_kept():
    kept = {
        "max_iter": 7,
        "n_init": 2,
        "init_params": "random",
        "reg_covar": 0.01,
        "random_state": 5,
        "warm_start": True,
        "verbose": 0,
        "verbose_interval": 3,
        "weights_init": [1.0],
    }
    theirs = GaussianMixture(tol=10.0, **kept).fit(IRIS)
    ours = GaussianMixtureEM.from_sklearn(theirs)
    assert kept.items() <= ours.get_params().items()
    assert kept.items() <= ours.to_sklearn().get_params().items()
    assert ours.set_params(reg_covar="auto").to_sklearn().reg_covar == GaussianMixture().reg_covar


def test_given_parameters_are_a_fit_without_iterations_there():
    X, _ = mixture_rows(n_features=2)
    ours = GaussianMixtureEM.from_parameters(TWO, PLANE, [1.0, 1.0], "spherical")
    theirs = ours.to_sklearn()
    assert not theirs.converged_
    assert theirs.n_iter_ == len(theirs.lower_bounds_) == 0
    assert_same_model(theirs, ours, X)
    assert not hasattr(GaussianMixtureEM.from_sklearn(theirs), "lower_bound_")
    theirs.set_params(warm_start=True, max_iter=0).fit(X)  # goes on from there, no further
    assert_same_model(theirs, ours, X)


@pytest.mark.parametrize("covariance_type", ["VEI", "tied_spherical", Factor(1)], ids=str)
def test_structures_without_an_equivalent(covariance_type):
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(IRIS)
    with pytest.raises(ValueError, match="only 'full', 'tied', 'diag', 'spherical'; the same densities are those of "):
        mixture.to_sklearn()
    # as the sentence says
    theirs = GaussianMixtureEM.from_parameters(
        mixture.weights_, mixture.means_, mixture.covariance_matrices()
    ).to_sklearn()
    assert_allclose(theirs.score_samples(IRIS), mixture.score_samples(IRIS), rtol=1e-9)


def test_noise_has_no_equivalent():
    with pytest.raises(ValueError, match=r"has no noise component, .*; fit with noise=False"):
        GaussianMixtureEM(noise=True).fit(IRIS).to_sklearn()


def test_what_is_not_a_fitted_mixture():
    with pytest.raises(TypeError, match=r"not a BayesianGaussianMixture; .* from_parameters takes"):
        GaussianMixtureEM.from_sklearn(BayesianGaussianMixture().fit(IRIS))
    with pytest.raises(NotFittedError, match="GaussianMixture instance is not fitted"):
        GaussianMixtureEM.from_sklearn(GaussianMixture())
    with pytest.raises(NotFittedError, match="GaussianMixtureEM instance is not fitted"):
        GaussianMixtureEM().to_sklearn()


@pytest.mark.parametrize("covariance_type", THEIRS)
def test_onnx(covariance_type):
    from onnxruntime import InferenceSession
    from skl2onnx import to_onnx

    mixture = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(IRIS)
    model = to_onnx(mixture.to_sklearn(), IRIS[:1])
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {session.get_inputs()[0].name: IRIS})
    assert_array_equal(np.ravel(labels), mixture.predict(IRIS))
    assert_allclose(probabilities, mixture.predict_proba(IRIS), atol=1e-10)
