import numpy as np
import pandas as pd
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.encoders import Transformer, TransformerConfig
from recsys_book.encoders.fine_tuning import (
    ContrastiveProblem,
    Trunk,
    add_lora,
    false_negative_share,
    hard_negative_softmax,
    mine_negatives,
)
from recsys_book.optimizers import AdamW, train
from recsys_book.optimizers.problems.two_tower import in_batch_softmax
from recsys_book.preprocessing import random_split

ITEMS, USERS = 40, 20


@pytest.fixture(scope="module")
def trunk():
    rng = np.random.default_rng(0)
    ids = [[1, 4 + i % 2, *map(int, rng.integers(6, 30, rng.integers(1, 5)))] for i in range(ITEMS)]
    config = TransformerConfig(30, width=16, layers=2, heads=2, norm="post", max_tokens=8)
    return Trunk.of(Transformer(config, torch.Generator().manual_seed(3)), ids, 1)


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(1)
    likes = rng.random((USERS, ITEMS)) < np.where(
        (np.arange(USERS)[:, None] - np.arange(ITEMS)) % 2 == 0, 0.7, 0.05
    )
    user, item = np.nonzero(likes)
    frame = pd.DataFrame({"user": user, "item": item, "value": 1.0, "timestamp": 0})
    return random_split(Interactions.from_frame(frame), 0.2, seed=0)


@pytest.mark.equation("eq-hard-negatives")
def test_a_mined_negative_counts_once_more_than_in_the_full_sum():
    """With every item once in the batch, the corrected sum is B times the full one, exactly."""
    n = 5
    scores = torch.randn(n, n, generator=torch.Generator().manual_seed(0)).double()
    log_q = torch.full((n,), -np.log(n), dtype=torch.float64)
    hard = torch.tensor([[1.0, -1.0]] * n).double()
    got = hard_negative_softmax(scores, torch.arange(n), log_q, hard, weight=2.0)
    full = scores.exp().sum(1) + 2.0 * hard.exp().sum(1)
    want = -(scores.diagonal() - full.log()).mean()
    assert got.item() == pytest.approx(want.item(), rel=1e-9)


def test_without_weight_the_mined_negatives_vanish():
    scores = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    log_q, item = torch.tensor([-1.0, -2.0, -1.5, -3.0]), torch.arange(4)
    got = hard_negative_softmax(scores, item, log_q, torch.zeros(4, 2), weight=1e-20)
    torch.testing.assert_close(got, in_batch_softmax(scores, item, log_q))


@pytest.mark.equation("eq-hard-negatives")
def test_mined_items_are_the_highest_unseen(split):
    scores = np.tile(np.arange(ITEMS, dtype=float), (USERS, 1))
    mined = mine_negatives(scores, split.train, 3, skip=1)
    seen = split.train.to_csr(1.0).toarray() > 0
    for user in range(USERS):
        unseen = np.flatnonzero(~seen[user])[::-1]
        np.testing.assert_array_equal(mined[user], unseen[1:4])


def test_mining_wants_enough_unseen_items(split):
    with pytest.raises(ValueError, match="fewer than 40 unseen"):
        mine_negatives(np.zeros((USERS, ITEMS)), split.train, 39, skip=1)


def test_false_negatives_are_counted_among_users_with_held_out_events(split):
    touched = split.test.to_csr(1.0).toarray() > 0
    known = np.flatnonzero(touched.any(1))
    negatives = np.zeros((USERS, 2), dtype=int)
    for user in known:
        negatives[user] = [np.flatnonzero(touched[user])[0], np.flatnonzero(~touched[user])[0]]
    assert false_negative_share(negatives, split.test) == pytest.approx(0.5)


def test_frozen_towers_learn_what_the_text_says(trunk, split):
    frozen = Trunk(trunk.hidden, trunk.lengths, torch.nn.ModuleList())
    problem = ContrastiveProblem(frozen, split.train, split.test, factors=4, batch_size=32)
    history = train(problem, AdamW(lr=0.03), epochs=10, seed=0)
    assert history.final_validation < history.epoch_validation[0] - 0.1


def test_an_adapted_encoder_gets_gradients_and_the_rest_does_not(trunk, split):
    problem = ContrastiveProblem(
        trunk,
        split.train,
        split.test,
        batch_size=16,
        adapt=lambda top, generator: add_lora(top, rank=2, generator=generator),
    )
    model = problem.model(0)
    problem.loss(model, next(iter(problem.batches(0)))).backward()
    grads = {name: p.grad for name, p in model.items.named_parameters()}
    assert any(g is not None and g.any() for n, g in grads.items() if n.endswith(".B"))
    assert all(g is None for n, g in grads.items() if not n.endswith((".A", ".B")))


def test_loss_of_a_batch_is_its_equation(trunk, split):
    negatives = mine_negatives(np.random.default_rng(0).normal(size=(USERS, ITEMS)), split.train, 5)
    problem = ContrastiveProblem(
        trunk, split.train, split.test, batch_size=8, negatives=negatives, mined=2, weight=3.0
    )
    model = problem.model(1)
    user, item, hard = next(iter(problem.batches(0)))
    assert hard.shape == (8, 2)
    assert all(set(h.tolist()) <= set(negatives[u]) for u, h in zip(user.tolist(), hard))
    scores = torch.from_numpy(model.score(user.numpy()))
    own, mined = scores[:, item], scores.gather(1, hard)
    want = hard_negative_softmax(own, item, problem.log_q, mined, 3.0)
    torch.testing.assert_close(problem.loss(model, (user, item, hard)).detach(), want)


def test_the_correction_can_be_left_out(trunk, split):
    one, two = (
        ContrastiveProblem(trunk, split.train, split.test, batch_size=8, corrected=c)
        for c in (True, False)
    )
    model, batch = one.model(0), next(iter(one.batches(0)))
    assert one.loss(model, batch).item() != pytest.approx(two.loss(model, batch).item())
    user, item, _ = batch
    torch.testing.assert_close(
        two.loss(model, batch),
        in_batch_softmax(model(user, item), item, torch.zeros(ITEMS)),
    )


def test_an_epoch_can_be_cut(trunk, split):
    problem = ContrastiveProblem(trunk, split.train, split.test, batch_size=16, steps=3)
    assert [len(user) for user, _, _ in problem.batches(0)] == [16, 16, 16]
    whole = ContrastiveProblem(trunk, split.train, split.test, batch_size=16)
    assert sum(len(user) for user, _, _ in whole.batches(0)) == len(split.train)


def test_towers_refuse_a_trunk_of_another_catalogue(trunk, split):
    small = Trunk(trunk.hidden[:5], trunk.lengths[:5], trunk.blocks)
    with pytest.raises(ValueError, match="one text an item"):
        ContrastiveProblem(small, split.train, split.test)


def test_towers_refuse_empty_logs(trunk, split):
    with pytest.raises(ValueError, match="no events"):
        ContrastiveProblem(trunk, split.train.select(np.zeros(0, dtype=int)), split.test)
