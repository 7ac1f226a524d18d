"""What is known beside the rows, one by one: labels, gaps, noise, priors and fixed values."""

import pickle
import warnings

import numpy as np
import pytest
from conftest import few_rows_are_fine, mixture_rows
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score

from sklearn_em import Factor, FixedParameters, GaussianMixtureEM, GaussianMixturePrior

X, LABELS = mixture_rows(200, 2, 3, separation=4)
NAN = np.nan


def with_gaps(rows, share=0.3, seed=0):
    gaps = np.random.default_rng(seed).uniform(size=rows.shape) < share
    return np.where(gaps, np.nan, rows)


def cells(value, *places):
    known = np.full(200, -1) if len(places[0]) == 1 else np.ones((200, places[0][1]))
    for place in places:
        known[place[0]] = value
    return known


WRONG_LABELS = {
    "shape": (np.zeros(7, dtype=int), r"known_labels has shape \(7,\)"),
    "too large": (cells(3, (4,)), r"known_labels\[4\] is 3; labels are whole numbers from 0 to 2"),
    "too small": (cells(-2, (4,)), r"known_labels\[4\] is -2"),
    "fraction": (np.full(200, 0.5), r"known_labels\[0\] is 0.5"),
    "columns": (np.ones((200, 5)), "known_labels has 5 columns"),
    "negative": (cells(-1.0, (4, 3)), r"known_labels\[4, 0\] is -1; a plausibility"),
    "nothing allowed": (cells(0.0, (4, 3)), r"known_labels\[4\] allows no component"),
}


