"""Rows that are not in memory: the same answers as in memory, from whatever can be sliced or read block by block."""

import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
import zarr
from conftest import mixture_rows

from sklearn_em import GaussianMixtureEM, GaussianMixtureIC, GaussianMixturePrior
from sklearn_em.data import draw, readers

N, P, K = 3000, 3, 3
ROWS, LABELS = mixture_rows(N, P, K)
WEIGHT = np.random.default_rng(1).choice([0.0, 1.0, 2.5], N)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """A few hundred rows to a piece, and more of them than the sample holds, which would be kept in memory."""
    monkeypatch.setattr(readers, "_NUMBERS_PER_PIECE", 2**10)
    monkeypatch.setattr(draw, "_SAMPLE_ROWS", 500)


class Blocks:
    """A sequence of blocks, as simple as it can be."""

    def __init__(self, rows, length=250):
        self.rows, self.length, self.n_reads = rows, length, 0

    def __len__(self):
        return -(-len(self.rows) // self.length)

    def __getitem__(self, i):
        self.n_reads += 1
        return self.rows[i * self.length : (i + 1) * self.length]


class RowSequence:
    """What LightGBM calls a Sequence: its length is the number of rows, and slices of rows can be had."""

    batch_size = 100

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, which):
        return self.rows[which]


class Sliced:
    """Nothing but a shape and slices."""

    def __init__(self, rows):
        self.rows, self.shape = rows, rows.shape

    def __getitem__(self, which):
        assert isinstance(which, slice)
        return self.rows[which]


def as_memmap(rows, folder):
    np.save(folder / "rows.npy", rows)
    return np.load(folder / "rows.npy", mmap_mode="r")


def as_memmap_by_columns(rows, folder):
    return as_memmap(np.asfortranarray(rows), folder)


def as_hdf5(rows, folder):
    return h5py.File(folder / "rows.h5", "w").create_dataset("rows", data=rows, chunks=(300, 2))


def as_zarr(rows, folder):
    array = zarr.create_array(folder / "rows.zarr", shape=rows.shape, chunks=(170, P), dtype=rows.dtype)
    array[:] = rows
    return array


