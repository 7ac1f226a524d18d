"""GaussianMixtureDisplay: rows, components, densities and boundaries of a fitted mixture."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, resample

from sklearn_em.display.checks import axes_of, check_matplotlib, fitted_mixture
from sklearn_em.display.layout import limits_of, panels_in
from sklearn_em.display.marginal import Marginal
from sklearn_em.display.panels import Layers, draw_pair, draw_single
from sklearn_em.display.style import GREY, INK, key

# More make panels that nobody can read.
_MAX_FEATURES = 8


class GaussianMixtureDisplay:
    """Picture of a Gaussian mixture and its rows.

    Rows have the colour of their most probable component, the fainter the less certain it is; noise is grey. One
    feature is drawn as densities, two as a plane, more as a grid of all pairs with single features on the diagonal.
    What is drawn of some of the features is the mixture's exact marginal. Colours repeat after eight components;
    markers then differ, and each component has its number, as `predict` returns it, at its mean.

    It is recommended to use `from_estimator` to create a display. All parameters are stored as attributes.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows to draw, in the features to draw; NaN where a value is missing.
    resp : ndarray of shape (n_rows, n_components) or (n_rows, n_components + 1)
        The responsibilities of the rows; the last column is the noise's where there is one.
    weights : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, n_features)
    covariances : ndarray of shape (n_components, n_features, n_features)
    noise_weight : float, default=0.0
    noise_log_sides : ndarray of shape (n_features,), optional
        The logs of the extents of the noise's box, in units of the data.
    feature_names : sequence of str, optional
        By default "x0", "x1", ...
    is_marginal : bool, default=False
        Whether the mixture has other features that are not drawn. Then it has no boundaries here.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes; with more than two features those around the grid.
    axes_ : ndarray of Axes
        The panels, of shape (1, 1), or (n_features, n_features) with None above the diagonal.
    figure_ : matplotlib Figure
    rows_, ellipses_, density_, boundaries_ : list
        What was drawn, panel after panel. Rows are PathCollections, one for each component; the others are Ellipses and
        QuadContourSets, in panels of one feature Line2Ds.

    See Also
    --------
    GaussianMixtureDisplay.from_estimator : Make a picture of a fitted mixture.
    sklearn.inspection.DecisionBoundaryDisplay : Boundaries of classifiers.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_em import GaussianMixtureDisplay, GaussianMixtureEM
    >>> X = load_iris(as_frame=True).data
    >>> mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    >>> display = GaussianMixtureDisplay.from_estimator(mixture, X, features=["petal length (cm)", "sepal width (cm)"])
    >>> display.ax_.get_xlabel()
    'petal length (cm)'
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        X: np.ndarray,
        resp: np.ndarray,
        weights: np.ndarray,
        means: np.ndarray,
        covariances: np.ndarray,
        noise_weight: float = 0.0,
        noise_log_sides: np.ndarray | None = None,
        feature_names: Sequence[str] | None = None,
        is_marginal: bool = False,
    ):
        self.X = X
        self.resp = resp
        self.weights = weights
        self.means = means
        self.covariances = covariances
        self.noise_weight = noise_weight
        self.noise_log_sides = noise_log_sides
        self.feature_names = feature_names
        self.is_marginal = is_marginal

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        features: Sequence[int | str] | int | str | None = None,
        subsample: int | None = 10_000,
        ax: Any = None,
        levels: Sequence[float] | float = (0.5, 0.95),
        rows: bool = True,
        ellipses: bool = True,
        density: bool = False,
        boundaries: bool = False,
    ) -> Self:
        """Draw a fitted mixture.

        Parameters
        ----------
        estimator : GaussianMixtureEM
            Fitted, or a fitted search whose `best_estimator_` it is.
        X : array-like of shape (n_samples, n_features)
            The rows, with all features of the mixture. A row that lacks some is drawn in the panels it has.
        features : int, str, or sequence of these, optional
            The features to draw, at most 8, by index or name; None draws all.
        subsample : int or None, default=10_000
            The largest number of rows to draw, at random where there are more; None draws all.
        ax : matplotlib Axes, optional
            As in `plot`, which has the other parameters too.
        levels, rows, ellipses, density, boundaries : optional
            As in `plot`.

        Returns
        -------
        display : GaussianMixtureDisplay

        Raises
        ------
        TypeError
            If the estimator is not a GaussianMixtureEM.
        ValueError
            If a feature is unknown, there are too many to draw, or `plot` refuses.

        Notes
        -----
        Colours are by `predict_proba` with all features, whichever are drawn.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        mixture = fitted_mixture(estimator, cls.__name__)
        p = mixture.n_features_in_
        names = [str(name) for name in getattr(mixture, "feature_names_in_", [f"x{j}" for j in range(p)])]
        chosen = _chosen(features, names)
        values = check_array(X, dtype=float, ensure_all_finite="allow-nan", input_name="X")
        if subsample is not None and subsample < len(values):
            X, values = resample(X, values, replace=False, n_samples=subsample, random_state=0)
        resp = mixture.predict_proba(X)
        noise = mixture._noise
        display = cls(
            X=values[:, chosen],
            resp=resp,
            weights=mixture.weights_.astype(float),
            means=mixture.means_[:, chosen].astype(float),
            covariances=mixture.covariance_matrices()[:, chosen][:, :, chosen].astype(float),
            noise_weight=mixture.noise_weight_,
            noise_log_sides=None if noise is None else noise.log_sides[chosen],
            feature_names=[names[j] for j in chosen],
            is_marginal=len(chosen) < p,
        )
        return display.plot(ax, levels=levels, rows=rows, ellipses=ellipses, density=density, boundaries=boundaries)

    def plot(
        self,
        ax: Any = None,
        *,
        levels: Sequence[float] | float = (0.5, 0.95),
        rows: bool = True,
        ellipses: bool = True,
        density: bool = False,
        boundaries: bool = False,
    ) -> Self:
        """Draw the mixture.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure is made if None. With more than two features a grid takes the place of the
            axes, which must belong to a grid of subplots.
        levels : float or sequence of float, default=(0.5, 0.95)
            For each of these shares an ellipse in which that share of a component lies.
        rows : bool, default=True
            Whether rows are drawn: as points; in a single feature as a histogram and as strokes along the axis.
        ellipses : bool, default=True
            Whether components are drawn: as ellipses; in a single feature as their weighted densities, shaded
            between the ends of the central intervals that hold the shares `levels`.
        density : bool, default=False
            Whether contours of the density are drawn, in regions of highest density that hold 10, 30, 50, 70, 90 and
            99 % of the components' mass. In a single feature the density is drawn always.
        boundaries : bool, default=False
            Whether lines are drawn where another component, or the noise, becomes the most probable. Only for a
            mixture of one or two features: with more, the boundaries are surfaces that no pair of features shows.

        Returns
        -------
        self : GaussianMixtureDisplay

        Raises
        ------
        ValueError
            If a level is not between 0 and 1, boundaries are asked for with more than two features, or a grid is to
            take the place of axes that belong to no grid of subplots.
        """
        q = self.means.shape[1]
        shares = tuple(np.atleast_1d(levels).tolist())
        if not all(0 < level < 1 for level in shares):
            raise ValueError(f"levels={levels!r}; each must be a share of a component between 0 and 1, such as 0.95.")
        if boundaries and (self.is_marginal or q > 2):
            raise ValueError(
                "boundaries=True, but the mixture has features that are not drawn, or more than two: its boundaries "
                "can be drawn only if it has one or two features; leave boundaries=False."
            )
        side = 1.0 + 1.7 * q
        ax = axes_of(ax, f"{type(self).__name__}.plot", (6.0, 4.0) if q < 3 else (side, side))
        self.ax_, self.figure_ = ax, ax.figure
        names = [f"x{j}" for j in range(q)] if self.feature_names is None else self.feature_names
        sides = np.zeros(q) if self.noise_log_sides is None else self.noise_log_sides
        mixture = Marginal(self.weights, self.means, self.covariances, self.noise_weight, sides)
        layers = Layers(self.resp, shares, rows, ellipses, density, boundaries)
        limits = limits_of(mixture, self.X if rows else self.means, max((0.5, *shares)))
        self.axes_, panels = panels_in(ax, q)
        self.rows_, self.ellipses_, self.density_, self.boundaries_ = [], [], [], []
        for panel, shown in panels:
            draw = draw_single if len(shown) == 1 else draw_pair
            artists = draw(panel, mixture.of(shown), self.X[:, shown], limits[shown], 200 if q < 3 else 100, layers)
            self.rows_ += artists["rows"]
            self.ellipses_ += artists["ellipses"]
            self.density_ += artists["density"]
            self.boundaries_ += artists["boundaries"]
            panel.set(xlabel=names[shown[0]], ylabel=names[shown[1]] if len(shown) == 2 else "density")
            if q > 2:
                panel.label_outer()
        self._explain(ax, layers)
        return self

    def _explain(self, ax: Any, layers: Layers) -> None:
        """Add a legend of what has no number of its own."""
        in_plane = self.means.shape[1] > 1
        shares = ", ".join(f"{100 * level:g} %" for level in layers.levels)
        handles = []
        if in_plane and layers.ellipses and shares:
            handles.append(key(f"{shares} of a component", color=GREY))
        if layers.density or not in_plane:
            handles.append(key("density", color="0.6" if in_plane else INK, linewidth=0.8))
        if layers.boundaries:
            handles.append(key("boundary", color="black", linestyle="-" if in_plane else "--"))
        if layers.rows and self.resp.shape[1] > len(self.weights):
            handles.append(key("noise", color=GREY, linestyle="", marker="x" if in_plane else "|"))
        if handles:
            ax.legend(handles=handles, loc="best" if self.means.shape[1] < 3 else "upper right", fontsize="small")


def _chosen(features: Any, names: list[str]) -> list[int]:
    """Return the indices of the features to draw."""
    asked = list(range(len(names)) if features is None else [features] if np.ndim(features) == 0 else features)
    known = [*names, *range(len(names))]
    unknown = [feature for feature in asked if feature not in known]
    if unknown:
        raise ValueError(
            f"features={features!r}, but there is no {unknown[0]!r}; give indices below {len(names)}, or names from "
            f"{names}."
        )
    chosen = [known.index(feature) % len(names) for feature in asked]
    if not 0 < len(set(chosen)) == len(chosen) <= _MAX_FEATURES:
        raise ValueError(
            f"{len(chosen)} features are to be drawn; choose 1 to {_MAX_FEATURES} different ones by features=[...]."
        )
    return chosen
