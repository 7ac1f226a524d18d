"""The mixture of Gaussians as a textbook writes it: slow and obvious, to test the package against.

Nothing here is imported from the package. Covariances are dense, (n_components, n_features, n_features), whatever the
structure; `dense_covariances` and `compact_covariances` translate from and to the shapes that the estimator publishes,
also for precisions. `blur` is the covariance R of the tiny cloud that every row stands for: the regularisation.

The fourteen structures are those of Celeux and Govaert (1995), "Gaussian parsimonious clustering models". The letters
of a code say whether volume, shape and orientation of the ellipsoids are Equal or Variable, or the Identity: spheres,
or axes parallel to the features. Where the estimator knows a code by a name, so do the functions here.
"""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

CODES = {
    "full": "VVV",
    "tied": "EEE",
    "diag": "VVI",
    "spherical": "VII",
    "tied_diag": "EEI",
    "tied_spherical": "EII",
}
# Each structure is a special case of those behind it: what it can fit, they fit at least as well.
GENERALISATIONS = {
    "EII": ["VII", "EEI"],
    "VII": ["VEI"],
    "EEI": ["VEI", "EVI", "EEE"],
    "VEI": ["VVI", "VEE"],
    "EVI": ["VVI", "EVE"],
    "VVI": ["VVE"],
    "EEE": ["VEE", "EVE", "EEV"],
    "VEE": ["VVE", "VEV"],
    "EVE": ["VVE", "EVV"],
    "VVE": ["VVV"],
    "EEV": ["VEV", "EVV"],
    "VEV": ["VVV"],
    "EVV": ["VVV"],
    "VVV": [],
}


def code_of(covariance_type):
    """The three letters of a structure that may have been given by name."""
    code = CODES.get(covariance_type, covariance_type)
    if code not in GENERALISATIONS:
        raise ValueError(f"no such covariance_type: {covariance_type!r}")
    return code


def is_shared(covariance_type):
    """Whether all components have the same covariance, which is published once."""
    return code_of(covariance_type) in {"EII", "EEI", "EEE"}


def dense_covariances(covariances, covariance_type, n_components, n_features):
    """One (n_features, n_features) matrix per component, from the shape in which the structure is published."""
    covariances, code = np.asarray(covariances, dtype=float), code_of(covariance_type)
    dense = np.empty((n_components, n_features, n_features))
    for k in range(n_components):
        own = covariances if is_shared(code) else covariances[k]
        if code.endswith("II"):
            dense[k] = own * np.eye(n_features)
        elif code.endswith("I"):
            dense[k] = np.diag(own)
        else:
            dense[k] = own
    return dense


def compact_covariances(dense, covariance_type):
    """The inverse of `dense_covariances`."""
    code = code_of(covariance_type)
    if code.endswith("II"):
        compact = dense[:, 0, 0]
    elif code.endswith("I"):
        compact = np.array([np.diag(matrix) for matrix in dense])
    else:
        compact = dense
    return np.asarray(compact[0]) if is_shared(code) else compact


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


def expected_log_likelihood(X, resp, weights, means, covariances, sample_weight=None, blur=None):
    """Q, which the M-step maximises: the complete-data log-likelihood, averaged over the responsibilities."""
    sample_weight = np.ones(len(X)) if sample_weight is None else sample_weight
    blur = np.zeros_like(covariances[0]) if blur is None else blur
    joint = log_joint(X, weights, means, covariances) + log_blur(covariances, blur)
    return np.sum(sample_weight[:, np.newaxis] * resp * joint)


# The covariances that maximise Q, from the scatter of each component about its mean, (n_components, n_features,
# n_features), and the mass of each component. One function per structure, `M_STEPS` lists them.


def volume(matrix):
    """|matrix|^(1/p): the variance of the sphere that is as large."""
    return np.exp(np.linalg.slogdet(matrix)[1] / len(matrix))


def unit_volume(matrix):
    """What is left of a matrix without its volume: shape and orientation."""
    return matrix / volume(matrix)


def eii(scatter, mass):
    pooled = scatter.sum(axis=0) / mass.sum()
    return np.array([np.trace(pooled) / len(pooled) * np.eye(len(pooled)) for _ in mass])


def vii(scatter, mass):
    return np.array([eii(scatter[[k]], mass[[k]])[0] for k in range(len(mass))])


def eee(scatter, mass):
    pooled = scatter.sum(axis=0) / mass.sum()
    return np.array([pooled for _ in mass])


def vvv(scatter, mass):
    return np.array([own / n for own, n in zip(scatter, mass, strict=True)])


def evv(scatter, mass):
    common = sum(volume(own) for own in scatter) / mass.sum()
    return np.array([common * unit_volume(own) for own in scatter])


def vee(scatter, mass):
    """Volumes given shape and orientation, those given the volumes, and so on until the volumes stand still.

    That takes 30 turns at most on R's data; where rounding keeps the last digit moving, more turns gain nothing.
    """
    n_features = scatter.shape[1]
    volumes, previous = np.ones(len(mass)), np.zeros(len(mass))
    for _ in range(200):
        if np.all(np.abs(volumes - previous) <= 1e-15 * volumes):
            break
        common = unit_volume(sum(own / v for own, v in zip(scatter, volumes, strict=True)))
        precision = inverse(common[np.newaxis])[0]
        previous = volumes
        volumes = np.array([np.sum(precision * own) / (n_features * n) for own, n in zip(scatter, mass, strict=True)])
    return np.array([v * common for v in volumes])


