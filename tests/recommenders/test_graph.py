"""LightGCN: propagation against dense powers, its gradient, and the model."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from contract import check_contract, checkerboard

from recsys_book.recommenders import LightGCN, normalized_graph, propagate
from recsys_book.recommenders.graph import _PairwiseProblem, unseen_items


@pytest.fixture(scope="module")
def X():
    pairs = (np.random.default_rng(0).random((7, 5)) < 0.4).astype(float)
    pairs[2], pairs[:, 3] = 0, 0  # a user and an item without edges
    return sp.csr_matrix(pairs)


def dense_graph(X):
    X = X.toarray()
    A = np.block([[np.zeros((7, 7)), X], [X.T, np.zeros((5, 5))]])
    degree = np.maximum(A.sum(axis=1), 1)
    return A / np.sqrt(np.outer(degree, degree))


@pytest.mark.equation("eq-lightgcn")
def test_the_graph_is_symmetric_and_its_largest_eigenvalue_is_one(X):
    A = normalized_graph(X).to_dense().numpy()
    np.testing.assert_allclose(A, dense_graph(X), atol=1e-6)
    np.testing.assert_array_equal(A, A.T)
    assert np.linalg.eigvalsh(A).max() == pytest.approx(1, abs=1e-6)


@pytest.mark.equation("eq-lightgcn")
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_propagation_is_the_mean_of_the_powers_of_the_graph(X, layers):
    A, E = dense_graph(X), np.random.default_rng(1).normal(size=(12, 4))
    mean = sum(np.linalg.matrix_power(A, k) for k in range(layers + 1)) / (layers + 1)
    out = propagate(normalized_graph(X), torch.tensor(E, dtype=torch.float32), layers)
    np.testing.assert_allclose(out.numpy(), mean @ E, atol=1e-6)


@pytest.mark.equation("eq-lightgcn")
def test_the_gradient_of_propagation_is_that_of_the_dense_product(X):
    A = torch.tensor(dense_graph(X), dtype=torch.float32)
    rng = np.random.default_rng(2)
    E, weight = (torch.tensor(rng.normal(size=(12, 4)), dtype=torch.float32) for _ in range(2))
    sparse, dense = E.clone().requires_grad_(), E.clone().requires_grad_()
    (weight * propagate(normalized_graph(X), sparse, 2)).sum().backward()
    (weight * (dense + A @ dense + A @ A @ dense) / 3).sum().backward()
    np.testing.assert_allclose(sparse.grad, dense.grad, atol=1e-6)
    assert sparse.grad.abs().sum() > 1


def test_making_a_graph_warns_of_nothing(X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        normalized_graph(X)


def test_drawn_items_are_unseen_and_all_of_them_come_up():
    seen = sp.csr_matrix(np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], float))
    rng = np.random.default_rng(0)
    drawn = unseen_items(np.repeat([0, 1, 2], 500), seen, rng).reshape(3, 500)
    assert set(drawn[0]) == {3, 4} and set(drawn[1]) == set(range(5))
    assert abs((drawn[0] == 3).mean() - 0.5) < 0.1
    assert set(drawn[2]) <= set(range(5))  # who has seen everything gets something


def test_the_loss_is_that_of_bpr_on_propagated_vectors():
    log, _ = checkerboard()
    settings = LightGCN(factors=3, layers=1, l2=0.3, batch_size=50)
    problem = _PairwiseProblem(settings, log.to_csr(1.0))
    model = problem.model(0)
    batches = list(problem.batches(0))
    assert sum(len(batch[0]) for batch in batches) == len(log)
    assert max(len(batch[0]) for batch in batches) <= 50
    u, i, j = batches[0]
    vectors = model().detach().numpy()
    margin = (vectors[u] * (vectors[i] - vectors[j])).sum(axis=1)
    table = model.table.detach().numpy()
    penalty = sum((table[nodes] ** 2).sum(axis=1) for nodes in (u, i, j))
    by_hand = (np.logaddexp(0, -margin) + 0.15 * penalty).mean()
    assert problem.loss(model, (u, i, j)).item() == pytest.approx(by_hand, rel=1e-5)
    assert not log.to_csr(1.0).toarray()[u.numpy(), j.numpy() - 20].any()


def test_lightgcn_keeps_the_contract():
    make = lambda: LightGCN(4, rate=0.1, l2=0.0, epochs=15, batch_size=200)  # noqa: E731
    check_contract(make, personalised=True)


def test_the_loss_falls_and_the_seed_matters():
    log, _ = checkerboard()
    model = LightGCN(4, rate=0.05, epochs=20, batch_size=60).fit(log)
    assert model.step_loss_[-1] < 0.5 * model.step_loss_[0]
    other = LightGCN(4, rate=0.05, epochs=20, batch_size=60, seed=1).fit(log)
    assert not np.array_equal(model.user_factors_, other.user_factors_)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"factors": 0}, "factors is 0"),
        ({"layers": -1}, "layers is -1"),
        ({"layers": 1.5}, "layers is 1.5"),
        ({"rate": 0.0}, "rate is 0.0"),
        ({"l2": float("nan")}, "l2 is nan"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        LightGCN(**settings).fit(checkerboard()[0])
