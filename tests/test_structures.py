"""The contract that every structure of the registry keeps; a new one needs no new test code."""

import numpy as np
import pytest
from conftest import mixture_rows
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal

from sklearn_em import GaussianMixtureEM
from sklearn_em.em import DegenerateError
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import STRUCTURES
from sklearn_em.gaussian.features import DIAGONAL, FULL, ISOTROPIC
from sklearn_em.gaussian.log_prob import Densities
from sklearn_em.gaussian.m_step import Terms, m_step
from sklearn_em.gaussian.statistics import about_own_means, scatter_of, with_total

K, P, N = 3, 4, 90


@pytest.fixture
def structure(covariance_type):
    return STRUCTURES[covariance_type]


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, P)) @ (np.eye(P) + 0.3 * rng.normal(size=(P, P))) + 5


@pytest.fixture
def resp():
    return np.random.default_rng(1).dirichlet(np.ones(K), size=N).T


def some_gaussians(structure, rows):
    """Components about different points, of different volumes, shapes and orientations as far as they may."""
    turned = [np.cov(np.roll(rows, k, axis=1).T) * (k + 1) for k in range(K)]
    return Gaussians.nearest(structure, rows[:K], np.array(turned), np.full(K, 1 / K))


def loaded(densities, rows):
    features = densities.buffer(len(rows))
    features.load(rows, np.ones(P), densities.centre)
    return features


def summed(structure, gaussians, rows, resp, apart=None):
    centre = rows.mean(axis=0)
    densities = Densities.prepare(gaussians, centre, np.zeros(K), apart=apart)
    accumulator = densities.accumulator()
    accumulator.add(loaded(densities, rows), resp)
    return with_total(accumulator.statistics(), (rows - centre).T @ (rows - centre))


def expected_log_density(gaussians, rows, resp):
    """Return sum_ik r_ik log N(x_i | k), by scipy."""
    form = gaussians.structure.form
    matrices = np.broadcast_to(form.matrices(gaussians.covariances, P), (K, P, P))
    return sum(resp[k] @ multivariate_normal(gaussians.means[k], matrices[k]).logpdf(rows) for k in range(K))


def test_registry_says_what_it_is(structure, covariance_type):
    assert structure.name == covariance_type
    assert len(structure.code) == 3
    assert structure.geometry.endswith(".")


def test_log_densities_are_scipys_near_and_far_from_the_centre(structure, rows):
    gaussians = some_gaussians(structure, rows)
    matrices = np.broadcast_to(structure.form.matrices(gaussians.covariances, P), (K, P, P))
    expected = [multivariate_normal(gaussians.means[k], matrices[k]).logpdf(rows) for k in range(K)]
    for centre in (rows.mean(axis=0), np.full(P, 1e7)):
        densities = Densities.prepare(gaussians, centre, np.zeros(K))
        features = loaded(densities, rows)
        joint = densities.log_joint(features, np.empty((K, N))) + densities.shared_term(features)
        assert_allclose(joint, expected, rtol=1e-11, atol=1e-11)


def test_statistics_add_up_and_do_not_depend_on_the_reference(structure, rows, resp):
    gaussians = some_gaussians(structure, rows)
    near = summed(structure, gaussians, rows, resp)
    apart = summed(structure, gaussians, rows, resp, apart=rows[10 : 10 + K])
    means = resp @ rows / resp.sum(axis=1)[:, None]
    for statistics in (near, apart):
        assert_allclose(statistics.mass, resp.sum(axis=1), rtol=1e-13)
        assert_allclose(statistics.means, means, rtol=1e-12)
    assert_allclose(scatter_of(structure, near), scatter_of(structure, apart), rtol=1e-11, atol=1e-10)
    doubled = near + near
    assert_allclose(doubled.mass, 2 * near.mass, rtol=1e-15)
    assert_allclose(doubled.means, near.means, rtol=1e-15)


def test_estimate_maximises_the_expected_log_density(structure, rows, resp):
    """Neither the means nor the covariances can be changed within the structure for the better."""
    start = some_gaussians(structure, rows)
    best = m_step(structure, summed(structure, start, rows, resp), Terms(np.zeros(P)), start)
    top = expected_log_density(best, rows, resp)
    rng = np.random.default_rng(2)
    for _ in range(20):
        means = best.means + 1e-3 * rng.normal(size=best.means.shape)
        assert expected_log_density(Gaussians.from_covariances(structure, means, best.covariances), rows, resp) < top
        change = 1 + 1e-3 * rng.normal(size=(K, P, P))
        matrices = structure.form.matrices(best.covariances, P) * (change + change.swapaxes(1, 2)) / 2
        other = Gaussians.nearest(structure, best.means, matrices, np.full(K, 1 / K))
        assert expected_log_density(other, rows, resp) < top


