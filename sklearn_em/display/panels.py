"""One panel of a mixture: a pair of features, or a single one."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_em.display.marginal import Marginal
from sklearn_em.display.style import GREY, INK, colour, marker

# The shares of the components' mass that density contours enclose.
DENSITY_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9, 0.99)

Artists = dict[str, list[Any]]


@dataclass(frozen=True, eq=False)
class Layers:
    """What is drawn, and with which responsibilities (n, C) of the rows; a last column may be the noise's."""

    resp: np.ndarray
    levels: tuple[float, ...]
    rows: bool
    ellipses: bool
    density: bool
    boundaries: bool


def opacity(resp: np.ndarray) -> np.ndarray:
    """Return the opacity of each row: from faint where all components are as likely, to strong where one is certain."""
    n_classes = resp.shape[1]
    share = (resp.max(axis=1) - 1 / n_classes) / (1 - 1 / n_classes) if n_classes > 1 else np.ones(len(resp))
    return np.asarray(0.2 + 0.7 * np.clip(share, 0.0, 1.0))


def draw_pair(
    ax: Any, mixture: Marginal, rows: np.ndarray, limits: np.ndarray, n_cells: int, layers: Layers
) -> Artists:
    """Draw two features, rows (n, 2), within limits (2, 2) on a grid of `n_cells` each way; return the artists."""
    artists: Artists = {"rows": [], "ellipses": [], "density": [], "boundaries": []}
    if layers.rows:
        size = float(np.clip(6000 / max(len(rows), 1), 5, 20))
        artists["rows"] = _draw_rows(ax, rows[:, 0], rows[:, 1], layers.resp, len(mixture.weights), s=size)
    if layers.ellipses:
        artists["ellipses"] = _draw_ellipses(ax, mixture, layers.levels)
    x, y = (np.linspace(low, high, n_cells) for low, high in limits)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    if layers.density:
        levels = np.sort(mixture.density_levels(np.array(DENSITY_SHARES)))
        density = np.exp(mixture.log_density(points)).reshape(n_cells, n_cells)
        artists["density"] = [ax.contour(x, y, density, levels=levels, colors="0.6", linewidths=0.8, zorder=2)]
    if layers.boundaries:
        joint = mixture.log_joint(points)
        for k in np.flatnonzero(joint[:, 0] > -np.inf):
            lead = (joint[k] - np.delete(joint, k, axis=0).max(axis=0)).reshape(n_cells, n_cells)
            if lead.min() < 0 < lead.max():
                artists["boundaries"] += [ax.contour(x, y, lead, levels=[0.0], colors="black", linewidths=1.4)]
    if layers.ellipses:
        _label_components(ax, mixture, mixture.means)
    ax.set(xlim=limits[0], ylim=limits[1])
    return artists


def draw_single(
    ax: Any, mixture: Marginal, values: np.ndarray, limits: np.ndarray, n_cells: int, layers: Layers
) -> Artists:
    """Draw one feature, values (n, 1), within limits (1, 2): densities over a histogram; return the artists."""
    artists: Artists = {"rows": [], "ellipses": [], "density": [], "boundaries": []}
    observed = values[~np.isnan(values)]
    if layers.rows and observed.size:
        # Square roots, as automatic rules ask for billions of bins where one row lies far out.
        n_bins = int(np.clip(np.sqrt(observed.size), 5, 40))
        style = {"histtype": "stepfilled", "facecolor": "0.93", "edgecolor": "0.65", "linewidth": 0.8}
        ax.hist(observed, bins=n_bins, density=True, zorder=0, **style)
    middles, spreads = mixture.means[mixture.present, 0], mixture.deviations[mixture.present, 0]
    # Fine where a component is thin.
    near = middles[:, None] + spreads[:, None] * np.linspace(-5, 5, 101)
    low, high = limits[0]
    x = np.union1d(np.linspace(low, high, 3 * n_cells), np.clip(near, low, high))
    joint = mixture.log_joint(x[:, None])
    artists["density"] = ax.plot(x, np.exp(mixture.log_density(x[:, None])), color=INK, linewidth=1.0, zorder=4)
    if layers.ellipses:
        for k in mixture.present:
            artists["ellipses"] += ax.plot(x, np.exp(joint[k]), color=colour(k), linewidth=2.2, zorder=3)
            for level in layers.levels:
                within = np.abs(x - mixture.means[k, 0]) <= mixture.radius(level) * mixture.deviations[k, 0]
                ax.fill_between(x, np.exp(joint[k]), where=within, color=colour(k), alpha=0.15, linewidth=0)
        peaks = np.exp(mixture.log_joint(mixture.means).diagonal())
        _label_components(ax, mixture, np.stack([mixture.means[:, 0], peaks], axis=1))
    if layers.boundaries:
        winner = joint.argmax(axis=0)
        changes = np.flatnonzero(np.diff(winner))
        artists["boundaries"] = [
            ax.axvline((x[i] + x[i + 1]) / 2, color="black", linestyle="--", linewidth=1.1, zorder=1) for i in changes
        ]
    ax.set(xlim=(low, high), ylim=(0, 1.08 * max(ax.dataLim.y1, artists["density"][0].get_ydata().max())))
    if layers.rows:
        # A rug: across features, a share of the axes' height.
        heights = np.full(len(values), 0.025)
        style = {"marker": "|", "linewidths": 1.0, "s": 40, "transform": ax.get_xaxis_transform()}
        artists["rows"] = _draw_rows(ax, values[:, 0], heights, layers.resp, len(mixture.weights), **style)
    return artists


def _draw_rows(ax: Any, x: np.ndarray, y: np.ndarray, resp: np.ndarray, n_components: int, **style: Any) -> list[Any]:
    """Draw the rows that have both values, a collection for each component, and for the noise."""
    from matplotlib.colors import to_rgba

    labels, strength, complete = resp.argmax(axis=1), opacity(resp), ~np.isnan(x + y)
    artists = []
    for k in np.unique(labels[complete]):
        own = complete & (labels == k)
        is_noise = k == n_components
        colours = np.tile(to_rgba(GREY if is_noise else colour(k)), (own.sum(), 1))
        colours[:, 3] = strength[own]
        shape = {"marker": "x", "linewidths": 0.8} if is_noise else {"marker": marker(k), "linewidths": 0}
        artists.append(ax.scatter(x[own], y[own], c=colours, label="noise" if is_noise else str(k), **shape | style))
    return artists


def _draw_ellipses(ax: Any, mixture: Marginal, levels: tuple[float, ...]) -> list[Any]:
    """Draw an ellipse for each component that has weight, and each level."""
    from matplotlib.patches import Ellipse

    lengths, directions = mixture.axes
    artists = []
    for k in mixture.present:
        angle = np.degrees(np.arctan2(directions[k, 1, 1], directions[k, 0, 1]))
        for level in levels:
            height, width = 2 * mixture.radius(level) * lengths[k]
            style = {"angle": angle, "fill": False, "edgecolor": colour(k), "linewidth": 1.5, "zorder": 3}
            artists.append(ax.add_patch(Ellipse(mixture.means[k], width, height, **style)))
    return artists


def _label_components(ax: Any, mixture: Marginal, places: np.ndarray) -> None:
    """Write the number of each component that has weight at its place (K, 2); one alone needs none."""
    if len(mixture.weights) == 1:
        return
    for k in mixture.present:
        box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": colour(k), "linewidth": 1.2}
        style = {"fontsize": 7, "ha": "center", "va": "center", "clip_on": True, "zorder": 5, "bbox": box}
        ax.text(*places[k], str(k), **style)
