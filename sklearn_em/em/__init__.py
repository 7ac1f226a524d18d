"""The algorithm: expectation-maximisation, for any model."""

from sklearn_em.em.acceleration import Squarem
from sklearn_em.em.loop import LoopState, begin, run, step
from sklearn_em.em.model import Charted, Model, Statistics
from sklearn_em.em.online import Decay, StreamState, absorb
from sklearn_em.em.result import DegenerateError, Result, Status
from sklearn_em.em.stopping import StoppingRule

__all__ = [
    "Charted",
    "Decay",
    "DegenerateError",
    "LoopState",
    "Model",
    "Result",
    "Squarem",
    "Statistics",
    "Status",
    "StoppingRule",
    "StreamState",
    "absorb",
    "begin",
    "run",
    "step",
]
