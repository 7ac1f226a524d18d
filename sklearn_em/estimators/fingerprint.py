"""Which fit a checkpoint is of: its data, in figures, and the settings that decide its path."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.estimators.options import GaussianMixturePrior
from sklearn_em.estimators.setting import Options, Setting
from sklearn_em.starts import Given

if TYPE_CHECKING:
    from sklearn_em.estimators.gaussian_mixture import GaussianMixtureEM

# Moments this close, in units of the features' deviations, are the same but for rounding, on another machine as well.
_SAME = 1e-9
# Settings that may be larger where a fit goes on: there is more of the same path.
_MAY_GROW = ("max_iter", "n_init")


def of_fit(estimator: "GaussianMixtureEM", setting: Setting, options: Options, given: Given) -> dict[str, Any]:
    """Return what `difference` compares."""
    return {**_of_data(setting), "settings": _of_settings(estimator, options, given)}


def _of_data(setting: Setting) -> dict[str, Any]:
    """Return the figures that tell data apart, in the data's units."""
    problem, source = setting.problem, setting.source
    scale = problem.scale
    # What is known of rows that are not in memory is known of those in the sample.
    evidence = source.evidence if isinstance(source, ArraySource) else problem.sample.evidence
    return {
        "n_samples": source.n_rows,
        "dtype": source.dtype.name,
        "known_labels": None if evidence is None else _digest(evidence.keys),
        "weight": problem.weight * source.weight_unit,
        "low": problem.low / scale,
        "high": problem.high / scale,
        "mean": problem.mean / scale,
        "covariance": problem.covariance / scale[:, None] / scale,
        "observed": problem.observed,
    }


def _of_settings(estimator: "GaussianMixtureEM", options: Options, given: Given) -> dict[str, Any]:
    """Return the settings that decide the path of a fit, arrays as digests.

    `n_jobs` and `verbose` do not, and those that may grow are compared by size.
    """
    return {
        "n_components": int(estimator.n_components),
        # A structure is pickled as the value of `covariance_type` that it is known by.
        "covariance_type": str(estimator._structure.__reduce__()[1][0]),
        "tol": float(estimator.tol),
        "reg_covar": options.reg_covar if isinstance(options.reg_covar, str) else float(options.reg_covar),
        "noise": options.noise if options.noise_log_volume is None else options.noise_log_volume,
        "prior": None if options.prior is None else _digest_of_prior(options.prior),
        "fixed": None if options.fixed is None else _digest(options.fixed.means, options.fixed.covariances),
        "weights": None if options.proportions is None else _digest(options.proportions),
        "acceleration": "squarem" if estimator._accelerates() else None,
        "init_params": estimator.init_params,
        "random_state": _named(estimator.random_state),
        "start": _digest(given.weights, given.means, given.precision_cholesky, given.noise_weight),
        **{name: int(getattr(estimator, name)) for name in _MAY_GROW},
    }


def difference(old: Mapping[str, Any], new: Mapping[str, Any], may_grow: bool) -> str:
    """Return in words how the data and settings of a new fit differ from an old one's; nothing if they do not.

    Where `may_grow`, those settings that may be larger must not be smaller; otherwise they do not count.
    """
    for name in ("n_samples", "dtype"):
        if old[name] != new[name]:
            return f"X had {name} {old[name]} and has {new[name]}"
    if len(old["mean"]) != len(new["mean"]):
        return f"X had n_features {len(old['mean'])} and has {len(new['mean'])}"
    if not np.isclose(old["weight"], new["weight"], rtol=_SAME, atol=0):
        return f"the sum of sample_weight was {old['weight']:.9g} and is {new['weight']:.9g}"
    deviation = np.sqrt(np.maximum(old["covariance"].diagonal(), 0))
    units = {"low": 0.0, "high": 0.0, "mean": deviation, "covariance": np.outer(deviation, deviation), "observed": 1.0}
    if any((abs(old[name] - new[name]) > _SAME * unit).any() for name, unit in units.items()):
        return "X or sample_weight had other values"
    if old["known_labels"] != new["known_labels"]:
        return "known_labels were others"
    for name, after in new["settings"].items():
        before = old["settings"][name]
        if name in _MAY_GROW and may_grow and after < before:
            return f"{name} was {before} and is {after}, which may be more, but not less"
        if name not in _MAY_GROW and before != after:
            return _change(name, before, after)
    return ""


def _change(name: str, before: Any, after: Any) -> str:
    if name == "start":
        return "the start (weights_init, means_init, precisions_init, or the last fit of a warm start) was another"
    return f"{name} was {before} and is {after}"


def _named(random_state: int | np.random.RandomState | None) -> int | str | None:
    if isinstance(random_state, np.random.RandomState):
        # Its state is saved; what must not change is what the state is of.
        return f"a RandomState of {random_state.get_state(legacy=False)['bit_generator']}"
    return None if random_state is None else int(random_state)


def _digest_of_prior(prior: GaussianMixturePrior) -> str:
    return _digest(prior.weight_concentration, prior.mean, prior.mean_precision, prior.degrees_of_freedom, prior.scale)


def _digest(*values: Any) -> str:
    hashed = hashlib.sha256()
    for value in values:
        array = np.empty(0) if value is None else np.ascontiguousarray(value, dtype=float)
        hashed.update(f"{array.shape}".encode())
        hashed.update(array.data)
    return f"digest {hashed.hexdigest()[:12]}"
