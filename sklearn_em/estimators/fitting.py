"""From checked rows to the best end: scan, starts, search. No attribute of an estimator is read or set here."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import repeat

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.scan import Problem, scan
from sklearn_em.em import DegenerateError, Squarem, StoppingRule
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.mixture import GaussianMixtureModel, MixtureStatistics
from sklearn_em.starts import Given, StartRecord, StartSpace, candidates, moves, one_component, search
from sklearn_em.starts.ends import Candidate, Run, State

# The share of a feature's variance that `reg_covar="auto"` adds to it.
_AUTO_REGULARISATION = 1e-6
# The share of the variances, far rows included, below which a covariance matrix has no digits.
_LEAST_RESOLVED = 1e-12
_WIDENED = (
    "reg_covar was too small for covariances of this size, all of which came out singular; the variances {} were added "
    "to the features instead. Leave out rows that are far from all others, or increase reg_covar."
)
# Given precisions this close to the structure, relatively, obey it but for rounding, and are kept to the last bit.
_SAME = 1e-9


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
        blur = _blur(reg_covar, problem, structure)
        scaled = _scaled(given, structure, problem.scale)

        def searched(blur: np.ndarray) -> tuple[Run, list[StartRecord]]:
            model = GaussianMixtureModel(structure, source, problem, blur, workers)
            on_sample = model.on_sample()
            params = scaled.parameters(structure)
            starts: Iterator[Iterable[Candidate]]
            proposals = None
            if params is not None:
                starts = iter([[lambda: params]])
            elif n_components == 1 and given.is_empty:
                starts = repeat([partial(one_component, model)])
            else:
                space = StartSpace.of(problem)
                starts = _starts(model, space, scaled, method, n_components, rng)
                # Given means are to stay the start's, and a single component has nowhere to go.
                if given.means is None and n_components > 1:
                    proposals = partial(moves, on_sample, space, rng=rng)
            return search(model, on_sample, starts, proposals, n_init, stopping, callback, accelerator)

        try:
            best, records = searched(blur)
        except DegenerateError:
            wider = np.maximum(blur, _LEAST_RESOLVED * problem.total.diagonal() / problem.weight)
            if not blur.all() or (wider == blur).all():
                raise
            wider = np.full_like(wider, wider.max()) if structure.one_scale else wider
            best, records = searched(wider)
            warnings.warn(_WIDENED.format((wider / problem.scale**2).tolist()), ConvergenceWarning, stacklevel=6)
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
    means, factors = given.means, _obeying(given, structure, len(scale))
    return Given(
        given.weights,
        None if means is None else means * scale,
        None if factors is None else structure.form.rescale_cholesky(factors, scale),
    )


def _obeying(given: Given, structure: Structure, n_features: int) -> np.ndarray | None:
    """Return the factors of the given precisions, or of the nearest that obey the structure."""
    factors = given.precision_cholesky
    if factors is None or structure.is_closed:
        return factors
    means = np.zeros((len(factors), n_features))
    weights = np.full(len(factors), 1 / len(factors)) if given.weights is None else given.weights
    matrices = structure.form.matrices(structure.form.covariances(factors), n_features)
    nearest = Gaussians.nearest(structure, means, matrices, weights).precision_cholesky
    return factors if np.allclose(nearest, factors, rtol=_SAME, atol=_SAME * np.abs(nearest).max()) else nearest


def _starts(
    model: GaussianMixtureModel,
    space: StartSpace,
    given: Given,
    method: str,
    n_components: int,
    rng: np.random.RandomState,
) -> Iterator[Iterable[Candidate]]:
    """Yield the candidates of each start."""
    while True:
        yield candidates(model, space, method, n_components, given, rng)
        if given.means is not None:
            # Given means leave nothing to draw.
            return
