"""k-means against EM for a Gaussian mixture, on four small data sets.

k-means gives every point to its nearest centre, which suits round clusters of similar size. A Gaussian mixture fitted
by EM also learns each component's weight, spread and orientation, and lets a point belong partly to several. The
script fits both, prints a table and draws one picture, k-means above EM:

    python em_vs_kmeans.py --data iris           # the classic, 4 features
    python em_vs_kmeans.py --data blobs          # round clusters: a draw
    python em_vs_kmeans.py --data stretched      # elongated clusters: EM wins
    python em_vs_kmeans.py --data two-gaussians  # EM step by step: pi_1 N(mu_1, s_1^2) + pi_2 N(mu_2, s_2^2)

The last one prints the five parameters after every iteration and shows why EM climbs. For any distribution q over the
hidden components, log-likelihood(theta) = ELBO(q, theta) + KL(q || posterior at theta). The E-step sets q to the
posterior: KL is 0, and the bound (the ELBO) touches the log-likelihood. The M-step moves theta to raise the bound.

ARI, the adjusted Rand index, is 1 if a clustering matches the true classes and about 0 if it is no better than chance.
Neither method sees the classes.
"""

import argparse
import time
import warnings
from collections import namedtuple
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp, xlogy
from scipy.stats import norm
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, confusion_matrix

from sklearn_em import GaussianMixtureEM

COLOURS = np.array(["#0072B2", "#E69F00", "#009E73"])  # Okabe-Ito, colour-blind safe
MARKERS = ["o", "^", "s"]

# em_options says how to start EM. clusters holds the cluster of every point, numbered by the model; class_of maps these
# arbitrary numbers to classes, so that as many points as possible agree.
Data = namedtuple("Data", ["points", "classes", "class_names", "feature_names", "em_options"])
Result = namedtuple("Result", ["model", "clusters", "class_of", "ari", "seconds"])


def load(name):
    """Return the data set called `name`; the same points on every call."""
    restarts = {"n_init": 10, "random_state": 0}
    if name == "iris":
        iris = load_iris()
        return Data(iris.data, iris.target, iris.target_names, iris.feature_names, restarts)
    if name == "two-gaussians":
        rng = np.random.default_rng(0)
        points = np.concatenate([rng.normal(0.0, 0.5, 150), rng.normal(3.5, 1.2, 350)])
        classes = np.repeat([0, 1], [150, 350])
        poor_start = {
            "weights_init": np.array([0.2, 0.8]),
            "means_init": np.array([[1.0], [2.0]]),
            "precisions_init": np.array([[[1.0]], [[0.25]]]),  # s_1 = 1, s_2 = 2
            "reg_covar": 0.0,  # plain maximum likelihood, so that the bound touches
        }
        return Data(points[:, None], classes, ["1", "2"], ["x"], poor_start)
    centres = np.array([[-4.0, -2.0], [0.0, 3.0], [4.0, -2.0]])
    points, classes = make_blobs(500, centers=centres, cluster_std=1.0, random_state=0)
    if name == "stretched":
        stretch_and_shear = np.array([[0.5, 0.0], [1.5, 2.5]])
        new_centres = np.array([[-3.0, 0.0], [0.0, 0.0], [3.0, 0.0]])
        points = (points - centres[classes]) @ stretch_and_shear + new_centres[classes]
    return Data(points, classes, ["A", "B", "C"], ["x", "y"], restarts)


def compare(data):
    """Fit k-means and EM to the same points; return one `Result` each."""
    k = len(data.class_names)
    results = []
    for model in KMeans(k, n_init=10, random_state=0), GaussianMixtureEM(k, **data.em_options):
        start = time.perf_counter()
        clusters = model.fit(data.points).predict(data.points)
        seconds = time.perf_counter() - start
        shared = confusion_matrix(data.classes, clusters, labels=range(k))
        class_of = linear_sum_assignment(shared.T, maximize=True)[1]
        ari = adjusted_rand_score(data.classes, clusters)
        results.append(Result(model, clusters, class_of, ari, seconds))
    return results


def print_table(data, results):
    """One line per method: k-means has no likelihood, hence the dashes; the seconds are those of all starts."""
    columns = "{:<18}{:>8}{:>16}{:>12}{:>12}{:>10}"
    print(columns.format("method", "ARI", "log-likelihood", "BIC", "iterations", "seconds"))
    for model, _, _, ari, seconds in results:
        scores = ["-", "-"]
        if isinstance(model, GaussianMixtureEM):
            total = model.score(data.points) * len(data.points)  # score is the mean
            scores = [f"{total:.2f}", f"{model.bic(data.points):.2f}"]
        print(columns.format(type(model).__name__, f"{ari:.3f}", *scores, model.n_iter_, f"{seconds:.3f}"))


