"""From rows in their setting to the best end: starts, search. No attribute of an estimator is read or set here."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice, repeat
from typing import Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_em.em import DegenerateError, Squarem, StoppingRule
from sklearn_em.estimators.attributes import in_units_of_data
from sklearn_em.estimators.diagnostics import Diagnostics, diagnose
from sklearn_em.estimators.setting import Options, Setting
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters, MixtureStatistics
from sklearn_em.mixture.noise import Noise
from sklearn_em.starts import (
    Given,
    Journal,
    StartRecord,
    StartSpace,
    candidates,
    moves,
    one_component,
    search,
    unlabelled,
)
from sklearn_em.starts.ends import Candidate, Run
from sklearn_em.starts.observer import UNOBSERVED, Observer

# The share of the variances, far rows included, below which a covariance matrix has no digits.
_LEAST_RESOLVED = 1e-12
_WIDENED = (
    "reg_covar was too small for covariances of this size, all of which came out singular; the variances {} were added "
    "to the features instead. Leave out rows that are far from all others, or increase reg_covar."
)
# Given precisions this close to the structure, relatively, obey it but for rounding, and are kept to the last bit.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Fitted:
    """The best end, its parameters in the data's units, a record of every start, and what was fitted with them.

    `model` is scaled, and bound to the rows. A fit that was interrupted has no diagnostics, which take another pass.
    """

    run: Run
    records: list[StartRecord]
    noise: Noise | None
    diagnostics: Diagnostics | None
    model: GaussianMixtureModel

    @classmethod
    def of_journal(cls, journal: Journal) -> Self | None:
        """Return what there is of a fit that was interrupted; None if nothing is complete."""
        broken_off = journal.broken_off()
        if broken_off is None:
            return None
        model, run, records = broken_off
        params, noise = in_units_of_data(model, run.params)
        return cls(replace(run, params=params), records, noise, None, model)


def fit_mixture(
    setting: Setting,
    structure: Structure,
    options: Options,
    *,
    n_components: int,
    method: str,
    given: Given,
    n_init: int,
    rng: np.random.RandomState,
    stopping: StoppingRule,
    accelerator: Squarem[MixtureStatistics] | None,
    observer: Observer = UNOBSERVED,
    found: MixtureParameters | None = None,
) -> Fitted:
    """Fit a Gaussian mixture.

    Parameters
    ----------
    setting : Setting
    structure : Structure
    options : Options
    n_components : int
    method : str
        The name of a way to find starts.
    given : Given
        The parts of the start that are given, in the data's units.
    n_init : int
    rng : RandomState
    stopping : StoppingRule
    accelerator : Squarem or None
    observer : Observer
        Is told how the search goes, and may stop it.
    found : MixtureParameters, optional
        A good solution that is known already, in the data's units: one more candidate of the first start.

    Raises
    ------
    DegenerateError
        If every start fails.
    """
    source, setting = setting.source, setting.to_search([structure], n_components)
    problem = setting.problem
    model = setting.model(structure, options, n_components)
    scaled = _scaled(given, model)

    def searched(model: GaussianMixtureModel) -> tuple[Run, list[StartRecord]]:
        on_sample = model.on_sample()
        params = scaled.parameters(structure, model.noise is not None)
        starts: Iterator[Iterable[Candidate]]
        proposals = None
        if params is not None:
            starts = iter([[lambda: params]])
        elif n_components == 1 and given.is_empty and not source.has_evidence:
            starts = repeat([partial(one_component, on_sample, setting.filled)])
        else:
            space = setting.space
            starts = _starts(on_sample, space, scaled, method, n_components, rng)
            # Given means are to stay the start's, and components of which something is known their own; a single one
            # has nowhere to go.
            if given.means is None and n_components > 1 and not _has_identities(model):
                proposals = partial(moves, on_sample, space, rng=rng)
            if model.is_decided:
                starts = iter([[partial(_decided, model, make)] for make in next(starts)])
            elif source.has_evidence and not _has_values_of_its_own(model) and given.is_empty:
                blind = partial(unlabelled, on_sample, space, method, n_components, stopping, rng)
                starts = _with_second(starts, blind)
            if found is not None and given.is_empty:
                rescaled = replace(found, gaussians=found.gaussians.rescale(problem.scale))
                starts = _with_second(starts, lambda: rescaled)
        return search(model, on_sample, starts, proposals, n_init, stopping, observer, accelerator)

    try:
        best, records = searched(model)
    except DegenerateError:
        blur = model.terms.blur
        wider = np.maximum(blur, _LEAST_RESOLVED * problem.total.diagonal() / problem.weight)
        if not blur.all() or (wider == blur).all():
            raise
        wider = np.full_like(wider, wider.max()) if structure.one_scale else wider
        model = replace(model, terms=replace(model.terms, blur=wider))
        best, records = searched(model)
        warnings.warn(_WIDENED.format((wider / problem.scale**2).tolist()), ConvergenceWarning, stacklevel=6)
    diagnostics = diagnose(replace(model, source=source), best, records)
    best = replace(best, params=in_units_of_data(model, best.params)[0])
    return Fitted(best, records, setting.noise, diagnostics, model)


def _has_identities(model: GaussianMixtureModel) -> bool:
    """Whether components are not interchangeable."""
    return model.source.has_evidence or _has_values_of_its_own(model)


def _has_values_of_its_own(model: GaussianMixtureModel) -> bool:
    """Whether something is fixed for some components and not for others."""
    alike = model.proportions.fixed is None or np.ptp(model.proportions.fixed) == 0
    return model.terms.fixed is not None or not alike


def _with_second(starts: Iterator[Iterable[Candidate]], second: Candidate) -> Iterator[Iterable[Candidate]]:
    """Give the first start one more candidate, in second place."""
    first = iter(next(starts))
    yield chain(islice(first, 1), [second], first)
    yield from starts


def _decided(model: GaussianMixtureModel, make: Candidate) -> MixtureParameters:
    """Return the maximum where every row's component is known: one M-step, whatever the start."""
    params = make()
    return model.estimate(model.e_step(params), params.gaussians, afresh=True)


def _scaled(given: Given, model: GaussianMixtureModel) -> Given:
    """Return the given parts scaled as the problem says, with what is fixed in its place."""
    structure, scale, fixed = model.structure, model.problem.scale, model.terms.fixed
    weights, means, factors = given.weights, given.means, _obeying(given, structure, len(scale))
    weights = None if weights is None else model.proportions.obeying(weights)
    means = None if means is None else model.terms.with_fixed_means(means * scale)
    factors = None if factors is None else structure.form.rescale_cholesky(factors, scale)
    if fixed is not None and factors is not None and (which := fixed.is_covariance).any():
        factors = structure.form.updated(factors, structure.form.precision_cholesky(fixed.covariances[which]), which)
    return Given(weights, means, factors, given.noise_weight)


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
