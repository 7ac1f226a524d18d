"""Where EM starts."""

from sklearn_em.starts.candidates import METHODS, Given, candidates, one_component
from sklearn_em.starts.ends import StartRecord
from sklearn_em.starts.gaps import filled_sample
from sklearn_em.starts.journal import Journal
from sklearn_em.starts.moves import moves
from sklearn_em.starts.observer import Observer, Observers
from sklearn_em.starts.search import search
from sklearn_em.starts.space import StartSpace
from sklearn_em.starts.unlabelled import unlabelled

__all__ = [
    "METHODS",
    "Given",
    "Journal",
    "Observer",
    "Observers",
    "StartRecord",
    "StartSpace",
    "candidates",
    "filled_sample",
    "moves",
    "one_component",
    "search",
    "unlabelled",
]
