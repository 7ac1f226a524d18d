"""The laws that every change must keep, over all structures."""

from pathlib import Path

import numpy as np
import pytest
from conftest import mixture_rows, natural
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from oracles import log_likelihood
from scipy.stats import multivariate_normal, ortho_group
from sklearn.datasets import load_iris

from sklearn_em import GaussianMixtureEM
from sklearn_em.gaussian.buffer import FeatureBuffer
from sklearn_em.gaussian.covariance import STRUCTURES, SymmetryGroup
from sklearn_em.mixture import sums

INITS = ["kmeans", "k-means++", "random", "random_from_data"]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fit(X, covariance_type, sample_weight=None, n_components=3, **options):
    options = {"random_state": 0, **options}
    return GaussianMixtureEM(n_components, covariance_type=covariance_type, **options).fit(
        X, sample_weight=sample_weight
    )


def matrices(estimator):
    """Return the fitted covariances as (K, p, p)."""
    return estimator.covariance_matrices()


def assert_same_fit(one, other, X, rtol=1e-7):
    assert_allclose(one.weights_, other.weights_, rtol=rtol)
    assert_allclose(one.means_, other.means_, rtol=rtol, atol=rtol * np.abs(other.means_).max())
    assert_allclose(one.covariances_, other.covariances_, rtol=rtol, atol=rtol * np.abs(other.covariances_).max())
    assert_array_equal(one.predict(X), other.predict(X))


# Law 1: ascent.


