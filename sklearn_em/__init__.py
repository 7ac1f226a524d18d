"""Expectation-maximisation for Python."""

from importlib import import_module
from typing import Any

from sklearn_em.estimators import FixedParameters, GaussianMixtureEM, GaussianMixturePrior
from sklearn_em.gaussian.covariance import Factor

# Loaded when first asked for: what a fit does not need does not slow its import down.
_ON_DEMAND: dict[str, str] = {
    "BootstrapLikelihoodRatioResult": "sklearn_em.selection",
    "Checkpoint": "sklearn_em.estimators.checkpoint",
    "ConvergenceDisplay": "sklearn_em.display",
    "GaussianMixtureDisplay": "sklearn_em.display",
    "GaussianMixtureIC": "sklearn_em.selection",
    "InconsistentVersionWarning": "sklearn_em.estimators.persistence",
    "SelectionDisplay": "sklearn_em.display",
    "TraceCallback": "sklearn_em.estimators.trace",
    "WholeSample": "sklearn_em.selection",
    "aic_scorer": "sklearn_em.selection",
    "bic_scorer": "sklearn_em.selection",
    "bootstrap_likelihood_ratio_test": "sklearn_em.selection",
    "icl_scorer": "sklearn_em.selection",
}

__all__ = [
    "Factor",
    "FixedParameters",
    "GaussianMixtureEM",
    "GaussianMixturePrior",
    "__version__",
    *_ON_DEMAND,
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _ON_DEMAND:
        return getattr(import_module(_ON_DEMAND[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})
