"""The search for good optima: samples, cuts of a cluster, moves, and what a start costs."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import mixture_rows
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.base import clone

from sklearn_em import GaussianMixtureEM
from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.sample import Sample
from sklearn_em.data.scan import scan
from sklearn_em.em import Result, Status
from sklearn_em.mixture.e_step import log_density, log_likelihood, responsibilities
from sklearn_em.starts.ends import Judged
from sklearn_em.starts.kmeans import nearest_of_all
from sklearn_em.starts.search import SCREENING_PASSES, _may_meet
from sklearn_em.starts.splits import splits


def best_split(z, weight=None, seed=0, most=1):
    weight = np.ones(z.shape[1]) if weight is None else weight
    return splits(z, weight, weight.mean(), len(z) + 1, most, np.random.RandomState(seed))


# Clusters.


@pytest.mark.parametrize("shape", [(3, 10), (1, 40_000), (5, 20_000)])
def test_of_equally_near_clusters_the_first_is_the_nearest(shape):
    distances = np.random.default_rng(0).integers(0, 4, size=shape).astype(float)
    assert_array_equal(nearest_of_all(distances), distances.argmin(axis=0))


# Candidates.


@pytest.mark.parametrize(
    ("best", "pace", "status", "meets"),
    [
        (-10.0, 1.0, Status.MAX_ITER, True),
        (-10.0, 0.1, Status.MAX_ITER, False),
        (-10.0, 1.0, Status.CONVERGED, False),
    ],
)
def test_a_second_candidate_is_followed_if_it_may_come_up_to_the_first(best, pace, status, meets):
    behind = tuple(best - 2 + pace * np.arange(-SCREENING_PASSES, 1))
    ends = [Result(None, None, trace, status) for trace in ((best,), behind)]
    assert _may_meet([Judged(end, np.zeros(1, dtype=bool)) for end in ends]) == meets
    assert not _may_meet([Judged(ends[0], np.zeros(1, dtype=bool))])


# Cuts.


@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_a_cut_finds_two_clusters_of_unlike_size_and_width(n_features):
    rng = np.random.default_rng(0)
    small, large = rng.normal(size=(n_features, 120)), 2.5 * rng.normal(size=(n_features, 280))
    large[0] += 14.0
    split = best_split(np.concatenate([small, large], axis=1))[0]
    assert split.gain > 0
    assert np.mean(split.side == (np.arange(400) >= 120)) > 0.98


@pytest.mark.parametrize("n_features", [1, 3])
def test_a_gaussian_cluster_does_not_gain_by_a_cut(n_features):
    z = np.random.default_rng(0).normal(size=(n_features, 2000))
    assert best_split(z)[0].gain < 0


def test_cuts_follow_every_map_and_count_weights_as_rows():
    rows = mixture_rows(200, 3, 2)[0].T
    split = best_split(rows)[0]
    mapped = np.random.default_rng(1).normal(size=(3, 3)) @ rows + 5.0
    assert_array_equal(best_split(mapped)[0].side, split.side)
    assert_allclose(best_split(mapped)[0].gain, split.gain, rtol=1e-9)
    doubled = best_split(rows, np.full(200, 2.0))[0]
    assert_array_equal(doubled.side, split.side)


def test_rows_on_a_grid_are_cut_where_there_is_a_gap():
    """Across many directions many of them lie at one place."""
    grid = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0))).reshape(2, -1)
    grid = grid[:, (grid[0] < 4) | (grid[0] > 7)]
    side = best_split(grid)[0].side
    assert set(map(tuple, np.unique(np.stack([side, grid[0] > 5]), axis=1).T)) in ({(0, 0), (1, 1)}, {(0, 1), (1, 0)})


def test_distinct_cuts_come_best_first_and_leave_enough_rows():
    found = best_split(mixture_rows(100, 2, 3)[0].T, most=4)
    assert [split.gain for split in found] == sorted((split.gain for split in found), reverse=True)
    assert len({split.side.tobytes() for split in found}) == len(found)
    for split in found:
        assert min(split.side.sum(), (~split.side).sum()) >= 3


@pytest.mark.parametrize(
    "z", [np.ones((2, 30)), np.vstack([np.arange(30.0), np.arange(30.0)])], ids=["one point", "collinear"]
)
def test_a_flat_cluster_has_no_cut(z):
    assert best_split(z) == []


# Moves.


@pytest.mark.parametrize("n_samples", [400, 20_000])
def test_more_starts_get_out_of_a_bad_optimum(n_samples):
    """Two components share one of four clusters, and one covers two: from each such optimum a move leads away."""
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [30, 0], [60, 0], [66, 0]], dtype=float)
    labels = np.arange(n_samples) % 4
    X = centres[labels] + rng.normal(size=(n_samples, 2))
    for seed in range(5):
        fitted = GaussianMixtureEM(4, init_params="random_from_data", n_init=5, random_state=seed).fit(X)
        assert_allclose(np.sort(fitted.means_[:, 0]), centres[:, 0], atol=0.5)


def test_a_spurious_end_is_left_for_a_valid_one():
    """One far row makes a component of its own, which is not kept where another start is allowed."""
    X = np.concatenate([mixture_rows(200, 2, 3)[0], [[40.0, 40.0]]])
    fitted = GaussianMixtureEM(4, n_init=6, random_state=0).fit(X)
    chosen = [record for record in fitted.starts_ if record.objective == fitted.lower_bound_]
    assert not chosen[0].is_spurious
    assert len(X) * fitted.weights_.min() >= 3


# The sample.


def drawn(rows, weight=None):
    with Workers(1) as workers:
        return scan(ArraySource(rows, weight), 3, False, workers)


@pytest.fixture(scope="module")
def many_rows():
    return np.random.default_rng(0).normal(size=(300_000, 2))


def all_of_it(sample):
    return sample


def thinned(sample):
    return sample.thinned(500)


LOOKS = [all_of_it, thinned]


@pytest.mark.parametrize("look", LOOKS)
def test_the_sample_of_many_rows_knows_no_order_and_no_units(many_rows, look):
    problem = drawn(many_rows)
    sample = look(problem.sample)
    assert not problem.is_whole
    assert len(sample.rows) <= (8192 if look is all_of_it else 500)
    assert_allclose(sample.weight.sum(), problem.weight)
    assert_allclose(np.cov(sample.rows.T), np.eye(2), atol=0.05 if look is all_of_it else 0.2)
    permuted = drawn(many_rows[np.random.default_rng(1).permutation(len(many_rows))])
    assert_array_equal(look(permuted.sample).rows, sample.rows)
    scaled = drawn(many_rows * [4.0, 0.5])
    assert_array_equal(look(scaled.sample).rows, sample.rows * [4.0, 0.5])


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("n_rows", [2000, 300_000])
def test_the_sample_counts_repeats_as_weights(many_rows, n_rows, look):
    rows = many_rows[:n_rows]
    weight = np.random.default_rng(0).integers(0, 3, size=n_rows)
    weighted, repeated = drawn(rows, weight.astype(float)), drawn(np.repeat(rows, weight, axis=0))
    assert_array_equal(look(weighted.sample).rows, look(repeated.sample).rows)
    assert_array_equal(look(weighted.sample).weight, look(repeated.sample).weight)
    in_another_unit = drawn(rows, weight * 0.1)
    assert_array_equal(look(in_another_unit.sample).rows, look(weighted.sample).rows)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("n_rows", [3000, 300_000])
def test_the_sample_holds_the_few_rows_that_carry_the_weight(many_rows, n_rows, look):
    rows, step = many_rows[:n_rows], n_rows // 10
    weight = np.full(n_rows, 1e-9)
    weight[::step] = 1.0
    sample = look(drawn(rows, weight).sample)
    heavy, there = {tuple(row) for row in rows[::step]}, {tuple(row) for row in sample.rows}
    assert heavy <= there
    # The others are not crowded out.
    assert len(there) > 400


def test_a_sample_is_thinned_in_equal_steps_of_weight():
    rows = np.arange(12.0)[:, None]
    weight = np.array([1.0] * 8 + [30.0, 1.0, 1.0, 2.0])
    thin = Sample(rows, weight).thinned(5)
    # The heavy row is itself; the others weigh 12, and rows 1, 4, 7 and 11 stand at 1.5, 4.5, 7.5 and 10.5 of it.
    assert_array_equal(thin.rows[:, 0], [1, 4, 7, 8, 11])
    assert_array_equal(thin.weight, [3, 3, 3, 30, 3])


@pytest.mark.parametrize("structure", ["full", "spherical"])
def test_a_fit_that_looks_for_its_start_among_some_of_the_rows_obeys_the_laws(structure):
    X = mixture_rows(5000, 2, 3)[0]
    model = GaussianMixtureEM(3, covariance_type=structure, random_state=0)
    fitted = model.fit(X)
    order = np.random.default_rng(0).permutation(len(X))
    for other in (
        clone(model).fit(X[order]),
        clone(model).fit(X, sample_weight=np.full(len(X), 3.0)),
        clone(model).fit(np.repeat(X, 2, axis=0)),
    ):
        assert other.n_iter_ == fitted.n_iter_
        assert_allclose(other.means_, fitted.means_, rtol=1e-9)
    assert_allclose(clone(model).fit(X * 1024).means_, fitted.means_ * 1024, rtol=1e-9)


# The parts of a pass that have a fast form.


@pytest.mark.parametrize("n_rows", [1, 63, 1500, 4096])
@pytest.mark.parametrize("n_components", [1, 3, 300])
def test_log_likelihood_is_the_sum_of_log_densities(n_rows, n_components):
    joint = 50 * np.random.default_rng(0).normal(size=(n_components, n_rows)) - 300
    expected = logsumexp(joint, axis=0)
    top, norm = responsibilities(joint)
    assert_allclose(log_density(top, norm), expected, rtol=1e-13)
    assert_allclose(log_likelihood(top, norm), expected.sum(), rtol=1e-13)
    weight = np.random.default_rng(1).exponential(size=n_rows)
    assert_allclose(log_likelihood(top, norm, weight), weight @ expected, rtol=1e-13)


def test_a_small_fit_starts_no_thread_looks_for_no_library_and_imports_nothing():
    script = """
import sys, threading
from sklearn.datasets import load_iris
from sklearn_em import GaussianMixtureEM
from sklearn_em.data import executors
X = load_iris().data
before = set(sys.modules)
for n_components in (1, 3):
    fitted = GaussianMixtureEM(n_components, random_state=0).fit(X)
    fitted.predict(X), fitted.score(X)
print(sorted(set(sys.modules) - before), threading.active_count(), executors._controller.cache_info().currsize)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[] 1 0"
