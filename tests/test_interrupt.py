"""Ctrl-C: the best complete parameters are published, the threads stop, and the interrupt goes on."""

import _thread
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import sleep

import numpy as np
import pytest
from conftest import bits, fitted_bits, mixture_rows
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

import sklearn_em
from sklearn_em import Checkpoint, Factor, GaussianMixtureEM, GaussianMixtureIC
from sklearn_em.data.executors import Workers
from sklearn_em.em import Status
from sklearn_em.mixture import GaussianMixtureModel

X, _ = mixture_rows(200, 3, 3, separation=1.5)
# More rows than a sample holds.
MANY, _ = mixture_rows(9000, 2, 3, separation=2.0, seed=1)


@pytest.fixture(autouse=True)
def heard():
    """Hear Ctrl-C also where the tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def interrupted(monkeypatch):
    """Press Ctrl-C in the E-step that follows so many complete passes over all the data."""

    def interrupted(n_passes, rows, make=lambda self: _thread.interrupt_main()):
        e_step, begun = GaussianMixtureModel.e_step, []

        def pressed(self, params):
            if self.source.n_rows == len(rows):
                begun.append(params)
                if len(begun) == n_passes + 1:
                    make(self)
            return e_step(self, params)

        monkeypatch.setattr(GaussianMixtureModel, "e_step", pressed)

    return interrupted


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("options", [{}, {"noise": True}, {"covariance_type": Factor(1)}, {"acceleration": None}])
def test_the_last_complete_parameters_are_published(options, n_jobs, interrupted, monkeypatch):
    mixture = GaussianMixtureEM(3, random_state=0, tol=0, max_iter=30, n_jobs=n_jobs, **options)
    interrupted(8, MANY)
    with pytest.raises(KeyboardInterrupt):
        mixture.fit(MANY)
    monkeypatch.undo()
    assert mixture.status_ is Status.INTERRUPTED
    assert str(mixture.status_).startswith(
        "Interrupted before the fit had ended; the parameters are the best that were"
    )
    assert (mixture.converged_, mixture.n_iter_) == (False, 7)
    assert [(record.n_iter, record.status) for record in mixture.starts_] == [(7, Status.INTERRUPTED)]
    assert not hasattr(mixture, "diagnostics_")
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        by_hand = GaussianMixtureEM(3, random_state=0, tol=0, max_iter=30, **options).fit(MANY)
    assert mixture.lower_bounds_ == by_hand.lower_bounds_[:8]
    # what is published is a whole model
    assert mixture.score(MANY) == pytest.approx(mixture.lower_bound_, abs=1e-4)
    assert "interrupted" in str(mixture.summary()).lower()
    assert mixture.sample(3)[0].shape == (3, 2)


def test_the_next_fit_is_not_disturbed(interrupted, monkeypatch):
    mixture = GaussianMixtureEM(3, random_state=0).fit(MANY)
    whole = fitted_bits(mixture)
    interrupted(4, MANY)
    with pytest.raises(KeyboardInterrupt):
        mixture.fit(MANY)
    monkeypatch.undo()
    assert fitted_bits(mixture.fit(MANY)) == whole


def test_before_the_first_complete_pass_nothing_is_known(interrupted):
    fresh = GaussianMixtureEM(3, random_state=0)
    fitted = GaussianMixtureEM(2, random_state=0).fit(MANY).set_params(n_components=3)
    before = dict(vars(fitted))
    for mixture in (fresh, fitted):
        interrupted(0, MANY)
        with pytest.raises(KeyboardInterrupt):
            mixture.fit(MANY)
    assert vars(fitted) == before
    with pytest.raises(NotFittedError):
        fresh.predict(MANY)


def test_of_several_starts_the_best_is_published():
    """The second start has done one pass from a bad place when it is interrupted."""
    options = {"random_state": 0, "max_iter": 7, "tol": 1e-12, "init_params": "random"}
    with pytest.warns(ConvergenceWarning):
        first = GaussianMixtureEM(3, **options).fit(X)

    def press(self):
        _thread.interrupt_main()

    e_step, begun = GaussianMixtureModel.e_step, []

    def pressed(self, params):
        begun.append(params)
        if len(begun) == 10:
            press(self)
        return e_step(self, params)

    mixture = GaussianMixtureEM(3, n_init=3, **options)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(GaussianMixtureModel, "e_step", pressed)
        with pytest.raises(KeyboardInterrupt):
            mixture.fit(X)
    assert [record.status for record in mixture.starts_] == [Status.MAX_ITER, Status.INTERRUPTED]
    assert mixture.starts_[1].objective < mixture.starts_[0].objective
    assert mixture.status_ is Status.INTERRUPTED
    assert_array_equal(mixture.means_, first.means_)


def test_a_checkpoint_has_the_pass_before(interrupted, monkeypatch, tmp_path):
    path = tmp_path / "fit.npz"
    options = {"random_state": 0, "tol": 0, "max_iter": 30}
    mixture = GaussianMixtureEM(3, **options).set_callbacks(Checkpoint(path, every=1000))
    interrupted(8, MANY)
    with pytest.raises(KeyboardInterrupt):
        mixture.fit(MANY)
    monkeypatch.undo()
    begun = []
    e_step = GaussianMixtureModel.e_step
    monkeypatch.setattr(
        GaussianMixtureModel,
        "e_step",
        lambda self, params: begun.append(self.source.n_rows) or e_step(self, params),
    )
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        resumed = GaussianMixtureEM(3, **options).fit(MANY, resume_from=path)
    # the start is scored again
    assert begun.count(len(MANY)) == 30 - 7 + 1
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        whole = GaussianMixtureEM(3, **options).fit(MANY)
    assert fitted_bits(resumed) == fitted_bits(whole)


def test_a_checkpoint_that_cannot_be_written_hides_no_interrupt(interrupted, monkeypatch, tmp_path):
    def fail(*args):
        raise PermissionError(13, "Permission denied")

    mixture = GaussianMixtureEM(3, random_state=0).set_callbacks(Checkpoint(tmp_path / "fit.npz", every=1000))
    interrupted(4, MANY, lambda self: (monkeypatch.setattr(os, "fsync", fail), _thread.interrupt_main()))
    with pytest.raises(KeyboardInterrupt) as caught:
        mixture.fit(MANY)
    assert "could not be written (Permission denied)" in str(caught.value.__cause__)
    assert mixture.status_ is Status.INTERRUPTED


def test_a_callback_may_interrupt():
    pytest.importorskip("sklearn.callback")

    class Interrupt:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context):
            torn_down.append(context)

        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "iteration" and fitted_estimator.n_iter_ == 3:
                raise KeyboardInterrupt

    torn_down = []
    mixture = GaussianMixtureEM(3, random_state=0).set_callbacks(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        mixture.fit(MANY)
    assert (mixture.n_iter_, mixture.status_, len(torn_down)) == (3, Status.INTERRUPTED, 1)


def test_searches_stop_and_change_nothing(interrupted, monkeypatch):
    interrupted(6, MANY)
    search = GridSearchCV(GaussianMixtureEM(random_state=0), {"n_components": [1, 2]}, cv=[(np.arange(9000),) * 2])
    with pytest.raises(KeyboardInterrupt):
        search.fit(MANY)
    assert not hasattr(search, "cv_results_")
    monkeypatch.undo()
    interrupted(6, MANY)
    choice = GaussianMixtureIC(n_components=[1, 2], covariance_type="full")
    before = dict(vars(choice))
    with pytest.raises(KeyboardInterrupt):
        choice.fit(MANY)
    assert vars(choice) == before


# A real signal, in a process of its own with large data.


CHILD = """
import numpy as np, sys
from sklearn_em import GaussianMixtureEM
rows = np.random.default_rng(0).normal(size=(1_000_000, 4))
mixture = GaussianMixtureEM(8, random_state=0, tol=1e-14, max_iter=10_000, n_jobs=2, means_init=rows[:8])
from sklearn_em.starts import Journal
reached = Journal.reached
def told(self, state, status):
    stops = reached(self, state, status)
    if len(state.trace) == 3:
        print("running", flush=True)
    return stops
