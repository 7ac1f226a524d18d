"""One EM pass of ours, outside of a fit: the only place of the benchmarks that knows the package's inside."""

import numpy as np
from timing import seconds_when_warm

from sklearn_em import GaussianMixtureEM
from sklearn_em.data.executors import Workers
from sklearn_em.data.gaps import source_of
from sklearn_em.data.scan import scan
from sklearn_em.gaussian.covariance import structure_of
from sklearn_em.gaussian.m_step import Terms
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters


class Pass:
    """E-step, log-likelihood and M-step from the parameters of a fitted estimator, again and again.

    Parameters
    ----------
    start : GaussianMixtureEM
        Its `reg_covar` is a number.
    X : ndarray
    """

    def __init__(self, start: GaussianMixtureEM, X: np.ndarray):
        self._workers = Workers(start.n_jobs)
        self._structure = structure_of(start.covariance_type)
        with self._workers as workers:
            self._problem = scan(source_of(X), start.n_components, self._structure.one_scale, workers)
        blur = start.reg_covar * self._problem.scale**2
        self._model = GaussianMixtureModel(self._structure, source_of(X), self._problem, Terms(blur), self._workers)
        params = start._parameters()
        self._start = MixtureParameters(params.weights, params.gaussians.rescale(self._problem.scale))

    def seconds(self) -> float:
        """Time a pass in the middle of a fit.

        The threads are there before the pass; they end with the context, which gives the linear algebra library its own
        threads back for the other side.
        """
        with self._workers:
            return seconds_when_warm(self._run)

    def result(self) -> dict[str, np.ndarray]:
        """Return the parameters after a pass, as fitted attributes."""
        with self._workers:
            params = self._run()
        gaussians = params.gaussians.rescale(1 / self._problem.scale)
        covariances = self._structure.to_natural(gaussians.covariances, gaussians.n_features)
        return {"weights_": params.weights, "means_": gaussians.means, "covariances_": covariances}

    def _run(self) -> MixtureParameters:
        statistics = self._model.e_step(self._start)
        self._model.objective(statistics, self._start)
        return self._model.m_step(statistics, self._start)
