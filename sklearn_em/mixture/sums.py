"""The E-step over rows: block by block, each block's moments weighted by its responsibilities."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from sklearn_em.data.block import ArraySource, Partition
from sklearn_em.data.executors import Workers
from sklearn_em.gaussian.features import FeatureBuffer, Moments
from sklearn_em.gaussian.prepared import prepared
from sklearn_em.mixture.e_step import log_likelihood, responsibilities
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.values import MixtureParameters, MixtureStatistics

KeptFeatures = dict[tuple[Moments, bool, bool], FeatureBuffer]


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
        Where to keep the features of all rows between passes, if one block holds them.
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
        one_block = partition.is_one_block and densities.keeps_features and self.kept is not None

        def make_worker() -> Callable[[Any], MixtureStatistics]:
            # In every pass the features are the same: where one block holds all rows, they are kept.
            features: Any = self._features(densities, source) if one_block else densities.buffer(partition.block_length)
            room = np.empty((3, K if noise is None else K + 1, partition.block_length))

            def sum_group(group: Any) -> MixtureStatistics:
                accumulator = densities.accumulator()
                total = noise_mass = 0.0
                for span in partition.blocks(group):
                    block = source.block(*span)
                    if not one_block:
                        features.load(block.rows, self.scale, self.centre)
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

    def _features(self, densities: Any, source: ArraySource) -> FeatureBuffer:
        """Return the features of all rows, made when first asked for."""
        assert self.kept is not None
        key = densities.moments, densities.theta.size > 0, densities.tight.size > 0
        if key not in self.kept:
            features = densities.buffer(source.n_rows)
            features.load(source.rows, self.scale, self.centre)
            self.kept[key] = features
        return self.kept[key]
