import numpy as np
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.encoders import LinearProbe, Transformer, TransformerConfig, ridge
from recsys_book.encoders.fine_tuning import (
    ColdItemProblem,
    RidgeHead,
    RowSums,
    Trunk,
    add_lora,
    leave_out_residuals,
    tune_probe,
)
from recsys_book.optimizers import AdamW, train
from recsys_book.preprocessing import cold_item_split

ITEMS, USERS = 60, 25


@pytest.fixture(scope="module")
def trunk():
    """Texts in which word 4 or word 5 says which kind an item is."""
    rng = np.random.default_rng(0)
    ids = [[1, 4 + i % 2, *map(int, rng.integers(6, 30, rng.integers(1, 5)))] for i in range(ITEMS)]
    config = TransformerConfig(30, width=16, layers=2, heads=2, norm="post", max_tokens=8)
    return Trunk.of(Transformer(config, torch.Generator().manual_seed(3)), ids, 0)


@pytest.fixture(scope="module")
def split():
    """Half of the users take items of the first kind, the others the second."""
    import pandas as pd

    rng = np.random.default_rng(1)
    likes = rng.random((USERS, ITEMS)) < np.where(
        (np.arange(USERS)[:, None] - np.arange(ITEMS)) % 2 == 0, 0.7, 0.05
    )
    user, item = np.nonzero(likes)
    frame = pd.DataFrame({"user": user, "item": item, "value": 1.0, "timestamp": 0})
    log = Interactions.from_frame(frame)
    assert log.n_items == ITEMS
    return cold_item_split(log, 0.3, seed=0)


@pytest.mark.equation("eq-leave-one-out")
def test_leave_out_residuals_equal_refitting_without_each_row():
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(12, 4)) + 1, rng.normal(size=(12, 3))
    got = leave_out_residuals(torch.from_numpy(X), torch.from_numpy(Y), 0.5).numpy()
    for row in range(12):
        others = np.arange(12) != row
        center, level = X[others].mean(0), Y[others].mean(0)
        W = ridge(X[others] - center, Y[others] - level, 0.5)
        np.testing.assert_allclose(got[row], Y[row] - level - (X[row] - center) @ W, rtol=1e-9)


@pytest.mark.equation("eq-leave-one-out")
def test_tune_probe_is_the_error_of_probes_that_miss_one_item(split):
    vectors = np.random.default_rng(5).normal(size=(ITEMS, 3)).astype(np.float32)
    small = split.train.select(split.train.item < 12)
    items, liked = np.unique(small.item), (small.to_csr(1.0) > 0).toarray().astype(float)
    errors = []
    for item in items:
        probe = LinearProbe(vectors, l2=0.7).fit(small.select(small.item != item))
        errors.append(liked[:, item] - probe.score(np.arange(USERS))[:, item])
    Y = liked[:, items].T
    want = np.square(errors).mean() / np.square(Y - Y.mean(0)).mean()
    got = tune_probe(vectors, small, [0.7, 1e6])
    assert got[0] == pytest.approx(want, rel=1e-4)
    assert got[1] == pytest.approx((len(items) / (len(items) - 1)) ** 2, rel=1e-3)


@pytest.mark.equation("eq-linear-probe")
def test_head_is_the_linear_probe(trunk, split):
    problem = ColdItemProblem(trunk, split.train, split.test, l2=2.0)
    model = problem.model(0)
    probe = LinearProbe(model.bank.numpy(), l2=2.0).fit(split.train)
    got = problem.head(model)(model.bank).T.numpy()
    np.testing.assert_allclose(got, probe.score(np.arange(USERS)), atol=1e-4)


@pytest.mark.equation("eq-cross-fitted")
def test_loss_is_that_of_a_probe_that_has_not_seen_the_batch(trunk, split):
    problem = ColdItemProblem(trunk, split.train, split.test, l2=2.0)
    model, batch = problem.model(0), problem.items[:7]
    others = np.setdiff1d(problem.items, batch)
    targets = (split.train.to_csr(1.0) > 0).toarray().T.astype(float)
    X, mine = model.bank.numpy().astype(float), targets[problem.items]
    center, level = X[others].mean(0), targets[others].mean(0)
    share = len(others) / len(problem.items)
    W = ridge(X[others] - center, targets[others] - level, 2.0 * share)
    error = (X[batch] - center) @ W + level - targets[batch]
    want = (error**2).mean() / ((mine - mine.mean(0)) ** 2).mean()
    assert problem.loss(model, batch).item() == pytest.approx(want, rel=1e-4)
    seen = ColdItemProblem(trunk, split.train, split.test, l2=2.0, held_out=False)
    assert seen.loss(seen.model(0), batch).item() < want


