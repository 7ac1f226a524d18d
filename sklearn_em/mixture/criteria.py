"""Information criteria, in the sign of scikit-learn: lower is better."""

from math import log


def aic(log_likelihood: float, n_parameters: int) -> float:
    """Return Akaike's criterion of a total log-likelihood."""
    return -2 * log_likelihood + 2 * n_parameters


def bic(log_likelihood: float, n_parameters: int, weight: float) -> float:
    """Return the Bayesian criterion at a sum of weights; of the classification log-likelihood it is ICL."""
    return -2 * log_likelihood + n_parameters * log(weight)
