"""Mixtures of factor analysers: the contract of the structures, the oracles of factor analysis, and the laws."""

import pickle
import re

import numpy as np
import pytest
from conftest import mixture_rows
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import FactorAnalysis
from sklearn.model_selection import GridSearchCV

from sklearn_em import Factor, FixedParameters, GaussianMixtureEM
from sklearn_em.em import DegenerateError
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import STRUCTURES, structure_of
from sklearn_em.gaussian.covariance.factor_analysis import LEAST_NOISE, analyse
from sklearn_em.gaussian.log_prob import Densities

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
VALUES = [Factor(1), Factor(2), Factor(2, "common")]


@pytest.fixture(params=VALUES, ids=str)
def factor(request):
    return request.param


def fit(X, factor, sample_weight=None, n_components=2, **options):
    # Below 15 iterations no time goes into a search for the start.
    options = {"random_state": 0, "max_iter": 14, **options}
    return GaussianMixtureEM(n_components, covariance_type=factor, **options).fit(X, sample_weight=sample_weight)


def given_start(estimator):
    return {
        "weights_init": estimator.weights_,
        "means_init": estimator.means_,
        "precisions_init": estimator.precisions_,
    }


def obeying(n_components, n_features, n_factors, seed=0, one_noise=False):
    """Return covariances as loadings and noise side by side, (K, p, q + 1)."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(n_components, n_features, n_factors))
    noise = rng.uniform(0.5, 2.0, size=(n_components, n_features, 1))
    return np.concatenate([loadings, noise[:1].repeat(n_components, axis=0) if one_noise else noise], axis=2)


def dense(covariances):
    """Return W W^T + Psi, from the textbook."""
    return np.stack([c[:, :-1] @ c[:, :-1].T + np.diag(c[:, -1]) for c in covariances])


def factor_rows(n_samples, n_features, n_factors, n_components=1, separation=3.0, seed=0):
    rng = np.random.default_rng(seed)
    matrices = dense(obeying(n_components, n_features, n_factors, seed))
    means = separation * rng.normal(size=(n_components, n_features))
    labels = rng.integers(n_components, size=n_samples)
    roots = np.linalg.cholesky(matrices)
    return means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n_samples, n_features)))


def bound(covariances, scatter, mass):
    """Return the expected log density that the M-step maximises, less what does not depend on covariances."""
    return -0.5 * sum(
        m * np.linalg.slogdet(sigma)[1] + np.trace(np.linalg.solve(sigma, s))
        for sigma, s, m in zip(covariances, scatter, mass, strict=True)
    )


# The form: log densities without a matrix of p x p.


@pytest.mark.parametrize("n_features", [6, 80])
def test_log_densities_are_scipys(n_features):
    structure, K = Factor(3).structure, 2
    covariances = obeying(K, n_features, 3)
    rows = np.random.default_rng(1).normal(size=(50, n_features)) + 2
    gaussians = Gaussians.from_covariances(structure, rows[:K], covariances)
    for centre in (rows.mean(axis=0), np.full(n_features, 1e6)):
        densities = Densities.prepare(gaussians, centre, np.zeros(K))
        features = densities.buffer(len(rows))
        features.load(rows, np.ones(n_features), centre)
        joint = densities.log_joint(features, np.empty((K, len(rows))))
        expected = [
            multivariate_normal(mean, sigma).logpdf(rows)
            for mean, sigma in zip(rows[:K], dense(covariances), strict=True)
        ]
        assert_allclose(joint, expected, rtol=1e-10)


def test_no_matrix_of_p_by_p_in_the_e_step(monkeypatch):
    """With 80 features, densities ask for neither precisions nor matrices."""
    structure = Factor(3).structure
    gaussians = Gaussians.from_covariances(structure, np.zeros((2, 80)), obeying(2, 80, 3))

    def forbidden(*arguments):
        raise AssertionError

    monkeypatch.setattr(type(structure.form), "precisions", forbidden)
    monkeypatch.setattr(type(structure.form), "matrices", forbidden)
    densities = Densities.prepare(gaussians, np.zeros(80), np.zeros(2), blur=np.ones(80))
    features = densities.buffer(5)
    features.load(np.ones((5, 80)), np.ones(80), np.zeros(80))
    assert np.isfinite(densities.log_joint(features, np.empty((2, 5)))).all()


@pytest.mark.parametrize("least", [1.0, 1e-6, LEAST_NOISE])
def test_forms_agree_with_dense_matrices(least):
    """Also where a feature is next to free of noise."""
    form, p = Factor(2).structure.form, 5
    covariances = obeying(3, p, 2)
    covariances[:, 1, -1] = least
    factors = form.precision_cholesky(covariances)
    matrices = dense(covariances)
    # 1e-16 / least is what is lost of the entries of the inverse.
    precisions = np.linalg.inv(matrices)
    assert_allclose(form.matrices(covariances, p), matrices, rtol=1e-14)
    assert_allclose(form.precisions(factors), precisions, rtol=1e-9, atol=1e-9 * abs(precisions).max())
    assert_allclose(form.precision_diagonal(factors, p), precisions.diagonal(axis1=1, axis2=2), rtol=1e-9)
    assert_allclose(form.log_det(factors, p), -0.5 * np.linalg.slogdet(matrices)[1], rtol=1e-9)
    assert_allclose(form.diagonal(covariances, p), matrices.diagonal(axis1=1, axis2=2), rtol=1e-14)
    assert_allclose(dense(form.covariances(factors)), matrices, rtol=1e-10, atol=1e-10)
    vectors = np.random.default_rng(0).normal(size=(3, p))
    assert_allclose(form.times(covariances, vectors), np.einsum("kij,kj->ki", matrices, vectors), rtol=1e-12)
    rows = np.random.default_rng(1).normal(size=(p, 7))
    squares = np.square(form.project(factors[0], rows)).sum(axis=0)
    assert_allclose(squares, np.einsum("ib,ij,jb->b", rows, precisions[0], rows), rtol=1e-8)
    root = form.draw(factors[0], np.eye(p))
    assert_allclose(root.T @ root, matrices[0], rtol=1e-9, atol=1e-10)
    factor = 2.0 ** np.arange(p)
    again = form.rescale(form.rescale(covariances, factor), 1 / factor)
    assert_array_equal(again, covariances)
    assert_array_equal(form.rescale_cholesky(form.rescale_cholesky(factors, factor), 1 / factor), factors)


def test_narrow_covariances_are_told_as_by_eigenvalues():
    rng = np.random.default_rng(0)
    form, p = Factor(2).structure.form, 6
    for seed in range(20):
        covariances = obeying(1, p, 2, seed)
        covariances[0, :, -1] *= 10.0 ** rng.uniform(-4, 0, size=p)
        variance = rng.uniform(0.5, 2, size=p)
        relative = dense(covariances)[0] / np.sqrt(variance)[:, None] / np.sqrt(variance)
        smallest = np.linalg.eigvalsh(relative)[0]
        assert not form.narrower(covariances, variance, smallest * 0.999)[0]
        assert form.narrower(covariances, variance, smallest * 1.001)[0]


# The M-step.


@pytest.mark.parametrize("n_features", [6, 120])
@pytest.mark.parametrize("one_noise", [False, True])
def test_no_nearby_covariances_are_better(n_features, one_noise):
    """Neither loadings nor noise can be changed for the better: with all eigenvectors, and in a Krylov space."""
    structure = Factor(2, "common" if one_noise else "own").structure
    rng, K = np.random.default_rng(0), 2
    mass = np.array([30.0, 70.0])
    scatter = mass[:, None, None] * np.stack(
        [
            np.cov(rng.normal(size=(4 * n_features, n_features)) @ np.linalg.cholesky(s).T, rowvar=False)
            for s in dense(obeying(K, n_features, 2))
        ]
    )
    best = structure.estimate(scatter, mass, n_features, None)
    best = structure.estimate(scatter, mass, n_features, best)
    top = bound(dense(best), scatter, mass)
    for _ in range(20):
        change = 1 + 1e-3 * rng.normal(size=best.shape)
        if one_noise:
            change[:, :, -1] = change[0, :, -1]
        assert bound(dense(best * change), scatter, mass) < top


def test_never_worse_than_the_previous(factor):
    rng = np.random.default_rng(0)
    structure = factor.structure
    for p in (5, 110):
        scatter = np.stack([np.cov(rng.normal(size=(3 * p, p)), rowvar=False) for _ in range(2)])
        for seed in range(5):
            previous = obeying(2, p, factor.n_factors, seed, factor.noise == "common")
            previous = structure.form.covariances(structure.form.precision_cholesky(previous))
            after = structure.estimate(scatter, np.ones(2), p, previous)
            assert bound(dense(after), scatter, np.ones(2)) >= bound(dense(previous), scatter, np.ones(2)) - 1e-9


def test_structures_are_nested():
    """Of more parameters none is worse: diag, one factor, two, full; and common noise than noise of one's own."""
    X, labels = mixture_rows(300, 6, 3)
    mass = np.bincount(labels).astype(float)
    scatter = np.stack([np.cov(X[labels == k].T, bias=True) * mass[k] for k in range(3)])
    diagonal = scatter.diagonal(axis1=1, axis2=2)
    chain = [np.stack([np.diag(d) for d in STRUCTURES["diag"].estimate(diagonal, mass, 6, None)])]
    chain += [dense(Factor(q).structure.estimate(scatter, mass, 6, None)) for q in (1, 2, 3)]
    chain += [STRUCTURES["full"].estimate(scatter, mass, 6, None)]
    values = [bound(covariances, scatter, mass) for covariances in chain]
    assert (np.diff(values) >= -1e-9).all()
    common = bound(dense(Factor(2, "common").structure.estimate(scatter, mass, 6, None)), scatter, mass)
    assert common <= values[2]


