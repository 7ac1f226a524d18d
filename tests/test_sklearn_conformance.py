"""scikit-learn's own tests of GaussianMixture, taken from the installed package and run on GaussianMixtureEM.

Every test that exercises public behaviour is here. Left out are those of scikit-learn's private functions, of its array
API support, and of BayesianGaussianMixture. Only the import and the class name in messages are swapped, line by line:
a traceback shows scikit-learn's file and line.
"""

import importlib.abc
import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest
import sklearn.mixture

if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9):
    pytest.skip("the mixture tests differ before scikit-learn 1.9", allow_module_level=True)

# scikit-learn's tests expect its own warning filters, which ignore; a RuntimeWarning would come from our arithmetic
pytestmark = pytest.mark.filterwarnings("ignore", "error::RuntimeWarning")

OURS = "from sklearn_em import GaussianMixtureEM as GaussianMixture\n"
SWAPS = {
    "test_gaussian_mixture.py": {
        "from sklearn.mixture import GaussianMixture\n": OURS,
        "This GaussianMixture instance is not fitted": "This GaussianMixtureEM instance is not fitted",
    },
    "test_mixture.py": {
        "from sklearn.mixture import BayesianGaussianMixture, GaussianMixture\n": OURS,
        "[GaussianMixture(), BayesianGaussianMixture()]": "[GaussianMixture()]",
    },
}
NAMES = {
    "test_gaussian_mixture.py": [
        "test_gaussian_mixture_attributes",
        "test_check_weights",
        "test_check_means",
        "test_check_precisions",
        "test_gaussian_mixture_estimate_log_prob_resp",
        "test_gaussian_mixture_predict_predict_proba",
        "test_gaussian_mixture_fit_predict",
        "test_gaussian_mixture_fit_predict_n_init",
        "test_gaussian_mixture_fit",
        "test_gaussian_mixture_fit_best_params",
        "test_gaussian_mixture_fit_convergence_warning",
        "test_multiple_init",
        "test_bic_1d_1component",
        "test_gaussian_mixture_verbose",
        "test_warm_start",
        "test_convergence_detected_with_warm_start",
        "test_score",
        "test_score_samples",
        "test_monotonic_likelihood",
        "test_regularisation",
        "test_fitted_precision_covariance_concistency",
        "test_sample",
        "test_init",
        "test_gaussian_mixture_setting_best_params",
        "test_init_means_not_duplicated",
        "test_means_for_all_inits",
        "test_max_iter_zero",
        "test_gaussian_mixture_precisions_init_diag",
        "test_gaussian_mixture_single_component_stable",
    ],
    "test_mixture.py": [
        "test_gaussian_mixture_n_iter",
        "test_mixture_n_components_greater_than_n_samples_error",
    ],
}


class SwappedSource(importlib.abc.SourceLoader):
    """Loads a source file with some of its text replaced; writes no byte code."""

    def __init__(self, path, swaps):
        self.path, self.swaps = path, swaps

    def get_filename(self, fullname):
        return str(self.path)

    def get_data(self, path):
        source = Path(path).read_text(encoding="utf-8")
        for old, new in self.swaps.items():
            source = source.replace(old, new)
        return source.encode()


def sklearn_tests(file_name):
    """The chosen test functions of one of scikit-learn's files, by name."""
    loader = SwappedSource(Path(sklearn.mixture.__file__).parent / "tests" / file_name, SWAPS[file_name])
    spec = importlib.util.spec_from_loader(f"sklearn_{Path(file_name).stem}", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return {name: getattr(module, name) for name in NAMES[file_name] if hasattr(module, name)}


COLLECTED = {name: function for file_name in NAMES for name, function in sklearn_tests(file_name).items()}
globals().update(COLLECTED)  # this is where pytest looks


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def global_dtype(request):
    return request.param


@pytest.fixture
def global_random_seed():
    return 42


def test_every_chosen_function_is_collected():
    assert [name for names in NAMES.values() for name in names if name not in COLLECTED] == []
    assert len(COLLECTED) == 31


def test_every_case_is_collected():
    def n_cases(function):
        marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
        n_dtypes = 2 if "global_dtype" in inspect.signature(function).parameters else 1
        return n_dtypes * int(np.prod([len(mark.args[1]) for mark in marks]))

    assert sum(map(n_cases, COLLECTED.values())) == 60


@pytest.mark.parametrize("file_name", list(SWAPS))
def test_swaps_find_their_text(file_name):
    source = (Path(sklearn.mixture.__file__).parent / "tests" / file_name).read_text(encoding="utf-8")
    assert [old for old in SWAPS[file_name] if old not in source] == []
