"""One pass of EM with every option at once, as textbooks write it: row by row, to test the package against.

Missing values, labels, noise, priors, fixed parameters, equal weights, sample weights and regularisation, in any
combination, under each of the fourteen structures, whose M-steps are those of `oracles`. Nothing here is imported from
the package. Covariances are dense, (K, p, p). What is climbed, per unit of weight, is

    J = sum_i w_i log( sum_k a_ik pi_k N(x_i,obs | mu_k, Sigma_k) exp(-tr(Sigma_k^-1 R) / 2) + a_i0 pi_0 / V_i ) + log p

Ghahramani and Jordan (1994), "Supervised learning from incomplete data via an EM approach": the moments of rows with
missing values. Fraley and Raftery (2007), "Bayesian regularization for normal mixture estimation and model-based
clustering": the priors, and which to take by default. Banfield and Raftery (1993), "Model-based Gaussian and
non-Gaussian clustering": the noise.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from oracles import M_STEPS, code_of, is_shared
from scipy.special import logsumexp
from scipy.stats import dirichlet, invgamma, invwishart, multivariate_normal


class Parameters(NamedTuple):
    """All weights sum to 1, the noise's included; it is None where there is no noise."""

    weights: np.ndarray  # (K,)
    means: np.ndarray  # (K, p)
    covariances: np.ndarray  # (K, p, p)
    noise_weight: float | None = None


class Prior(NamedTuple):
    """None is no prior on that part; the mean goes with its precision, and the scale with its degrees of freedom."""

    weight_concentration: float | None = None
    mean: np.ndarray | None = None
    mean_precision: float | None = None
    degrees_of_freedom: float | None = None
    scale: np.ndarray | float | None = None  # (p, p); (p,) where the axes are the features; a number for spheres


class Fixed(NamedTuple):
    """NaN where free; the weights are shares of what the noise leaves."""

    weights: np.ndarray | None = None  # (K,)
    means: np.ndarray | None = None  # (K, p)
    covariances: np.ndarray | None = None  # (K, p, p)


NO_PRIOR, NOTHING_FIXED = Prior(), Fixed()


@dataclass(frozen=True)
class Problem:
    """Rows, and all that is known beside them."""

    X: np.ndarray  # (n, p), NaN where missing
    covariance_type: str  # by name or code
    sample_weight: np.ndarray | None = None  # (n,)
    log_plausibilities: np.ndarray | None = None  # (n, K), or (n, K + 1) with noise
    blur: np.ndarray | None = None  # (p,), the diagonal of R
    noise_log_volumes: np.ndarray | None = None  # (n,), needed with noise
    prior: Prior = NO_PRIOR
    fixed: Fixed = NOTHING_FIXED
    equal_weights: bool = False

    @property
    def code(self):
        return code_of(self.covariance_type)

    @property
    def weight(self):
        """The sample weights, 0 for rows with nothing observed."""
        weight = np.ones(len(self.X)) if self.sample_weight is None else self.sample_weight
        return np.where(np.isnan(self.X).all(axis=1), 0.0, weight)

    @property
    def R(self):
        return np.diag(np.zeros(self.X.shape[1]) if self.blur is None else self.blur)


def is_fixed(array, k):
    return array is not None and not np.isnan(array[k]).any()


def kind_of(covariance_type):
    """What is estimated of a covariance: a variance, one of each feature, or a matrix."""
    code = code_of(covariance_type)
    return "spherical" if code.endswith("II") else "diagonal" if code.endswith("I") else "full"


def log_joint(problem, parameters):
    """The log of each term of the inner sum of J, (n, K), or (n, K + 1) where the last is the noise's."""
    weights, means, covariances, noise_weight = parameters
    has_noise = noise_weight is not None
    joint = np.zeros((len(problem.X), len(weights) + has_noise))
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.append(weights, noise_weight if has_noise else []))
    for k in range(len(weights)):
        is_blurred = not is_fixed(problem.fixed.covariances, k)
        factor = -np.trace(np.linalg.inv(covariances[k]) @ problem.R) / 2 if is_blurred else 0.0
        for i, x in enumerate(problem.X):
            o = ~np.isnan(x)
            joint[i, k] = log_weights[k] + factor
            if o.any():
                joint[i, k] += multivariate_normal.logpdf(x[o], means[k][o], covariances[k][np.ix_(o, o)])
    if has_noise:
        joint[:, -1] = log_weights[-1] - problem.noise_log_volumes
    return joint if problem.log_plausibilities is None else joint + problem.log_plausibilities