@st.composite
def problems(draw):
    """Rows that are awkward on purpose: clustered, repeated, nearly flat, far out, in any units."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, p = draw(st.integers(12, 80)), draw(st.integers(1, 5))
    K = draw(st.integers(1, 4))
    X = rng.normal(size=(K, p))[rng.integers(K, size=n)] * draw(st.sampled_from([0.0, 2.0, 1e3])) + rng.normal(
        size=(n, p)
    ) * 10.0 ** rng.uniform(-draw(st.integers(0, 4)), 0, size=p)
    if draw(st.booleans()):
        X = np.repeat(X, rng.integers(1, 4, size=n), axis=0)
    if draw(st.booleans()):
        X = np.round(X, 1)
    X = (X + draw(st.sampled_from([0.0, 1e4, 1e6]))) * 10.0 ** draw(st.integers(-6, 6))
    X = X.astype(draw(st.sampled_from([np.float64, np.float32])))
    weight = draw(st.sampled_from([None, "whole", "real"]))
    weight = {
        None: None,
        "whole": rng.integers(0, 4, size=len(X)) + (np.arange(len(X)) < 8),
        "real": rng.exponential(size=len(X)),
    }[weight]
    return X, weight, K


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    problem=problems(),
    covariance_type=st.sampled_from(sorted(STRUCTURES)),
    init_params=st.sampled_from(INITS),
    reg_covar=st.sampled_from(["auto", 1e-6, 1e-1]),
)
def test_objective_never_falls_and_is_a_lower_bound(problem, covariance_type, init_params, reg_covar):
    X, sample_weight, K = problem
    scale = 1.0 if reg_covar == "auto" else float(np.float64(X).var(axis=0).max()) or 1.0
    estimator = fit(
        X,
        covariance_type,
        sample_weight,
        K,
        init_params=init_params,
        reg_covar=reg_covar if reg_covar == "auto" else reg_covar * scale,
        max_iter=60,
    )
    trace = np.array(estimator.lower_bounds_)
    assert np.isfinite(trace).all()
    assert np.diff(trace).min(initial=0) >= -1e-9 * (1 + abs(trace).max())
    assert estimator.lower_bounds_[-1] == estimator.lower_bound_
    assert estimator.n_iter_ == len(trace) - 1
    if X.dtype == np.float64:
        assert estimator.score(X, sample_weight=sample_weight) >= estimator.lower_bound_ - 1e-8 * (1 + abs(trace).max())


@pytest.mark.parametrize("sd", [1e-3, 1e-5, 1e-7])
def test_ascent_with_tight_and_distant_clusters(covariance_type, sd):
    rng = np.random.default_rng(0)
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[rng.integers(3, size=600)] + sd * rng.normal(size=(600, 2))
    trace = np.array(fit(X, covariance_type, n_components=4, reg_covar=0, max_iter=100).lower_bounds_)
    assert np.diff(trace).min() >= -1e-13 * (1 + abs(trace).max())


def test_ascent_under_strong_regularisation(covariance_type):
    # Adding reg_covar after the M-step instead makes the objective fall by up to 7e-2 here.
    X, _ = mixture_rows(200, 2, 3, separation=1.0)
    trace = fit(X, covariance_type, reg_covar=0.5, tol=0, max_iter=200).lower_bounds_
    assert np.diff(trace).min() >= -1e-14


def test_k_1_is_the_maximum_likelihood_gaussian(covariance_type):
    X, _ = mixture_rows(200, 3, 2)
    estimator = fit(X, covariance_type, n_components=1, reg_covar=0)
    S = np.cov(X.T, bias=True)
    # Of a single component the letters say no more than whether it is along the axes, and whether it is round.
    kind = len(STRUCTURES[covariance_type].form.natural_shape(1, 3))
    expected = {3: S, 2: np.diag(S.diagonal()), 1: np.eye(3) * S.trace() / 3}[kind]
    assert_allclose(estimator.means_, [X.mean(axis=0)], rtol=1e-13)
    assert_allclose(matrices(estimator), [expected], rtol=1e-12, atol=1e-14)
    assert_allclose(estimator.covariances_, natural(expected[None], covariance_type), rtol=1e-12, atol=1e-14)
    assert estimator.n_iter_ == 1
    assert estimator.converged_


@pytest.mark.parametrize(
    "options",
    [
        {"n_init": 3},
        *(pytest.param(o, marks=pytest.mark.slow) for o in ({"noise": True}, {"reg_covar": 0.0}, {"prior": "auto"})),
    ],
    ids=str,
)
def test_weights_may_span_nineteen_decades(covariance_type, options):
    rng = np.random.default_rng(0)
    X, weight = mixture_rows(300, 3, 3)[0], 10.0 ** rng.uniform(-19, 0, size=300)
    fitted = fit(X, covariance_type, weight, max_iter=20, **options)
    assert np.isfinite(fitted.lower_bounds_).all()
    assert_allclose(fitted.weights_.sum() + fitted.noise_weight_, 1)


# Law 2: blocks.


def test_any_number_of_threads_gives_the_same_bits(covariance_type):
    X, _ = mixture_rows(40_000, 3, 4)
    weight = np.random.default_rng(0).exponential(size=len(X))
    fits = [fit(X, covariance_type, weight, n_jobs=n_jobs, max_iter=20) for n_jobs in (1, 2, 3, -1, None)]
    for other in fits[1:]:
        assert fits[0].lower_bounds_ == other.lower_bounds_
        for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
            assert_array_equal(getattr(fits[0], name), getattr(other, name))
        assert_array_equal(fits[0].predict_proba(X), other.predict_proba(X))
        assert fits[0].bic(X) == other.bic(X)


def test_many_blocks_add_up_to_one(covariance_type):
    """The same rows in one block, and repeated so often that there are many blocks."""
    X, _ = mixture_rows(500, 3, 3)
    start = fit(X, covariance_type, max_iter=0)
    options = {"tol": 0, "max_iter": 10, "reg_covar": 0}
    options |= {"weights_init": start.weights_, "means_init": start.means_, "precisions_init": start.precisions_}
    one = fit(X, covariance_type, **options)
    many = fit(np.tile(X, (60, 1)), covariance_type, **options)
    assert_allclose(one.lower_bounds_, many.lower_bounds_, rtol=1e-10)
    assert_same_fit(one, many, X, rtol=1e-9)


@pytest.mark.parametrize("apart", [False, True])
def test_features_kept_from_pass_to_pass_change_no_bit(covariance_type, apart, monkeypatch):
    X = mixture_rows(70_000, 2, 2)[0]
    if apart:
        # A component that becomes tight on the way: then other features are due.
        X[::2] = 1e4 + 1e-3 * X[::2]
    options = {"n_components": 2, "means_init": X[[0, 1]], "reg_covar": 0, "tol": 0, "max_iter": 7}
    buffers, load = [], FeatureBuffer.load
    monkeypatch.setattr(FeatureBuffer, "load", lambda *arguments: (buffers.append(0), load(*arguments)))
    fits, loads = [], []
    for most in (sums._MOST_KEPT, 0):
        monkeypatch.setattr(sums, "_MOST_KEPT", most)
        buffers.clear()
        fits.append(fit(X, covariance_type, **options))
        loads.append(len(buffers))
    assert loads[0] < loads[1]
    for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
        assert_array_equal(getattr(fits[0], name), getattr(fits[1], name))


def test_memory_map_gives_the_same_bits(covariance_type, tmp_path):
    X, _ = mixture_rows(20_000, 3, 3)
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert fit(X, covariance_type, max_iter=15).lower_bounds_ == fit(mapped, covariance_type, max_iter=15).lower_bounds_


# Law 3: weights.


@pytest.mark.parametrize("init_params", INITS)
@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize("grid", [False, True])
def test_whole_weights_are_repeated_rows(covariance_type, init_params, n_components, grid):
    """Also for rows on a grid, where many distances are equal."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, size=(60, 2)).astype(float) if grid else mixture_rows(60, 2, 3)[0]
    weight = rng.integers(0, 4, size=60)
    repeated = np.repeat(X, weight, axis=0)[rng.permutation(weight.sum())]
    weighted = fit(X, covariance_type, weight, n_components, init_params=init_params)
    other = fit(repeated, covariance_type, None, n_components, init_params=init_params)
    assert_allclose(weighted.lower_bound_, other.lower_bound_, rtol=1e-9)
    assert_same_fit(weighted, other, X, rtol=1e-6)
    assert_allclose(weighted.bic(X, sample_weight=weight), other.bic(repeated), rtol=1e-9)
    assert_allclose(weighted.aic(X, sample_weight=weight), other.aic(repeated), rtol=1e-9)
    assert_allclose(weighted.score(X, sample_weight=weight), other.score(repeated), rtol=1e-9)


