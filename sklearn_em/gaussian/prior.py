"""A prior on the components, conjugate to what their structure estimates.

    mu_k | Sigma_k ~ N(m, Sigma_k / kappa)

and for the covariances, per layout of the second moments from which they are estimated,

=========  =====================================================  ================================
moments    prior                                                  counts in the M-step as rows
=========  =====================================================  ================================
FULL       Sigma_k ~ InverseWishart(nu, Lambda)                   nu + p + 1
DIAGONAL   sigma_kj^2 ~ InverseGamma(nu / 2, lambda_j / 2)        nu + 2
ISOTROPIC  sigma_k^2 ~ InverseGamma(nu / 2, lambda / 2)           (nu + 2) / p, of p features
=========  =====================================================  ================================

A structure that binds the covariances has the density of this prior at those that obey it.

A prior is not data: the mean's counts kappa rows for the means, and one for the covariances, where it stands for the
factor |Sigma_k|^(-1/2) of the normal density; the covariances' counts for them alone. Where all components share one
covariance its prior is met once.

References
----------
Fraley and Raftery (2007), "Bayesian regularization for normal mixture estimation and model-based clustering",
Journal of Classification 24, sections 3.1 and 3.2, tables 2 and 3.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import gammaln, multigammaln

from sklearn_em.gaussian.components import Gaussians

_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class GaussianPrior:
    """The prior of every component, in the units of whoever made it.

    Attributes
    ----------
    mean : ndarray of shape (p,), optional
        The most probable mean m; None for no prior on the means.
    mean_precision : float
        kappa, in rows.
    degrees_of_freedom : float
        nu.
    scale : ndarray, optional
        Lambda in the layout of the structure's moments, (p, p), (p,) or (1,); None for no prior on the covariances.
    log_units : ndarray of shape (p,)
        The logarithms of what features have been multiplied by since densities were in the data's units.
    """

    mean: np.ndarray | None
    mean_precision: float
    degrees_of_freedom: float
    scale: np.ndarray | None
    log_units: np.ndarray

    def covariance_count(self, n_features: int) -> float:
        """Return how many rows the prior of the covariances counts for each of them."""
        assert self.scale is not None
        if self.scale.ndim == 2:
            return self.degrees_of_freedom + n_features + 1
        return (self.degrees_of_freedom + 2) * len(self.scale) / n_features

    def log_density(self, gaussians: Gaussians) -> float:
        """Return the sum of the log densities of all means and all distinct covariances, in the data's units."""
        form, p = gaussians.structure.form, gaussians.n_features
        log_det = -2 * form.log_det(gaussians.precision_cholesky, p)
        total = 0.0
        if self.mean is not None:
            away = gaussians.means - self.mean
            squared = (form.natural.times(gaussians.precisions, away) * away).sum(axis=1)
            constant = 0.5 * p * (np.log(self.mean_precision) - _LOG_2PI) + self.log_units.sum()
            total += float((constant - 0.5 * (log_det + self.mean_precision * squared)).sum())
        if self.scale is not None:
            traces = (self.scale * gaussians.precisions).reshape(len(gaussians.precisions), -1).sum(axis=1)
            each = self._log_norm - 0.5 * (self.covariance_count(p) * log_det + traces)
            total += float(each.sum())
        return total

    @cached_property
    def _log_norm(self) -> float:
        """The log of the covariances' normalising constant, of densities in the data's units."""
        assert self.scale is not None
        half, scale = 0.5 * self.degrees_of_freedom, self.scale
        if scale.ndim == 2:
            p = len(scale)
            log_norm = half * (np.linalg.slogdet(scale)[1] - p * np.log(2)) - multigammaln(half, p)
            return float(log_norm + (p + 1) * self.log_units.sum())
        log_norm = half * np.log(scale / 2).sum() - len(scale) * gammaln(half)
        return float(log_norm + 2 * self.log_units[: len(scale)].sum())
