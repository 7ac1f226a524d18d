"""The README's example runs as printed, and says what is true."""

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def example():
    """Return the text of the first Python block."""
    return re.search(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]


def test_example_has_twelve_lines(example):
    assert len([line for line in example.splitlines() if line.strip()]) == 12


def test_example_runs_and_is_right(example, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    exec(compile(example, str(README), "exec"), names)

    X, mixture = names["X"], names["mixture"]
    labels = mixture.predict(X)
    assert len(np.unique(labels)) == 3
    assert (labels[:50] == labels[0]).all()  # setosa stands apart
    assert not np.isin(labels[50:], labels[0]).any()
    assert mixture.covariances_.shape == (3, 4, 4)

    # 3 components in 4 dimensions: 2 free weights, 12 means, 30 covariance entries.
    assert mixture.bic(X) == pytest.approx(-2 * 150 * mixture.score(X) + 44 * np.log(150))
    assert mixture.score(X) * 150 == pytest.approx(-180.186, abs=0.01)  # the best known fit, R's mclust agrees

    printed = capsys.readouterr().out
    assert printed.count("\n") == 4
    assert "a weight is a repeat: True" in printed
