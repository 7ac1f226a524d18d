"""The engine is general: a model it has never seen, fitted by the same loop, stopping rule and trace."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import binom

from sklearn_em.em import DegenerateError, LoopState, Status, StoppingRule, begin, run, step


# The textbook's two coins (Do and Batzoglou 2008, "What is the expectation maximization algorithm?"): each round,
# one of two coins is chosen and tossed ten times; which one is hidden.
class Coins(NamedTuple):
    weights: np.ndarray  # probability of choosing each coin
    heads: np.ndarray  # probability of heads of each coin


class Counts(NamedTuple):
    rounds: np.ndarray
    heads: np.ndarray
    log_likelihood: float

    def __add__(self, other):
        return Counts(*(mine + yours for mine, yours in zip(self, other, strict=True)))


@dataclass
class TwoCoins:
    heads: np.ndarray
    tosses: int

    def e_step(self, params):
        joint = np.log(params.weights) + binom.logpmf(self.heads[:, None], self.tosses, params.heads)
        log_norm = logsumexp(joint, axis=1)
        resp = np.exp(joint - log_norm[:, None])
        return Counts(resp.sum(axis=0), self.heads @ resp, log_norm.sum())

    def m_step(self, statistics, previous):
        return Coins(statistics.rounds / len(self.heads), statistics.heads / (self.tosses * statistics.rounds))

    def objective(self, statistics, params):
        return statistics.log_likelihood / len(self.heads)


DO_AND_BATZOGLOU = np.array([5, 9, 8, 4, 7])


def test_two_coins_first_step_by_hand():
    model = TwoCoins(DO_AND_BATZOGLOU, 10)
    start = Coins(np.array([0.5, 0.5]), np.array([0.6, 0.5]))
    # The paper keeps the coins equally likely; its expected counts of heads are 21.3 and 11.7 of 30 and 20 tosses.
    after = step(model, begin(model, start))
    np.testing.assert_allclose(after.params.heads, [0.71, 0.58], atol=0.005)


def test_two_coins_converge_to_a_maximum():
    rng = np.random.default_rng(0)
    coin = rng.random(2000) < 0.3
    model = TwoCoins(rng.binomial(20, np.where(coin, 0.8, 0.35)), 20)
    start = Coins(np.array([0.5, 0.5]), np.array([0.6, 0.5]))
    result = run(model, begin(model, start), StoppingRule(tol=1e-10, max_iter=1000))
    assert result.status is Status.CONVERGED
    assert np.diff(result.trace).min() >= -1e-14
    assert result.n_iter == len(result.trace) - 1
    np.testing.assert_allclose(result.params.weights[0], 0.3, atol=0.03)
    np.testing.assert_allclose(result.params.heads, [0.8, 0.35], atol=0.01)
    # At a maximum every small change of a parameter makes the likelihood smaller.
    for change in (1e-3, -1e-3):
        for which in (0, 1):
            heads = result.params.heads.copy()
            heads[which] += change
            params = result.params._replace(heads=heads)
            assert model.objective(model.e_step(params), params) < result.objective


def test_two_coins_blocks_add_up():
    params = Coins(np.array([0.4, 0.6]), np.array([0.7, 0.2]))
    whole = TwoCoins(DO_AND_BATZOGLOU, 10).e_step(params)
    parts = TwoCoins(DO_AND_BATZOGLOU[:2], 10).e_step(params) + TwoCoins(DO_AND_BATZOGLOU[2:], 10).e_step(params)
    np.testing.assert_allclose(np.hstack(whole), np.hstack(parts), rtol=1e-14)


class Halving:
    """Approaches 0 from below at a given rate; fails after some steps."""

    def __init__(self, rate, steps=10**6):
        self.rate, self.steps = rate, steps

    def e_step(self, params):
        return params

    def m_step(self, statistics, previous):
        if self.steps == 0:
            raise DegenerateError("collapsed", (1,))
        self.steps -= 1
        return previous * self.rate

    def objective(self, statistics, params):
        return params


@pytest.mark.parametrize("rate", [0.5, 0.8, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("tol", [1e-3, 1e-6])
def test_stops_within_tol_of_the_limit(rate, tol):
    model = Halving(rate)
    result = run(model, begin(model, -1.0), StoppingRule(tol, 10**6))
    assert result.status is Status.CONVERGED
    assert -result.objective <= tol * (1 + 1e-6)
    # ... and as soon as it got there, or a factor of 9 later where the rate is below 0.9, which is not trusted.
    assert -result.objective >= tol * rate * min(1, rate / (1 - rate) / 9) * 0.99


def test_tol_zero_runs_all_iterations():
    model = Halving(0.0)
    result = run(model, begin(model, -1.0), StoppingRule(0.0, 7))
    assert result.status is Status.MAX_ITER
    assert result.trace == (-1.0,) + 7 * (-0.0,)


def test_no_iterations_score_the_start():
    result = run(Halving(0.5), LoopState(-1.0, -1.0, (-1.0,)), StoppingRule(1e-3, 0))
    assert (result.status, result.n_iter, result.objective) == (Status.MAX_ITER, 0, -1.0)


def test_one_pass_run_converges_on_its_only_gain():
    model = Halving(0.5)
    assert run(model, begin(model, -1e-4), StoppingRule(1e-3, 1)).status is Status.CONVERGED
    assert run(model, begin(model, -1.0), StoppingRule(1e-3, 1)).status is Status.MAX_ITER


def test_collapse_keeps_the_last_valid_state():
    model = Halving(0.5, steps=3)
    result = run(model, begin(model, -1.0), StoppingRule(1e-9, 100))
    assert (result.status, result.params, result.trace) == (Status.DEGENERATE, -0.125, (-1.0, -0.5, -0.25, -0.125))


def test_callback_sees_every_state_and_may_stop():
    seen = []

    def stop_at_third(state, status):
        seen.append((state.trace[-1], status))
        return len(seen) == 3

    model = Halving(0.5)
    result = run(model, begin(model, -1.0), StoppingRule(1e-9, 100), stop_at_third)
    assert result.status is Status.STOPPED
    assert seen == [(-1.0, Status.RUNNING), (-0.5, Status.RUNNING), (-0.25, Status.RUNNING)]
    assert result.objective == -0.25


def test_every_status_owns_a_sentence():
    for status in Status:
        assert str(status).endswith(".")
        assert len(str(status).split()) > 4