def test_whole_weights_are_repeated_rows_where_starts_use_a_sample(covariance_type):
    X, _ = mixture_rows(10_000, 2, 3)
    weight = np.random.default_rng(0).integers(0, 4, size=len(X))
    weighted = fit(X, covariance_type, weight)
    other = fit(np.repeat(X, weight, axis=0), covariance_type)
    assert_allclose(weighted.lower_bound_, other.lower_bound_, rtol=1e-9)
    assert_same_fit(weighted, other, X, rtol=1e-5)


@pytest.mark.parametrize("weight", [1.0, 0.1, 1e-300, 1e300])
def test_equal_weights_change_nothing(covariance_type, weight):
    X, _ = mixture_rows(150, 2, 3)
    assert_same_fit(fit(X, covariance_type, np.full(len(X), weight)), fit(X, covariance_type), X)


def test_weight_zero_removes_a_row_however_far(covariance_type):
    X, _ = mixture_rows(150, 2, 3)
    far = np.vstack([X, [[1e9, -1e9]]])
    assert_same_fit(fit(far, covariance_type, np.r_[np.ones(150), 0.0]), fit(X, covariance_type), X)


# Law 4: order.


@pytest.mark.parametrize("init_params", INITS)
@pytest.mark.parametrize("n_samples", [200, pytest.param(12_000, marks=pytest.mark.slow)])
def test_row_order_does_not_matter(covariance_type, init_params, n_samples):
    X, _ = mixture_rows(n_samples, 2, 3)
    order = np.random.default_rng(0).permutation(len(X))
    one, other = (fit(rows, covariance_type, init_params=init_params) for rows in (X, X[order]))
    assert_allclose(one.lower_bound_, other.lower_bound_, rtol=1e-9)
    assert_same_fit(one, other, X, rtol=1e-5)


# Law 5: equivariance under the structure's own group.


