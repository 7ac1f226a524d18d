"""Displays: what is drawn is what the estimators say, and matplotlib is asked for only by those who draw."""

import re
import subprocess
import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest
from conftest import mixture_rows
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import trapezoid
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_em import (
    ConvergenceDisplay,
    Factor,
    GaussianMixtureDisplay,
    GaussianMixtureEM,
    GaussianMixtureIC,
    SelectionDisplay,
)
from sklearn_em.display.panels import DENSITY_SHARES
from sklearn_em.display.style import GREY
from sklearn_em.gaussian.covariance import STRUCTURES

matplotlib.use("Agg")

X, _ = mixture_rows(300, 4, 3, separation=1.5)
NAMES = ["a", "b", "c", "d"]
draw = GaussianMixtureDisplay.from_estimator


def fit(rows, n_components=3, **options):
    return GaussianMixtureEM(n_components, **{"random_state": 0, **options}).fit(rows)


MIXTURE, PLANE, LINE = fit(X), fit(X[:, :2]), fit(X[:, :1])
NOISY = fit(X[:, :2], noise=True)
SEARCH = GaussianMixtureIC(GaussianMixtureEM(random_state=0), n_components=[1, 2, 3]).fit(X)


@pytest.fixture(autouse=True)
def nothing_is_shown_or_left(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("a display shows nothing by itself"))
    yield
    plt.close("all")


def elsewhere_missing(values, features, n_features):
    """Return rows with these values, and nothing known of the other features."""
    rows = np.full((len(values), n_features), np.nan)
    rows[:, features] = values
    return rows


def points(collection):
    return np.asarray(collection.get_offsets())


# ---- a mixture: components


@pytest.mark.parametrize("options", [*STRUCTURES, Factor(n_factors=1)], ids=str)
def test_an_ellipse_holds_its_share_of_the_component(options):
    mixture, levels = fit(X, covariance_type=options), (0.3, 0.9)
    display = draw(mixture, X, features=[3, 1], levels=levels)
    assert len(display.ellipses_) == 3 * len(levels)
    rng = np.random.default_rng(0)
    for k, covariance in enumerate(mixture.covariance_matrices()):
        draws = rng.multivariate_normal(mixture.means_[k], covariance, size=4000)[:, [3, 1]]
        for ellipse, level in zip(display.ellipses_[2 * k : 2 * k + 2], levels, strict=True):
            on_circle = ellipse.get_patch_transform().inverted().transform(draws)
            assert np.mean(np.sum(on_circle**2, axis=1) <= 1) == pytest.approx(level, abs=0.03)
            assert ellipse.get_edgecolor() == display.ellipses_[2 * k].get_edgecolor()


def test_components_are_numbered_at_their_means():
    display = draw(PLANE, X[:, :2])
    assert {text.get_text(): text.get_position() for text in display.ax_.texts} == {
        str(k): tuple(mean) for k, mean in enumerate(PLANE.means_)
    }


def test_a_component_without_weight_is_not_drawn():
    rows = np.repeat(np.arange(6.0).reshape(3, 2) ** 2, 10, axis=0)
    with pytest.warns(ConvergenceWarning):
        mixture = fit(rows, 5)
    present = np.flatnonzero(mixture.weights_)
    assert len(present) == 3
    display = draw(mixture, rows, density=True, boundaries=True)
    assert len(display.ellipses_) == 2 * 3
    assert [text.get_text() for text in display.ax_.texts] == [str(k) for k in present]
    assert len(draw(mixture, rows, features=0).ellipses_) == 3


# ---- a mixture: densities


@pytest.mark.parametrize("mixture", [LINE, fit(X[:, :1], noise=True)], ids=["plain", "noise"])
def test_the_density_of_one_feature_is_that_of_the_estimator(mixture):
    display = draw(mixture, X[:, :1])
    (line,) = display.density_
    x, y = line.get_data()
    assert_allclose(y, np.exp(mixture.score_samples(x[:, None])), rtol=1e-9)
    joint = np.exp(mixture.log_joint(x[:, None]))
    for k, component in enumerate(display.ellipses_):
        assert_allclose(component.get_ydata(), joint[:, k], rtol=1e-9)
    if mixture is LINE:
        assert trapezoid(y, x) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("options", [{}, {"noise": True}, {"covariance_type": "VEI"}], ids=str)
