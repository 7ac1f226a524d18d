"""Rows to fit, and the same start for both sides."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from sklearn_em import GaussianMixtureEM


def correlated(n_samples: int, n_features: int, n_components: int) -> np.ndarray:
    """Draw from a mixture of correlated Gaussians that lie well apart."""
    rng = np.random.default_rng(0)
    centres = 3 * rng.normal(size=(n_components, n_features))
    maps = rng.normal(size=(n_components, n_features, n_features)) / np.sqrt(n_features)
    labels = rng.integers(n_components, size=n_samples)
    rows = rng.normal(size=(n_samples, n_features))
    for k in range(n_components):
        rows[labels == k] = centres[k] + rows[labels == k] @ maps[k].T
    return rows


def overlapping(n_samples: int, n_features: int, n_components: int, separation: float, seed: int) -> np.ndarray:
    """Draw from a mixture of correlated Gaussians whose means are `separation` apart or so."""
    rng = np.random.default_rng(seed)
    means = separation * rng.normal(size=(n_components, n_features))
    maps = np.eye(n_features) + 0.3 * rng.normal(size=(n_components, n_features, n_features))
    labels = rng.integers(n_components, size=n_samples)
    return means[labels] + np.einsum("nij,nj->ni", maps[labels], rng.normal(size=(n_samples, n_features)))


def oracles() -> dict[str, np.ndarray]:
    """Return the real data sets of the tests by name."""
    folder = Path(__file__).parents[1] / "tests" / "data"
    return {path.stem: np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2) for path in sorted(folder.glob("*.csv"))}


def principal(X: np.ndarray, n_features: int) -> np.ndarray:
    """Return the first principal components."""
    return PCA(n_features, svd_solver="full").fit_transform(X)


def digits(n_features: int) -> np.ndarray:
    """Return handwritten digits on their principal components."""
    return principal(load_digits().data, n_features)


def as_start(fitted: GaussianMixture | GaussianMixtureEM) -> dict[str, np.ndarray]:
    """Return fitted parameters as the parameters of an estimator that starts there."""
    return {
        "weights_init": fitted.weights_ / fitted.weights_.sum(),
        "means_init": fitted.means_,
        "precisions_init": fitted.precisions_,
    }


def peer_of(fitted: GaussianMixtureEM, reg_covar: float = 0.0) -> GaussianMixture:
    """Return scikit-learn's class with the same fitted parameters."""
    peer = GaussianMixture(fitted.n_components, covariance_type=fitted.covariance_type, reg_covar=reg_covar)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_", "n_features_in_"):
        setattr(peer, name, getattr(fitted, name))
    return peer
