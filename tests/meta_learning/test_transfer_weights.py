"""Weights that are copied, and weights that are kept while new domains are learned."""

import numpy as np
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.meta_learning import transfer as tr
from recsys_book.optimizers import RatingProblem, train

SHARED = ("user_factors", "user_bias")


def ratings(n_items, seed, n=600, items=None):
    rng = np.random.default_rng(seed)
    item = rng.integers(0, n_items, n) if items is None else rng.choice(items, n)
    value = rng.integers(1, 6, n).astype(float)
    return Interactions(
        rng.integers(0, 40, n), item, value, np.zeros(n), np.arange(40), np.arange(n_items)
    )


@pytest.fixture
def pair():
    logs = [ratings(n, n) for n in (30, 20)]
    return [RatingProblem(log, log, 3, 200, 0.1) for log in logs]


def test_only_the_shared_part_is_copied(pair):
    source, target = pair[0].model(1), pair[1].model(2)
    before = target.item_factors.weight.detach().clone()
    fresh = tr.copy_shared(source, target, SHARED)
    assert torch.equal(target.user_factors.weight, source.user_factors.weight)
    assert torch.equal(target.item_factors.weight, before)
    assert sorted(fresh) == ["item_bias.weight", "item_factors.weight"]
    source.user_factors.weight.data += 1
    assert not torch.equal(target.user_factors.weight, source.user_factors.weight)


@pytest.mark.parametrize(
    ("shared", "hint"), [(("item_factors",), r"\(30, 3\) in the source"), (("tower",), "no part")]
)
def test_what_cannot_be_copied_is_named(pair, shared, hint):
    with pytest.raises(ValueError, match=hint):
        tr.copy_shared(pair[0].model(0), pair[1].model(0), shared)


def test_a_part_that_the_source_lacks_is_named(pair):
    with pytest.raises(ValueError, match="source model has no 'user_factors.weight'"):
        tr.copy_shared(torch.nn.Linear(2, 2), pair[1].model(0), SHARED)


def test_copied_parts_learn_slowly_and_frozen_ones_not_at_all(pair):
    source = pair[0].model(5)
    warm = tr.WarmStart(pair[1], source, SHARED)
    start = warm.model(0)
    assert torch.equal(start.user_factors.weight, source.user_factors.weight)
    moved = {}
    for slow in (0.0, 0.1, 1.0):
        history = train(
            warm, lambda m, s=slow: torch.optim.SGD(tr.rate_groups(m, SHARED, 0.1, s)), epochs=1
        )
        moved[slow] = float(
            (history.model.user_factors.weight - source.user_factors.weight).detach().norm()
        )
        assert not torch.equal(history.model.item_factors.weight, start.item_factors.weight)
    assert moved[0.0] == 0 and 0 < moved[0.1] < 0.2 * moved[1.0]
    assert history.final_validation == pytest.approx(warm.validate(history.model))
    with pytest.raises(ValueError, match="slow is 2"):
        tr.rate_groups(start, SHARED, 0.1, 2)


def test_a_warm_start_beats_scratch_on_a_young_domain(ml100k):
    from recsys_book.recommenders import genre_matrix

    genres, names = genre_matrix(ml100k.items.genres)
    kids = genres[:, names.index("Children's")] > 0
    target, source = (tr.domain_of(ml100k.interactions, m) for m in (kids, ~kids))
    few, rest = tr.few_per_user(target, 3, 0)
    problem = RatingProblem(few, rest, 8, 512, 0.1)
    teacher = RatingProblem(source, source.select(np.arange(10)), 8, 4096, 0.05)

    def adam(m):
        return torch.optim.Adam(m.parameters(), lr=0.02)

    learned = train(teacher, adam, epochs=5).model
    scratch = train(problem, adam, epochs=5).final_validation
    warm = train(
        tr.WarmStart(problem, learned, SHARED),
        lambda m: torch.optim.Adam(tr.rate_groups(m, SHARED, 0.02, 0.3)),
        epochs=5,
    ).final_validation
    assert warm < 0.97 * scratch