def as_parquet(rows, folder):
    table = pa.table({f"x{j}": column for j, column in enumerate(rows.T)})
    for part in range(2):
        half = table.slice(part * (N // 2), N // 2)
        pa.parquet.write_table(half, folder / f"{part}.parquet", row_group_size=300)
    return pa.dataset.dataset(folder)


STORES = {
    "memmap": as_memmap,
    "memmap by columns": as_memmap_by_columns,
    "hdf5": as_hdf5,
    "zarr": as_zarr,
    "parquet": as_parquet,
    "blocks": lambda rows, folder: Blocks(rows),
    "list of tables": lambda rows, folder: [pd.DataFrame(rows[:1300]), pd.DataFrame(rows[1300:])],
    "rows": lambda rows, folder: RowSequence(rows),
    "slices": lambda rows, folder: Sliced(rows),
}


def with_gaps(rows):
    rows = rows.copy()
    rows[np.random.default_rng(2).random(rows.shape) < 0.1] = np.nan
    # Complete pieces are treated like the others, and a row with nothing observed counts nowhere.
    rows[:700] = ROWS[:700]
    rows[2000] = np.nan
    return rows


def estimator(**options):
    given = {"n_components": K, "means_init": ROWS[:K], "weights_init": np.full(K, 1 / K), "acceleration": "squarem"}
    return GaussianMixtureEM(**({"tol": 0, "max_iter": 10} | given | options))


def assert_same(stored, in_memory, tolerance=1e-10):
    for name in ("weights_", "means_", "lower_bounds_"):
        np.testing.assert_allclose(getattr(stored, name), getattr(in_memory, name), rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        stored.covariance_matrices(), in_memory.covariance_matrices(), rtol=0, atol=10 * tolerance
    )
    assert stored.n_iter_ == in_memory.n_iter_
    np.testing.assert_allclose(stored.diagnostics_.mass, in_memory.diagnostics_.mass, rtol=1e-9)


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("store", STORES)
def test_the_same_answer_as_in_memory(store, tmp_path):
    X = STORES[store](ROWS, tmp_path)
    stored, in_memory = estimator().fit(X), estimator().fit(ROWS)
    assert_same(stored, in_memory)
    np.testing.assert_array_equal(stored.predict(X), in_memory.predict(ROWS))
    np.testing.assert_allclose(stored.predict_proba(X), in_memory.predict_proba(ROWS), atol=1e-9)
    np.testing.assert_allclose(stored.score_samples(X), in_memory.score_samples(ROWS), atol=1e-9)
    np.testing.assert_allclose(stored.log_joint(X), in_memory.log_joint(ROWS), atol=1e-8)
    for method in ("score", "bic", "aic", "icl"):
        np.testing.assert_allclose(getattr(stored, method)(X), getattr(in_memory, method)(ROWS), rtol=1e-10)


@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
def test_every_structure(covariance_type, gaps):
    rows = with_gaps(ROWS) if gaps else ROWS
    options = {"covariance_type": covariance_type, "max_iter": 5}
    assert_same(estimator(**options).fit(Blocks(rows)), estimator(**options).fit(rows))


OPTIONS = {
    "weights": ({}, {"sample_weight": WEIGHT}),
    "large weights": ({}, {"sample_weight": 1e300 * WEIGHT}),
    "one weight": ({}, {"sample_weight": 2.0}),
    "labels": ({}, {"known_labels": np.where(np.arange(N) % 3 == 0, LABELS, -1)}),
    "all labels": ({}, {"known_labels": LABELS}),
    "plausibilities": ({}, {"known_labels": np.eye(K)[LABELS] + 0.1}),
    "noise": ({"noise": True}, {}),
    "noise, weights, labels of noise": (
        {"noise": True, "covariance_type": "tied"},
        {"sample_weight": WEIGHT, "known_labels": np.where(np.arange(N) < 100, K, -1)},
    ),
    "prior": ({"prior": GaussianMixturePrior(weight_concentration=2.0)}, {"sample_weight": WEIGHT}),
    "one component": ({"n_components": 1, "means_init": None, "weights_init": None}, {}),
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
def test_every_option(options, gaps):
    rows = with_gaps(ROWS) if gaps else ROWS
    parameters, said = OPTIONS[options]
    fits = [estimator(**parameters).fit(X, **said) for X in (Blocks(rows), rows)]
    assert_same(*fits)
    weight = {name: value for name, value in said.items() if name == "sample_weight"}
    stored, in_memory = (fits[0].score(X, **weight) for X in (Blocks(rows), rows))
    assert abs(stored - in_memory) < 1e-10


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("labelled", [False, True], ids=["", "labels"])
def test_the_start_is_that_of_the_rows_in_memory(weighted, labelled, monkeypatch):
    """The sample in which starts are sought has the same rows, wherever these are: so has the fit, to rounding."""
    monkeypatch.undo()
    rows, labels = mixture_rows(150_000, P, K)
    said = {"sample_weight": np.random.default_rng(1).choice([0.0, 1.0, 2.5], len(rows))} if weighted else {}
    said |= {"known_labels": np.where(np.arange(len(rows)) % 5 == 0, labels, -1)} if labelled else {}
    fits = [
        GaussianMixtureEM(K, tol=0, max_iter=16, random_state=0).fit(X, **said) for X in (Blocks(rows, 40_001), rows)
    ]
    assert_same(*fits)


def test_any_number_of_threads_gives_the_same_bits():
    one, two = (estimator(n_jobs=n_jobs).fit(Blocks(ROWS)) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.covariances_, two.covariances_)
    assert one.lower_bounds_ == two.lower_bounds_


def test_single_precision(tmp_path):
    rows = ROWS.astype(np.float32)
    stored, in_memory = estimator().fit(as_memmap(rows, tmp_path)), estimator().fit(rows)
    assert stored.means_.dtype == np.float32
    assert_same(stored, in_memory, 1e-5)
    assert stored.score_samples(as_memmap(rows, tmp_path)).dtype == np.float32


def test_weights_and_labels_may_be_files(tmp_path):
    weight = h5py.File(tmp_path / "weight.h5", "w").create_dataset("weight", data=WEIGHT)
    labels = zarr.create_array(tmp_path / "labels.zarr", shape=(N,), chunks=(100,), dtype="i8")
    labels[:] = LABELS
    stored = estimator().fit(Blocks(ROWS), sample_weight=weight, known_labels=labels)
    assert_same(stored, estimator().fit(ROWS, sample_weight=WEIGHT, known_labels=LABELS))


def test_names_of_features_come_from_the_columns(tmp_path):
    stored = estimator().fit(as_parquet(ROWS, tmp_path))
    assert stored.feature_names_in_.tolist() == ["x0", "x1", "x2"]
    with pytest.raises(ValueError, match="feature names should match"):
        stored.predict([pd.DataFrame(ROWS, columns=list("abc"))] * 2)


def test_masked_and_null_values_are_missing(tmp_path):
    rows = with_gaps(ROWS)
    table = pa.table({f"x{j}": pa.array(column, mask=np.isnan(column)) for j, column in enumerate(rows.T)})
    pa.parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=800)
    masked = Sliced(np.ma.masked_invalid(rows))
    for X in (pa.dataset.dataset(tmp_path / "rows.parquet"), masked):
        assert_same(estimator().fit(X), estimator().fit(rows))


def test_a_fit_reads_the_rows_once_a_pass_and_a_few_times_before():
    X = Blocks(ROWS)
    estimator(acceleration=None).fit(X)
    # To see how long the blocks are, where the rows lie, their moments, a sample, and at the end for the diagnostics;
    # the start, and ten passes.
    assert X.n_reads <= (5 + 11) * len(X)
    X.n_reads = 0
    estimator().fit(ROWS).predict(X)
    assert X.n_reads <= 2 * len(X)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "log_joint", "score_samples"])
