"""The mixture of Gaussians as a textbook writes it: slow and obvious, to test the package against.

Nothing here is imported from the package. Covariances are dense, (n_components, n_features, n_features), whatever the
structure; `dense_covariances` and `compact_covariances` translate from and to the shapes of scikit-learn, also for
precisions. `blur` is the covariance R of the tiny cloud that every row stands for: the regularisation.
"""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal


def dense_covariances(covariances, covariance_type, n_components, n_features):
    """One (n_features, n_features) matrix per component, from the shapes of scikit-learn (or mclust's EEI and EII)."""
    covariances = np.asarray(covariances, dtype=float)
    dense = np.empty((n_components, n_features, n_features))
    for k in range(n_components):
        if covariance_type == "full":
            dense[k] = covariances[k]
        elif covariance_type == "tied":
            dense[k] = covariances
        elif covariance_type == "diag":
            dense[k] = np.diag(covariances[k])
        elif covariance_type == "EEI":
            dense[k] = np.diag(covariances)
        elif covariance_type == "spherical":
            dense[k] = covariances[k] * np.eye(n_features)
        elif covariance_type == "EII":
            dense[k] = covariances * np.eye(n_features)
        else:
            raise ValueError(f"no such covariance_type: {covariance_type!r}")
    return dense


def compact_covariances(dense, covariance_type):
    """The inverse of `dense_covariances`."""
    if covariance_type == "full":
        return dense
    if covariance_type == "tied":
        return dense[0]
    if covariance_type == "diag":
        return np.array([np.diag(matrix) for matrix in dense])
    if covariance_type == "spherical":
        return np.array([matrix[0, 0] for matrix in dense])
    raise ValueError(f"no such covariance_type: {covariance_type!r}")


def inverse(dense):
    """The inverse of each positive definite matrix, scaled to unit diagonal first so that units cost no digits."""
    inverses = np.empty_like(dense)
    for k, matrix in enumerate(dense):
        scale = np.sqrt(np.diag(matrix))
        inverses[k] = np.linalg.inv(matrix / np.outer(scale, scale)) / np.outer(scale, scale)
    return (inverses + inverses.transpose(0, 2, 1)) / 2


def log_joint(X, weights, means, covariances):
    """log pi_k + log N(x_i | mu_k, Sigma_k), of shape (n_samples, n_components)."""
    columns = [
        np.log(weight) + multivariate_normal(mean, covariance).logpdf(X).reshape(len(X))
        for weight, mean, covariance in zip(weights, means, covariances, strict=True)
    ]
    return np.stack(columns, axis=1)


def score_samples(X, weights, means, covariances):
    """log p(x_i)."""
    return logsumexp(log_joint(X, weights, means, covariances), axis=1)


def log_likelihood(X, weights, means, covariances, sample_weight=None):
    """sum_i w_i log p(x_i)."""
    sample_weight = np.ones(len(X)) if sample_weight is None else sample_weight
    return np.sum(sample_weight * score_samples(X, weights, means, covariances))


def log_blur(covariances, blur):
    """-tr(Sigma_k^-1 R) / 2, the log of the factor that stands for rows which are tiny clouds of covariance R."""
    return np.array([-0.5 * np.trace(np.linalg.solve(covariance, blur)) for covariance in covariances])


def objective(X, weights, means, covariances, sample_weight=None, blur=None):
    """What EM climbs: the weighted mean of log sum_k pi_k N(x_i | mu_k, Sigma_k) exp(-tr(Sigma_k^-1 R) / 2)."""
    sample_weight = np.ones(len(X)) if sample_weight is None else sample_weight
    blur = np.zeros_like(covariances[0]) if blur is None else blur
    joint = log_joint(X, weights, means, covariances) + log_blur(covariances, blur)
    return np.sum(sample_weight * logsumexp(joint, axis=1)) / np.sum(sample_weight)


def responsibilities(X, weights, means, covariances, blur=None):
    """The posterior probability of each component given the row, of shape (n_samples, n_components)."""
    blur = np.zeros_like(covariances[0]) if blur is None else blur
    joint = log_joint(X, weights, means, covariances) + log_blur(covariances, blur)
    return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


def m_step(X, resp, covariance_type, sample_weight=None, blur=None):
    """(weights, means, covariances) that explain the responsibilities best: mass, mean and scatter, row by row."""
    n_samples, n_features = X.shape
    n_components = resp.shape[1]
    sample_weight = np.ones(n_samples) if sample_weight is None else sample_weight
    blur = np.zeros((n_features, n_features)) if blur is None else blur

    mass = np.zeros(n_components)
    means = np.zeros((n_components, n_features))
    scatter = np.zeros((n_components, n_features, n_features))
    for k in range(n_components):
        for i in range(n_samples):
            mass[k] += sample_weight[i] * resp[i, k]
            means[k] += sample_weight[i] * resp[i, k] * X[i]
        means[k] /= mass[k]
        for i in range(n_samples):
            scatter[k] += sample_weight[i] * resp[i, k] * np.outer(X[i] - means[k], X[i] - means[k])
        scatter[k] += mass[k] * blur

    pooled = scatter.sum(axis=0) / mass.sum()
    covariances = np.empty_like(scatter)
    for k in range(n_components):
        own = scatter[k] / mass[k]
        if covariance_type == "full":
            covariances[k] = own
        elif covariance_type == "tied":
            covariances[k] = pooled
        elif covariance_type == "diag":
            covariances[k] = np.diag(np.diag(own))
        elif covariance_type == "EEI":
            covariances[k] = np.diag(np.diag(pooled))
        elif covariance_type == "spherical":
            covariances[k] = np.trace(own) / n_features * np.eye(n_features)
        elif covariance_type == "EII":
            covariances[k] = np.trace(pooled) / n_features * np.eye(n_features)
        else:
            raise ValueError(f"no such covariance_type: {covariance_type!r}")
    return mass / mass.sum(), means, covariances


def em_step(X, weights, means, covariances, covariance_type, sample_weight=None, blur=None):
    """One E-step and one M-step."""
    resp = responsibilities(X, weights, means, covariances, blur)
    return m_step(X, resp, covariance_type, sample_weight, blur)
