"""exp in products of whole arrays is exp, on every processor."""

import numpy as np
import pytest

from sklearn_em import GaussianMixtureEM
from sklearn_em.mixture import exponential

MANY = 100_000


@pytest.fixture(params=[True, False], ids=["products", "numpy"])
def either(request, monkeypatch):
    monkeypatch.setattr(exponential, "_products_are_faster", lambda: request.param)


@pytest.mark.parametrize(
    ("lowest", "relative"), [(-1.0, 1e-13), (-10.0, 1e-12), (-40.0, 1e-8), (-100.0, 1e-5)], ids=str
)
def test_it_is_right_where_it_matters(lowest, relative, either):
    x = np.linspace(lowest, 0.0, MANY).reshape(4, -1)
    result = x.copy()
    exponential.exp_in_place(result)
    np.testing.assert_allclose(result, np.exp(x), rtol=relative, atol=0)
    np.testing.assert_allclose(result, np.exp(x), rtol=0, atol=1e-13)


def test_nothing_is_certainty(either):
    x = np.zeros((2, MANY))
    exponential.exp_in_place(x)
    assert (x == 1).all()


def test_given_room_is_used_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(exponential, "_products_are_faster", lambda: True)
    x = np.random.default_rng(0).uniform(-80, 0, size=(3, MANY))
    # Blocks are cut from longer buffers.
    inside, scratch = np.empty((3, MANY + 5))[:, :MANY], np.full((2, 3, MANY + 5), np.nan)[..., :MANY]
    inside[:] = x
    exponential.exp_in_place(inside, scratch)
    exponential.exp_in_place(x)
    assert (inside == x).all()
    assert np.isfinite(scratch).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_does_not_depend_on_whose_exp_it_is(monkeypatch):
    rng = np.random.default_rng(0)
    # One cluster far from the others: most exponents there are below what is told from nothing.
    rows = np.concatenate(
        [rng.normal(size=(20_000, 3)), rng.normal(2.0, size=(20_000, 3)), rng.normal(1e3, size=(9, 3))]
    )
    fits = []
    for answer in (False, True):
        monkeypatch.setattr(exponential, "_products_are_faster", lambda answer=answer: answer)
        fits.append(GaussianMixtureEM(3, means_init=rows[[0, 20_000, -1]], max_iter=20, tol=1e-12).fit(rows))
    for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
        np.testing.assert_allclose(getattr(fits[0], name), getattr(fits[1], name), rtol=1e-10)
