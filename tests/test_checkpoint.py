"""Checkpoints: a fit that was stopped goes on to the same answer, and files that are not its own are refused."""

import errno
import io
import json
import multiprocessing
import os
import signal
import sys
import warnings
import zipfile
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import pytest
import sklearn
from conftest import bits, fitted_bits, mixture_rows
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

import sklearn_em
from sklearn_em import Checkpoint, Factor, FixedParameters, GaussianMixtureEM, GaussianMixturePrior
from sklearn_em.em import LoopState, Squarem, begin, step
from sklearn_em.estimators import checkpoint_file
from sklearn_em.estimators.encoding import decode, encode

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, _ = mixture_rows(200, 3, 3, separation=1.5)
# More rows than a sample holds: the full runs have most passes. (In few rows the short ones have.)
MANY, _ = mixture_rows(9000, 2, 3, separation=2.0, seed=1)
LABELS = np.where(MANY[:, 0] > np.quantile(MANY[:, 0], 0.99), 1, -1)
WEIGHT = np.random.default_rng(0).uniform(0.5, 2.0, size=len(MANY))


def with_gaps(rows):
    return np.where(np.random.default_rng(0).random(rows.shape) < 0.05, np.nan, rows)


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.npz"


@pytest.fixture
def killed(monkeypatch, path):
    """Fit with a checkpoint until it was written so many times; return whether the fit got so far."""

    def killed(estimator, n_writes, rows, every=2, **options):
        real, written = checkpoint_file.write, []

        def write(*args):
            real(*args)
            written.append(args)
            if len(written) == n_writes:
                raise KilledError

        path.unlink(missing_ok=True)
        with monkeypatch.context() as patched:
            patched.setattr(checkpoint_file, "write", write)
            try:
                estimator.set_callbacks(Checkpoint(path, every=every)).fit(rows, **options)
            except KilledError:
                return True
        return False

    return killed


def n_passes_saved(path):
    return [len(state.trace) - 1 for _, state in checkpoint_file.read(path)["states"]]


# The same answer.


def check_it_goes_on(options, rows, killed, path, at, **known):
    """Kill a fit after some writes, and compare what becomes of it with the fit that nobody killed."""
    whole = GaussianMixtureEM(**options).fit(rows, **known)
    for n_writes in at:
        assert killed(GaussianMixtureEM(**options), n_writes, rows, **known)
        resumed = GaussianMixtureEM(**options).fit(rows, resume_from=path, **known)
        assert fitted_bits(resumed) == fitted_bits(whole)


def test_a_fit_goes_on_to_the_same_answer(covariance_type, killed, path):
    options = {"n_components": 3, "covariance_type": covariance_type, "random_state": 0, "tol": 1e-9, "max_iter": 25}
    check_it_goes_on(options, MANY, killed, path, at=[4])
    assert 1 < n_passes_saved(path)[0] < 25


OPTIONS = {
    "plain": {"acceleration": None},
    "several starts": {"n_init": 5},
    "short": {"n_init": 3, "max_iter": 10},
    "one component": {"n_components": 1, "noise": True},
    "given start": {"means_init": MANY[:3], "acceleration": "squarem"},
    "noise": {"noise": True},
    "prior": {"prior": GaussianMixturePrior(mean=[0, 0], degrees_of_freedom=6)},
    "fixed": {"fixed": FixedParameters(weights=[0.2, np.nan, np.nan]), "max_iter": 30},
    "factors": {"covariance_type": Factor(1)},
    "common noise": {"covariance_type": Factor(1, noise="common")},
}


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_whatever_is_said_of_a_fit_it_goes_on(options, killed, path):
    options = {"n_components": 3, "random_state": 0, "tol": 1e-9, "max_iter": 25, **options}
    check_it_goes_on(options, MANY, killed, path, at=[3])


@pytest.fixture
def stored(tmp_path):
    rows = np.memmap(tmp_path / "rows.dat", dtype=float, mode="w+", shape=MANY.shape)
    rows[:] = MANY
    return rows


