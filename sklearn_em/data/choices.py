"""The rows from which a sample is drawn: a bounded number of distinct ones, found in one pass.

Distances in the metric of the total scatter do not depend on the rows' order, on units, or on whether a row is repeated
or weighs more; so neither do the choices.
"""

from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.evidence import Evidence
from sklearn_em.data.executors import Workers
from sklearn_em.data.sample import Sample, thinned_weight

_GRID = 2.0**32
# Rows are put together by groups of so many numbers and rows at most, or by as many as are kept if that is more.
_GROUP_NUMBERS, _GROUP_ROWS = 2**20, 2**17
# Numbers in a block; blocks are multiples of so many rows: products of matrices treat the last few rows differently.
_BLOCK_NUMBERS = 2**17
_ROWS_ALIKE = 96
_ALL = np.uint64(2**64 - 1)


@dataclass(frozen=True, eq=False)
class Choices:
    """Distinct rows (m, p) from which a sample is drawn, a share of all there are.

    `distance` and `along` (m,) tell rows apart: the distance from the mean, and for equal ones the place along a fixed
    direction that no data set knows. Of rows that weigh `total` those of one in 2^`halvings` hash values are here, and
    those that weigh more than `heavy`.
    """

    rows: np.ndarray
    weight: np.ndarray
    evidence: Evidence | None
    distance: np.ndarray
    along: np.ndarray
    heavy: float
    total: float = 0.0
    halvings: int = 0

    @classmethod
    def gathered(cls, parts: "list[Choices]", most: int) -> "Choices":
        """Return at most so many of all; what is kept does not depend on what was put together before."""
        distance = np.concatenate([part.distance for part in parts])
        along = np.concatenate([part.along for part in parts])
        weight = np.concatenate([part.weight for part in parts])
        heavy, halvings = parts[0].heavy, max(part.halvings for part in parts)
        distinct, mixed = np.arange(len(distance)), _mixed(distance, along)
        if not _increase(np.sort(mixed)):
            order = np.argsort(mixed)
            first = np.concatenate([[True], mixed[order[1:]] > mixed[order[:-1]]])
            weight = np.bincount(np.cumsum(first) - 1, weights=weight[order])
            distinct = order[first]
            mixed = mixed[distinct]
        keep = weight > heavy
        while np.count_nonzero(drawn := keep | (mixed <= _ALL >> np.uint64(halvings))) > most:
            halvings += 1
        places = np.flatnonzero(drawn)
        chosen = distinct[places]
        evidence = [part.evidence for part in parts if part.evidence is not None]
        return cls(
            rows=_taken([part.rows for part in parts], chosen),
            weight=weight[places],
            evidence=reduce(lambda one, other: one.joined(other), evidence).take(chosen) if evidence else None,
            distance=distance[chosen],
            along=along[chosen],
            heavy=heavy,
            total=sum(part.total for part in parts),
            halvings=halvings,
        )

    def first(self, which: np.ndarray) -> "Choices | None":
        """Return those (m,) of bool of all rows of a block, or None where there are none."""
        if not which.any():
            return None
        part = self if which.all() else self.at(np.flatnonzero(which))
        return replace(part, total=float(part.weight.sum()))

    def at(self, which: np.ndarray) -> "Choices":
        """Return some of them."""
        return replace(
            self,
            rows=self.rows[which],
            weight=self.weight[which],
            evidence=None if self.evidence is None else self.evidence.take(which),
            distance=self.distance[which],
            along=self.along[which],
        )

    def drawn(self, size: int) -> tuple[Sample, bool]:
        """Return all rows, where they are few and all there are, or every so many-th in the order of their distance."""
        if self.halvings == 0 and len(self.weight) <= size:
            return Sample.of(self.rows.astype(float), self.weight, self.evidence), True
        # A light row stands for those that were not drawn, too.
        order = _in_order(self.distance, self.along)
        weight = self.weight[order]
        stands_for = np.where(weight > self.heavy, weight, weight * 2.0**self.halvings)
        weight = thinned_weight(stands_for * (self.total / stands_for.sum()), size)
        chosen = np.flatnonzero(weight)
        drawn = self.at(order[chosen])
        return Sample.of(drawn.rows.astype(float), weight[chosen], drawn.evidence), False