@pytest.mark.parametrize("where", ["memory", "blocks"])
def test_predictions_into_a_given_array_and_block_by_block(method, where, tmp_path):
    X = ROWS if where == "memory" else Blocks(ROWS)
    mixture = estimator().fit(ROWS)
    expected = getattr(mixture, method)(ROWS)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", mode="w+", dtype=expected.dtype, shape=expected.shape)
    assert getattr(mixture, method)(X, out=out) is out
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, atol=1e-8)
    blocks = list(mixture.predict_blocks(X, method))
    assert (len(blocks) > 1) == (where == "blocks")
    np.testing.assert_allclose(np.concatenate(blocks), expected, atol=1e-8)


def test_imputation_block_by_block():
    rows = with_gaps(ROWS)
    mixture = estimator().fit(rows)
    np.testing.assert_allclose(mixture.impute(Blocks(rows)), mixture.impute(rows), atol=1e-10)
    with pytest.raises(ValueError, match="n_draws=2 tables are drawn at once, which takes rows in memory"):
        mixture.impute(Blocks(rows), n_draws=2)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty((N, 1)), r"out has shape \(3000, 1\); the result has shape \(3000,\)"),
        (np.empty(N, dtype=bool), "out has dtype bool, which cannot hold the result's int64"),
        (3, "out is a int; give an array"),
    ],
)
def test_wrong_arrays_for_the_result(out, message):
    with pytest.raises(ValueError, match=message):
        estimator().fit(ROWS).predict(Blocks(ROWS), out=out)


def test_wrong_method_for_blocks():
    with pytest.raises(ValueError, match="Invalid value for 'method': 'sample'; give one of"):
        estimator().fit(ROWS).predict_blocks(ROWS, "sample")


def broken(value):
    rows = ROWS.copy()
    rows[1600, 1] = value
    return rows


