"""SQUAREM: the path of EM extrapolated, with EM itself to fall back on.

Near its limit EM moves along the slowest directions by nearly the same factor in every pass, so where it has been tells
where it is going. Two plain steps give three points x0, x1, x2 in the model's chart of its statistics and

    r = x1 - x0,   v = (x2 - x1) - r,   alpha = -|r . v| / |v|^2,   x' = x0 - 2 alpha r + alpha^2 v

where alpha = -1 is x2, plain EM. A cycle is two plain steps and the jump. The E-step at the jump gives its objective,
so that testing it is free, and is the pass of EM that follows an extrapolation to stabilise it.

The steplength is scheme S1, in absolute value: where steps still grow, r . v > 0, EM is leaving a plateau, and going
on is right as well. Scheme S3, -|r| / |v|, is longer and takes a sixth more passes where EM is slow.

References
----------
Varadhan and Roland (2008), "Simple and globally convergent methods for accelerating the convergence of any EM
algorithm", Scandinavian Journal of Statistics 35: the squared extrapolation and the schemes S1 to S3 of its steplength.
"""

from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar

from sklearn_em.em.model import Model

S = TypeVar("S")

_FIRST_CAP = 4.0
_GROWTH = 4.0
# A shorter step than this is plain EM for the price of a jump.
_SHORTEST = 1.1


@dataclass(frozen=True, eq=False)
class Jump(Generic[S]):
    """Where to jump to, and whether the cap held it back."""

    statistics: S
    at_cap: bool


@dataclass(frozen=True)
class Squarem(Generic[S]):
    """What the accelerator remembers from one pass to the next.

    Attributes
    ----------
    before : tuple
        The statistics before each plain step since the last jump, the last two at most.
    cap : float
        The longest step, in units of plain steps: grown where a jump at the cap is accepted, shrunk where one is not.
    jumped_at : int
        The pass of the last jump, accepted or not.
    accepted : tuple of int
        The passes of all jumps that were accepted.
    """

    before: tuple[S, ...] = ()
    cap: float = _FIRST_CAP
    jumped_at: int = 0
    accepted: tuple[int, ...] = ()

    def propose(self, model: Model[Any, S], statistics: S) -> Jump[S] | None:
        """Return where to jump to from `statistics`; None if a plain step is due."""
        # Asking for the method, where asking for the protocol would take as long as a small pass.
        chart_about = getattr(model, "chart", None)
        if len(self.before) < 2 or chart_about is None:
            return None
        chart = chart_about(self.before[0])
        if chart is None or (path := chart.vectors(self.before[1], statistics)) is None:
            return None
        # x0 is the origin.
        x1, x2 = path
        v = x2 - 2 * x1
        change, curvature = abs(float(x1 @ v)), float(v @ v)
        if not change > _SHORTEST * curvature:
            return None
        steplength = min(change / curvature, self.cap) if curvature > 0 else self.cap
        target = chart.statistics(2 * steplength * x1 + steplength**2 * v)
        return None if target is None else Jump(target, steplength == self.cap)

    def stepped(self, before: S) -> Self:
        """Remember the statistics that a plain step went from."""
        return replace(self, before=(*self.before[-1:], before))

    def jumped(self, jump: Jump[S], accepted: bool, n_iter: int) -> Self:
        """Return the accelerator after a jump, made in pass `n_iter`."""
        after = replace(self, before=(), jumped_at=n_iter)
        if not accepted:
            return replace(after, cap=max(_FIRST_CAP, self.cap / _GROWTH))
        cap = self.cap * _GROWTH if jump.at_cap else self.cap
        return replace(after, cap=cap, accepted=(*self.accepted, n_iter))