@pytest.mark.equation("eq-forgetting")
def test_forgetting_and_backward_transfer_of_a_table():
    error = np.array([[1.0, 9.0, 9.0], [0.6, 2.0, 9.0], [0.9, 2.5, 3.0]])
    assert tr.average_forgetting(error) == pytest.approx((0.3 + 0.5) / 2)
    assert tr.backward_transfer(error) == pytest.approx((0.1 - 0.5) / 2)
    better = np.array([[1.0, 5.0], [0.5, 2.0]])
    assert tr.average_forgetting(better) == pytest.approx(-0.5)
    for bad, hint in ((np.ones((1, 1)), "shape"), (np.full((2, 2), np.nan), "NaN")):
        with pytest.raises(ValueError, match=hint):
            tr.average_forgetting(bad)


@pytest.mark.equation("eq-ewc")
def test_the_penalty_is_half_the_weighted_square():
    model = torch.nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 2.0]]))
        model.bias.fill_(3.0)
    anchor = {"weight": torch.zeros(1, 2), "bias": torch.ones(1)}
    importance = {"weight": torch.tensor([[10.0, 1.0]]), "bias": torch.tensor([0.5])}
    assert float(tr.quadratic_penalty(model, anchor, None).detach()) == (1 + 4 + 4) / 2
    assert float(tr.quadratic_penalty(model, anchor, importance).detach()) == (10 + 4 + 2) / 2


@pytest.mark.equation("eq-ewc")
def test_the_information_is_the_sum_of_squared_derivatives():
    log = ratings(12, 0, 80)
    model = RatingProblem(log, log, 3, 50, 0.1).model(0)
    found = tr.rating_information(model, log)
    want = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for u, i in zip(log.user, log.item):
        model.zero_grad()
        model(torch.tensor([u]), torch.tensor([i]))[0].sum().backward()
        for name, p in model.named_parameters():
            want[name] += p.grad**2
    assert set(found) == set(want)
    for name in want:
        torch.testing.assert_close(found[name], want[name])


@pytest.fixture(scope="module")
def sequence():
    """Two domains with their own items, whose people want opposite things."""
    rng = np.random.default_rng(0)
    taste = rng.normal(size=(40, 2))
    logs = []
    for sign, items in ((1, np.arange(20)), (-1, np.arange(20, 40))):
        user, item = rng.integers(0, 40, 1500), rng.choice(items, 1500)
        value = 3 + sign * (taste[user] * np.where(item % 2, 1, -1)[:, None]).sum(1)
        logs.append(Interactions(user, item, value, np.zeros(1500), np.arange(40), np.arange(40)))
    return logs


def learned(sequence, strategy):
    def judge(model):
        return [np.mean((model.predict(g.user, g.item) - g.value) ** 2) ** 0.5 for g in sequence]

    return tr.learn_in_sequence(
        sequence, judge, strategy, factors=2, l2=0.01, rate=0.05, epochs=25, batch_size=500
    )


def test_every_remedy_forgets_less_than_plain_fine_tuning(sequence):
    plain = tr.average_forgetting(learned(sequence, tr.FineTune()))
    assert plain > 0.05
    for strategy in (tr.Replay(1.0), tr.L2SP(20.0), tr.EWC(3.0), tr.Distillation(1.0)):
        table = learned(sequence, strategy)
        assert table.shape == (2, 2)
        allowed = 0.95 if type(strategy) is tr.L2SP else 0.7
        assert tr.average_forgetting(table) < allowed * plain, type(strategy).__name__


def test_strategies_remember_what_they_say(sequence):
    first, second = sequence
    replay = tr.Replay(0.1, seed=3)
    assert len(replay.material(first)) == len(first)
    replay.finish(None, first)
    assert len(replay.material(second)) == len(second) + 150
    assert set(replay.material(second).item[-150:]) <= set(first.item)
    model = RatingProblem(first, first, 2, 500, 0.1).model(0)
    ewc = tr.EWC(1.0)
    assert float(ewc.extra(model, 10)) == 0
    ewc.finish(model, first)
    once = {k: v.clone() for k, v in ewc._importance.items()}
    ewc.finish(model, first)
    for name, value in once.items():
        torch.testing.assert_close(ewc._importance[name], 2 * value)
    distil = tr.Distillation(1.0)
    assert float(distil.extra(model, 10)) == 0
    distil.finish(model, first)
    assert set(distil._items) == set(first.item) and float(distil.extra(model, 10).detach()) == 0


def test_an_empty_domain_is_named(sequence):
    with pytest.raises(ValueError, match="Domain 1 has no rating"):
        tr.learn_in_sequence(
            [sequence[0], sequence[0].select(np.arange(0))], lambda m: [0, 0], tr.FineTune()
        )