def test_a_fit_of_stored_rows_goes_on(stored, killed, path):
    check_it_goes_on({"n_components": 3, "random_state": 0, "max_iter": 25}, stored, killed, path, at=[3])


@pytest.mark.parametrize("rows", [MANY.astype("f4"), with_gaps(MANY)], ids=["float32", "gaps"])
def test_a_fit_of_any_rows_goes_on(rows, killed, path):
    check_it_goes_on({"n_components": 3, "random_state": 0, "max_iter": 25}, rows, killed, path, at=[3])


@pytest.mark.parametrize(("n_components", "seed"), [(3, 1), (4, 2)])
def test_starts_that_have_ended_are_not_run_again_and_lead_to_the_same_moves(n_components, seed, killed, path):
    """In few rows a start has most of its passes before it is told of, and moves are made from its very end."""
    rows, _ = mixture_rows(200, 2, 3, separation=1.5, seed=seed)
    options = {"n_components": n_components, "random_state": 0, "n_init": 4}
    check_it_goes_on(options, rows, killed, path, at=[1, 2])


def test_a_collapse_comes_again(path):
    rows = np.vstack([X, [[500.0, 500.0, 500.0]]])
    start = {"means_init": [[0.0] * 3, [500.0] * 3], "precisions_init": [np.eye(3)] * 2, "weights_init": [0.5, 0.5]}
    mixture = GaussianMixtureEM(2, reg_covar=0, **start).set_callbacks(Checkpoint(path)).fit(rows)
    assert mixture.status_.name == "DEGENERATE"
    with pytest.warns(match=r"It was components \[1\]"):
        resumed = GaussianMixtureEM(2, reg_covar=0, **start).fit(rows, resume_from=path)
    assert fitted_bits(resumed) == fitted_bits(mixture)


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({"sample_weight": WEIGHT}, "the sum of sample_weight was"),
        ({"known_labels": LABELS}, "known_labels were others"),
    ],
    ids=["weights", "labels"],
)
def test_a_fit_with_weights_or_labels_goes_on(known, sentence, killed, path):
    options = {"n_components": 3, "random_state": 0, "tol": 1e-9, "max_iter": 25}
    check_it_goes_on(options, MANY, killed, path, at=[3], **known)
    with pytest.raises(ValueError, match=f"is of another fit: {sentence}"):
        GaussianMixtureEM(**options).fit(MANY, resume_from=path)


@pytest.mark.parametrize("kind", [None, np.random.RandomState], ids=["None", "RandomState"])
def test_random_numbers_are_drawn_again(kind, killed, path):
    """An instance ends where it would have ended, so that whatever is drawn from it next is the same as well."""

    def mixture(seed):
        return GaussianMixtureEM(3, tol=1e-9, max_iter=25, n_init=2, random_state=kind and kind(seed))

    before = np.random.get_state()  # noqa: NPY002
    whole = mixture(7).fit(MANY)
    np.random.set_state(before)  # noqa: NPY002
    assert killed(mixture(7), 3, MANY)
    np.random.seed(1)  # noqa: NPY002
    resumed = mixture(8).fit(MANY, resume_from=path)
    assert fitted_bits(resumed) == fitted_bits(whole)
    if kind:
        assert_array_equal(whole.sample(5)[0], resumed.sample(5)[0])
    np.random.set_state(before)  # noqa: NPY002


def test_passes_that_were_saved_are_not_made_again(killed, path, monkeypatch):
    options = {"random_state": 0, "max_iter": 60, "tol": 0, "acceleration": None}
    assert killed(GaussianMixtureEM(3, **options), 5, MANY, every=10)
    (n_saved,) = n_passes_saved(path)
    assert n_saved >= 30
    model = sklearn_em.mixture.GaussianMixtureModel
    passes, e_step = [], model.e_step
    monkeypatch.setattr(
        model, "e_step", lambda self, params: passes.append(self.problem.is_whole) or e_step(self, params)
    )
    GaussianMixtureEM(3, **options).fit(MANY, resume_from=path)
    # and the one that scores the start again
    assert passes.count(False) == 60 - n_saved + 1


