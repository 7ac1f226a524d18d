"""The fourteen covariance structures, side by side
================================================

A covariance is volume, shape and orientation: `Sigma_k = lambda_k D_k A_k D_k^T`, where `lambda_k` is the volume, the
diagonal matrix `A_k` (determinant 1) the shape, and the columns of `D_k` are the axes. A structure says which of the
three are the same for all components. Here all of them are fitted to the same points, from the same means.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse

from sklearn_em import GaussianMixtureEM
from sklearn_em.gaussian.covariance import STRUCTURES

# %%
# Three clusters that differ in volume, shape and orientation, so that whatever a structure shares costs something.

rng = np.random.default_rng(4)
centres = np.array([[0.0, 0.0], [6.0, 2.5], [0.5, 5.5]])
variances = np.array([[3.0, 0.3], [1.0, 0.05], [0.5, 0.2]])  # along the axes of each
clusters = np.repeat([0, 1, 2], [130, 100, 90])
angles = np.radians([30.0, 110.0, -15.0])
long_axis = np.column_stack([np.cos(angles), np.sin(angles)])
short_axis = np.column_stack([-np.sin(angles), np.cos(angles)])
steps = rng.normal(size=(len(clusters), 2)) * np.sqrt(variances[clusters])
points = centres[clusters] + steps[:, :1] * long_axis[clusters] + steps[:, 1:] * short_axis[clusters]
means = np.array([points[clusters == k].mean(axis=0) for k in range(3)])

# %%
# One fit per structure. The parameters are those of the covariances, and the lowest BIC is the best. A structure that
# contains another, as VVV contains all, never ends with a lower likelihood; whether what it adds is worth its
# parameters is what BIC says.

mixtures = {}
columns = "{:<6}{:<16}{:>12}{:>16}{:>12}"
print(columns.format("code", "name", "parameters", "log-likelihood", "BIC"))
for structure in STRUCTURES.values():
    mixture = GaussianMixtureEM(3, covariance_type=structure.code, means_init=means).fit(points)
    total = mixture.score(points) * len(points)  # score is the mean
    scores = f"{total:.2f}", f"{mixture.bic(points):.2f}"
    print(columns.format(structure.code, structure.name, structure.n_parameters(3, 2), *scores))
    mixtures[structure.code] = mixture
print(f"lowest BIC: {min(mixtures, key=lambda code: mixtures[code].bic(points))}")

# %%
# From left to right volumes and shapes are set free, from top to bottom orientations: what each panel adds to the ones
# on its left and above it is what its parameters are for. Ellipses are two standard deviations, lines their axes.

COLOURS = ["#0072B2", "#D55E00", "#009E73"]  # Okabe-Ito, colour-blind safe
PALE = ["#99C7E0", "#EEBF99", "#99D8C7"]  # the same, of the points
MARKERS = ["o", "^", "s"]
ROWS = {
    "spheres": ["EII", "VII", None, None],  # they have no shape that could vary
    "along the features": ["EEI", "VEI", "EVI", "VVI"],
    "one orientation": ["EEE", "VEE", "EVE", "VVE"],
    "own orientations": ["EEV", "VEV", "EVV", "VVV"],
}
COLUMNS = ["one volume, one shape", "own volumes, one shape", "one volume, own shapes", "own volumes, own shapes"]
NOTE = """The same points in every panel.

Ellipses: two standard deviations;
lines: their axes.

Parameters: those of the covariances,
here of 3 components in 2 dimensions.

Rows: orientation. Columns: volume
and shape; spheres have one shape."""


def panel(axes, mixture):
    """Points by their most probable component, under its ellipse of two standard deviations and its axes."""
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


figure = plt.figure(figsize=(11, 10.6), dpi=100, layout="constrained")
figure.get_layout_engine().set(w_pad=0.05, h_pad=0.06)
grid = figure.subplots(4, 4, sharex=True, sharey=True)
by_code = {structure.code: structure for structure in STRUCTURES.values()}
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
        panel(axes, mixtures[code])
for axes, meaning in zip(grid[-1], COLUMNS, strict=True):
    axes.set_xlabel(meaning, fontsize=11, fontweight="bold")
text = grid[0, 2].text(0.05, 1.0, NOTE, transform=grid[0, 2].transAxes, va="top", fontsize=12)
text.set_in_layout(False)  # it is wider than its column
plt.show()
