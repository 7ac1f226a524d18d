"""What EM needs of rows, wherever they are: sums over them, and a few figures."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import numpy as np

from sklearn_em.data.executors import Workers

if TYPE_CHECKING:
    from sklearn_em.data.block import ArraySource


class Additive(Protocol):
    """What some rows say, which adds up with what other rows say."""

    def __add__(self, other: Self, /) -> Self:
        """Return what all these rows say."""
        ...


T = TypeVar("T")
A = TypeVar("A", bound=Additive)
# What is asked of rows in memory.
What = Callable[["ArraySource", Workers], A]


class Rows(ABC):
    """Rows that can be summed over."""

    def sum(self, what: What[A], workers: Workers) -> A:
        """Return the sum of what all rows say, asked of one piece of them after the other."""
        return self.of_sum(_itself, what, workers)

    @abstractmethod
    def of_sum(self, then: Callable[[A], T], what: What[A], workers: Workers) -> T:
        """Return `then` of the sum of what all rows say, made where the rows are."""


class Opened(Rows):
    """Rows as they were given, of which nothing need be known yet."""

    @abstractmethod
    def each(self, what: Callable[["ArraySource", Workers], T], workers: Workers) -> Iterator[T]:
        """Yield what each piece of them says, in order."""

    @abstractmethod
    def array(
        self, what: Callable[["ArraySource", Workers], np.ndarray], workers: Workers, out: np.ndarray | None = None
    ) -> Any:
        """Return what is said of each row, an array as long as the rows are many, in `out` if it is given."""


class Source(Rows):
    """Rows of which is known what EM needs to begin.

    Attributes
    ----------
    weight_unit : float
        What a weight of 1 is in the user's weights.
    """

    weight_unit: float

    @property
    @abstractmethod
    def dtype(self) -> np.dtype:
        """The type of the numbers in the rows."""

    @property
    @abstractmethod
    def n_rows(self) -> int:
        """The number of rows, those of weight 0 included."""

    @property
    @abstractmethod
    def n_kept(self) -> int:
        """The number of rows of positive weight."""

    @property
    @abstractmethod
    def n_features(self) -> int:
        """The number of columns."""

    @property
    @abstractmethod
    def total_weight(self) -> float:
        """The sum of weights, the number of rows where there are none."""

    @property
    @abstractmethod
    def has_gaps(self) -> bool:
        """Whether the rows are treated as such with missing values."""

    @property
    @abstractmethod
    def lacks_values(self) -> bool:
        """Whether a row of positive weight has missing values."""

    @property
    @abstractmethod
    def never_observed(self) -> np.ndarray:
        """Which features are missing in every row of positive weight, (p,) of bool."""

    @property
    @abstractmethod
    def has_evidence(self) -> bool:
        """Whether something is known of where rows came from."""

    @property
    @abstractmethod
    def is_decided(self) -> bool:
        """Whether the components of all rows are known, and the rows complete."""

    @property
    @abstractmethod
    def some_rows(self) -> np.ndarray:
        """A few rows (m, p) of positive weight from everywhere, at least one."""

    @property
    @abstractmethod
    def extent(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The smallest and the largest value (p,) of each feature, if they are known already."""

    @property
    @abstractmethod
    def in_memory(self) -> bool:
        """Whether all rows are in memory."""


def _itself(value: A) -> A:
    return value
