"""What a user says about the parameters before any data are seen: priors, and values that stay fixed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sklearn_em.data.scan import Problem
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.gaussian.features import FULL, ISOTROPIC
from sklearn_em.gaussian.prior import GaussianPrior

_MEAN_PRECISION = 0.01
# Directions with less than this share of the variance have none that a prior could be made of ...
_RANK = 1e-10
# ... and get this share of the features' variances: robust ones where a far row does not drown them.
_LEAST_SHARE = 1e-6


@dataclass(frozen=True, eq=False)
class GaussianMixturePrior:
    """A conjugate prior on the parameters of a Gaussian mixture; EM then finds the most probable parameters.

    The weights have a symmetric Dirichlet prior; the mean of each component is N(mean, Sigma_k / mean_precision); the
    covariances are inverse Wishart (for diagonal and spherical structures, their variances inverse gamma). A part of
    which nothing is given has no prior. `GaussianMixturePrior(mean_precision=0.01, degrees_of_freedom=n_features + 2)`
    is the default of Fraley and Raftery, which `prior="auto"` stands for.

    Parameters
    ----------
    weight_concentration : float, optional
        alpha of the Dirichlet prior over all weights, the noise's included; at least 1, and 1 is flat.
    mean : array-like of shape (n_features,), optional
        The most probable mean. The mean of the data if only `mean_precision` is given.
    mean_precision : float, optional
        How many rows the prior of the means counts for, more than 0. 0.01 if only `mean` is given.
    degrees_of_freedom : float, optional
        nu of the covariances' prior: more than n_features - 1 for matrices, more than 0 for variances. n_features + 2
        if only `scale` is given.
    scale : float or array-like of shape (n_features,) or (n_features, n_features), optional
        The scale of the covariances' prior, in squared units of the data: a positive definite matrix, one number per
        feature for its diagonal, or one for all. For diagonal structures no matrix, for spherical ones a number, the
        scale of the sum of squares over all features. If only `degrees_of_freedom` is given: the covariance of the
        data over n_components^(2 / n_features), of which diagonal structures take the diagonal and spherical ones its
        mean.

    See Also
    --------
    sklearn.mixture.BayesianGaussianMixture : The same priors, with their posterior approximated.

    Notes
    -----
    With kappa = mean_precision, nu = degrees_of_freedom, Lambda = scale, mass n_k and weighted mean m_k, the M-step is

        mu_k = (n_k m_k + kappa mean) / (n_k + kappa)
        S_k = sum_i r_ik (x_i - mu_k)(x_i - mu_k)^T + kappa (mu_k - mean)(mu_k - mean)^T + Lambda

    solved under the structure with n_k + 1 + (nu + n_features + 1) in place of n_k rows: the 1 if the means have a
    prior, and nu + 2 for diagonal, (nu + 2) / n_features for spherical structures in place of nu + n_features + 1.
    Where all components share one covariance, Lambda and nu are met once. A row of weight w counts as w rows.

    References
    ----------
    Fraley and Raftery (2007), "Bayesian regularization for normal mixture estimation and model-based clustering",
    Journal of Classification 24, sections 3.1 and 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_em import GaussianMixtureEM, GaussianMixturePrior
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0]])
    >>> prior = GaussianMixturePrior(degrees_of_freedom=3, scale=0.1)
    >>> mixture = GaussianMixtureEM(2, prior=prior, reg_covar=0, random_state=0).fit(X)
    >>> sorted(mixture.means_[:, 0].round(2).tolist())  # one row alone is a component
    [0.1, 5.0]
    """

    weight_concentration: float | None = None
    mean: ArrayLike | None = None
    mean_precision: float | None = None
    degrees_of_freedom: float | None = None
    scale: ArrayLike | None = None


@dataclass(frozen=True, eq=False)
class FixedParameters:
    """Parameters of a mixture that stay as they are given, to the last bit; NaN where they are free.

    Parameters
    ----------
    weights : array-like of shape (n_components,), optional
        The free ones share what the fixed ones leave in proportion to their mass. With noise these are the proportions
        among the components, and the noise stays free.
    means : array-like of shape (n_components, n_features), optional
        All of a component's mean is fixed or none of it.
    covariances : array-like, optional
        In the shape of `covariances_`. A fixed covariance takes no part in what the structure has in common, and
        `reg_covar` does not widen it; the structure binds the free ones. One that all components share is fixed or
        not.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_em import FixedParameters, GaussianMixtureEM
    >>> X = np.array([[0.0], [0.2], [4.0], [5.0]])
    >>> fixed = FixedParameters(means=[[0.0], [np.nan]])
    >>> mixture = GaussianMixtureEM(2, fixed=fixed, random_state=0).fit(X)
    >>> mixture.means_.round(3).tolist()
    [[0.0], [4.5]]
    """

    weights: ArrayLike | None = None
    means: ArrayLike | None = None
    covariances: ArrayLike | None = None


def default_prior(n_features: int) -> GaussianMixturePrior:
    """Return the data-dependent prior of Fraley and Raftery (2007), section 3.2; nothing is said of the weights."""
    return GaussianMixturePrior(mean_precision=_MEAN_PRECISION, degrees_of_freedom=n_features + 2)


def resolved(
    prior: GaussianMixturePrior, structure: Structure, problem: Problem, n_components: int
) -> GaussianPrior | None:
    """Return the prior of the components, with what is not given taken from the data, scaled as the problem says."""
    p, scale = len(problem.scale), problem.scale
    mean, mean_precision = None, 0.0
    if prior.mean is not None or prior.mean_precision is not None:
        mean = problem.mean if prior.mean is None else np.asarray(prior.mean, dtype=float) * scale
        mean_precision = _MEAN_PRECISION if prior.mean_precision is None else float(prior.mean_precision)
    covariance, degrees = None, 0.0
    if prior.degrees_of_freedom is not None or prior.scale is not None:
        degrees = p + 2.0 if prior.degrees_of_freedom is None else float(prior.degrees_of_freedom)
        if prior.scale is None:
            covariance = _scale_of_data(structure, problem, n_components)
        else:
            covariance = _given_scale(structure, np.asarray(prior.scale, dtype=float), scale)
    if mean is None and covariance is None:
        return None
    return GaussianPrior(mean, mean_precision, degrees, covariance, np.log(scale))


def _given_scale(structure: Structure, given: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return a given scale in the layout of the structure's moments."""
    if structure.moments is ISOTROPIC:
        return given.reshape(1) * scale[:1] ** 2
    if given.ndim < 2:
        variances = np.broadcast_to(given, scale.shape) * scale**2
        return structure.moments.of_diagonal(variances)
    return given * scale[:, None] * scale


def _scale_of_data(structure: Structure, problem: Problem, n_components: int) -> np.ndarray:
    """Return the sample covariance over K^(2 / p), in the layout of the structure's moments."""
    p, weight = len(problem.scale), problem.weight
    deviation = np.sqrt(problem.variance)
    covariance = problem.covariance
    relative = np.linalg.eigvalsh(covariance / deviation[:, None] / deviation)
    if not relative[0] > _RANK * relative[-1]:
        least = np.maximum(_LEAST_SHARE * problem.variance, _RANK * covariance.diagonal())
        covariance = covariance + np.diag(least)
    # Weights that sum to 1 or less are no number of rows from which one could be taken.
    covariance = covariance * (weight / max(weight - 1, weight / 2)) / n_components ** (2 / p)
    if structure.moments is FULL:
        return covariance
    variances = covariance.diagonal()
    return variances.mean(keepdims=True) if structure.moments is ISOTROPIC else variances