def log_prior(problem, parameters):
    """The log density of the prior, with its normalising constants."""
    (concentration, mean, kappa, nu, scale), p = problem.prior, problem.X.shape[1]
    weights, means, covariances, noise_weight = parameters
    log_density = 0.0
    if concentration is not None:
        every = weights if noise_weight is None else np.append(weights, noise_weight)
        log_density += dirichlet(np.full(len(every), concentration)).logpdf(every) if len(every) > 1 else 0.0
    if kappa is not None:
        for k in range(len(means)):
            log_density += multivariate_normal(mean, covariances[k] / kappa).logpdf(means[k])
    if nu is not None:
        for covariance in covariances[:1] if is_shared(problem.code) else covariances:
            if kind_of(problem.code) == "full":
                log_density += invwishart(nu, np.reshape(scale, (p, p))).logpdf(covariance)
            elif kind_of(problem.code) == "diagonal":
                log_density += invgamma(nu / 2, scale=np.asarray(scale) / 2).logpdf(np.diag(covariance)).sum()
            else:
                log_density += invgamma(nu / 2, scale=scale / 2).logpdf(covariance[0, 0])
    return log_density


def e_step(problem, parameters):
    """J per unit of weight, and the probabilities of where rows are from, given what is observed: as `log_joint`."""
    joint = log_joint(problem, parameters)
    norm = logsumexp(joint, axis=1, keepdims=True)
    total = problem.weight @ norm[:, 0] + log_prior(problem, parameters)
    return total / problem.weight.sum(), np.exp(joint - norm)


def objective(problem, parameters):
    """J, per unit of weight."""
    return e_step(problem, parameters)[0]


def responsibilities(problem, parameters):
    """The posterior probability of each component, (n, K), or (n, K + 1) where the last is the noise's."""
    return e_step(problem, parameters)[1]


def conditional_moments(x, mean, covariance):
    """The expectation (p,) and the covariance (p, p) of a row of a Gaussian, given what is observed of it."""
    o, m = ~np.isnan(x), np.isnan(x)
    regression = covariance[np.ix_(m, o)] @ np.linalg.inv(covariance[np.ix_(o, o)])
    expected, spread = x.copy(), np.zeros_like(covariance)
    expected[m] = mean[m] + regression @ (x[o] - mean[o])
    spread[np.ix_(m, m)] = covariance[np.ix_(m, m)] - regression @ covariance[np.ix_(o, m)]
    return expected, spread


def obeying(problem, share):
    """The components' shares (K,) of what the noise leaves, with those that are fixed in their places."""
    if problem.equal_weights:
        return np.full(len(share), 1 / len(share))
    if problem.fixed.weights is None:
        return share / share.sum()
    free = np.isnan(problem.fixed.weights)
    result = np.where(free, 0.0, problem.fixed.weights)
    result[free] = (1 - result.sum()) * share[free] / share[free].sum()
    return result


def new_weights(problem, mass, n_components):
    """The weights of the components and of the noise, from the mass (K,) or (K + 1,)."""
    alpha = problem.prior.weight_concentration
    counts = mass if alpha is None else mass + alpha - 1
    share = obeying(problem, counts[:n_components])
    if len(counts) == n_components:
        return share, None
    noise_weight = counts[-1] / counts.sum()
    return share * (1 - noise_weight), noise_weight


def prior_scatter_and_count(problem):
    """What the prior of a covariance adds to the scatter, and as how many rows it counts."""
    nu, scale, p = problem.prior.degrees_of_freedom, problem.prior.scale, problem.X.shape[1]
    if kind_of(problem.code) == "full":
        return np.reshape(scale, (p, p)), nu + p + 1
    if kind_of(problem.code) == "diagonal":
        return np.diag(scale), nu + 2
    return scale / p * np.eye(p), (nu + 2) / p


