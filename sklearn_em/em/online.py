"""Stepwise EM: one block of rows after another, each into decayed statistics, and none looked at again.

With s the statistics per unit of weight of what came before, and s' those of the new block, a step is

    s <- (1 - gamma) s + gamma s',   parameters <- m_step(s)

where gamma is the block's share. A block that weighs much beside what came before gets more than one pass before it is
let go: s stays as it is, and the block's own statistics follow the parameters.

References
----------
Cappe and Moulines (2009), "On-line expectation-maximization algorithm for latent data models", Journal of the Royal
Statistical Society B 71, equation 11: the recursion. Neal and Hinton (1998), "A view of the EM algorithm that justifies
incremental, sparse, and other variants": a step of EM for some rows while the others' statistics stay.
"""

from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from sklearn_em.em.model import Model, Statistics

# Decreasing steps: when n rows have been seen, a new one counts as much as n^0.5, so that first guesses are forgotten.
_POWER = 1.5
# The passes over a block that outweighs all before.
_MOST_PASSES = 20


class DecayedStatistics(Statistics, Protocol):
    """Statistics that can be weakened, and that may be about points."""

    def scale(self, factor: float, /) -> Self:
        """Return the statistics of the same rows with weights multiplied by `factor`."""
        ...

    def move_to(self, other: Self, /) -> Self:
        """Return the same statistics about the points of `other`, so that both can be added."""
        ...


P = TypeVar("P")
S = TypeVar("S", bound=DecayedStatistics)


@dataclass(frozen=True, eq=False)
class StreamState(Generic[P, S]):
    """All that stepwise EM carries from one block to the next.

    `weight` is how many rows, of unit weight, the statistics count for: their mass.
    """

    params: P
    statistics: S
    weight: float


@dataclass(frozen=True)
class Decay:
    """How fast what came before is forgotten.

    Attributes
    ----------
    forgetting : float, optional
        The share that each new unit of weight takes off all earlier ones, constant steps; None for decreasing steps.
    """

    forgetting: float | None = None

    def past(self, new: float) -> float:
        """Return what earlier rows are multiplied by when rows of weight `new` come: 1 if steps decrease."""
        return 1.0 if self.forgetting is None else (1 - self.forgetting) ** new

    def step(self, before: float, new: float) -> tuple[float, float]:
        """Return what weight there is after a block of weight `new`, and the share gamma of the block in it.

        Cutting a block into several gives the same in the end.
        """
        after = self.past(new) * before + new
        return after, new / after if self.forgetting is not None else 1 - (before / after) ** _POWER


def absorb(model: Model[P, S], state: StreamState[P, S], weight: float, decay: Decay) -> StreamState[P, S]:
    """Take in one block.

    Parameters
    ----------
    model : Model
        Bound to the block.
    state : StreamState
        Before the block.
    weight : float
        That of the block, positive.
    decay : Decay

    Raises
    ------
    DegenerateError
        If no valid parameters maximise the bound.
    """
    after, share = decay.step(state.weight, weight)
    past = state.statistics.scale((1 - share) * after / state.weight)
    params, statistics = state.params, state.statistics
    for _ in range(1 + int(share * _MOST_PASSES)):
        new = model.e_step(params).scale(share * after / weight)
        statistics = past.move_to(new) + new
        params = model.m_step(statistics, params)
    return StreamState(params, statistics, after)
