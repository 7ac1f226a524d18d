"""`summary()` as a reader sees it."""

import pickle
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from conftest import few_rows_are_fine, mixture_rows
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from sklearn_em import Factor, GaussianMixtureEM

IRIS = load_iris(as_frame=True).data


def table(summary):
    """The lines of the table, by heading; names of features must have no blanks here."""
    lines = summary.split("\n")
    below = lines[lines.index("") + 2 :]
    assert lines[lines.index("") + 1].strip() == "means"
    headings, *rows = (line.split() for line in below)
    return [dict(zip(headings, row, strict=False)) for row in rows]


def column(summary, heading):
    return [float(row[heading]) for row in table(summary) if heading in row]


def test_the_table_says_what_the_attributes_say():
    weight = np.random.default_rng(0).integers(1, 4, len(IRIS)) * 1e3
    mixture = GaussianMixtureEM(3, random_state=0).fit(IRIS.to_numpy(), sample_weight=weight)
    summary = mixture.summary()
    assert summary.startswith("Gaussian mixture: 3 components, 4 features\n")
    assert f"converged after {mixture.n_iter_} iterations" in summary
    assert f"objective  {mixture.lower_bound_:.7g} per unit of weight\n" in summary
    assert "full (VVV). Ellipsoids, each of its own volume, shape and orientation." in summary
    assert [row["component"] for row in table(summary)] == ["0", "1", "2"]
    assert_allclose(column(summary, "weight"), mixture.weights_, atol=1e-4)
    assert_allclose(column(summary, "mass"), weight @ mixture.predict_proba(IRIS.to_numpy()), rtol=1e-3)
    assert_allclose(column(summary, "volume"), mixture.covariance_decomposition().volume, atol=1e-4)
    assert_allclose(column(summary, "certain"), mixture.diagnostics_.certain_share, atol=1e-3)
    for j in range(4):
        assert_allclose(column(summary, f"x{j}"), mixture.means_[:, j], atol=0.01)


@pytest.mark.parametrize("covariance_type", ["tied", "diag", "tied_spherical", "VEV", Factor(1)], ids=str)
def test_volumes_of_every_way_to_store_covariances(covariance_type):
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(IRIS)
    volumes = np.linalg.det(mixture.covariance_matrices()) ** 0.25
    assert_allclose([float(row["volume"]) for row in table(mixture.summary())], volumes, atol=1e-4)


def test_it_shows_itself():
    summary = GaussianMixtureEM(2, random_state=0).fit(IRIS).summary()
    assert isinstance(summary, str)
    assert repr(summary) == str(summary) == summary
    assert not any(line.endswith(" ") for line in summary.split("\n"))
    copied = pickle.loads(pickle.dumps(summary))
    assert copied == summary
    assert copied._repr_html_() == summary._repr_html_()


class Cells(HTMLParser):
    """The rows of cells of an HTML table; tags must be closed in order."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in {"td", "th"}:
            self.rows[-1].append(data)


def test_html_has_the_same_cells_and_whole_names():
    names = ["<script>alert(1)</script>", "weight", "a & b", "a name that is much too long for a terminal"]
    X = IRIS.set_axis(names, axis=1)
    summary = GaussianMixtureEM(2, random_state=0).fit(X).summary()
    html = summary._repr_html_()
    assert "<script>" not in html
    means, headings, *rows = Cells(html).rows
    assert means == ["means"]
    assert headings == ["component", "weight", "mass", "volume", "certain", *names]
    assert rows == [line.split() for line in summary.split("\n")[-2:]]


def test_noise_is_a_line_of_its_own():
    X, _ = mixture_rows(n_components=2)
    X = np.vstack([X, np.random.default_rng(0).uniform(-20, 20, size=(60, 3))])
    mixture = GaussianMixtureEM(2, noise=True, random_state=0).fit(X)
    last = table(mixture.summary())[-1]
    assert last.keys() == {"component", "weight"}
    assert last["component"] == "noise"
    assert float(last["weight"]) == pytest.approx(mixture.noise_weight_, abs=1e-4)
    assert Cells(mixture.summary()._repr_html_()).rows[-1] == [last["component"], last["weight"]]


def test_what_is_not_known_is_not_there():
    given = GaussianMixtureEM.from_parameters([0.25, 0.75], [[0.0], [5.0]], [1.0, 2.0], "spherical").summary()
    assert "1 feature\n" in given
    assert "converged" not in given
    assert table(given)[0].keys() == {"component", "weight", "volume", "x0"}
    fitted = GaussianMixtureEM(2, random_state=0).fit(IRIS)
    converted = GaussianMixtureEM.from_sklearn(fitted.to_sklearn()).summary()
    assert f"converged after {fitted.n_iter_} iterations" in converted
    assert "mass" not in converted


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_that_did_not_converge_says_so():
    summary = GaussianMixtureEM(3, max_iter=1, random_state=0).fit(IRIS).summary()
    assert "not converged (max_iter) after 1 iteration\n" in summary


def test_features_without_room_are_counted():
    X, _ = mixture_rows(n_features=50)
    summary = GaussianMixtureEM(2, covariance_type="diag", random_state=0).fit(X).summary()
    shown = [heading for heading in table(summary)[0] if heading.startswith("x")]
    assert 3 <= len(shown) < 20
    assert f"the means of {50 - len(shown)} features\n" in summary
    assert max(map(len, summary.split("\n"))) <= 105


def test_long_names_are_cut_so_that_they_differ():
    text = GaussianMixtureEM(random_state=0).fit(IRIS).summary()
    assert "sepal length…" in text
    assert "petal width…" in text
    alike = IRIS.set_axis([f"measurement of sensor {j}" for j in range(4)], axis=1)
    headings = GaussianMixtureEM(random_state=0).fit(alike).summary().split("\n")[-2]
    assert all(f"sor {j}" in headings for j in range(4))


@pytest.mark.parametrize("unit", [1e-150, 1e-8, 1.0, 1e8, 1e150])
def test_units_of_any_size_are_legible(unit):
    X, _ = mixture_rows()
    mixture = GaussianMixtureEM(3, random_state=0).fit(X * unit)
    summary = mixture.summary()
    assert_allclose(column(summary, "x1"), mixture.means_[:, 1], atol=0.01 * unit)
    assert_allclose(column(summary, "volume"), mixture.covariance_decomposition().volume, rtol=0.05)
    assert max(len(row["x1"]) for row in table(summary)) <= 14


def test_an_offset_does_not_hide_the_means():
    X, _ = mixture_rows()
    mixture = GaussianMixtureEM(3, random_state=0).fit(X + 1e9)
    assert_allclose(np.array(column(mixture.summary(), "x0")) - 1e9, mixture.means_[:, 0] - 1e9, atol=0.01)


@few_rows_are_fine
@pytest.mark.filterwarnings("ignore:Components .* were left without rows")
def test_an_empty_component_and_no_certainty():
    X = pd.DataFrame({"only": np.repeat([0.0, 1.0], 20)})
    summary = GaussianMixtureEM(3, reg_covar=10.0, random_state=0).fit(X).summary()
    assert column(summary, "certain") == [0, 0, 0]


def test_before_a_fit():
    with pytest.raises(NotFittedError):
        GaussianMixtureEM().summary()
