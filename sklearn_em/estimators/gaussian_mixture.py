"""GaussianMixtureEM: the Gaussian mixture with scikit-learn's interface."""

import os
import warnings
from collections.abc import Iterator
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_em._sklearn import Interval, StrOptions, fit_context
from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.source import Opened, Source
from sklearn_em.em import Decay, Squarem, StoppingRule
from sklearn_em.estimators.attributes import OF_A_RUN, OF_SOME_MODELS, OnDemand, of_run, parameters_of, published
from sklearn_em.estimators.callbacks import UNWATCHED, Tasks, Watchable, checkpoints_of, fit_tasks
from sklearn_em.estimators.checks import (
    check_means,
    check_observed,
    check_precisions,
    check_sample_weight,
    check_some_weight,
    check_weights,
    unchanged_on_error,
)
from sklearn_em.estimators.conversion import (
    check_has_equivalent,
    check_sklearn_mixture,
    fit_of,
    params_of,
    to_sklearn,
)
from sklearn_em.estimators.fingerprint import of_fit
from sklearn_em.estimators.fitting import Fitted, fit_mixture
from sklearn_em.estimators.given_parameters import check_given_means, check_given_parameters
from sklearn_em.estimators.inputs import looked_at, opened
from sklearn_em.estimators.option_checks import check_fixed, check_known_labels, check_prior, check_some_component
from sklearn_em.estimators.options import FixedParameters, GaussianMixturePrior
from sklearn_em.estimators.outputs import blocks_of, predicted, with_weight
from sklearn_em.estimators.persistence import Stamped
from sklearn_em.estimators.progress import Printer
from sklearn_em.estimators.said import Said
from sklearn_em.estimators.saving import Saving
from sklearn_em.estimators.setting import Options, Setting
from sklearn_em.estimators.stream import OF_A_STREAM, FirstRows, Stepwise, Stream
from sklearn_em.estimators.summary import Summary, summarise
from sklearn_em.gaussian.covariance import BY_NAME_OR_CODE, Factor, Structure, structure_of
from sklearn_em.gaussian.covariance.decomposition import CovarianceDecomposition, decompose
from sklearn_em.mixture import MixtureParameters, criteria
from sklearn_em.mixture.imputation import conditional_draws, conditional_means
from sklearn_em.mixture.n_parameters import n_parameters
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.prediction import Predictor
from sklearn_em.mixture.sampling import draw
from sklearn_em.starts import METHODS, Given, Observer, Observers

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

_BY_METHOD = {
    "predict": Predictor.labels,
    "predict_proba": Predictor.responsibilities,
    "log_joint": Predictor.log_joint,
    "score_samples": Predictor.log_densities,
}


