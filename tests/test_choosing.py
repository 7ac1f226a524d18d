"""How many components: information criteria in scikit-learn's searches, and the bootstrap likelihood ratio test."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from conftest import few_rows_are_fine
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import sklearn_em
from sklearn_em import (
    FixedParameters,
    GaussianMixtureEM,
    WholeSample,
    bootstrap_likelihood_ratio_test,
)

DATA = Path(__file__).parent / "data"
IRIS = load_iris().data
WEIGHTS = np.random.default_rng(0).integers(1, 4, size=len(IRIS))
SCORERS = {name: getattr(sklearn_em, f"{name}_scorer") for name in ("aic", "bic", "icl")}
GRID = {"n_components": [1, 2, 3], "covariance_type": ["full", "tied"]}

every_criterion = pytest.mark.parametrize("criterion", SCORERS)


def two_clusters(n_samples=60, distance=8.0, seed=0):
    """Half of the rows about the origin, half about (distance, 0), shuffled."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_samples, 2)) + distance * np.outer(rng.integers(2, size=n_samples), [1, 0])


def three_clusters(seed):
    """Three round clusters of 60 rows, four standard deviations apart or more."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(mean, size=(60, 2)) for mean in [(0, 0), (4, 0), (2, 4)]])


# The searches


@pytest.mark.slow
@few_rows_are_fine
@pytest.mark.parametrize(("criterion", "n_jobs"), [("aic", None), ("bic", None), ("bic", 2), ("icl", None)])
def test_search_on_the_whole_sample_is_the_loop(criterion, n_jobs):
    search = GridSearchCV(
        GaussianMixtureEM(random_state=0), GRID, scoring=SCORERS[criterion], cv=WholeSample(), n_jobs=n_jobs
    ).fit(IRIS)
    loop = [GaussianMixtureEM(random_state=0, **cell).fit(IRIS) for cell in search.cv_results_["params"]]
    values = np.array([getattr(mixture, criterion)(IRIS) for mixture in loop])
    assert_array_equal(search.cv_results_["mean_test_score"], -values)
    assert search.best_index_ == values.argmin()
    assert_array_equal(search.best_estimator_.means_, loop[values.argmin()].means_)
    assert search.n_splits_ == 1


def test_random_search_on_the_whole_sample_is_the_loop():
    search = RandomizedSearchCV(
        GaussianMixtureEM(random_state=0),
        GRID,
        n_iter=3,
        scoring=SCORERS["bic"],
        cv=WholeSample(),
        random_state=0,
    ).fit(IRIS)
    for cell, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        assert score == -GaussianMixtureEM(random_state=0, **cell).fit(IRIS).bic(IRIS)


def test_random_search_by_the_held_out_score():
    cv = KFold(3, shuffle=True, random_state=0)
    search = RandomizedSearchCV(GaussianMixtureEM(random_state=0), GRID, n_iter=3, cv=cv, random_state=0).fit(IRIS)
    for cell, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        estimator = GaussianMixtureEM(random_state=0, **cell)
        assert score == np.mean([estimator.fit(IRIS[train]).score(IRIS[test]) for train, test in cv.split(IRIS)])


@pytest.mark.slow
@few_rows_are_fine
@pytest.mark.parametrize("seed", range(3))
def test_bic_on_folds_picks_too_few(seed):
    X, numbers = three_clusters(seed), range(1, 5)
    cv = KFold(5, shuffle=True, random_state=0)

    def chosen(**how):
        return GridSearchCV(GaussianMixtureEM(random_state=0), {"n_components": numbers}, **how).fit(X).best_params_

    assert chosen(scoring=SCORERS["bic"], cv=WholeSample())["n_components"] == 3
    assert chosen(cv=cv)["n_components"] == 3
    assert chosen(scoring=SCORERS["bic"], cv=cv)["n_components"] < 3


@every_criterion
def test_pipeline_is_scored_on_the_rows_of_its_mixture(criterion):
    scaled = StandardScaler().fit_transform(IRIS)
    mixture = GaussianMixtureEM(2, random_state=0)
    expected = -getattr(clone(mixture).fit(scaled), criterion)(scaled)
    pipeline = make_pipeline(StandardScaler(), mixture)
    for nested in pipeline, make_pipeline(make_pipeline(pipeline)):
        assert SCORERS[criterion](nested.fit(IRIS), IRIS) == expected
    two_steps = make_pipeline(MinMaxScaler(), make_pipeline(StandardScaler(), mixture)).fit(IRIS)
    assert_allclose(SCORERS[criterion](two_steps, IRIS), expected, rtol=1e-8)


def test_pipeline_in_a_search_is_the_loop():
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(random_state=0))
    grid = {f"gaussianmixtureem__{name}": values for name, values in GRID.items()}
    search = GridSearchCV(pipeline, grid, scoring=SCORERS["bic"], cv=WholeSample()).fit(pd.DataFrame(IRIS))
    scaled = StandardScaler().fit_transform(pd.DataFrame(IRIS))
    for cell, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        assert score == -clone(pipeline).set_params(**cell)[-1].fit(scaled).bic(scaled)


@every_criterion
def test_weights_reach_fit_and_scorer(criterion):
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = GaussianMixtureEM(random_state=0).set_fit_request(sample_weight=True)
        search = GridSearchCV(estimator, {"n_components": [1, 2]}, scoring=SCORERS[criterion], cv=WholeSample())
        search.fit(IRIS, sample_weight=WEIGHTS)
    loop = [GaussianMixtureEM(K, random_state=0).fit(IRIS, sample_weight=WEIGHTS) for K in (1, 2)]
    expected = [-getattr(mixture, criterion)(IRIS, sample_weight=WEIGHTS) for mixture in loop]
    assert_array_equal(search.cv_results_["mean_test_score"], expected)
    assert_array_equal(search.best_estimator_.means_, loop[np.argmax(expected)].means_)


@pytest.mark.parametrize("rows", [IRIS, pd.DataFrame(IRIS), IRIS.tolist()], ids=["array", "frame", "list"])
def test_whole_sample_is_one_split_with_every_row_on_both_sides(rows):
    splitter = WholeSample()
    ((train, test),) = splitter.split(rows, groups=np.arange(len(IRIS)))
    assert_array_equal(train, np.arange(len(IRIS)))
    assert_array_equal(test, np.arange(len(IRIS)))
    assert splitter.get_n_splits(rows) == splitter.get_n_splits() == 1


def test_scorers_are_for_scikit_learns_mixture_too():
    mixture = GaussianMixture(2, random_state=0)
    scores = cross_val_score(mixture, IRIS, scoring=SCORERS["bic"], cv=WholeSample())
    assert_array_equal(scores, [-mixture.fit(IRIS).bic(IRIS)])


def test_scorers_and_splitter_can_be_copied_and_read():
    search = GridSearchCV(GaussianMixtureEM(), {"n_components": [1, 2]}, scoring=SCORERS["bic"], cv=WholeSample())
    copy = pickle.loads(pickle.dumps(clone(search)))
    assert (copy.scoring, copy.cv) == (SCORERS["bic"], WholeSample())
    assert "cv=WholeSample()" in repr(search)
    assert "CriterionScorer(criterion='bic')" in repr(search)


# The bootstrap test


def replicates_by_hand(mixture, n_samples, missing, n_bootstrap, seed):
    """The statistics of rows drawn from a fitted mixture, by fits of K and K + 1."""
    statistics = []
    for one in np.random.RandomState(seed).randint(2**31 - 1, size=n_bootstrap):
        rows, _ = mixture.sample(n_samples, random_state=one)
        rows[missing] = np.nan
        larger = clone(mixture).set_params(n_components=mixture.n_components + 1)
        pair = [estimator.fit(rows).score_samples(rows).sum() for estimator in (clone(mixture), larger)]
        statistics.append(2 * (pair[1] - pair[0]))
    return statistics


@few_rows_are_fine
@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
def test_replicates_are_fits_to_simulated_rows(noise, gaps):
    X = two_clusters(seed=3)
    if gaps:
        X[::4, 1] = np.nan
    estimator = GaussianMixtureEM(covariance_type="spherical", noise=noise, random_state=0)
    result = bootstrap_likelihood_ratio_test(estimator, X, n_bootstrap=5, random_state=7)
    null = clone(estimator).fit(X)
    alternative = clone(estimator).set_params(n_components=2).fit(X)
    assert_array_equal(result.null.means_, null.means_)
    assert_array_equal(result.alternative.means_, alternative.means_)
    assert_allclose(result.statistic, 2 * (alternative.score_samples(X) - null.score_samples(X)).sum(), rtol=1e-12)
    assert_allclose(result.replicates, replicates_by_hand(null, len(X), np.isnan(X), 5, 7), rtol=1e-9, atol=1e-6)
    assert result.failures == ()
    assert not hasattr(estimator, "means_")


def test_two_clusters_are_more_than_one_and_no_less_than_two():
    X = two_clusters()
    estimator = GaussianMixtureEM(covariance_type="tied", random_state=0)
    one = bootstrap_likelihood_ratio_test(estimator, X, n_bootstrap=19, random_state=0)
    assert one.pvalue == 1 / 20
    two = bootstrap_likelihood_ratio_test(
        clone(estimator).set_params(n_components=2), X, n_bootstrap=19, random_state=0
    )
    assert two.pvalue == (1 + sum(two.replicates >= two.statistic)) / 20
    assert two.pvalue > 0.1


def test_result_is_the_same_for_any_number_of_jobs():
    X = two_clusters(40, 2)
    estimator = GaussianMixtureEM(covariance_type="tied", random_state=0)
    alone, processes = (
        bootstrap_likelihood_ratio_test(estimator, X, n_bootstrap=6, n_jobs=n_jobs, random_state=0)
        for n_jobs in (None, 2)
    )
    with parallel_config(backend="threading", n_jobs=2):
        threads = bootstrap_likelihood_ratio_test(estimator, X, n_bootstrap=6, random_state=0)
    others = bootstrap_likelihood_ratio_test(estimator, X, n_bootstrap=6, random_state=1)
    for result in processes, threads:
        assert_array_equal(result.replicates, alone.replicates)
        assert (result.statistic, result.pvalue) == (alone.statistic, alone.pvalue)
    assert not np.isin(others.replicates, alone.replicates).any()


def test_counts_are_repeated_rows():
    X, counts = two_clusters(40, 3), np.arange(40) % 3
    X[::7, 0] = np.nan
    estimator = GaussianMixtureEM(covariance_type="tied", random_state=0)
    counted = bootstrap_likelihood_ratio_test(estimator, X, sample_weight=counts, n_bootstrap=3, random_state=0)
    repeated = bootstrap_likelihood_ratio_test(estimator, np.repeat(X, counts, axis=0), n_bootstrap=3, random_state=0)
    assert_allclose(counted.statistic, repeated.statistic, rtol=1e-6)
    assert_allclose(counted.replicates, repeated.replicates, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("distance", "is_better"), [(8.0, True), (0.0, False)])
def test_search_that_ends_below_goes_on_from_splits(distance, is_better):
    X = two_clusters(distance=distance)
    # Two rows as means are a bad start, and no iteration mends it.
    estimator = GaussianMixtureEM(init_params="random_from_data", max_iter=0, random_state=0)
    assert clone(estimator).set_params(n_components=2).fit(X).lower_bound_ < clone(estimator).fit(X).lower_bound_
    result = bootstrap_likelihood_ratio_test(estimator, X, n_bootstrap=1, random_state=0)
    assert result.statistic > 50 if is_better else result.statistic == 0
    assert (result.alternative.lower_bound_ > result.null.lower_bound_) == is_better


def r_cases():
    """The observed statistics and p-values of R's mclustBootstrapLRT."""
    return json.loads((DATA / "mclust_bootstrap_lrt.json").read_text(encoding="utf-8"))


