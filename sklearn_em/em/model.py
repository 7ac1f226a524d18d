"""What a model must offer so that the one EM loop can fit it."""

from typing import Protocol, Self, TypeVar

import numpy as np

P = TypeVar("P")
S = TypeVar("S")


class Statistics(Protocol):
    """Additive expected sufficient statistics: blocks of rows add up, in any order."""

    def __add__(self, other: Self, /) -> Self:
        """Return the statistics of both sets of rows."""
        ...


class Model(Protocol[P, S]):
    """A latent-variable model bound to its data.

    The loop knows a model by these three functions and nothing else. Parameters and statistics are values:
    the functions return new ones and change none.

    References
    ----------
    Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data via the EM algorithm", section 2;
    Neal and Hinton (1998), "A view of the EM algorithm that justifies incremental, sparse, and other variants",
    equations 7 and 8: both steps climb the same lower bound.
    """

    def e_step(self, params: P, /) -> S:
        """Return the expected sufficient statistics of all the data given `params`."""
        ...

    def m_step(self, statistics: S, previous: P, /) -> P:
        """Return the parameters that explain `statistics` best, never worse than `previous`.

        Raises
        ------
        DegenerateError
            If no valid parameters maximise the bound.
        """
        ...

    def objective(self, statistics: S, params: P, /) -> float:
        """Return what EM climbs, at the `params` that gave `statistics`."""
        ...


class Chart(Protocol[S]):
    """Coordinates of statistics about a frame, itself at 0, in which any vector is a valid point.

    The length of a vector is to be a natural size of a change: it sets how far a jump goes.
    """

    def vectors(self, *points: S) -> np.ndarray | None:
        """Return the coordinates of several statistics, one row each, or None where one has none."""
        ...

    def statistics(self, vector: np.ndarray, /) -> S | None:
        """Return statistics that `m_step` takes, at these coordinates; None where there are none."""
        ...


class Charted(Model[P, S], Protocol[P, S]):
    """A model whose statistics have coordinates, so that the path of EM can be extrapolated."""

    def chart(self, frame: S, /) -> Chart[S] | None:
        """Return the chart about `frame`, or None where there is none."""
        ...
