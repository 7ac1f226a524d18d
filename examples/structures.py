"""The fourteen covariance structures, fitted to the same points and drawn side by side.

A covariance is volume, shape and orientation: Sigma_k = lambda_k D_k A_k D_k^T, where lambda_k is the volume, the
diagonal matrix A_k (determinant 1) the shape, and the columns of D_k are the axes. A structure says which of the three
are the same for all components. The script fits them all from the same means, prints a table and draws a picture:

    python structures.py

From left to right volumes and shapes are set free, from top to bottom orientations: what each panel adds to the ones on
its left and above it is what its parameters are for.
"""

import argparse
from pathlib import Path

import numpy as np

from sklearn_em import GaussianMixtureEM
from sklearn_em.gaussian.covariance import STRUCTURES

COLOURS = ["#0072B2", "#D55E00", "#009E73"]  # Okabe-Ito, colour-blind safe
PALE = ["#99C7E0", "#EEBF99", "#99D8C7"]  # the same, of the points
MARKERS = ["o", "^", "s"]

# Volume and shape by column, orientation by row. Spheres have no shape that could vary.
COLUMNS = {
    "EE": "one volume, one shape",
    "VE": "own volumes, one shape",
    "EV": "one volume, own shapes",
    "VV": "own volumes, own shapes",
}
ROWS = {
    "spheres": ["EII", "VII", None, None],
    "along the features": ["EEI", "VEI", "EVI", "VVI"],
    "one orientation": ["EEE", "VEE", "EVE", "VVE"],
    "own orientations": ["EEV", "VEV", "EVV", "VVV"],
}


def load():
    """Return points of three clusters that differ in volume, shape and orientation, and their clusters."""
    rng = np.random.default_rng(4)
    centres = np.array([[0.0, 0.0], [6.0, 2.5], [0.5, 5.5]])
    variances = np.array([[3.0, 0.3], [1.0, 0.05], [0.5, 0.2]])  # along the axes of each
    clusters = np.repeat([0, 1, 2], [130, 100, 90])
    angles = np.radians([30.0, 110.0, -15.0])
    long_axis = np.column_stack([np.cos(angles), np.sin(angles)])
    short_axis = np.column_stack([-np.sin(angles), np.cos(angles)])
    steps = rng.normal(size=(len(clusters), 2)) * np.sqrt(variances[clusters])
    points = centres[clusters] + steps[:, :1] * long_axis[clusters] + steps[:, 1:] * short_axis[clusters]
    return points, clusters


def fit_all(points, clusters):
    """Return one fitted mixture per code; all start from the clusters' means."""
    means = np.array([points[clusters == k].mean(axis=0) for k in range(3)])
    codes = [structure.code for structure in STRUCTURES.values()]
    return {code: GaussianMixtureEM(3, covariance_type=code, means_init=means).fit(points) for code in codes}


def print_table(points, mixtures):
    """One line per structure; the parameters are those of the covariances, and the lowest BIC is the best."""
    columns = "{:<6}{:<16}{:>12}{:>16}{:>12}"
    print(columns.format("code", "name", "parameters", "log-likelihood", "BIC"))
    for structure in STRUCTURES.values():
        mixture = mixtures[structure.code]
        total = mixture.score(points) * len(points)  # score is the mean
        scores = f"{total:.2f}", f"{mixture.bic(points):.2f}"
        print(columns.format(structure.code, structure.name, structure.n_parameters(3, 2), *scores))
    print(f"lowest BIC: {min(mixtures, key=lambda code: mixtures[code].bic(points))}")


def panel(axes, points, mixture):
    """Points by their most probable component, under its ellipse of two standard deviations and its axes."""
    from matplotlib.patches import Ellipse

    labels = mixture.predict(points)
    for k, parts in enumerate(zip(*mixture.covariance_decomposition(), strict=True)):
        volume, shape, orientation = parts
        axes.scatter(*points[labels == k].T, s=9, c=PALE[k], marker=MARKERS[k], linewidths=0)
        radii = 2 * np.sqrt(volume * shape)
        angle = np.degrees(np.arctan2(orientation[1, 0], orientation[0, 0]))
        style = {"angle": angle, "edgecolor": COLOURS[k], "facecolor": "none", "linewidth": 2.2}
        axes.add_patch(Ellipse(mixture.means_[k], *(2 * radii), zorder=3, **style))
        if mixture.covariance_type[1:] != "II":  # a sphere has no axes
            for radius, axis in zip(radii, orientation.T, strict=True):
                ends = mixture.means_[k] + radius * np.outer([-1, 1], axis)
                axes.plot(*ends.T, color=COLOURS[k], linewidth=1.2, zorder=3)


def draw(points, mixtures, path):
    """Save the picture: rows by orientation, columns by volume and shape."""
    from matplotlib.figure import Figure  # without pyplot: needs no display

    by_code = {structure.code: structure for structure in STRUCTURES.values()}
    figure = Figure(figsize=(11, 10.6), dpi=100, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.05, h_pad=0.06)
    grid = figure.subplots(4, 4, sharex=True, sharey=True)
    for row, (orientation, codes) in enumerate(ROWS.items()):
        grid[row, 0].set_ylabel(orientation, fontsize=12, fontweight="bold")
        for axes, code in zip(grid[row], codes, strict=True):
            axes.set(aspect="equal", xticks=[], yticks=[])
            if code is None:
                axes.axis("off")
                continue
            structure = by_code[code]
            number = structure.n_parameters(3, 2)
            alias = "" if structure.name == code else f" ({structure.name})"
            axes.set_title(f"{code}{alias}: {number} parameter{'s' * (number > 1)}", fontsize=11)
            panel(axes, points, mixtures[code])
    for axes, meaning in zip(grid[-1], COLUMNS.values(), strict=True):
        axes.set_xlabel(meaning, fontsize=11, fontweight="bold")
    note = (
        "The same points in every panel.\n\n"
        "Ellipses: two standard deviations;\n"
        "lines: their axes.\n\n"
        "Parameters: those of the covariances,\nhere of 3 components in 2 dimensions.\n\n"
        "Rows: orientation. Columns: volume\nand shape; spheres have one shape."
    )
    text = grid[0, 2].text(0.05, 1.0, note, transform=grid[0, 2].transAxes, va="top", fontsize=12)
    text.set_in_layout(False)  # it is wider than its column
    figure.savefig(path, format="png")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, metavar="FILE.png", default=Path("structures.png"))
    options = parser.parse_args(argv)
    points, clusters = load()
    mixtures = fit_all(points, clusters)
    print_table(points, mixtures)
    draw(points, mixtures, options.output)
    print(f"picture: {options.output}")


if __name__ == "__main__":
    main()
