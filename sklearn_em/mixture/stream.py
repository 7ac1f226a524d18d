"""The Gaussian mixture as stepwise EM takes it: bound to one block after another, in a frame that stays."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.sample import Sample
from sklearn_em.gaussian.statistics import GaussianStatistics
from sklearn_em.mixture.model import GaussianMixtureModel, MixtureParameters, MixtureStatistics


def frame_of(model: GaussianMixtureModel) -> GaussianMixtureModel:
    """Return the model without its rows: scale, centre, regularisation, noise and prior, which later rows leave be."""
    none = np.empty((0, model.source.n_features))
    problem = replace(model.problem, sample=Sample(none, np.empty(0)))
    return replace(model, source=ArraySource(none), problem=problem, workers=Workers(1), total_is_known=False)


@dataclass(frozen=True, eq=False)
class StreamedMixture:
    """A mixture bound to a block; its log-likelihoods are in the data's own units.

    Attributes
    ----------
    model : GaussianMixtureModel
        The frame with the block for its data.
    """

    model: GaussianMixtureModel

    @classmethod
    def of(cls, frame: GaussianMixtureModel, source: ArraySource, workers: Workers) -> Self:
        """Bind the frame to a block."""
        weight = np.ones(source.n_rows) if source.weight is None else source.weight
        observed = weight @ ~np.isnan(source.rows) / weight.sum()
        problem = replace(frame.problem, n_rows=source.n_kept, weight=float(weight.sum()), observed=observed)
        return cls(replace(frame, source=source, problem=problem, workers=workers))

    def e_step(self, params: MixtureParameters) -> MixtureStatistics:
        """Sum the moments of the block."""
        statistics = self.model.e_step(params)
        units = self.model.log_scale * self.model.problem.weight
        return replace(statistics, log_likelihood=statistics.log_likelihood + units)

    def m_step(self, statistics: MixtureStatistics, previous: MixtureParameters) -> MixtureParameters:
        """Maximise the bound; rows that are gone cannot be summed again, whatever digits were lost."""
        return self.model.estimate(statistics, previous.gaussians)

    def objective(self, statistics: MixtureStatistics, params: MixtureParameters) -> float:
        """Return the average over all rows so far of what each added when it came, per unit of weight."""
        weight = statistics.gaussian.mass.sum() + statistics.noise
        return float((statistics.log_likelihood + self.model.log_prior(params)) / weight)


def statistics_of(
    model: GaussianMixtureModel, params: MixtureParameters, weight: float, objective: float
) -> MixtureStatistics:
    """Return the statistics of rows of this weight of which `params` are the fit, with this objective.

    Without a prior, the M-step leads back to `params`.
    """
    gaussians = params.gaussians
    structure, p = gaussians.structure, gaussians.n_features
    matrices = np.broadcast_to(structure.form.matrices(gaussians.covariances, p), (len(gaussians.means), p, p))
    # The M-step adds mass times R to the scatter, so it is taken off here.
    mass, moments = weight * params.weights, structure.moments
    scatter = moments.packed(moments.of_matrices(matrices - np.diag(model.terms.blur))) * mass[:, None]
    sums = np.concatenate([mass[:, None], scatter, np.zeros_like(gaussians.means)], axis=1).T
    gaussian = GaussianStatistics(moments, sums, gaussians.means)
    log_likelihood = weight * objective - model.log_prior(params)
    return MixtureStatistics(gaussian, log_likelihood, weight * params.noise_weight)