# Where R's optima of K and of K + 1 are as good as ours.
AS_GOOD = [
    ("faithful", "VVV", 1),
    ("faithful", "EEE", 1),
    ("faithful", "EEE", 2),
    ("faithful_waiting", "E", 1),
    ("iris", "VEV", 1),
    ("iris", "VEV", 2),
]
NAMES = {"E": "tied", "V": "full"}


@pytest.mark.parametrize(
    "case",
    [case for case in r_cases() if (case["dataset"], case["model"], case["n_components"]) in AS_GOOD],
    ids=lambda case: f"{case['dataset']}-{case['model']}-{case['n_components']}",
)
def test_r_finds_the_same(case):
    dataset, _, column = case["dataset"].partition("_")
    X = np.loadtxt(DATA / f"{dataset}.csv", delimiter=",", skiprows=1, ndmin=2)
    X = X[:, [1]] if column == "waiting" else X
    model = case["model"]
    estimator = GaussianMixtureEM(case["n_components"], covariance_type=NAMES.get(model, model), random_state=0)
    result = bootstrap_likelihood_ratio_test(estimator, X, n_bootstrap=4, random_state=0)
    assert_allclose(result.statistic, case["statistic"], atol=0.05)
    # R's is the smallest possible, 1 / 200.
    assert case["pvalue"] == 1 / (1 + case["n_bootstrap"])
    assert result.pvalue == 1 / 5