def parameters(model):
    """theta = (pi, mu, s), each an array with one entry per component."""
    return model.weights_, model.means_[:, 0], np.sqrt(model.covariances_[:, 0, 0])


def log_joint(x, theta):
    """log(pi_k N(x_i; mu_k, s_k^2)) for every point i and component k."""
    pi, mu, s = theta
    return np.log(pi) + norm.logpdf(x[:, None], mu, s)


def log_posterior(x, theta):
    """The E-step: log-probability that component k produced point i."""
    joint = log_joint(x, theta)
    return joint - logsumexp(joint, axis=1, keepdims=True)


def bound_and_gap(x, q, theta):
    """ELBO = sum_k q (log joint - log q) and KL = sum_k q (log q - log posterior), means over the points."""
    elbo = np.sum(q * log_joint(x, theta) - xlogy(q, q), axis=1)
    kl = np.sum(xlogy(q, q) - q * log_posterior(x, theta), axis=1)
    return elbo.mean(), kl.mean()


def replay(data, n_iter):
    """Refit with 0, 1, ..., `n_iter` iterations; return the steps EM went through.

    A step is (theta, ELBO(q_old, theta), KL(q_old || posterior), log-likelihood).
    The last is the estimator's `score`; ELBO and KL are computed here, from theta, so that their sum is a check.
    """
    x, q, steps = data.points[:, 0], None, []
    for i in range(n_iter + 1):
        model = GaussianMixtureEM(2, max_iter=i, **data.em_options)
        with warnings.catch_warnings():  # stopping early is intended here
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(data.points)
        theta = parameters(model)
        posterior = np.exp(log_posterior(x, theta))
        q = posterior if q is None else q
        steps.append((theta, *bound_and_gap(x, q, theta), model.score(data.points)))
        q = posterior  # the next E-step
    return steps


def print_steps(steps):
    print("EM step by step; ELBO, KL and log-likelihood in mean nats per point.")
    print("q is the posterior at the previous row's parameters (in row 0: at its own).\n")
    columns = "{:>4}" + 5 * "{:>8}" + 3 * "{:>13}" + "{:>16}"
    print(columns.format("iter", "pi_1", "mu_1", "s_1", "mu_2", "s_2", "ELBO", "KL", "ELBO+KL", "log-likelihood"))
    for i, ((pi, mu, s), bound, gap, value) in enumerate(steps):
        theta = [f"{number:.4f}" for number in (pi[0], mu[0], s[0], mu[1], s[1])]
        sums = [f"{number:z.8f}" for number in (bound, gap, bound + gap, value)]
        print(columns.format(i, *theta, *sums))
    error = max(abs(bound + gap - value) for _, bound, gap, value in steps)
    print(f"\nlargest |ELBO + KL - log-likelihood|: {error:.1e}\n")


def scatter_panel(axes, data, result, pair):
    """Points of two features, with the fitted circles or ellipses on top."""
    from matplotlib.patches import Ellipse

    xy, colours = data.points[:, pair], COLOURS[result.class_of]
    wrong = result.class_of[result.clusters] != data.classes
    for k, marker in enumerate(MARKERS):
        own = data.classes == k
        style = {"c": colours[result.clusters[own]], "edgecolors": "black", "linewidths": 1.3 * wrong[own]}
        axes.scatter(*xy[own].T, s=28, marker=marker, alpha=0.55, **style)
    for j, colour in enumerate(colours):
        if isinstance(result.model, KMeans):
            centre, multiples, drawn = result.model.cluster_centers_[j, pair], [1], "circle: rms radius"
            covariance = np.eye(2) * np.mean(np.sum((xy[result.clusters == j] - centre) ** 2, axis=1))
        else:
            centre, multiples, drawn = result.model.means_[j, pair], [1, 2], "ellipses: 1 and 2 s.d."
            covariance = result.model.covariances_[j][np.ix_(pair, pair)]  # the marginal
        variances, directions = np.linalg.eigh(covariance)  # the long axis is the last
        angle = np.degrees(np.arctan2(directions[1, 1], directions[0, 1]))
        for n in multiples:
            height, width = 2 * n * np.sqrt(variances)
            style = {"angle": angle, "fill": False, "edgecolor": colour, "linewidth": 2.5}
            axes.add_patch(Ellipse(centre, width, height, zorder=3, **style))
        axes.plot(*centre, "P", color=colour, mec="black", ms=12, zorder=4)
    axes.set(xlabel=data.feature_names[pair[0]], ylabel=data.feature_names[pair[1]], aspect="equal")
    axes.set_title(f"{axes.get_title()} ({drawn})")


