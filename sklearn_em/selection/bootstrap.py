"""K components against K + 1: the likelihood ratio, and its distribution where K are enough, by simulation."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.parallel import Parallel, delayed

from sklearn_em.estimators import GaussianMixtureEM
from sklearn_em.estimators.checks import check_sample_weight

_FOR_K_ONLY = "is for one number of components, and the test fits K and K + 1"
# Settings under which there is no likelihood ratio of nested models, and why.
_REFUSED = {
    "prior": "has the most probable parameters in view, and the test compares maxima of the likelihood",
    "weights": "leaves K components no place among K + 1: two halves of a component weigh less than the others",
    "fixed": _FOR_K_ONLY,
    "weights_init": _FOR_K_ONLY,
    "means_init": _FOR_K_ONLY,
    "precisions_init": _FOR_K_ONLY,
}


@dataclass(frozen=True, eq=False)
class BootstrapLikelihoodRatioResult:
    """What a bootstrap likelihood ratio test of K components against K + 1 found.

    Attributes
    ----------
    statistic : float
        2 (log L(K + 1) - log L(K)) in nats; 0 where no K + 1 components were found that are better, since K are K + 1
        of which two are alike.
    pvalue : float
        The share of statistics that are at least as large, the observed one included: (1 + b) / (1 + n) for b of n
        replicates. Small if K components are not enough.
    replicates : ndarray of shape (n_bootstrap - len(failures),)
        The statistics of rows that were simulated with K components.
    null, alternative : GaussianMixtureEM
        The fits of K and of K + 1 components.
    failures : tuple of str
        Why the replicates that are left out failed; mostly empty.
    """

    statistic: float
    pvalue: float
    replicates: np.ndarray = field(repr=False)
    null: GaussianMixtureEM
    alternative: GaussianMixtureEM
    failures: tuple[str, ...] = ()


def bootstrap_likelihood_ratio_test(
    estimator: GaussianMixtureEM,
    X: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    n_bootstrap: int = 99,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> BootstrapLikelihoodRatioResult:
    """Test K components against K + 1.

    The likelihood ratio of mixtures is not chi-squared distributed: under K components, some parameters of K + 1 say
    nothing. So its distribution is simulated. Rows are drawn from the fit of K components, and K and K + 1 are fitted
    to them in the way they are fitted to X.

    Parameters
    ----------
    estimator : GaussianMixtureEM
        K is its `n_components`; its other settings, `random_state` among them, are those of all fits. It stays
        unfitted. `prior`, `fixed`, `weights` and given starts are refused.
    X : array-like of shape (n_samples, n_features)
        NaN is a missing value; simulated rows lack what the rows of X lack.
    sample_weight : array-like of shape (n_samples,), optional
        How many times each row was seen: whole numbers, since so many rows are simulated.
    n_bootstrap : int, default=99
        The number of replicates. The smallest possible p-value is 1 / (n_bootstrap + 1); near 0.05 its standard error
        is 0.02 with 99, and 0.007 with 999.
    n_jobs : int or None, default=None
        The number of processes for the replicates; None is 1 unless in a `joblib.parallel_config`, -1 all processors.
        The result is the same for any number.
    random_state : int, RandomState instance or None, default=None
        Determines the simulated rows.

    Returns
    -------
    BootstrapLikelihoodRatioResult

    Raises
    ------
    ValueError
        If an argument or a setting of the estimator is not valid, or if all replicates fail.

    Warns
    -----
    UserWarning
        If some replicates fail, which takes `reg_covar=0`; they are left out.

    See Also
    --------
    GaussianMixtureEM.bic : A criterion to compare many fits at once, of different structures too.

    Notes
    -----
    A fit of K + 1 components that ends below that of K has not found what is there: then each of the K components is
    split in turn, and EM goes on from there.

    References
    ----------
    McLachlan (1987), "On bootstrapping the likelihood ratio test statistic for the number of components in a normal
    mixture", Applied Statistics 36. McLachlan and Peel (2000), "Finite Mixture Models", section 6.4.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_em import GaussianMixtureEM, bootstrap_likelihood_ratio_test
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (50, 1)), rng.normal(5, 1, (50, 1))])
    >>> for K in [1, 2]:
    ...     mixture = GaussianMixtureEM(K, covariance_type="tied", random_state=0)
    ...     result = bootstrap_likelihood_ratio_test(mixture, X, n_bootstrap=19, random_state=0)
    ...     print(K, result.pvalue)
    1 0.05
    2 0.85
    """
    _check_estimator(estimator)
    if not isinstance(n_bootstrap, Integral) or n_bootstrap < 1:
        raise ValueError(
            f"Invalid value for 'n_bootstrap': {n_bootstrap!r}; give the number of replicates, an integer of 1 or more."
        )
    rows = check_array(X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", estimator=estimator)
    counts = None if sample_weight is None else _counts(sample_weight, len(rows))
    statistic, null, alternative = _compared(estimator, X, counts)
    missing = np.isnan(rows) if counts is None else np.repeat(np.isnan(rows), counts, axis=0)
    seeds = check_random_state(random_state).randint(2**31 - 1, size=n_bootstrap)
    outcomes = Parallel(n_jobs=n_jobs)(delayed(_replicate)(null, missing, seed) for seed in seeds)
    replicates = np.array([outcome for outcome in outcomes if not isinstance(outcome, str)], dtype=float)
    failures = tuple(outcome for outcome in outcomes if isinstance(outcome, str))
    _report(failures, n_bootstrap)
    pvalue = (1 + int(np.count_nonzero(replicates >= statistic))) / (1 + len(replicates))
    return BootstrapLikelihoodRatioResult(statistic, pvalue, replicates, null, alternative, failures)


def _check_estimator(estimator: Any) -> None:
    if not isinstance(estimator, GaussianMixtureEM):
        raise ValueError(f"estimator is {estimator!r}; give a GaussianMixtureEM, whose n_components is K.")
    for name, reason in _REFUSED.items():
        if getattr(estimator, name) is not None:
            raise ValueError(f"estimator has {name}={getattr(estimator, name)!r}, which {reason}; leave {name} out.")


def _counts(sample_weight: ArrayLike, n_samples: int) -> np.ndarray:
    """Return how many times each row was seen."""
    weight = np.asarray(check_sample_weight(sample_weight, n_samples))
    counts = weight.astype(int)
    partial = np.flatnonzero(counts != weight)
    if partial.size:
        raise ValueError(
            f"sample_weight[{partial[0]}] is {weight[partial[0]]:g}; the test simulates as many rows as were seen, so "
            "give how often each row was, a whole number."
        )
    return counts


def _compared(
    estimator: GaussianMixtureEM, X: ArrayLike, counts: np.ndarray | None = None
) -> tuple[float, GaussianMixtureEM, GaussianMixtureEM]:
    """Fit K and K + 1 components; return the statistic and both fits."""
    null = clone(estimator).fit(X, sample_weight=counts)
    larger = clone(estimator).set_params(n_components=estimator.n_components + 1)
    alternative = clone(larger).fit(X, sample_weight=counts)
    if alternative.lower_bound_ < null.lower_bound_ - estimator.tol:
        with warnings.catch_warnings():
            # They are about fits of which at most one is kept.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits = [clone(larger).set_params(**start).fit(X, sample_weight=counts) for start in _splits(null)]
        sound = [fit for fit in fits if not fit.diagnostics_.is_spurious.any()]
        alternative = max([alternative, *sound], key=lambda fit: fit.lower_bound_)
    log_ratios = alternative.score_samples(X) - null.score_samples(X)
    gain = float(np.sum(log_ratios if counts is None else counts * log_ratios, dtype=float))
    return max(2 * gain, 0.0), null, alternative


def _splits(null: GaussianMixtureEM) -> Iterator[dict[str, np.ndarray]]:
    """Yield starts in which one component has become two, a standard deviation to each side along its longest axis."""
    for k, covariance in enumerate(null.covariance_matrices()):
        variances, axes = np.linalg.eigh(covariance)
        step = np.sqrt(variances[-1]) * axes[:, -1]
        means = np.insert(null.means_, k, null.means_[k] - step, axis=0)
        means[k + 1] += step
        weights = np.insert(null.weights_, k, null.weights_[k] / 2)
        weights[k + 1] /= 2
        yield {"means_init": means, "weights_init": weights / weights.sum()}


def _replicate(null: GaussianMixtureEM, missing: np.ndarray, seed: int) -> float | str:
    """Return the statistic of rows drawn from the null, or why there is none."""
    rows, _ = null.sample(len(missing), random_state=seed)
    rows[missing] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            # One thread each: the processors are busy with other replicates.
            statistic, *_ = _compared(clone(null).set_params(n_jobs=1, verbose=0), rows)
        except ValueError as error:
            return str(error)
    return statistic


def _report(failures: tuple[str, ...], n_bootstrap: int) -> None:
    """Say that replicates failed; raise if all did."""
    if not failures:
        return
    if len(failures) == n_bootstrap:
        raise ValueError(f"All {n_bootstrap} replicates failed, so there is no p-value; the first said: {failures[0]}")
    warnings.warn(
        f"{len(failures)} of {n_bootstrap} replicates failed, and the p-value is from the others; the first said: "
        f"{failures[0]}",
        stacklevel=3,
    )
