"""The only file that imports private names of scikit-learn, and knows its versions."""

from importlib import import_module
from typing import Any

import sklearn
from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import Interval, StrOptions

__all__ = ["CallbackSupport", "Interval", "StrOptions", "callback_module", "fit_context"]


def callback_module(what: str) -> Any:
    """Return `sklearn.callback`, or raise ImportError where scikit-learn is too old for `what`."""
    try:
        return import_module("sklearn.callback")
    except ImportError:
        raise ImportError(
            f"{what} needs scikit-learn 1.9 or later, but {sklearn.__version__} is installed; update it, or set "
            "verbose=1 to see how a fit goes."
        ) from None


class _OfTheMixin:
    """A method of scikit-learn's CallbackSupportMixin, loaded when first asked for: with it come the progress bars."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, estimator: object | None, owner: type) -> Any:
        try:
            mixin = callback_module(self._name).CallbackSupportMixin
        except ImportError as error:
            # To whoever looks, an attribute that is not there.
            raise AttributeError(str(error)) from None
        method = getattr(mixin, self._name)
        return method if estimator is None else method.__get__(estimator)


class CallbackSupport:
    """What scikit-learn's CallbackSupportMixin gives an estimator, at no cost to those who use no callbacks."""

    set_callbacks = _OfTheMixin()
    _init_callback_context = _OfTheMixin()
    # What meta-estimators of scikit-learn 1.10 call.
    _set_callbacks = _OfTheMixin()
