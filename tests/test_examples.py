"""The worked examples run, and what they claim is true of what they print.

Every script in examples/ is a page of the gallery and is run here whole, as the gallery runs it: its data are small.
em_vs_kmeans.py alone is a command with arguments.
"""

import ast
import runpy
import sys
from collections import namedtuple
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import jupytext
import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.image import imread

from sklearn_em import GaussianMixtureEM

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPT = EXAMPLES / "em_vs_kmeans.py"
PAGES = [path.stem for path in sorted(EXAMPLES.glob("*.py")) if path != SCRIPT]
COLOURS = [(0, 114, 178), (213, 94, 0), (0, 158, 115)]  # blue, vermilion, green

# What a page printed, split into words line by line, and the pixels of its pictures.
Page = namedtuple("Page", ["lines", "pictures"])


@cache
def run_page(name):
    """Run a page of the gallery; it shows its pictures with pyplot."""
    matplotlib.use("Agg")
    plt.close("all")
    path = str(EXAMPLES / f"{name}.py")
    with redirect_stdout(StringIO()) as out, patch.object(sys, "argv", [path]), patch.object(plt, "show") as show:
        runpy.run_path(path, run_name="__main__")
    assert show.called
    pictures = []
    for number in plt.get_fignums():
        canvas = plt.figure(number).canvas
        canvas.draw()
        pictures.append(np.array(canvas.buffer_rgba())[..., :3])
    plt.close("all")
    return Page([line.split() for line in out.getvalue().splitlines()], pictures)


