# %% [markdown]
"""
EM and k-means, side by side
============================

k-means gives every point to its nearest centre. A Gaussian mixture, fitted by EM, also learns how large each cluster
is, how wide and which way it is turned, and lets a point belong partly to several. Where clusters are round and of one
size the two agree. Here are that case and three others, and EM's way to one of its answers, step by step.

This page is also the notebook `examples/em_vs_kmeans.ipynb`, which has a slider over the steps if ipywidgets is there.
"""

# %%
import sys
import warnings
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Ellipse
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, confusion_matrix

from sklearn_em import GaussianMixtureEM

COLOURS = np.array([to_rgb(name) for name in ("#0072B2", "#E69F00", "#009E73")])  # Okabe-Ito, colour-blind safe

# %% [markdown]
# Four cases
# ----------
#
# Each has three classes, which neither method sees. Iris has four features; its panels show the last two, the petals.

# %%
corners = np.array([[-4.0, -2.0], [0.0, 3.0], [4.0, -2.0]])
round_points, thirds = make_blobs(500, centers=corners, cluster_std=1.0, random_state=0)
around = round_points - corners[thirds]
columns = np.array([[-3.0, 0.0], [0.0, 0.0], [3.0, 0.0]])
unequal_points, unequal_classes = make_blobs(
    [400, 60, 60], centers=[[0.0, 0.0], [5.0, 1.5], [5.0, -2.5]], cluster_std=[1.8, 0.4, 0.4], random_state=0
)
iris = load_iris()
cases = {
    "equal and round": (round_points, thirds),
    "stretched": (around @ np.array([[0.5, 0.0], [1.5, 2.5]]) + columns[thirds], thirds),
    "unequal spread": (unequal_points, unequal_classes),
    "Iris": (iris.data, iris.target),
}

# %% [markdown]
# The same number of clusters for both, ten starts for both. ARI, the adjusted Rand index, is 1 if a clustering matches
# the classes, and about 0 if it is no better than chance.


# %%
def in_order(classes, clusters):
    """Return which cluster is which class, so that as many points as possible agree."""
    return linear_sum_assignment(confusion_matrix(classes, clusters), maximize=True)[1]


fits = {}
print(f"{'ARI':<18}{'k-means':>10}{'EM':>10}")
for name, (points, classes) in cases.items():
    models = KMeans(3, n_init=10, random_state=0), GaussianMixtureEM(3, n_init=10, random_state=0)
    labels = [model.fit(points).predict(points) for model in models]
    scores = [adjusted_rand_score(classes, own) for own in labels]
    orders = [in_order(classes, own) for own in labels]
    fits[name] = list(zip(models, orders, scores, strict=True))
    print(f"{name:<18}{scores[0]:>10.2f}{scores[1]:>10.2f}")

# %% [markdown]
# The upper row is k-means, the lower one EM; ellipses are two standard deviations. k-means cuts long clusters across,
# since the distance to a centre does not know in which direction a cluster is long, and lets small clusters take a
# share of a wide one, since the border lies half-way whatever the widths.


# %%
def draw_ellipses(axes, mixture, order, features):
    """Two standard deviations of each component, in two of the features."""
    for colour, k in zip(COLOURS, order, strict=True):
        variances, directions = np.linalg.eigh(mixture.covariances_[k][np.ix_(features, features)])
        angle = np.degrees(np.arctan2(directions[1, 1], directions[0, 1]))
        height, width = 4 * np.sqrt(variances)
        style = {"angle": angle, "edgecolor": colour, "facecolor": "none", "linewidth": 2.5}
        axes.add_patch(Ellipse(mixture.means_[k, features], width, height, zorder=3, **style))