def test_a_fit_that_goes_on_may_be_stopped_again(killed, path, monkeypatch):
    options = {"random_state": 0, "tol": 1e-9, "max_iter": 25}
    whole = GaussianMixtureEM(3, **options).fit(MANY)
    assert killed(GaussianMixtureEM(3, **options), 2, MANY, every=1)
    write = checkpoint_file.write

    def one_write(*args):
        write(*args)
        raise KilledError

    # each time one pass further, for the first state that it is told of is the one that it goes on from
    for every in (2, 3, 4):
        n_saved = n_passes_saved(path)[0]
        with monkeypatch.context() as patched:
            patched.setattr(checkpoint_file, "write", one_write)
            with pytest.raises(KilledError):
                GaussianMixtureEM(3, **options).set_callbacks(Checkpoint(path, every)).fit(MANY, resume_from=path)
        assert n_passes_saved(path) == [n_saved + every - 1]
    assert fitted_bits(GaussianMixtureEM(3, **options).fit(MANY, resume_from=path)) == fitted_bits(whole)


def test_more_passes_and_starts_may_be_asked_for(path):
    short = GaussianMixtureEM(3, random_state=0, tol=0, max_iter=20).set_callbacks(Checkpoint(path))
    short.fit(X)
    longer = GaussianMixtureEM(3, random_state=0, tol=0, max_iter=30, n_init=3)
    assert fitted_bits(clone(longer).fit(X, resume_from=path)) == fitted_bits(longer.fit(X))
    with pytest.raises(ValueError, match=r"max_iter was 20 and is 19, which may be more, but not less"):
        GaussianMixtureEM(3, random_state=0, tol=0, max_iter=19).fit(X, resume_from=path)


def test_a_fit_that_a_callback_stopped_goes_on_to_the_end(path):
    pytest.importorskip("sklearn.callback")

    class Stop:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            return context.task_name == "iteration"

    options = {"random_state": 0, "n_init": 3}
    stopped = GaussianMixtureEM(3, **options).set_callbacks(Checkpoint(path), Stop()).fit(MANY)
    assert stopped.status_.name == "STOPPED"
    resumed = GaussianMixtureEM(3, **options).fit(MANY, resume_from=path)
    assert fitted_bits(resumed) == fitted_bits(GaussianMixtureEM(3, **options).fit(MANY))


def test_a_warm_start_goes_on_only_with_what_it_began_from(path):
    first = GaussianMixtureEM(3, random_state=0, max_iter=3, warm_start=True).fit(X)
    before = clone(first)
    vars(before).update(vars(first))
    first.set_params(max_iter=20).set_callbacks(Checkpoint(path)).fit(X)
    assert fitted_bits(before.set_params(max_iter=20).fit(X, resume_from=path)) == fitted_bits(first)
    with pytest.raises(ValueError, match=r"the start \(weights_init, .* or the last fit of a warm start\) was another"):
        clone(first).fit(X, resume_from=path)


# Kills.


def fit_in_a_process_of_its_own(path, dies_at, connection):
    """Begin a fit, or go on with it; die before the given step of writing, counted from 1, if there is one."""
    rows, _ = mixture_rows(20_000, 3, 3, separation=1.0, seed=2)
    n_steps = 0

    def dying(step):
        def call(*args, **options):
            nonlocal n_steps
            n_steps += 1
            if n_steps == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*args, **options)

        return call

    # Between any two arrays, before all of them are on the disk, and before they are in their place.
    zipfile.ZipFile.open, os.fsync, os.replace = map(dying, (zipfile.ZipFile.open, os.fsync, os.replace))
    warnings.simplefilter("ignore")
    mixture = GaussianMixtureEM(3, covariance_type="VEV", n_init=2, tol=1e-9, max_iter=60, random_state=None)
    mixture.set_callbacks(Checkpoint(path, every=1))
    connection.send("ready")
    mixture.fit(rows, resume_from=path if path.exists() else None)
    connection.send(repr(fitted_bits(mixture)))


