"""Expectation-maximisation for Python."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_em.estimators import FixedParameters as FixedParameters
    from sklearn_em.estimators import GaussianMixtureEM as GaussianMixtureEM
    from sklearn_em.estimators import GaussianMixturePrior as GaussianMixturePrior
    from sklearn_em.gaussian.covariance import Factor as Factor

# Loaded when first asked for: nobody waits for what they do not use.
_ON_DEMAND: dict[str, str] = {
    "BootstrapLikelihoodRatioResult": "sklearn_em.selection",
    "Checkpoint": "sklearn_em.estimators.checkpoint",
    "ConvergenceDisplay": "sklearn_em.display",
    "Factor": "sklearn_em.gaussian.covariance",
    "FixedParameters": "sklearn_em.estimators",
    "GaussianMixtureDisplay": "sklearn_em.display",
    "GaussianMixtureEM": "sklearn_em.estimators",
    "GaussianMixtureIC": "sklearn_em.selection",
    "GaussianMixturePrior": "sklearn_em.estimators",
    "InconsistentVersionWarning": "sklearn_em.estimators.persistence",
    "SelectionDisplay": "sklearn_em.display",
    "TraceCallback": "sklearn_em.estimators.trace",
    "WholeSample": "sklearn_em.selection",
    "aic_scorer": "sklearn_em.selection",
    "bic_scorer": "sklearn_em.selection",
    "bootstrap_likelihood_ratio_test": "sklearn_em.selection",
    "icl_scorer": "sklearn_em.selection",
}

__all__ = ["__version__", *_ON_DEMAND]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _ON_DEMAND:
        value = globals()[name] = getattr(import_module(_ON_DEMAND[name]), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})
