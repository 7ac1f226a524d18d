"""GaussianMixtureIC: the number of components and the structure, chosen by an information criterion."""

import warnings
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin, clone
from sklearn.utils.validation import check_is_fitted

from sklearn_em._sklearn import StrOptions, fit_context
from sklearn_em.data.executors import Workers
from sklearn_em.estimators import GaussianMixtureEM
from sklearn_em.estimators.checks import unchanged_on_error
from sklearn_em.estimators.inputs import Said, looked_at, opened
from sklearn_em.estimators.persistence import Stamped
from sklearn_em.gaussian.covariance import BY_NAME_OR_CODE, STRUCTURES, Factor, Structure, structure_of
from sklearn_em.selection.cells import Cell, Data, fitted, fitted_cells

CRITERIA = ("bic", "aic", "icl")
# Beside the best cell, at most so many whose criterion is so close to its are fitted once more.
_MOST_RIVALS, _CLOSE = 2, 10.0


def _delegated(name: str) -> Callable[..., Any]:
    """Return a method that does what the best estimator's does."""

    @wraps(getattr(GaussianMixtureEM, name))
    def method(self: "GaussianMixtureIC", *args: Any, **kwargs: Any) -> Any:
        check_is_fitted(self)
        return getattr(self.best_estimator_, name)(*args, **kwargs)

    return method