@pytest.fixture
def start(path, monkeypatch):
    """Start such a process, and return it with its end of the line."""
    roots = [str(Path(__file__).parent), str(Path(sklearn_em.__file__).parents[1])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(roots))
    context = multiprocessing.get_context("forkserver")
    if sys.platform == "linux":
        # Elsewhere a linear algebra library may not bear to be forked.
        context.set_forkserver_preload([__name__])

    def start(dies_at=0):
        ours, theirs = context.Pipe()
        process = context.Process(target=fit_in_a_process_of_its_own, args=(path, dies_at, theirs), daemon=True)
        process.start()
        theirs.close()
        assert ours.recv() == "ready"
        return process, ours

    return start


def answer_of(process, line):
    """What the fit has come to, or None if it was killed before."""
    try:
        answer = line.recv()
    except (EOFError, OSError):
        answer = None
    process.join()
    # One that is killed may have had its say.
    assert process.exitcode == -signal.SIGKILL or (process.exitcode == 0 and answer is not None)
    return answer


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_a_process_killed_at_any_moment_goes_on_to_the_same_answer(path, start):
    """Thirty kills; the first checkpoint of a fit, with its random numbers, is where every chain of fits begins."""
    first, _ = start()
    while not path.exists():
        sleep(0.001)
    first.kill()
    first.join()
    beginning = path.read_bytes()
    begun = perf_counter()
    answer = answer_of(*start())
    took = perf_counter() - begun
    path.write_bytes(beginning)
    rng, n_killed = np.random.default_rng(0), 0
    while n_killed < 30:
        # Every other one in the middle of a write.
        process, line = start(dies_at=int(rng.integers(1, 300)) if n_killed % 2 else 0)
        if n_killed % 2 == 0:
            sleep(rng.uniform(0, 0.5 * took))
            process.kill()
        ended = answer_of(process, line)
        if ended is None:
            n_killed += 1
        else:
            assert ended == answer
            path.write_bytes(beginning)
    assert answer_of(*start()) == answer


# Files that are not this fit's.


def saved(path, **options):
    return GaussianMixtureEM(3, **{"random_state": 0, **options}).set_callbacks(Checkpoint(path)).fit(X)


def picture():
    return bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")


def other_archive():
    file = io.BytesIO()
    np.savez(file, header=np.arange(3), weights=np.ones(3))
    return file.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"text\n", picture(), other_archive()], ids=["empty", "text", "picture", "npz"]
)
@pytest.mark.parametrize("resumes", [False, True], ids=["to write", "to resume"])
def test_a_file_that_is_no_checkpoint_is_refused_and_left(content, resumes, path, monkeypatch):
    path.write_bytes(content)
    monkeypatch.setattr("sklearn_em.estimators.gaussian_mixture.fit_mixture", None)  # nothing is computed
    mixture = GaussianMixtureEM(3)
    if not resumes:
        mixture.set_callbacks(Checkpoint(path))
    with pytest.raises(
        ValueError, match=r"fit.npz' is no checkpoint of sklearn_em, and is left as it is; give the path"
    ):
        mixture.fit(X, resume_from=path if resumes else None)
    assert path.read_bytes() == content
    assert not hasattr(mixture, "n_features_in_")


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="is no checkpoint of sklearn_em"):
        GaussianMixtureEM(3).fit(X, resume_from=tmp_path)


def test_a_damaged_file_is_refused_and_left(path):
    mixture = saved(path)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    flips = rng.choice(8 * len(content), size=150, replace=False)
    damaged = [content[: int(length)] for length in rng.integers(2, len(content), size=50)]
    for place in flips:
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        damaged.append(bytes(flipped))
    n_harmless = 0
    for wrong in damaged:
        path.write_bytes(wrong)
        try:
            # a date in the archive's table of contents says nothing
            assert bits(checkpoint_file.read(path)["states"][0][1].trace) == bits(tuple(mixture.lower_bounds_))
            n_harmless += 1
        except ValueError as error:
            assert "is damaged (" in str(error) or "is no checkpoint" in str(error)  # noqa: PT017
    assert n_harmless < 80
    path.write_bytes(content[:-100])
    with pytest.raises(ValueError, match=r"fit.npz' is damaged \(BadZipFile: .*; restore it from a copy, or delete it"):
        saved(path)
    assert path.read_bytes() == content[:-100]


