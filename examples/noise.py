"""Rows that belong to no cluster
==============================

A Gaussian mixture must explain every row, so rows that belong nowhere pull at means and blow up covariances. With
`noise=True` there is one more component, a uniform density over the box of the data. EM learns its weight with the
others. A row belongs to it where no Gaussian explains the row better, and `predict` then says -1.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse

from sklearn_em import GaussianMixtureEM

# %%
# Old Faithful's 272 eruptions (length, and wait for the next; Azzalini and Bowman 1990, in R's `datasets`) form two
# clusters. Add 80 points that are uniform over a box half as wide again as theirs in each direction.

file = Path(sys.argv[0]).resolve().parents[1] / "tests" / "data" / "faithful.csv"
eruptions = np.loadtxt(file, delimiter=",", skiprows=1)
low, high = eruptions.min(axis=0), eruptions.max(axis=0)
margin = (high - low) / 4
added = np.random.default_rng(0).uniform(low - margin, high + margin, size=(80, 2))
points = np.concatenate([eruptions, added])

# %%
# Fit two components to the eruptions alone, then to all points without noise and with it. The table's first line is
# what the other two should find. "noise" is the weight of the noise, in truth 80 of 352 or 0.23, and "added, -1" how
# many of the added points are labelled so. Those that fell among the eruptions cannot be told from them, and a few
# eruptions far from the others are taken for noise.

mixtures = {
    "eruptions alone": GaussianMixtureEM(2, n_init=5, random_state=0).fit(eruptions),
    "all, no noise": GaussianMixtureEM(2, n_init=5, random_state=0).fit(points),
    "all, noise=True": GaussianMixtureEM(2, n_init=5, random_state=0, noise=True).fit(points),
}
columns = "{:<16}" + 2 * "{:>16}{:>14}" + "{:>7}{:>11}{:>15}"
heads = ["short: mean", "s.d.", "long: mean", "s.d.", "noise", "added, -1", "eruptions, -1"]
print(columns.format("fit", *heads))
for name, mixture in mixtures.items():
    cells = []
    for k in np.argsort(mixture.means_[:, 0]):
        for pair in mixture.means_[k], np.sqrt(mixture.covariances_[k].diagonal()):
            cells.append(f"{pair[0]:.2f}, {pair[1]:.2f}")
    lost = [np.sum(mixture.predict(rows) == -1) for rows in (added, eruptions)]
    print(columns.format(name, *cells, f"{mixture.noise_weight_:.2f}", *lost))

# %%
# Without noise the two components widen until they cover everything. With it they lie where the eruptions are.

COLOURS = ["#0072B2", "#D55E00"]  # Okabe-Ito, colour-blind safe
PALE = ["#80B9D9", "#EAAE80"]  # the same, of the points
GREY = "#555555"


def panel(axes, mixture):
    """Points by their label, filled circles for eruptions and rings for added points, under two standard deviations."""
    for j, k in enumerate(np.argsort(mixture.means_[:, 0])):
        own = eruptions[mixture.predict(eruptions) == k], added[mixture.predict(added) == k]
        axes.scatter(*own[0].T, s=16, c=PALE[j], linewidths=0)
        axes.scatter(*own[1].T, s=22, facecolors="none", edgecolors=COLOURS[j], linewidths=1.2)
        variances, directions = np.linalg.eigh(mixture.covariances_[k])
        angle = np.degrees(np.arctan2(directions[1, 1], directions[0, 1]))
        height, width = 4 * np.sqrt(variances)
        style = {"angle": angle, "edgecolor": COLOURS[j], "facecolor": "none", "linewidth": 2.2}
        axes.add_patch(Ellipse(mixture.means_[k], width, height, zorder=3, **style))
    lost = eruptions[mixture.predict(eruptions) == -1], added[mixture.predict(added) == -1]
    axes.scatter(*lost[0].T, s=24, c="black", marker="x", linewidths=1.2)
    axes.scatter(*lost[1].T, s=24, c=GREY, marker="+", linewidths=1.2)


figure = plt.figure(figsize=(11, 5.8), dpi=100, layout="constrained")
grid = figure.subplots(1, 2, sharex=True, sharey=True)
for axes, name in zip(grid, list(mixtures)[1:], strict=True):
    panel(axes, mixtures[name])
    axes.set(title=name, xlabel="length of the eruption (minutes)")
grid[0].set_ylabel("wait for the next (minutes)")
styles = {
    "eruption in a component": {"marker": "o", "color": PALE[0]},
    "added point in a component": {"marker": "o", "markerfacecolor": "none", "color": COLOURS[0]},
    "eruption labelled -1": {"marker": "x", "color": "black"},
    "added point labelled -1": {"marker": "+", "color": GREY},
    "two standard deviations": {"ls": "-", "lw": 2.2, "color": COLOURS[0]},
}
handles = [Line2D([], [], label=name, **{"ls": "", **style}) for name, style in styles.items()]
figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
plt.show()
