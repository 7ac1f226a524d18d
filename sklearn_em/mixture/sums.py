"""The E-step over rows: block by block, each block's moments weighted by its responsibilities."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from sklearn_em.data.block import ArraySource, Partition
from sklearn_em.data.executors import Workers
from sklearn_em.gaussian.buffer import FeatureBuffer
from sklearn_em.gaussian.kernel import Kernel
from sklearn_em.gaussian.prepared import prepared
from sklearn_em.mixture.e_step import log_likelihood, responsibilities
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.values import MixtureParameters, MixtureStatistics

# The features of all rows are kept from pass to pass if they hold no more numbers than this, 16 MiB: with few features
# making them takes a tenth to a fifth of a pass. Beside the products with many it is little, and they may take less.
_MOST_KEPT = 2**21
_MOST_OF_MANY_KEPT = 2**19
_MANY = 128

Span = tuple[int, int]
# The features of each block, of one layout at a time.
KeptFeatures = dict[Hashable, dict[Span, FeatureBuffer]]


@dataclass(frozen=True, eq=False)
class Pass:
    """What one pass asks of rows; it knows no rows itself, so that it can be sent to where they are.

    Attributes
    ----------
    params : MixtureParameters
        Scaled as the problem says.
    scale, centre : ndarray of shape (p,)
        Of the problem.
    blur : ndarray, optional
        What each component's rows are blurred by.
    noise : Noise, optional
        Scaled as the problem says.
    apart : ndarray of shape (K, p), optional
        Where it is not NaN, a component's moments are summed about this point.
    kept : dict, optional
        Where to keep the features of all rows between passes, if they are not too many.
    total_is_known : bool
        Whether the second moments of all rows together are known without this pass.
    """

    params: MixtureParameters
    scale: np.ndarray
    centre: np.ndarray
    blur: np.ndarray | None
    noise: Noise | None
    apart: np.ndarray | None
    kept: KeptFeatures | None = None
    total_is_known: bool = True

    def __call__(self, source: ArraySource, workers: Workers) -> MixtureStatistics:
        """Sum over rows, but for what all components share."""
        params, noise = self.params, self.noise
        densities = prepared(
            params.gaussians,
            self.centre,
            params.log_weights,
            patterns=source.patterns,
            blur=self.blur,
            apart=self.apart,
            total_is_known=noise is None and self.total_is_known,
        )
        K = densities.n_components
        partition = Partition.of(
            source.n_rows, densities.numbers_per_row, densities.numbers_per_sum, densities.fewest_rows
        )
        kept = self._room_to_keep(densities, source)

        def make_worker() -> Callable[[Any], MixtureStatistics]:
            features_of = self._loader(densities, partition.block_length, kept)
            room = np.empty((3, K if noise is None else K + 1, partition.block_length))

            def sum_group(group: Any) -> MixtureStatistics:
                accumulator = densities.accumulator()
                total = noise_mass = 0.0
                for span in partition.blocks(group):
                    block = source.block(*span)
                    features = features_of(block.rows, span)
                    joint, scratch = room[0, :, : len(block.rows)], room[1:, :, : len(block.rows)]
                    densities.log_joint(features, joint[:K])
                    if noise is not None:
                        joint[K] = noise.log_joint(params.noise_weight, block.rows)
                    top, norm = responsibilities(joint, block.weight, block.evidence, scratch)
                    accumulator.add(features, joint[:K])
                    total += log_likelihood(top, norm, block.weight)
                    if noise is not None:
                        noise_mass += float(joint[K].sum())
                return MixtureStatistics(accumulator.statistics(), total, noise_mass)

            return sum_group

        work = source.n_rows * densities.numbers_per_sum
        return reduce(add, workers.map(make_worker, partition.groups, work))

    def _room_to_keep(self, densities: Kernel, source: ArraySource) -> dict[Span, FeatureBuffer] | None:
        """Return where the features of each block are kept, or None where they are made in every pass."""
        per_row = densities.features_per_row
        most = _MOST_KEPT if per_row <= _MANY else _MOST_OF_MANY_KEPT
        if self.kept is None or not 0 < per_row * source.n_rows <= most:
            return None
        if densities.layout not in self.kept:
            self.kept.clear()
        return self.kept.setdefault(densities.layout, {})

    def _loader(
        self, densities: Kernel, length: int, kept: dict[Span, FeatureBuffer] | None
    ) -> Callable[[np.ndarray, Span], Any]:
        """Return what gives one worker the features of a block's rows."""
        if kept is None:
            buffer = densities.buffer(length)

            def load(rows: np.ndarray, span: Span) -> Any:
                buffer.load(rows, self.scale, self.centre)
                return buffer

            return load

        def load_once(rows: np.ndarray, span: Span) -> FeatureBuffer:
            if span not in kept:
                features = densities.buffer(len(rows))
                features.load(rows, self.scale, self.centre)
                kept[span] = features
            return kept[span]

        return load_once