class GaussianMixtureEM(Watchable, Stamped, DensityMixin, BaseEstimator):
    """Gaussian mixture fitted by expectation-maximisation.

    A drop-in for :class:`sklearn.mixture.GaussianMixture`, with sample weights, missing values (NaN), known labels,
    noise, priors and fixed parameters, in any combination.

    Parameters
    ----------
    n_components : int, default=1
        The number of components K.
    covariance_type : str or Factor, default="full"
        The structure of the covariances: "full", a matrix per component; "tied", one matrix for all; "diag", a variance
        per component and feature; "spherical", one variance per component; "tied_diag" and "tied_spherical", the same
        for all components; or the code of one of the fourteen structures of R's mclust: "EII", "VII", "EEI", "VEI",
        "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV". The letters say whether volume, shape and
        orientation of the components are equal (E) or vary (V), and I that the axes are the features'. With many
        features `Factor(n_factors=...)`, a mixture of factor analysers.
    tol : float, default=1e-6
        The fit has converged when the objective is estimated to be this close to its limit, in nats per unit of
        weight. 0 runs exactly `max_iter` iterations.
    reg_covar : float or "auto", default="auto"
        What each row is blurred by: the variance added to every feature. "auto" is 1e-6 times each feature's
        variance (or squared robust scale, if that is smaller), so that units do not matter; for structures that know
        rotations but no units ("EII", "VII", "EVE", "VVE", "EEV", "VEV"), 1e-6 times the variance in the direction in
        which the data are thinnest. A float is in squared units of the data, as in scikit-learn.
    noise : bool or float, default=False
        Whether rows may belong to no component but to a uniform density over the box of the data: the smaller of the
        box along the features and the one along the principal components; constant features do not count. A float is
        the log of its volume, in units of the data. A row that lacks some features is in a box without them.
    prior : GaussianMixturePrior or "auto", optional
        A prior on weights, means and covariances, whose density becomes part of what EM climbs. "auto" is the weak one
        of Fraley and Raftery (2007), made from the data, under which no component collapses.
    fixed : FixedParameters, optional
        Parameters that are known and stay as they are.
    weights : {"equal"}, optional
        "equal" gives all components the same weight.
    max_iter : int, default=1000
        The largest number of EM iterations of a start. 0 returns the start.
    n_init : int, default=1
        The number of starts; the best end is kept. The first is made by `init_params`; each further one takes one
        component of the best solution so far away and puts it where the rows ask for one more, and is given up when it
        will not be better. With `max_iter` below 15 all are made by `init_params`.
    acceleration : {"auto", "squarem"} or None, default="auto"
        "squarem" extrapolates the path of EM: after every two plain iterations, a third tries a jump to where they
        lead, and is kept only if the objective does not fall. It ends in the same optima in fewer iterations, above all
        where EM is slow; a jump may lead to another local optimum than plain EM would. None is plain EM. "auto" is
        "squarem", but plain EM from a start that is given (`weights_init`, `means_init`, `precisions_init`), so that
        entry i of `lower_bounds_` is the objective after i M-steps from there.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default="kmeans"
        How starts are sought: k-means on whitened and on standardised rows; k-means++ seeds as means; cells around
        random points; random rows as means. A start is the best of up to four such candidates after 15 iterations, and
        no more are tried once two have come to the best end. Where no two have, up to three moves from the best, as in
        further starts, look for a better one. With `max_iter` below 15 a start is the first candidate.
    weights_init : array-like of shape (n_components,), optional
        The weights to start from. Parts that are not given are found by `init_params`, or around `means_init`.
    means_init : array-like of shape (n_components, n_features), optional
        The means to start from.
    precisions_init : array-like, optional
        The inverse covariances to start from, in the shape of `precisions_`. Where they do not obey
        `covariance_type`, the fit starts from the nearest that do.
    random_state : int, RandomState instance or None, default=None
        Determines the starts, and the draws of `sample`.
    warm_start : bool, default=False
        Whether `fit` goes on from the last fit's parameters. `n_init` is then ignored.
    verbose : int, default=0
        1 prints each start as it begins and ends, and its objective every `verbose_interval` iterations; 2 adds gains
        and times.
    verbose_interval : int, default=10
        The number of iterations between prints.
    n_jobs : int or None, default=None
        The number of threads; None uses as many as the linear algebra library would, -1 all. The result is the same
        to the last bit for any number.
    forgetting : float or None, default=None
        Only for `partial_fit`: the share that each new row (unit of weight) takes off the weight of all earlier ones,
        between 0 and 1, however rows are cut into blocks. About the last `1 / forgetting` rows then decide, and the
        mixture follows where they go. None forgets nothing but first guesses: it converges on a stream that stays as it
        is.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        The mixing weights, which sum to `1 - noise_weight_`; 0 for a component that was left without rows.
    noise_weight_ : float
        The weight of the noise; 0 without noise.
    noise_log_volume_ : float
        Only with noise: the log of the volume of its box.
    means_ : ndarray of shape (n_components, n_features)
    covariances_, precisions_ : ndarray
        The covariances and their inverses: (K, p, p), or (p, p) where all components share one ("tied"); (K, p) or (p,)
        where the axes are the features' ("diag", "VEI", "EVI"; "tied_diag"); (K,) or () for spheres ("spherical";
        "tied_spherical"). `covariance_matrices()` always has the shape (K, p, p).
    precisions_cholesky_ : ndarray
        The upper-triangular factors C of the precisions C C^T, in the same shapes.
    factor_loadings_ : ndarray of shape (n_components, n_features, n_factors)
        Only for `Factor`: the loadings W_k of Sigma_k = W_k W_k^T + diag(noise). Any rotation of the factors would do;
        here columns are orthogonal in units of the noise's deviations, the longest first, and the entry that is largest
        in these units is positive. Loadings and noise are all that is stored: for `Factor` the matrices above,
        (K, p, p), are worked out each time they are asked for.
    noise_variances_ : ndarray of shape (n_components, n_features) or (n_features,)
        Only for `Factor`: the noise of each component, or of all where it is "common".
    converged_ : bool
        Whether the best start converged.
    status_ : Status
        Why the best start ended; `str(status_)` is a sentence.
    n_iter_ : int
        The number of EM iterations of the best start, since its last move: each is one pass over the data, jumps of the
        acceleration that were undone included. Passes over the sample in which starts of more than some three thousand
        rows are sought are not among them.
    lower_bound_ : float
        The objective at the fitted parameters, per unit of weight. Without prior and labels at most `score(X)`, and
        equal to it if `reg_covar` is 0; with a prior it includes the log density of the prior. After `partial_fit` an
        average, see there.
    lower_bounds_ : list of float
        The objective of the best start, beginning with the start itself: entry i is after i iterations.
    accelerated_steps_ : list of int
        The indices of `lower_bounds_` that were reached by an accepted jump of the acceleration; empty for plain EM. A
        jump that was undone leaves the parameters where they were, so that its entry repeats the one before.
    starts_ : list of StartRecord
        For each start its objective, number of iterations, status, and the status in words or why it failed.
    diagnostics_ : Diagnostics
        Per component `mass`, `effective_sample_size`, `condition_number`, `smallest_relative_eigenvalue` and
        `certain_share`, the share of its mass that is certain; `n_failed_starts`, and why: `failures`.
    n_samples_seen_ : int
        Only after `partial_fit`: how many rows it was given.
    n_steps_ : int
        Only after `partial_fit`: how often it was called.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if the features of X have names.

    See Also
    --------
    sklearn.mixture.GaussianMixture : The class whose interface this is.
    sklearn.cluster.KMeans : The hard, round special case.

    Notes
    -----
    EM alternates the E-step (the responsibilities, which make a lower bound on the log-likelihood tight) and the
    M-step (the bound maximised in closed form), so the objective never falls. Regularisation is part of the
    objective: each row stands for a tiny Gaussian cloud of covariance R, and EM climbs the mean of
    log sum_k pi_k N(x | mu_k, Sigma_k) exp(-tr(Sigma_k^-1 R) / 2).

    References
    ----------
    Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data via the EM algorithm". Bishop (2006),
    "Pattern Recognition and Machine Learning", section 9.2, equations 9.23 to 9.28.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_em import GaussianMixtureEM
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [2, 2], [10, 2], [10, 4], [10, 0], [11, 2]])
    >>> mixture = GaussianMixtureEM(n_components=2, random_state=0).fit(X)
    >>> sorted(mixture.means_[:, 0].round(2).tolist())
    [1.25, 10.25]
    """

    covariances_ = OnDemand()
    precisions_ = OnDemand()
    precisions_cholesky_ = OnDemand()

    # Files and arrays for results are this call's own: nothing for meta-estimators to route.
    __metadata_request__fit: ClassVar[dict[str, str]] = {"resume_from": UNUSED}
    __metadata_request__predict: ClassVar[dict[str, str]] = {"out": UNUSED}
    __metadata_request__predict_proba: ClassVar[dict[str, str]] = {"out": UNUSED}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions(set(BY_NAME_OR_CODE)), Factor],
        "tol": [Interval(Real, 0, None, closed="left")],
        "reg_covar": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "noise": ["boolean", Interval(Real, None, None, closed="neither")],
        "prior": [StrOptions({"auto"}), GaussianMixturePrior, None],
        "fixed": [FixedParameters, None],
        "weights": [StrOptions({"equal"}), None],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "acceleration": [StrOptions({"auto", "squarem"}), None],
        "init_params": [StrOptions(set(METHODS))],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Interval(Integral, 1, None, closed="left"), Interval(Integral, None, -1, closed="right"), None],
        "forgetting": [Interval(Real, 0, 1, closed="neither"), None],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str | Factor = "full",
        tol: float = 1e-6,
        reg_covar: float | str = "auto",
        noise: bool | float = False,
        prior: GaussianMixturePrior | str | None = None,
        fixed: FixedParameters | None = None,
        weights: str | None = None,
        max_iter: int = 1000,
        n_init: int = 1,
        acceleration: str | None = "auto",
        init_params: str = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_jobs: int | None = None,
        forgetting: float | None = None,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.noise = noise
        self.prior = prior
        self.fixed = fixed
        self.weights = weights
        self.max_iter = max_iter
        self.n_init = n_init
        self.acceleration = acceleration
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.n_jobs = n_jobs
        self.forgetting = forgetting

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        known_labels: ArrayLike | None = None,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Estimate the parameters by EM.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; float32 is read as it is, and computed with in float64. NaN is a missing value; a row with nothing
            observed is left out. Rows that are not in memory are read a piece at a time, in every pass anew: a memory
            map, an HDF5 data set, a Zarr array or anything else with `shape` and slices; a sequence of blocks with
            `len(X)` and `X[i]`; a data set of pyarrow. Of a Dask array or DataFrame rows
            stay where they are, and predictions are lazy Dask arrays.
        y : Ignored
            Present for the convention.
        sample_weight : array-like of shape (n_samples,), optional
            The weight of each row: a weight of 2 is a repeated row, 0 a row left out. Like labels it may be anything
            of which slices can be taken.
        known_labels : array-like of shape (n_samples,) or (n_samples, n_components), optional
            The component of each row where it is known, -1 where it is not, `n_components` for noise. Or the
            plausibility of each component for each row, at least 0 and on any scale; 0 forbids. With noise it may have
            another column; without one, noise is as plausible as the most plausible component.
        resume_from : str or path-like, optional
            A file that `Checkpoint` has written, of a fit of the same data and settings that was stopped. The fit goes
            on from there, and ends as it would have ended. `max_iter` and `n_init` may be larger than they were.

        Returns
        -------
        self : GaussianMixtureEM

        Raises
        ------
        TypeError
            If X can be read only once, as a generator.
        ValueError
            If a parameter or the data are not valid (nothing is changed then), if a checkpoint is not of this fit, or
            if every start fails because covariances are singular, which takes `reg_covar=0`.
        OSError
            If a checkpoint cannot be read or written.
        KeyboardInterrupt
            On Ctrl-C. Once a pass over all the data is complete, the best parameters by then are published, with
            status INTERRUPTED and without `diagnostics_`; before that, nothing is changed.

        Warns
        -----
        ConvergenceWarning
            If the best start did not converge, or components were left without rows.
        """
        # Outside of what an error undoes: callbacks that have begun are to end, whatever happens.
        tasks = fit_tasks(self, X, y, sample_weight)
        interrupt: KeyboardInterrupt | None = None
        with unchanged_on_error(self):
            saving = Saving(checkpoints_of(self), resume_from)
            try:
                self._fit(X, sample_weight, known_labels, tasks=tasks, saving=saving)
                tasks.fit_ends()
            except KeyboardInterrupt as caught:
                if (fitted := Fitted.of_journal(saving.journal)) is None:
                    raise
                self._publish(fitted)
                interrupt = caught
        if interrupt is not None:
            saving.end_with(interrupt)
        return self

    def partial_fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Go on with another block of rows, by stepwise EM.

        The first rows, up to 8192 of them (more for very many components), are kept, and each call is a fit to
        all of them so far, with a new search for the start where there are enough new ones. From then on only decayed
        statistics are kept: a block is looked at once, or some times where it weighs much beside all before, and let
        go. Scale, centre, `reg_covar="auto"`, the box of the noise, and a prior made from the data stay as they then
        are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A block of any size; the first must have at least `n_components` rows. NaN is a missing value.
        y : Ignored
            Present for the convention.
        sample_weight : array-like of shape (n_samples,), optional
            The weight of each row: a weight of 2 is a repeated row, 0 a row left out.

        Returns
        -------
        self : GaussianMixtureEM
            With the attributes that say the parameters, `n_samples_seen_`, `n_steps_` and `lower_bound_`: the average
            objective of the rows, as decayed as they are, each at the parameters of the time when it was last looked
            at. Attributes that tell how a fit went are gone.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or if covariances are singular, which takes `reg_covar=0`.
            Nothing is changed then.

        See Also
        --------
        fit : Forgets all that came before.

        Notes
        -----
        After `fit` it goes on from there: the fit stands for its rows. After `from_parameters` the parameters are where
        the first fit starts, as `weights_init`, `means_init` and `precisions_init` are, and stand for no rows. While
        first rows are kept, a new search may number the components anew.

        When n rows have been seen, a new one counts as much as n^0.5 in statistics, so that first guesses are
        forgotten; with `forgetting`, as much as any row in its time.

        References
        ----------
        Cappe and Moulines (2009), "On-line expectation-maximization algorithm for latent data models", Journal of the
        Royal Statistical Society B 71, section 2.3.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_em import GaussianMixtureEM
        >>> rng = np.random.default_rng(0)
        >>> mixture = GaussianMixtureEM(2, random_state=0)
        >>> for _ in range(20):
        ...     block = rng.normal(size=(1000, 1)) + rng.choice([0, 10], size=(1000, 1))
        ...     mixture = mixture.partial_fit(block)
        >>> mixture.n_samples_seen_, sorted(mixture.means_[:, 0].round(1).tolist())
        (20000, [0.0, 10.0])
        """
        self._validate_params()
        with unchanged_on_error(self):
            self._partial_fit(X, sample_weight)
        return self

    def fit_predict(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        known_labels: ArrayLike | None = None,
    ) -> np.ndarray:
        """Estimate the parameters, and return the most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional
        known_labels : array-like of shape (n_samples,) or (n_samples, n_components), optional
            As in `fit`; the labels returned are by the fitted parameters alone.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            What `fit(X).predict(X)` returns.
        """
        return self.fit(X, y, sample_weight, known_labels=known_labels).predict(X)

    def predict(self, X: ArrayLike, out: np.ndarray | None = None) -> np.ndarray:
        """Return the most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Or what `fit` takes that is not in memory.
        out : ndarray, optional
            Where to write the result, of its shape: a memory map, say. It is returned.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            -1 for noise.
        """
        return self._predict(X, Predictor.labels, out)

    def predict_proba(self, X: ArrayLike, out: np.ndarray | None = None) -> np.ndarray:
        """Return the responsibilities: the probability of each component given the row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Or what `fit` takes that is not in memory.
        out : ndarray, optional
            Where to write the result, of its shape: a memory map, say. It is returned.

        Returns
        -------
        resp : ndarray of shape (n_samples, n_components) or, with noise, (n_samples, n_components + 1)
            The noise is the last column. A row with nothing observed gets the weights.
        """
        return self._predict(X, Predictor.responsibilities, out)

    def log_joint(self, X: ArrayLike, out: np.ndarray | None = None) -> np.ndarray:
        """Return log pi_k + log N(x | mu_k, Sigma_k) for each row and component.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Or what `fit` takes that is not in memory.
        out : ndarray, optional
            Where to write the result, of its shape: a memory map, say. It is returned.

        Returns
        -------
        log_joint : ndarray of shape (n_samples, n_components) or, with noise, (n_samples, n_components + 1)
            In nats; -inf for a component of weight 0.
        """
        return self._predict(X, Predictor.log_joint, out)

    def score_samples(self, X: ArrayLike, out: np.ndarray | None = None) -> np.ndarray:
        """Return the log density of each row under the mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Or what `fit` takes that is not in memory.
        out : ndarray, optional
            Where to write the result, of its shape: a memory map, say. It is returned.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
            In nats. A log density, not the log of a probability: it can be positive.
        """
        return self._predict(X, Predictor.log_densities, out)

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean log density of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        log_likelihood : float
            In nats per unit of weight; rows with nothing observed do not count. For complete float32 rows without
            weights it is the mean of `score_samples`, which are float32.
        """
        if sample_weight is None and getattr(X, "dtype", None) == np.float32:
            rows = self._seen(X)
            if isinstance(rows, ArraySource) and not rows.has_gaps:
                return float(self.score_samples(X).mean())
        log_likelihood, weight = self._summed(X, sample_weight, Predictor.log_likelihood)
        return log_likelihood / weight

    def aic(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return Akaike's information criterion on X; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        aic : float
        """
        log_likelihood, _ = self._summed(X, sample_weight, Predictor.log_likelihood)
        return criteria.aic(log_likelihood, self._n_parameters())

    def bic(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the Bayesian information criterion on X; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional
            n is then the sum of weights.

        Returns
        -------
        bic : float
        """
        log_likelihood, weight = self._summed(X, sample_weight, Predictor.log_likelihood)
        return criteria.bic(log_likelihood, self._n_parameters(), weight)

    def icl(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the integrated completed likelihood criterion on X; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional
            n is then the sum of weights.

        Returns
        -------
        icl : float
            BIC - 2 sum_i w_i log max_k r_ik, the noise being one of the k: never below BIC, and far above it where
            components overlap. R's mclust has the opposite sign.

        References
        ----------
        Biernacki, Celeux and Govaert (2000), "Assessing a mixture model for clustering with the integrated completed
        likelihood", equation 11.
        """
        log_likelihood, weight = self._summed(X, sample_weight, Predictor.classification_log_likelihood)
        return criteria.bic(log_likelihood, self._n_parameters(), weight)

    def predict_blocks(
        self, X: ArrayLike, method: Literal["predict", "predict_proba", "log_joint", "score_samples"] = "predict"
    ) -> Iterator[np.ndarray]:
        """Yield the predictions of one block of rows after the other.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Or what `fit` takes that is not in memory.
        method : {"predict", "predict_proba", "log_joint", "score_samples"}, default="predict"
            What to predict.

        Yields
        ------
        block : ndarray of shape (b,) or (b, n_components)
            What the method returns for the next b rows. Put together they are what it returns for X.

        Raises
        ------
        ValueError
            For another method.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_em import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters([0.4, 0.6], [[0.0], [5.0]], [1.0, 2.0], "spherical")
        >>> [block.tolist() for block in mixture.predict_blocks([np.array([[1.0], [4.0]]), np.array([[6.0]])])]
        [[0, 1, 1]]
        """
        if method not in _BY_METHOD:
            raise ValueError(f"Invalid value for 'method': {method!r}; give one of {list(_BY_METHOD)}.")
        return blocks_of(self._predictor(Workers(self.n_jobs)), _BY_METHOD[method], self._seen(X))

    def impute(
        self,
        X: ArrayLike,
        n_draws: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Return the rows with missing values filled in.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN where a value is missing.
        n_draws : int, optional
            How many times to draw what is missing from its distribution given the rest of the row. None fills in its
            expectation.
        random_state : int, RandomState instance or None, default=None
            Of the draws; None draws afresh on each call, from the estimator's own `random_state`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_draws, n_samples, n_features)

        Raises
        ------
        ValueError
            If `n_draws` is less than 1.

        References
        ----------
        Ghahramani and Jordan (1994), "Supervised learning from incomplete data via an EM approach", section 3. Little
        and Rubin (2002), "Statistical Analysis with Missing Data", section 10.2, for multiple imputation by draws.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_em import GaussianMixtureEM
        >>> X = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.1], [3.0, 5.9], [4.0, np.nan]])
        >>> GaussianMixtureEM().fit(X).impute(X)[-1].round(1).tolist()
        [4.0, 7.9]
        """
        if n_draws is None:
            return self._predict(X, conditional_means)
        if not isinstance(n_draws, Integral) or n_draws < 1:
            raise ValueError(
                f"Invalid value for 'n_draws': {n_draws!r}; give an integer of 1 or more, or None for the expectation."
            )
        rows = self._seen(X)
        if not isinstance(rows, ArraySource):
            raise ValueError(
                f"n_draws={n_draws} tables are drawn at once, which takes rows in memory, and X is not; impute some of "
                "its rows after the other."
            )
        rng = check_random_state(random_state if random_state is not None else self._own_random_state())
        with Workers(self.n_jobs) as workers:
            draws = conditional_draws(self._predictor(workers), rows, int(n_draws), rng)
        return draws.astype(rows.dtype, copy=False)

    def covariance_matrices(self) -> np.ndarray:
        """Return the covariance of every component as a matrix, whatever the structure.

        Returns
        -------
        ndarray of shape (n_components, n_features, n_features)
            In squared units of the data.

        Raises
        ------
        NotFittedError
            Before `fit`.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn_em import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM(3, covariance_type="EEI", random_state=0).fit(load_iris().data)
        >>> mixture.covariances_.shape, mixture.covariance_matrices().shape
        ((4,), (3, 4, 4))
        """
        check_is_fitted(self)
        K, p = self.means_.shape
        structure = self._structure
        matrices = structure.form.matrices(structure.covariances_of(vars(self), p), p)
        return np.array(np.broadcast_to(matrices, (K, p, p)), dtype=self.means_.dtype)

    def covariance_decomposition(self) -> CovarianceDecomposition:
        """Return volume, shape and orientation of every component: Sigma_k = volume_k D_k diag(shape_k) D_k^T.

        Returns
        -------
        CovarianceDecomposition
            A named tuple of `volume` (n_components,), the p-th root of the determinant, in squared units of the data;
            `shape` (n_components, n_features), whose product is 1 for each component; and `orientation` (n_components,
            n_features, n_features), the axes as columns.

        Raises
        ------
        NotFittedError
            Before `fit`.

        References
        ----------
        Banfield and Raftery (1993), "Model-based Gaussian and non-Gaussian clustering", equation 2.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn_em import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM(2, covariance_type="VEV", random_state=0).fit(load_iris().data)
        >>> parts = mixture.covariance_decomposition()
        >>> bool(abs(parts.shape[0] - parts.shape[1]).max() < 1e-6)  # E: one shape
        True
        """
        matrices = self.covariance_matrices().astype(float)
        return decompose(self._structure.orientation, matrices)

    def summary(self) -> Summary:
        """Return a table of the components: weight, volume and mean, and what the fit says of each.

        Returns
        -------
        summary : str
            It prints as it is, and shows itself as a table in notebooks. `volume` is that of
            `covariance_decomposition`; `mass` is the weight of a component's rows, and `certain` the share of it that
            comes from rows with at least 0.95 of themselves in the component, which only a fit can tell. Means have
            the digits that standard deviations give a meaning; those of features for which a line has no room are left
            out.

        Raises
        ------
        NotFittedError
            Before `fit`.

        Examples
        --------
        >>> from sklearn_em import GaussianMixtureEM
        >>> GaussianMixtureEM.from_parameters([0.25, 0.75], [[0, 1], [5, 1.2]], [1, 2], "spherical").summary()
        Gaussian mixture: 2 components, 2 features
        structure  spherical (VII). Spheres, each of its own volume.
        <BLANKLINE>
                                   means
        component  weight  volume    x0    x1
                0  0.2500   1.000  0.00  1.00
                1  0.7500   2.000  5.00  1.20
        """
        check_is_fitted(self)
        return summarise(self._parameters(), vars(self), self._noise is not None)

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw rows from the fitted mixture, in random order.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
            None draws afresh on each call, from the estimator's own `random_state`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
        labels : ndarray of shape (n_samples,)
            The component each row was drawn from; -1 for noise.

        Raises
        ------
        ValueError
            If `n_samples` is less than 1.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples!r}; at least one sample is to be drawn, give an integer "
                "of 1 or more."
            )
        rng = check_random_state(random_state if random_state is not None else self._own_random_state())
        return draw(self._parameters(), self._noise, int(n_samples), rng)

    @classmethod
    def from_parameters(
        cls, weights: ArrayLike, means: ArrayLike, covariances: Any, covariance_type: str | Factor = "full"
    ) -> Self:
        """Return a mixture of known parameters, which no fit has to find.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            At least 0, with sum 1.
        means : array-like of shape (n_components, n_features)
            A table names the features by its columns.
        covariances : array-like
            In the shape of `covariances_`, in squared units of the data. For `Factor` the pair of loadings and noise
            variances, in the shapes of `factor_loadings_` and `noise_variances_`.
        covariance_type : str or Factor, default="full"
            The structure, which the covariances must obey.

        Returns
        -------
        mixture : GaussianMixtureEM
            Without noise. It has the attributes that say the parameters, in float32 if the means are, and none that
            tell of a fit: no `converged_`, `n_iter_`, `lower_bound_`, `starts_` or `diagnostics_`. Other parameters
            are set by `set_params`; with `warm_start=True`, `fit` goes on from here.

        Raises
        ------
        ValueError
            If shapes do not fit together, weights do not sum to 1, or covariances are not positive definite or do not
            obey the structure.

        Examples
        --------
        >>> from sklearn_em import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters([0.4, 0.6], [[0.0], [5.0]], [1.0, 2.0], "spherical")
        >>> mixture.predict([[1.0], [4.0]]).tolist()
        [0, 1]
        """
        checked = check_given_means(means)
        mixture = cls(len(checked), covariance_type=covariance_type)
        mixture._validate_params()
        validate_data(mixture, means, skip_check_array=True)
        params = check_given_parameters(weights, checked, covariances, mixture._structure)
        mixture._publish_parameters(params, None, checked.dtype)
        return mixture

    @classmethod
    def from_sklearn(cls, mixture: "GaussianMixture") -> Self:
        """Return the mixture that scikit-learn has fitted.

        Parameters
        ----------
        mixture : sklearn.mixture.GaussianMixture
            Fitted.

        Returns
        -------
        mixture : GaussianMixtureEM
            As from `from_parameters`, with `converged_`, `n_iter_`, `lower_bound_` and `lower_bounds_` as scikit-learn
            has them, if there were iterations. All its parameters are kept but `tol`, which there is the length of the
            last step and here an estimated distance: it has its default.

        Raises
        ------
        TypeError
            If it is of another class.
        NotFittedError
            If it is not fitted.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.mixture import GaussianMixture
        >>> from sklearn_em import GaussianMixtureEM
        >>> X = load_iris().data
        >>> theirs = GaussianMixture(3, random_state=0).fit(X)
        >>> ours = GaussianMixtureEM.from_sklearn(theirs)
        >>> bool(abs(ours.score(X) - theirs.score(X)) < 1e-12)
        True
        """
        check_sklearn_mixture(mixture)
        result = cls.from_parameters(mixture.weights_, mixture.means_, mixture.covariances_, mixture.covariance_type)
        result.__dict__.update(fit_of(mixture))
        return result.set_params(**params_of(mixture))

    def to_sklearn(self) -> "GaussianMixture":
        """Return the same mixture as scikit-learn's class, for what asks for that class, such as skl2onnx.

        Returns
        -------
        mixture : sklearn.mixture.GaussianMixture
            Fitted, for `covariance_type` "full", "tied", "diag" and "spherical" and their codes; after
            `from_parameters` as after 0 iterations. `tol`, and `reg_covar` if it is "auto", have scikit-learn's
            defaults. `fixed` and `weights` are not known there, so that its `bic` and `aic` count all parameters as
            free.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            With noise, or with another structure.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn_em import GaussianMixtureEM
        >>> X = load_iris().data
        >>> ours = GaussianMixtureEM(3, random_state=0).fit(X)
        >>> bool(abs(ours.to_sklearn().score(X) - ours.score(X)) < 1e-12)
        True
        """
        check_is_fitted(self)
        check_has_equivalent(self._structure, self._noise is not None)
        return to_sklearn(self.get_params(deep=False), vars(self), self._structure)

    def __sklearn_tags__(self) -> Any:
        """Say that missing values are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @property
    def _structure(self) -> Structure:
        return structure_of(self.covariance_type)

    def _fit(
        self,
        X: ArrayLike,
        sample_weight: ArrayLike | None,
        known_labels: ArrayLike | None,
        found: MixtureParameters | None = None,
        tasks: Tasks = UNWATCHED,
        saving: Saving | None = None,
    ) -> None:
        with Workers(self.n_jobs) as workers:
            source = self._opened(X, workers, sample_weight, known_labels)
            fitted = self._fitted(source, self._given(source.n_features), workers, found, tasks, saving)
        self._publish(fitted)
        self._warn(fitted)

    def _partial_fit(self, X: ArrayLike, sample_weight: ArrayLike | None) -> None:
        before = vars(self)
        goes_on = "means_" in before
        block = opened(self, X, Said(), reset=not goes_on)
        rows = block.rows if isinstance(block, ArraySource) else np.concatenate(list(block.each(_rows_of, Workers(1))))
        weight = check_sample_weight(sample_weight, len(rows))
        dtype, counts = rows.dtype, (before.get("n_samples_seen_", 0), before.get("n_steps_", 0))
        with Workers(self.n_jobs) as workers:
            stream = self._stream_before(rows, workers)
            stream = stream.absorbed(
                rows,
                np.ones(len(rows)) if weight is None else weight,
                self.n_components,
                Decay(self.forgetting),
                workers,
                self._fitted_to_weighted,
            )
        self._publish_parameters(stream.params, stream.noise, self.means_.dtype if goes_on else dtype)
        self.lower_bound_ = stream.objective
        self.n_samples_seen_, self.n_steps_ = counts[0] + len(rows), counts[1] + 1
        self._stream = stream

    def _stream_before(self, rows: np.ndarray, workers: Workers) -> Stream:
        """Return what is known before a block, if only the parameters of a fit."""
        attributes, p = vars(self), rows.shape[1]
        if "means_" not in attributes:
            return FirstRows(self._given_by_user(p), rows[:0], np.empty(0))
        last = self._given_by_last(p, "partial_fit", "use `fit`, or a clone,")
        if "_stream" in attributes:
            return self._stream
        if "diagnostics_" not in attributes:
            return FirstRows(last, rows[:0], np.empty(0))
        weight = float(self.diagnostics_.mass.sum()) / (1 - self.noise_weight_)
        return Stepwise.after_parameters(
            self._parameters(), self._noise, weight, self.lower_bound_, self._structure, self._options(p), workers
        )

    def _fitted_to_weighted(self, rows: np.ndarray, weight: np.ndarray, given: Given, workers: Workers) -> Fitted:
        # Rows that all weigh 1 are summed as `fit` sums rows without weights.
        said = Said(None if (weight == 1).all() else weight, in_units=self.prior is None)
        source = looked_at(said.of(rows), said, workers)
        check_observed(source, self.n_components, is_weighted=True)
        return self._fitted(source, given, workers)

    def _fitted(
        self,
        source: Source,
        given: Given,
        workers: Workers,
        found: MixtureParameters | None = None,
        tasks: Tasks = UNWATCHED,
        saving: Saving | None = None,
    ) -> Fitted:
        structure, K, options = self._structure, self.n_components, self._options(source.n_features)
        setting = Setting.of(source, options, K, structure.one_scale, workers)
        observers: list[Observer] = [tasks]
        if saving is None:
            rng = check_random_state(self.random_state)
        else:
            savers, rng = saving.begin(partial(of_fit, self, setting, options, given), self.random_state)
            observers = savers + observers
        if self.verbose:
            observers.append(Printer(self.verbose_interval, self.verbose > 1))
        return fit_mixture(
            setting,
            structure,
            options,
            n_components=K,
            method=self.init_params,
            given=given,
            n_init=self.n_init,
            rng=rng,
            stopping=StoppingRule(float(self.tol), int(self.max_iter)),
            accelerator=Squarem() if self._accelerates() else None,
            observer=Observers(*observers),
            found=found,
        )

    def _opened(
        self,
        X: ArrayLike,
        workers: Workers,
        sample_weight: ArrayLike | None = None,
        known_labels: ArrayLike | None = None,
    ) -> Source:
        """Return the rows of a fit with what is known of them."""
        check_labels = partial(check_known_labels, n_components=self.n_components, has_noise=self.noise is not False)
        # A prior's rows are in the user's unit.
        said = Said(sample_weight, known_labels, check_labels, in_units=self.prior is None)
        source = looked_at(opened(self, X, said, reset=True), said, workers)
        check_observed(source, self.n_components, sample_weight is not None)
        if isinstance(source, ArraySource) and source.evidence is not None:
            check_some_component(source.evidence, self.n_components)
        return source

    def _options(self, n_features: int) -> Options:
        """Return what the parameters say about the model beside its size."""
        structure = self._structure
        structure.check(n_features)
        prior = check_prior(self.prior, structure, n_features)
        fixed, proportions = check_fixed(self.fixed, self.weights, structure, self.n_components, n_features)
        return Options(
            reg_covar=self.reg_covar,
            noise=self.noise is not False,
            noise_log_volume=self._given_log_volume,
            prior=prior,
            fixed=fixed,
            proportions=proportions,
        )

    def _publish(self, fitted: Fitted) -> None:
        """Set the fitted attributes."""
        self._publish_parameters(fitted.run.params, fitted.noise, fitted.model.source.dtype)
        self.__dict__.update(of_run(fitted.run))
        self.starts_ = fitted.records
        self.__dict__.pop("diagnostics_", None)
        if fitted.diagnostics is not None:
            self.diagnostics_ = fitted.diagnostics

    def _publish_parameters(self, params: MixtureParameters, noise: Noise | None, dtype: np.dtype) -> None:
        for name in (*OF_SOME_MODELS, *OF_A_RUN, *OF_A_STREAM, "_sampler"):
            self.__dict__.pop(name, None)
        self.__dict__.update(published(params, noise, dtype))
        self._noise = noise

    def _warn(self, fitted: Fitted) -> None:
        collapsed, spurious = list(fitted.run.collapsed), np.flatnonzero(self.diagnostics_.is_spurious).tolist()
        if not self.converged_ and self.max_iter > 0:
            which = f" It was components {collapsed}." if collapsed else ""
            warnings.warn(str(self.status_) + which, ConvergenceWarning, stacklevel=5)
        empty = np.flatnonzero(self.weights_ == 0).tolist()
        if empty:
            warnings.warn(
                f"Components {empty} were left without rows and have weight 0: the data have too few distinct rows "
                f"for n_components={self.n_components}. Decrease n_components.",
                ConvergenceWarning,
                stacklevel=5,
            )
        held_up = [k for k in spurious if k not in empty]
        if held_up and self.max_iter > 0:
            warnings.warn(
                f"Components {held_up} say nothing about where the data came from: they live on too few rows for a "
                "covariance, or are so thin that only reg_covar holds them up. Decrease n_components, choose a "
                'covariance_type with fewer parameters, or set prior="auto".',
                ConvergenceWarning,
                stacklevel=5,
            )

    def _accelerates(self) -> bool:
        is_given = any(part is not None for part in (self.weights_init, self.means_init, self.precisions_init))
        return self.acceleration == "squarem" or (self.acceleration == "auto" and not is_given)

    def _given(self, n_features: int) -> Given:
        """Return what the user, or the last fit of a warm start, gives of the start, unscaled."""
        if self.warm_start and "means_" in vars(self):
            return self._given_by_last(n_features, "warm_start=True", "set warm_start=False")
        return self._given_by_user(n_features)

    def _given_by_last(self, n_features: int, what_goes_on: str, remedy: str) -> Given:
        structure, K = self._structure, self.n_components
        expected = {"means_": (K, n_features), **structure.published_shapes(K, n_features)}
        fitted = {name: vars(self)[name].shape for name in expected if name in vars(self)}
        if fitted != expected:
            what = " and ".join(f"whose {name.strip('_')} have shape {shape}" for name, shape in fitted.items())
            need = " and ".join(f"{name} of shape {shape}" for name, shape in expected.items())
            raise ValueError(
                f"{what_goes_on} goes on from the last fit, {what}, but n_components={K}, "
                f"n_features={n_features} and covariance_type={self.covariance_type!r} need {need}; {remedy} to start "
                "afresh."
            )
        return Given.of(self._parameters(), self._noise is not None)

    def _given_by_user(self, n_features: int) -> Given:
        structure, K = self._structure, self.n_components
        return Given(
            None if self.weights_init is None else check_weights(self.weights_init, K, "weights_init"),
            None if self.means_init is None else check_means(self.means_init, K, n_features),
            None if self.precisions_init is None else check_precisions(self.precisions_init, structure, K, n_features),
        )

    def _own_random_state(self) -> int | np.random.RandomState | None:
        """Return what `sample` and `impute` draw from: a stream of its own for each model, if there is a seed."""
        if not isinstance(self.random_state, Integral):
            return self.random_state
        if "_sampler" not in vars(self):
            self._sampler = np.random.RandomState([int(self.random_state), 1])
        return self._sampler

    def _parameters(self) -> MixtureParameters:
        """Return the parameters that the fitted attributes say."""
        return parameters_of(vars(self), self._structure)

    @property
    def _given_log_volume(self) -> float | None:
        """The log volume of the noise, if it is not to be taken from the data."""
        return None if isinstance(self.noise, bool | np.bool_) else float(self.noise)

    def _n_parameters(self) -> int:
        """Return the number of free parameters."""
        structure, (K, p) = self._structure, self.means_.shape
        fixed, shares = check_fixed(self.fixed, self.weights, structure, K, p)
        return n_parameters(structure, K, p, fixed=fixed, shares=shares, n_of_noise=self._n_parameters_of_noise)

    @property
    def _n_parameters_of_noise(self) -> int:
        return 0 if self.noise is False else 1 + (self._given_log_volume is None)

    def _seen(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> Opened:
        """Return rows with the features of the fit."""
        check_is_fitted(self)
        return opened(self, X, Said(sample_weight), reset=False)

    def _predict(self, X: ArrayLike, what: Any, out: np.ndarray | None = None) -> np.ndarray:
        rows = self._seen(X)
        with Workers(self.n_jobs) as workers:
            return predicted(self._predictor(workers), what, rows, out)

    def _predictor(self, workers: Workers) -> Predictor:
        return Predictor(self._parameters(), workers, self._noise)

    def _summed(self, X: ArrayLike, sample_weight: ArrayLike | None, what: Any) -> tuple[float, float]:
        """Return a weighted sum over the rows, and the sum of weights."""
        rows = self._seen(X, sample_weight)
        with Workers(self.n_jobs) as workers:
            total, weight = rows.sum(partial(with_weight, self._predictor(workers), what), workers)
        check_some_weight(weight)
        return float(total), float(weight)


def _rows_of(piece: ArraySource, workers: Workers) -> np.ndarray:
    return np.array(piece.rows)