def m_step(problem, resp, parameters):
    """The parameters that maximise the bound; `parameters` are those under which missing values are expected."""
    K, p = parameters.means.shape
    weight, prior, fixed = problem.weight, problem.prior, problem.fixed
    means, covariances = parameters.means.copy(), parameters.covariances.copy()
    mass, scatter = weight @ resp, np.zeros((K, p, p))
    counts = mass[:K].copy()
    for k in range(K):
        moments = [conditional_moments(x, parameters.means[k], parameters.covariances[k]) for x in problem.X]
        total = sum(weight[i] * resp[i, k] * expected for i, (expected, _) in enumerate(moments))
        kappa = 0.0 if prior.mean_precision is None else prior.mean_precision
        if is_fixed(fixed.means, k):
            means[k] = fixed.means[k]
        elif mass[k] + kappa > 0:
            means[k] = (total + (kappa * prior.mean if kappa else 0.0)) / (mass[k] + kappa)
        for i, (expected, spread) in enumerate(moments):
            scatter[k] += weight[i] * resp[i, k] * (np.outer(expected - means[k], expected - means[k]) + spread)
        scatter[k] += mass[k] * problem.R
        if kappa:
            scatter[k] += kappa * np.outer(means[k] - prior.mean, means[k] - prior.mean)
            counts[k] += 1
    has_prior_of_covariances = prior.degrees_of_freedom is not None
    if has_prior_of_covariances:
        added, count = prior_scatter_and_count(problem)
        met = slice(1) if is_shared(problem.code) else slice(None)  # a covariance that all share meets its prior once
        scatter[met] += added
        counts[met] += count
    free = np.ones(K, dtype=bool)
    for k in range(K):
        if is_fixed(fixed.covariances, k):
            covariances[k], free[k] = fixed.covariances[k], False
        elif not (mass[k] > 0 or has_prior_of_covariances or is_shared(problem.code)):
            free[k] = False  # with nothing to go by it stays as it was
    if free.any():
        covariances[free] = M_STEPS[problem.code](scatter[free], counts[free])
    weights, noise_weight = new_weights(problem, mass, K)
    return Parameters(weights, means, covariances, noise_weight)


def em_pass(problem, parameters):
    """J per unit of weight and the responsibilities, both at `parameters`, and the next parameters."""
    value, resp = e_step(problem, parameters)
    return value, resp, m_step(problem, resp, parameters)


# What is made from the data


def that_count(X, sample_weight):
    """The rows of positive weight with something observed, and their weights."""
    sample_weight = np.ones(len(X)) if sample_weight is None else sample_weight
    counts = (sample_weight > 0) & ~np.isnan(X).all(axis=1)
    return X[counts], sample_weight[counts]


def log_hypervolume(X, sample_weight=None):
    """The log volume of the data: of the box along the features or, if smaller, along the principal components.

    R's mclust has it as hypvol(). Constant features do not count. Of rows with gaps only the first is known.
    """
    X, weight = that_count(X, sample_weight)
    ranges = np.nanmax(X, axis=0) - np.nanmin(X, axis=0)
    X, log_volume = X[:, ranges > 0], np.log(ranges[ranges > 0]).sum()
    if np.isnan(X).any():
        return log_volume
    _, axes = np.linalg.eigh(np.cov(X.T, aweights=weight).reshape(X.shape[1], -1))
    return min(log_volume, np.log(np.ptp(X @ axes, axis=0)).sum())


def noise_log_volumes(X, sample_weight=None, log_volume=None):
    """The log volume of the box for each row, (n,): the data's, or one as much larger as is said.

    A row's box has the features alone that are observed, so that its density is what the box says of these.
    """
    counting, _ = that_count(X, sample_weight)
    ranges = np.nanmax(counting, axis=0) - np.nanmin(counting, axis=0)
    sides = np.log(ranges[ranges > 0])
    log_volume = log_hypervolume(X, sample_weight) if log_volume is None else log_volume
    sides = sides + (log_volume - sides.sum()) / len(sides)
    return ~np.isnan(X[:, ranges > 0]) @ sides


def auto_prior(X, covariance_type, n_components, sample_weight=None):
    """The prior to take by default: little is said of the means, and covariances are a cluster's share of the data's.

    Unlike R's, the scale of axes along the features differs between features, as their units do.
    """
    X, weight = that_count(X, sample_weight)
    p, W, observed = X.shape[1], weight.sum(), weight @ ~np.isnan(X)
    mean = weight @ np.nan_to_num(X) / observed
    z = np.nan_to_num((X - mean) * np.sqrt(W / observed))  # gaps are the mean, but not so that they narrow the data
    scale = (z.T * weight) @ z / (W - 1) / n_components ** (2 / p)
    kind = kind_of(covariance_type)
    if kind != "full":
        scale = np.diag(scale) if kind == "diagonal" else np.trace(scale) / p
    return Prior(None, mean, 0.01, p + 2, scale)


def completed(prior, default):
    """A prior whose mean goes with a precision and whose scale with degrees of freedom, where one is not given."""
    concentration, mean, kappa, nu, scale = prior
    if mean is not None or kappa is not None:
        mean, kappa = default.mean if mean is None else mean, default.mean_precision if kappa is None else kappa
    if nu is not None or scale is not None:
        nu, scale = default.degrees_of_freedom if nu is None else nu, default.scale if scale is None else scale
    return Prior(concentration, mean, kappa, nu, scale)