@pytest.mark.slow
def test_pvalues_are_uniform_where_k_are_enough():
    rng = np.random.default_rng(0)
    estimator = GaussianMixtureEM(covariance_type="tied", random_state=0)
    pvalues = [
        bootstrap_likelihood_ratio_test(estimator, rng.normal(size=(50, 1)), n_bootstrap=9, random_state=seed).pvalue
        for seed in range(60)
    ]
    # A mean of 60 uniform numbers from 0.1, 0.2, ..., 1: within three standard errors.
    assert abs(np.mean(pvalues) - 0.55) < 3 * np.std(np.arange(1, 11) / 10) / np.sqrt(60)
    assert np.mean(np.array(pvalues) <= 0.2) < 0.4


class Unlucky(GaussianMixtureEM):
    """Draws rows that are all the same, which no covariance fits: always, or from even seeds only."""

    always = True

    def sample(self, n_samples=1, random_state=None):
        rows, labels = super().sample(n_samples, random_state)
        return (np.ones_like(rows), labels) if self.always or random_state % 2 == 0 else (rows, labels)


class SometimesUnlucky(Unlucky):
    always = False


def test_failed_replicates_are_left_out_and_told():
    estimator = SometimesUnlucky(covariance_type="tied", reg_covar=0, random_state=0)
    with pytest.warns(UserWarning, match="of 12 replicates failed, and the p-value is from the others; the first said"):
        result = bootstrap_likelihood_ratio_test(estimator, two_clusters(), n_bootstrap=12, random_state=0)
    assert 0 < len(result.failures) < 12
    assert len(result.replicates) == 12 - len(result.failures)
    assert result.pvalue == 1 / (1 + len(result.replicates))