def test_a_feature_of_many_has_the_exact_marginal(options):
    mixture = fit(X, **options)
    x, y = draw(mixture, X, features=2).density_[0].get_data()
    rows = elsewhere_missing(x[:, None], [2], 4)
    assert_allclose(y, np.exp(mixture.score_samples(rows)), rtol=1e-8)


@pytest.mark.parametrize("mixture", [PLANE, NOISY, MIXTURE], ids=["two features", "noise", "two of four"])
def test_density_contours_hold_their_shares(mixture):
    features, p = [1, 0], mixture.n_features_in_
    display = draw(mixture, X[:, :p], features=features, density=True)
    (contours,) = display.density_
    x, y = (np.linspace(-12, 12, 400) for _ in range(2))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    joint = np.exp(mixture.log_joint(elsewhere_missing(grid, features, p)))
    mass = joint[:, : len(mixture.weights_)].sum(axis=1)
    assert len(contours.levels) == len(DENSITY_SHARES)
    assert contours.levels[0] > 0
    for level, share in zip(contours.levels, sorted(DENSITY_SHARES, reverse=True), strict=True):
        assert mass[joint.sum(axis=1) >= level].sum() / mass.sum() == pytest.approx(share, abs=0.02)
    # On a line the density is its level, up to the grid's resolution.
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        density = np.exp(mixture.score_samples(elsewhere_missing(path.vertices, features, p)))
        assert_allclose(density, level, rtol=0.05)


# ---- a mixture: boundaries


def test_boundaries_are_where_two_components_are_as_probable():
    display = draw(NOISY, X[:, :2], boundaries=True)
    assert len(display.boundaries_) >= 3
    vertices = np.concatenate([contour.get_paths()[0].vertices for contour in display.boundaries_])
    first, second = np.sort(NOISY.log_joint(vertices), axis=1).T[:-3:-1]
    assert np.quantile(first - second, 0.98) < 0.01
    assert (first - second).max() < 1  # near a point that three share, the grid shows


def test_boundaries_of_one_feature_are_where_the_label_changes():
    display = draw(LINE, X[:, :1], boundaries=True)
    places = sorted(line.get_xdata()[0] for line in display.boundaries_)
    ends = [display.ax_.get_xlim()[0], *places, display.ax_.get_xlim()[1]]
    labels = [np.unique(LINE.predict(np.linspace(a, b, 50)[1:-1, None])) for a, b in pairwise(ends)]
    assert all(len(label) == 1 for label in labels)
    assert all(a != b for a, b in pairwise(labels))
    assert len(labels) >= 3


# ---- a mixture: rows


def test_rows_have_the_colour_of_their_component_and_are_as_strong_as_it_is_certain():
    display = draw(NOISY, X[:, :2])
    labels, resp = NOISY.predict(X[:, :2]), NOISY.predict_proba(X[:, :2])
    colours = {collection.get_label(): collection.get_facecolor() for collection in display.rows_}
    assert set(colours) == {"0", "1", "2", "noise"}
    assert_allclose(colours["noise"][:, :3], np.tile(to_rgb(GREY), ((labels == -1).sum(), 1)))
    for k in range(3):
        assert_array_equal(points(display.rows_[k]), X[labels == k, :2])
        assert_allclose(
            colours[str(k)][:, :3], np.tile(to_rgb(display.ellipses_[2 * k].get_edgecolor()), ((labels == k).sum(), 1))
        )
    strength = np.concatenate([colours[name][:, 3] for name in ["0", "1", "2", "noise"]])
    certainty = np.concatenate([resp[labels == k].max(axis=1) for k in [0, 1, 2, -1]])
    order = np.argsort(certainty)
    assert (np.diff(strength[order]) >= 0).all()
    assert strength.min() < 0.5
    assert strength.max() == pytest.approx(0.9, abs=0.01)


