"""What is known of where each row came from: log plausibilities of the components, made for a block when asked for."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

# Rows by number: a slice or an array of places.
Places = slice | np.ndarray


class Evidence(ABC):
    """The plausibility of each of C components, the noise's last, for each row.

    Attributes
    ----------
    labels : ndarray of shape (n,)
        The one component that is most plausible, -1 where there are several.
    """

    labels: np.ndarray

    @abstractmethod
    def log_plausibility(self, places: Places) -> np.ndarray:
        """Return the logs (C, b), at most 0, and 0 for the most plausible components of a row."""

    @abstractmethod
    def take(self, places: Places) -> Self:
        """Return the evidence of some rows."""

    @abstractmethod
    def joined(self, other: Any) -> Self:
        """Return the evidence of these rows and of others, of the same kind."""

    @property
    @abstractmethod
    def keys(self) -> np.ndarray:
        """Numbers (n, c) that are equal for two rows if and only if their evidence is."""

    @property
    @abstractmethod
    def is_informative(self) -> np.ndarray:
        """Which rows it says something about, (n,) of bool."""

    @property
    @abstractmethod
    def is_decisive(self) -> bool:
        """Whether every row may come from one component alone."""

    @abstractmethod
    def allowed(self) -> np.ndarray:
        """Return which components a row may come from, (C, n) of bool."""


@dataclass(frozen=True, eq=False)
class KnownLabels(Evidence):
    """Known components of some rows.

    Attributes
    ----------
    labels : ndarray of shape (n,)
        -1 where the component is not known.
    n_columns : int
        C.
    """

    labels: np.ndarray
    n_columns: int

    def log_plausibility(self, places: Places) -> np.ndarray:
        """Return 0 for the known component and -inf for the others."""
        labels = self.labels[places]
        result = np.zeros((self.n_columns, len(labels)))
        known = np.flatnonzero(labels >= 0)
        result[:, known] = -np.inf
        result[labels[known], known] = 0.0
        return result

    def take(self, places: Places) -> Self:
        """Return the labels of some rows."""
        return type(self)(self.labels[places], self.n_columns)

    def joined(self, other: "KnownLabels") -> Self:
        """Return both."""
        return type(self)(np.concatenate([self.labels, other.labels]), self.n_columns)

    @property
    def keys(self) -> np.ndarray:
        """The labels."""
        return self.labels[:, None].astype(float)

    @property
    def is_informative(self) -> np.ndarray:
        """Where there is a label."""
        return self.labels >= 0

    @property
    def is_decisive(self) -> bool:
        """Whether all labels are known."""
        return bool((self.labels >= 0).all())

    def allowed(self) -> np.ndarray:
        """Return the known component, or all."""
        return np.isfinite(self.log_plausibility(slice(None)))


@dataclass(frozen=True, eq=False)
class Plausibilities(Evidence):
    """Plausibilities (n, C) of the components, whose largest is 1 in every row."""

    values: np.ndarray

    def log_plausibility(self, places: Places) -> np.ndarray:
        """Return the logarithms."""
        with np.errstate(divide="ignore"):
            return np.log(self.values[places].T)

    def take(self, places: Places) -> Self:
        """Return those of some rows."""
        return type(self)(self.values[places])

    def joined(self, other: "Plausibilities") -> Self:
        """Return both."""
        return type(self)(np.concatenate([self.values, other.values]))

    @property
    def keys(self) -> np.ndarray:
        """The plausibilities."""
        return self.values

    @property
    def is_informative(self) -> np.ndarray:
        """Where they differ."""
        return (self.values != 1).any(axis=1)

    @cached_property
    def labels(self) -> np.ndarray:  # type: ignore[override]
        """The most plausible component, -1 where there are several."""
        is_top = self.values == 1
        return np.where(is_top.sum(axis=1) == 1, is_top.argmax(axis=1), -1)

    @property
    def is_decisive(self) -> bool:
        """Whether one in every row is positive."""
        return bool((np.count_nonzero(self.values, axis=1) == 1).all())

    def allowed(self) -> np.ndarray:
        """Return those of positive plausibility."""
        return self.values.T > 0
