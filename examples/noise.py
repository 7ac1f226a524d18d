"""Rows that belong to no cluster: Old Faithful's eruptions among points scattered at random.

A Gaussian mixture must explain every row, so rows that belong nowhere pull at means and blow up covariances. With
`noise=True` there is one more component, a uniform density over the box of the data. EM learns its weight with the
others. A row belongs to it where no Gaussian explains the row better, and `predict` then says -1.

    python noise.py

272 eruptions (length, and wait for the next; Azzalini and Bowman 1990, in R's `datasets`) form two clusters. Here 80
points are added that are uniform over a box half as wide again as theirs in each direction. The script fits two
components to the eruptions alone, then to all points without noise and with it, prints a table and draws a picture.

The table's first line is what the other two should find. `noise` is the weight of the noise, in truth 80 of 352 or
0.23, and `added, -1` how many of the added points are labelled so. Those that fell among the eruptions cannot be told
from them, and a few eruptions far from the others are taken for noise.
"""

import argparse
from pathlib import Path

import numpy as np

from sklearn_em import GaussianMixtureEM

FILE = Path(__file__).resolve().parents[1] / "tests" / "data" / "faithful.csv"
N_ADDED = 80
COLOURS = ["#0072B2", "#D55E00"]  # Okabe-Ito, colour-blind safe
PALE = ["#80B9D9", "#EAAE80"]  # the same, of the points
GREY = "#555555"


def load():
    """Return the eruptions (272, 2) and the added points (80, 2)."""
    eruptions = np.loadtxt(FILE, delimiter=",", skiprows=1)
    low, high = eruptions.min(axis=0), eruptions.max(axis=0)
    margin = (high - low) / 4
    return eruptions, np.random.default_rng(0).uniform(low - margin, high + margin, size=(N_ADDED, 2))


def fit_all(eruptions, added):
    """Return the three fits, by what they are called in the table."""
    points = np.concatenate([eruptions, added])
    return {
        "eruptions alone": GaussianMixtureEM(2, n_init=5, random_state=0).fit(eruptions),
        "all, no noise": GaussianMixtureEM(2, n_init=5, random_state=0).fit(points),
        "all, noise=True": GaussianMixtureEM(2, n_init=5, random_state=0, noise=True).fit(points),
    }


def print_table(eruptions, added, mixtures):
    """One line per fit: means and deviations of the short and of the long eruptions, and what is taken for noise."""
    columns = "{:<16}" + 2 * "{:>16}{:>14}" + "{:>7}{:>11}{:>15}"
    heads = ["short: mean", "s.d.", "long: mean", "s.d.", "noise", "added, -1", "eruptions, -1"]
    print(columns.format("fit", *heads))
    for name, mixture in mixtures.items():
        cells = []
        for k in np.argsort(mixture.means_[:, 0]):
            for pair in mixture.means_[k], np.sqrt(mixture.covariances_[k].diagonal()):
                cells.append(f"{pair[0]:.2f}, {pair[1]:.2f}")
        lost = [np.sum(mixture.predict(points) == -1) for points in (added, eruptions)]
        print(columns.format(name, *cells, f"{mixture.noise_weight_:.2f}", *lost))


def panel(axes, eruptions, added, mixture):
    """Points by their label, filled circles for eruptions and rings for added points, under two standard deviations."""
    from matplotlib.patches import Ellipse

    names = ["short", "long"]
    for k, name in zip(np.argsort(mixture.means_[:, 0]), names, strict=True):
        j = names.index(name)
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


def draw(eruptions, added, mixtures, path):
    """Save the picture: the fit without noise beside the one with it."""
    from matplotlib.figure import Figure  # without pyplot: needs no display
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(11, 5.8), dpi=100, layout="constrained")
    grid = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, name in zip(grid, list(mixtures)[1:], strict=True):
        panel(axes, eruptions, added, mixtures[name])
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
    figure.savefig(path, format="png")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, metavar="FILE.png", default=Path("noise.png"))
    options = parser.parse_args(argv)
    eruptions, added = load()
    mixtures = fit_all(eruptions, added)
    print_table(eruptions, added, mixtures)
    draw(eruptions, added, mixtures, options.output)
    print(f"picture: {options.output}")


if __name__ == "__main__":
    main()