def test_one_factor_less_than_features_is_full():
    X = load_iris().data
    full = fit(X, "full", n_components=1, reg_covar=0)
    factors = fit(X, Factor(3), n_components=1, reg_covar=0)
    assert_allclose(factors.score(X), full.score(X), rtol=1e-10)
    assert_allclose(factors.covariances_, full.covariances_, rtol=1e-4, atol=1e-5)
    assert factors._n_parameters() == full._n_parameters()


def test_covariances_that_obey_are_found_exactly(factor):
    p = 8
    covariances = obeying(2, p, factor.n_factors, one_noise=factor.noise == "common")
    mass = np.array([3.0, 5.0])
    found = factor.structure.estimate(mass[:, None, None] * dense(covariances), mass, p, None)
    assert_allclose(dense(found), dense(covariances), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_factors", [1, 2, 3])
@pytest.mark.parametrize("name", ["wine", "synthetic"])
def test_k_1_is_factor_analysis(name, n_factors):
    """scikit-learn's maximum; its own search depends on units, so it is given standardised rows."""
    X = load_wine().data if name == "wine" else factor_rows(400, 8, 3)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    theirs = FactorAnalysis(n_factors, tol=1e-10, max_iter=20_000, svd_method="lapack").fit(X)
    ours = fit(X, Factor(n_factors), n_components=1, reg_covar=0, tol=1e-10)
    assert ours.score(X) >= theirs.score(X) - 1e-6
    assert_allclose(ours.score(X), theirs.score(X), rtol=1e-6)
    assert_allclose(ours.noise_variances_[0], theirs.noise_variance_, rtol=1e-3, atol=1e-4)
    loadings = ours.factor_loadings_[0]
    assert_allclose(loadings @ loadings.T, theirs.components_.T @ theirs.components_, rtol=1e-3, atol=1e-3)


def test_loadings_are_in_their_own_form(factor):
    """Orthogonal in units of the noise, decreasing, the largest entry positive."""
    estimator = fit(mixture_rows(300, 5, 2)[0], factor)
    noise = np.broadcast_to(estimator.noise_variances_, (2, 5))
    for loadings, psi in zip(estimator.factor_loadings_, noise, strict=True):
        scaled = loadings / np.sqrt(psi)[:, None]
        gram = scaled.T @ scaled
        assert_allclose(gram, np.diag(gram.diagonal()), atol=1e-8 * gram.max())
        assert (np.diff(gram.diagonal()) <= 0).all()
        assert (scaled[np.abs(scaled).argmax(axis=0), np.arange(factor.n_factors)] > 0).all()


def test_singular_components_are_named():
    structure = Factor(2).structure
    scatter = np.stack([np.eye(5), np.zeros((5, 5)), np.eye(5)])
    with pytest.raises(DegenerateError) as caught:
        structure.estimate(scatter, np.ones(3), 5, None)
    assert caught.value.components == (1,)
    # Two rows leave nothing for the noise.
    rows = np.random.default_rng(0).normal(size=(3, 5))
    scatter[1] = np.cov(rows.T)
    with pytest.raises(DegenerateError) as caught:
        structure.form.precision_cholesky(structure.estimate(scatter, np.ones(3), 5, None))
    assert caught.value.components == (1,)
    with pytest.raises(ValueError, match="ill-defined empirical covariance"):
        fit(rows, Factor(2), n_components=1, reg_covar=0)


def test_a_feature_without_noise_stays_regular():
    """A Heywood case: the best factor is a feature itself."""
    S = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, 0.5], [0.9, 0.5, 1.0]])
    loadings, noise = analyse(S[None], np.ones(1), 1, None)
    assert noise.min() == pytest.approx(LEAST_NOISE)
    sigma = loadings[0] @ loadings[0].T + np.diag(noise)
    best = max(
        bound([np.outer(w, w) + np.diag(1 - w**2)], [S], [1.0])
        for w in (np.array([1 - 1e-9, 0.9, 0.9]), np.array([0.9999, 0.9, 0.9]))
    )
    assert bound([sigma], [S], [1.0]) >= best - 1e-6


