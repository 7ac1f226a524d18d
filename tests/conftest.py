"""Data and names that many tests share."""

import numpy as np
import pytest

from sklearn_em.gaussian.covariance import STRUCTURES


@pytest.fixture(params=STRUCTURES, ids=str)
def covariance_type(request):
    """Every structure of the registry: one more line there is one more case here."""
    return request.param


def mixture_rows(n_samples=300, n_features=3, n_components=3, separation=3.0, seed=0):
    """Draw rows from a mixture of correlated Gaussians; return them with their components."""
    rng = np.random.default_rng(seed)
    means = separation * rng.normal(size=(n_components, n_features))
    maps = np.eye(n_features) + 0.4 * rng.normal(size=(n_components, n_features, n_features))
    labels = rng.integers(n_components, size=n_samples)
    rows = means[labels] + np.einsum("nij,nj->ni", maps[labels], rng.normal(size=(n_samples, n_features)))
    return rows, labels
