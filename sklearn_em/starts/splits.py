"""Where one cluster falls apart into two: the best of many cuts, by the likelihood of two Gaussians in place of one.

A component that covers two clusters is as wide as both, so no row looks badly explained by it; what gives it away is
that its rows are not Gaussian. Two Gaussians, each with its own rows, explain rows of weight w better than one by

    sum over the two sides of  w_s log(w_s / w) - w_s / 2 log |S_s|,   less the same of the whole

the gain of the classification likelihood. It is negative for rows that are Gaussian, and positive where there is a gap.

References
----------
Celeux and Govaert (1992), "A classification EM algorithm for clustering and two stochastic versions", section 3.
"""

from dataclasses import dataclass

import numpy as np

from sklearn_em.starts.space import rounded

# A straight cut is tried across this many directions.
_DIRECTIONS = 16
# Steps of classification EM after the straight cut, and of how many cuts: the straight gain tells the poor ones.
_REFINEMENTS, _MOST_REFINED = 2, 8
# Where the products of all pairs of features take more numbers than this (32 MiB), the cut stays straight and is judged
# along its direction alone.
_MOST_PRODUCTS = 2**22
# In whitened coordinates.
_SAME_PLACE = 1e-6


@dataclass(frozen=True, eq=False)
class Split:
    """What cutting a cluster in two gains, in nats per unit of weight, and which rows are on the heavier side (m,)."""

    gain: float
    side: np.ndarray


def splits(
    z: np.ndarray, weight: np.ndarray, row: float, min_rows: int, most: int, rng: np.random.RandomState
) -> list[Split]:
    """Return the best distinct cuts of a cluster, the best first.

    Parameters
    ----------
    z : ndarray of shape (p, m)
        The rows of the cluster, in coordinates in which it is about round.
    weight : ndarray of shape (m,)
        Their weights, all positive.
    row : float
        The weight of an average row.
    min_rows : int
        How many rows' worth of weight each side must have.
    most : int
        How many cuts to return at most.
    rng : RandomState
    """
    whitened = _whitened(z, weight)
    if whitened is None:
        return []
    z = whitened
    # Some rows' worth of the whole cluster, so that rows close together by chance do not look like a cluster.
    prior = (len(z) + 1) * row
    sides, gains = _straight(z, weight, prior, min_rows * row, _directions(z, weight, rng))
    if len(sides) and len(z) * z.size <= _MOST_PRODUCTS:
        best = np.argsort(-rounded(gains / weight.sum()), kind="stable")[:_MOST_REFINED]
        sides, gains = _refined(z, weight, prior, min_rows * row, sides[best])
    heavier = rounded(sides @ weight / weight.sum()) >= 0.5
    sides = np.where(heavier[:, None], sides, ~sides)
    found: list[Split] = []
    for place in np.argsort(-rounded(gains / weight.sum()), kind="stable"):
        if len(found) == most or not np.isfinite(gains[place]):
            break
        if not any((sides[place] == other.side).all() for other in found):
            found.append(Split(float(gains[place]), sides[place]))
    return found


def _whitened(z: np.ndarray, weight: np.ndarray) -> np.ndarray | None:
    z = z - (z @ weight / weight.sum())[:, None]
    try:
        # Not by eigenvectors, which rounding turns any way where variances are equal.
        root = np.linalg.cholesky((z * weight) @ z.T / weight.sum())
    except np.linalg.LinAlgError:
        return None
    # The cluster is about round already, so the inverse has its digits, and the library has no reason to start threads.
    return np.linalg.inv(root) @ z