# The laws.


@pytest.mark.parametrize("reg_covar", ["auto", 0.0, 0.3])
@pytest.mark.parametrize("acceleration", [pytest.param(None, marks=pytest.mark.slow), "squarem"])
def test_objective_never_falls(factor, reg_covar, acceleration):
    X, _ = mixture_rows(200, 4, 3, separation=1.0)
    weight = np.random.default_rng(0).exponential(size=len(X))
    start = given_start(fit(X, factor, weight, n_components=3, max_iter=0))
    options = {"reg_covar": reg_covar, "acceleration": acceleration, "tol": 0, "max_iter": 60}
    estimator = fit(X, factor, weight, n_components=3, **options, **start)
    trace = np.array(estimator.lower_bounds_)
    assert np.diff(trace).min() >= -1e-9
    assert estimator.score(X, sample_weight=weight) >= trace[-1] - 1e-9


def test_objective_never_falls_with_many_features(factor):
    X = factor_rows(300, 100, 3, n_components=2)
    estimator = fit(X, factor, tol=0, max_iter=15)
    assert np.diff(estimator.lower_bounds_).min() >= -1e-9


def test_objective_never_falls_with_tight_components(factor):
    rng = np.random.default_rng(0)
    X = 1e4 * rng.normal(size=(3, 4))[rng.integers(3, size=200)] + 0.1 * rng.normal(size=(200, 4))
    trace = np.array(fit(X, factor, n_components=3, reg_covar=0, tol=0).lower_bounds_)
    assert np.diff(trace).min() >= -1e-11 * (1 + abs(trace).max())


