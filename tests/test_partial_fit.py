"""Streams: two epochs end where a fit does, a step is the textbook's, and forgetting follows what moves."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from conftest import few_rows_are_fine, mixture_rows
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_em import FixedParameters, GaussianMixtureEM
from sklearn_em.em import Decay
from sklearn_em.gaussian.features import DIAGONAL, FULL, ISOTROPIC
from sklearn_em.gaussian.statistics import about_own_means

DATA = Path(__file__).parent / "data"
# From here on nothing but statistics is kept.
MANY = 8192


def stream(mixture, X, n_blocks, weight=None, epochs=2):
    places = np.array_split(np.arange(len(X)), n_blocks)
    for _ in range(epochs):
        for some in places:
            mixture.partial_fit(X[some], sample_weight=None if weight is None else weight[some])
    return mixture


@pytest.fixture(scope="module")
def begun():
    """A stream beyond its first rows, the rows it has seen, and others."""
    X = mixture_rows(MANY + 800, 2, 2)[0]
    first, rest = X[:MANY], X[MANY:]
    return GaussianMixtureEM(2, reg_covar=0, tol=1e-12, random_state=0).partial_fit(first), first, rest


# --------------------------------------------------------------------------------- two epochs end where a fit does


@pytest.mark.slow
@few_rows_are_fine
@pytest.mark.parametrize("is_given", [True, False])
@pytest.mark.parametrize("n_components", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["iris", "faithful", "diabetes", "wine", "galaxies", "acidity", "synth"])
def test_two_epochs_on_real_data(name, n_components, is_given):
    X = np.loadtxt(DATA / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2)
    X = np.random.default_rng(n_components).permutation(X)
    start = {"means_init": X[:n_components]} if is_given else {}
    for covariance_type, n_blocks in [("full", 5), ("diag", 3)]:
        mixture = GaussianMixtureEM(n_components, covariance_type=covariance_type, random_state=0, **start)
        in_blocks = stream(clone(mixture), X, n_blocks)
        assert in_blocks.score(X) > mixture.fit(X).score(X) - 0.01


@few_rows_are_fine
def test_two_epochs_of_sorted_rows(covariance_type):
    X = np.loadtxt(DATA / "iris.csv", delimiter=",", skiprows=1)
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0)
    in_blocks = stream(clone(mixture), X, 3)
    assert in_blocks.score(X) > mixture.fit(X).score(X) - 0.01


@pytest.mark.slow
def test_two_epochs_of_statistics_alone(covariance_type):
    """With gaps, weights, noise and a prior all at once."""
    rng = np.random.default_rng(1)
    X = mixture_rows(9_600, 2, 2)[0]
    X[::25] = rng.uniform(X.min(axis=0), X.max(axis=0), size=X[::25].shape)
    X[rng.random(X.shape) < 0.02] = np.nan
    weight = rng.integers(3, size=len(X)).astype(float)
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, noise=True, prior="auto", tol=1e-5, random_state=0)
    in_blocks = stream(clone(mixture), X, 2, weight)
    score = mixture.fit(X, sample_weight=weight).score(X, sample_weight=weight)
    assert in_blocks.score(X, sample_weight=weight) > score - 0.01
    assert abs(in_blocks.lower_bound_ - mixture.lower_bound_) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("separation", [0.5, 1.0])
def test_two_epochs_of_many_small_blocks(separation):
    X = mixture_rows(100_000, 8, 5, separation)[0]
    mixture = GaussianMixtureEM(5, random_state=0)
    assert stream(clone(mixture), X, 100).score(X) > mixture.fit(X).score(X) - 0.01


def test_first_rows_are_fitted_as_by_fit():
    X = mixture_rows(150)[0]
    mixture = GaussianMixtureEM(3, random_state=0)
    in_blocks = stream(clone(mixture), X, 5, epochs=1)
    np.testing.assert_array_equal(in_blocks.means_, mixture.fit(X).means_)
    assert in_blocks.lower_bound_ == mixture.lower_bound_


def test_tight_components_keep_their_digits():
    rng = np.random.default_rng(0)
    X = rng.integers(2, size=(10_000, 1)) + 1e-5 * rng.normal(size=(10_000, 2)) + 1000
    mixture = stream(GaussianMixtureEM(2, reg_covar=0, random_state=0), X, 20)
    expected = [np.cov(X[near].T, bias=True) for near in (X[:, 0] < 1000.5, X[:, 0] > 1000.5)]
    order = np.argsort(mixture.means_[:, 0])
    np.testing.assert_allclose(mixture.covariances_[order], expected, rtol=0.05, atol=1e-12)


# ------------------------------------------------------------------------------------------- a step is the textbook's


def textbook_sums(mixture, X):
    """Sums of responsibilities, of rows, and of outer products, per component."""
    each = [multivariate_normal(m, c).pdf(X) for m, c in zip(mixture.means_, mixture.covariances_, strict=True)]
    resp = mixture.weights_[:, None] * np.array(each)
    resp /= resp.sum(axis=0)
    return resp.sum(axis=1), resp @ X, np.einsum("kn,ni,nj->kij", resp, X, X)


@pytest.mark.parametrize("forgetting", [None, 1e-4])
def test_step_is_the_recursion(begun, forgetting):
    """s <- (1 - gamma) s + gamma s', then the M-step."""
    before, first, rest = begun
    n, b = len(first), 100
    gamma = 1 - (n / (n + b)) ** 1.5 if forgetting is None else b / (b + n * (1 - forgetting) ** b)
    parts = zip(textbook_sums(before, first), textbook_sums(before, rest[:b]), strict=True)
    mass, first_moment, second_moment = [(1 - gamma) * old / n + gamma * new / b for old, new in parts]
    means = first_moment / mass[:, None]
    covariances = second_moment / mass[:, None, None] - means[:, :, None] * means[:, None]

    after = pickle.loads(pickle.dumps(before)).set_params(forgetting=forgetting).partial_fit(rest[:b])
    assert abs(after.means_ - before.means_).max() > 1e-4
    np.testing.assert_allclose(after.weights_, mass, rtol=1e-8)
    np.testing.assert_allclose(after.means_, means, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(after.covariances_, covariances, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("forgetting", [None, 0.01])
def test_decay_does_not_depend_on_how_rows_are_cut(forgetting):
    """What is left of earlier rows, as a share of the weight; with forgetting, in weight."""
    decay, weight, left = Decay(forgetting), 50.0, 1.0
    for new in (5.0, 10.0, 15.0):
        before = weight
        weight, share = decay.step(weight, new)
        left *= (1 - share) * (1 if forgetting is None else weight / before)
    whole, share = decay.step(50.0, 30.0)
    assert left == pytest.approx((1 - share) * (1 if forgetting is None else whole / 50))
    assert left < 0.75


@pytest.mark.parametrize(("moments", "n_quadratic"), [(FULL, 6), (DIAGONAL, 3), (ISOTROPIC, 1)])
def test_moving_statistics_is_summing_about_another_point(moments, n_quadratic):
    rng = np.random.default_rng(0)
    rows, resp, point = rng.normal(size=(20, 3)), rng.random((2, 20)), rng.normal(size=(2, 3))
    moved = about_own_means(moments, rows, resp).move_to(point)
    assert moved.sums.shape == (1 + n_quadratic + 3, 2)
    for k in range(2):
        z = (rows - point[k]).T
        np.testing.assert_allclose(
            moved.sums[:, k], np.r_[resp[k].sum(), moments.weighted_second(z, resp[k]), z @ resp[k]]
        )


def test_weights_repeat_and_leave_out(begun):
    before, _, rest = begun
    copies = [pickle.loads(pickle.dumps(before)) for _ in range(2)]
    weight = np.arange(60) % 3
    weighted = copies[0].partial_fit(rest[:60], sample_weight=weight)
    repeated = copies[1].partial_fit(np.repeat(rest[:60], weight, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, rtol=1e-12)
    np.testing.assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-10)


# ------------------------------------------------------------------------------------------------------- forgetting


def moving(n_blocks, length, speed):
    rng = np.random.default_rng(0)
    for t in range(n_blocks):
        middle = np.array([[0.0, speed * t], [4.0, speed * t]])
        yield middle[rng.integers(2, size=length)] + rng.normal(size=(length, 2)), middle


@pytest.mark.parametrize(("n_blocks", "length"), [(24, 500), (15, 200)], ids=["statistics", "first rows"])
def test_forgetting_follows_a_moving_mixture(n_blocks, length):
    follows, lags = (GaussianMixtureEM(2, forgetting=f, random_state=0) for f in (0.005, None))
    blocks, middles = zip(*moving(n_blocks, length, 6 / n_blocks), strict=True)
    for block in blocks:
        follows.partial_fit(block)
        lags.partial_fit(block)
    path = middles[-1][0, 1]
    # Rows are 1 / forgetting = 200 rows old on average; without forgetting, two fifths of the stream.
    assert abs(follows.means_[:, 1] - path).max() < 6 * 200 / (n_blocks * length) + 0.3
    assert abs(lags.means_[:, 1] - path).min() > 1.5
    assert follows.score(block) > lags.score(block) + 0.5


@pytest.mark.parametrize("forgetting", [0.1, 0.9])
def test_short_memories_are_no_harm(forgetting):
    mixture = GaussianMixtureEM(2, forgetting=forgetting, prior="auto", random_state=0)
    blocks, middles = zip(*moving(30, 300, 0.02), strict=True)
    for block in blocks:
        mixture.partial_fit(block)
    assert abs(np.sort(mixture.means_[:, 0]) - middles[-1][:, 0]).max() < 1


# ----------------------------------------------------------------------------------------- where it begins and goes on


def test_goes_on_from_a_fit():
    X = mixture_rows(400)[0]
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    means, bound = mixture.means_, mixture.lower_bound_
    mixture.partial_fit(X[:1])
    assert 0 < abs(mixture.means_ - means).max() < 0.05
    assert abs(mixture.lower_bound_ - bound) < 0.05
    assert (mixture.n_samples_seen_, mixture.n_steps_) == (1, 1)
    for name in ("converged_", "status_", "n_iter_", "lower_bounds_", "starts_", "diagnostics_"):
        assert not hasattr(mixture, name)


def test_fit_counts_for_its_rows(covariance_type):
    """One half by `fit`, the other by `partial_fit`: near what a fit to all gives, for noise as well."""
    X = mixture_rows(2000, 3, 2)[0]
    X[::20] = np.random.default_rng(0).uniform(X.min(axis=0), X.max(axis=0), size=X[::20].shape)
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, noise=True, random_state=0)
    whole = clone(mixture).fit(X)
    weight = np.full(1000, 3.0)
    mixture.fit(X[:1000], sample_weight=weight).partial_fit(X[1000:], sample_weight=weight)
    assert abs(mixture.score(X) - whole.score(X)) < 0.01


def test_given_parameters_are_where_it_starts():
    X = mixture_rows(200, 2, 2)[0]
    given = GaussianMixtureEM.from_parameters([0.5, 0.5], X[:2], [1.0, 1.0], "spherical")
    start = {"weights_init": [0.5, 0.5], "means_init": X[:2], "precisions_init": [1.0, 1.0]}
    fitted = GaussianMixtureEM(2, covariance_type="spherical", acceleration=None, **start).fit(X)
    stream(given.set_params(acceleration=None), X, 2, epochs=1)
    np.testing.assert_allclose(given.means_, fitted.means_, rtol=1e-12)


def test_fixed_parameters_stay():
    X = mixture_rows(MANY + 500, 2, 2)[0]
    fixed = FixedParameters(means=[[0.25, 0.5], [np.nan, np.nan]])
    mixture = GaussianMixtureEM(2, fixed=fixed, random_state=0).partial_fit(X[:MANY]).partial_fit(X[MANY:])
    np.testing.assert_array_equal(mixture.means_[0], [0.25, 0.5])


def test_fit_and_clone_forget_the_stream():
    X = mixture_rows(200)[0]
    mixture = GaussianMixtureEM(3, random_state=0)
    afresh = clone(mixture).fit(X)
    mixture.partial_fit(X[:50] + 100)
    with pytest.raises(NotFittedError):
        clone(mixture).predict(X)
    mixture.fit(X)
    assert not hasattr(mixture, "n_samples_seen_")
    np.testing.assert_array_equal(mixture.means_, afresh.means_)


@pytest.mark.parametrize("n_first", [100, MANY], ids=["first rows", "statistics"])
def test_pickled_stream_goes_on(n_first):
    X = mixture_rows(n_first + 200, 2, 2)[0]
    mixture = GaussianMixtureEM(2, random_state=0).partial_fit(X[:n_first])
    kept = pickle.dumps(mixture)
    assert len(kept) < 30_000
    other = pickle.loads(kept).partial_fit(X[n_first:])
    np.testing.assert_array_equal(other.means_, mixture.partial_fit(X[n_first:]).means_)


def test_blocks_of_one_row(begun):
    before, _, rest = begun
    one = pickle.loads(pickle.dumps(before))
    many = pickle.loads(pickle.dumps(before)).partial_fit(rest[:50])
    for row in rest[:50]:
        one.partial_fit(row[None])
    assert one.n_samples_seen_ == MANY + 50
    np.testing.assert_allclose(one.means_, many.means_, atol=1e-3)
    first = GaussianMixtureEM(2, random_state=0).partial_fit(rest[:10])
    for row in rest[10:30]:
        first.partial_fit(row[None])
    np.testing.assert_allclose(
        first.score(rest[:30]), GaussianMixtureEM(2, random_state=0).fit(rest[:30]).score(rest[:30]), atol=0.01
    )


def test_block_in_a_store_is_read(begun, tmp_path):
    before, first, _ = begun
    X = np.tile(first, (70, 1))
    stored = np.memmap(tmp_path / "rows", dtype=float, mode="w+", shape=X.shape)
    stored[:] = X
    one, other = (pickle.loads(pickle.dumps(before)).partial_fit(rows) for rows in (X, stored))
    np.testing.assert_array_equal(one.means_, other.means_)


@pytest.mark.parametrize("n_first", [100, MANY])
def test_rows_with_nothing_to_say_change_nothing(n_first):
    X = mixture_rows(n_first, 2, 2)[0]
    mixture = GaussianMixtureEM(2, random_state=0).partial_fit(X)
    means = mixture.means_
    mixture.partial_fit(np.full((3, 2), np.nan))
    np.testing.assert_array_equal(mixture.means_, means)
    assert (mixture.n_samples_seen_, mixture.n_steps_) == (n_first + 3, 2)


def test_float32_attributes_and_other_methods():
    X = mixture_rows(300)[0].astype(np.float32)
    mixture = stream(GaussianMixtureEM(3, random_state=0), X, 3, epochs=1)
    assert mixture.means_.dtype == mixture.covariances_.dtype == np.float32
    assert mixture.predict(X).shape == (300,)
    assert "3 components" in mixture.summary()
    assert mixture.to_sklearn().score(X) == pytest.approx(mixture.score(X), rel=1e-5)


# ---------------------------------------------------------------------------------------------------------- mistakes


ROWS = mixture_rows(MANY, 2, 2)[0]
MISTAKES = {
    "rows": ({"X": [[0.0, np.inf]]}, "infinity"),
    "columns": ({"X": np.zeros((5, 3))}, "X has 3 features, but GaussianMixtureEM is expecting 2 features as input"),
    "no weight": ({"X": ROWS[:2], "sample_weight": [0, 0]}, "sample_weight is zero for every row"),
    "negative": ({"X": ROWS[:2], "sample_weight": [1, -1]}, r"sample_weight\[1\] is -1"),
    "far": ({"X": [[1e200, 0.0]]}, "so far from all rows before that their squares overflow"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_leave_the_stream_as_it_was(mistake):
    arguments, message = MISTAKES[mistake]
    mixture = GaussianMixtureEM(2, random_state=0).partial_fit(ROWS)
    before = dict(vars(mixture))
    with pytest.raises(ValueError, match=message):
        mixture.partial_fit(**arguments)
    assert vars(mixture) == before
    mixture.partial_fit(ROWS[:10])


def test_collapse_leaves_the_stream_as_it_was():
    mixture = GaussianMixtureEM(2, reg_covar=0, random_state=0).partial_fit(ROWS)
    before = dict(vars(mixture))
    with pytest.raises(ValueError, match="reg_covar"):
        mixture.set_params(forgetting=0.5).partial_fit(np.zeros((3000, 2)))
    mixture.set_params(forgetting=None)
    assert vars(mixture) == before


def test_first_block_must_have_rows_for_all_components():
    message = "The first block has 2 rows that count, fewer than n_components = 3; give a larger first block."
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM(3).partial_fit(ROWS[:3], sample_weight=[1, 1, 0])


@pytest.mark.parametrize("change", [{"n_components": 3}, {"covariance_type": "diag"}])
def test_a_stream_keeps_its_shape(change):
    mixture = GaussianMixtureEM(2, random_state=0).partial_fit(ROWS[:100])
    with pytest.raises(
        ValueError, match=r"partial_fit goes on from the last fit, whose .* use `fit`, or a clone, to start"
    ):
        mixture.set_params(**change).partial_fit(ROWS[:100])


@pytest.mark.parametrize("forgetting", [0, 1, -0.1, "some"])
def test_forgetting_is_between_0_and_1(forgetting):
    with pytest.raises(
        ValueError, match="The 'forgetting' parameter of GaussianMixtureEM must be a float in the range"
    ):
        GaussianMixtureEM(forgetting=forgetting).partial_fit(ROWS[:100])
