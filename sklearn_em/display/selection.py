"""SelectionDisplay: a criterion against the number of components, for each structure."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from sklearn_em.display.checks import axes_of, check_matplotlib
from sklearn_em.display.style import COLOURS, GREY, MARKERS, colour

# What lies this many times as far above the lowest score as half of the scores do is cut off.
_FARTHEST = 3.0


class SelectionDisplay:
    """Picture of a search over the number of components and the structure of the covariances.

    A line for each structure; lower is better. The winner has a ring and its name. Hollow markers are spurious: a component lives
    on too few rows, or is so thin that only regularisation holds it up. Crosses along the upper edge are fits that
    failed.

    It is recommended to use `from_estimator` to create a display. All parameters are stored as attributes.

    Parameters
    ----------
    n_components : array-like of shape (n_fits,)
    covariance_type : array-like of shape (n_fits,)
        The structure of each fit.
    scores : array-like of shape (n_fits,)
        The criterion, lower is better; NaN for a fit that failed.
    best_index : int
        Which fit won.
    criterion : str, default="bic"
        What the scores are.
    is_spurious : array-like of shape (n_fits,), optional

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        A line for each structure, in the order in which they first occur.
    spurious_, failed_ : list of matplotlib Line2D
        The hollow markers and the crosses, for each structure that has some.
    best_ : matplotlib Line2D
        The ring around the winner.
    legend_ : matplotlib Legend

    See Also
    --------
    SelectionDisplay.from_estimator : Make a picture of a fitted search.

    Examples
    --------
    From a search by hand:

    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_em import GaussianMixtureEM, SelectionDisplay
    >>> X = load_iris().data
    >>> cells = [(K, name) for name in ["full", "tied", "VEV"] for K in [1, 2, 3]]
    >>> bic = [GaussianMixtureEM(K, covariance_type=name, random_state=0).fit(X).bic(X) for K, name in cells]
    >>> n_components, names = zip(*cells)
    >>> display = SelectionDisplay(
    ...     n_components=n_components, covariance_type=names, scores=bic, best_index=np.argmin(bic)
    ... ).plot()
    >>> display.ax_.get_ylabel()
    'BIC (lower is better)'
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        n_components: Sequence[int] | np.ndarray,
        covariance_type: Sequence[str] | np.ndarray,
        scores: Sequence[float] | np.ndarray,
        best_index: int,
        criterion: str = "bic",
        is_spurious: Sequence[bool] | np.ndarray | None = None,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.scores = scores
        self.best_index = best_index
        self.criterion = criterion
        self.is_spurious = is_spurious

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw a fitted search.

        Parameters
        ----------
        estimator : GaussianMixtureIC
            Fitted.
        ax : matplotlib Axes, optional
            As in `plot`.

        Returns
        -------
        display : SelectionDisplay

        Raises
        ------
        TypeError
            If the estimator is not a fitted GaussianMixtureIC.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "results_"):
            raise TypeError(
                f"{cls.__name__} draws the results_ of a fitted GaussianMixtureIC, but got a "
                f"{type(estimator).__name__} without; pass a GaussianMixtureIC after fit."
            )
        results = estimator.results_
        display = cls(
            n_components=results["n_components"],
            covariance_type=results["covariance_type"],
            scores=results[estimator.criterion],
            best_index=estimator.best_index_,
            criterion=estimator.criterion,
            is_spurious=results["is_spurious"],
        )
        return display.plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the criterion.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure is made if None. The legend stands on its right.

        Returns
        -------
        self : SelectionDisplay
        """
        self.ax_ = ax = axes_of(ax, f"{type(self).__name__}.plot")
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator

        self.figure_ = ax.figure
        counts, scores = np.asarray(self.n_components), np.asarray(self.scores, dtype=float)
        names = np.array([str(name) for name in self.covariance_type])
        spurious = np.zeros(len(scores), bool) if self.is_spurious is None else np.asarray(self.is_spurious)
        structures = list(dict.fromkeys(names))
        self.lines_, self.spurious_, self.failed_ = [], [], []
        for i, name in enumerate(structures):
            own = np.flatnonzero(names == name)
            own = own[np.argsort(counts[own], kind="stable")]
            style = {"color": colour(i), "marker": MARKERS[i % len(MARKERS)], "markersize": 5}
            stroke = {"linewidth": 1.1, "linestyle": "-" if i < len(COLOURS) else "--"}
            self.lines_ += ax.plot(counts[own], scores[own], label=name, **style, **stroke)
            hollow = own[spurious[own] & ~np.isnan(scores[own])]
            if len(hollow):
                style |= {"linestyle": "", "markerfacecolor": "white", "zorder": 3}
                self.spurious_ += ax.plot(counts[hollow], scores[hollow], **style)
            failed = own[np.isnan(scores[own])]
            if len(failed):
                # Side by side, so that structures that fail at the same place can be told apart.
                aside = counts[failed] + 0.8 * ((i + 0.5) / len(structures) - 0.5)
                edge = {"transform": ax.get_xaxis_transform(), "markersize": 4}
                style = {"color": colour(i), "marker": "x", "linestyle": ""}
                self.failed_ += ax.plot(aside, np.full(len(failed), 0.98), **style, **edge)
        best = self.best_index
        ring = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "markeredgecolor": "black", "zorder": 4}
        (self.best_,) = ax.plot(counts[best], scores[best], linestyle="", label=f"{names[best]}, {counts[best]}", **ring)
        ax.set(xlabel="number of components", ylabel=f"{self.criterion.upper()} (lower is better)")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        # Scores far from the best, of one component as a rule, would flatten all others.
        low, middle, high = np.nanquantile(scores, [0, 0.5, 1])
        top = min(high, max(scores[best], low + _FARTHEST * (middle - low)))
        ax.set_ylim(low - 0.05 * (top - low), top + 0.08 * (top - low))
        # In the order in which the lines end.
        lines = sorted(self.lines_, key=lambda line: _last(line.get_ydata()), reverse=True)
        grey = {"color": GREY, "linestyle": ""}
        signs = [
            Line2D([], [], label=f"best: {names[best]}, {counts[best]}", linestyle="", **ring),
            *[Line2D([], [], label="spurious", marker="o", markerfacecolor="white", **grey)][: len(self.spurious_)],
            *[Line2D([], [], label="failed", marker="x", **grey)][: len(self.failed_)],
        ]
        place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0, "frameon": False}
        self.legend_ = ax.legend(handles=lines + signs, fontsize="small", **place)
        return self


def _last(scores: np.ndarray) -> float:
    """Return the last score that is a number."""
    known = scores[~np.isnan(scores)]
    return known[-1] if len(known) else np.inf