def test_a_search_finds_the_components(factor):
    X = factor_rows(300, 5, 2, n_components=2, separation=6.0)
    estimator = fit(X, factor, max_iter=1000)
    assert estimator.converged_
    assert estimator.lower_bound_ >= fit(X, factor, init_params="random").lower_bound_ - 1e-6


def test_strange_rows_are_fitted(factor):
    """Repeated, constant and few rows: the objective is finite and never falls."""
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(40, 4)), 1)
    constant, few = X.copy(), X[:5]
    constant[:, 2] = 7.0
    for rows in (np.repeat(X[:8], 5, axis=0), constant, few, X * 1e150, X.astype(np.float32) + 1e4):
        trace = np.array(fit(rows, factor).lower_bounds_)
        assert np.isfinite(trace).all()
        assert np.diff(trace).min(initial=0) >= -1e-9 * (1 + abs(trace).max())


def test_weights_are_repeats(factor):
    X, _ = mixture_rows(150, 4, 2)
    weight = np.random.default_rng(0).integers(0, 4, size=len(X))
    one, other = fit(X, factor, weight), fit(np.repeat(X, weight, axis=0), factor)
    assert_allclose(one.lower_bound_, other.lower_bound_, rtol=1e-9)
    assert_allclose(one.covariance_matrices(), other.covariance_matrices(), rtol=1e-4, atol=1e-5)
    assert_array_equal(one.predict(X), other.predict(X))


def test_order_of_rows_is_of_no_account(factor):
    X, _ = mixture_rows(150, 4, 2)
    one, other = fit(X, factor), fit(X[np.random.default_rng(0).permutation(len(X))], factor)
    assert_allclose(one.lower_bound_, other.lower_bound_, rtol=1e-9)
    assert_allclose(one.factor_loadings_, other.factor_loadings_, rtol=1e-3, atol=1e-4)


