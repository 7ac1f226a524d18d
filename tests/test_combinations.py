"""Every option together with every other: drawn combinations against the textbook.

A fit from a given start climbs; its first M-step is the textbook's; what it publishes has the objective and the
responsibilities that the textbook gives it; and whole sample weights are repeated rows.
"""

import zlib
from dataclasses import dataclass, replace

import numpy as np
import oracles
import pytest
import textbook
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from textbook import Fixed, Parameters, Prior, Problem

from sklearn_em import FixedParameters, GaussianMixtureEM, GaussianMixturePrior

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CODES = sorted(oracles.M_STEPS)
COMMON_AXES = {"EVE", "VVE"}  # here an M-step turns the axes for a while only, the textbook's to the end
NOISE_WEIGHT = 0.1  # of a start that is given
N_ITER = 8


@dataclass(frozen=True)
class Combination:
    """One of each option, and the size of the data to try them on."""

    seed: int
    n_samples: int
    n_features: int
    n_components: int
    dtype: type
    acceleration: str | None
    has_gaps: bool
    labels: str | None
    noise: bool | float
    prior: str | None
    fixed: list[str]
    equal_weights: bool
    sample_weight: str | None
    reg_covar: float | str

    @property
    def code(self):
        """The structure. Drawn like the others, some would hardly ever come up; every one is to meet every option."""
        return CODES[zlib.crc32(repr(self).encode()) % len(CODES)]

    @property
    def has_noise(self):
        return self.noise is not False


COMBINATIONS = st.builds(
    Combination,
    seed=st.integers(0, 2**32 - 1),
    n_samples=st.integers(20, 60),
    n_features=st.integers(1, 3),
    n_components=st.integers(1, 3),
    dtype=st.sampled_from([np.float64, np.float32]),
    acceleration=st.sampled_from([None, "squarem"]),
    has_gaps=st.booleans(),
    labels=st.sampled_from([None, "hard", "plausibilities", "plausibilities of components"]),
    noise=st.sampled_from([False, True, 6.0]),
    prior=st.sampled_from([None, "auto", "explicit", "partial"]),
    fixed=st.lists(st.sampled_from(["weights", "means", "covariances"]), unique=True),
    equal_weights=st.booleans(),
    sample_weight=st.sampled_from([None, "whole", "real"]),
    reg_covar=st.sampled_from(["auto", 1e-3, 1e-2]),
)


@dataclass(frozen=True)
class Case:
    """A combination made into data: what the estimator is given, and the same for the textbook."""

    options: dict
    X: np.ndarray
    sample_weight: np.ndarray | None
    known_labels: np.ndarray | None
    problem: Problem
    start: Parameters

    def fit(self, max_iter):
        estimator = GaussianMixtureEM(**self.options, tol=0, max_iter=max_iter)
        return estimator.fit(self.X, sample_weight=self.sample_weight, known_labels=self.known_labels)

    def repeated(self):
        """The same, with rows repeated as often as they weigh."""
        times = self.sample_weight.astype(int)
        known = None if self.known_labels is None else np.repeat(self.known_labels, times, axis=0)
        return replace(self, X=np.repeat(self.X, times, axis=0), sample_weight=None, known_labels=known)


def case_of(c):
    """Make the data of a combination."""
    rng = np.random.default_rng(c.seed)
    K, p, code = c.n_components, c.n_features, c.code
    X, labels = rows_of(c, rng)
    known, log_plausibilities = known_labels_of(c, labels, rng)
    sample_weight = sample_weight_of(c, rng)
    rows = X.astype(float)
    auto = textbook.auto_prior(rows, code, K, sample_weight)
    given_prior, prior = prior_of(c, auto, rng)
    fixed = fixed_of(c, rows, rng)
    volume = c.noise if isinstance(c.noise, float) else None
    problem = Problem(
        rows,
        code,
        sample_weight,
        log_plausibilities,
        None if c.reg_covar == "auto" else np.full(p, c.reg_covar),
        textbook.noise_log_volumes(rows, sample_weight, volume) if c.has_noise else None,
        prior,
        fixed,
        c.equal_weights,
    )
    weights, means, covariances = rng.dirichlet(np.full(K, 5.0)), rows[:K], covariances_of(code, K, p, rng)
    options = {
        "n_components": K,
        "covariance_type": code,
        "acceleration": c.acceleration,
        "reg_covar": c.reg_covar,
        "noise": c.noise,
        "prior": given_prior,
        "weights": "equal" if c.equal_weights else None,
        "fixed": FixedParameters(fixed.weights, fixed.means, compact(fixed.covariances, code)) if c.fixed else None,
        "weights_init": weights,
        "means_init": means,
        "precisions_init": compact(np.linalg.inv(covariances), code),
    }
    noise_weight = NOISE_WEIGHT if c.has_noise else None
    start = Parameters(
        textbook.obeying(problem, weights) * (1 - (noise_weight or 0.0)),
        means if fixed.means is None else np.where(np.isnan(fixed.means), means, fixed.means),
        covariances
        if fixed.covariances is None
        else np.where(np.isnan(fixed.covariances), covariances, fixed.covariances),
        noise_weight,
    )
    return Case(options, X, sample_weight, known, problem, start)


