"""Logistic factorisation against autograd, SLIM against scikit-learn."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard
from sklearn.linear_model import ElasticNet

from recsys_book.recommenders import (
    SLIM,
    LogisticMF,
    logistic_gradient,
    logistic_loss,
    slim_objective,
    slim_weight,
)
from recsys_book.recommenders.implicit.logistic_kernels import logistic_row_gradient

ALPHA, L2 = 1.7, 0.3


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    R = rng.integers(1, 3, size=(12, 9)) * (rng.random((12, 9)) < 0.4)
    return R.astype(float), rng.normal(size=(12, 4)), rng.normal(size=(9, 4))


@pytest.mark.equation("eq-logistic-mf")
def test_the_logistic_gradient_against_autograd(case):
    R, P, Q = (torch.tensor(part) for part in case)
    P.requires_grad_(), Q.requires_grad_()
    yes, no = torch.sigmoid(P @ Q.T), torch.sigmoid(-(P @ Q.T))
    loss = -(ALPHA * R * yes.log() + no.log()).sum() + L2 / 2 * ((P**2).sum() + (Q**2).sum())
    loss.backward()
    assert logistic_loss(*case, ALPHA, L2) == pytest.approx(loss.item(), rel=1e-10)
    R, P_, Q_ = case
    np.testing.assert_allclose(logistic_gradient(R, P_, Q_, ALPHA, L2), P.grad, atol=1e-10)
    np.testing.assert_allclose(logistic_gradient(R.T, Q_, P_, ALPHA, L2), Q.grad, atol=1e-10)


def row_gradient(case, u, draws, state, weights=None):
    R, P, Q = case
    seen = np.flatnonzero(R[u]).astype(np.int32)
    weights = R[u, seen].astype(np.float32) if weights is None else weights
    g = np.empty(4)
    logistic_row_gradient(seen, weights, P[u], Q, ALPHA, L2, draws, state, g)
    return g


def test_the_compiled_gradient_is_the_dense_one(case):
    dense, state = logistic_gradient(*case, ALPHA, L2), np.zeros(1, np.uint64)
    for u in range(12):
        np.testing.assert_allclose(row_gradient(case, u, 0, state), dense[u], atol=1e-6)
    assert state[0] == 0
    ones = (case[0] > 0).astype(float), *case[1:]
    short = row_gradient(ones, 0, 0, state, np.ones(1, np.float32))
    np.testing.assert_allclose(short, logistic_gradient(*ones, ALPHA, L2)[0], atol=1e-6)


def test_the_sampled_gradient_is_right_on_average(case):
    state, dense = np.zeros(1, np.uint64), logistic_gradient(*case, ALPHA, L2)[0]
    draws = np.array([row_gradient(case, 0, 6, state) for _ in range(4000)])
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - dense) < 4 * error).all() and (error < 0.1).all()


def test_training_lowers_the_loss():
    log, _ = checkerboard()
    R, losses = log.to_csr(1.0).toarray(), []
    for epochs in (1, 8, 40):
        x = LogisticMF(4, rate=0.2, l2=0.1, epochs=epochs).fit(log).score(np.arange(20))
        losses.append(float((np.logaddexp(0, x) * (1 + R) - R * x).sum()))
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize("sample", [None, 3])
def test_logistic_mf_keeps_the_contract(sample):
    check_contract(lambda: LogisticMF(4, rate=0.5, l2=0.1, epochs=40, sample=sample), True)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"factors": 0}, "factors is 0"),
        ({"sample": 0}, "sample is 0"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"rate": -1}, "rate is -1"),
        ({"l2": float("nan")}, "l2 is nan"),
    ],
)
def test_logistic_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        LogisticMF(**settings).fit(checkerboard()[0])


@pytest.fixture(scope="module")
def X():
    return (np.random.default_rng(5).random((80, 14)) < 0.35).astype(float)


@pytest.mark.equation("eq-slim")
@pytest.mark.parametrize("l1, l2", [(0.5, 2.0), (2.0, 5.0), (6.0, 1.0)])
def test_every_column_is_scikit_learns_elastic_net(X, l1, l2):
    W = SLIM(l1, l2, tolerance=1e-10, sweeps=500)._weights(X.T @ X).toarray()
    n = len(X)
    for j in range(14):
        others = np.arange(14) != j
        peer = ElasticNet(
            alpha=(l1 + l2) / n,
            l1_ratio=l1 / (l1 + l2),
            fit_intercept=False,
            positive=True,
            tol=1e-12,
            max_iter=100_000,
        ).fit(X[:, others], X[:, j])
        np.testing.assert_allclose(W[others, j], peer.coef_, atol=1e-7)
        assert W[j, j] == 0
    assert (W >= 0).all() and ((W == 0).mean() > 0.2 or l1 < 1)


@pytest.mark.equation("eq-slim")
def test_the_weights_minimise_the_objective(X):
    G, l1, l2 = X.T @ X, 2.0, 5.0
    W = SLIM(l1, l2, tolerance=1e-10, sweeps=500)._weights(G).toarray()
    best = slim_objective(X, W, l1, l2)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-1):
        step = np.abs(W + size * rng.normal(size=W.shape))
        np.fill_diagonal(step, 0)
        assert slim_objective(X, step, l1, l2) > best
    for i, j in ((0, 1), (5, 2), (13, 7)):
        assert slim_weight(G, W[:, j], i, j, l1, l2) == pytest.approx(W[i, j], abs=1e-8)
        grid = np.r_[np.linspace(0, 0.5, 2001)]
        trial = np.repeat(W[None], len(grid), axis=0)
        trial[:, i, j] = grid
        values = [slim_objective(X, w, l1, l2) for w in trial]
        assert abs(grid[np.argmin(values)] - W[i, j]) < 3e-4


def test_a_sweep_limit_stops_the_descent(X):
    G = X.T @ X
    early, late = (SLIM(0.0, 1.0, 1e-10, sweeps)._weights(G).toarray() for sweeps in (1, 500))
    assert np.abs(early - late).max() > 1e-3


def test_slim_keeps_the_contract():
    check_contract(lambda: SLIM(0.5, 1.0), personalised=True)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"l1": -0.5}, "l1 is -0.5"),
        ({"l2": 0.0}, "l2 is 0.0"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"sweeps": 0}, "sweeps is 0"),
    ],
)
def test_slim_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        SLIM(**settings).fit(checkerboard()[0])