def test_rescaling_of_features(factor):
    X, _ = mixture_rows(150, 4, 2)
    scale = np.array([1e-3, 7.0, 0.3, 1e5])
    one, other = fit(X, factor), fit(X * scale, factor)
    assert_allclose(other.lower_bound_ + np.log(scale).sum(), one.lower_bound_, rtol=1e-7)
    assert_allclose(other.factor_loadings_ / scale[:, None], one.factor_loadings_, rtol=1e-3, atol=1e-4)
    assert_allclose(other.noise_variances_ / scale**2, one.noise_variances_, rtol=1e-3, atol=1e-5)
    assert_array_equal(one.predict(X), other.predict(X * scale))


@pytest.mark.parametrize("n_features", [5, 80])
def test_any_number_of_threads_gives_the_same_bits(factor, n_features):
    X = factor_rows(3000, n_features, 2, n_components=3)
    one, two = (fit(X, factor, n_components=3, n_jobs=n_jobs, max_iter=5) for n_jobs in (1, 2))
    assert one.lower_bounds_ == two.lower_bounds_
    for name in ("weights_", "means_", "factor_loadings_", "noise_variances_"):
        assert_array_equal(getattr(one, name), getattr(two, name))
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))


# The estimator.


def test_attributes_are_the_truth(factor):
    X, _ = mixture_rows(200, 4, 2)
    estimator = fit(X, factor)
    K, p, q = 2, 4, factor.n_factors
    assert estimator.factor_loadings_.shape == (K, p, q)
    assert estimator.noise_variances_.shape == ((p,) if factor.noise == "common" else (K, p))
    assert not any(name in vars(estimator) for name in ("covariances_", "precisions_", "precisions_cholesky_"))
    noise = np.broadcast_to(estimator.noise_variances_, (K, p))
    expected = dense(np.concatenate([estimator.factor_loadings_, noise[:, :, None]], axis=2))
    assert_allclose(estimator.covariance_matrices(), expected, rtol=1e-12)
    assert_allclose(estimator.covariances_, expected, rtol=1e-12)
    assert_allclose(estimator.precisions_ @ expected, np.broadcast_to(np.eye(p), (K, p, p)), atol=1e-9)
    cholesky = estimator.precisions_cholesky_
    assert_allclose(cholesky @ cholesky.swapaxes(1, 2), estimator.precisions_, rtol=1e-9, atol=1e-9)
    joint = [
        np.log(weight) + multivariate_normal(mean, sigma).logpdf(X)
        for weight, mean, sigma in zip(estimator.weights_, estimator.means_, expected, strict=True)
    ]
    assert_allclose(estimator.log_joint(X), np.transpose(joint), rtol=1e-9, atol=1e-9)
    volume = estimator.covariance_decomposition().volume
    assert_allclose(volume**p, np.linalg.det(expected), rtol=1e-9)


def test_number_of_parameters():
    X, _ = mixture_rows(200, 6, 3)
    for factor, covariances in ((Factor(1), 3 * 12), (Factor(2), 3 * (11 + 6)), (Factor(2, "common"), 3 * 11 + 6)):
        assert fit(X, factor, n_components=3, max_iter=1)._n_parameters() == covariances + 3 * 6 + 2


def test_float32(factor):
    X, _ = mixture_rows(300, 4, 2)
    single, double = fit(X.astype(np.float32), factor), fit(X.astype(np.float32).astype(float), factor)
    assert single.factor_loadings_.dtype == single.noise_variances_.dtype == single.covariances_.dtype == np.float32
    assert single.predict_proba(X.astype(np.float32)).dtype == np.float32
    assert_allclose(single.lower_bound_, double.lower_bound_, rtol=1e-12)
    assert_allclose(single.score(X), double.score(X), rtol=1e-5)