def rewritten(path, change):
    """Write the archive again with another header, whose checksum is right."""
    with np.load(path) as archive:
        members = dict(archive)
    name = "sklearn_em_checkpoint"
    header = json.loads(members[name].tobytes())
    change(header)
    members[name] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez(file, **members)


def test_a_newer_format_is_refused(path):
    saved(path)
    rewritten(path, lambda header: header.update(format=99, versions={"sklearn_em": "9.9"}))
    sentence = r"was written by sklearn_em 9.9 in format 99, and this version reads formats up to 1; update sklearn_em"
    with pytest.raises(ValueError, match=sentence):
        GaussianMixtureEM(3, random_state=0).fit(X, resume_from=path)


def test_the_checksum_covers_names_and_numbers(path):
    saved(path)
    rewritten(path, lambda header: header["content"]["dict"].update(fit=None))
    with pytest.raises(ValueError, match=r"is damaged \(ValueError: the checksum is another\)"):
        checkpoint_file.read(path)


def test_nothing_in_the_file_is_a_pickle_and_names_are_there_to_read(path):
    saved(path)
    with np.load(path, allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind in "biuf" for name in archive.files)
        header = json.loads(archive["sklearn_em_checkpoint"].tobytes())
    assert header["versions"]["sklearn_em"] == sklearn_em.__version__
    assert header["versions"]["scikit-learn"] == sklearn.__version__


CHANGES = {
    "tol": (1e-3, "tol was 1e-06 and is 0.001"),
    "n_components": (2, "n_components was 3 and is 2"),
    "covariance_type": (Factor(2), r"covariance_type was full and is Factor\(n_factors=2, noise='own'\)"),
    "random_state": (1, "random_state was 0 and is 1"),
    "reg_covar": (1e-6, "reg_covar was auto and is 1e-06"),
    "noise": (True, "noise was False and is True"),
    "prior": ("auto", "prior was None and is digest"),
    "fixed": (FixedParameters(means=[[0, 0, 0], 3 * [np.nan], 3 * [np.nan]]), "fixed was None and is digest"),
    "weights": ("equal", "weights was None and is digest"),
    "acceleration": (None, "acceleration was squarem and is None"),
    "init_params": ("random", "init_params was kmeans and is random"),
    "weights_init": ([0.2, 0.3, 0.5], "acceleration was squarem and is None"),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("resumes", [False, True], ids=["to write", "to resume"])
def test_a_fit_with_other_settings_is_refused_and_the_file_left(name, resumes, path):
    saved(path)
    content = path.read_bytes()
    value, sentence = CHANGES[name]
    mixture = GaussianMixtureEM(**{"n_components": 3, "random_state": 0, name: value})
    if not resumes:
        mixture.set_callbacks(Checkpoint(path))
    with pytest.raises(ValueError, match=f"is of another fit: {sentence}"):
        mixture.fit(X, resume_from=path if resumes else None)
    assert path.read_bytes() == content


def test_every_setting_is_compared_or_does_not_decide_the_path():
    # warm_start by its start; forgetting is of streams.
    free = {"max_iter", "n_init", "verbose", "verbose_interval", "n_jobs", "warm_start", "forgetting"}
    assert {*CHANGES, "means_init", "precisions_init"} | free == set(GaussianMixtureEM().get_params())


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (X[:-1], "X had n_samples 200 and has 199"),
        (X[:, :2], "X had n_features 3 and has 2"),
        (X.astype("f4"), "X had dtype float64 and has float32"),
        (X + 1e-6 * (np.arange(200) == 17)[:, None], "X or sample_weight had other values"),
        (X[:, [1, 0, 2]], "X or sample_weight had other values"),
    ],
    ids=["fewer rows", "fewer features", "single precision", "one value", "other order of features"],
)
def test_other_data_are_refused(rows, sentence, path):
    saved(path)
    with pytest.raises(ValueError, match=sentence):
        GaussianMixtureEM(3, random_state=0).fit(rows, resume_from=path)


