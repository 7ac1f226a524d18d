"""What is pickled of a model: arrays, plain values and the version, with a warning where another version loads them."""

import warnings
from collections.abc import Callable
from typing import Any

import sklearn_em
from sklearn_em.em import Status
from sklearn_em.estimators.diagnostics import Diagnostics
from sklearn_em.estimators.encoding import decode, encode
from sklearn_em.mixture.noise import Noise
from sklearn_em.starts import StartRecord

_STAMP = "_sklearn_em_version"


class InconsistentVersionWarning(UserWarning):
    """A model was loaded under another version of sklearn_em than it was saved with.

    Examples
    --------
    >>> import warnings
    >>> from sklearn_em import InconsistentVersionWarning
    >>> warnings.simplefilter("error", InconsistentVersionWarning)  # rather fail than trust such a model
    """


def _plain_records(records: list[StartRecord]) -> list[dict[str, Any]]:
    return [{**vars(record), "status": record.status and record.status.name} for record in records]


def _records(plain: list[dict[str, Any]]) -> list[StartRecord]:
    return [StartRecord(**{**one, "status": one["status"] and Status[one["status"]]}) for one in plain]


# Fitted attributes of our own types: how they are told in plain ones, and how they are made again. A model that is
# loaded then needs no type but the estimator's, and no sentence of a status is that of an old version.
_PLAIN: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "status_": (lambda status: status.name, lambda name: Status[name]),
    "starts_": (_plain_records, _records),
    "diagnostics_": (lambda diagnostics: dict(vars(diagnostics)), lambda plain: Diagnostics(**plain)),
    "_stream": (encode, lambda plain: decode(*plain)),
    "_noise": (lambda noise: noise and dict(vars(noise)), lambda plain: plain and Noise(**plain)),
}


class Stamped:
    """What an estimator needs so that pickle, joblib and skops keep the version with it."""

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        state = state | {_STAMP: sklearn_em.__version__}
        return state | {name: plain(state[name]) for name, (plain, _) in _PLAIN.items() if name in state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = state | {name: made(state[name]) for name, (_, made) in _PLAIN.items() if name in state}
        saved_with = state.pop(_STAMP, "an unknown version")
        if saved_with != sklearn_em.__version__:
            warnings.warn(
                f"This {type(self).__name__} was saved with sklearn_em {saved_with} and is loaded with "
                f"{sklearn_em.__version__}, which may read it wrongly; fit it again, or load it with the version that "
                "saved it.",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)  # type: ignore[misc]
