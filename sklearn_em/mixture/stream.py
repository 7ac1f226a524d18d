"""The Gaussian mixture as stepwise EM takes it: bound to one block after another, in a frame that stays."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.sample import Sample
from sklearn_em.data.source import Source
from sklearn_em.gaussian.statistics import beside, of_scatter
from sklearn_em.mixture.model import GaussianMixtureModel
from sklearn_em.mixture.sums import Pass
from sklearn_em.mixture.values import MixtureParameters, MixtureStatistics


def frame_of(model: GaussianMixtureModel) -> GaussianMixtureModel:
    """Return the model without its rows: scale, centre, regularisation, noise and prior, which later rows leave be."""
    none = np.empty((0, len(model.problem.scale)))
    problem = replace(model.problem, sample=Sample(none, np.empty(0)))
    return replace(model, source=ArraySource(none), problem=problem, workers=Workers(1))


@dataclass(frozen=True, eq=False)
class StreamedMixture:
    """A mixture bound to a block; its log-likelihoods are in the data's own units.

    Attributes
    ----------
    frame : GaussianMixtureModel
        Without rows.
    source : ArraySource
        The block.
    workers : Workers
    """

    frame: GaussianMixtureModel
    source: Source
    workers: Workers

    def e_step(self, params: MixtureParameters) -> MixtureStatistics:
        """Sum the moments of the block."""
        scale, centre, terms = self.frame.problem.scale, self.frame.problem.centre, self.frame.terms
        one_pass = Pass(params, scale, centre, terms.blur_of_each, self.frame.noise, apart=None, total_is_known=False)
        statistics = self.source.sum(one_pass, self.workers)
        units = self.source.sum(partial(_log_units, scale=scale), self.workers)
        return replace(statistics, log_likelihood=statistics.log_likelihood + units)

    def m_step(self, statistics: MixtureStatistics, previous: MixtureParameters) -> MixtureParameters:
        """Maximise the bound; rows that are gone cannot be summed again, whatever digits were lost."""
        return self.frame.estimate(statistics, previous.gaussians)

    def objective(self, statistics: MixtureStatistics, params: MixtureParameters) -> float:
        """Return the average over all rows so far of what each added when it came, per unit of weight."""
        weight = statistics.gaussian.mass.sum() + statistics.noise
        return float((statistics.log_likelihood + self.frame.log_prior(params)) / weight)


def _log_units(source: ArraySource, workers: Workers, scale: np.ndarray) -> float:
    """Return what scaling has taken off the log-likelihood of what is observed."""
    weight = np.ones(source.n_rows) if source.weight is None else source.weight
    return float(weight @ ~np.isnan(source.rows) @ np.log(scale))


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
    covariances = moments.of_matrices(matrices - np.diag(model.terms.blur))
    scatter = beside(mass, covariances) * covariances
    gaussian = of_scatter(moments, mass, gaussians.means, scatter)
    log_likelihood = weight * objective - model.log_prior(params)
    return MixtureStatistics(gaussian, log_likelihood, weight * params.noise_weight)
