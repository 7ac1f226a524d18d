"""The criteria by their definitions, where R has no figures: with weights, noise and missing values."""

import numpy as np
import pytest
from conftest import mixture_rows
from numpy.testing import assert_allclose

from sklearn_em import GaussianMixtureEM


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_icl_is_bic_and_what_assignment_costs(noise, gaps, covariance_type):
    rng = np.random.default_rng(0)
    X, _ = mixture_rows(separation=1.0)
    sample_weight = rng.integers(1, 4, len(X)) / 2
    if gaps:
        X[rng.random(X.shape) < 0.2] = np.nan
        X[0] = np.nan  # nothing is known of this row, so it does not count
    mixture = GaussianMixtureEM(3, covariance_type=covariance_type, noise=noise, random_state=0).fit(X)
    certainty = mixture.predict_proba(X).max(axis=1)
    counts = ~np.isnan(X).all(axis=1)
    cost = -2 * np.log(certainty[counts])
    assert cost.sum() > 10
    assert_allclose(mixture.icl(X), mixture.bic(X) + cost.sum(), rtol=1e-12)
    expected = mixture.bic(X, sample_weight=sample_weight) + sample_weight[counts] @ cost
    assert_allclose(mixture.icl(X, sample_weight=sample_weight), expected, rtol=1e-12)


def test_one_component_leaves_nothing_to_assign():
    X, _ = mixture_rows()
    mixture = GaussianMixtureEM().fit(X)
    assert mixture.icl(X) == pytest.approx(mixture.bic(X), rel=1e-14)