def test_up_to_twenty_components_can_be_told_apart():
    centres = 10 * np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(-1, 2)
    rows = np.repeat(centres, 10, axis=0) + np.random.default_rng(0).normal(size=(200, 2))
    display = draw(fit(rows, 20, means_init=centres.astype(float)), rows)
    assert len(display.rows_) == 20
    looks = {
        (tuple(collection.get_facecolor()[0][:3]), collection.get_paths()[0].vertices.round(3).tobytes())
        for collection in display.rows_
    }
    assert len(looks) == 20


def test_rows_with_gaps_are_drawn_where_they_can_be():
    rows = X[:, :3].copy()
    rows[np.random.default_rng(0).random(rows.shape) < 0.3] = np.nan
    display = draw(fit(rows), rows)
    for i in range(3):
        for j in range(i + 1):
            drawn = sum(len(points(artist)) for artist in display.rows_ if artist.axes is display.axes_[i, j])
            assert drawn == (~np.isnan(rows[:, [i, j]]).any(axis=1)).sum()


def test_rows_that_cannot_be_drawn_are_none():
    for features in [[0, 1], 0]:
        display = draw(PLANE, np.full((2, 2), np.nan), features=features)
        assert display.rows_ == []
        assert display.ellipses_


@pytest.mark.parametrize(
    "wrap", [np.asarray, lambda rows: pd.DataFrame(rows, columns=NAMES[:2])], ids=["array", "frame"]
)
def test_many_rows_are_a_sample(wrap):
    rows = wrap(X[:, :2])
    mixture = fit(rows)
    display = draw(mixture, rows, subsample=40)
    drawn = np.concatenate([points(collection) for collection in display.rows_])
    assert len(drawn) == 40
    assert {tuple(row) for row in drawn} <= {tuple(row) for row in X[:, :2]}
    assert sum(len(points(artist)) for artist in draw(mixture, rows, subsample=None).rows_) == 300


def test_layers_can_be_left_out():
    display = draw(PLANE, X[:, :2], rows=False, ellipses=False)
    assert display.rows_ == display.ellipses_ == display.density_ == display.boundaries_ == []
    assert display.ax_.get_legend() is None
    display.plot(levels=0.9, density=True, boundaries=True)
    assert len(display.ellipses_) == 3
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["90 % of a component", "density", "boundary"]


def test_float32_is_drawn_as_it_is():
    rows = X.astype(np.float32)
    mixture = fit(rows, noise=True)
    assert mixture.means_.dtype == np.float32
    x, y = draw(mixture, rows, features=1).density_[0].get_data()
    assert_allclose(y, np.exp(mixture.score_samples(elsewhere_missing(x[:, None], [1], 4))), rtol=1e-4)
    assert len(draw(mixture, rows).ellipses_) == 6 * 6 + 4 * 3


# ---- a mixture: features and axes


def test_more_features_are_a_grid_with_their_names():
    frame = pd.DataFrame(X, columns=NAMES)
    display = draw(fit(frame), frame, features=["d", 0, "b"])
    shown = [[axes is not None for axes in row] for row in display.axes_]
    assert shown == np.tri(3, dtype=bool).tolist()
    assert [axes.get_xlabel() for axes in display.axes_[2]] == ["d", "a", "b"]
    assert [axes.get_ylabel() for axes in display.axes_[:, 0]] == ["density", "a", "b"]
    assert display.axes_[1, 1].get_xlabel() == display.axes_[1, 1].get_ylabel() == ""
    panel = np.concatenate([points(artist) for artist in display.rows_ if artist.axes is display.axes_[2, 1]])
    assert {tuple(row) for row in panel} == {tuple(row) for row in X[:, [0, 1]]}


def test_names_without_names():
    assert draw(MIXTURE, X, features=[3, 0]).ax_.get_xlabel() == "x3"


