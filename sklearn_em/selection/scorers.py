"""Information criteria for scikit-learn's searches: scorers, and the split that has every row on both sides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest


@dataclass(frozen=True)
class CriterionScorer:
    """Minus an information criterion of a fitted mixture, so that higher is better.

    `bic_scorer`, `aic_scorer` and `icl_scorer` are the scorers there are; give one as `scoring`, together with
    `cv=WholeSample()`: a criterion is about the rows of the fit.

    Attributes
    ----------
    criterion : str
        The name of the mixture's method.

    Notes
    -----
    Only mixtures on the same rows can be compared: a search must not vary the steps before the mixture in a pipeline,
    because a density depends on the units of its features.
    """

    criterion: str

    def __call__(self, estimator: Any, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return minus the criterion.

        Parameters
        ----------
        estimator : GaussianMixtureEM, or a Pipeline that ends in one
            Fitted.
        X : array-like of shape (n_samples, n_features)
            The rows of the fit; a pipeline transforms them first.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), optional
            The weights of the fit.

        Returns
        -------
        score : float
        """
        while isinstance(estimator, Pipeline):
            if len(estimator) > 1:
                X = estimator[:-1].transform(X)
            estimator = estimator[-1]
        # Mixtures that know no weights have no such argument.
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return -float(getattr(estimator, self.criterion)(X, **weights))

    def get_metadata_routing(self) -> MetadataRequest:
        """Ask for `sample_weight`: the criterion of a weighted fit is weighted."""
        request = MetadataRequest(owner=repr(self))
        request.score.add_request(param="sample_weight", alias=True)
        return request


aic_scorer = CriterionScorer("aic")
bic_scorer = CriterionScorer("bic")
icl_scorer = CriterionScorer("icl")


@dataclass(frozen=True)
class WholeSample:
    """A cross-validation splitter with one split, in which all rows are both training and test rows.

    For what is not to be validated on rows of its own: an information criterion corrects for having seen the rows.

    See Also
    --------
    sklearn.model_selection.KFold : For `score`, the log density of rows that the fit has not seen.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_em import GaussianMixtureEM, WholeSample, bic_scorer
    >>> grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "VEV"]}
    >>> search = GridSearchCV(GaussianMixtureEM(random_state=0), grid, scoring=bic_scorer, cv=WholeSample())
    >>> search.fit(load_iris().data).best_params_
    {'covariance_type': 'VEV', 'n_components': 2}
    """

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield all row numbers, twice.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y, groups : Ignored

        Yields
        ------
        train, test : ndarray of shape (n_samples,)
        """
        n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
        yield np.arange(n_samples), np.arange(n_samples)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return 1.

        Parameters
        ----------
        X, y, groups : Ignored
        """
        return 1