def compact(matrices, code):
    return None if matrices is None else oracles.compact_covariances(matrices, code)


def covariances_of(code, K, p, rng):
    """Covariances (K, p, p) that obey a structure: volumes, shapes and axes vary, are equal, or are the identity."""
    volumes = rng.uniform(0.3, 1.5, size=K)
    shapes = np.exp(np.sort(rng.normal(scale=0.4, size=(K, p)), axis=1))
    shapes /= shapes.prod(axis=1, keepdims=True) ** (1 / p)
    axes = np.linalg.qr(rng.normal(size=(K, p, p)))[0]
    parts = []
    for letter, part, identity in zip(code, [volumes, shapes, axes], [1.0, np.ones(p), np.eye(p)], strict=True):
        parts.append({"V": part, "E": np.array([part[0]] * K), "I": np.array([identity] * K)}[letter])
    return np.einsum("k,kij,kj,klj->kil", *(parts[i] for i in [0, 2, 1, 2]))


def rows_of(c, rng):
    """Rows around a few centres, some of them anywhere, and which centre. The first are complete, the last is empty."""
    n, p, K = c.n_samples, c.n_features, c.n_components
    labels = rng.integers(K, size=n)
    maps = np.eye(p) + 0.3 * rng.normal(size=(K, p, p))
    X = 2.0 * rng.normal(size=(K, p))[labels] + np.einsum("nij,nj->ni", maps[labels], rng.normal(size=(n, p)))
    X[-n // 8 :] = rng.uniform(-5, 5, size=X[-n // 8 :].shape)
    if c.has_gaps:
        gaps = rng.uniform(size=(n, p)) < 0.2
        gaps[:9], gaps[-2:] = False, True
        gaps[8, 0] = True
        X[gaps] = np.nan
    return X.astype(c.dtype), labels


def sample_weight_of(c, rng):
    if c.sample_weight is None:
        return None
    real = rng.exponential(size=c.n_samples) * (rng.uniform(size=c.n_samples) < 0.8)
    weight = rng.integers(0, 4, size=c.n_samples).astype(float) if c.sample_weight == "whole" else real
    weight[:9] += 1
    return weight


def known_labels_of(c, labels, rng):
    """What is known of where rows are from, and its log plausibilities."""
    if c.labels is None:
        return None, None
    n, K = c.n_samples, c.n_components
    C = K + c.has_noise
    if c.labels == "hard":
        known = np.where(rng.uniform(size=n) < 0.4, labels, -1)
        known[-n // 8 :] = C - 1
        plausibilities = (known[:, np.newaxis] == np.arange(C)) | (known[:, np.newaxis] == -1)
    else:
        known = rng.uniform(size=(n, C if c.labels == "plausibilities" else K))
        known[rng.uniform(size=known.shape) < 0.2] = 0.0
        known[:, 0] += 0.1
        plausibilities = np.ones((n, C))
        plausibilities[:, : known.shape[1]] = known / known.max(axis=1, keepdims=True)
        known *= 10.0 ** rng.integers(-3, 4, size=(n, 1))
    with np.errstate(divide="ignore"):
        return known, np.log(plausibilities)


def prior_of(c, auto, rng):
    """The prior that the estimator is given, and what that means."""
    if c.prior is None or c.prior == "auto":
        return c.prior, auto if c.prior else Prior()
    p, root = c.n_features, rng.normal(size=(c.n_features, c.n_features))
    scale = {"full": root @ root.T + 0.2 * np.eye(p), "diagonal": rng.uniform(0.2, 2, size=p), "spherical": 0.7}
    whole = [1 + rng.exponential(), rng.normal(size=p), rng.exponential(), p - 0.5 + rng.exponential()]
    prior = Prior(*whole, scale[textbook.kind_of(c.code)])
    if c.prior == "partial":
        prior = Prior(*(part if rng.uniform() < 0.5 else None for part in prior))
    return GaussianMixturePrior(*prior), textbook.completed(prior, auto)


def fixed_of(c, X, rng):
    """What is fixed: for some of the components, but a covariance that all share for all."""
    K, p, fixed = c.n_components, c.n_features, {}
    for name in c.fixed:
        free = rng.uniform(size=K) < 0.5
        if name == "weights" and not c.equal_weights:
            fixed[name] = rng.dirichlet(np.full(K, 5.0))
        elif name == "means":
            fixed[name] = X[:K] + 0.1
        elif name == "covariances":
            is_shared = oracles.is_shared(c.code)
            fixed[name] = covariances_of(c.code if is_shared else c.code.replace("E", "V"), K, p, rng)
            free &= not is_shared
        if name in fixed:
            fixed[name][free] = np.nan
    return Fixed(**fixed)


def published(estimator):
    """The fitted parameters, in double precision."""
    weights = estimator.weights_.astype(float)
    weights *= (1 - estimator.noise_weight_) / max(weights.sum(), 1e-300)
    noise_weight = estimator.noise_weight_ if estimator.noise is not False else None
    means, covariances = estimator.means_.astype(float), estimator.covariance_matrices().astype(float)
    return Parameters(weights, means, covariances, noise_weight)


def assert_same(ours, theirs, rtol):
    assert_allclose(ours.noise_weight or 0.0, theirs.noise_weight or 0.0, atol=rtol)
    for one, other in zip(ours[:3], theirs[:3], strict=True):
        assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max())


@settings(max_examples=80, deadline=None, derandomize=True)
@given(COMBINATIONS)
def test_some_combinations(c):
    check_combination(c)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(COMBINATIONS)
def test_many_combinations(c):
    check_combination(c)


def check_combination(c):
    """Check the laws and the textbook's figures of one combination."""
    case, is_double = case_of(c), c.dtype == np.float64
    estimator = case.fit(N_ITER)
    trace = np.array(estimator.lower_bounds_)
    assert len(trace) == N_ITER + 1
    assert np.diff(trace).min() >= -1e-9 * (1 + np.abs(trace).max())

    if c.reg_covar != "auto":
        before, _, after = textbook.em_pass(exactly_solved(case.problem), case.start)
        assert_allclose(trace[0], before, rtol=1e-10, atol=1e-10)
        one_step = published(case.fit(1))
        theirs = after if c.code not in COMMON_AXES else after._replace(covariances=one_step.covariances)
        assert_same(one_step, theirs, rtol=1e-7 if is_double else 1e-5)
        objective = textbook.objective(case.problem, published(estimator))
        assert_allclose(estimator.lower_bound_, objective, **({"rtol": 1e-8} if is_double else {"atol": 1e-3}))

    problem = case.problem
    plain = Problem(problem.X, c.code, problem.sample_weight, noise_log_volumes=problem.noise_log_volumes)
    log_likelihood, resp = textbook.e_step(plain, published(estimator))
    assert_allclose(estimator.predict_proba(case.X), resp, rtol=0, atol=1e-8 if is_double else 1e-3)
    score = estimator.score(case.X, sample_weight=case.sample_weight)
    assert_allclose(score, log_likelihood, **({"rtol": 1e-8} if is_double else {"atol": 1e-3}))

    # Where regularisation holds a component up, it may have all axes it likes in directions that no row shows.
    if c.sample_weight == "whole" and np.linalg.eigvalsh(estimator.covariance_matrices()).min() > 0.02:
        repeated = case.repeated().fit(N_ITER)
        assert_same(published(estimator), published(repeated), rtol=1e-6 if is_double else 1e-5)
        assert_allclose(trace, repeated.lower_bounds_, rtol=1e-9, atol=1e-9)


def exactly_solved(problem):
    """The problem, with a structure that has a closed form and the same weights and means."""
    return replace(problem, covariance_type="VVV") if problem.code in COMMON_AXES else problem


@pytest.mark.parametrize(("row", "weight"), [([np.nan, np.nan], 1.0), ([np.nan, 1.0], 0.0)])
def test_rows_left_out_do_not_change_the_volume(row, weight):
    """The smaller box of these rows is along the principal components, which takes rows without gaps."""
    X = np.random.default_rng(0).normal(size=(60, 2)) @ [[3.0, 6.0], [0.3, -0.3]]
    one = GaussianMixtureEM(2, noise=True, random_state=0).fit(X)
    longer, sample_weight = np.vstack([X, [row]]), np.append(np.ones(len(X)), weight)
    other = GaussianMixtureEM(2, noise=True, random_state=0).fit(longer, sample_weight=sample_weight)
    assert_allclose(one.noise_log_volume_, textbook.log_hypervolume(X), rtol=1e-12)
    assert_allclose(other.noise_log_volume_, one.noise_log_volume_, rtol=1e-12)