def _directions(z: np.ndarray, weight: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Return unit vectors (d, p), the directions from one random row to another."""
    if len(z) == 1:
        return np.ones((1, 1))
    share = np.cumsum(weight)
    ends = np.searchsorted(share, rng.uniform(size=(2, _DIRECTIONS)) * share[-1], side="right")
    start, end = np.minimum(ends, len(weight) - 1)
    lines = (z[:, end] - z[:, start]).T
    length = np.sqrt(np.square(lines).sum(axis=1))
    apart = length > _SAME_PLACE
    return lines[apart] / length[apart, None]


def _straight(
    z: np.ndarray, weight: np.ndarray, prior: float, least: float, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best two cuts across each direction, (d, m) of bool, and their gains along the direction, (d,)."""
    along = directions @ z
    order, along = _sorted(along)
    sorted_weight = weight[order]
    weighted = sorted_weight * along
    mass, first, second = (np.cumsum(line, axis=1) for line in (sorted_weight, weighted, weighted * along))
    all_mass, all_first, all_second = mass[:, -1:], first[:, -1:], second[:, -1:]
    allowed = np.minimum(mass, all_mass - mass) >= least
    left = _one_dimensional(mass, first, second, all_mass, prior)
    rest = np.where(allowed, all_mass - mass, 1.0)
    gains = left + _one_dimensional(rest, all_first - first, all_second - second, all_mass, prior)
    # On either side of the middle, so that a tail does not hide the other one.
    lighter = rounded(mass / all_mass) <= 0.5
    gains = np.concatenate([np.where(allowed & half, gains, -np.inf) for half in (lighter, ~lighter)])
    last = np.argmax(rounded(gains / weight.sum()), axis=1)
    best = gains[np.arange(len(gains)), last]
    possible = np.isfinite(best)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(order.shape[1])[None], axis=1)
    sides = np.concatenate([rank, rank])[possible] <= last[possible, None]
    return sides, best[possible]


def _sorted(along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of each line's numbers (d, m), equal ones in the order of the rows, and the numbers in it."""
    # The stable sort takes several times as long, and there are hardly ever equal ones.
    order = np.argsort(along, axis=1)
    increasing = np.take_along_axis(along, order, axis=1)
    if not (increasing[:, 1:] > increasing[:, :-1]).all():
        order = np.argsort(along, axis=1, kind="stable")
    return order, increasing


def _one_dimensional(
    mass: np.ndarray, first: np.ndarray, second: np.ndarray, all_mass: np.ndarray, prior: float
) -> np.ndarray:
    scatter = np.maximum(second - first**2 / mass, 0)
    return mass * (np.log(mass / all_mass) - 0.5 * np.log((scatter + prior) / (mass + prior)))


def _refined(
    z: np.ndarray, weight: np.ndarray, prior: float, least: float, sides: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give each row to the side whose Gaussian explains it better, a few times; return the sides and their gains."""
    p, total = len(z), weight.sum()
    products = (z[:, None] * z).reshape(p * p, -1)

    def gaussians(sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return w_s log(w_s / w) - w_s / 2 log |S_s| of each side and cut, and the log joint density of all rows."""
        member = np.concatenate([sides, ~sides]) * weight
        mass = member.sum(axis=1)
        mean = (member @ z.T) / mass[:, None]
        scatter = (member @ products.T).reshape(-1, p, p) - mass[:, None, None] * mean[:, :, None] * mean[:, None]
        covariance = (scatter + prior * np.eye(p)) / (mass + prior)[:, None, None]
        constant = np.log(mass / total) - 0.5 * np.linalg.slogdet(covariance)[1]
        # The few cuts of one cluster, in whitened coordinates and with the prior: nothing here is ill-conditioned.
        precision = np.linalg.inv(covariance)
        linear = (precision @ mean[:, :, None])[:, :, 0]
        distance = precision.reshape(-1, p * p) @ products - 2 * linear @ z + (linear * mean).sum(axis=1)[:, None]
        return (mass * constant).reshape(2, -1), (constant[:, None] - 0.5 * distance).reshape(2, *sides.shape)

    for _ in range(_REFINEMENTS):
        one, other = gaussians(sides)[1]
        moved = one > other
        mass = moved @ weight
        allowed = np.minimum(mass, total - mass) >= least
        sides = np.where(allowed[:, None], moved, sides)
    return sides, gaussians(sides)[0].sum(axis=0)
