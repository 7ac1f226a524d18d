"""The sample in the coordinates in which starts are sought.

A start must not depend on the order of the rows, on their units, or on whether a row is repeated or weighs more.
So it is made from distinct rows in an order that is the data's own, and whatever decides between two rows is rounded
far above rounding errors first.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from sklearn_em.data.evidence import Evidence
from sklearn_em.data.sample import whitening
from sklearn_em.data.scan import Problem

_GRID = 2.0**32


def rounded(values: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Round to a grid far finer than any distance that matters and far coarser than rounding errors."""
    result = np.rint(np.multiply(values, _GRID, out=out), out=out)
    # Of a power of two the product is as exact as a quotient, and faster.
    return np.asarray(np.multiply(result, 1 / _GRID, out=out))


@dataclass(frozen=True, eq=False)
class StartSpace:
    """Distinct rows, ordered by their distance from the mean.

    Attributes
    ----------
    rows : ndarray of shape (m, p)
        Scaled as the problem says.
    weight : ndarray of shape (m,)
        Their weights; they sum to 1.
    whitened : ndarray of shape (m, r)
        The rows in coordinates in which they are uncorrelated with unit variance.
    standardised : ndarray of shape (m, p)
        The rows in units of each feature's robust scale.
    evidence : Evidence, optional
        What is known of each row.
    """

    rows: np.ndarray
    weight: np.ndarray
    whitened: np.ndarray
    standardised: np.ndarray
    evidence: Evidence | None = None

    @classmethod
    def of(cls, problem: Problem, filled: np.ndarray) -> Self:
        """Build the coordinates from the problem's sample, scaled and with guesses where values are missing."""
        sample = problem.sample
        weight = rounded(sample.weight / sample.weight.sum() * 2.0**13) / 2.0**13
        weight = weight / weight.sum()
        deviation = np.sqrt(problem.variance)
        z = (filled - problem.centre) / deviation
        z = z - weight @ z
        whitened = z @ whitening((z.T * weight) @ z)
        radius = rounded(np.einsum("mr,mr->m", whitened, whitened))
        # Stable: equal distances stay in lexicographic order.
        order = np.argsort(radius, kind="stable")
        evidence = None if sample.evidence is None else sample.evidence.take(order)
        return cls(filled[order], weight[order], whitened[order], z[order], evidence)

    def placed(self, points: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Return where means (K, p) lie in the coordinates of `points`, one of the metrics."""
        middle = self.weight @ self.rows
        linear, *_ = np.linalg.lstsq(self.rows - middle, points, rcond=None)
        return (means - middle) @ linear

    @property
    def metrics(self) -> list[np.ndarray]:
        """The coordinates worth clustering in, the first choice first.

        Whitened rows see elongated clusters, standardised ones see what whitening drowns in noise. With no more rows
        than directions, all whitened rows are equally far apart.
        """
        if len(self.rows) <= 2 * self.whitened.shape[1]:
            return [self.standardised]
        return [self.whitened, self.standardised]
