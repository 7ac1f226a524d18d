"""Rows in Dask's partitions: the same fit as in memory, made where the rows are."""

import os
import pickle
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from conftest import few_rows_are_fine, mixture_rows
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_em import GaussianMixtureEM, GaussianMixtureIC

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

pytestmark = [
    pytest.mark.filterwarnings("ignore:Best performing initialization did not converge"),
    few_rows_are_fine,
]


@pytest.fixture(autouse=True)
def synchronous():
    """One thread, unless a test says otherwise."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(autouse=True)
def small_sample(monkeypatch):
    """Rows that fit into the sample are fitted on the client: let it be smaller than the data here."""
    monkeypatch.setattr("sklearn_em.data.draw._SAMPLE_ROWS", 64)
    monkeypatch.setattr("sklearn_em.data.draw._SAMPLE_ROWS_PER_COMPONENT", 16)


def assert_same_fit(one, other, tolerance=1e-10):
    assert_allclose(one.lower_bounds_, other.lower_bounds_, rtol=tolerance, atol=tolerance)
    assert_allclose(one.weights_, other.weights_, rtol=tolerance, atol=tolerance)
    assert_allclose(one.means_, other.means_, rtol=tolerance, atol=tolerance)
    assert_allclose(one.covariance_matrices(), other.covariance_matrices(), rtol=tolerance, atol=tolerance)
    assert_allclose(one.diagnostics_.mass, other.diagnostics_.mass, rtol=tolerance)


def mixture(covariance_type="full", n_components=3, **options):
    """A mixture that makes ten passes from the same start."""
    X, _ = mixture_rows()
    options = {"tol": 0, "max_iter": 10, "means_init": X[:n_components], **options}
    return GaussianMixtureEM(n_components, covariance_type=covariance_type, **options)


def everything(seed=1):
    """Rows with gaps, a row with nothing observed, weights, and labels of some rows."""
    rng = np.random.default_rng(seed)
    X, labels = mixture_rows()
    X[rng.random(X.shape) < 0.05] = np.nan
    X[17] = np.nan
    weight = rng.integers(0, 4, size=len(X)) / 3
    known = np.where(rng.random(len(X)) < 0.1, labels, -1)
    return X, weight, known


def test_same_fit_as_in_memory_for_every_structure(covariance_type):
    X, _ = mixture_rows()
    in_memory = mixture(covariance_type).fit(X)
    assert_same_fit(mixture(covariance_type).fit(da.from_array(X, chunks=(70, 2))), in_memory)


def test_everything_composes_for_every_structure(covariance_type):
    X, weight, known = everything()
    in_memory = mixture(covariance_type, noise=True).fit(X, sample_weight=weight, known_labels=known)
    lazy = da.from_array(X, chunks=(70, 2))
    fitted = mixture(covariance_type, noise=True).fit(
        lazy, sample_weight=da.from_array(weight, chunks=60), known_labels=da.from_array(known, chunks=110)
    )
    assert_same_fit(fitted, in_memory)
    assert_array_equal(fitted.predict(lazy).compute(), in_memory.predict(X))


@pytest.mark.parametrize(
    "chunks", [(300, 3), (3, 3), (100, 1), ((0, 299, 0, 1, 0), (3,)), ((5, 250, 45), (1, 2))], ids=str
)
def test_any_chunks(chunks):
    X, _ = mixture_rows()
    assert_same_fit(mixture(prior="auto").fit(da.from_array(X, chunks=chunks)), mixture(prior="auto").fit(X))


def test_same_to_the_last_bit_on_any_number_of_threads():
    lazy = da.from_array(mixture_rows(5000)[0], chunks=(150, 3))
    fits = []
    for n_threads in (1, 2, 5, 5):
        with dask.config.set(scheduler="threads", num_workers=n_threads):
            fits.append(mixture().fit(lazy))
    for fitted in fits[1:]:
        assert_array_equal(fitted.lower_bounds_, fits[0].lower_bounds_)
        assert_array_equal(fitted.covariances_, fits[0].covariances_)


@pytest.mark.parametrize("n_samples", [300, 20_000], ids=["the sample is all rows", "the sample is drawn"])
def test_start_is_found_on_the_workers_as_in_memory(n_samples, monkeypatch):
    monkeypatch.undo()
    X, _ = mixture_rows(n_samples)
    in_memory = GaussianMixtureEM(3, random_state=0).fit(X)
    fitted = GaussianMixtureEM(3, random_state=0).fit(da.from_array(X, chunks=(n_samples // 7, 3)))
    assert fitted.converged_
    assert_allclose(fitted.lower_bound_, in_memory.lower_bound_, rtol=1e-6)


def test_float32_stays_float32():
    X = mixture_rows()[0].astype(np.float32)
    lazy = da.from_array(X, chunks=(70, 3))
    fitted = mixture().fit(lazy)
    assert fitted.means_.dtype == np.float32
    for method in ("predict_proba", "score_samples", "log_joint"):
        result = getattr(fitted, method)(lazy)
        assert result.dtype == result.compute().dtype == np.float32


class TestTables:
    X, weight, known = everything()
    names = ("length", "width", "height")
    table = dd.from_pandas(pd.DataFrame(X, columns=names).assign(weight=weight, known=known), npartitions=5)

    def test_names_and_columns_of_the_same_table(self):
        table = self.table[list(self.names)]
        fitted = mixture(noise=True).fit(table, sample_weight=self.table.weight, known_labels=self.table.known)
        in_memory = mixture(noise=True).fit(self.X, sample_weight=self.weight, known_labels=self.known)
        assert_same_fit(fitted, in_memory)
        assert list(fitted.feature_names_in_) == list(self.names)
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.predict(table.rename(columns={"length": "depth"}))

    def test_empty_partitions_and_unknown_lengths(self):
        first = self.table[self.table.length > self.table.length.max()]  # nothing is left in any partition
        table = dd.concat([first, self.table[self.table.weight > 0]])[list(self.names)]
        fitted, in_memory = mixture().fit(table), mixture().fit(table.compute().to_numpy())
        assert_same_fit(fitted, in_memory)
        labels = fitted.predict(table)
        assert np.isnan(labels.shape[0])
        assert labels.dtype == np.int64
        assert_array_equal(labels.compute(), in_memory.predict(table.compute().to_numpy()))

    def test_weights_in_memory_go_to_the_partitions_they_belong_to(self):
        table = self.table[list(self.names)]
        for weight in (self.weight, self.weight.tolist(), pd.Series(self.weight)):
            assert_same_fit(mixture().fit(table, sample_weight=weight), mixture().fit(self.X, sample_weight=weight))


@pytest.mark.parametrize("kind", ["numpy", "array", "split along components"])
def test_plausibilities(kind):
    X, _, _ = everything()
    known = np.random.default_rng(3).random((len(X), 3))
    give = {
        "numpy": known,
        "array": da.from_array(known, chunks=(70, 3)),
        "split along components": da.from_array(known, chunks=(90, 2)),
    }
    fitted = mixture().fit(da.from_array(X, chunks=(70, 3)), known_labels=give[kind])
    assert_same_fit(fitted, mixture().fit(X, known_labels=known))


class TestPredictions:
    X, weight, _ = everything()
    lazy = da.from_array(X, chunks=(70, 2))
    fitted = GaussianMixtureEM(3, noise=True, random_state=0).fit(X)

    @pytest.mark.parametrize("method", ["predict", "predict_proba", "log_joint", "score_samples", "impute"])
    def test_lazy_arrays(self, method):
        result, expected = getattr(self.fitted, method)(self.lazy), getattr(self.fitted, method)(self.X)
        assert isinstance(result, da.Array)
        assert result.chunks[0] == self.lazy.chunks[0]
        assert result.shape == expected.shape
        assert result.dtype == result._meta.dtype == expected.dtype
        # Which rows stand beside a row in a product of matrices can move the last digit of its log densities.
        assert_allclose(result.compute(), expected, rtol=1e-13, atol=1e-15)
        assert_allclose(result[65:75].compute(), expected[65:75], rtol=1e-13, atol=1e-15)

    def test_lazy_arrays_keep_the_parameters_they_were_asked_of(self):
        fitted = mixture().fit(self.X)
        labels, expected = fitted.predict(self.lazy), fitted.predict(self.X)
        fitted.fit(-self.X)
        assert_array_equal(labels.compute(), expected)

    @pytest.mark.parametrize("method", ["score", "aic", "bic", "icl"])
    def test_figures(self, method):
        result = getattr(self.fitted, method)(self.lazy, sample_weight=da.from_array(self.weight, chunks=50))
        assert isinstance(result, float)
        assert_allclose(result, getattr(self.fitted, method)(self.X, sample_weight=self.weight), rtol=1e-12)

    def test_fit_predict(self):
        labels = mixture().fit_predict(self.lazy)
        assert isinstance(labels, da.Array)
        assert_array_equal(labels.compute(), mixture().fit_predict(self.X))

    def test_blocks_come_one_after_the_other(self):
        blocks = list(self.fitted.predict_blocks(self.lazy, "predict_proba"))
        assert [len(block) for block in blocks] == list(self.lazy.chunks[0])
        assert_allclose(np.concatenate(blocks), self.fitted.predict_proba(self.X), rtol=1e-13, atol=1e-15)

    def test_out_is_for_arrays_that_are_not_lazy(self):
        with pytest.raises(ValueError, match=r"predictions are lazy Dask arrays; .* dask\.array\.store"):
            self.fitted.predict(self.lazy, out=np.empty(len(self.X), dtype=int))


def test_search_over_structures():
    X, _ = mixture_rows()
    grid = {"n_components": [2, 3], "covariance_type": ["full", "diag"], "estimator": GaussianMixtureEM(random_state=0)}
    in_memory = GaussianMixtureIC(**grid).fit(X)
    search = GaussianMixtureIC(**grid).fit(da.from_array(X, chunks=(70, 3)))
    assert search.best_params_ == in_memory.best_params_
    assert_allclose(search.results_["bic"], in_memory.results_["bic"], rtol=1e-4)


@pytest.mark.parametrize("unknown", [False, True], ids=["known lengths", "unknown lengths"])
def test_a_bad_block_is_named(unknown):
    X, _ = mixture_rows()
    X[150, 1] = np.inf
    lazy = da.from_array(X, chunks=(70, 3))
    if unknown:
        lazy = lazy[lazy[:, 0] > -np.inf]
    where = "partition 2 of X" if unknown else r"X\[140:210\], rows 140 to 209"
    with pytest.raises(ValueError, match=f"^In {where}: Input X contains infinity"):
        mixture().fit(lazy)
    weight = np.ones(300)
    weight[145] = -1
    where = "the rows of partition 2" if unknown else "rows 140 to 209"
    with pytest.raises(ValueError, match=rf"^Of {where}, counted from the first of them: sample_weight\[5\] is -1"):
        mixture().fit(lazy.clip(-9, 9), sample_weight=da.from_array(weight, chunks=70))


X = da.from_array(mixture_rows()[0], chunks=(70, 3))
UNKNOWN = X[X[:, 0] > -np.inf]


@pytest.mark.parametrize(
    ("lazy", "said", "error"),
    [
        (X, {"sample_weight": da.ones(299, chunks=70)}, r"sample_weight has shape \(299,\), but X has 300 rows"),
        (X, {"known_labels": np.zeros(7)}, r"known_labels has shape \(7,\), but X has 300 rows"),
        (UNKNOWN, {"sample_weight": np.ones(7)}, r"sample_weight has shape \(7,\), but X has 300 rows"),
        (UNKNOWN, {"sample_weight": da.ones(300, chunks=150)}, "sample_weight has 2 partitions .* but X has 5"),
        (
            UNKNOWN,
            {"sample_weight": da.ones(300, chunks=60)},
            r"has 60 entries for partition \d of X, which has .0 rows",
        ),
        (X, {"sample_weight": da.zeros(300)}, "sample_weight is zero for every row"),
        (X, {"sample_weight": da.ones((300, 1, 1))}, "sample_weight has 3 dimensions"),
        (X[:, 0], {}, "X has 1 dimensions"),
        (X[:, :0], {}, r"0 feature\(s\)"),
        (X[X[:, 0] > np.inf], {}, "X has no rows"),
        (X[:2], {}, "n_samples >= n_components but got n_components = 3, n_samples = 2"),
    ],
)
def test_errors(lazy, said, error):
    untouched = mixture()
    with pytest.raises(ValueError, match=error):
        untouched.fit(lazy, **said)
    assert not hasattr(untouched, "means_")
    assert not hasattr(untouched, "n_features_in_")


def test_other_collections_are_refused():
    with pytest.raises(TypeError, match="X is a Dask collection of type Delayed; give a dask array or"):
        mixture().fit(dask.delayed(np.ones)((10, 3)))


def test_a_pass_reads_the_rows_once():
    reads = []

    def read(block):
        reads.append(len(block))
        return block

    array, _ = mixture_rows()
    lazy = da.from_array(array, chunks=(70, 3)).map_blocks(read, dtype=float, meta=np.empty((0, 3)))
    weight = lazy[:, 0] ** 2
    mixture(max_iter=2).fit(lazy, sample_weight=weight)
    few = len(reads)
    mixture(max_iter=5).fit(lazy, sample_weight=weight)
    assert len(reads) - 2 * few == 3 * lazy.numblocks[0]


class Graphs(dask.callbacks.Callback):
    """Keeps the graphs that Dask runs."""

    def __init__(self):
        self.graphs = []
        super().__init__(start=self.graphs.append)


def test_parameters_are_sent_once_and_only_tasks_of_blocks_see_rows():
    array, _ = mixture_rows(2000, 20)
    lazy = da.from_array(array, chunks=(100, 20))
    with Graphs() as seen:
        mixture(means_init=array[:3]).fit(lazy)
    rows = set(lazy.__dask_graph__())
    assert len(seen.graphs) > 10
    for graph in seen.graphs:
        tasks = {key: task for key, task in graph.items() if key not in rows}
        blocks = {key for key, task in tasks.items() if task.dependencies & rows}
        assert len(blocks) == lazy.numblocks[0]
        others = [task for key, task in tasks.items() if key not in blocks and task.dependencies]
        # What is asked, which has no dependencies, is one value of some kilobytes.
        assert len(tasks) == len(blocks) + len(others) + 1
        assert max(len(task.dependencies) for task in others) <= 8
        assert max(len(pickle.dumps(tasks[key])) for key in blocks) < 1000


def test_nobody_else_imports_dask():
    code = (
        "import sys, numpy as np; from sklearn_em import GaussianMixtureEM;"
        "GaussianMixtureEM().fit(np.eye(5)).predict(np.eye(5)); assert 'dask' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def die_once(block, folder, after):
    """Kill this process when so many blocks have come through here, and never again."""
    count = os.open(folder / "blocks", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(count, b".")
    n_blocks = os.fstat(count).st_size
    os.close(count)
    if n_blocks >= after:
        try:
            os.close(os.open(folder / "dead", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return block
        os.kill(os.getpid(), signal.SIGKILL)
    return block


@pytest.fixture(scope="module")
def client():
    """A client of a cluster of two worker processes."""
    distributed = pytest.importorskip("distributed")
    two = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**two) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.mark.slow
class TestCluster:
    """Two worker processes on this machine."""

    @pytest.fixture(autouse=True)
    def synchronous(self, client):
        """The cluster is what computes."""
        with dask.config.set(scheduler=client):
            yield

    def test_everything_as_in_memory(self):
        X, weight, known = everything()
        lazy = da.from_array(X, chunks=(70, 2))
        in_memory = mixture(noise=True).fit(X, sample_weight=weight, known_labels=known)
        fitted = mixture(noise=True).fit(lazy, sample_weight=weight, known_labels=da.from_array(known, chunks=70))
        assert_same_fit(fitted, in_memory)
        assert_allclose(fitted.predict_proba(lazy).compute(), in_memory.predict_proba(X), rtol=1e-9, atol=1e-12)

    def test_rows_stay_on_the_workers(self, monkeypatch):
        """Count every byte that comes to this process, where the scheduler is, too."""
        from tornado.iostream import IOStream

        monkeypatch.undo()
        received, read = [], IOStream.read_from_fd

        def counted(self, buffer):
            n_bytes = read(self, buffer)
            received.append(n_bytes or 0)
            return n_bytes

        X = da.random.default_rng(0).normal(size=(1_000_000, 8), chunks=(125_000, 8))
        X = da.concatenate([X[:500_000], X[500_000:] * 2 + 3]).persist()
        weight = (X[:, 0] ** 2).persist()
        X.sum().compute()
        monkeypatch.setattr(IOStream, "read_from_fd", counted)
        fitted = GaussianMixtureEM(2, tol=0, max_iter=10, random_state=0).fit(X, sample_weight=weight)
        fitted.bic(X)
        labels = fitted.predict(X).persist()
        labels.sum().compute()
        # A sample of 8192 rows, the sums, and what the scheduler is told.
        assert 8192 * 8 * 8 < sum(received) < X.nbytes / 20
        received.clear()
        X[:125_000].compute()
        assert sum(received) >= X.nbytes / 8

    def test_a_worker_that_is_killed_costs_time_and_not_the_result(self, client, tmp_path):
        X = da.random.default_rng(0).normal(size=(3000, 3), chunks=(300, 3))
        X = da.concatenate([X, X + 4]).persist()
        workers = set(client.run(os.getpid).values())
        options = {"n_components": 2, "tol": 0, "max_iter": 10, "means_init": [[0.0, 0, 0], [1, 1, 1]]}
        undisturbed = GaussianMixtureEM(**options).fit(X)
        # Some looks at the rows come before the first pass.
        mortal = X.map_blocks(partial(die_once, folder=tmp_path, after=8 * X.numblocks[0] + 7))
        fitted = GaussianMixtureEM(**options).fit(mortal)
        assert (tmp_path / "dead").exists()
        n_passes = (tmp_path / "blocks").stat().st_size / X.numblocks[0]
        assert n_passes > 11
        assert workers - set(client.run(os.getpid).values())
        assert_same_fit(fitted, undisturbed)