def along_features(m_step):
    """The M-step of the structure whose axes are parallel to the features: it sees nothing but variances."""
    return lambda scatter, mass: m_step(np.array([np.diag(np.diag(own)) for own in scatter]), mass)


def along_own_axes(m_step):
    """The M-step of the structure whose components turn freely: each goes along the eigenvectors of its scatter."""

    def turned(scatter, mass):
        eigenvalues, axes = np.linalg.eigh(scatter)  # in ascending order, which pairs the axes of the components
        along = m_step(np.array([np.diag(values) for values in eigenvalues]), mass)
        return axes @ along @ axes.transpose(0, 2, 1)

    return turned


def along_common_axes(m_step, loss):
    """The M-step of the structure with one orientation: the one with the least loss.

    Pairs of axes are turned against each other, each pair to its best angle, until nothing is left to gain (Flury and
    Gautschi, 1986). From several starts, because the optimum may be local; only the best one is followed to the end.
    """

    def turned(scatter, mass):
        starts = [np.eye(scatter.shape[1]), *(np.linalg.eigh(own)[1] for own in [scatter.sum(axis=0), *scatter])]
        candidates = [turn_pairs(scatter, mass, axes, loss, 1e-5) for axes in starts]
        best = min(candidates, key=lambda axes: loss(log_volumes(scatter, axes), len(axes), mass))
        axes = turn_pairs(scatter, mass, best, loss, 1e-14)
        along = m_step(np.array([np.diag(np.diag(axes.T @ own @ axes)) for own in scatter]), mass)
        return axes @ along @ axes.T

    return turned


def log_volumes(scatter, axes):
    """The log of the product of each component's variances along the axes: of its volume, to the power p."""
    return np.array([np.log(np.diag(axes.T @ own @ axes)).sum() for own in scatter])


def turn_pairs(scatter, mass, axes, loss, enough):
    """The axes, (n_features, n_features), after sweeps until one lessens the loss by too small a share."""
    for _ in range(1000):
        before = loss(log_volumes(scatter, axes), len(axes), mass)
        for i in range(len(axes)):
            for j in range(i):
                axes = turn_pair(scatter, mass, axes, i, j, loss)
        if before - loss(log_volumes(scatter, axes), len(axes), mass) <= enough * abs(before):
            break
    return axes


def turn_pair(scatter, mass, axes, i, j, loss):
    """Axes i and j turned by the best angle: that of a grid, which then closes in on it."""
    turned_scatter = axes.T @ scatter @ axes
    a, b, c = turned_scatter[:, i, i], turned_scatter[:, j, j], turned_scatter[:, i, j]
    others = log_volumes(scatter, axes) - np.log(a) - np.log(b)
    angle, width = 0.0, np.pi / 4  # a quarter turn exchanges the two axes, so this is the circle
    for _ in range(8):
        angles = angle + width * np.linspace(-1, 1, 65)
        cos, sin = np.cos(angles)[:, np.newaxis], np.sin(angles)[:, np.newaxis]
        variances = cos**2 * a + sin**2 * b + 2 * cos * sin * c, sin**2 * a + cos**2 * b - 2 * cos * sin * c
        angle = angles[np.argmin(loss(others + np.log(variances[0]) + np.log(variances[1]), len(axes), mass))]
        width /= 16
    turned = axes.copy()
    turned[:, i] = np.cos(angle) * axes[:, i] + np.sin(angle) * axes[:, j]
    turned[:, j] = np.cos(angle) * axes[:, j] - np.sin(angle) * axes[:, i]
    return turned


def loss_of_equal_volumes(log_volumes, n_features, mass):
    """-2 Q of the best common volume, but for a constant."""
    return n_features * mass.sum() * logsumexp(log_volumes / n_features, axis=-1)


def loss_of_own_volumes(log_volumes, n_features, mass):
    """-2 Q of the best volumes, but for a constant."""
    return log_volumes @ mass


M_STEPS = {
    "EII": eii,
    "VII": vii,
    "EEI": along_features(eee),
    "VEI": along_features(vee),
    "EVI": along_features(evv),
    "VVI": along_features(vvv),
    "EEE": eee,
    "VEE": vee,
    "EVE": along_common_axes(evv, loss_of_equal_volumes),
    "VVE": along_common_axes(vvv, loss_of_own_volumes),
    "EEV": along_own_axes(eee),
    "VEV": along_own_axes(vee),
    "EVV": evv,
    "VVV": vvv,
}


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
    return mass / mass.sum(), means, M_STEPS[code_of(covariance_type)](scatter, mass)


def em_step(X, weights, means, covariances, covariance_type, sample_weight=None, blur=None):
    """One E-step and one M-step."""
    resp = responsibilities(X, weights, means, covariances, blur)
    return m_step(X, resp, covariance_type, sample_weight, blur)