@pytest.mark.parametrize("features", [0, [0, 1], [0, 1, 2]], ids=str)
def test_axes_are_given_or_made(features):
    figure, axes = plt.subplots(1, 2)
    display = draw(MIXTURE, X, features=features, ax=axes[0])
    assert plt.get_fignums() == [figure.number]
    assert display.ax_ is axes[0]
    assert display.figure_ is figure
    assert not axes[1].has_data()
    made = draw(MIXTURE, X, features=features)
    assert plt.get_fignums() == [figure.number, made.figure_.number]
    assert made.plot(ax=axes[1]) is made
    assert len(plt.get_fignums()) == 2


def test_a_search_is_drawn_by_its_best():
    grid = GridSearchCV(GaussianMixtureEM(random_state=0), {"n_components": [2]}).fit(X)
    for search in SEARCH, grid:
        assert_array_equal(draw(search, X).means, search.best_estimator_.means_)
        assert ConvergenceDisplay.from_estimator(search).lower_bounds == search.best_estimator_.lower_bounds_


def test_a_display_can_be_made_by_hand():
    hand = GaussianMixtureDisplay(
        X=X[:, :2],
        resp=PLANE.predict_proba(X[:, :2]),
        weights=PLANE.weights_,
        means=PLANE.means_,
        covariances=PLANE.covariance_matrices(),
    ).plot()
    for mine, drawn in zip(hand.ellipses_, draw(PLANE, X[:, :2]).ellipses_, strict=True):
        assert_array_equal(mine.get_verts(), drawn.get_verts())
    assert (hand.ax_.get_xlabel(), hand.ax_.get_ylabel()) == ("x0", "x1")


