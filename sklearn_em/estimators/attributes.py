"""Fitted attributes, and the parameters they say: each made from the other, and here alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_em.em import Status
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import Structure, structure_of
from sklearn_em.gaussian.covariance.structure import FACTOR_ATTRIBUTES, MATRIX_ATTRIBUTES
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters
from sklearn_em.mixture.noise import Noise
from sklearn_em.starts.ends import Run

# Those that not every model has, so that a new fit must not leave an old one's.
OF_SOME_MODELS = (*MATRIX_ATTRIBUTES, *FACTOR_ATTRIBUTES, "noise_log_volume_")
# Those that say how a fit went.
OF_A_RUN = (
    "converged_",
    "status_",
    "n_iter_",
    "lower_bound_",
    "lower_bounds_",
    "accelerated_steps_",
    "starts_",
    "diagnostics_",
)


class OnDemand:
    """A matrix attribute, worked out when asked for where `fit` has not stored it: what is stored comes first."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, estimator: Any, owner: type) -> Any:
        if estimator is None:
            return self
        if "means_" not in vars(estimator):
            raise AttributeError(f"{owner.__name__!r} object has no attribute {self._name!r} before it is fitted")
        full, means = structure_of("full"), estimator.means_
        covariances = estimator.covariance_matrices().astype(float)
        factors = full.form.precision_cholesky(covariances)
        return full.published(covariances, factors, means.shape[1])[self._name].astype(means.dtype)


def published(params: MixtureParameters, noise: Noise | None, dtype: Any) -> dict[str, Any]:
    """Return the attributes that say the parameters, by name; arrays have the given dtype."""
    gaussians = params.gaussians
    structure, p = gaussians.structure, gaussians.n_features
    of_covariances = structure.published(gaussians.covariances, gaussians.precision_cholesky, p)
    arrays = {"weights_": params.weights, "means_": gaussians.means, **of_covariances}
    attributes: dict[str, Any] = {name: array.astype(dtype) for name, array in arrays.items()}
    attributes["noise_weight_"] = float(params.noise_weight)
    if noise is not None:
        attributes["noise_log_volume_"] = noise.log_volume
    return attributes


def in_units_of_data(model: GaussianMixtureModel, params: MixtureParameters) -> tuple[MixtureParameters, Noise | None]:
    """Return parameters and noise that are scaled as the model is, in the units of the data."""
    factor = 1 / model.problem.scale
    noise = None if model.noise is None else model.noise.rescale(factor)
    return replace(params, gaussians=params.gaussians.rescale(factor)), noise


def of_run(run: Run) -> dict[str, Any]:
    """Return the attributes that say how a run went, by name."""
    return {
        "converged_": run.status is Status.CONVERGED,
        "status_": run.status,
        "n_iter_": run.n_iter,
        "lower_bound_": run.objective,
        "lower_bounds_": list(run.trace),
        "accelerated_steps_": list(run.accelerated_steps),
    }


def parameters_of(attributes: Mapping[str, Any], structure: Structure) -> MixtureParameters:
    """Return the parameters that the attributes say."""
    weights = np.asarray(attributes["weights_"], dtype=float)
    means = np.asarray(attributes["means_"], dtype=float)
    noise_weight = attributes["noise_weight_"]
    weights = weights * ((1 - noise_weight) / max(weights.sum(), np.finfo(float).tiny))
    factors = structure.factors_of(attributes, means.shape[1])
    return MixtureParameters(weights, Gaussians.from_precision_cholesky(structure, means, factors), noise_weight)
