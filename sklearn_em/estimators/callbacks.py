"""A fit as scikit-learn's callbacks see it: a tree of tasks, fit -> start -> iteration."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Self

from sklearn_em._sklearn import CallbackSupport
from sklearn_em.em import Result, Status
from sklearn_em.estimators.attributes import in_units_of_data, of_run, published
from sklearn_em.estimators.checkpoint import Checkpoint
from sklearn_em.mixture import GaussianMixtureModel
from sklearn_em.starts import Observer, StartRecord
from sklearn_em.starts.ends import State

# What the estimator would be if the fit stopped here, or None where that is nothing.
_Attributes = Callable[[], dict[str, Any]] | None
# What a fit knows before it begins.
_OF_THE_DATA = ("n_features_in_", "feature_names_in_")


class Tasks(Observer):
    """The tasks of a fit that nobody watches."""

    def fit_ends(self) -> None:
        """Say that the estimator is fitted."""


UNWATCHED = Tasks()


class WatchedTasks(Tasks):
    """The tasks of a fit that callbacks watch.

    A start is a task from where the short runs that choose among candidates have chosen it, to its end; one that fails
    before is none. Each of its passes is a task, with the estimator as it would be if the fit stopped there. Those that
    were made when it was one candidate among others are told all at once when it begins; where they led to but in the
    last of them is not known any more.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any):
        self._estimator = estimator
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self._told = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        # Not sequential: the numbers of starts that fail are left out.
        self._fit = estimator._init_callback_context(max_subtasks=estimator.n_init, sequential_subtasks=False)
        self._start: Any = None
        self._pass: Any = None
        self._here: _Attributes = None
        self._begin(self._fit, self._here)

    def search_begins(self, model: GaussianMixtureModel) -> None:
        """Forget the last fit, which is no part of what the estimator would be if this one stopped."""
        self._model = model
        for name in [name for name in vars(self._estimator) if name.endswith("_") and name not in _OF_THE_DATA]:
            delattr(self._estimator, name)

    def start_begins(self, number: int) -> None:
        """Remember the start's number."""
        self._number = number
        self._start = self._here = None

    def reached(self, state: State, status: Status) -> bool:
        """End the pass that led here, and begin the next one if there is one."""
        self._here = cache(partial(self._attributes, state))
        stop = self._end_pass(self._here)
        if self._start is None:
            self._begin_start(self._estimator.max_iter)
            for n_more in reversed(range(len(state.trace) - 1)):
                if not stop:
                    self._begin_pass()
                    stop = self._end_pass(None if n_more else self._here)
        if status is Status.RUNNING and not stop:
            self._begin_pass()
        return stop

    def start_ends(self, record: StartRecord) -> bool:
        """End the start, and a pass that came to nothing."""
        if record.status is None:
            return False
        if self._start is None:
            self._begin_start(0)
        self._end_pass(None)
        return self._end(self._start, self._here)

    def fit_ends(self) -> None:
        """Say that the estimator is fitted."""
        self._end(self._fit, dict)

    def _begin_start(self, n_passes: int) -> None:
        self._start = self._fit.subcontext("start", task_id=self._number, max_subtasks=n_passes)
        self._begin(self._start, self._here)

    def _begin_pass(self) -> None:
        self._pass = self._start.subcontext("iteration")
        self._begin(self._pass, self._here)

    def _end_pass(self, here: _Attributes) -> bool:
        ended, self._pass = self._pass, None
        return ended is not None and self._end(ended, here)

    def _begin(self, task: Any, here: _Attributes) -> None:
        task.call_on_fit_task_begin(**self._told, reconstruction_attributes=here)

    def _end(self, task: Any, here: _Attributes) -> bool:
        return bool(task.call_on_fit_task_end(**self._told, reconstruction_attributes=here))

    def _attributes(self, state: State) -> dict[str, Any]:
        """Return the fitted attributes at a state, made only if a callback asks for them."""
        params, noise = in_units_of_data(self._model, state.params)
        run = Result(params, state.statistics, state.trace, Status.RUNNING, state.accelerator)
        dtype = self._model.source.dtype
        return {**published(params, noise, dtype), "_noise": noise, **of_run(run)}


def fit_tasks(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Tasks:
    """Return the tasks of a fit, and begin it if somebody watches."""
    is_watched = any(not isinstance(callback, Checkpoint) for callback in _callbacks(estimator))
    return WatchedTasks(estimator, X, y, sample_weight) if is_watched else UNWATCHED


def checkpoints_of(estimator: Any) -> list[Checkpoint]:
    """Return the checkpoints among an estimator's callbacks."""
    return [callback for callback in _callbacks(estimator) if isinstance(callback, Checkpoint)]


def _callbacks(estimator: Any) -> list[Any]:
    return vars(estimator).get("_skl_callbacks", [])


class Watchable(CallbackSupport):
    """What an estimator needs for callbacks: scikit-learn's from 1.9 on, and checkpoints with any version."""

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Set who is told how a fit goes.

        Parameters
        ----------
        *callbacks : callback instances
            Those of scikit-learn, or that follow its protocol, with scikit-learn 1.9 or later; `Checkpoint` with any
            version. They replace those that were set before.

        Returns
        -------
        self : estimator instance
        """
        if not all(isinstance(callback, Checkpoint) for callback in callbacks):
            super().set_callbacks(*callbacks)
            return self
        vars(self).pop("_skl_callbacks", None)
        if callbacks:
            self._skl_callbacks = list(callbacks)
        return self

    def __sklearn_clone__(self) -> Any:
        # As scikit-learn does from 1.9 on: clones share callbacks.
        clone = super().__sklearn_clone__()  # type: ignore[misc]
        if callbacks := _callbacks(self):
            clone._skl_callbacks = callbacks
        return clone
