"""BPR and WARP: gradients, and compiled epochs against the plain steps."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard

from recsys_book.recommenders import (
    BPR,
    WARP,
    bpr_loss,
    bpr_step,
    rank_weight,
    warp_gradients,
    warp_loss,
)
from recsys_book.recommenders.implicit.bpr import first_factors, sorted_histories
from recsys_book.recommenders.implicit.sgd_kernels import bpr_epoch, draw, has_seen, warp_epoch

L2 = 0.3


@pytest.fixture
def vectors():
    return np.random.default_rng(0).normal(size=(3, 5))


@pytest.fixture(scope="module")
def histories():
    log, _ = checkerboard()
    return sorted_histories(log.to_csr(1.0))


@pytest.mark.equation("eq-bpr")
def test_a_bpr_step_goes_down_the_gradient_of_its_loss(vectors):
    p, q_i, q_j = (torch.tensor(v, requires_grad=True) for v in vectors)
    loss = -torch.nn.functional.logsigmoid(p @ q_i - p @ q_j)
    loss = loss + L2 / 2 * (p @ p + q_i @ q_i + q_j @ q_j)
    loss.backward()
    assert bpr_loss(*vectors, L2) == pytest.approx(loss.item(), rel=1e-12)
    for new, old in zip(bpr_step(*vectors, 0.1, L2), (p, q_i, q_j)):
        np.testing.assert_allclose(new, (old - 0.1 * old.grad).detach().numpy(), atol=1e-12)


@pytest.mark.equation("eq-warp")
def test_warp_gradients_against_finite_differences(vectors):
    trials, n_items, small = 3, 40, 1e-6
    vectors = vectors[[0, 2, 1]]
    assert vectors[0] @ (vectors[1] - vectors[2]) < 1  # the margin is violated
    gradients = warp_gradients(*vectors, trials, n_items, L2)
    for which in range(3):
        for a in range(5):
            up, down = vectors.copy(), vectors.copy()
            up[which, a] += small
            down[which, a] -= small
            slope = warp_loss(*up, trials, n_items, L2) - warp_loss(*down, trials, n_items, L2)
            assert gradients[which][a] == pytest.approx(slope / (2 * small), abs=1e-6)


@pytest.mark.equation("eq-warp")
def test_the_weight_of_a_rank_and_a_margin_that_is_kept(vectors):
    assert rank_weight(0) == 0 and rank_weight(1) == 1
    assert rank_weight(4) == pytest.approx(1 + 1 / 2 + 1 / 3 + 1 / 4)
    p, q_i, _ = vectors
    assert warp_loss(p, 9 * p, -p, 1, 40, 0.0) == 0
    # Found at the first of 40 draws, the rank is taken to be 39; at the tenth, 3.
    hinge = 1 - p @ q_i + p @ p
    assert warp_loss(p, q_i, p, 1, 40, 0.0) == pytest.approx(rank_weight(39) * hinge)
    assert warp_loss(p, q_i, p, 10, 40, 0.0) == pytest.approx(rank_weight(3) * hinge)


def drawn_event(state, indptr, indices):
    k = draw(state, len(indices))
    return int(np.searchsorted(indptr, k, side="right")) - 1, int(indices[k])


def drawn_unseen(state, indptr, indices, u, n_items):
    while True:
        j = draw(state, n_items)
        if j not in indices[indptr[u] : indptr[u + 1]]:
            return j


@pytest.mark.parametrize("bias_rate", [0.0, 0.05])
def test_a_compiled_epoch_of_bpr_is_the_plain_steps(histories, bias_rate):
    indptr, indices = histories
    P, Q, state = first_factors(3, (20, 20), 4)
    b = np.linspace(-0.1, 0.1, 20)
    # The bias is a fifth factor of the item whose counterpart is one; with rate 0 it stays.
    users, items, again = np.c_[P, np.ones(20)], np.c_[Q, b], state.copy()
    for _ in range(len(indices)):
        u, i = drawn_event(again, indptr, indices)
        j = drawn_unseen(again, indptr, indices, u, 20)
        p, items_i, items_j = bpr_step(users[u], items[i], items[j], 0.05, L2)
        users[u, :4] = p[:4]
        if not bias_rate:
            items_i[4], items_j[4] = items[i, 4], items[j, 4]
        items[i], items[j] = items_i, items_j
    bpr_epoch(indptr, indices, P, Q, b, 0.05, L2, bias_rate, state)
    np.testing.assert_allclose(P, users[:, :4], atol=1e-12)
    np.testing.assert_allclose(np.c_[Q, b], items, atol=1e-12)
    assert state[0] == again[0]


def test_a_compiled_epoch_of_warp_is_the_plain_steps(histories):
    indptr, indices = histories
    P, Q, state = first_factors(5, (20, 20), 4)
    P, Q, b = 6 * P, 6 * Q, np.linspace(-0.5, 0.5, 20)[:, None]
    users, items, again = np.c_[P, np.ones(20)], np.c_[Q, b], state.copy()
    user_squares, item_squares = np.zeros((20, 5)), np.zeros((20, 5))
    passed_over = 0
    for _ in range(len(indices)):
        u, i = drawn_event(again, indptr, indices)
        trial, violated = 0, False
        while trial < 3 and not violated:
            trial += 1
            j = drawn_unseen(again, indptr, indices, u, 20)
            violated = users[u] @ items[j] > users[u] @ items[i] - 1
        if not violated:
            passed_over += 1
            continue
        g_p, g_i, g_j = warp_gradients(users[u], items[i], items[j], trial, 20, L2)
        g_p[4] = 0
        for table, squares, row, g in (
            (users, user_squares, u, g_p),
            (items, item_squares, i, g_i),
            (items, item_squares, j, g_j),
        ):
            squares[row] += g**2
            table[row] -= 0.2 * g / np.sqrt(1 + squares[row])
    assert passed_over > 5
    squares = np.zeros_like(P), np.zeros_like(Q), np.zeros_like(b)
    weights = np.array([rank_weight(rank) for rank in range(20)])
    warp_epoch(indptr, indices, P, Q, b, squares, 0.2, L2, 3, weights, state)
    np.testing.assert_allclose(P, users[:, :4], atol=1e-12)
    np.testing.assert_allclose(np.c_[Q, b], items, atol=1e-12)
    assert state[0] == again[0]


def test_draws_are_uniform_and_the_generator_is_splitmix64():
    state = np.array([1234567], np.uint64)
    # The first outputs of the reference implementation for this seed.
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [draw(state, 2**62) for _ in published] == [value % 2**62 for value in published]
    counts = np.bincount([draw(state, 7) for _ in range(7000)], minlength=7)
    assert len(counts) == 7 and abs(counts - 1000).max() < 120


def test_has_seen_looks_only_in_the_users_own_history(histories):
    indptr, indices = histories
    for u in (0, 9, 19):
        mine = set(indices[indptr[u] : indptr[u + 1]])
        assert {i for i in range(20) if has_seen(indptr, indices, u, i)} == mine


@pytest.mark.parametrize(
    "make",
    [
        lambda: BPR(4, rate=0.1, epochs=60),
        lambda: BPR(4, rate=0.1, epochs=60, item_bias=False),
        lambda: WARP(4, epochs=30),
    ],
)
def test_the_contract(make):
    check_contract(make, personalised=True)


def test_without_a_bias_there_is_none_and_another_seed_gives_another_model():
    log, _ = checkerboard()
    assert not BPR(2, epochs=1, item_bias=False).fit(log).item_bias_.any()
    assert BPR(2, epochs=1).fit(log).item_bias_.any()
    for model in (BPR, WARP):
        one, two = (model(2, epochs=1, seed=s).fit(log).item_factors_ for s in (0, 1))
        assert not np.array_equal(one, two)


@pytest.mark.parametrize("model", [BPR, WARP])
@pytest.mark.parametrize(
    "settings, message",
    [
        ({"factors": 0}, "factors is 0"),
        ({"epochs": float("inf")}, "epochs is inf"),
        ({"rate": 0}, "rate is 0"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"l2": -1.0}, "l2 is -1.0"),
    ],
)
def test_settings_out_of_range(model, settings, message):
    with pytest.raises(ValueError, match=message):
        model(**settings).fit(checkerboard()[0])


def test_warp_needs_a_try():
    with pytest.raises(ValueError, match="tries is 0"):
        WARP(tries=0).fit(checkerboard()[0])
