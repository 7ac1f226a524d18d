"""What sums over rows need of the components: one interface, for complete rows and for rows with gaps."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any

import numpy as np

from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.features import Moments


class Kernel(ABC):
    """Everything about the components that all blocks of one pass share.

    Attributes
    ----------
    gaussians : Gaussians
    moments : Moments
        The second moments that are summed.
    constant : ndarray of shape (K,)
        The part of each log density that does not depend on the row, plus the caller's offset.
    """

    gaussians: Gaussians
    moments: Moments
    constant: np.ndarray

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.constant)

    @property
    @abstractmethod
    def numbers_per_row(self) -> int:
        """How many numbers a worker holds for each row of a block."""

    @property
    def numbers_per_sum(self) -> int:
        """How many numbers the statistics hold."""
        return self.moments.length(self.gaussians.n_features) * self.n_components

    @property
    def fewest_rows(self) -> int:
        """How many rows a block should have, if the data do."""
        return 0

    @property
    def features_per_row(self) -> int:
        """How many numbers of each row a loaded buffer holds that are the same in every pass; 0 where they are not."""
        return 0

    @property
    def layout(self) -> Hashable:
        """What tells buffers that hold different numbers apart."""
        return None

    @abstractmethod
    def buffer(self, length: int) -> Any:
        """Return room for one block after another of up to `length` rows: `load(rows, scale, centre)` fills it."""

    @abstractmethod
    def log_joint(self, block: Any, out: np.ndarray) -> np.ndarray:
        """Return offset + log density of the rows in `block`, less what `shared_term` gives, in `out` (K, b)."""

    def shared_term(self, block: Any) -> np.ndarray | float:
        """Return what is left out of the log densities of the rows in `block`, the same for all components."""
        return 0.0

    @abstractmethod
    def accumulator(self) -> Any:
        """Return zero sums: `add(block, resp)` adds to them, `statistics()` returns them."""
