"""ConvergenceDisplay: how a fit climbed."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_em.display.checks import axes_of, check_matplotlib, fitted_mixture
from sklearn_em.display.style import GREY, INK, colour
from sklearn_em.em.stopping import remaining_gain

# A longer trace is a line without dots.
_MOST_DOTS = 150
_ROUNDING = 8 * np.finfo(float).eps


class ConvergenceDisplay:
    """Picture of the objective after each iteration of EM.

    Steps of EM are dots, accepted jumps of the acceleration diamonds; where a jump was undone, the line is flat. The
    limit is the one by which the fit is stopped: what is left to gain if the last gains go on to shrink by their ratio,
    cautiously, so that the last distances to it may look larger than they are.

    It is recommended to use `from_estimator` to create a display. All parameters are stored as attributes.

    Parameters
    ----------
    lower_bounds : array-like of shape (n_iter + 1,)
        The objective, beginning with the start.
    accelerated_steps : sequence of int, default=()
        The indices of `lower_bounds` that were reached by a jump.
    limit : float, optional
        The estimated limit of the objective.
    ends : array-like of shape (n_starts, 2), optional
        Where the other starts ended: after how many iterations, and at what objective.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
        The trace.
    jumps_ : matplotlib Line2D
        The jumps.
    limit_ : matplotlib Line2D or None
        The limit, where it is known and drawn.
    ends_ : matplotlib Line2D or None
        The other starts' ends, where there are any.

    See Also
    --------
    ConvergenceDisplay.from_estimator : Make a picture of a fit.

    References
    ----------
    Boehning et al. (1994), "The distribution of the likelihood ratio for mixtures of densities from the one-parameter
    exponential family", section 4, for the limit, which is Aitken's.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_em import ConvergenceDisplay, GaussianMixtureEM
    >>> mixture = GaussianMixtureEM(3, random_state=0).fit(load_iris().data)
    >>> display = ConvergenceDisplay.from_estimator(mixture, distance=True)
    >>> display.ax_.get_yscale()
    'log'
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        lower_bounds: Sequence[float] | np.ndarray,
        accelerated_steps: Sequence[int] = (),
        limit: float | None = None,
        ends: Sequence[tuple[int, float]] | np.ndarray = (),
    ):
        self.lower_bounds = lower_bounds
        self.accelerated_steps = accelerated_steps
        self.limit = limit
        self.ends = ends

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, distance: bool = False) -> Self:
        """Draw the best start of a fit, and where the others ended.

        Parameters
        ----------
        estimator : GaussianMixtureEM
            Fitted, or a fitted search whose `best_estimator_` it is.
        ax : matplotlib Axes, optional
        distance : bool, default=False
            As in `plot`.

        Returns
        -------
        display : ConvergenceDisplay

        Raises
        ------
        NotFittedError
            If the mixture was not fitted here, but made of parameters.
        ValueError
            If `plot` refuses.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        mixture = fitted_mixture(estimator, cls.__name__)
        without = (
            f"{cls.__name__} draws the trace of a fit, which this %(name)s was not made by; fit it, or draw a trace of "
            f"your own by {cls.__name__}(lower_bounds=...).plot()."
        )
        check_is_fitted(mixture, ["lower_bounds_", "accelerated_steps_", "starts_"], msg=without)
        trace, jumps = mixture.lower_bounds_, mixture.accelerated_steps_
        ends = [(start.n_iter, start.objective) for start in mixture.starts_ if start.objective != trace[-1]]
        display = cls(
            lower_bounds=trace,
            accelerated_steps=jumps,
            limit=estimated_limit(trace, jumps),
            ends=[end for end in ends if np.isfinite(end[1])],
        )
        return display.plot(ax, distance=distance)

    def plot(self, ax: Any = None, *, distance: bool = False) -> Self:
        """Draw the trace.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure is made if None.
        distance : bool, default=False
            Whether the distance to the limit is drawn, on a log axis, instead of the objective: EM is a straight line
            there, the flatter the slower.

        Returns
        -------
        self : ConvergenceDisplay

        Raises
        ------
        ValueError
            If the distance is asked for and there is no limit.
        """
        if distance and self.limit is None:
            raise ValueError(
                "distance=True, but no limit is known: that takes a trace with two steps of EM in a row whose gains "
                "shrink; fit with a larger max_iter, or leave distance=False."
            )
        self.ax_ = ax = axes_of(ax, f"{type(self).__name__}.plot")
        self.figure_ = ax.figure
        from matplotlib.ticker import MaxNLocator

        trace, jumps = self._heights(self.lower_bounds, distance), list(self.accelerated_steps)
        ends = np.reshape(np.asarray(self.ends, dtype=float), (-1, 2))
        dots = "." if len(trace) <= _MOST_DOTS else ""
        (self.line_,) = ax.plot(trace, color=colour(0), marker=dots, linewidth=1.2, label="step of EM")
        style = {"linestyle": "", "color": colour(3), "markersize": 5}
        (self.jumps_,) = ax.plot(jumps, trace[jumps], marker="D", label="accepted jump", **style)
        style |= {"color": GREY, "markerfacecolor": "none"}
        heights = self._heights(ends[:, 1], distance)
        (self.ends_,) = ax.plot(ends[:, 0], heights, marker="s", label="end of another start", **style)
        drawn = [self.line_, self.jumps_, self.ends_]
        self.limit_ = None
        if self.limit is not None and not distance:
            self.limit_ = ax.axhline(self.limit, color=INK, linestyle="--", linewidth=1.0, label="estimated limit")
            drawn.append(self.limit_)
        what = "distance to the estimated limit" if distance else "objective"
        ax.set(xlabel="iteration", ylabel=f"{what} (nats per row)", yscale="log" if distance else "linear")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.legend(handles=[line for line in drawn if len(line.get_xdata())])
        return self

    def _heights(self, objectives: Any, distance: bool) -> np.ndarray:
        """Return what is drawn of objectives; NaN for what rounding makes of a distance."""
        objectives = np.asarray(objectives, dtype=float)
        if self.limit is None or not distance:
            return objectives
        left = self.limit - objectives
        return np.where(left > _ROUNDING * (1 + abs(self.limit)), left, np.nan)


def estimated_limit(trace: Sequence[float], jumps: Sequence[int]) -> float | None:
    """Return the limit by the last two steps of EM in a row; None where there are none, or gains do not shrink.

    A jump that was undone repeats an entry; three steps without a gain are the end.
    """
    gains = np.diff(trace)
    if len(gains) > 2 and gains[-3:].max() <= _ROUNDING * (1 + abs(trace[-1])):
        return max(trace)
    is_plain = (gains != 0) & ~np.isin(np.arange(1, len(trace)), jumps)
    ends = np.flatnonzero(is_plain[1:] & is_plain[:-1]) + 2
    if not len(ends):
        return None
    seen = tuple(trace[: ends[-1] + 1])
    n_plain = int(np.cumprod(is_plain[: ends[-1]][::-1]).sum())
    limit = max(seen[-1] + remaining_gain(seen, n_plain), trace[-1])
    return limit if np.isfinite(limit) else None
