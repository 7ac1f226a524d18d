"""From checked rows to the best end: scan, starts, search. No attribute of an estimator is read or set here."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.scan import Problem, scan
from sklearn_em.em import Squarem, StoppingRule
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters, MixtureStatistics
from sklearn_em.starts import Given, StartRecord, StartSpace, candidates, search
from sklearn_em.starts.search import Candidate, Run, State

# The share of a feature's variance that `reg_covar="auto"` adds to it.
_AUTO_REGULARISATION = 1e-6


def fit_mixture(
    source: ArraySource,
    structure: Structure,
    *,
    n_components: int,
    reg_covar: float | str,
    method: str,
    given: Given,
    n_init: int,
    rng: np.random.RandomState,
    stopping: StoppingRule,
    accelerator: Squarem[MixtureStatistics] | None,
    callback: Callable[[int, State], object] | None,
    n_jobs: int | None,
) -> tuple[Run, list[StartRecord]]:
    """Fit a Gaussian mixture; return the best end, its parameters in the data's units, and a record of every start.

    Parameters
    ----------
    source : ArraySource
    structure : Structure
    n_components : int
    reg_covar : float or "auto"
    method : str
        The name of a way to find starts.
    given : Given
        The parts of the start that are given, in the data's units.
    n_init : int
    rng : RandomState
    stopping : StoppingRule
    accelerator : Squarem or None
    callback : callable, optional
        Called with the number of the start and each of its states.
    n_jobs : int, optional

    Raises
    ------
    DegenerateError
        If every start fails.
    """
    with Workers(n_jobs) as workers:
        problem = scan(source, n_components, structure.one_scale, workers)
        model = GaussianMixtureModel(structure, source, problem, _blur(reg_covar, problem, structure), workers)
        starts = _starts(model, _scaled(given, structure, problem.scale), method, n_components, rng)
        swap_rng = None if given.means is not None else rng
        best, records = search(model, starts, n_init, swap_rng, stopping, callback, accelerator)
    gaussians = best.params.gaussians.rescale(1 / problem.scale)
    return replace(best, params=replace(best.params, gaussians=gaussians)), records


def _blur(reg_covar: float | str, problem: Problem, structure: Structure) -> np.ndarray:
    """Return the diagonal of R, scaled as the problem says."""
    if not isinstance(reg_covar, str):
        return float(reg_covar) * problem.scale**2
    blur = _AUTO_REGULARISATION * problem.variance
    # Only a multiple of the identity looks the same from every side.
    return np.full_like(blur, blur.mean()) if structure.one_scale else blur


def _scaled(given: Given, structure: Structure, scale: np.ndarray) -> Given:
    means, factors = given.means, given.precision_cholesky
    return Given(
        given.weights,
        None if means is None else means * scale,
        None if factors is None else structure.form.rescale_cholesky(factors, scale),
    )


def _starts(
    model: GaussianMixtureModel,
    given: Given,
    method: str,
    n_components: int,
    rng: np.random.RandomState,
) -> Iterator[Iterator[Candidate]]:
    """Yield the candidates of each start."""
    if given.weights is not None and given.means is not None and given.precision_cholesky is not None:
        gaussians = Gaussians.from_precision_cholesky(model.structure, given.means, given.precision_cholesky)
        params = MixtureParameters(given.weights, gaussians)
        yield iter([lambda: params])
        return
    space = StartSpace.of(model.problem)
    while True:
        yield candidates(model, space, method, n_components, given, rng)
        if given.means is not None:
            # Given means leave nothing to draw.
            return
