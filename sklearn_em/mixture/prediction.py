"""A fitted mixture at new rows, block by block: nothing of size (n_samples, n_components) that was not asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sklearn_em.data.block import ArraySource, Block, Partition
from sklearn_em.data.executors import Workers
from sklearn_em.data.scan import power_of_two_near
from sklearn_em.gaussian.log_prob import Densities
from sklearn_em.mixture.e_step import log_density, log_likelihood, responsibilities
from sklearn_em.mixture.model import MixtureParameters

T = TypeVar("T")

# Squares of scaled values beyond this would overflow; a row so far out is as good as at this distance.
_FARTHEST = 1e150


@dataclass(frozen=True, eq=False)
class Predictor:
    """Densities and responsibilities under given parameters, in the data's own units."""

    params: MixtureParameters
    workers: Workers

    def log_joint(self, source: ArraySource) -> np.ndarray:
        """Return log pi_k + log N(x | mu_k, Sigma_k), (n, K)."""
        out = np.empty((source.n_rows, self.params.weights.size))
        empty = self.params.weights == 0

        def write(start: int, stop: int, block: Block, joint: np.ndarray, shared: np.ndarray | float) -> None:
            np.add(joint.T, np.reshape(shared, (-1, 1)), out=out[start:stop])
            out[start:stop, empty] = -np.inf

        self._each_block(source, write)
        return out

    def responsibilities(self, source: ArraySource) -> np.ndarray:
        """Return the probability of each component given the row, (n, K)."""
        out = np.empty((source.n_rows, self.params.weights.size))
        empty = self.params.weights == 0

        def write(start: int, stop: int, block: Block, joint: np.ndarray, shared: np.ndarray | float) -> None:
            responsibilities(joint)
            out[start:stop] = joint.T
            out[start:stop, empty] = 0.0

        self._each_block(source, write)
        return out

    def labels(self, source: ArraySource) -> np.ndarray:
        """Return the most probable component of each row, (n,)."""
        out = np.empty(source.n_rows, dtype=np.int64)

        def write(start: int, stop: int, block: Block, joint: np.ndarray, shared: np.ndarray | float) -> None:
            joint.argmax(axis=0, out=out[start:stop])

        self._each_block(source, write)
        return out

    def log_densities(self, source: ArraySource) -> np.ndarray:
        """Return the log density of each row under the mixture, (n,)."""
        out = np.empty(source.n_rows)

        def write(start: int, stop: int, block: Block, joint: np.ndarray, shared: np.ndarray | float) -> None:
            np.add(log_density(*responsibilities(joint)), shared, out=out[start:stop])

        self._each_block(source, write)
        return out

    def log_likelihood(self, source: ArraySource) -> float:
        """Return the weighted sum of the rows' log densities."""

        def total(start: int, stop: int, block: Block, joint: np.ndarray, shared: np.ndarray | float) -> float:
            top, norm = responsibilities(joint)
            return log_likelihood(top + shared, norm, block.weight)

        return sum(self._each_block(source, total))

    def _each_block(
        self, source: ArraySource, use: Callable[[int, int, Block, np.ndarray, np.ndarray | float], T]
    ) -> list[T]:
        gaussians = self.params.gaussians
        structure, p = gaussians.structure, gaussians.n_features
        spread = np.sqrt(structure.form.diagonal(gaussians.covariances, p).max(axis=0))
        scale = power_of_two_near(spread)
        if structure.one_scale:
            scale = np.full(p, scale.min())
        scaled = gaussians.rescale(scale)
        centre = self.params.weights @ scaled.means
        offset = self.params.log_weights + np.log(scale).sum()
        densities = Densities.prepare(scaled, centre, offset)
        with np.errstate(over="ignore"):
            farthest = _FARTHEST / scale
        partition = Partition.of(source.n_rows, densities.numbers_per_row)
        work = source.n_rows * densities.moments.length(p) * densities.constant.size

        def make_worker() -> Callable[[int], list[T]]:
            features = densities.buffer(partition.block_length)
            room = np.empty((densities.constant.size, partition.block_length))

            def use_group(group: int) -> list[T]:
                results = []
                for start, stop in partition.blocks(group):
                    block = source.block(start, stop)
                    rows = np.asarray(block.rows, dtype=float)
                    if max(rows.max(), -rows.min()) > farthest.min():
                        rows = np.clip(rows, -farthest, farthest)
                    features.load(rows, scale, centre)
                    joint = densities.log_joint(features, room[:, : len(rows)])
                    results.append(use(start, stop, block, joint, densities.shared_term(features)))
                return results

            return use_group

        return [result for group in self.workers.map(make_worker, partition.groups, work) for result in group]
