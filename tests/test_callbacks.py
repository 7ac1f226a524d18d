"""scikit-learn's callbacks: what they are told of a fit, how they stop it, and the trace of TraceCallback."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import few_rows_are_fine, mixture_rows
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_em import Factor, GaussianMixtureEM, TraceCallback
from sklearn_em.em import Status

callback = pytest.importorskip("sklearn.callback")

X, _ = mixture_rows(200, 2, 3, separation=1.0)
WEIGHT = np.random.default_rng(0).integers(1, 3, size=len(X)).astype(float)


class Witness:
    """Keeps what it is told, and stops where `stops` says so."""

    def __init__(self, stops=lambda context, mixture: False):
        self.stops = stops
        self.events = []

    def setup(self, estimator, context):
        self.events.append(("setup", context, None))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context, None))

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.events.append(("begin", context, fitted_estimator))
        self.told = {"X": X, "y": y, "metadata": metadata}

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.events.append(("end", context, fitted_estimator))
        return self.stops(context, fitted_estimator)

    def of(self, kind, name):
        return [
            (context, mixture) for event, context, mixture in self.events if (event, context.task_name) == (kind, name)
        ]


def watched(n_components=3, rows=X, stops=lambda context, mixture: False, **options):
    witness = Witness(stops)
    mixture = GaussianMixtureEM(n_components, **{"random_state": 0, **options}).set_callbacks(witness)
    return mixture.fit(rows), witness


# The tree of tasks.


OPTIONS = {
    "default": {},
    "plain": {"acceleration": None},
    "several starts": {"n_init": 4},
    "one component": {"n_components": 1},
    "no iterations": {"max_iter": 0},
    "one iteration": {"max_iter": 1, "tol": 0},
    "all iterations": {"max_iter": 25, "tol": 0},
    "given start": {"means_init": X[:3], "n_init": 3},
    "noise": {"noise": True},
    "factors": {"covariance_type": Factor(1)},
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_task_begins_and_ends_within_its_parent(options):
    mixture, witness = watched(**options)
    open_tasks = []
    for kind, context, _ in witness.events[1:-1]:
        if kind == "begin":
            assert context.parent is (open_tasks[-1] if open_tasks else None)
            open_tasks.append(context)
        else:
            assert open_tasks.pop() is context
    assert not open_tasks
    assert [witness.events[i][0] for i in (0, -1)] == ["setup", "teardown"]
    assert [context.task_name for context in witness.events[1][1]][:2] == ["fit", "start"]
    starts = [context for context, _ in witness.of("end", "start")]
    assert [context.task_id for context in starts] == list(range(len(mixture.starts_)))
    for start, record in zip(starts, mixture.starts_, strict=True):
        passes = [context.task_id for context in start][1:]
        # those that were given up ran on the sample only
        assert passes == list(range(0 if record.status is Status.OUTRUN else record.n_iter))


@pytest.mark.parametrize("options", [OPTIONS[name] for name in ("default", "noise", "factors")])
def test_a_task_ends_with_the_mixture_as_if_the_fit_stopped_there(options):
    mixture, witness = watched(**options)
    plain = GaussianMixtureEM(3, random_state=0, **options).fit(X)
    # passes by which the start was chosen are told later, when the mixtures they led to are gone
    ends = [end for _, end in witness.of("end", "iteration") if end is not None]
    assert len(ends) > 2
    for end in ends:
        assert end.lower_bounds_ == mixture.lower_bounds_[: end.n_iter_ + 1]
        assert end.lower_bound_ == end.lower_bounds_[-1]
        assert end.score(X) == pytest.approx(end.lower_bound_, abs=1e-4)
        assert (end.status_, end.converged_) == (Status.RUNNING, False)
        assert end.covariance_matrices().shape == (3, 2, 2)
    for last in (ends[-1], witness.of("end", "start")[0][1], witness.of("end", "fit")[0][1], plain):
        assert last.lower_bounds_ == mixture.lower_bounds_
        assert last.accelerated_steps_ == mixture.accelerated_steps_
        assert_array_equal(last.means_, mixture.means_)
        assert_array_equal(last.covariances_, mixture.covariances_)
        assert_array_equal(last.predict_proba(X), mixture.predict_proba(X))


def test_the_last_fit_is_no_part_of_this_one():
    mixture, witness = watched(noise=True)
    mixture.set_params(noise=False, covariance_type=Factor(1)).fit(X)
    _, running = witness.of("end", "iteration")[-1]
    assert_array_equal(running.covariances_, mixture.covariances_)
    for name in ("noise_log_volume_", "starts_", "diagnostics_"):
        assert not hasattr(running, name)


def test_a_warm_start_goes_on_from_the_last_fit():
    mixture, witness = watched(warm_start=True, n_init=3)
    lower_bound = mixture.lower_bound_
    witness.events.clear()
    mixture.fit(X)
    assert len(mixture.starts_) == len(witness.of("end", "start")) == 1
    assert witness.of("begin", "start")[0][1].lower_bound_ == pytest.approx(lower_bound, abs=1e-12)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_callbacks_are_given_the_data_as_they_came(weight):
    witness = Witness()
    rows = pd.DataFrame(X, columns=["length", "width"])
    labels = np.zeros(len(X))
    GaussianMixtureEM(2, random_state=0).set_callbacks(witness).fit(rows, labels, sample_weight=weight)
    assert witness.told["X"] is rows
    assert witness.told["y"] is labels
    assert witness.told["metadata"] == ({} if weight is None else {"sample_weight": weight})


def test_a_watched_fit_is_the_same_fit():
    alone = GaussianMixtureEM(3, random_state=0, n_init=3).fit(X)
    mixture, _ = watched(n_init=3)
    assert alone.lower_bounds_ == mixture.lower_bounds_
    assert alone.starts_ == mixture.starts_


# Stopping.


def stop_after(n_iter):
    return lambda context, mixture: context.task_name == "iteration" and mixture.n_iter_ >= n_iter


def test_a_callback_may_stop_a_start():
    with pytest.warns(
        ConvergenceWarning, match="Stopped by a callback before convergence; the parameters are those of"
    ):
        mixture, witness = watched(max_iter=7, tol=0, stops=stop_after(3))
    assert mixture.status_ is Status.STOPPED
    assert not mixture.converged_
    assert mixture.n_iter_ == len(witness.of("end", "iteration")) == 3
    by_hand = GaussianMixtureEM(3, random_state=0, tol=0, max_iter=3)
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        by_hand.fit(X)
    assert mixture.lower_bounds_ == by_hand.lower_bounds_
    assert_array_equal(mixture.means_, by_hand.means_)


def test_stopping_an_iteration_leaves_the_next_starts():
    with pytest.warns(ConvergenceWarning, match="Stopped by a callback"):
        mixture, _ = watched(max_iter=7, tol=0, n_init=3, stops=stop_after(2))
    assert [(record.n_iter, record.status) for record in mixture.starts_] == 3 * [(2, Status.STOPPED)]


def test_stopping_a_start_leaves_out_the_next():
    mixture, witness = watched(n_init=5, stops=lambda context, mixture: context.task_name == "start")
    assert len(mixture.starts_) == len(witness.of("end", "start")) == 1
    assert mixture.converged_


def test_stopping_everything_stops_at_the_first_iteration():
    with pytest.warns(ConvergenceWarning, match="Stopped by a callback"):
        mixture, witness = watched(n_init=5, tol=0, stops=lambda context, mixture: True)
    assert len(witness.of("end", "iteration")) == len(mixture.starts_) == 1


# Failures.


def test_a_failed_fit_tears_callbacks_down_and_changes_nothing():
    mixture, witness = watched()
    before = dict(vars(mixture))
    for rows in (X[:2], np.full_like(X, np.inf)):
        witness.events.clear()
        with pytest.raises(ValueError, match=r"n_samples = 2|infinity"):
            mixture.fit(rows)
        assert [event for event, *_ in witness.events] == ["setup", "begin", "teardown"]
        assert vars(mixture) == before


def test_a_callback_that_raises_changes_nothing():
    def fail(context, mixture):
        if failing and context.task_name == "iteration":
            raise RuntimeError

    failing = False
    mixture, witness = watched(stops=fail)
    before, failing = dict(vars(mixture)), True
    with pytest.raises(RuntimeError):
        mixture.fit(X)
    assert witness.events[-1][0] == "teardown"
    assert vars(mixture) == before


def test_starts_that_fail_are_no_tasks():
    """Two values in two cells leave no scatter at all to start from; both in one cell do."""
    rows = np.repeat([0.0, 1.0], 4)[:, None]
    witness = Witness()
    mixture = GaussianMixtureEM(2, reg_covar=0, n_init=20, max_iter=7, init_params="random", random_state=0)
    with pytest.warns(ConvergenceWarning):
        mixture.set_callbacks(witness).fit(rows)
    began = [number for number, record in enumerate(mixture.starts_) if record.status is not None]
    assert 0 < len(began) < 20
    assert [context.task_id for context, _ in witness.of("begin", "start")] == began


@few_rows_are_fine
def test_a_pass_that_collapses_ends_without_a_mixture():
    rows = np.vstack([X, [[500.0, 500.0]]])
    start = {"means_init": [[0.0, 0.0], [500.0, 500.0]], "precisions_init": [np.eye(2), np.eye(2)]}
    with pytest.warns(ConvergenceWarning, match="collapsed"):
        mixture, witness = watched(2, rows, reg_covar=0, weights_init=[0.5, 0.5], **start)
    assert mixture.status_ is Status.DEGENERATE
    assert len(witness.of("begin", "iteration")) == len(witness.of("end", "iteration")) == mixture.n_iter_ + 1
    assert witness.of("end", "iteration")[-1][1] is None


def test_what_is_no_callback_is_refused():
    with pytest.raises(TypeError, match="FitCallback"):
        GaussianMixtureEM().set_callbacks("progress")


# scikit-learn's own callbacks, and its searches.


def test_progress_bars_nest(capsys):
    pytest.importorskip("rich")
    GaussianMixtureEM(3, random_state=0).set_callbacks(callback.ProgressBar()).fit(X)
    shown = capsys.readouterr().out
    assert "GaussianMixtureEM - fit" in shown
    assert "  GaussianMixtureEM - start #0" in shown
    search = GridSearchCV(GaussianMixtureEM(random_state=0), {"n_components": [1, 2]}, cv=2)
    search.set_callbacks(callback.ProgressBar()).fit(X)
    shown = capsys.readouterr().out
    assert shown.count("GaussianMixtureEM - start #0") >= 5
    assert "_skl_callbacks" not in vars(search.best_estimator_)


def test_a_monitor_scores_every_iteration():
    monitor = callback.ScoringMonitor(scoring=lambda mixture, X, y: {"score": mixture.lower_bound_})
    mixture = GaussianMixtureEM(3, random_state=0, acceleration=None).set_callbacks(monitor).fit(X, np.zeros(len(X)))
    scores = [row["score"] for row in monitor.get_logs().data if row["task_name"] == "iteration"]
    assert scores == mixture.lower_bounds_[-len(scores) :]


def test_clones_share_callbacks_and_copies_have_their_own():
    mixture, witness = watched()
    assert clone(mixture)._skl_callbacks[0] is witness
    again = pickle.loads(pickle.dumps(GaussianMixtureEM(2, random_state=0).set_callbacks(TraceCallback()).fit(X)))
    recorded = len(again._skl_callbacks[0].log_["run"])
    again.fit(X)
    assert len(again._skl_callbacks[0].log_["run"]) > recorded
    assert_array_equal(copy.deepcopy(again).predict(X), again.predict(X))


# The trace.


def traced(estimator, **options):
    trace = TraceCallback()
    estimator.set_callbacks(trace).fit(X, **options)
    return estimator, pd.DataFrame(trace.log_)


def test_no_fit_leaves_no_trace():
    log = TraceCallback().log_
    assert list(log) == ["run", "task", "start", "iteration", "objective", "seconds"]
    assert pd.DataFrame(log).empty


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("options", [*OPTIONS.values(), {"max_iter": 14, "n_init": 3, "tol": 0.01}])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_trace_is_that_of_the_fit(options, weight):
    mixture, log = traced(GaussianMixtureEM(**{"n_components": 3, "random_state": 0, **options}), sample_weight=weight)
    assert set(log.task) == {"fit"}
    traces = dict(list(log.groupby("start")))
    ran = [number for number, record in enumerate(mixture.starts_) if record.status is not Status.OUTRUN]
    assert list(traces) == ran
    for number, rows in traces.items():
        record = mixture.starts_[number]
        assert rows.iteration.tolist() == list(range(record.n_iter + 1))
        assert rows.objective.iloc[-1] == record.objective
        assert (np.diff(rows.seconds, prepend=0) >= 0).all()
    assert mixture.lower_bounds_ in [rows.objective.tolist() for rows in traces.values()]


@few_rows_are_fine
def test_a_pass_that_collapses_is_not_in_the_trace():
    rows = np.vstack([X, [[500.0, 500.0]]])
    start = {"means_init": [[0.0, 0.0], [500.0, 500.0]], "precisions_init": [np.eye(2), np.eye(2)]}
    trace = TraceCallback()
    mixture = GaussianMixtureEM(2, reg_covar=0, weights_init=[0.5, 0.5], **start).set_callbacks(trace)
    with pytest.warns(ConvergenceWarning, match="collapsed"):
        mixture.fit(rows)
    assert trace.log_["objective"].tolist() == mixture.lower_bounds_


@pytest.mark.parametrize("backend", ["sequential", "threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_a_search_is_traced_wherever_it_runs(backend):
    trace = TraceCallback()
    mixture = GaussianMixtureEM(random_state=0).set_callbacks(trace)
    with parallel_config(backend, n_jobs=2):
        search = GridSearchCV(mixture, {"n_components": [1, 2]}, cv=2).fit(X)
    log = pd.DataFrame(trace.log_)
    assert set(log.run) == {0}
    tasks = [f"candidate-split-evaluation {number}" for number in range(4)] + ["refit-with-best-params 1"]
    assert log.task.unique().tolist() == tasks
    assert log[log.task == tasks[-1]].objective.tolist() == search.best_estimator_.lower_bounds_


def test_fits_of_their_own_are_runs_of_their_own():
    trace = TraceCallback()
    mixture = make_pipeline(StandardScaler(), GaussianMixtureEM(2, random_state=0).set_callbacks(trace))
    cross_val_score(mixture, X, cv=3)
    log = pd.DataFrame(trace.log_)
    assert log.run.unique().tolist() == [0, 1, 2]
    assert set(log.task) == {"fit-final-estimator 1"}