@pytest.mark.equation("eq-linear-probe")
def test_sums_that_are_kept_up_to_date_give_the_head_of_a_new_fit():
    generator = torch.Generator().manual_seed(0)
    X, Y = torch.randn(30, 4, generator=generator) + 2, torch.randn(30, 3, generator=generator)
    sums = RowSums(Y, 4)
    for change in (slice(0, 30), slice(3, 9), slice(0, 0)):
        X[change] = torch.randn(X[change].shape, generator=generator) - 1
        sums.update(X)
        for left_out in (None, np.array([2, 5, 29])):
            others = np.setdiff1d(np.arange(30), [] if left_out is None else left_out)
            want = RidgeHead.fit(X[others], Y[others], 0.7)
            got = sums.head(0.7, left_out)
            for part in ("weights", "center", "level"):
                torch.testing.assert_close(
                    getattr(got, part), getattr(want, part), atol=1e-5, rtol=1e-4
                )


def test_head_follows_the_bank_and_another_model(trunk, split):
    problem = ColdItemProblem(trunk, split.train, split.test, l2=2.0)
    for shift in (0.0, 0.3):
        model = problem.model(0)
        problem.loss(model, problem.items[:9])
        model.bank[problem.items[3:20]] += shift
        rows = np.setdiff1d(problem.items, problem.items[5:11])
        want = RidgeHead.fit(
            model.bank[rows], problem._targets[rows], 2.0 * len(rows) / len(problem.items)
        )
        got = problem.head(model, problem.items[5:11])
        torch.testing.assert_close(got.weights, want.weights, atol=1e-4, rtol=1e-3)


def test_nothing_to_validate_on_is_no_validation(trunk, split):
    watched, unwatched = (
        ColdItemProblem(trunk, split.train, valid, batch_size=16) for valid in (split.test, None)
    )
    one, two = (train(p, AdamW(lr=1e-3), epochs=1, seed=4) for p in (watched, unwatched))
    assert two.final_validation == 0 < one.final_validation
    assert torch.equal(one.model.bank, two.model.bank)


def test_no_gradient_flows_through_the_head(trunk, split):
    problem = ColdItemProblem(trunk, split.train, split.test)
    head = problem.head(problem.model(0))
    assert not head.weights.requires_grad


def test_the_bank_follows_what_is_trained(trunk, split):
    problem = ColdItemProblem(trunk, split.train, split.test)
    model = problem.model(0)
    before, batch = model.bank.clone(), problem.items[:5]
    with torch.no_grad():
        next(model.top.parameters()).add_(0.1)
    problem.loss(model, batch)
    moved = (model.bank != before).any(1).numpy()
    assert set(np.flatnonzero(moved)) == set(batch.tolist())
    np.testing.assert_allclose(model.bank[batch].numpy(), model.vectors()[batch], atol=1e-6)


def test_training_helps_items_that_were_never_seen(trunk, split):
    problem = ColdItemProblem(trunk, split.train, split.test, l2=1.0, batch_size=16)
    history = train(problem, AdamW(lr=3e-3), epochs=8, seed=0)
    frozen, trained = history.epoch_validation[0], history.final_validation
    assert trained < frozen - 0.05, (frozen, trained)


def test_the_same_seed_gives_the_same_tower(trunk, split):
    problem = ColdItemProblem(trunk, split.train, split.test, batch_size=16)
    one, two = (train(problem, AdamW(lr=1e-3), epochs=1, seed=4).model.bank for _ in range(2))
    assert torch.equal(one, two)


def test_adapted_tops_start_where_the_frozen_one_is(trunk, split):
    def adapt(top, generator):
        return add_lora(top, rank=2, generator=generator)

    problem = ColdItemProblem(trunk, split.train, split.test, adapt=adapt)
    model = problem.model(0)
    np.testing.assert_allclose(model.vectors(), trunk.vectors(trunk.top()), atol=1e-6)
    problem.loss(model, problem.items[:9]).backward()
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained and all(name.endswith((".A", ".B")) for name in trained)


def test_fewer_items_can_be_asked_for(trunk, split):
    some = np.unique(split.train.item)[:20]
    problem = ColdItemProblem(trunk, split.train, split.test, items=some, batch_size=8)
    np.testing.assert_array_equal(np.sort(np.concatenate(list(problem.batches(0)))), some)


def test_problem_refuses_a_trunk_of_another_catalogue(trunk, split):
    small = Trunk(trunk.hidden[:5], trunk.lengths[:5], trunk.blocks)
    with pytest.raises(ValueError, match="one text an item"):
        ColdItemProblem(small, split.train, split.test)


def test_problem_refuses_items_on_both_sides(trunk, split):
    with pytest.raises(ValueError, match="not cold"):
        ColdItemProblem(trunk, split.train, split.train)


def test_head_predicts_the_level_under_a_heavy_penalty():
    X, Y = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)), torch.arange(9.0)[:, None]
    head = RidgeHead.fit(X, Y, 1e9)
    torch.testing.assert_close(head(X), torch.full((9, 1), 4.0), atol=1e-4, rtol=0)
