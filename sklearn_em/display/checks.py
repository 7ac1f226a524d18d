"""What every display asks for: matplotlib, axes, and a fitted mixture."""

from importlib import import_module
from typing import Any

from sklearn.utils.validation import check_is_fitted

from sklearn_em.estimators import GaussianMixtureEM


def check_matplotlib(caller: str) -> None:
    """Raise ImportError, with what to do, where matplotlib is not installed."""
    try:
        import_module("matplotlib")
    except ImportError as error:
        raise ImportError(f'{caller} needs matplotlib; install it with pip install "sklearn-em[plot]".') from error


def axes_of(ax: Any, caller: str, size: tuple[float, float] = (6.0, 4.0)) -> Any:
    """Return the given axes, or those of a new figure, whose size is in inches."""
    check_matplotlib(caller)
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def fitted_mixture(estimator: Any, caller: str) -> GaussianMixtureEM:
    """Return the estimator, or the best one of a search, which must be a fitted mixture."""
    mixture = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(mixture, GaussianMixtureEM):
        raise TypeError(
            f"{caller} draws a fitted GaussianMixtureEM, but got a {type(mixture).__name__}; of a Pipeline pass the "
            "last step, and rows as that step sees them: pipeline[-1], pipeline[:-1].transform(X)."
        )
    check_is_fitted(mixture)
    return mixture
