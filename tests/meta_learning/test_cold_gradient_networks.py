"""MeLU, two towers, the neural process and LoRA per user: gradients, equations, bad input."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.func import functional_call

sys.path.insert(0, str(Path(__file__).parent))
from cold_gradient_cases import check_gradient, in_float64, planted_log

from recsys_book.meta_learning.cold_start import (
    LowRankLinear,
    MeLU,
    TaskAdaptive,
    TwoTowerMAML,
    UserLoRA,
    WarmTasks,
    low_rank_network,
    pooled_task,
    ridge_user_bias,
    warm_biases,
)
from recsys_book.meta_learning.divergence import NonFiniteTaskError

LOG, X, U, FULL = planted_log()
WARM = LOG.select(LOG.user < 36)
SHORT = {"passes": 2, "batch": 18, "sizes": (2, 6)}
SETTINGS = {
    MeLU: {"width": 4, "hidden": 6, "inner_steps": 2},
    TwoTowerMAML: {"factors": 2, "l2": 2.0, "width": 3, "inner_steps": 2},
    TaskAdaptive: {"factors": 2, "l2": 2.0, "width": 4, "hidden": 5, "passes": 10},
    UserLoRA: {"factors": 2, "l2": 2.0, "hidden": 5, "inner_steps": 2, "pretraining": 2},
}
ALL = pytest.mark.parametrize("kind", list(SETTINGS))
ADAPTING = pytest.mark.parametrize("kind", [MeLU, TwoTowerMAML, UserLoRA])


def make(kind, **more):
    given = {"item_features": X, "user_features": U} | SHORT | SETTINGS[kind] | more
    return kind(**given).fit(WARM)


@pytest.fixture(scope="module")
def fitted():
    return {kind: make(kind) for kind in SETTINGS}


def support(user, k=5):
    rows = np.flatnonzero(LOG.user == user)[:k]
    return LOG.item[rows], LOG.value[rows]


def learned(model):
    found = []
    for value in vars(model).values():
        if isinstance(value, torch.nn.Module):
            found += list(value.parameters())
        elif isinstance(value, torch.nn.Parameter):
            found.append(value)
        elif isinstance(value, dict):
            found += [v for v in value.values() if isinstance(v, torch.Tensor)]
    return [p for p in found if p.requires_grad]


@ALL
def test_meta_gradient_equals_finite_differences(kind):
    smooth = {"inner_rate": 0.02} if kind is MeLU else {}
    model = in_float64(make(kind, **smooth))
    tasks = WarmTasks(WARM, 7, 6, (3, 5))(0)
    _, _, ratings, _, query = tasks.tensors(torch.float64)

    def loss():
        return ((model.forward(tasks) - ratings) ** 2 * query).sum() / query.sum()

    check_gradient(loss, learned(model), n=2)


@pytest.mark.equation("eq-melu")
def test_melu_steps_down_the_support_loss_in_the_decision_layers_only():
    model = in_float64(make(MeLU, inner_steps=1, residual=True))
    items, ratings = support(40)
    tasks = model._tasks([40], [items], [ratings], [np.arange(6)])
    before = {n: p.detach().clone() for n, p in model.encoders_.named_parameters()}
    x = model._inputs(torch.tensor([40]), torch.from_numpy(tasks.items))[0].detach()
    offset = model._offsets(torch.from_numpy(tasks.items))[0]
    own = {n: p.detach().clone().requires_grad_() for n, p in model.decision_.named_parameters()}
    e = torch.from_numpy(ratings) - offset[:5]
    loss = ((functional_call(model.decision_, own, (x[:5],))[:, 0] - e) ** 2).mean()
    slopes = torch.autograd.grad(loss, list(own.values()))
    rate = float(model.log_rate_.detach().exp())
    moved = {n: p - rate * g for (n, p), g in zip(own.items(), slopes)}
    expected = offset[5:] + functional_call(model.decision_, moved, (x[5:],))[:, 0]
    torch.testing.assert_close(model.forward(tasks)[0, 5:], expected, rtol=0, atol=1e-12)
    after = dict(model.encoders_.named_parameters())
    assert all(torch.equal(before[n], after[n]) for n in before)


def test_raw_melu_does_not_know_items_of_the_same_description():
    twins = X.copy()
    twins[1] = twins[0]
    raw = make(MeLU, item_features=twins)
    pair = raw.predict(40, *support(40), np.array([0, 1]))
    assert pair[0] == pytest.approx(pair[1], abs=1e-5)
    on_bias = make(MeLU, item_features=twins, residual=True)
    pair = on_bias.predict(40, *support(40), np.array([0, 1]))
    gap = warm_biases(WARM).item[:2]
    assert pair[0] - pair[1] == pytest.approx(gap[0] - gap[1], abs=1e-4)


@pytest.mark.equation("eq-neural-process")
def test_the_pooled_task_is_the_ridge_user_bias_when_codes_are_residuals():
    rng = np.random.default_rng(0)
    e, mask = torch.tensor(rng.normal(size=(2, 4, 1))), torch.ones(2, 4, dtype=torch.float64)
    mask[1, 2:] = 0
    pooled = pooled_task(e, mask, torch.tensor(5.0))
    assert pooled[0, 0] == pytest.approx(ridge_user_bias(e[0, :, 0].numpy(), 5.0))
    assert pooled[1, 0] == pytest.approx(ridge_user_bias(e[1, :2, 0].numpy(), 5.0))
    shuffled = pooled_task(e[:, [2, 0, 3, 1]], mask[:, [2, 0, 3, 1]], torch.tensor(5.0))
    torch.testing.assert_close(pooled, shuffled)
    assert (pooled_task(e, 0 * mask, torch.tensor(5.0)) == 0).all()


@pytest.mark.equation("eq-user-lora")
def test_the_layer_is_the_shared_one_plus_a_product_of_low_rank():
    layer = LowRankLinear(4, 3, 2, torch.Generator().manual_seed(0))
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(layer(x), layer.shared(x))  # B begins at zero
    with torch.no_grad():
        layer.B.normal_(generator=torch.Generator().manual_seed(2))
    delta = layer.B @ layer.A
    expected = x @ (layer.shared.weight + delta[:, :4]).T + layer.shared.bias + delta[:, 4]
    torch.testing.assert_close(layer(x), expected)
    assert torch.linalg.matrix_rank(delta) == 2


@pytest.mark.equation("eq-user-lora")
def test_only_adapters_adapt_and_the_shared_weights_freeze(fitted):
    model = fitted[UserLoRA]
    frozen = {n for n, p in model.network_.named_parameters() if not p.requires_grad}
    assert frozen == {f"{i}.shared.{w}" for i in (0, 2) for w in ("weight", "bias")}
    assert model.adapters_ == ["0.A", "0.B", "2.A", "2.B"]
    network, names = low_rank_network([3, 4, 1], 1, torch.Generator().manual_seed(0))
    assert len(network) == 3 and len(names) == 4


@ADAPTING
def test_steps_change_answers_and_no_steps_ignore_the_ratings(fitted, kind):
    model = fitted[kind]
    items, ratings = support(40)
    tasks = [model._tasks([40], [items], [r], [np.arange(4)]) for r in (ratings, ratings[::-1])]
    with torch.no_grad():
        still = [model.forward(t, steps=0)[0, 5:] for t in tasks]
        moved = [model.forward(t)[0, 5:] for t in tasks]
    torch.testing.assert_close(*still)
    assert not torch.allclose(moved[0], still[0]) and not torch.allclose(*moved)


@ALL
def test_training_lowers_the_query_loss(kind):
    model = make(kind, passes=40, outer_rate=0.01)
    assert model.history_[-20:].mean() < 0.9 * model.history_[:20].mean()


@ALL
def test_same_seed_same_answers_alone_or_together(fitted, kind):
    (i, r), (j, s) = support(40), support(41, 3)
    query = np.array([0, 5, -1])
    alone = fitted[kind].predict(40, i, r, query)
    assert (alone == make(kind).predict(40, i, r, query)).all()
    both = fitted[kind].predict_many([40, 41], [i, j], [r, s], [query, query[:2]])
    np.testing.assert_allclose(both[0], alone, atol=1e-5)
    assert len(both[1]) == 2
    other = make(kind, seed=1).predict(40, i, r, query)
    assert not np.allclose(other, alone)


@ALL
def test_unusual_supports(fitted, kind):
    model, query = fitted[kind], np.array([2, 3])
    items, _ = support(40)
    low, high = (model.predict(40, items, np.full(5, v), query) for v in (1.0, 5.0))
    assert np.isfinite(low).all() and high.mean() > low.mean()  # one value only
    np.testing.assert_allclose(
        model.predict(40, [-1], [5.0], query), model.predict(40, [], [], query), atol=1e-6
    )
    assert np.isfinite(model.predict(-1, items, np.full(5, 3.0), query)).all()


@ALL
def test_nan_in_one_task_is_named_and_the_others_are_unharmed(fitted, kind):
    items, ratings = support(40)
    bad, query = ratings * np.nan, np.array([1, 2])
    asked = ([40, 41], [items, items], [ratings, bad], [query, query])
    with pytest.raises(NonFiniteTaskError, match=r"Task 1 \(user 41\)"):
        fitted[kind].predict_many(*asked)
    frozen = make(kind, on_divergence="freeze")
    answers = frozen.predict_many(*asked)
    np.testing.assert_allclose(answers[0], frozen.predict(40, items, ratings, query), atol=1e-5)
    np.testing.assert_allclose(answers[1], frozen.predict(41, [], [], query), atol=1e-5)


@ADAPTING
def test_an_inner_rate_that_diverges(kind):
    def blow_up(model):
        rates = [model.log_rate_] if kind is MeLU else list(model.log_rates_.values())
        for rate in rates:
            rate.data.fill_(16.0)
        return model

    (i, r), query = support(40), np.array([1, 2])
    with pytest.raises(NonFiniteTaskError, match=r"user 40.*diverged"):
        blow_up(make(kind)).predict(40, i, r, query)
    frozen = blow_up(make(kind, on_divergence="freeze"))
    tasks = frozen._tasks([40], [i], [r], [query])
    with torch.no_grad():
        start = frozen.forward(tasks, steps=0)[0, 5:]
    np.testing.assert_allclose(frozen.predict(40, i, r, query), start, atol=1e-5)


@pytest.mark.parametrize("kind", [MeLU, TwoTowerMAML])
def test_first_order_is_another_gradient(kind):
    one, two = make(kind, order=1), make(kind, order=2)
    assert not np.allclose(one.history_[1:], two.history_[1:])


@pytest.mark.parametrize("kind", [MeLU, TwoTowerMAML, TaskAdaptive])
def test_no_features_of_users_are_needed(kind):
    model = make(kind, user_features=None)
    assert np.isfinite(model.predict(40, *support(40), np.array([1]))).all()


@pytest.mark.parametrize("kind", [TwoTowerMAML, TaskAdaptive])
def test_nothing_to_read_still_gives_a_level(kind):
    model = make(kind, item_features=None, user_features=None, factors=0)
    assert np.isfinite(model.predict(40, *support(40), np.array([1]))).all()


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (MeLU, {"order": 3}, "order is 3"),
        (TwoTowerMAML, {"order": 0}, "order is 0"),
        (MeLU, {"inner_rate": 0.0}, "inner_rate is 0.0"),
        (UserLoRA, {"rank": 0}, "rank is 0"),
        (
            UserLoRA,
            {"item_features": None, "user_features": None, "factors": 0},
            "nothing to read",
        ),
        (TaskAdaptive, {"on_divergence": "stop"}, "on_divergence is 'stop'"),
        (MeLU, {"item_features": X[:3]}, "item_features has shape"),
    ],
)
def test_bad_settings(kind, settings, words):
    with pytest.raises(ValueError, match=words):
        make(kind, **settings)