class GaussianMixtureIC(Stamped, DensityMixin, BaseEstimator):
    """Gaussian mixture whose number of components and structure are chosen by an information criterion.

    All cells of the grid are fitted to the same rows, and the one with the lowest criterion is kept. They share work:
    one look at the data, one set of k-means partitions; a structure begins where its special cases ended, the strictest
    and the freest also where they ended with one component less, with a component cut in two. The best cell is fitted
    once more, with all that `estimator` says, from where it ended.

    Parameters
    ----------
    estimator : GaussianMixtureEM, optional
        What carries every other setting of the fits; None is ``GaussianMixtureEM(random_state=0)``. Its `n_components`
        and `covariance_type` are not used. Cells stop at 0.1 nat of the total log-likelihood, or at `tol` if that is
        more; `n_init`, `verbose` and a smaller `tol` are for the fit of the best one. Where components have something
        of their own (`known_labels`, `fixed`, `weights_init`, `means_init`, `precisions_init`), or `max_iter` is below
        15, nothing is shared: every cell is a fit of its own.
    n_components : iterable of int, or int, default=(1, 2, 3, 4, 5, 6, 7, 8, 9)
        The numbers of components to try, for example ``range(1, 10)``.
    covariance_type : iterable of str and Factor, or str, default=("full", "tied", "diag", "spherical")
        The structures to try; "all" is the fourteen of mclust, by their codes.
    criterion : {"bic", "aic", "icl"}, default="bic"
        BIC asks for the density, and finds its structure given enough rows; ICL asks for clusters that do not overlap;
        AIC asks for the best prediction, and mostly takes more components.
    n_jobs : int or None, default=None
        The number of processes; None is 1. The result is the same for any number. With one process each fit uses the
        threads that `estimator` says. Processes take about a second to start, which small grids on small data do not.

    Attributes
    ----------
    best_estimator_ : GaussianMixtureEM
    best_params_ : dict
        Its `n_components` and `covariance_type`.
    best_score_ : float
        Its criterion; lower is better.
    best_index_ : int
        Its place in `results_`.
    results_ : dict of ndarray
        One entry per cell, ready for `pandas.DataFrame`: "n_components", "covariance_type", "bic", "aic", "icl",
        "log_likelihood" (total, in nats), "n_parameters", "n_iter", "converged", "is_spurious", "rank" (1 is the best),
        "fit_time" (in seconds) and "error". A cell that failed has NaN for its figures, and the reason in "error".
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if the features of X have names.

    See Also
    --------
    sklearn.linear_model.LassoLarsIC : The same idea for the lasso.
    sklearn.model_selection.GridSearchCV : Chooses by cross-validation.

    Notes
    -----
    Solutions in which a component lives on too few rows, or is so thin that only `reg_covar` holds it up, have high
    likelihoods that say nothing about where the rows came from. Such cells are marked as spurious, and chosen only if
    there is no other.

    References
    ----------
    Fraley and Raftery (2002), "Model-based clustering, discriminant analysis, and density estimation", section 2.4.
    Biernacki, Celeux and Govaert (2000), "Assessing a mixture model for clustering with the integrated completed
    likelihood".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_em import GaussianMixtureEM, GaussianMixtureIC
    >>> X = load_iris().data
    >>> search = GaussianMixtureIC(GaussianMixtureEM(random_state=0), n_components=range(1, 6)).fit(X)
    >>> search.best_params_
    {'n_components': 2, 'covariance_type': 'full'}
    >>> search.predict(X[:3]).shape
    (3,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [GaussianMixtureEM, None],
        "n_components": [Integral, "array-like", range],
        "covariance_type": [str, Factor, list, tuple],
        "criterion": [StrOptions(set(CRITERIA))],
        "n_jobs": [Integral, None],
    }

    predict = _delegated("predict")
    predict_proba = _delegated("predict_proba")
    log_joint = _delegated("log_joint")
    score_samples = _delegated("score_samples")
    score = _delegated("score")
    aic = _delegated("aic")
    bic = _delegated("bic")
    icl = _delegated("icl")
    impute = _delegated("impute")
    sample = _delegated("sample")
    covariance_matrices = _delegated("covariance_matrices")
    covariance_decomposition = _delegated("covariance_decomposition")
    summary = _delegated("summary")
    to_sklearn = _delegated("to_sklearn")

    def __init__(
        self,
        estimator: GaussianMixtureEM | None = None,
        *,
        n_components: Iterable[int] | int = (1, 2, 3, 4, 5, 6, 7, 8, 9),
        covariance_type: Iterable[str | Factor] | str | Factor = ("full", "tied", "diag", "spherical"),
        criterion: str = "bic",
        n_jobs: int | None = None,
    ):
        self.estimator = estimator
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.criterion = criterion
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        known_labels: ArrayLike | None = None,
    ) -> Self:
        """Fit all cells of the grid, and keep the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
            Present for the convention.
        sample_weight : array-like of shape (n_samples,), optional
        known_labels : array-like of shape (n_samples,) or (n_samples, n_components), optional
            As in `GaussianMixtureEM.fit`; a cell that has too few components for the labels fails.

        Returns
        -------
        self : GaussianMixtureIC

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or if every cell fails.

        Warns
        -----
        ConvergenceWarning
            What the fit of the best cell warns of.
        """
        with unchanged_on_error(self):
            self._fit(X, sample_weight, known_labels)
        return self

    def fit_predict(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        known_labels: ArrayLike | None = None,
    ) -> np.ndarray:
        """Fit all cells of the grid, and return the most probable component of each row under the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional
        known_labels : array-like of shape (n_samples,) or (n_samples, n_components), optional

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        return self.fit(X, y, sample_weight, known_labels=known_labels).predict(X)

    def __sklearn_tags__(self) -> Any:
        """Say that missing values are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit(self, X: ArrayLike, sample_weight: ArrayLike | None, known_labels: ArrayLike | None) -> None:
        said = Said(sample_weight, in_units=False)
        with Workers() as workers:
            source = looked_at(opened(self, X, said, reset=True), said, workers)
        template = GaussianMixtureEM(random_state=0) if self.estimator is None else clone(self.estimator)
        structures, numbers = _structures(self.covariance_type), _numbers(self.n_components)
        grid = [
            clone(template).set_params(n_components=K, covariance_type=structure)
            for structure in structures
            for K in numbers
        ]
        data = Data(X, sample_weight, known_labels, source.total_weight)
        cells = fitted_cells(grid, data, self.n_jobs)
        done: dict[int, list[warnings.WarningMessage]] = {}
        while (place := self._next(cells, data, done)) is not None:
            with warnings.catch_warnings(record=True) as done[place]:
                warnings.simplefilter("always")
                cells[place] = fitted(grid[place], data, cells[place].found)
        best = self._order(cells, data)[0]
        if cells[best].error:
            raise ValueError(f"Every fit of the grid failed, the first for this reason: {cells[0].error}")
        self.results_ = self._tabulated(grid, cells, data)
        self.best_index_ = best
        self.best_estimator_ = grid[best]
        self.best_params_ = {"n_components": grid[best].n_components, "covariance_type": grid[best].covariance_type}
        self.best_score_ = cells[best].criterion(self.criterion, data.weight)
        for message in done[best]:
            warnings.warn(message.message, message.category, stacklevel=5)

    def _order(self, cells: list[Cell], data: Data) -> list[int]:
        """Return the places of the cells, the best first: those that did not fail, then those that are not spurious."""
        values = [cell.criterion(self.criterion, data.weight) for cell in cells]
        keys = [(bool(cell.error), cell.is_spurious, value) for cell, value in zip(cells, values, strict=True)]
        return sorted(range(len(cells)), key=keys.__getitem__)

    def _next(self, cells: list[Cell], data: Data, done: Collection[int]) -> int | None:
        """Return the next cell to be fitted once more: the best, then its close rivals."""
        best, *others = self._order(cells, data)
        value, rivals = cells[best].criterion(self.criterion, data.weight), [best]
        for place in others[:_MOST_RIVALS]:
            is_close = cells[place].criterion(self.criterion, data.weight) < value + _CLOSE
            if is_close and cells[place].is_spurious == cells[best].is_spurious:
                rivals.append(place)
        return next((place for place in rivals if place not in done and not cells[place].error), None)

    def _tabulated(self, grid: list[GaussianMixtureEM], cells: list[Cell], data: Data) -> dict[str, np.ndarray]:
        """Return the table of all cells, by columns."""
        structures = np.empty(len(grid), dtype=object)
        structures[:] = [one.covariance_type for one in grid]
        rank = np.empty(len(grid), dtype=int)
        rank[self._order(cells, data)] = np.arange(1, len(grid) + 1)
        figures = {name: np.array([cell.criterion(name, data.weight) for cell in cells]) for name in CRITERIA}
        names = ("log_likelihood", "n_parameters", "n_iter", "converged", "is_spurious")
        return {
            "n_components": np.array([one.n_components for one in grid]),
            "covariance_type": structures,
            **figures,
            **{name: np.array([getattr(cell, name) for cell in cells]) for name in names},
            "rank": rank,
            "fit_time": np.array([cell.fit_time for cell in cells]),
            "error": np.array([cell.error for cell in cells], dtype=object),
        }


def _numbers(n_components: Any) -> list[int]:
    numbers = list(np.atleast_1d(n_components))
    if not numbers or not all(isinstance(K, int | np.integer) and K > 0 for K in numbers):
        raise ValueError(
            f"n_components is {n_components!r}; give the numbers of components to try, integers of 1 or more, for "
            "example range(1, 10)."
        )
    return list(dict.fromkeys(int(K) for K in numbers))


def _structures(covariance_type: Iterable[str | Factor] | str | Factor) -> list[str | Factor]:
    if covariance_type == "all":
        return [structure.code for structure in STRUCTURES.values()]
    structures = [covariance_type] if isinstance(covariance_type, str | Factor) else list(covariance_type)
    unknown = [one for one in structures if not isinstance(one, Factor) and one not in BY_NAME_OR_CODE]
    if unknown or not structures:
        wrong = f"contains {unknown[0]!r}" if unknown else "is empty"
        raise ValueError(
            f'covariance_type {wrong}; give "all", or a list of structures to try: names or codes of them '
            f"({', '.join(BY_NAME_OR_CODE)}) and Factor objects."
        )
    distinct: dict[Structure, str | Factor] = {}
    for one in structures:
        distinct.setdefault(structure_of(one), one)
    return list(distinct.values())