Journal.reached = told
try:
    mixture.fit(rows)
except KeyboardInterrupt:
    print(mixture.status_.name, mixture.n_iter_ >= 2, np.isfinite(mixture.score(rows[:100])))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_the_signal_ends_a_fit_with_two_threads():
    environment = {**os.environ, "PYTHONPATH": str(Path(sklearn_em.__file__).parents[1])}
    process = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, env=environment, text=True)
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=120)
    assert printed == "INTERRUPTED True True\n"
    assert process.returncode == 0


# The threads.


@pytest.mark.parametrize("raises", ["calling", "other"])
def test_when_one_thread_fails_the_others_end_soon(raises):
    calling, done = threading.current_thread(), []
    has_failed = threading.Event()

    def task(number):
        is_calling = threading.current_thread() is calling
        if is_calling == (raises == "calling"):
            has_failed.set()
            raise KeyError("this one")
        has_failed.wait(timeout=60)
        sleep(0.01)
        done.append(number)

    with Workers(2) as workers, pytest.raises(KeyError, match="this one"):
        workers.map(lambda: task, range(200), 2**30)
    assert len(done) < 20


def test_after_a_failure_the_threads_work_on():
    def fail(task):
        raise KeyError

    with Workers(3) as workers:
        with pytest.raises(KeyError):
            workers.map(lambda: fail, range(9), 2**30)
        assert workers.map(lambda: lambda task: 2 * task, range(100), 2**30) == list(range(0, 200, 2))


def test_an_interrupted_model_has_the_dtype_of_its_rows(interrupted):
    rows = MANY.astype("f4")
    interrupted(4, rows)
    mixture = GaussianMixtureEM(3, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        mixture.fit(rows)
    assert bits(mixture.means_)[0] == "<f4"
