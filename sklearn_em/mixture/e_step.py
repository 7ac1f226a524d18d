"""Log joint densities to responsibilities: Bayes' rule, in the log domain and in place.

Reductions run along axis 0, over contiguous rows: along a short last axis the maximum alone would cost as much as
all the rest.

References
----------
Bishop (2006), "Pattern Recognition and Machine Learning", equation 9.23.
"""

import numpy as np

from sklearn_em.mixture.exponential import exp_in_place

# exp is 10 to 100 times slower where the result underflows or is subnormal, and so are products with the result.
# e^-80 is 2e-35 of a row: nothing.
_LOWEST = -80.0
_FACTORS = 64
_MANY = 1024


def responsibilities(
    joint: np.ndarray,
    weight: np.ndarray | None = None,
    evidence: np.ndarray | None = None,
    scratch: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn the log joint densities into responsibilities, in place.

    Parameters
    ----------
    joint : ndarray of shape (K, b)
        log pi_k + log N(x | mu_k, Sigma_k) on entry; responsibilities, times the row weights, on return. The noise, if
        any, is the last row.
    weight : ndarray of shape (b,), optional
        The weights of the rows; 1 if not given.
    evidence : ndarray of shape (K, b), optional
        The log plausibilities of the components for the rows; -inf forbids.
    scratch : ndarray of shape (2, K, b), optional
        Room to work in.

    Returns
    -------
    top, norm : ndarray of shape (b,)
        The log density of each row under the mixture is top + log(norm), with 1 <= norm <= K.
    """
    if evidence is not None:
        joint += evidence
    top = joint.max(axis=0)
    joint -= top
    # clip runs twice as fast as maximum with a number; nothing is above 0.
    joint.clip(_LOWEST, 0.0, out=joint)
    exp_in_place(joint, scratch)
    if evidence is not None:
        joint[evidence == -np.inf] = 0.0
    norm = joint.sum(axis=0)
    joint *= 1 / norm if weight is None else weight / norm
    return top, norm


def log_density(top: np.ndarray, norm: np.ndarray) -> np.ndarray:
    """Return the log density of each row under the mixture, (b,)."""
    log_norm = np.log(norm)
    log_norm += top
    return log_norm


def log_likelihood(top: np.ndarray, norm: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the weighted sum of the rows' log densities."""
    if weight is not None:
        return float(log_density(top, norm) @ weight)
    if len(norm) < _MANY:
        return float(log_density(top, norm).sum())
    # A logarithm takes as long as ten products, so one for the product of many norms; 64 factors of up to 2^15 do not
    # overflow.
    whole = len(norm) // _FACTORS * _FACTORS
    products = np.multiply.reduce(norm[:whole].reshape(_FACTORS, -1), axis=0)
    return float(top.sum() + np.log(products).sum() + np.log(norm[whole:]).sum())
