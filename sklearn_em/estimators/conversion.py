"""The same mixture as scikit-learn's class, and the other way round."""

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from sklearn_em.gaussian.covariance import Structure

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

# scikit-learn's structures, which have the same names here.
STRUCTURES = ("full", "tied", "diag", "spherical")
# Parameters that mean the same in both; `tol` does not.
_PARAMETERS = (
    "reg_covar",
    "max_iter",
    "n_init",
    "init_params",
    "weights_init",
    "means_init",
    "precisions_init",
    "random_state",
    "warm_start",
    "verbose",
    "verbose_interval",
)
_OF_THE_MODEL = ("weights_", "means_", "covariances_", "precisions_cholesky_")
# Factors of precisions are kept as they are: made again from the covariances, they would have lost digits. Weights that
# sum to 1 but for rounding are kept too.
_BESIDE_IT = ("weights_", "precisions_cholesky_", "precisions_", "feature_names_in_")
_OF_THE_FIT = ("converged_", "n_iter_", "lower_bound_")


def check_has_equivalent(structure: Structure, has_noise: bool) -> None:
    """Raise ValueError where scikit-learn has no such mixture."""
    if has_noise:
        raise ValueError(
            "scikit-learn's GaussianMixture has no noise component, so a mixture with noise cannot be converted; fit "
            "with noise=False."
        )
    if structure.name not in STRUCTURES:
        names = ", ".join(map(repr, STRUCTURES))
        raise ValueError(
            f"scikit-learn's GaussianMixture has no covariance_type={structure.name!r}, only {names}; the same "
            "densities are those of GaussianMixtureEM.from_parameters(mixture.weights_, mixture.means_, "
            "mixture.covariance_matrices()).to_sklearn(), of which bic and aic count more parameters."
        )


def to_sklearn(params: Mapping[str, Any], attributes: Mapping[str, Any], structure: Structure) -> "GaussianMixture":
    """Return scikit-learn's mixture with the parameters and fitted attributes of ours."""
    from sklearn.mixture import GaussianMixture

    kept = {name: params[name] for name in _PARAMETERS if not (name == "reg_covar" and params[name] == "auto")}
    mixture = GaussianMixture(len(attributes["means_"]), covariance_type=structure.name, **kept)
    names = (*_OF_THE_MODEL, *_BESIDE_IT, "n_features_in_", *_OF_THE_FIT)
    known = {name: copy(attributes[name]) for name in names if name in attributes}
    if "lower_bounds_" in attributes:
        # There a trace has no entry for the start.
        trace = attributes["lower_bounds_"]
        known["lower_bounds_"] = trace[len(trace) - attributes["n_iter_"] :]
    # What scikit-learn says where there was no iteration.
    no_fit = {"converged_": False, "n_iter_": 0, "lower_bound_": float("-inf"), "lower_bounds_": []}
    vars(mixture).update(no_fit | known)
    return mixture


def check_sklearn_mixture(mixture: Any) -> None:
    """Raise TypeError for anything but scikit-learn's Gaussian mixture, NotFittedError for one without a fit."""
    from sklearn.mixture import GaussianMixture

    if not isinstance(mixture, GaussianMixture):
        raise TypeError(
            f"from_sklearn takes a fitted sklearn.mixture.GaussianMixture, not a {type(mixture).__name__}; of a "
            "BayesianGaussianMixture, whose densities are averages over parameters, from_parameters takes the expected "
            "weights_, means_ and covariances_."
        )
    check_is_fitted(mixture, _OF_THE_MODEL)


def params_of(mixture: "GaussianMixture") -> dict[str, Any]:
    """Return the parameters that mean the same here."""
    params = mixture.get_params(deep=False)
    return {name: params[name] for name in _PARAMETERS}


def fit_of(mixture: "GaussianMixture") -> dict[str, Any]:
    """Return what is kept as it is, and what the fit, if there was one, left besides the model."""
    attributes = vars(mixture)
    of_the_fit = (*_OF_THE_FIT, "lower_bounds_") if attributes.get("n_iter_", 0) else ()
    return {name: copy(attributes[name]) for name in (*_BESIDE_IT, *of_the_fit) if name in attributes}