def test_the_same_fit_may_begin_afresh(path):
    mixture = saved(path)
    assert fitted_bits(saved(path)) == fitted_bits(mixture)


# Files that are not there, or cannot be written.


def test_a_missing_file_is_no_checkpoint(path):
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint '.*fit.npz' to go on from; give the path of"):
        GaussianMixtureEM(3).fit(X, resume_from=path)


def test_a_folder_that_cannot_be_written_to_is_found_before_em_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(sklearn_em.mixture.GaussianMixtureModel, "e_step", None)
    with pytest.raises(
        OSError, match=r"the checkpoint '.*' could not be written \(No such file or directory\), and what"
    ):
        GaussianMixtureEM(3).set_callbacks(Checkpoint(tmp_path / "none" / "fit.npz")).fit(X)


@pytest.mark.parametrize("what", ["fsync", "replace"])
def test_a_full_disk_leaves_the_last_checkpoint(what, path, monkeypatch):
    mixture = saved(path)
    content = path.read_bytes()

    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = dict(vars(mixture))
    with monkeypatch.context() as patched:
        patched.setattr(os, what, fail)
        with pytest.raises(OSError, match=r"fit.npz' could not be written \(No space left on device\), and what was"):
            mixture.fit(X)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]
    assert vars(mixture) == before


# Several fits, and the callback as such.


