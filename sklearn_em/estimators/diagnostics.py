"""How well a fitted mixture stands on its data."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from sklearn_em.data.block import ArraySource, Block
from sklearn_em.data.executors import Workers
from sklearn_em.estimators.attributes import in_units_of_data
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters
from sklearn_em.mixture.e_step import responsibilities
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.prediction import Predictor
from sklearn_em.starts import StartRecord
from sklearn_em.starts.ends import Run

# A row is certain of its component from this responsibility on.
CERTAIN = 0.95


@dataclass(frozen=True, eq=False)
class Diagnostics:
    """Figures per component that warn of a mixture that says more than the data do.

    Attributes
    ----------
    mass : ndarray of shape (n_components,)
        sum_i w_i r_ik: the weight of the rows that are the component's.
    effective_sample_size : ndarray of shape (n_components,)
        (sum_i w_i r_ik)^2 / sum_i (w_i r_ik)^2: how many rows of equal weight say as much about the component (Kish
        1965, "Survey Sampling", section 8.2).
    condition_number : ndarray of shape (n_components,)
        The largest over the smallest eigenvalue of the covariance, with features in units of their own spread.
    smallest_relative_eigenvalue : ndarray of shape (n_components,)
        The smallest eigenvalue, in the same units: how thin the component is. A feature's spread is its variance, or
        its squared robust scale if that is smaller.
    certain_share : ndarray of shape (n_components,)
        The share of a component's mass that comes from rows with at least 0.95 of themselves in it; 0 without mass.
    is_spurious : ndarray of shape (n_components,) of bool
        Whether the component lives on too few rows for its covariance, or is so thin that only `reg_covar` holds it up;
        never with a prior on the covariances, or where all share one.
    n_failed_starts : int
        How many starts failed.
    failures : tuple of str
        Why they failed.
    """

    mass: np.ndarray
    effective_sample_size: np.ndarray
    condition_number: np.ndarray
    smallest_relative_eigenvalue: np.ndarray
    certain_share: np.ndarray
    is_spurious: np.ndarray
    n_failed_starts: int
    failures: tuple[str, ...]


def diagnose(model: GaussianMixtureModel, end: Run, records: list[StartRecord]) -> Diagnostics:
    """Return the figures at the end of a run of this model."""
    params = end.params
    K, p = params.gaussians.means.shape

    unscaled, noise = in_units_of_data(model, params)
    mass, squares, certain = model.source.sum(partial(_shares, params=unscaled, noise=noise), model.workers)
    some = np.where(mass > 0, mass, 1.0)

    form = params.gaussians.structure.form
    values = np.broadcast_to(form.spectrum(params.gaussians.covariances, model.problem.variance), (K, p))
    failures = tuple(record.reason for record in records if record.status is None)
    return Diagnostics(
        mass=mass * model.source.weight_unit,
        effective_sample_size=mass**2 / np.where(squares > 0, squares, 1.0),
        condition_number=values[:, -1] / values[:, 0],
        smallest_relative_eigenvalue=values[:, 0].copy(),
        certain_share=certain / some,
        is_spurious=model.spurious(params, end.statistics),
        n_failed_starts=len(failures),
        failures=failures,
    )


def _shares(source: ArraySource, workers: Workers, params: MixtureParameters, noise: Noise | None) -> np.ndarray:
    """Return each component's mass in rows, the sum of the squares of its shares, and its mass in certain rows, (3, K).

    The parameters are in the units of the data.
    """
    K = params.weights.size

    def of_block(block: Block, joint: np.ndarray, shared: np.ndarray | float, scratch: np.ndarray) -> np.ndarray:
        responsibilities(joint, None, block.evidence, scratch)
        resp = joint[:K] if block.weight is None else joint[:K] * block.weight
        certain = np.where(joint[:K] >= CERTAIN, resp, 0.0)
        return np.array([resp.sum(axis=1), np.einsum("kb,kb->k", resp, resp), certain.sum(axis=1)])

    return np.sum(Predictor(params, workers, noise).each_block(source, of_block), axis=0)
