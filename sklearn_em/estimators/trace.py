"""TraceCallback: the objective after each iteration of every start, of any number of fits."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from sklearn_em._sklearn import callback_module

_COLUMNS = {"run": int, "task": str, "start": int, "iteration": int, "objective": float, "seconds": float}


class TraceCallback:
    """Records the objective after each iteration of every start, and when it was reached.

    It is set on the mixture itself, `GaussianMixtureEM(...).set_callbacks(TraceCallback())`, also where one searches
    over it, and works without y. It needs scikit-learn 1.9 or later, whose callbacks are experimental.

    Attributes
    ----------
    log_ : dict of ndarray
        Equally long columns, ready for `pandas.DataFrame`. `run` is the number of the outermost fit; `task` what of
        that fit this one was, such as "candidate-split-evaluation 3" of a grid search, where candidates and splits are
        counted through from 0; `start` the index in `starts_`; `iteration` the index in `lower_bounds_`; `objective`
        as there; `seconds` since the fit began. Iterations by which a start was chosen have the time when it was.
        Starts that were given up before they ran on all the data are not there.

    Raises
    ------
    ImportError
        With scikit-learn before 1.9.

    Notes
    -----
    What the workers of a search record comes back through `sklearn.callback.ScoringMonitor`, so that it works with
    threads and processes alike. Clones share the callback.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_em import GaussianMixtureEM, TraceCallback
    >>> trace = TraceCallback()
    >>> mixture = GaussianMixtureEM(3, random_state=0).set_callbacks(trace).fit(load_iris().data)
    >>> trace.log_["objective"].tolist() == mixture.lower_bounds_
    True
    """

    def __init__(self) -> None:
        self._monitor = callback_module("TraceCallback").ScoringMonitor(scoring=_entries)

    @property
    def log_(self) -> dict[str, np.ndarray]:
        """What was recorded so far, in order."""
        try:
            logs = self._monitor.get_logs(select="all")
        except ValueError:
            # What it says of a log that is empty.
            logs = []
        rows = []
        for run, log in enumerate(logs):
            entries = sorted(entry for task in log.data for entry in task["entries"])
            # Where a start goes on from is told when it begins, and once more as the end of the pass that led there.
            distinct = {entry[:-1]: entry for entry in reversed(entries)}
            rows += [(run, *entry) for _, *entry in reversed(distinct.values())]
        return {name: np.array([row[i] for row in rows], dtype=kind) for i, (name, kind) in enumerate(_COLUMNS.items())}

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin a fit."""
        self._monitor.setup(estimator, context)

    def teardown(self, estimator: Any, context: Any) -> None:
        """End a fit."""
        self._monitor.teardown(estimator, context)

    def on_fit_task_begin(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> None:
        """Record the way to where a start begins."""
        if context.task_name == "start" and fitted_estimator is not None:
            self._record(estimator, context, context, fitted_estimator, 0)

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> None:
        """Record the end of an iteration."""
        if context.task_name == "iteration" and fitted_estimator is not None:
            self._record(estimator, context, context.parent, fitted_estimator, fitted_estimator.n_iter_)

    def _record(self, estimator: Any, context: Any, start: Any, fitted_estimator: Any, first: int) -> None:
        """Record the trace from its entry `first` on."""
        place, task = _whereabouts(start.parent)
        seconds = (datetime.now(UTC) - start.parent.init_time).total_seconds()
        entries = [
            (place, task, start.task_id, iteration, objective, seconds)
            for iteration, objective in enumerate(fitted_estimator.lower_bounds_[first:], first)
        ]
        # The monitor scores only where there is a y.
        self._monitor.on_fit_task_end(estimator, context, X=entries, y=entries, fitted_estimator=fitted_estimator)


def _entries(estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    """Return as scores of the monitor what is to be recorded."""
    return {"entries": X}


def _whereabouts(fit: Any) -> tuple[tuple[int, ...], str]:
    """Return the ids of the tasks down to this fit, and the names of those that are fits of an estimator's parts."""
    place: tuple[int, ...] = ()
    names: list[str] = []
    while fit is not None:
        place = (fit.task_id, *place)
        if fit.source_task_name is not None:
            names.insert(0, f"{fit.source_task_name} {fit.task_id}")
        fit = fit.parent
    return place, " / ".join(names) or "fit"