@dataclass(frozen=True, eq=False)
class Drawing:
    """The choices among rows of which something is known, and among the others; None where there are none.

    The former are few, mostly, and are sampled by themselves.
    """

    known: Choices | None
    others: Choices | None
    most: int

    @classmethod
    def of(
        cls,
        source: ArraySource,
        workers: Workers,
        unit: np.ndarray,
        mean: np.ndarray,
        axes: np.ndarray,
        heavy: float,
        most: int,
    ) -> "Drawing":
        """Choose among rows in one pass that holds a bounded number of them."""
        length = -(-max(min(_GROUP_NUMBERS // source.n_features, _GROUP_ROWS), most) // _ROWS_ALIKE) * _ROWS_ALIKE
        parts: list[Drawing] = []
        for start in range(0, source.n_rows, length):
            group = slice(start, min(start + length, source.n_rows))
            weight = np.ones(group.stop - start) if source.weight is None else source.weight[group]
            kept = np.flatnonzero(weight)
            places = group if len(kept) == len(weight) else kept + start
            rows, evidence = source.rows[places], None if source.evidence is None else source.evidence.take(places)
            distance, along = _measured(rows, evidence, source.has_gaps, unit, mean, axes, workers)
            found = Choices(rows, weight[kept], evidence, distance, along, heavy)
            known = np.zeros(len(kept), dtype=bool) if evidence is None else evidence.is_informative
            parts = [cls.gathered([*parts, cls(found.first(known), found.first(~known), most)])]
        return parts[0]

    @classmethod
    def gathered(cls, parts: "list[Drawing]") -> "Drawing":
        """Return the choices from all of them."""
        most = parts[0].most
        known = [part.known for part in parts if part.known is not None]
        others = [part.others for part in parts if part.others is not None]
        return cls(
            Choices.gathered(known, most) if known else None, Choices.gathered(others, most) if others else None, most
        )

    def __add__(self, other: "Drawing") -> "Drawing":
        """Return the choices from other rows, too."""
        return Drawing.gathered([self, other])

    def drawn(self, size: int) -> tuple[Sample, bool]:
        """Return at most so many rows of each kind, and whether these are all there are."""
        drawn = [choices.drawn(size) for choices in (self.known, self.others) if choices is not None]
        return reduce(add, (sample for sample, _ in drawn)), all(is_whole for _, is_whole in drawn)


def _measured(
    rows: np.ndarray,
    evidence: Evidence | None,
    has_gaps: bool,
    unit: np.ndarray,
    mean: np.ndarray,
    axes: np.ndarray,
    workers: Workers,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what tells rows apart, (m,) each: their distances, and their places along the last of the axes."""
    p = len(unit)
    distance, along = np.empty(len(rows)), np.empty(len(rows))
    length = max(_BLOCK_NUMBERS // p // _ROWS_ALIKE, 1) * _ROWS_ALIKE

    def measure(start: int) -> None:
        block = slice(start, start + length)
        # Features first: of short rows a loop over each would take several times as long.
        z = np.multiply(rows[block].T, unit[:, None], order="C")
        z -= mean[:, None]
        apart = 0.0 if evidence is None else _told_apart(evidence.take(block).keys)
        if has_gaps:
            # At the mean, but not the same as a row that is there.
            missing = np.isnan(z)
            apart = apart + _told_apart(missing.T)
            z[missing] = 0.0
        z = axes.T @ z
        distance[block] = np.round(np.einsum("rb,rb->b", z[:-1], z[:-1]) * _GRID)
        along[block] = np.round((z[-1] + apart) * _GRID)

    workers.map(lambda: measure, range(0, len(rows), length), rows.size * len(axes.T))
    return distance, along


def _in_order(distance: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Return the order of rows by distance, and of equal ones by their place along the direction."""
    order = np.argsort(distance)
    return order if _increase(distance[order]) else np.lexsort((along, distance))


def _increase(values: np.ndarray) -> bool:
    return bool((values[1:] > values[:-1]).all())


def _told_apart(keys: np.ndarray) -> np.ndarray:
    """Return a number for each row of `keys` (m, c) that is another one where the row is."""
    return np.asarray(keys @ np.sin(np.arange(1.0, keys.shape[1] + 1)))


def _mixed(distance: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Return numbers (m,) of 64 bits that look random, the same ones wherever and however often a row occurs."""
    # + 0.0 turns -0.0 into 0.0.
    mixed = (distance + 0.0).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= (along + 0.0).view(np.uint64)
    for shift in (np.uint64(32), np.uint64(29)):
        mixed ^= mixed >> shift
        mixed *= np.uint64(0xD6E8FEB86659FD93)
    return mixed


def _taken(parts: list[np.ndarray], chosen: np.ndarray) -> np.ndarray:
    """Return the chosen rows of all parts, put together without a copy of the others."""
    begins = np.cumsum([0, *map(len, parts)])
    result = np.empty((len(chosen), parts[0].shape[1]), dtype=parts[0].dtype)
    which = np.searchsorted(begins, chosen, side="right") - 1
    for i, part in enumerate(parts):
        own = which == i
        result[own] = part.take(chosen[own] - begins[i], axis=0)
    return result