WRONG = {
    "pipeline": (
        lambda: draw(make_pipeline(StandardScaler(), MIXTURE), X),
        TypeError,
        "draws a fitted GaussianMixtureEM, but got a Pipeline; of a Pipeline pass the last step",
    ),
    "not fitted": (lambda: draw(GaussianMixtureEM(), X), NotFittedError, "not fitted yet"),
    "index": (lambda: draw(MIXTURE, X, features=[0, 4]), ValueError, "there is no 4; give indices below 4"),
    "name": (lambda: draw(MIXTURE, X, features="a"), ValueError, "there is no 'a'; give indices below 4"),
    "pairs": (lambda: draw(MIXTURE, X, features=[[0, 1]]), ValueError, "there is no [0, 1]; give indices below 4"),
    "twice": (lambda: draw(MIXTURE, X, features=["x1", 1]), ValueError, "choose 1 to 8 different ones by features="),
    "columns": (lambda: draw(MIXTURE, X[:, :2]), ValueError, "X has 2 features, but GaussianMixtureEM is expecting 4"),
    "level": (lambda: draw(MIXTURE, X, levels=[95]), ValueError, "levels=[95]; each must be a share"),
    "grid": (lambda: draw(MIXTURE, X, boundaries=True), ValueError, "boundaries=True, but the mixture has features"),
    "marginal": (lambda: draw(MIXTURE, X, features=0, boundaries=True), ValueError, "leave boundaries=False"),
    "loose axes": (
        lambda: draw(MIXTURE, X, ax=plt.figure().add_axes((0, 0, 1, 1))),
        ValueError,
        "ax belongs to no grid of subplots",
    ),
    "trace": (lambda: ConvergenceDisplay.from_estimator(StandardScaler()), TypeError, "but got a StandardScaler"),
    "no trace": (
        lambda: ConvergenceDisplay.from_estimator(GaussianMixtureEM.from_parameters([1], [[0]], [[[1]]])),
        NotFittedError,
        "draws the trace of a fit, which this GaussianMixtureEM was not made by; fit it, or draw a trace of your own",
    ),
    "no limit": (
        lambda: ConvergenceDisplay(lower_bounds=[1, 2]).plot(distance=True),
        ValueError,
        "distance=True, but no limit is known",
    ),
    "no search": (
        lambda: SelectionDisplay.from_estimator(MIXTURE),
        TypeError,
        "draws a fitted GaussianMixtureIC, but got a GaussianMixtureEM",
    ),
    "search not fitted": (lambda: SelectionDisplay.from_estimator(GaussianMixtureIC()), NotFittedError, "not fitted"),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


# ---- the climb


def test_the_trace_and_its_jumps():
    mixture = fit(X, acceleration="squarem", n_init=4)
    trace, jumps = np.array(mixture.lower_bounds_), mixture.accelerated_steps_
    assert jumps
    display = ConvergenceDisplay.from_estimator(mixture)
    assert_array_equal(display.line_.get_ydata(), trace)
    assert_array_equal(display.jumps_.get_data(), [jumps, trace[jumps]])
    ends = [(start.n_iter, start.objective) for start in mixture.starts_]
    assert sorted([*zip(*display.ends_.get_data(), strict=True), (mixture.n_iter_, trace[-1])]) == sorted(ends)
    assert_array_equal(display.limit_.get_ydata(), 2 * [display.limit])
    far = ConvergenceDisplay.from_estimator(mixture, distance=True)
    assert far.ax_.get_yscale() == "log"
    assert_allclose(far.line_.get_ydata(), far.limit - trace, rtol=1e-12)


@pytest.mark.parametrize("acceleration", [None, "squarem"])
def test_the_limit_is_what_the_fit_was_stopped_by(acceleration):
    mixture = fit(X, acceleration=acceleration, tol=1e-4)
    assert mixture.converged_
    left = ConvergenceDisplay.from_estimator(mixture).limit - mixture.lower_bound_
    assert 0 < left < 1e-4
    better = fit(X, acceleration=acceleration, tol=1e-9).lower_bound_ - mixture.lower_bound_
    assert better < left


def test_the_limit_of_a_geometric_series_is_exact():
    steps = 1 - 0.95 ** np.arange(12)
    assert ConvergenceDisplay.from_estimator(traced(steps)).limit == pytest.approx(1)
    # Jumps, one of which was undone, and no two steps of EM after them.
    for end, jumps in ([0.8], [12]), ([steps[-1], 0.8], []), ([0.8, 0.81], [12]):
        assert ConvergenceDisplay.from_estimator(traced([*steps, *end], jumps)).limit == pytest.approx(1)
    assert ConvergenceDisplay.from_estimator(traced([0, 1, 3, 9])).limit is None
    assert ConvergenceDisplay.from_estimator(traced([0, 1, 1.5], [1])).limit is None
    assert ConvergenceDisplay.from_estimator(traced([*steps, 1.0, 1.0 + 2e-16, 1.0, 1.0])).limit == pytest.approx(1)
    for short in [0.0], [0.0, 1.0]:
        assert ConvergenceDisplay.from_estimator(traced(short)).limit is None


def traced(trace, jumps=()):
    """Return a fitted mixture that came by this trace."""
    mixture = fit(X[:20], 1)
    mixture.lower_bounds_, mixture.accelerated_steps_, mixture.starts_ = list(trace), list(jumps), []
    return mixture


def test_rounding_has_no_place_on_a_log_axis():
    with pytest.warns(ConvergenceWarning):
        mixture = fit(X, tol=0, max_iter=200)
    display = ConvergenceDisplay.from_estimator(mixture, distance=True)
    heights = display.line_.get_ydata()
    assert np.isnan(heights[-1])
    assert np.nanmin(heights) > 1e-15


# ---- the search


def table(**columns):
    """Return what a search of three structures and K = 1, 2, 3 says."""
    names = np.repeat(["full", "tied", "VEV"], 3)
    scores = np.array([9.0, 5.0, np.nan, 8.0, 6.0, 7.0, 8.5, 5.5, 4.0])
    spurious = np.arange(9) == 8
    return {
        "n_components": np.tile([1, 2, 3], 3),
        "covariance_type": names,
        "scores": scores,
        "best_index": 1,
        "is_spurious": spurious,
        **columns,
    }


def test_a_line_for_each_structure_with_the_winner_marked():
    display = SelectionDisplay(**table()).plot()
    assert [line.get_label() for line in display.lines_] == ["full", "tied", "VEV"]
    assert_array_equal([line.get_ydata() for line in display.lines_], table()["scores"].reshape(3, 3))
    assert_array_equal(display.best_.get_data(), [[2], [5.0]])
    assert display.ax_.get_ylabel() == "BIC (lower is better)"
    assert [text.get_text() for text in display.legend_.get_texts()] == [
        *["tied", "full", "VEV"],
        *["best: full, 2", "spurious", "failed"],
    ]


def test_failed_and_spurious_cells_are_shown():
    display = SelectionDisplay(**table()).plot()
    crosses = [line.get_xdata() for line in display.failed_]
    assert [len(cross) for cross in crosses] == [1, 0, 0]
    assert abs(crosses[0][0] - 3) < 0.5
    display.figure_.canvas.draw()
    assert display.ax_.bbox.contains(*display.failed_[0].get_transform().transform(display.failed_[0].get_xydata()[0]))
    assert_array_equal(display.spurious_[2].get_data(), [[3], [4.0]])
    assert to_rgb(display.spurious_[2].get_markerfacecolor()) == (1, 1, 1)
    legend = SelectionDisplay(**table(scores=np.arange(9.0), is_spurious=None)).plot().legend_
    assert not {text.get_text() for text in legend.get_texts()} & {"spurious", "failed"}


def test_rows_of_the_table_may_come_in_any_order():
    order = np.random.default_rng(0).permutation(9)
    shuffled = {name: column[order] for name, column in table().items() if name != "best_index"}
    display = SelectionDisplay(**shuffled, best_index=int(np.flatnonzero(order == 1)[0])).plot()
    for line in display.lines_:
        assert_array_equal(line.get_ydata(), table()["scores"][table()["covariance_type"] == line.get_label()])
    assert_array_equal(display.best_.get_data(), [[2], [5.0]])


def test_all_structures_can_be_told_apart_and_the_low_scores_are_not_flattened():
    names = np.repeat([structure.code for structure in STRUCTURES.values()], 4)
    scores = np.tile([5000.0, 110.0, 100.0, 120.0], 14) + np.repeat(np.arange(14), 4)
    numbers = np.tile([1, 2, 3, 4], 14)
    display = SelectionDisplay(n_components=numbers, covariance_type=names, scores=scores, best_index=2).plot()
    assert len({(line.get_color(), line.get_marker()) for line in display.lines_}) == 14
    low, high = display.ax_.get_ylim()
    assert low < 100
    assert 133 < high < 500


def test_one_cell_is_a_picture_too():
    one = SelectionDisplay(n_components=[3], covariance_type=[Factor(2)], scores=[5.0], best_index=0).plot()
    assert one.ax_.get_ylim()[0] < 5 < one.ax_.get_ylim()[1]
    one.figure_.canvas.draw()
    assert [tick for tick in one.ax_.get_xticks() if 2.5 < tick < 3.5] == [3]


@pytest.mark.parametrize("criterion", ["bic", "aic", "icl"])
def test_a_search_shows_its_own_criterion(criterion):
    search = GaussianMixtureIC(GaussianMixtureEM(random_state=0), n_components=[1, 2], criterion=criterion).fit(X)
    display = SelectionDisplay.from_estimator(search)
    assert display.ax_.get_ylabel().startswith(criterion.upper())
    assert display.best_.get_xdata()[0] == search.best_params_["n_components"]
    assert display.best_.get_ydata()[0] == search.best_score_
    assert [line.get_label() for line in display.lines_] == list(search.covariance_type)


# ---- matplotlib


@pytest.mark.parametrize(
    ("name", "call"),
    {
        "GaussianMixtureDisplay": lambda: draw(MIXTURE, X),
        "ConvergenceDisplay": lambda: ConvergenceDisplay.from_estimator(MIXTURE),
        "SelectionDisplay": lambda: SelectionDisplay.from_estimator(SEARCH),
    }.items(),
)
def test_without_matplotlib_there_is_one_sentence(monkeypatch, name, call):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    sentence = f'{name}.from_estimator needs matplotlib; install it with pip install "sklearn-em[plot]".'
    with pytest.raises(ImportError, match=f"^{re.escape(sentence)}$"):
        call()


def test_a_display_that_is_not_drawn_needs_no_matplotlib():
    script = "import sys, sklearn_em; sklearn_em.SelectionDisplay; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