@pytest.mark.parametrize(
    "init_params", [pytest.param(name, marks=[] if name == "kmeans" else pytest.mark.slow) for name in INITS]
)
@pytest.mark.parametrize("unit", [1e-150, 1e-8, 1e-4, 3.7, 1e8, 1e150])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_units_and_offsets_do_not_matter(covariance_type, init_params, unit, offset):
    X, _ = mixture_rows(300, 3, 3)
    units = unit * (np.ones(3) if STRUCTURES[covariance_type].one_scale else np.array([1.0, 10.0, 1e-3]))
    one, other = (fit(rows, covariance_type, init_params=init_params) for rows in (X, (X + offset) * units))
    assert_allclose(other.means_ / units - offset, one.means_, rtol=1e-5, atol=1e-6)
    assert_array_equal(other.predict((X + offset) * units), one.predict(X))
    assert_allclose(other.lower_bound_ + np.log(units).sum(), one.lower_bound_, rtol=1e-7)


def group_element(group, rng):
    """Draw a linear map of the group."""
    if group is SymmetryGroup.RESCALING:
        return np.diag(10.0 ** rng.uniform(-2, 2, size=3))
    rotation = ortho_group.rvs(3, random_state=1)
    return 5.0 * rotation if group is SymmetryGroup.ROTATION else rotation @ np.diag([0.1, 1.0, 7.0]) + 0.1


def moved_start(start, A):
    """Return the fitted parameters of the rows X as a start for the rows X A^T."""
    precisions = np.linalg.inv(A @ matrices(start) @ A.T)
    return {
        "means_init": start.means_ @ A.T,
        "precisions_init": natural(precisions, start.covariance_type),
    }


def test_parameters_follow_the_maps_of_the_structures_group(covariance_type):
    rng = np.random.default_rng(0)
    X, _ = mixture_rows(300, 3, 3, separation=1.5)
    A = group_element(STRUCTURES[covariance_type].group, rng)
    start = fit(X, covariance_type, max_iter=0)
    options = {"reg_covar": 0, "tol": 0, "max_iter": 30, "weights_init": start.weights_}
    one = fit(X, covariance_type, means_init=start.means_, precisions_init=start.precisions_, **options)
    other = fit(X @ A.T, covariance_type, **moved_start(start, A), **options)
    assert_allclose(other.means_, one.means_ @ A.T, rtol=1e-7, atol=1e-9)
    assert_allclose(matrices(other), A @ matrices(one) @ A.T, rtol=1e-6, atol=1e-9)
    assert_array_equal(other.predict(X @ A.T), one.predict(X))
    assert_allclose(np.array(other.lower_bounds_) + np.linalg.slogdet(A)[1], one.lower_bounds_, rtol=1e-10)


# Law 6: oracles.


