"""Models that are saved and loaded: the same to the last bit, with the version, and without types of our own."""

import copy
import io
import pickle
import pickletools
import re

import joblib
import numpy as np
import pytest
import skops.io
from conftest import bits, fitted_bits, mixture_rows
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_em
from sklearn_em import (
    Factor,
    FixedParameters,
    GaussianMixtureEM,
    GaussianMixtureIC,
    GaussianMixturePrior,
    InconsistentVersionWarning,
)

X, _ = mixture_rows(150, 3, 2)
ESTIMATORS = "sklearn_em.estimators."
MIXTURE = ESTIMATORS + "gaussian_mixture.GaussianMixtureEM"


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(model):
    saved = skops.io.dumps(model)
    return skops.io.loads(saved, trusted=skops.io.get_untrusted_types(data=saved))


WAYS = pytest.mark.parametrize("way", [by_pickle, by_joblib, by_skops, copy.deepcopy], ids=lambda way: way.__name__)


def check_is_the_same(again, model):
    assert type(again) is type(model)
    assert fitted_bits(again) == fitted_bits(model)
    assert bits(again.predict_proba(X)) == bits(model.predict_proba(X))
    # drawing goes on where it was
    assert bits(again.sample(5)) == bits(model.sample(5))


@WAYS
def test_a_model_comes_back_to_the_last_bit(covariance_type, way):
    model = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(X)
    model.sample(3)
    check_is_the_same(way(model), model)


OPTIONS = {
    "factors": (
        {"covariance_type": Factor(1)},
        [ESTIMATORS.replace("estimators", "gaussian.covariance") + "factor.Factor"],
    ),
    "noise": ({"noise": True}, []),
    "prior": ({"prior": GaussianMixturePrior(mean=[0, 0, 0])}, [ESTIMATORS + "options.GaussianMixturePrior"]),
    "fixed": ({"fixed": FixedParameters(weights=[0.5, 0.5])}, [ESTIMATORS + "options.FixedParameters"]),
    "random state": ({"random_state": np.random.RandomState(0)}, []),
}


@WAYS
@pytest.mark.parametrize("options", [options for options, _ in OPTIONS.values()], ids=OPTIONS)
def test_whatever_is_said_of_a_model_it_comes_back(options, way):
    model = GaussianMixtureEM(2, **{"random_state": 0, **options}).fit(X)
    again = way(model)
    check_is_the_same(again, model)
    assert fitted_bits(again.fit(X)) == fitted_bits(model.fit(X))


@WAYS
def test_a_choice_comes_back(way):
    model = GaussianMixtureIC(n_components=[1, 2], covariance_type=["full", Factor(1)]).fit(X)
    again = way(model)
    assert fitted_bits(again.best_estimator_) == fitted_bits(model.best_estimator_)
    assert bits(again.predict(X)) == bits(model.predict(X))
    assert again.best_params_ == model.best_params_
    assert again.results_["covariance_type"].tolist() == model.results_["covariance_type"].tolist()
    assert bits(again.results_["bic"]) == bits(model.results_["bic"])


@WAYS
@pytest.mark.parametrize("n_first", [100, 8192], ids=["first rows", "statistics"])
def test_a_stream_goes_on(way, n_first):
    rng = np.random.default_rng(0)
    rows = rng.choice([0.0, 5.0], size=(n_first + 50, 1)) + rng.normal(size=(n_first + 50, 2))
    stream = GaussianMixtureEM(2, noise=True, prior="auto", random_state=0).partial_fit(rows[:n_first])
    again = way(stream).partial_fit(rows[n_first:])
    assert fitted_bits(again) == fitted_bits(stream.partial_fit(rows[n_first:]))


@WAYS
def test_a_model_that_is_not_fitted_or_in_a_pipeline_comes_back(way):
    fresh = GaussianMixtureEM(2, tol=1e-3)
    assert way(fresh).get_params() == fresh.get_params()
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(2, random_state=0)).fit(X)
    assert bits(way(pipeline).predict(X)) == bits(pipeline.predict(X))
    given = GaussianMixtureEM.from_parameters([1.0], [[0.0]], [1.0], "spherical")
    assert bits(way(given).score_samples([[1.0]])) == bits(given.score_samples([[1.0]]))


@pytest.mark.parametrize(("options", "types"), OPTIONS.values(), ids=OPTIONS)
def test_types_to_be_trusted(options, types):
    saved = skops.io.dumps(GaussianMixtureEM(2, **options).fit(X))
    assert skops.io.get_untrusted_types(data=saved) == sorted([MIXTURE, *types])


def test_a_fitted_state_has_no_types_of_ours_but_the_estimator():
    fitted, stream = GaussianMixtureEM(2, noise=True).fit(X), GaussianMixtureEM(2, noise=True).partial_fit(X)
    strings = [argument for _, argument, _ in pickletools.genops(pickle.dumps([fitted, stream]))]
    assert {name for name in strings if isinstance(name, str) and name.startswith("sklearn_em.")} == {
        MIXTURE.rpartition(".")[0]
    }


# Versions.


@WAYS
def test_another_version_warns(way, monkeypatch):
    model, getstate = GaussianMixtureEM(2, random_state=0).fit(X), GaussianMixtureEM.__getstate__
    stamped = {"_sklearn_em_version": "0.0.7"}
    monkeypatch.setattr(GaussianMixtureEM, "__getstate__", lambda self: getstate(self) | stamped)
    sentence = (
        f"This GaussianMixtureEM was saved with sklearn_em 0.0.7 and is loaded with {sklearn_em.__version__}, which "
        "may read it wrongly; fit it again, or load it with the version that saved it."
    )
    with pytest.warns(InconsistentVersionWarning, match=re.escape(sentence)):
        again = way(model)
    assert fitted_bits(again) == fitted_bits(model)
    monkeypatch.undo()
    # the version is of the file, not of the model: saved again, it is of this one
    assert fitted_bits(way(again)) == fitted_bits(model)


def test_a_model_without_a_version_warns():
    state = GaussianMixtureEM(2, random_state=0).fit(X).__getstate__()
    del state["_sklearn_em_version"]
    with pytest.warns(
        InconsistentVersionWarning, match="was saved with sklearn_em an unknown version and is loaded with"
    ):
        GaussianMixtureEM().__setstate__(state)


def test_the_warning_is_a_user_warning():
    assert issubclass(InconsistentVersionWarning, UserWarning)