def test_blur_is_the_limit_of_a_cloud_around_every_row(structure, rows, resp):
    """Each row replaced by 2 p rows at +- sqrt(p R_j) along the axes has the same means and scatter + mass R."""
    blur = np.full(P, 0.3) if structure.one_scale else np.array([0.1, 0.2, 0.3, 0.4])
    start = some_gaussians(structure, rows)
    blurred = m_step(structure, summed(structure, start, rows, resp), Terms(blur), start)
    steps = np.vstack([np.diag(np.sqrt(P * blur)), -np.diag(np.sqrt(P * blur))])
    cloud = (rows[:, None, :] + steps).reshape(-1, P)
    cloud_resp = np.repeat(resp, 2 * P, axis=1) / (2 * P)
    centre = rows.mean(axis=0)
    densities = Densities.prepare(start, centre, np.zeros(K))
    accumulator = densities.accumulator()
    accumulator.add(loaded(densities, cloud), cloud_resp)
    z = cloud - centre
    statistics = with_total(accumulator.statistics(), z.T @ z / (2 * P))
    plain = m_step(structure, statistics, Terms(np.zeros(P)), start)
    assert_allclose(plain.means, blurred.means, rtol=1e-12)
    assert_allclose(plain.covariances, blurred.covariances, rtol=1e-10, atol=1e-12)


def test_forms_agree_with_dense_matrices(structure, rows):
    gaussians = some_gaussians(structure, rows)
    form = structure.form
    matrices = form.matrices(gaussians.covariances, P)
    precisions = form.matrices(gaussians.precisions, P)
    assert_allclose(matrices @ precisions, np.broadcast_to(np.eye(P), matrices.shape), atol=1e-10)
    assert_allclose(form.log_det(gaussians.precision_cholesky, P), -0.5 * np.linalg.slogdet(matrices)[1], rtol=1e-11)
    assert_allclose(form.covariances(gaussians.precision_cholesky), gaussians.covariances, rtol=1e-10)
    assert_allclose(
        form.precision_cholesky_of_precisions(gaussians.precisions), gaussians.precision_cholesky, rtol=1e-9, atol=1e-12
    )
    factor = np.full(P, 4.0) if structure.one_scale else 2.0 ** np.arange(P)
    again = gaussians.rescale(factor).rescale(1 / factor)
    np.testing.assert_array_equal(again.covariances, gaussians.covariances)
    np.testing.assert_array_equal(again.precision_cholesky, gaussians.precision_cholesky)
    natural = structure.to_natural(gaussians.covariances, P)
    assert natural.shape == structure.natural_shape(K, P)
    np.testing.assert_array_equal(structure.from_natural(natural, P), gaussians.covariances)


def test_singular_covariances_are_named(structure):
    shape = structure.form.natural_shape(K, P)
    array = np.tile(np.eye(P), (K, 1, 1)) if len(shape) == 3 else np.ones(shape).reshape(K, -1)
    array[1] = 0.0
    with pytest.raises(DegenerateError) as caught:
        structure.form.precision_cholesky(array)
    assert caught.value.components == (1,)


def test_component_without_mass_keeps_its_parameters(structure, rows, resp):
    start = some_gaussians(structure, rows)
    resp = resp.copy()
    resp[1] = 0.0
    after = m_step(structure, summed(structure, start, rows, resp), Terms(np.zeros(P)), start)
    np.testing.assert_array_equal(after.means[1], start.means[1])
    if not structure.shared:
        np.testing.assert_array_equal(after.covariances[1], start.covariances[1])
    assert np.isfinite(after.covariances).all()


def test_where_no_component_has_mass_all_stay_as_they_are(structure, rows, resp):
    """As where the noise has taken every row."""
    start = some_gaussians(structure, rows)
    after = m_step(structure, summed(structure, start, rows, np.zeros_like(resp)), Terms(np.zeros(P)), start)
    np.testing.assert_array_equal(after.means, start.means)
    np.testing.assert_allclose(after.precision_cholesky, start.precision_cholesky, rtol=1e-10, atol=1e-12)


def test_spectra_and_narrow_components_are_those_of_the_matrices(covariance_type):
    X = mixture_rows(300, 3, 3)[0] * [1.0, 0.01, 1.0]
    gaussians = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(X)._parameters().gaussians
    form, variance = gaussians.structure.form, X.var(axis=0) * [1.0, 2.0, 0.5]
    relative = form.matrices(gaussians.covariances, 3) / np.sqrt(variance) / np.sqrt(variance)[:, None]
    values = np.linalg.eigvalsh(relative)
    assert_allclose(form.spectrum(gaussians.covariances, variance), values, rtol=1e-9)
    for share in np.concatenate([0.999 * values[:, 0], 1.001 * values[:, 0], [1e-9, 1e9]]):
        assert_array_equal(gaussians.narrower(variance, share), values[:, 0] < share)


def test_the_pooled_scatter_is_the_sum_of_all():
    X, labels = mixture_rows(200, 3, 3)
    resp = np.eye(3)[labels].T
    for moments in (FULL, DIAGONAL, ISOTROPIC):
        statistics = about_own_means(moments, X, resp)
        for moved in (statistics, statistics.move_to(np.ones((1, 3)))):
            assert_allclose(moved.pooled_scatter[0], moved.scatter.sum(axis=0), rtol=1e-11)
            assert_allclose(moved.pooled_scatter, statistics.pooled_scatter, rtol=1e-11)
