"""What `partial_fit` remembers: the first rows as they are, then statistics alone."""

from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from sklearn_em.data.draw import sample_size
from sklearn_em.data.executors import Workers
from sklearn_em.data.gaps import source_of
from sklearn_em.em import Decay, StreamState, absorb
from sklearn_em.estimators.attributes import in_units_of_data
from sklearn_em.estimators.fitting import Fitted
from sklearn_em.estimators.setting import Options, Setting
from sklearn_em.gaussian.covariance import Structure
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters, MixtureStatistics
from sklearn_em.mixture.noise import Noise
from sklearn_em.mixture.sampling import draw
from sklearn_em.mixture.stream import StreamedMixture, frame_of, statistics_of
from sklearn_em.starts import Given

# After a search among n of the N first rows the next is due with n^2 / (_EAGERNESS N) more: few rows cost little, and
# their best optimum soon is another.
_EAGERNESS = 4
# Earlier rows that weigh less than this beside the new ones are as good as gone, and weights below are hard to sum.
_LEAST = 1e-9
# What the estimator says of its stream.
OF_A_STREAM = ("n_samples_seen_", "n_steps_", "_stream")


class Fit(Protocol):
    """Fits rows with weights, from a start."""

    def __call__(self, rows: np.ndarray, weight: np.ndarray, given: Given, workers: Workers) -> Fitted:
        """Return the fit."""
        ...


@dataclass(frozen=True, eq=False)
class FirstRows:
    """The first rows of a stream, as many as a fit would look for a start in.

    A block by itself may be too small for that, and what is remembered of rows by the parameters that it suggests never
    comes right again. So until there are enough, what is fitted is all of them.

    Attributes
    ----------
    start : Given
        Where every search starts.
    rows : ndarray of shape (n, p)
    weight : ndarray of shape (n,)
        Decayed.
    n_searched : int
        How many rows there were at the last search.
    fitted : MixtureParameters, optional
        The end of the last fit, in the data's units ...
    noise : Noise, optional
        ... its noise ...
    objective : float
        ... and its objective.
    """

    start: Given
    rows: np.ndarray
    weight: np.ndarray
    n_searched: int = 0
    fitted: MixtureParameters | None = None
    noise: Noise | None = None
    objective: float = float("nan")

    @property
    def params(self) -> MixtureParameters:
        """The parameters, in the data's units."""
        assert self.fitted is not None
        return self.fitted

    def absorbed(
        self, rows: np.ndarray, weight: np.ndarray, n_components: int, decay: Decay, workers: Workers, fit: Fit
    ) -> "FirstRows | Stepwise":
        """Return the stream after another block: a fit to all rows so far."""
        counts = (weight > 0) & ~np.isnan(rows).all(axis=1)
        if self.fitted is not None and not counts.any():
            return self
        new = weight[counts]
        past = self.weight * decay.past(float(new.sum()))
        weight = np.concatenate([np.maximum(past, _LEAST * new.mean()) if past.size else past, new])
        rows = np.concatenate([self.rows, rows[counts]])
        if len(rows) < n_components:
            raise ValueError(
                f"The first block has {len(rows)} rows that count, fewer than n_components = {n_components}; give a "
                "larger first block."
            )
        enough = sample_size(n_components)
        due = self.n_searched + self.n_searched**2 / (_EAGERNESS * enough)
        is_search = len(rows) >= min(due, enough)
        given = self.start if is_search else Given.of(self.params, self.noise is not None)
        fitted = fit(rows, weight, given, workers)
        if len(rows) >= enough:
            return Stepwise.after(fitted, workers)
        n_searched = len(rows) if is_search else self.n_searched
        return FirstRows(self.start, rows, weight, n_searched, fitted.run.params, fitted.noise, fitted.run.objective)


@dataclass(frozen=True, eq=False)
class Stepwise:
    """A stream of which only statistics are kept.

    Attributes
    ----------
    frame : GaussianMixtureModel
        The model without rows.
    state : StreamState
    """

    frame: GaussianMixtureModel
    state: StreamState[MixtureParameters, MixtureStatistics]

    @classmethod
    def after(cls, fitted: Fitted, workers: Workers) -> Self:
        """Go on from a fit, whose rows are then let go."""
        frame, source = frame_of(fitted.model), fitted.model.source
        params = _rescaled(fitted.run.params, frame)
        statistics = StreamedMixture(frame, source, workers).e_step(params).scale(source.weight_unit)
        return cls(frame, StreamState(params, statistics, source.total_weight * source.weight_unit))

    @classmethod
    def after_parameters(
        cls,
        params: MixtureParameters,
        noise: Noise | None,
        weight: float,
        objective: float,
        structure: Structure,
        options: Options,
        workers: Workers,
    ) -> Self:
        """Go on from parameters and noise, in the data's units, of rows of this weight with this objective.

        What else a frame needs to know of these rows, their scale above all, is that of rows drawn from the mixture.
        """
        K = len(params.weights)
        rows = draw(params, noise, sample_size(K), np.random.RandomState(0))[0]
        setting = Setting.of(source_of(rows), replace(options, noise=False), K, structure.one_scale, workers)
        model = replace(setting, noise=noise).model(structure, options, K)
        scaled = _rescaled(params, model)
        return cls(frame_of(model), StreamState(scaled, statistics_of(model, scaled, weight, objective), weight))

    def absorbed(
        self, rows: np.ndarray, weight: np.ndarray, n_components: int, decay: Decay, workers: Workers, fit: Fit
    ) -> Self:
        """Return the stream after another block."""
        source = source_of(rows, weight)
        if not source.n_kept:
            return self
        model = StreamedMixture(self.frame, source, workers)
        with np.errstate(over="ignore", invalid="ignore"):
            state = absorb(model, self.state, source.total_weight, decay)
        if not np.isfinite(state.statistics.gaussian.sums).all():
            raise ValueError(
                "X has values so far from all rows before that their squares overflow; leave them out, or begin anew "
                "with `fit`."
            )
        return replace(self, state=state)

    @property
    def params(self) -> MixtureParameters:
        """The parameters, in the data's units."""
        return in_units_of_data(self.frame, self.state.params)[0]

    @property
    def noise(self) -> Noise | None:
        """The noise, in the data's units."""
        return in_units_of_data(self.frame, self.state.params)[1]

    @property
    def objective(self) -> float:
        """The average objective of the rows, each as it was when its block came."""
        return StreamedMixture(self.frame, self.frame.source, Workers(1)).objective(
            self.state.statistics, self.state.params
        )


Stream = FirstRows | Stepwise


def _rescaled(params: MixtureParameters, model: GaussianMixtureModel) -> MixtureParameters:
    """Return parameters in the data's units, scaled as the model is."""
    return replace(params, gaussians=params.gaussians.rescale(model.problem.scale))