@pytest.mark.parametrize(
    ("X", "said", "message"),
    [
        (lambda: Blocks(broken(np.inf)), {}, r"In X\[1500:1750\], rows 1500 to 1749: Input X contains infinity"),
        (lambda: [ROWS[:500], ROWS[500:, :2]], {}, r"rows 500 to 2999, has 2 features, but the first rows have 3"),
        (lambda: [ROWS, np.full((5, P), "a")], {}, r"In X\[3000:3005\].*could not convert string"),
        (lambda: Blocks(ROWS), {"sample_weight": -WEIGHT}, "Of rows .* counted from the first of them: sample_weight"),
        (lambda: Blocks(ROWS), {"sample_weight": WEIGHT[:9]}, r"sample_weight has shape \(9,\), but X has 3000 rows"),
        (lambda: Blocks(ROWS), {"sample_weight": 0 * WEIGHT}, "sample_weight is zero for every row"),
        (lambda: Blocks(ROWS), {"known_labels": LABELS + K}, r"Of rows .*: known_labels\[0\] is"),
        (lambda: Blocks(ROWS[:, :0]), {}, r"Found array with 0 feature\(s\)"),
        (lambda: Sliced(ROWS[:0]), {}, r"Found array with 0 sample\(s\)"),
        (lambda: Blocks(np.where(np.arange(P) == 1, np.nan, ROWS)), {}, r"Features \[1\] of X are NaN in every row"),
        (lambda: [ROWS[:1], ROWS[:1]], {}, "Expected n_samples >= n_components but got n_components = 3"),
    ],
)
def test_bad_blocks_are_named_and_change_nothing(X, said, message):
    mixture = estimator()
    before = dict(vars(mixture))
    with pytest.raises(ValueError, match=message):
        mixture.fit(X(), **said)
    assert vars(mixture) == before


def test_rows_that_change_from_one_reading_to_the_next():
    class Shrinking(Blocks):
        def __getitem__(self, i):
            return super().__getitem__(i)[: 250 if self.n_reads <= len(self) else 200]

    with pytest.raises(ValueError, match="had 250 rows when X was first looked at and has 200 now"):
        estimator().fit(Shrinking(ROWS))


@pytest.mark.parametrize("call", ["fit", "predict", "score"])
def test_what_can_be_read_once_is_refused(call):
    mixture = estimator().fit(ROWS)
    with pytest.raises(TypeError, match=r"X is a generator, which can be read only once.* partial_fit\(block\)"):
        getattr(mixture, call)(block for block in Blocks(ROWS))


def test_the_search_over_structures_and_numbers(tmp_path):
    options = {"n_components": (2, 3), "covariance_type": ["EII", "VVV"]}
    stored = GaussianMixtureIC(**options).fit(as_memmap(ROWS, tmp_path))
    in_memory = GaussianMixtureIC(**options).fit(ROWS)
    assert stored.best_params_ == in_memory.best_params_
    np.testing.assert_allclose(stored.best_score_, in_memory.best_score_, rtol=1e-6)


FIT = """
import sys
from pathlib import Path
import numpy as np
from sklearn_em import GaussianMixtureEM

def peak():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])

X = np.load(sys.argv[1], mmap_mode="r")
GaussianMixtureEM(2, random_state=0).fit(np.ascontiguousarray(X[:100_000]))
before = peak()
GaussianMixtureEM(2, random_state=0, tol=1e-3).fit(X).predict(X, out=np.load(sys.argv[2], mmap_mode="r+"))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_pages_of_a_memory_map_are_given_back(tmp_path):
    """256 MiB of rows raise the peak, pages of the file included, by a fraction of them."""
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=float, shape=(2**23, 4))
    for start in range(0, len(X), 2**20):
        X[start : start + 2**20] = rng.normal(size=(2**20, 4)) + 5 * rng.integers(2, size=(2**20, 1))
    np.save(tmp_path / "out.npy", np.zeros(len(X), dtype=np.int64))
    command = [sys.executable, "-c", FIT, str(tmp_path / "X.npy"), str(tmp_path / "out.npy")]
    kib = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert kib < 100 * 1024
