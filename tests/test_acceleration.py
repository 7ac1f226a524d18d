"""SQUAREM: fewer passes to the same optima, no fall of the objective, and all laws kept."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import test_laws
from conftest import mixture_rows
from numpy.testing import assert_allclose, assert_array_equal
from test_laws import assert_same_fit, group_element, moved_start

from sklearn_em import GaussianMixtureEM
from sklearn_em.data.block import ArraySource
from sklearn_em.data.executors import Workers
from sklearn_em.data.scan import scan
from sklearn_em.em import DegenerateError, Squarem, Status, StoppingRule, begin, run, step
from sklearn_em.em.acceleration import Jump
from sklearn_em.gaussian.chart import GaussianChart
from sklearn_em.gaussian.components import Gaussians
from sklearn_em.gaussian.covariance import STRUCTURES
from sklearn_em.gaussian.m_step import Terms
from sklearn_em.mixture import GaussianMixtureModel, MixtureParameters

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
DATA = {
    path.stem: np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    for path in (Path(__file__).parent / "data").glob("*.csv")
}


def fit(X, covariance_type, sample_weight=None, n_components=3, **options):
    options = {"acceleration": "squarem", **options}
    return test_laws.fit(X, covariance_type, sample_weight, n_components, **options)


def given_start(estimator):
    return {
        "weights_init": estimator.weights_ / estimator.weights_.sum(),
        "means_init": estimator.means_,
        "precisions_init": estimator.precisions_,
    }


# A model of which everything is known: rates[i] is what a pass leaves of coordinate i.


@dataclass
class Identity:
    frame: np.ndarray

    def vectors(self, *points):
        return np.array(points) - self.frame

    def statistics(self, vector):
        return self.frame + vector


class Linear:
    def __init__(self, *rates):
        self.rates = np.array(rates)
        self.passes = 0

    def e_step(self, params):
        self.passes += 1
        return params

    def m_step(self, statistics, previous):
        return self.rates * statistics

    def objective(self, statistics, params):
        return -float(params @ params)

    def chart(self, frame):
        return Identity(frame)


def test_one_rate_is_seen_through_at_once():
    model = Linear(0.7)
    state = begin(model, np.array([1.0]), Squarem())
    for _ in range(2):
        state = step(model, state)
        assert state.n_plain == len(state.trace) - 1
    state = step(model, state)
    # The steplength is 1 / (1 - rate), and one M-step follows.
    assert_allclose(state.params, [0.0], atol=1e-15)
    assert state.n_plain == 0


@pytest.mark.parametrize("slowest", [0.99, 0.999])
def test_slow_models_take_fewer_passes(slowest):
    rates = (slowest, 0.95, 0.8, 0.3)
    results = {}
    for accelerator in (None, Squarem()):
        model = Linear(*rates)
        result = run(model, begin(model, np.ones(4), accelerator), StoppingRule(1e-8, 10**5))
        assert result.status is Status.CONVERGED
        assert -result.objective < 1e-8
        assert np.diff(result.trace).min() >= 0
        assert model.passes == len(result.trace) == result.n_iter + 1
        results[accelerator] = result.n_iter
    assert results[Squarem()] < 0.2 * results[None]


def test_a_model_without_chart_runs_plain():
    class Chartless(Linear):
        chart = None

    class Nowhere(Linear):
        def chart(self, frame):
            return None

    plain = run(Linear(0.9), begin(Linear(0.9), np.ones(1)), StoppingRule(1e-6, 100))
    for kind in (Chartless, Nowhere):
        result = run(kind(0.9), begin(kind(0.9), np.ones(1), Squarem()), StoppingRule(1e-6, 100))
        assert result.trace == plain.trace


def test_no_chart_is_made_before_there_are_two_steps():
    class Watched(Linear):
        charts = 0

        def chart(self, frame):
            self.charts += 1
            return super().chart(frame)

    model = Watched(0.9)
    run(model, begin(model, np.ones(1), Squarem()), StoppingRule(0.0, 2))
    assert model.charts == 0
    run(model, begin(model, np.ones(1), Squarem()), StoppingRule(0.0, 3))
    assert model.charts == 1


@dataclass
class Astray(Identity):
    """Leads where the objective is lower, or to nothing at all."""

    to: float

    def statistics(self, vector):
        return np.array([self.to])


class Misled(Linear):
    to = 1e9

    def chart(self, frame):
        return Astray(frame, self.to)


@pytest.mark.parametrize("to", [1e9, -np.inf, np.nan])
def test_a_rejected_jump_is_a_pass_that_changes_nothing(to):
    model = Misled(0.9)
    model.to = to
    result = run(model, begin(model, np.ones(1), Squarem()), StoppingRule(0.0, 20))
    gains = np.diff(result.trace)
    assert result.n_iter == len(gains) == 20
    assert model.passes == 21
    rejected = np.flatnonzero(gains == 0)
    # Passes 3, 6, 9, ...: two plain steps before each jump.
    assert_array_equal(rejected, np.arange(2, 20, 3))
    assert_allclose(result.params, 0.9 ** (20 - len(rejected)))
    assert result.accelerated_steps == ()


def test_a_jump_without_valid_parameters_costs_no_pass():
    class Collapsing(Misled):
        def m_step(self, statistics, previous):
            if statistics[0] == self.to:
                raise DegenerateError("collapsed", (0,))
            return super().m_step(statistics, previous)

    plain, model = Linear(0.9), Collapsing(0.9)
    expected = run(plain, begin(plain, np.ones(1)), StoppingRule(1e-6, 100))
    assert run(model, begin(model, np.ones(1), Squarem()), StoppingRule(1e-6, 100)).trace == expected.trace


def test_a_run_does_not_stop_on_a_jump():
    """The gain of a jump, or of a rejected one, says nothing of what is still to come."""
    rule = StoppingRule(1e-3, 100)
    assert rule.status((-1.0, -0.5, -0.5), 0) is Status.RUNNING
    assert rule.status((-1.0, -0.5, -0.5 + 1e-6), 1) is Status.RUNNING
    flat = (-1.0, -0.5, -0.5 + 1e-6, -0.5 + 1.5e-6)
    assert rule.status(flat, 3) is Status.CONVERGED
    # What the jump before the two plain steps gained counts as still to come.
    assert rule.status(flat, 2) is Status.RUNNING


def test_the_cap_grows_where_it_holds_jumps_back_and_shrinks_where_they_fail():
    squarem = Squarem()
    grown = squarem.jumped(Jump(None, at_cap=True), True, 6)
    assert grown.cap > squarem.cap
    assert grown.jumped(Jump(None, at_cap=False), True, 9).cap == grown.cap
    assert grown.jumped(Jump(None, at_cap=False), False, 9).cap < grown.cap
    assert squarem.jumped(Jump(None, at_cap=True), False, 6).cap == squarem.cap


# The chart of the Gaussian mixture.


def bound_model(X, covariance_type, reg_covar=1e-6):
    structure = STRUCTURES[covariance_type]
    workers = Workers(1)
    problem = scan(ArraySource(X), 3, True, workers)
    blur = reg_covar * np.ones(X.shape[1])
    model = GaussianMixtureModel(structure, ArraySource(X), problem, Terms(blur), workers)
    estimator = fit(X * problem.scale, covariance_type, max_iter=2)
    factors = structure.from_natural(estimator.precisions_cholesky_, X.shape[1])
    gaussians = Gaussians.from_precision_cholesky(structure, estimator.means_, factors)
    return model, MixtureParameters(estimator.weights_ / estimator.weights_.sum(), gaussians)


@pytest.mark.parametrize("reg_covar", [0.0, 1e-6, 0.05])
def test_the_chart_is_undone_as_far_as_the_m_step_sees(covariance_type, reg_covar):
    model, params = bound_model(mixture_rows(200, 3, 3)[0], covariance_type, reg_covar)
    frame = model.e_step(params)
    first = model.m_step(frame, params)
    chart, statistics = model.chart(frame), model.e_step(first)
    origin, vector = chart.vectors(frame, statistics)
    assert_allclose(origin, 0, atol=1e-12)
    assert np.linalg.norm(vector) > 1e-3
    back = chart.statistics(vector)
    assert_allclose(chart.vectors(back), [vector], atol=1e-10)
    one, other = (model.m_step(s, params) for s in (statistics, back))
    assert_allclose(one.weights, other.weights, rtol=1e-10)
    assert_allclose(one.gaussians.means, other.gaussians.means, rtol=1e-9, atol=1e-9)
    assert_allclose(one.gaussians.covariances, other.gaussians.covariances, rtol=1e-9, atol=1e-9)


def test_any_vector_is_a_valid_point(covariance_type):
    model, params = bound_model(mixture_rows(200, 3, 3)[0], covariance_type)
    chart = model.chart(model.e_step(params))
    (vector,) = chart.vectors(model.e_step(params))
    for seed in range(20):
        statistics = chart.statistics(np.random.default_rng(seed).normal(size=vector.shape))
        assert np.isfinite(model.objective(model.e_step(model.m_step(statistics, params)), params))
        assert_allclose(statistics.gaussian.mass.sum(), 200, rtol=1e-12)
    for beyond in (np.nan, 1e9):
        assert chart.statistics(np.full(vector.shape, beyond)) is None


def test_the_chart_knows_no_empty_and_no_singular_component(covariance_type):
    model, params = bound_model(mixture_rows(200, 3, 3)[0], covariance_type, 0.0)
    gaussian = model.e_step(params).gaussian
    empty = gaussian.sums.copy()
    empty[:, 0] = 0.0
    flat = type(gaussian)(gaussian.moments, empty, gaussian.reference, gaussian.total)
    assert GaussianChart.about(model.structure, flat, model.terms.blur) is None
    chart = GaussianChart.about(model.structure, gaussian, model.terms.blur)
    assert chart.vectors(gaussian) is not None
    assert chart.vectors(gaussian, flat) is None


# The estimator.


@pytest.mark.parametrize("name", ["iris", "acidity", "faithful", "wine"])
@pytest.mark.parametrize("reg_covar", [0, "auto", pytest.param(0.1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("weighted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_objective_never_falls(covariance_type, name, reg_covar, weighted):
    X = DATA[name]
    weight = np.random.default_rng(0).exponential(size=len(X)) if weighted else None
    trace = fit(X, covariance_type, weight, reg_covar=reg_covar, tol=0, max_iter=60).lower_bounds_
    assert np.isfinite(trace).all()
    assert np.diff(trace).min() >= -1e-11 * (1 + np.abs(trace).max())
    assert len(trace) == 61


@pytest.mark.parametrize("name", ["iris", "acidity", "faithful", "synth"])
def test_ends_in_the_optimum_of_plain_em(covariance_type, name):
    X = DATA[name]
    # The same start, near enough that only one optimum is in sight: a jump may lead to another one.
    start = given_start(fit(X, covariance_type, max_iter=40, acceleration=None))
    plain, fast = (
        fit(X, covariance_type, acceleration=acceleration, tol=1e-11, max_iter=20_000, **start)
        for acceleration in (None, "squarem")
    )
    assert_allclose(fast.lower_bound_, plain.lower_bound_, atol=1e-8)
    assert_array_equal(fast.predict(X), plain.predict(X))
    # A fixed point of plain EM: one more plain step stays.
    after = fit(X, covariance_type, acceleration=None, tol=0, max_iter=1, **given_start(fast))
    assert_allclose(after.means_, fast.means_, atol=1e-4 * X.std())


def test_slow_fits_take_fewer_passes(covariance_type):
    X, _ = mixture_rows(500, 2, 3, separation=0.8)
    start = given_start(fit(X, covariance_type, max_iter=0))
    counts = []
    for acceleration in (None, "squarem"):
        estimator = fit(X, covariance_type, acceleration=acceleration, tol=1e-8, max_iter=10_000, **start)
        assert estimator.converged_
        assert estimator.n_iter_ == len(estimator.lower_bounds_) - 1
        counts.append(estimator.n_iter_)
    assert counts[0] > 60
    assert counts[1] < 0.5 * counts[0]


def test_the_first_passes_are_plain(covariance_type):
    X, _ = mixture_rows(300, 3, 3, separation=1.0)
    start = given_start(fit(X, covariance_type, max_iter=0))
    plain, fast = (
        fit(X, covariance_type, acceleration=acceleration, tol=0, max_iter=15, **start).lower_bounds_
        for acceleration in (None, "squarem")
    )
    assert plain[:3] == fast[:3]
    assert plain[3:] != fast[3:]


def test_the_path_follows_the_maps_of_the_structures_group(covariance_type):
    X, _ = mixture_rows(300, 3, 3, separation=1.0)
    A = group_element(STRUCTURES[covariance_type].group, np.random.default_rng(0))
    start = fit(X, covariance_type, max_iter=0)
    options = {"reg_covar": 0, "tol": 0, "max_iter": 24}
    one = fit(X, covariance_type, **options, **given_start(start))
    plain = fit(X, covariance_type, acceleration=None, **options, **given_start(start))
    other = fit(X @ A.T, covariance_type, **options, **{**given_start(start), **moved_start(start, A)})
    assert not np.allclose(one.lower_bounds_, plain.lower_bounds_, rtol=1e-7)
    assert_allclose(np.array(other.lower_bounds_) + np.linalg.slogdet(A)[1], one.lower_bounds_, rtol=1e-9)
    assert_allclose(other.means_, one.means_ @ A.T, rtol=1e-5, atol=1e-6)


def test_weights_are_repeated_rows(covariance_type):
    X, _ = mixture_rows(200, 2, 3, separation=1.0)
    weight = np.random.default_rng(0).integers(1, 4, size=len(X))
    start = given_start(fit(X, covariance_type, max_iter=0))
    options = {"tol": 0, "max_iter": 24, **start}
    one = fit(X, covariance_type, weight, **options)
    other = fit(np.repeat(X, weight, axis=0), covariance_type, **options)
    assert_allclose(one.lower_bounds_, other.lower_bounds_, rtol=1e-9)
    assert_same_fit(one, other, X, rtol=1e-5)


def test_any_number_of_threads_gives_the_same_bits(covariance_type):
    X, _ = mixture_rows(20_000, 3, 3, separation=0.8)
    start = given_start(fit(X, covariance_type, max_iter=0))
    one, other = (fit(X, covariance_type, tol=0, max_iter=14, n_jobs=n_jobs, **start) for n_jobs in (1, 3))
    assert one.lower_bounds_ == other.lower_bounds_
    assert_array_equal(one.means_, other.means_)


def test_accepted_jumps_are_on_record(covariance_type):
    """Every other step is a plain one, or a jump that was undone and repeats the entry before."""
    X, _ = mixture_rows(300, 3, 3, separation=1.0)
    start = given_start(fit(X, covariance_type, max_iter=0))
    whole = fit(X, covariance_type, tol=0, max_iter=24, **start)
    trace, jumps = whole.lower_bounds_, whole.accelerated_steps_
    assert jumps
    for i in range(1, 25):
        before = fit(X, covariance_type, tol=0, max_iter=i - 1, **start)
        assert before.lower_bounds_ == trace[:i]
        assert before.accelerated_steps_ == [jump for jump in jumps if jump < i]
        plain = fit(X, covariance_type, tol=0, max_iter=1, acceleration=None, **given_start(before))
        assert plain.accelerated_steps_ == []
        is_plain = np.isclose(trace[i], plain.lower_bound_, rtol=1e-9, atol=0)
        assert is_plain or i in jumps or trace[i] == trace[i - 1]
        assert not is_plain or i != jumps[0]


def test_jumps_of_a_whole_search_belong_to_its_trace():
    for seed in range(5):
        estimator = fit(DATA["iris"], "full", n_init=3, random_state=seed)
        gains = np.diff(estimator.lower_bounds_)
        jumps = np.array(estimator.accelerated_steps_)
        assert len(jumps)
        # A jump follows two plain steps at least.
        assert jumps[0] > 2
        assert (np.diff(jumps) > 2).all()
        assert (gains[jumps - 1] >= 0).all()
        plain = fit(DATA["iris"], "full", n_init=3, random_state=seed, acceleration=None)
        assert plain.accelerated_steps_ == []


@pytest.mark.slow
def test_the_default_is_plain_from_a_given_start_only(covariance_type):
    X, _ = mixture_rows(300, 3, 3, separation=1.0)
    start = given_start(fit(X, covariance_type, max_iter=0))

    def trace(acceleration, **options):
        return fit(X, covariance_type, acceleration=acceleration, tol=0, max_iter=15, **options).lower_bounds_

    assert trace("auto") == trace("squarem") != trace(None)
    for given in (start, {"means_init": start["means_init"]}, {"weights_init": start["weights_init"]}):
        assert trace("auto", **given) == trace(None, **given) != trace("squarem", **given)


def test_the_parameter_is_checked():
    with pytest.raises(ValueError, match="'acceleration' parameter"):
        GaussianMixtureEM(acceleration="anderson").fit(np.eye(3))
