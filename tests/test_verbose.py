"""What `verbose` prints: each start as it begins and as it ends, and every so many iterations."""

import re

import numpy as np
import pytest
from conftest import mixture_rows

from sklearn_em import GaussianMixtureEM

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, _ = mixture_rows(300, 2, 3, separation=1.0)


def lines_of(capsys, rows=X, **options):
    estimator = GaussianMixtureEM(3, random_state=0, **options).fit(rows)
    return estimator, capsys.readouterr().out.splitlines()


def numbers(line):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", line)]


def test_nothing_is_printed_unless_asked_for(capsys):
    assert lines_of(capsys)[1] == []


def test_a_line_where_a_start_begins_every_interval_and_where_it_ends(capsys):
    estimator, lines = lines_of(capsys, verbose=1, verbose_interval=5, tol=0, max_iter=12)
    assert lines[0] == "Start 0 begins."
    assert [line.split(":")[0] for line in lines[1:-1]] == ["  iteration 0", "  iteration 5", "  iteration 10"]
    for line in lines[1:-1]:
        iteration, objective = numbers(line)
        assert objective == pytest.approx(estimator.lower_bounds_[int(iteration)], rel=1e-7)
    assert lines[-1] == f"Start 0 reached max_iter after 12 iterations: objective {estimator.lower_bound_:.8g}"


def test_iterations_that_chose_the_start_are_not_left_out(capsys):
    estimator, lines = lines_of(capsys, verbose=1, verbose_interval=1)
    printed = [numbers(line)[1] for line in lines[1:-1]]
    assert printed == pytest.approx(estimator.lower_bounds_, rel=1e-7)


def test_level_two_adds_gains_and_times(capsys):
    estimator, lines = lines_of(capsys, verbose=2, verbose_interval=1, tol=0, max_iter=3)
    assert "gain" not in lines[1]
    for line, gain in zip(lines[2:-1], np.diff(estimator.lower_bounds_), strict=True):
        assert numbers(line)[2] == pytest.approx(gain, rel=0.01)
        assert line.endswith(" s")
    assert lines[-1].endswith(" s")


def test_starts_take_turns(capsys):
    estimator, lines = lines_of(capsys, verbose=1, n_init=4)
    heads = [line.split()[:2] for line in lines if line.startswith("Start")]
    assert heads == [["Start", str(number)] for number in range(4) for _ in "be"]
    ends = [line for line in lines if line.startswith("Start") and "begins" not in line]
    assert "converged" in ends[0]
    outrun = [record.status.name == "OUTRUN" for record in estimator.starts_]
    assert any(outrun)
    assert [("given up" in line) for line in ends] == outrun
    for line, record in zip(ends, estimator.starts_, strict=True):
        assert f"after {record.n_iter} iterations: objective {record.objective:.8g}" in line


def test_a_start_that_fails_says_why(capsys):
    """Two values in two cells leave no scatter at all to start from; both in one cell do."""
    GaussianMixtureEM(2, reg_covar=0, n_init=20, max_iter=7, init_params="random", random_state=0, verbose=1).fit(
        np.array([[0.0], [1.0]])
    )
    failed = [line for line in capsys.readouterr().out.splitlines() if "failed" in line]
    assert failed
    assert all("ill-defined" in line for line in failed)