@pytest.mark.parametrize(("known", "message"), WRONG_LABELS.values(), ids=WRONG_LABELS)
def test_wrong_labels(known, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM(3).fit(X, known_labels=known)


@pytest.mark.parametrize("known", [np.full(200, 3), np.repeat([[0.0, 0.0, 0.0, 1.0]], 200, axis=0)])
def test_all_rows_cannot_be_noise(known):
    with pytest.raises(ValueError, match="known_labels says that every row is noise"):
        GaussianMixtureEM(3, noise=True).fit(X, known_labels=known)


WRONG_PRIORS = {
    "concentration": ("full", {"weight_concentration": 0.5}, "prior.weight_concentration is 0.5"),
    "mean_precision": ("full", {"mean_precision": 0}, "prior.mean_precision is 0"),
    "degrees, matrices": ("full", {"degrees_of_freedom": 1}, "must be greater than 1"),
    "degrees, variances": ("diag", {"degrees_of_freedom": 0}, "must be greater than 0"),
    "mean": ("full", {"mean": [0.0]}, r"prior.mean has shape \(1,\)"),
    "scale, shape": ("full", {"scale": np.eye(3)}, r"prior.scale has shape \(3, 3\)"),
    "scale, no matrix": ("diag", {"scale": np.eye(2)}, r"a number or an array of shape \(2,\)"),
    "scale, a number": ("spherical", {"scale": [1.0, 1.0]}, "give a number"),
    "scale, indefinite": ("full", {"scale": [[1, 2], [2, 1]]}, "prior.scale is not symmetric and positive definite"),
    "scale, negative": ("diag", {"scale": -1.0}, "prior.scale is not positive"),
}


@pytest.mark.parametrize(("covariance_type", "prior", "message"), WRONG_PRIORS.values(), ids=WRONG_PRIORS)
def test_wrong_priors(covariance_type, prior, message):
    estimator = GaussianMixtureEM(3, covariance_type=covariance_type, prior=GaussianMixturePrior(**prior))
    with pytest.raises(ValueError, match=message):
        estimator.fit(X)


HALF = [[NAN, NAN], [0.0, NAN], [NAN, NAN]]
WRONG_FIXED = {
    "half a mean": ("full", {"means": HALF}, r"fixed.means\[1\] is NaN in some places only"),
    "shape": ("full", {"means": [0.0, 0.0]}, r"fixed.means has shape \(2,\)"),
    "half of a common matrix": ("tied", {"covariances": HALF[:2]}, "fixed.covariances is NaN in some places only"),
    "indefinite": ("full", {"covariances": [[[1, 2], [2, 1]]] * 3}, r"fixed.covariances\[0\] is not symmetric"),
    "negative": ("spherical", {"covariances": [-1, NAN, NAN]}, r"fixed.covariances\[0\] is not positive"),
    "loadings": (Factor(1), {"covariances": [np.eye(2)] * 3}, "knows loadings and noise, not matrices"),
    "negative weight": ("full", {"weights": [-0.1, NAN, NAN]}, r"fixed.weights\[0\] is -0.1"),
    "weights that do not sum": ("full", {"weights": [0.1, 0.1, 0.1]}, "fixed.weights sum to 0.3"),
    "nothing left": ("full", {"weights": [0.5, 0.5, NAN]}, r"leaves nothing for components \[2\]"),
}


@pytest.mark.parametrize(("covariance_type", "fixed", "message"), WRONG_FIXED.values(), ids=WRONG_FIXED)
def test_wrong_fixed(covariance_type, fixed, message):
    estimator = GaussianMixtureEM(3, covariance_type=covariance_type, fixed=FixedParameters(**fixed))
    with pytest.raises(ValueError, match=message):
        estimator.fit(X)


def test_weights_are_fixed_in_one_way():
    estimator = GaussianMixtureEM(2, weights="equal", fixed=FixedParameters(weights=[0.5, 0.5]))
    with pytest.raises(ValueError, match=r'weights is "equal", but fixed.weights are given too'):
        estimator.fit(X)


def test_a_feature_that_is_never_observed():
    with pytest.raises(ValueError, match=r"Features \[1\] of X are NaN in every row"):
        GaussianMixtureEM(2).fit(np.column_stack([X, X[:, 0]]) * [1, NAN, 1])


@pytest.mark.parametrize("covariance_type", ["full", "tied", "VEI", "EEV", "spherical"])
def test_fixed_values_stay_to_the_last_bit(covariance_type):
    free = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(X)
    means, covariances = free.means_ + 0.1, free.covariances_ * 1.3
    means[1] = NAN
    if covariance_type != "tied":
        covariances[2] = NAN
    fixed = FixedParameters([0.3, NAN, NAN], means, covariances)
    estimator = GaussianMixtureEM(3, covariance_type=covariance_type, fixed=fixed, random_state=0).fit(X)
    assert estimator.weights_[0] == 0.3
    assert_array_equal(np.where(np.isnan(means), estimator.means_, means), estimator.means_)
    assert_array_equal(np.where(np.isnan(covariances), estimator.covariances_, covariances), estimator.covariances_)
    assert_allclose(estimator.weights_.sum(), 1)
    assert estimator.bic(X) != free.bic(X)


def test_known_rows_take_one_step():
    estimator = GaussianMixtureEM(3, random_state=0).fit(X, known_labels=LABELS)
    assert estimator.n_iter_ == 1
    assert estimator.converged_
    assert_allclose(estimator.means_, [X[k == LABELS].mean(axis=0) for k in range(3)])


def test_labels_name_the_components():
    rng = np.random.default_rng(0)
    known = np.full(200, -1)
    for k in range(3):
        known[rng.choice(np.flatnonzero(k == LABELS), 3, replace=False)] = (k + 1) % 3
    for n_init in (1, 4):
        estimator = GaussianMixtureEM(3, n_init=n_init, random_state=0).fit(X, known_labels=known)
        assert accuracy_score((LABELS + 1) % 3, estimator.predict(X)) > 0.8


def test_labels_among_more_rows_than_the_sample_holds():
    many, labels = mixture_rows(30_000, 2, 3, separation=4)
    known = np.full(len(many), -1)
    known[:12] = (labels[:12] + 1) % 3
    estimator = GaussianMixtureEM(3, random_state=0).fit(many, known_labels=known)
    assert accuracy_score((labels + 1) % 3, estimator.predict(many)) > 0.85


def test_labels_never_lead_to_less_than_the_rows_alone():
    """Two crossing ellipses, and ten labels, with which k-means around the labels ends in poor optima."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=1000)
    angle = np.deg2rad(np.where(labels == 0, 35, -35))
    z = rng.normal(size=(1000, 2)) * [2.5, 0.6]
    turned = [z[:, 0] * np.cos(angle) - z[:, 1] * np.sin(angle), z[:, 0] * np.sin(angle) + z[:, 1] * np.cos(angle)]
    rows = np.column_stack(turned) + labels[:, None] * [1.0, 0.0]
    best = GaussianMixtureEM(2, random_state=0).fit(rows).lower_bound_
    for seed in range(8):
        known = np.full(1000, -1)
        chosen = np.random.default_rng(seed).choice(1000, 10, replace=False)
        known[chosen] = labels[chosen]
        fitted = GaussianMixtureEM(2, random_state=0).fit(rows, known_labels=known)
        # Ten known rows cost at most what they say about components that overlap.
        assert 1000 * (best - fitted.lower_bound_) < 40


def test_the_scale_of_plausibilities_does_not_matter():
    a = np.random.default_rng(0).uniform(size=(200, 3))
    one, other = (GaussianMixtureEM(3, random_state=0).fit(X, known_labels=scale * a) for scale in (1.0, 0.125))
    assert_array_equal(one.means_, other.means_)


@pytest.mark.parametrize("noise", [True, 5.0])
def test_noise_is_found_and_drawn(noise):
    rng = np.random.default_rng(0)
    rows = np.vstack([X, rng.uniform(X.min(axis=0) - 3, X.max(axis=0) + 3, size=(60, 2))])
    estimator = GaussianMixtureEM(3, noise=noise, random_state=0).fit(rows)
    assert_allclose(estimator.weights_.sum(), 1 - estimator.noise_weight_)
    labels = estimator.predict(rows)
    assert (labels[200:] == -1).mean() > 0.6
    assert (labels[:200] == -1).mean() < 0.1
    assert_array_equal(labels, np.r_[0, 1, 2, -1][estimator.predict_proba(rows).argmax(axis=1)])
    drawn, components = estimator.sample(2000, random_state=0)
    assert_allclose((components == -1).mean(), estimator.noise_weight_, atol=0.04)
    box = np.log(np.ptp(drawn[components == -1], axis=0)).sum()
    assert_allclose(box, estimator.noise_log_volume_, atol=0.1)
    assert (estimator.noise_log_volume_ == noise) == (noise == 5.0)


@few_rows_are_fine
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VVE"])
@pytest.mark.parametrize("options", [{}, {"noise": True}, {"prior": "auto", "reg_covar": 0}], ids=str)
def test_awkward_rows_fit(covariance_type, options):
    rng = np.random.default_rng(0)
    far = np.vstack([rng.normal(size=(50, 2)), [[1e12, 1e12]]])
    for rows in (np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0), np.ones((5, 2)), rng.normal(size=(5, 8)), far):
        estimator = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(rows)
        assert np.isfinite(estimator.lower_bound_)
        assert np.isfinite(estimator.score_samples(rows)).all()


def test_components_on_too_few_rows_are_named():
    rows = np.array([[0.0], [0.1], [0.2], [0.3], [90.0]])
    with pytest.warns(ConvergenceWarning, match=r"Components \[[01]\] say nothing .* set prior=\"auto\""):
        GaussianMixtureEM(2, random_state=0).fit(rows)
    GaussianMixtureEM(2, prior="auto", random_state=0).fit(rows)


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_a_row_with_nothing_observed_is_no_row(covariance_type):
    gapped = with_gaps(X)
    gapped = gapped[~np.isnan(gapped).all(axis=1)]
    empty = np.vstack([gapped, np.full((3, 2), NAN)])
    one, other = (GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(Y) for Y in (gapped, empty))
    assert_allclose(other.means_, one.means_, rtol=1e-9)
    assert_allclose(other.score(empty), one.score(gapped), rtol=1e-9)
    assert_allclose(other.bic(empty), one.bic(gapped), rtol=1e-9)
    assert_allclose(other.predict_proba(empty)[-1], other.weights_)


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_gaps_give_the_same_on_any_number_of_threads(covariance_type):
    rows = with_gaps(mixture_rows(20_000, 4, 3)[0])
    known = np.full(len(rows), -1)
    known[:50] = np.arange(50) % 3
    fits = [
        GaussianMixtureEM(
            3, covariance_type=covariance_type, noise=True, prior="auto", max_iter=5, random_state=0, n_jobs=n_jobs
        )
        for n_jobs in (1, 2)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one, two = (estimator.fit(rows, known_labels=known) for estimator in fits)
    assert one.lower_bounds_ == two.lower_bounds_
    assert_array_equal(one.predict_proba(rows), two.predict_proba(rows))


def test_imputation():
    rows = with_gaps(mixture_rows(500, 3, 2)[0])
    estimator = GaussianMixtureEM(2, random_state=0).fit(rows)
    filled = estimator.impute(rows)
    observed = ~np.isnan(rows)
    assert_array_equal(filled[observed], rows[observed])
    assert np.isfinite(filled).all()
    draws = estimator.impute(rows, n_draws=400, random_state=0)
    assert draws.shape == (400, 500, 3)
    assert_array_equal(draws, estimator.impute(rows, n_draws=400, random_state=0))
    spread = draws.std(axis=0) / np.sqrt(400)
    assert (abs(draws.mean(axis=0) - filled) < 5 * spread + 1e-9).all()
    with pytest.raises(ValueError, match="Invalid value for 'n_draws': 0"):
        estimator.impute(rows, n_draws=0)


def test_gaps_of_any_offset_and_unit():
    rows = with_gaps(mixture_rows(300, 3, 2)[0])
    one = GaussianMixtureEM(2, random_state=0).fit(rows)
    for scale, offset in ((1e-8, 0.0), (1.0, 2.0**20), (1e100, 0.0)):
        other = GaussianMixtureEM(2, random_state=0).fit(rows * scale + offset)
        assert_allclose((other.means_ - offset) / scale, one.means_, rtol=1e-6, atol=1e-6)


def test_options_survive_cloning_and_pickling():
    prior, fixed = GaussianMixturePrior(mean_precision=1.0), FixedParameters(means=[[0.0, 0.0], [NAN, NAN]])
    estimator = GaussianMixtureEM(2, noise=True, prior=prior, fixed=fixed, weights="equal", random_state=0)
    fitted = clone(estimator).fit(with_gaps(X))
    loaded = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.bic(X) == fitted.bic(X)
    assert loaded.diagnostics_.n_failed_starts == 0
