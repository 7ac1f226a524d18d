"""The cells of a grid: fits that differ in structure and number of components, together or each on its own."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from sklearn_em.data.executors import Workers
from sklearn_em.em import Squarem, Status, StoppingRule
from sklearn_em.estimators import GaussianMixtureEM
from sklearn_em.estimators.checks import check_observed
from sklearn_em.estimators.setting import Options, Setting
from sklearn_em.gaussian.covariance import Structure, structure_of
from sklearn_em.mixture import MixtureParameters, criteria
from sklearn_em.mixture.n_parameters import n_parameters
from sklearn_em.mixture.prediction import Predictor
from sklearn_em.selection.chain import End, Ends, chain, partitions
from sklearn_em.selection.levels import is_extreme, levels, special_cases
from sklearn_em.starts.search import MEETING_PASSES

# Criteria are compared in nats of all the data, and this much of one does not matter.
_ENOUGH = 0.1


@dataclass(frozen=True, eq=False)
class Data:
    """What the user gives to `fit`, and the sum of the weights."""

    X: ArrayLike
    sample_weight: ArrayLike | None
    known_labels: ArrayLike | None
    weight: float


@dataclass(frozen=True, eq=False)
class Cell:
    """One fit, in figures.

    Attributes
    ----------
    log_likelihood : float
        Of all rows, in nats; NaN if the fit failed.
    classification_log_likelihood : float
        With each row's most probable component.
    n_parameters : int
    n_iter : int
    converged, is_spurious : bool
    fit_time : float
        In seconds.
    error : str
        Why the fit failed; empty if it did not.
    found : MixtureParameters, optional
        In the data's units.
    """

    log_likelihood: float = float("nan")
    classification_log_likelihood: float = float("nan")
    n_parameters: int = 0
    n_iter: int = 0
    converged: bool = False
    is_spurious: bool = False
    fit_time: float = float("nan")
    error: str = ""
    found: MixtureParameters | None = None

    def criterion(self, name: str, weight: float) -> float:
        """Return "aic", "bic" or "icl" at this sum of weights."""
        if name == "aic":
            return criteria.aic(self.log_likelihood, self.n_parameters)
        fit = self.log_likelihood if name == "bic" else self.classification_log_likelihood
        return criteria.bic(fit, self.n_parameters, weight)


def fitted(estimator: GaussianMixtureEM, data: Data, found: MixtureParameters | None = None) -> Cell:
    """Fit one cell on its own; the estimator is fitted then.

    Parameters
    ----------
    estimator : GaussianMixtureEM
    data : Data
    found : MixtureParameters, optional
        A good solution that is known already.
    """
    begun = perf_counter()
    try:
        estimator._fit(data.X, data.sample_weight, data.known_labels, found)
    except ValueError as error:
        return Cell(error=str(error))
    log_likelihood, _ = estimator._summed(data.X, data.sample_weight, Predictor.log_likelihood)
    classified, _ = estimator._summed(data.X, data.sample_weight, Predictor.classification_log_likelihood)
    return Cell(
        log_likelihood,
        classified,
        estimator._n_parameters(),
        estimator.n_iter_,
        estimator.converged_,
        bool(estimator.diagnostics_.is_spurious.any()),
        perf_counter() - begun,
        found=estimator._parameters(),
    )


def fitted_cells(grid: Sequence[GaussianMixtureEM], data: Data, n_jobs: int | None) -> list[Cell]:
    """Fit every estimator of the grid, which stay as they are.

    Where nothing is said of single components the fits share work; those that fail are tried again on their own, for
    a fit on its own tries more.
    """
    # A tol of 0 asks for exactly `max_iter` iterations.
    tol = max(grid[0].tol, _ENOUGH / data.weight) if grid[0].tol else 0
    grid = [clone(one).set_params(tol=tol, n_init=1, verbose=0) for one in grid]
    cells: list[Cell | None] = [None] * len(grid)
    if _may_share(grid[0], data):
        cells = _together(grid, data, n_jobs)
    left = [place for place, cell in enumerate(cells) if cell is None]
    apart = Parallel(n_jobs=n_jobs)(delayed(_alone)(grid[place], data) for place in left)
    for place, cell in zip(left, apart, strict=True):
        cells[place] = cell
    return [cell for cell in cells if cell is not None]


def _may_share(estimator: GaussianMixtureEM, data: Data) -> bool:
    of_components = (estimator.weights_init, estimator.means_init, estimator.precisions_init, estimator.fixed)
    nothing_is_known = data.known_labels is None and all(part is None for part in of_components)
    return nothing_is_known and estimator.max_iter >= MEETING_PASSES


def _alone(estimator: GaussianMixtureEM, data: Data) -> Cell:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitted(estimator, data)


def _together(grid: Sequence[GaussianMixtureEM], data: Data, n_jobs: int | None) -> list[Cell | None]:
    """Fit the cells by chains of one structure each; None for cells that failed."""
    first = min(grid, key=lambda one: one.n_components)
    with Workers(first.n_jobs) as workers:
        source = first._opened(data.X, workers, data.sample_weight)
    places: dict[Structure, dict[int, int]] = {}
    options: dict[Structure, dict[int, Options]] = {}
    for place, one in enumerate(grid):
        structure, K = structure_of(one.covariance_type), one.n_components
        try:
            check_observed(source, K, data.sample_weight is not None)
            said = one._options(source.n_features)
        except ValueError:
            continue
        options.setdefault(structure, {})[K] = said
        places.setdefault(structure, {})[K] = place
    cells: list[Cell | None] = [None] * len(grid)
    if not places:
        return cells
    numbers = sorted({K for of_one in places.values() for K in of_one})
    rng = check_random_state(first.random_state)
    ends: dict[Structure, Ends] = {}
    # Processes share the cores.
    with Workers(first.n_jobs if n_jobs in (None, 1) else 1) as workers:
        one_scale = any(structure.one_scale for structure in places)
        # The noise, all that a setting takes from the options, is the same for all cells.
        setting = Setting.of(source, said, numbers[-1], one_scale, workers).to_search(places, numbers[-1])
        shared = partitions(setting, first.init_params, numbers, rng)
        for level in levels(list(places)):
            tasks = [
                delayed(chain)(
                    setting,
                    structure,
                    options[structure],
                    [ends[one] for one in special_cases(structure, ends)],
                    shared if is_extreme(structure, places) else None,
                    StoppingRule(float(first.tol), int(first.max_iter)),
                    Squarem() if first._accelerates() else None,
                    rng.randint(2**31 - 1),
                )
                for structure in level
            ]
            ends.update(zip(level, Parallel(n_jobs=n_jobs)(tasks), strict=True))
    n_of_noise = first._n_parameters_of_noise
    for structure, of_one in places.items():
        for K, place in of_one.items():
            end, shares = ends[structure][K], options[structure][K].proportions
            if isinstance(end, End):
                n_free = n_parameters(structure, K, source.n_features, shares=shares, n_of_noise=n_of_noise)
                cells[place] = _cell(end, n_free, data.weight)
    return cells


def _cell(end: End, n_free: int, weight: float) -> Cell:
    return Cell(
        end.log_likelihood * weight,
        end.classification_log_likelihood * weight,
        n_free,
        end.n_iter,
        end.status is Status.CONVERGED,
        end.is_spurious,
        end.seconds,
        found=end.found,
    )