def density_panel(axes, data, result):
    """Histogram coloured by assignment, a rug by true class, and what was fitted."""
    x, colours = data.points[:, 0], COLOURS[result.class_of]
    groups = [x[result.clusters == j] for j in (0, 1)]
    axes.hist(groups, bins=35, density=True, stacked=True, color=colours, alpha=0.4)
    for k in (0, 1):
        own = data.classes == k
        style = {"c": colours[result.clusters[own]], "linewidths": 0, "marker": MARKERS[k]}
        axes.scatter(x[own], np.full(own.sum(), -0.025 - 0.03 * k), s=24, alpha=0.6, **style)
    if isinstance(result.model, KMeans):
        centres = result.model.cluster_centers_[:, 0]
        axes.axvline(centres.mean(), color="black", ls="--", label="split point")
        axes.plot(centres, [0.02, 0.02], "kP", ms=12, mec="white", label="centres")
    else:
        grid = np.linspace(x.min(), x.max(), 500)
        joint = np.exp(log_joint(grid, parameters(result.model)))
        for j in (0, 1):
            axes.plot(grid, joint[:, j], color=colours[j], lw=2.5, label=f"component {j + 1}")
        axes.plot(grid, joint.sum(axis=1), "k--", label="sum")
    axes.set(xlabel="x", ylabel="density", ylim=(-0.08, 0.36), yticks=[0, 0.1, 0.2, 0.3])
    axes.legend(loc="upper right", ncols=3, frameon=False)


def trace_panel(axes, steps):
    """Log-likelihood and bound: an M-step leads to the bound, the E-step lifts it."""
    _, bounds, _, values = zip(*steps, strict=True)
    axes.vlines(range(len(steps)), bounds, values, color=COLOURS[1], lw=5, label="KL (the gap)")
    axes.plot(values, "ko-", ms=5, label="log-likelihood")
    axes.plot(bounds, "v", color=COLOURS[0], ms=7, label="ELBO, after the M-step")
    axes.set(xlabel="iteration", ylabel="mean nats per point", title="EM: each E-step closes the gap to the bound")
    axes.set_xticks(range(0, len(steps), 5))
    axes.legend(loc="lower right", frameon=False)


def draw(data, results, steps, path):
    """Save the picture: k-means in the top row, EM in the bottom row."""
    from matplotlib.figure import Figure  # without pyplot: needs no display
    from matplotlib.lines import Line2D

    n_features = data.points.shape[1]
    size = (6, 10.5) if n_features == 2 else (12, 7.5)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    grid = figure.add_gridspec(2, 1 if n_features == 2 else 2)
    for row, (result, method) in enumerate(zip(results, ["k-means", "EM"], strict=True)):
        for column in range((n_features + 1) // 2):  # features two by two
            axes = figure.add_subplot(grid[row, column], title=f"{method}, ARI {result.ari:.2f}")
            if n_features == 1:
                density_panel(axes, data, result)
            else:
                scatter_panel(axes, data, result, [2 * column, 2 * column + 1])
    if steps:
        trace_panel(figure.add_subplot(grid[:, 1]), steps)
    looks = zip(MARKERS, COLOURS, data.class_names, strict=False)
    handles = [Line2D([], [], ls="", marker=marker, color=colour, ms=8, label=name) for marker, colour, name in looks]
    note = "marker: true class; colour: assigned cluster" + ("" if steps else "; black edge: wrong")
    figure.legend(handles=handles, title=note, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, format="png")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ["iris", "blobs", "stretched", "two-gaussians"]
    parser.add_argument("--data", choices=names, required=True, help="the data set")
    parser.add_argument("--output", type=Path, metavar="FILE.png", help="default: em_vs_kmeans_<data>.png")
    options = parser.parse_args(argv)
    path = options.output or Path(f"em_vs_kmeans_{options.data}.png")
    data = load(options.data)
    results = compare(data)
    steps = replay(data, results[1].model.n_iter_) if options.data == "two-gaussians" else []
    if steps:
        print_steps(steps)
    print_table(data, results)
    draw(data, results, steps, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
