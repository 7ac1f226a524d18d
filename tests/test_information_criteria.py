"""GaussianMixtureIC: what it chooses, and that sharing work among the cells of the grid does not show."""

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import oracles
import pandas as pd
import pytest
from conftest import few_rows_are_fine, mixture_rows
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_em import Factor, FixedParameters, GaussianMixtureEM, GaussianMixtureIC, GaussianMixturePrior

DATA = Path(__file__).parent / "data"
IRIS = load_iris().data
CODES = list(oracles.GENERALISATIONS)


def search(estimator=None, n_components=(1, 2, 3), covariance_type=("full", "tied"), **options):
    estimator = GaussianMixtureEM(random_state=0) if estimator is None else estimator
    return GaussianMixtureIC(estimator, n_components=n_components, covariance_type=covariance_type, **options)


def mclust_best(dataset):
    """R's lowest BIC, in our sign, over 14 structures (2 with one feature) and 1 to 9 components."""
    cells = json.loads((DATA / "mclust_grid.json").read_text(encoding="utf-8"))["cells"]
    return min(-cell["bic"] for cell in cells if cell["dataset"] == dataset)


@pytest.fixture(scope="module")
def iris_search():
    """All structures, 1 to 5 components."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return search(n_components=range(1, 6), covariance_type="all").fit(IRIS)


@few_rows_are_fine
@pytest.mark.parametrize(
    "dataset",
    [
        "acidity",
        "galaxies",
        "faithful_eruptions",
        "faithful_waiting",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("iris", "faithful", "diabetes", "synth", "wine")),
    ],
)
def test_bic_is_no_worse_than_what_mclust_picks(dataset):
    name, _, column = dataset.partition("_")
    X = np.loadtxt(DATA / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2)
    X = X[:, [["eruptions", "waiting"].index(column)]] if column else X
    structures = ("EII", "VII") if X.shape[1] == 1 else "all"
    best = search(n_components=range(1, 10), covariance_type=structures).fit(X)
    assert best.best_score_ <= mclust_best(dataset) + 0.05
    assert not best.results_["is_spurious"][best.best_index_]


def test_results_are_a_table_of_all_cells(iris_search):
    table = pd.DataFrame(iris_search.results_)
    assert len(table) == 14 * 5
    assert set(table["covariance_type"]) == set(CODES)
    assert not table["error"].any()
    best = table.loc[iris_search.best_index_]
    assert best["rank"] == 1
    assert sorted(table["rank"]) == list(range(1, 71))
    assert (table["fit_time"] > 0).all()
    sound = table[~table["is_spurious"]]
    assert iris_search.best_score_ == best["bic"] == sound["bic"].min()
    assert iris_search.best_params_ == best[["n_components", "covariance_type"]].to_dict()
    chosen = iris_search.best_estimator_
    assert_allclose([chosen.bic(IRIS), chosen.aic(IRIS), chosen.icl(IRIS)], best[["bic", "aic", "icl"]].tolist())
    assert_allclose(table["bic"], -2 * table["log_likelihood"] + table["n_parameters"] * np.log(150))
    assert_allclose(table["aic"], -2 * table["log_likelihood"] + 2 * table["n_parameters"])
    assert (table["icl"] >= table["bic"] - 1e-9).all()


def test_no_structure_ends_below_its_special_cases(iris_search):
    table = pd.DataFrame(iris_search.results_).set_index(["covariance_type", "n_components"])
    for special, generals in oracles.GENERALISATIONS.items():
        for general in generals:
            for K in range(1, 6):
                cells = table.loc[[(special, K), (general, K)]]
                if not cells["is_spurious"].any():
                    low, high = cells["log_likelihood"]
                    # they are blurred differently, and stop within 0.1 nat
                    assert low <= high + 0.2, (special, general, K)


def test_number_of_processes_does_not_show():
    one, two = (search(covariance_type=("diag", "VEE", "full"), n_jobs=n_jobs).fit(IRIS) for n_jobs in (1, 2))
    for name in ("n_components", "bic", "icl", "n_iter", "rank"):
        assert_array_equal(one.results_[name], two.results_[name])
    assert_array_equal(one.best_estimator_.means_, two.best_estimator_.means_)


def test_order_of_the_grid_does_not_show():
    there = search(n_components=(1, 2, 3), covariance_type=("tied", "full")).fit(IRIS)
    back = search(n_components=(3, 1, 2, 2), covariance_type=("full", "tied", "EEE")).fit(IRIS)
    assert len(back.results_["bic"]) == 6
    assert there.best_params_ == back.best_params_
    assert there.best_score_ == pytest.approx(back.best_score_, abs=1e-3)


@pytest.mark.parametrize("n_rows", [500, 4000])
def test_larger_numbers_in_the_grid_do_not_show(n_rows):
    """Neither where all rows are searched nor where some of them are."""
    X = mixture_rows(n_rows, 2, 3)[0]
    few, more = search(n_components=(1, 2, 3)).fit(X), search(n_components=range(1, 10)).fit(X)
    for structure in ("full", "tied"):
        of_few, of_more = (one.results_["covariance_type"] == structure for one in (few, more))
        assert_array_equal(few.results_["bic"][of_few], more.results_["bic"][of_more][:3])


def test_weights_are_repeats():
    weight = np.random.default_rng(0).integers(0, 3, 150)
    weighted = search().fit(IRIS, sample_weight=weight)
    repeated = search().fit(np.repeat(IRIS, weight, axis=0))
    assert weighted.best_params_ == repeated.best_params_
    assert_allclose(weighted.results_["bic"], repeated.results_["bic"], rtol=1e-9)


@few_rows_are_fine
@pytest.mark.parametrize("criterion", ["bic", "aic", "icl"])
def test_criterion(criterion):
    best = search(criterion=criterion, n_components=range(1, 5)).fit(IRIS)
    values = np.where(best.results_["is_spurious"], np.inf, best.results_[criterion])
    assert best.best_score_ == values.min() == pytest.approx(getattr(best.best_estimator_, criterion)(IRIS))


@few_rows_are_fine
@pytest.mark.parametrize(
    "estimator",
    [
        GaussianMixtureEM(noise=True, random_state=0),
        GaussianMixtureEM(prior="auto", random_state=0),
        GaussianMixtureEM(prior=GaussianMixturePrior(mean_precision=0.1), weights="equal", random_state=0),
        GaussianMixtureEM(n_init=3, reg_covar=1e-3, acceleration=None, random_state=0),
        GaussianMixtureEM(init_params="random", tol=1e-3, random_state=np.random.RandomState(3)),
    ],
    ids=lambda estimator: str(estimator)[18:40],
)
@pytest.mark.parametrize("gaps", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_settings_of_the_estimator_hold(estimator, gaps):
    X = IRIS.copy()
    if gaps:
        X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    best = search(estimator, n_components=(1, 2, 3), covariance_type=("diag", "full", Factor(1))).fit(X)
    assert not best.results_["error"].any()
    chosen = best.best_estimator_
    assert best.best_score_ == pytest.approx(chosen.bic(X))
    as_template = clone(chosen).set_params(n_components=1, covariance_type="full")
    assert repr(as_template.set_params(random_state=0)) == repr(clone(estimator).set_params(random_state=0))


def test_cells_are_about_as_good_as_fits_of_their_own(iris_search):
    table = pd.DataFrame(iris_search.results_).set_index(["covariance_type", "n_components"])
    for structure in CODES:
        alone = GaussianMixtureEM(2, covariance_type=structure, random_state=0).fit(IRIS)
        assert table.loc[(structure, 2), "bic"] <= alone.bic(IRIS) + 1


def test_cells_that_fail_are_marked():
    X = IRIS[::30]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        best = search(n_components=(1, 6), covariance_type=("tied", Factor(4))).fit(X)
    results = best.results_
    assert_array_equal(np.isnan(results["bic"]), [False, True, True, True])
    assert results["error"][0] == ""
    assert "n_components = 6, n_samples = 5" in results["error"][1]
    assert "fewer factors" in results["error"][2]
    assert best.best_params_ == {"n_components": 1, "covariance_type": "tied"}
    assert results["rank"][0] == 1


def test_labels_and_fixed_parts_are_for_cells_that_have_them():
    labels = np.where(np.arange(150) % 10 == 0, load_iris().target, -1)
    best = search(n_components=(2, 3)).fit(IRIS, known_labels=labels)
    assert best.best_params_["n_components"] == 3
    assert all("known_labels" in error for error in best.results_["error"][[0, 2]])
    fixed = FixedParameters(means=[[5, 3.4, 1.5, 0.2], [np.nan] * 4])
    best = search(GaussianMixtureEM(fixed=fixed, random_state=0)).fit(IRIS)
    assert best.best_params_["n_components"] == 2
    assert_array_equal(best.best_estimator_.means_[0], [5, 3.4, 1.5, 0.2])
    assert best.fit_predict(IRIS, known_labels=np.full(150, -1)).shape == (150,)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_few_iterations_are_fits_of_their_own():
    best = search(GaussianMixtureEM(max_iter=3, random_state=0)).fit(IRIS)
    assert best.results_["n_iter"].max() == 3


def test_it_is_the_best_estimator():
    best = search().fit(IRIS)
    chosen = best.best_estimator_
    for name in ("predict", "predict_proba", "score_samples", "log_joint", "score", "bic", "aic", "icl", "impute"):
        assert_array_equal(getattr(best, name)(IRIS), getattr(chosen, name)(IRIS))
    assert best.sample(3)[0].shape == (3, 4)
    assert_array_equal(best.covariance_matrices(), chosen.covariance_matrices())
    assert_array_equal(pickle.loads(pickle.dumps(best)).predict(IRIS), best.predict(IRIS))
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    assert list(search(n_components=[1]).fit(frame).best_estimator_.feature_names_in_) == list("abcd")
    assert make_pipeline(StandardScaler(), search()).fit(IRIS).predict(IRIS).shape == (150,)
    with pytest.raises(NotFittedError, match="GaussianMixtureIC instance is not fitted"):
        search().predict(IRIS)
    with pytest.raises(NotFittedError):
        clone(best).predict(IRIS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": []}, r"n_components is \[\]; give the numbers of components to try"),
        ({"n_components": [2, 0]}, r"n_components is \[2, 0\]; give the numbers"),
        ({"n_components": [1.5]}, r"n_components is \[1.5\]; give the numbers"),
        ({"covariance_type": []}, 'covariance_type is empty; give "all"'),
        ({"covariance_type": ["full", "round"]}, "covariance_type contains 'round'; give \"all\""),
        ({"criterion": "waic"}, "The 'criterion' parameter of GaussianMixtureIC must be a str among"),
    ],
)
def test_parameters_are_checked(options, message):
    best = search().fit(IRIS)
    before = dict(vars(best))
    with pytest.raises(ValueError, match=message):
        best.set_params(**options).fit(IRIS)
    assert {name: vars(best)[name] for name in before if name.endswith("_")} == {
        name: value for name, value in before.items() if name.endswith("_")
    }


def test_every_fit_failing_is_an_error():
    with pytest.raises(ValueError, match=r"Every fit of the grid failed, the first for this reason: .*fewer factors"):
        search(covariance_type=[Factor(4)]).fit(IRIS)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([GaussianMixtureIC(n_components=(1, 2), covariance_type=("full", "tied"))])
def test_estimator_checks(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)
