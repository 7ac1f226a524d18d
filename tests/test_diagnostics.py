"""The figures of `diagnostics_` are those of the published parameters."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris

from sklearn_em import GaussianMixtureEM

UNITS = np.array([1.0, 1e3, 1e-3, 7.0])


@pytest.mark.parametrize("covariance_type", ["full", "tied", "VVI", "spherical"])
@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
def test_figures_are_those_of_the_published_parameters(covariance_type, noise, gaps):
    rng = np.random.default_rng(0)
    X = load_iris().data * (UNITS if covariance_type != "spherical" else 50.0)
    if gaps:
        X = np.where(rng.random(X.shape) < 0.1, np.nan, X)
    weight = rng.integers(1, 4, len(X)) / 2
    mixture = GaussianMixtureEM(3, covariance_type=covariance_type, noise=noise, random_state=0)
    found = mixture.fit(X, sample_weight=weight).diagnostics_
    resp = mixture.predict_proba(X)[:, :3]
    mass = weight[:, None] * resp
    assert_allclose(found.effective_sample_size, mass.sum(axis=0) ** 2 / (mass**2).sum(axis=0), rtol=1e-6)
    certain = np.where(resp >= 0.95, mass, 0).sum(axis=0) / mass.sum(axis=0)
    assert_allclose(found.certain_share, certain, rtol=1e-6)
    assert found.n_failed_starts == 0
    assert found.failures == ()


def test_units_do_not_matter():
    X = load_iris().data
    one, other = (GaussianMixtureEM(3, random_state=0).fit(rows).diagnostics_ for rows in (X, X * UNITS))
    assert_allclose(other.condition_number, one.condition_number, rtol=1e-3)
    assert_allclose(other.smallest_relative_eigenvalue, one.smallest_relative_eigenvalue, rtol=1e-3)
    assert np.all(one.condition_number > 1)
