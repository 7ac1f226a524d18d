"""Where a mixture is drawn: the panels, and the ends of their axes."""

from typing import Any

import numpy as np

from sklearn_em.display.marginal import Marginal

# The axes hold this many standard deviations of each component.
_REACH = 3.0


def limits_of(mixture: Marginal, rows: np.ndarray, level: float) -> np.ndarray:
    """Return the ends (q, 2) of the axes, which hold the rows and the ellipses."""
    reach = max(_REACH, mixture.radius(level)) * mixture.deviations[mixture.present]
    means = mixture.means[mixture.present]
    every = np.concatenate([rows, means - reach, means + reach])
    low, high = np.nanmin(every, axis=0), np.nanmax(every, axis=0)
    margin = 0.03 * (high - low)
    return np.stack([low - margin, high + margin], axis=1)


def panels_in(ax: Any, n_features: int) -> tuple[np.ndarray, list[tuple[Any, list[int]]]]:
    """Return the axes by row and column, and as a list with the features of each."""
    if n_features < 3:
        return np.array([[ax]]), [(ax, list(range(n_features)))]
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "ax belongs to no grid of subplots, which a picture of more than two features takes; "
            "make it with plt.subplots(), or leave ax=None."
        )
    ax.set_axis_off()
    grid = GridSpecFromSubplotSpec(n_features, n_features, place, wspace=0.06, hspace=0.06)
    axes = np.full((n_features, n_features), None, dtype=object)
    panels = []
    for i in range(n_features):
        for j in range(i + 1):
            panel = axes[i, j] = ax.figure.add_subplot(grid[i, j])
            panel.tick_params(labelsize="small")
            if i == j:
                panel.set_yticks([])
            panels.append((panel, [j] if i == j else [j, i]))
    return axes, panels
