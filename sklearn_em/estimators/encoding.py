"""Values as arrays and a tree of names, from which the same values can be made again to the last bit.

Only what is listed here can be made of a tree: nothing in it is imported or run. The layout of an array in memory is
kept, because sums over it are made in another order under another layout.
"""

import hashlib
import json
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.sample import Sample
from sklearn_em.data.scan import Problem
from sklearn_em.em import LoopState, Squarem, StreamState
from sklearn_em.estimators.stream import FirstRows, Stepwise
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import Factor, Structure, structure_of
from sklearn_em.gaussian.features import COMMON, DIAGONAL, FULL, ISOTROPIC, Moments
from sklearn_em.gaussian.m_step import FixedGaussians, Terms
from sklearn_em.gaussian.prior import GaussianPrior
from sklearn_em.gaussian.statistics import GaussianStatistics
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters, MixtureStatistics
from sklearn_em.mixture.m_step import Proportions
from sklearn_em.mixture.noise import Noise
from sklearn_em.starts import Given

_OF_RUNS = (Factor, GaussianStatistics, Gaussians, LoopState, MixtureParameters, MixtureStatistics, Squarem)
_OF_MODELS = (ArraySource, FixedGaussians, GaussianMixtureModel, GaussianPrior, Noise, Problem, Proportions, Terms)
_OF_STREAMS = (FirstRows, Given, Sample, Stepwise, StreamState)
_CLASSES: dict[str, type] = {one.__name__: one for one in (*_OF_RUNS, *_OF_MODELS, *_OF_STREAMS)}
_MOMENTS: dict[str, Moments] = {"full": FULL, "diagonal": DIAGONAL, "isotropic": ISOTROPIC, "common": COMMON}


def encode(value: Any) -> tuple[Any, list[np.ndarray]]:
    """Return a tree of names, ready for JSON, and the arrays whose numbers it speaks of.

    Raises
    ------
    TypeError
        If there is something in it that `decode` could not make again.
    """
    arrays: list[np.ndarray] = []
    return _encoded(value, arrays), arrays


def checksum(tree: Any, arrays: list[np.ndarray]) -> bytes:
    """Return the SHA-256 of what `encode` has returned."""
    hashed = hashlib.sha256(json.dumps(tree, sort_keys=True).encode())
    for array in arrays:
        hashed.update(f"{array.dtype.str}{array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.digest()


def decode(tree: Any, arrays: list[np.ndarray]) -> Any:
    """Undo `encode`."""
    if tree is None or isinstance(tree, bool | str | int):
        return tree
    ((kind, content),) = tree.items()
    match kind:
        case "array":
            return _laid_out(arrays[content["place"]], content["strides"])
        case "floats":
            return tuple(arrays[content].tolist())
        case "float":
            return float(arrays[content][()])
        case "tuple":
            return tuple(decode(each, arrays) for each in content)
        case "dict":
            return {name: decode(each, arrays) for name, each in content.items()}
        case "moments":
            return _MOMENTS[content]
        case "structure":
            return structure_of(decode(content, arrays))
        case "workers":
            return Workers(content)
    return _CLASSES[kind](**{name: decode(each, arrays) for name, each in content.items()})


def _encoded(value: Any, arrays: list[np.ndarray]) -> Any:
    def placed(array: np.ndarray) -> int:
        arrays.append(array)
        return len(arrays) - 1

    match value:
        case None | bool() | str() | int():
            return value
        case float():
            return {"float": placed(np.array(float(value)))}
        case np.ndarray() if value.dtype.kind in "biuf":
            return {"array": {"place": placed(value), "strides": list(value.strides)}}
        case tuple() if value and all(isinstance(each, float) for each in value):
            return {"floats": placed(np.array(value))}
        case tuple():
            return {"tuple": [_encoded(each, arrays) for each in value]}
        case dict():
            return {"dict": {name: _encoded(each, arrays) for name, each in value.items()}}
        case Moments():
            return {"moments": next(name for name, moments in _MOMENTS.items() if moments is value)}
        case Structure():
            # A structure is pickled as the value of `covariance_type` that it is known by.
            return {"structure": _encoded(value.__reduce__()[1][0], arrays)}
        case Workers():
            # As they are pickled, too.
            return {"workers": 1}
    name = type(value).__name__
    if not is_dataclass(value) or _CLASSES.get(name) is not type(value):
        raise TypeError(f"A {type(value).__qualname__} cannot be saved.")
    return {name: {field.name: _encoded(getattr(value, field.name), arrays) for field in fields(value)}}


def _laid_out(array: np.ndarray, strides: list[int]) -> np.ndarray:
    """Return a copy that lies in memory as the original did."""
    reach = [(max(length, 1) - 1) * stride for length, stride in zip(array.shape, strides, strict=True)]
    room = np.empty(sum(map(abs, reach)) + array.itemsize, dtype=np.uint8)
    copy: np.ndarray = np.ndarray(
        array.shape, array.dtype, room, offset=-sum(step for step in reach if step < 0), strides=strides
    )
    copy[...] = array
    return copy