def test_without_any_replicate_there_is_no_pvalue():
    estimator = Unlucky(covariance_type="tied", reg_covar=0, random_state=0)
    with pytest.raises(ValueError, match="All 3 replicates failed, so there is no p-value; the first said: "):
        bootstrap_likelihood_ratio_test(estimator, two_clusters(), n_bootstrap=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prior": "auto"}, "estimator has prior='auto', which .* maxima of the likelihood; leave prior out"),
        ({"weights": "equal"}, "estimator has weights='equal', which leaves K components no place among K [+] 1"),
        ({"fixed": FixedParameters(means=[[0.0, 0.0]])}, "estimator has fixed=FixedParameters.* is for one number of"),
        ({"weights_init": [1.0]}, "estimator has weights_init=.* is for one number of components"),
        ({"means_init": [[0.0, 0.0]]}, "estimator has means_init=.*; leave means_init out"),
        ({"precisions_init": [np.eye(2)]}, "(?s)estimator has precisions_init=.*; leave precisions_init out"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_without_nested_likelihoods_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_likelihood_ratio_test(GaussianMixtureEM(**settings), two_clusters())


def test_wrong_arguments_are_refused():
    X, estimator = two_clusters(), GaussianMixtureEM(random_state=0)
    with pytest.raises(ValueError, match=r"estimator is KMeans\(\); give a GaussianMixtureEM, whose n_components is K"):
        bootstrap_likelihood_ratio_test(KMeans(), X)
    for n_bootstrap in 0, 1.5:
        with pytest.raises(ValueError, match=f"Invalid value for 'n_bootstrap': {n_bootstrap}; give the number of"):
            bootstrap_likelihood_ratio_test(estimator, X, n_bootstrap=n_bootstrap)
    with pytest.raises(ValueError, match=r"sample_weight\[1\] is 0.5; .* how often each row was, a whole number"):
        bootstrap_likelihood_ratio_test(estimator, X, sample_weight=np.r_[1, 0.5, np.ones(58)])
