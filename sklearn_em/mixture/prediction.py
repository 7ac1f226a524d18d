"""A fitted mixture at new rows, block by block: nothing of size (n_samples, n_components) that was not asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np

from sklearn_em.data.block import ArraySource, Block, Partition
from sklearn_em.data.executors import Workers
from sklearn_em.data.sample import power_of_two_near
from sklearn_em.data.source import Rows
from sklearn_em.gaussian.prepared import prepared
from sklearn_em.mixture.e_step import log_density, log_likelihood, responsibilities
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.values import MixtureParameters

T = TypeVar("T")
# The block, the log joint densities (C, b) of its rows less a term that all share, that term, and room (2, C, b).
Use = Callable[[Block, np.ndarray, np.ndarray | float, np.ndarray], T]

# Squares of scaled values beyond this would overflow; a row so far out is as good as at this distance.
_FARTHEST = 1e150


@dataclass(frozen=True, eq=False)
class Predictor:
    """Densities and responsibilities under given parameters, in the data's own units.

    Where there is noise, it is the last of C = K + 1 components, else C = K.
    """

    params: MixtureParameters
    workers: Workers
    noise: Noise | None = None

    def log_joint(self, source: ArraySource) -> np.ndarray:
        """Return log pi_k + log N(x | mu_k, Sigma_k), (n, C)."""
        out, empty = np.empty((source.n_rows, len(self._weights))), self._weights == 0

        def write(block: Block, joint: np.ndarray, shared: np.ndarray | float, scratch: np.ndarray) -> None:
            joint[empty] = -np.inf
            out[block.places] = joint.T + np.reshape(shared, (-1, 1))

        self.each_block(source, write)
        return out

    def responsibilities(self, source: ArraySource) -> np.ndarray:
        """Return the probability of each component given the row, (n, C)."""
        out, empty = np.empty((source.n_rows, len(self._weights))), self._weights == 0

        def write(block: Block, joint: np.ndarray, shared: np.ndarray | float, scratch: np.ndarray) -> None:
            responsibilities(joint, scratch=scratch)
            joint[empty] = 0.0
            out[block.places] = joint.T

        self.each_block(source, write)
        return out

    def labels(self, source: ArraySource) -> np.ndarray:
        """Return the most probable component of each row, (n,); -1 for the noise."""
        out = np.empty(source.n_rows, dtype=np.int64)

        def write(block: Block, joint: np.ndarray, shared: np.ndarray | float, scratch: np.ndarray) -> None:
            out[block.places] = joint.argmax(axis=0)

        self.each_block(source, write)
        if self.noise is not None:
            out[out == self.params.weights.size] = -1
        return out

    def log_densities(self, source: ArraySource) -> np.ndarray:
        """Return the log density of each row under the mixture, (n,)."""
        out = np.empty(source.n_rows)

        def write(block: Block, joint: np.ndarray, shared: np.ndarray | float, scratch: np.ndarray) -> None:
            out[block.places] = log_density(*responsibilities(joint, scratch=scratch)) + shared

        self.each_block(source, write)
        return out

    def log_likelihood(self, source: Rows) -> float:
        """Return the weighted sum of the rows' log densities."""
        return source.sum(self._log_likelihood, self.workers)

    def _log_likelihood(self, source: ArraySource, workers: Workers) -> float:
        def total(block: Block, joint: np.ndarray, shared: np.ndarray | float, scratch: np.ndarray) -> float:
            top, norm = responsibilities(joint, scratch=scratch)
            return log_likelihood(top + shared, norm, block.weight)

        return sum(self.by(workers).each_block(source, total))

    def classification_log_likelihood(self, source: Rows) -> float:
        """Return the weighted sum of the rows' log joint densities with their most probable components."""
        return source.sum(self._classification_log_likelihood, self.workers)

    def _classification_log_likelihood(self, source: ArraySource, workers: Workers) -> float:
        def total(block: Block, joint: np.ndarray, shared: np.ndarray | float, scratch: np.ndarray) -> float:
            best = joint.max(axis=0) + shared
            return float(best.sum() if block.weight is None else best @ block.weight)

        return sum(self.by(workers).each_block(source, total))

    def by(self, workers: Workers) -> Self:
        """Return the same with other workers."""
        return replace(self, workers=workers)

    @property
    def _weights(self) -> np.ndarray:
        """The weights (C,)."""
        weights = self.params.weights
        return weights if self.noise is None else np.append(weights, self.params.noise_weight)

    def each_block(self, source: ArraySource, use: Use[T]) -> list[T]:
        """Return what `use` makes of each block, in the order of the blocks."""
        gaussians = self.params.gaussians
        structure, p, K = gaussians.structure, gaussians.n_features, gaussians.n_components
        spread = np.sqrt(structure.form.diagonal(gaussians.covariances, p).max(axis=0))
        scale = power_of_two_near(spread)
        if structure.one_scale:
            scale = np.full(p, scale.min())
        scaled = gaussians.rescale(scale)
        centre = self.params.weights @ scaled.means / max(self.params.weights.sum(), np.finfo(float).tiny)
        densities = prepared(scaled, centre, self.params.log_weights, patterns=source.patterns)
        noise = None if self.noise is None else self.noise.rescale(scale)
        log_scale = np.log(scale)
        with np.errstate(over="ignore"):
            farthest = _FARTHEST / scale
        C = len(self._weights)
        partition = Partition.of(source.n_rows, densities.numbers_per_row + 2 * C)
        work = source.n_rows * densities.numbers_per_sum

        def make_worker() -> Callable[[Any], list[T]]:
            features: Any = densities.buffer(partition.block_length)
            room = np.empty((3, C, partition.block_length))

            def use_group(group: Any) -> list[T]:
                results = []
                for start, stop in partition.blocks(group):
                    block = source.block(start, stop)
                    rows = np.asarray(block.rows, dtype=float)
                    # Not a number is not within either.
                    if not max(rows.max(), -rows.min()) <= farthest.min():
                        rows = np.clip(rows, -farthest, farthest)
                    features.load(rows, scale, centre)
                    joint, scratch = room[0, :, : len(rows)], room[1:, :, : len(rows)]
                    densities.log_joint(features, joint[:K])
                    shared = densities.shared_term(features)
                    if noise is not None:
                        joint[K] = noise.log_joint(self.params.noise_weight, rows) - shared
                    # Scaling a feature by s multiplies densities by 1 / s, of rows in which it is observed.
                    units = ~np.isnan(rows) @ log_scale if source.has_gaps else log_scale.sum()
                    results.append(use(block, joint, shared + units, scratch))
                return results

            return use_group

        return [result for group in self.workers.map(make_worker, partition.groups, work) for result in group]