def test_fits_that_run_at_the_same_time_do_not_share_a_path(path):
    """The file of one is that of another fit by the time the first wants to write."""

    class Other(sklearn_em.starts.Observer):
        def reached(self, state, status):
            if path.exists() and not calls:
                calls.append(state)
                path.write_bytes(path.read_bytes())
            return False

    calls = []
    mixture = GaussianMixtureEM(3, random_state=0, verbose=1).set_callbacks(Checkpoint(path, every=1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sklearn_em.estimators.gaussian_mixture.Printer", lambda *_: Other())
        with pytest.raises(
            ValueError, match=r"Another fit has written to the checkpoint '.*' while this one was running"
        ):
            mixture.fit(MANY)


def test_clones_write_to_one_path_so_a_search_is_refused(path):
    mixture = GaussianMixtureEM(random_state=0).set_callbacks(Checkpoint(path))
    assert vars(clone(mixture))["_skl_callbacks"] == [Checkpoint(path)]
    search = GridSearchCV(mixture, {"n_components": [1, 2]}, cv=2)
    with pytest.warns(FitFailedWarning, match="is of another fit"), pytest.warns(UserWarning, match="non-finite"):  # noqa: SIM117
        with pytest.raises(ValueError, match="is of another fit"):
            search.fit(X)
    (n_components,) = {checkpoint_file.read(path)["fit"]["settings"]["n_components"]}
    assert n_components == 1


def test_without_scikit_learns_callbacks_checkpoints_work(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    mixture = GaussianMixtureEM(3, random_state=0).set_callbacks(Checkpoint(path))
    assert mixture.set_callbacks() is mixture
    assert "_skl_callbacks" not in vars(mixture)
    with pytest.raises(
        AttributeError, match=r"set_callbacks needs scikit-learn 1.9 or later, but .* is installed; update"
    ):
        mixture.set_callbacks(Checkpoint(path), "progress")
    saved(path)
    assert n_passes_saved(path)


def test_checkpoints_follow_scikit_learns_protocol(path):
    callback = pytest.importorskip("sklearn.callback")
    monitor = callback.ScoringMonitor(scoring=lambda mixture, X, y: {"score": mixture.lower_bound_})
    mixture = GaussianMixtureEM(3, random_state=0).set_callbacks(monitor, Checkpoint(path)).fit(X, np.zeros(len(X)))
    assert n_passes_saved(path) == [mixture.n_iter_]
    assert monitor.get_logs().data


@pytest.mark.parametrize("every", [0, 1.5, True, "often"])
def test_every_is_a_number_of_passes(every):
    with pytest.raises(ValueError, match=r"every is .*; give the number of passes between writes, an integer of 1 or"):
        Checkpoint("fit.npz", every)


def test_path_is_the_name_of_a_file():
    with pytest.raises(TypeError, match=r"path is None; give the name of a file, a string or a path"):
        Checkpoint(None)


def test_every_says_how_often_it_is_written(path, monkeypatch):
    lengths, write = [], checkpoint_file.write

    def count(path, content, versions):
        lengths.append([len(state.trace) - 1 for _, state in content["states"]])
        write(path, content, versions)

    monkeypatch.setattr(checkpoint_file, "write", count)
    options = {"random_state": 0, "tol": 0, "max_iter": 25, "acceleration": None}
    GaussianMixtureEM(3, **options).set_callbacks(Checkpoint(path, every=4)).fit(MANY)
    # the score of the start is a pass as well
    assert lengths == [[], [3], [7], [11], [15], [19], [23], [25]]


# The encoding.


def test_states_come_back_to_the_last_bit_and_go_on_alike(covariance_type):
    caught = []

    class Catcher(sklearn_em.starts.Observer):
        def reached(self, state, status):
            caught.append(state)
            return False

        def search_begins(self, model):
            self.model = model

    catcher = Catcher()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sklearn_em.estimators.gaussian_mixture.Printer", lambda *_: catcher)
        GaussianMixtureEM(3, covariance_type=covariance_type, noise=True, random_state=0, verbose=1).fit(X)
    state = caught[-1]
    tree, arrays = encode(state)
    again = decode(json.loads(json.dumps(tree)), [array.copy() for array in arrays])
    assert isinstance(again, LoopState)
    assert isinstance(again.accelerator, Squarem)
    assert again.params.gaussians.structure is state.params.gaussians.structure
    assert again.statistics.gaussian.moments is state.statistics.gaussian.moments
    assert again.params.gaussians.means.strides == state.params.gaussians.means.strides
    tree_again, arrays_again = encode(again)
    assert tree_again == tree
    assert bits(arrays_again) == bits(arrays)
    assert bits(encode(step(catcher.model, again))[1]) == bits(encode(step(catcher.model, state))[1])
    assert begin(catcher.model, again.params).trace == begin(catcher.model, state.params).trace


ARRAYS = {
    "scalar": np.array(1.5),
    "empty": np.empty((0, 3)),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(24.0).reshape(4, 6)[::2, 1::2],
    "backwards": np.arange(5.0)[::-1],
    "repeated": np.broadcast_to(np.arange(3.0), (2, 3)),
    "swapped": np.arange(24).reshape(2, 3, 4).swapaxes(0, 2),
    "special": np.array([np.nan, -0.0, np.inf, 5e-324]),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_arrays_keep_their_bits_and_their_layout(array):
    tree, arrays = encode((None, True, "name", 3, 0.1, (), (0.5, -0.0), (1, 2), {"key": array}))
    again = decode(tree, [np.ascontiguousarray(each).reshape(each.shape) for each in arrays])
    assert bits(again[-1]["key"]) == bits(array)
    assert again[-1]["key"].strides == array.strides
    assert bits(again[:-1]) == bits((None, True, "name", 3, 0.1, (), (0.5, -0.0), (1, 2)))


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()]), KilledError(), ValueError])
def test_what_is_not_listed_is_not_saved(value):
    with pytest.raises(TypeError, match="cannot be saved"):
        encode(value)


def test_what_is_not_listed_is_not_made():
    with pytest.raises(KeyError):
        decode({"Popen": {"args": "true"}}, [])