def run(monkeypatch, capsys, folder, *arguments):
    """Run the command in `folder`; return what it printed, split into words line by line."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def check_picture(pixels, colours):
    """Assert that a picture is not empty, and shows the colours."""
    assert np.any(pixels < 252, axis=2).mean() > 0.02
    for colour in colours:
        assert np.sum(np.all(pixels == colour, axis=2)) > 500


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_page_runs_and_shows_pictures(name):
    pictures = run_page(name).pictures
    assert pictures
    for pixels in pictures:
        check_picture(pixels, [])


@pytest.mark.parametrize("name", PAGES)
def test_page_has_a_title(name):
    """The gallery takes it from the docstring: a line, and a line of = below it that is no shorter."""
    title, line = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))).split("\n")[:2]
    assert len(line) >= len(title) > 0
    assert set(line) == {"="}


def test_notebook_is_its_script():
    """Write it anew with jupytext --to ipynb --output em_vs_kmeans.ipynb em_vs_kmeans_notebook.py."""
    script, notebook = (
        [(cell.cell_type, cell.source) for cell in jupytext.read(EXAMPLES / name).cells]
        for name in ("em_vs_kmeans_notebook.py", "em_vs_kmeans.ipynb")
    )
    assert notebook == script


def table(lines):
    """The rows of the table of methods, by method."""
    start = next(i for i, words in enumerate(lines) if words[:2] == ["method", "ARI"])
    return {words[0]: dict(zip(lines[start], words, strict=True)) for words in lines[start + 1 : start + 3]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "kmeans_ari", "em_ari"),
    [
        ("iris", (0.7, 0.8), (0.9, 1.0)),
        ("blobs", (0.9, 1.0), (0.9, 1.0)),
        ("stretched", (-0.1, 0.7), (0.95, 1.0)),
        ("two-gaussians", (0.6, 0.8), (0.9, 1.0)),
    ],
)
def test_table_and_picture(monkeypatch, capsys, tmp_path, data, kmeans_ari, em_ari):
    lines = run(monkeypatch, capsys, tmp_path, "--data", data)
    rows = table(lines)
    assert list(rows) == ["KMeans", "GaussianMixtureEM"]
    for row, (low, high) in zip(rows.values(), (kmeans_ari, em_ari), strict=True):
        assert low <= float(row["ARI"]) <= high
        assert int(row["iterations"]) >= 1
        assert float(row["seconds"]) >= 0
    assert rows["KMeans"]["log-likelihood"] == rows["KMeans"]["BIC"] == "-"
    assert np.isfinite(float(rows["GaussianMixtureEM"]["log-likelihood"]))
    assert np.isfinite(float(rows["GaussianMixtureEM"]["BIC"]))

    assert lines[-1] == ["picture:", f"em_vs_kmeans_{data}.png"]
    assert [path.name for path in tmp_path.iterdir()] == [f"em_vs_kmeans_{data}.png"]
    pixels = imread(tmp_path / f"em_vs_kmeans_{data}.png")[..., :3]
    assert min(pixels.shape[:2]) > 500
    painted = np.any(pixels < 0.99, axis=2)
    for row_of_panels in np.array_split(painted, 2):
        assert row_of_panels.mean() > 0.02
    for colour in [(0, 114, 178), (230, 159, 0)]:  # the clusters' blue and orange
        assert np.sum(np.all(np.abs(pixels * 255 - colour) < 1, axis=2)) > 500


def test_bound_meets_log_likelihood(monkeypatch, capsys, tmp_path):
    lines = run(monkeypatch, capsys, tmp_path, "--data", "two-gaussians", "--output", "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    start = next(i for i, words in enumerate(lines) if words[:1] == ["iter"])
    assert lines[start] == ["iter", "pi_1", "mu_1", "s_1", "mu_2", "s_2", "ELBO", "KL", "ELBO+KL", "log-likelihood"]
    stop = next(i for i, words in enumerate(lines) if i > start and not words)
    steps = np.array(lines[start + 1 : stop], dtype=float)
    iteration, pi, mu_1, s_1, mu_2, s_2, bound, gap, total, value = steps.T
    last_digit = 1.01e-8

    np.testing.assert_array_equal(iteration, np.arange(len(steps)))
    assert 5 < len(steps) < 50
    assert int(table(lines)["GaussianMixtureEM"]["iterations"]) == len(steps) - 1
    assert float(table(lines)["GaussianMixtureEM"]["log-likelihood"]) == pytest.approx(500 * value[-1], abs=0.006)

    np.testing.assert_allclose(total, value, rtol=0, atol=last_digit)
    np.testing.assert_allclose(bound + gap, value, rtol=0, atol=1.5 * last_digit)
    assert np.all(gap >= 0)
    assert gap[0] == 0  # q is the posterior itself: the bound touches
    assert gap.max() > 0.01  # and it visibly does not between an M-step and an E-step
    assert np.all(np.diff(value) >= -last_digit)
    assert np.all(bound[1:] >= value[:-1] - last_digit)  # the M-step raises the bound it started on
    assert value[-1] - value[0] > 0.1

    np.testing.assert_array_equal(steps[0, 1:6], [0.2, 1.0, 1.0, 2.0, 2.0])  # the poor start
    truth = [0.3, 0.0, 0.5, 3.5, 1.2]
    np.testing.assert_allclose([pi[-1], mu_1[-1], s_1[-1], mu_2[-1], s_2[-1]], truth, atol=0.1)


def test_steps_are_those_of_one_fit():
    """Refitting with 0, 1, 2, ... iterations shows the very iterations of the full fit."""
    script = runpy.run_path(str(SCRIPT))
    data = script["load"]("two-gaussians")
    mixture = GaussianMixtureEM(2, **data.em_options).fit(data.points)
    steps = script["replay"](data, mixture.n_iter_)
    np.testing.assert_allclose([value for *_, value in steps], mixture.lower_bounds_, rtol=1e-12)


def test_data_is_the_same_on_every_call():
    load = runpy.run_path(str(SCRIPT))["load"]
    for name in ["blobs", "stretched", "two-gaussians"]:
        assert len(load(name).points) == 500
        np.testing.assert_array_equal(load(name).points, load(name).points)


@pytest.mark.parametrize("arguments", [["--data", "moons"], []])
def test_wrong_data_is_argparse_error(monkeypatch, capsys, tmp_path, arguments):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert "--data" in message
    assert "two-gaussians" in message


@pytest.mark.slow
def test_structures_are_drawn_and_nested_ones_are_no_better():
    lines, (picture,) = run_page("structures")
    assert lines[0] == ["code", "name", "parameters", "log-likelihood", "BIC"]
    value = {words[0]: float(words[3]) for words in lines[1:15]}
    assert len(value) == 14
    contained = [
        (a, b)
        for a in value
        for b in value
        if a != b and all("IEV".index(i) <= "IEV".index(j) for i, j in zip(a, b, strict=True))
    ]
    assert ("VVI", "VVE") in contained
    for smaller, larger in contained:
        assert value[smaller] <= value[larger]
    bic = {words[0]: float(words[4]) for words in lines[1:15]}
    assert lines[-1] == ["lowest", "BIC:", min(bic, key=bic.get)]
    check_picture(picture, COLOURS)


def numbers(words, count):
    """The last words of a line of a table."""
    return np.array([word.strip(",") for word in words[-count:]], dtype=float)


def test_noise_is_found():
    lines, (picture,) = run_page("noise")
    alone, without, found = (numbers(words, 11) for words in lines[1:4])
    means, deviations = [0, 1, 4, 5], [2, 3, 6, 7]
    assert np.all(np.abs(found - alone)[means] < [0.05, 0.5, 0.05, 0.5])
    assert np.all(np.abs(found / np.maximum(alone, 0.01) - 1)[deviations] < 0.2)
    assert np.all(without[deviations] > 1.4 * alone[deviations])
    assert not without[8:].any()
    assert found[8] == pytest.approx(80 / 352, abs=0.05)
    assert found[9] > 0.8 * 80
    assert found[10] < 0.06 * 272
    check_picture(picture, COLOURS[:2])


@pytest.mark.slow
def test_sensors_are_filled_in():
    lines = run_page("sensors").lines
    mean, chained, one, three = (numbers(words, 7) for words in lines[2:6])
    assert np.all(np.abs(mean - 1) < 0.05)
    assert np.all(one < chained + 0.02)
    assert np.all(three < 0.9 * chained)
    assert three[-1] < 0.7 * chained[-1]
    assert lines[-1][:3] == ["90", "%", "intervals"]
    assert float(lines[-1][-2]) == pytest.approx(90, abs=2)


@pytest.mark.slow
def test_ten_labels_are_worth_more_with_the_other_rows():
    lines, (picture,) = run_page("few_labels")
    without, ten, regression, neighbour, everything = (numbers(words, 3) for words in lines[1:6])
    assert np.all(ten >= without)
    assert ten[2] > without[2] + 0.02  # the worst
    for alone in regression, neighbour:
        assert np.all(ten > alone + 0.05)
        assert alone[0] == pytest.approx(alone[1], abs=0.02)  # a typical picture
    assert np.all(everything > ten)
    check_picture(picture, COLOURS)


def test_each_m_step_goes_to_the_highest_point_of_the_bound():
    lines, (picture,) = run_page("lower_bound")
    values = [[float(word.strip(";")) for word in (words[1], words[3], words[-1])] for words in lines]
    assert len(values) == 4
    for (old, new, highest), following in zip(values, [*values[1:], None], strict=True):
        assert old < new
        assert abs(new - highest) <= 0.0051  # half a step of the grid
        assert following is None or following[0] == new
    check_picture(picture, COLOURS)


@pytest.mark.slow
def test_em_wins_where_clusters_are_not_round_and_equal():
    lines = run_page("em_vs_kmeans_notebook").lines
    ari = {" ".join(words[:-2]): (float(words[-2]), float(words[-1])) for words in lines[1:5]}
    assert list(ari) == ["equal and round", "stretched", "unequal spread", "Iris"]
    assert min(ari["equal and round"]) > 0.95
    for name, (kmeans, em) in list(ari.items())[1:]:
        assert kmeans < 0.8, name
        assert em >= 0.9, name