@pytest.mark.slow
def test_pickle_clone_and_grid(factor):
    X, _ = mixture_rows(200, 4, 2)
    estimator = fit(X, factor)
    again = pickle.loads(pickle.dumps(estimator))
    assert again.covariance_type == factor
    assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))
    assert clone(estimator).get_params() == estimator.get_params()
    assert hash(factor) == hash(pickle.loads(pickle.dumps(factor)))
    assert structure_of(factor) is structure_of(pickle.loads(pickle.dumps(factor)))
    assert repr(Factor(2)) == "Factor(n_factors=2, noise='own')"
    search = GridSearchCV(GaussianMixtureEM(2, random_state=0), {"covariance_type": [Factor(1), "diag"]}, cv=2).fit(X)
    assert search.best_params_["covariance_type"] == Factor(1)


def test_sample(factor):
    X, _ = mixture_rows(300, 4, 2)
    estimator = fit(X, factor)
    rows, labels = estimator.sample(100_000, random_state=0)
    for k, sigma in enumerate(estimator.covariance_matrices()):
        assert_allclose(np.cov(rows[labels == k].T), sigma, atol=0.03 * sigma.diagonal().max())


def test_starts_from_what_is_given(factor):
    """From a fit of its own the path goes on; from matrices that do not obey, it begins nearby."""
    X, _ = mixture_rows(200, 5, 2)
    estimator = fit(X, factor)
    again = fit(X, factor, max_iter=0, **given_start(estimator))
    assert_allclose(again.lower_bound_, estimator.lower_bound_, rtol=1e-6)
    full = fit(X, "full")
    assert np.isfinite(fit(X, factor, max_iter=5, **given_start(full)).lower_bound_)
    warm = clone(estimator).set_params(warm_start=True, max_iter=3, tol=0).fit(X)
    before = warm.lower_bound_
    assert_allclose(warm.fit(X).lower_bounds_[0], before, rtol=1e-12)
    assert warm.lower_bound_ >= before - 1e-12


def test_another_structure_leaves_nothing_behind():
    X, _ = mixture_rows(200, 4, 2)
    estimator = fit(X, Factor(1)).set_params(covariance_type="diag").fit(X)
    assert not hasattr(estimator, "factor_loadings_")
    assert estimator.covariances_.shape == (2, 4)
    estimator.set_params(covariance_type=Factor(1), warm_start=True)
    with pytest.raises(ValueError, match="warm_start=True goes on from the last fit, whose means have shape"):
        estimator.fit(X)


def test_component_without_mass_shares_the_common_noise():
    form = Factor(1, "common").structure.form
    previous, estimated = obeying(3, 4, 1, 0, one_noise=True), obeying(2, 4, 1, 1, one_noise=True)
    after = form.updated(previous, estimated, np.array([True, False, True]))
    assert_array_equal(after[[0, 2]], estimated)
    assert_array_equal(after[1, :, 0], previous[1, :, 0])
    assert_array_equal(after[1, :, 1], estimated[0, :, 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Factor(0), "n_factors is 0; give the number of factors, an integer of 1 or more."),
        (lambda: Factor(1.5), "n_factors is 1.5; give the number of factors"),
        (lambda: Factor(True), "n_factors is True; give the number of factors"),
        (lambda: Factor(1, "none"), "noise is 'none'; give \"own\""),
        (lambda: fit(np.eye(4), Factor(4)), "n_factors=4, but X has n_features=4; there must be fewer factors"),
        (lambda: fit(np.eye(4)[:, :1], Factor(1)), 'than features: use covariance_type="full"'),
        (lambda: fit(np.eye(4), Factor), "The 'covariance_type' parameter of GaussianMixtureEM must be"),
        (
            lambda: fit(
                np.eye(4),
                Factor(1),
                weights_init=[0.5, 0.5],
                means_init=np.eye(4)[:2],
                precisions_init=-np.ones((2, 4, 4)),
            ),
            "'factor precision' should be symmetric, positive-definite; mend precisions_init.",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_nothing_is_known_before_the_fit():
    estimator = GaussianMixtureEM(2, covariance_type=Factor(1))
    for name in ("covariances_", "precisions_", "precisions_cholesky_", "factor_loadings_"):
        assert not hasattr(estimator, name)


def test_means_may_be_fixed_where_no_covariance_is(factor):
    X = mixture_rows(200, 6, 2)[0]
    means = np.full((2, 6), np.nan)
    means[1] = X.mean(axis=0)
    fitted = GaussianMixtureEM(2, covariance_type=factor, fixed=FixedParameters(means=means), random_state=0).fit(X)
    assert_allclose(fitted.means_[1], means[1], rtol=1e-12)
