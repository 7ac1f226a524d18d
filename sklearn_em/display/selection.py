"""SelectionDisplay: a criterion against the number of components, for each structure."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_em.display.checks import axes_of, check_matplotlib
from sklearn_em.display.style import COLOURS, GREY, MARKERS, colour, key
from sklearn_em.selection import GaussianMixtureIC

# What lies this many times as far above the lowest score as half of the scores do is cut off.
_FARTHEST = 3.0


class SelectionDisplay:
    """Picture of a search over the number of components and the structure of the covariances.

    A line for each structure; lower is better. The winner has a ring. Hollow markers are spurious: a component lives on
    too few rows, or is so thin that only regularisation holds it up. Crosses along the upper edge are fits that failed.
    Scores far above the others are cut off; `ax_.set_ylim` brings them back.

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
        The hollow markers and the crosses of each structure.
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
            If the estimator is not a GaussianMixtureIC.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        if not isinstance(estimator, GaussianMixtureIC):
            raise TypeError(
                f"{cls.__name__} draws a fitted GaussianMixtureIC, but got a {type(estimator).__name__}; draw the "
                f"scores of another search by {cls.__name__}(n_components=..., covariance_type=..., ...).plot()."
            )
        check_is_fitted(estimator)
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
        self.figure_ = ax.figure
        from matplotlib.ticker import MaxNLocator

        counts, scores, best = np.asarray(self.n_components), np.asarray(self.scores, dtype=float), self.best_index
        names = np.array([str(name) for name in self.covariance_type])
        spurious = np.zeros(len(scores), bool) if self.is_spurious is None else np.asarray(self.is_spurious)
        structures = list(dict.fromkeys(names.tolist()))
        self.lines_, self.spurious_, self.failed_ = [], [], []
        for i, name in enumerate(structures):
            own = np.flatnonzero(names == name)
            own = own[np.argsort(counts[own], kind="stable")]
            style = {"color": colour(i), "marker": MARKERS[i % len(MARKERS)], "markersize": 5}
            dashes = "-" if i < len(COLOURS) else "--"
            self.lines_ += ax.plot(counts[own], scores[own], label=name, linestyle=dashes, linewidth=1.1, **style)
            hollow = own[spurious[own] & ~np.isnan(scores[own])]
            style |= {"linestyle": "", "markerfacecolor": "white", "zorder": 3}
            self.spurious_ += ax.plot(counts[hollow], scores[hollow], **style)
            failed = own[np.isnan(scores[own])]
            # Side by side, so that structures that fail at the same place can be told apart.
            aside = counts[failed] + 0.8 * ((i + 0.5) / len(structures) - 0.5)
            style = {"color": colour(i), "marker": "x", "markersize": 4, "linestyle": ""}
            self.failed_ += ax.plot(aside, np.full(len(failed), 0.98), transform=ax.get_xaxis_transform(), **style)
        ring = {"linestyle": "", "marker": "o", "markersize": 11, "markerfacecolor": "none", "color": "black"}
        (self.best_,) = ax.plot(
            counts[best], scores[best], label=f"best: {names[best]}, {counts[best]}", zorder=4, **ring
        )
        # Scores far from the best, of one component as a rule, would flatten all others.
        low, middle, high = np.nanquantile(scores, [0, 0.5, 1])
        top = max(scores[best], min(high, low + _FARTHEST * (middle - low)))
        margin = 0.08 * (top - low) or 1.0
        ax.set(xlabel="number of components", ylabel=f"{self.criterion.upper()} (lower is better)")
        ax.set_ylim(low - margin, top + margin)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        # From top to bottom, as the lines end.
        handles = [*sorted(self.lines_, key=_last, reverse=True), self.best_]
        if spurious[~np.isnan(scores)].any():
            handles.append(key("spurious", color=GREY, linestyle="", marker="o", markerfacecolor="white"))
        if np.isnan(scores).any():
            handles.append(key("failed", color=GREY, linestyle="", marker="x"))
        place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0, "frameon": False}
        self.legend_ = ax.legend(handles=handles, fontsize="small", **place)
        return self


def _last(line: Any) -> float:
    """Return the last height of a line that is a number."""
    heights = line.get_ydata()
    known = heights[~np.isnan(heights)]
    return float(known[-1]) if len(known) else np.inf