def test_densities_are_scipys(covariance_type):
    X, _ = mixture_rows(200, 4, 3)
    estimator = fit(X, covariance_type)
    far = np.vstack([X, 1e4 * X[:5], X[:5] + 30])
    expected = np.stack(
        [
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(far)
            for weight, mean, covariance in zip(estimator.weights_, estimator.means_, matrices(estimator), strict=True)
        ],
        axis=1,
    )
    assert_allclose(estimator.log_joint(far), expected, rtol=1e-11, atol=1e-10)
    norm = np.logaddexp.reduce(expected, axis=1)
    assert_allclose(estimator.score_samples(far), norm, rtol=1e-11, atol=1e-10)
    assert_allclose(estimator.predict_proba(far), np.exp(expected - norm[:, None]), rtol=1e-7, atol=1e-12)
    assert_array_equal(estimator.predict(far), expected.argmax(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [65])
def test_many_features_take_another_path_to_the_same_densities(covariance_type, n_features):
    X, _ = mixture_rows(400, n_features, 2, separation=0.5)
    estimator = fit(X, covariance_type, n_components=2, reg_covar=1e-2)
    expected = log_likelihood(X, estimator.weights_, estimator.means_, matrices(estimator)) / len(X)
    assert_allclose(estimator.score(X), expected, rtol=1e-11)
    assert np.diff(estimator.lower_bounds_).min() >= -1e-12 * abs(estimator.lower_bound_)


# Law 7: consistency.


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_trace_attributes_score_and_labels_agree(covariance_type, dtype):
    X = load_iris().data.astype(dtype)
    rtol = 1e-12 if dtype == np.float64 else 1e-5
    estimator = fit(X, covariance_type, reg_covar=0)
    assert_allclose(estimator.lower_bound_, estimator.score(X), rtol=rtol)
    assert_allclose(estimator.score(X), estimator.score_samples(X).mean(), rtol=rtol)
    assert_array_equal(estimator.predict(X), estimator.predict_proba(X).argmax(axis=1))
    assert_array_equal(estimator.predict(X), fit(X, covariance_type, reg_covar=0).fit_predict(X))
    K, p = estimator.means_.shape
    structure = STRUCTURES[covariance_type]
    for name in ("covariances_", "precisions_", "precisions_cholesky_"):
        assert getattr(estimator, name).shape == structure.natural_shape(K, p)
        assert getattr(estimator, name).dtype == dtype
    assert_allclose(np.linalg.inv(matrices(estimator)), np.linalg.inv(matrices(estimator)).swapaxes(1, 2), rtol=1e-3)
    assert_allclose(estimator.weights_.sum(), 1, rtol=rtol)


def test_regularised_objective_is_below_the_score(covariance_type):
    X = load_iris().data
    estimator = fit(X, covariance_type, reg_covar=1e-2)
    assert estimator.lower_bound_ < estimator.score(X)


def test_float32_is_read_and_float64_computed(covariance_type):
    X = load_iris().data.astype(np.float32)
    assert fit(X, covariance_type).lower_bounds_ == fit(X.astype(np.float64), covariance_type).lower_bounds_


def test_given_start_is_the_first_entry_of_the_trace(covariance_type):
    X, _ = mixture_rows(200, 3, 3)
    start = fit(X, covariance_type, max_iter=0)
    parameters = {
        "weights_init": start.weights_,
        "means_init": start.means_,
        "precisions_init": start.precisions_,
        "reg_covar": 0,
    }
    trace = fit(X, covariance_type, tol=0, max_iter=5, **parameters).lower_bounds_
    for i in range(6):
        short = fit(X, covariance_type, tol=0, max_iter=i, **parameters)
        assert_allclose(short.score(X), trace[i], rtol=1e-12)
        assert short.n_iter_ == i


# Stopping.


DATA = sorted((Path(__file__).parent / "data").glob("*.csv"))
QUICK = {"galaxies", "synth"}


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=[] if path.stem in QUICK else pytest.mark.slow, id=path.stem) for path in DATA]
)
def test_default_fits_stop_near_their_limit(covariance_type, path):
    """All within 1e-4 nats per row here; benchmarks/stopping.py counts many more."""
    X = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    for n_components in (2, 4):
        estimator = fit(X, covariance_type, n_components=n_components)
        assert estimator.converged_
        start = {"weights_init": estimator.weights_, "means_init": estimator.means_}
        limit = fit(
            X,
            covariance_type,
            n_components=n_components,
            precisions_init=estimator.precisions_,
            tol=1e-12,
            max_iter=20_000,
            **start,
        )
        assert limit.lower_bound_ - estimator.lower_bound_ < 1e-4


# Searching.


@pytest.mark.slow
@pytest.mark.parametrize("n_samples", [400, 10_000])
def test_more_starts_are_recorded_and_never_worse(covariance_type, n_samples):
    X, _ = mixture_rows(n_samples, 2, 6, separation=1.5)
    one, many = (fit(X, covariance_type, n_components=6, n_init=n_init) for n_init in (1, 8))
    assert many.lower_bound_ >= one.lower_bound_
    assert one.lower_bound_ == many.starts_[0].objective
    assert len(many.starts_) == 8
    assert "OUTRUN" in {record.status.name for record in many.starts_}
    # Ends that live on too few rows are not chosen, whatever their objective.
    valid = [record.objective for record in many.starts_ if not record.is_spurious]
    assert many.lower_bound_ == pytest.approx(max(valid), abs=1e-8)
    assert_array_equal(fit(X, covariance_type, n_components=6, n_init=8).means_, many.means_)


def test_one_component_has_nothing_to_swap(covariance_type):
    X, _ = mixture_rows(100, 2, 2)
    one, many = (fit(X, covariance_type, n_components=1, n_init=n_init) for n_init in (1, 3))
    assert_array_equal(one.means_, many.means_)
    assert len(many.starts_) == 3