figure, grid = plt.subplots(2, 4, figsize=(13, 6.8), layout="constrained")
for column, (name, (points, _)) in enumerate(cases.items()):
    features = [points.shape[1] - 2, points.shape[1] - 1]
    for axes, (model, order, score), method in zip(grid[:, column], fits[name], ["k-means", "EM"], strict=True):
        colours = COLOURS[np.argsort(order)[model.predict(points)]]
        axes.scatter(*points[:, features].T, s=9, c=colours, alpha=0.6, linewidths=0)
        if method == "k-means":
            axes.plot(*model.cluster_centers_[:, features].T, "kP", ms=9, mec="white")
        else:
            draw_ellipses(axes, model, order, features)
        axes.set(title=f"{name}: {method}, ARI {score:.2f}", xticks=[], yticks=[])
        axes.set_aspect("equal", adjustable="datalim")
plt.show()

# %% [markdown]
# Soft assignment
# ---------------
#
# k-means says which cluster. EM says how probable each is, row by row of `predict_proba`, and these probabilities are
# what it works with: a point counts for every component by its share. Where two species of iris meet, colours are mixed
# as the probabilities say, and a ring is the more opaque the less certain a label is.

# %%
points, classes = cases["Iris"]
(centres, kmeans_order, _), (mixture, order, _) = fits["Iris"]
probabilities = mixture.predict_proba(points)[:, order]
certainty = probabilities.max(axis=1)
print(f"labels that are less than 99 % certain: {np.sum(certainty < 0.99)} of {len(points)}")
least = np.argmin(certainty)
print(f"the least certain row: {probabilities[least].round(2)}, in truth {iris.target_names[classes[least]]}")

figure, grid = plt.subplots(1, 2, figsize=(10, 4.6), sharex=True, sharey=True, layout="constrained")
hard = COLOURS[np.argsort(kmeans_order)[centres.predict(points)]]
grid[0].scatter(*points[:, 2:].T, s=40, c=hard, linewidths=0)
grid[0].set(title="k-means: one colour or another", ylabel=iris.feature_names[3])
grid[1].scatter(*points[:, 2:].T, s=40, c=probabilities @ COLOURS, linewidths=0)
rings = np.column_stack([np.zeros((len(points), 3)), 2 * (1 - certainty)]).clip(0, 1)
grid[1].scatter(*points[:, 2:].T, s=70, facecolors="none", edgecolors=rings, linewidths=1.4)
grid[1].set(title="EM: mixed as the probabilities say")
for axes in grid:
    axes.set(xlabel=iris.feature_names[2])
plt.show()

# %% [markdown]
# Step by step
# ------------
#
# EM on the stretched clusters, from three means that are badly placed; `max_iter` says how many steps are made. At
# first everything is mixed; then the components find their clusters one by one. From step 3 to step 20 the
# log-likelihood hardly rises, and yet it is far from its end: small steps do not say that EM has arrived.

# %%
points, classes = cases["stretched"]
poor = np.array([[-1.0, -4.0], [0.0, 4.0], [1.0, -4.0]])
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is intended
    steps = [GaussianMixtureEM(3, means_init=poor, max_iter=n).fit(points) for n in range(61)]


def show_step(n, axes=None):
    """Draw what EM has after n steps."""
    axes = axes or plt.subplots(figsize=(5, 5))[1]
    axes.scatter(*points.T, s=9, c=steps[n].predict_proba(points) @ COLOURS, linewidths=0)
    draw_ellipses(axes, steps[n], range(3), [0, 1])
    axes.set(title=f"step {n}: log-likelihood {steps[n].lower_bound_:.2f}", xticks=[], yticks=[], aspect="equal")


figure, grid = plt.subplots(1, 5, figsize=(13, 3.4), sharex=True, sharey=True, layout="constrained")
for axes, n in zip(grid, [0, 3, 20, 40, 60], strict=True):
    show_step(n, axes)
plt.show()

# %% [markdown]
# In a notebook, and with ipywidgets, move the slider to see every step.

# %%
if "ipykernel" in sys.modules and find_spec("ipywidgets"):
    from ipywidgets import fixed, interact

    interact(show_step, n=(0, len(steps) - 1), axes=fixed(None))
else:
    print("No slider here: the row above has five of its positions.")
