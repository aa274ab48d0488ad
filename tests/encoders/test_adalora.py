"""AdaLoRA: layer, penalty, importance and cuts, against peft on the same gradients."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.encoders.fine_tuning.adalora import Importance, RankAllocator, rank_budget
from recsys_book.encoders.fine_tuning.freezing import trainable_parameters
from recsys_book.encoders.fine_tuning.lora import merge_lora
from recsys_book.encoders.fine_tuning.svd_linear import (
    AdaLoRALinear,
    add_adalora,
    orthogonality_penalty,
)
from recsys_book.optimizers import SGD, Adam, Optimizer


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=generator(seed), dtype=dtype)


def linear(inputs=6, outputs=5, seed=0):
    layer = nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.copy_(normal(outputs, inputs, seed=seed))
        layer.bias.copy_(normal(outputs, seed=seed + 1))
    return layer


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = linear(6, 5), linear(5, 4, seed=7)

    def forward(self, x):
        return self.two(torch.tanh(self.one(x)))


def layers_of(model):
    return {n: m for n, m in model.named_modules() if isinstance(m, AdaLoRALinear)}


def moved(model, seed=1):
    """Give P, the singular values and Q values of a size that matters."""
    with torch.no_grad():
        for number, param in enumerate(p for p in model.parameters() if p.requires_grad):
            param.copy_(0.5 * normal(*param.shape, seed=seed + number))
    return model


def adapted(rank=4, alpha=8.0):
    return moved(add_adalora(Net(), ["one", "two"], rank, alpha))


@pytest.mark.equation("eq-adalora")
def test_the_layer_is_the_frozen_one_plus_a_scaled_decomposition():
    layer = moved(AdaLoRALinear(linear().double(), rank=3, alpha=6.0))
    x = normal(7, 6, seed=2, dtype=torch.float64)
    W = layer.linear.weight + 2.0 * layer.P @ torch.diag(layer.lam) @ layer.Q
    torch.testing.assert_close(layer(x), x @ W.T + layer.linear.bias, rtol=1e-12, atol=1e-12)


def test_it_starts_as_the_frozen_layer_and_only_the_values_move_first():
    base, x = linear(), normal(7, 6)
    layer = AdaLoRALinear(base, rank=3)
    assert torch.equal(layer(x), base(x))
    layer(x).square().sum().backward()
    assert layer.lam.grad.abs().min() > 0 and not layer.P.grad.any() and not layer.Q.grad.any()
    again = AdaLoRALinear(linear(), rank=3)
    assert torch.equal(layer.P, again.P) and torch.equal(layer.Q, again.Q)


def test_it_merges_like_any_low_rank_layer():
    model, x = adapted(), normal(7, 6)
    before = model(x)
    merged = merge_lora(model)
    assert type(merged.one) is nn.Linear
    torch.testing.assert_close(merged(x), before, rtol=1e-5, atol=1e-5)


def test_only_the_factors_are_trained():
    model = adapted(rank=3)
    assert trainable_parameters(model)[0] == 3 * (6 + 1 + 5) + 3 * (5 + 1 + 4)


@pytest.mark.equation("eq-adalora")
def test_the_penalty_is_zero_for_orthonormal_factors_only():
    model = adapted(rank=3)
    one, two = layers_of(model).values()
    expected = 0.0
    for layer in (one, two):
        for square in (layer.P.T @ layer.P, layer.Q @ layer.Q.T):
            expected += np.linalg.norm(square.detach().numpy() - np.eye(3)) ** 2
    assert orthogonality_penalty(model).item() == pytest.approx(expected, rel=1e-5)
    with torch.no_grad():
        for layer in (one, two):
            layer.P.copy_(torch.linalg.qr(layer.P)[0])
            layer.Q.copy_(torch.linalg.qr(layer.Q.T)[0].T)
    assert orthogonality_penalty(model).item() < 1e-10


@pytest.mark.equation("eq-adalora-importance")
def test_importance_against_the_paper_in_numpy():
    rng = np.random.default_rng(0)
    weights, grads = rng.normal(size=(2, 5, 3, 4))
    importance, ibar, ubar = Importance(0.8, 0.9), np.zeros((3, 4)), np.zeros((3, 4))
    for w, g in zip(weights, grads):
        importance.update(torch.as_tensor(w), torch.as_tensor(g))
        sensitivity = np.abs(w * g)  # equation 8
        ibar = 0.8 * ibar + 0.2 * sensitivity  # equation 9
        ubar = 0.9 * ubar + 0.1 * np.abs(sensitivity - ibar)  # equation 10
    np.testing.assert_allclose(importance.score(), ibar * ubar, rtol=1e-12)  # equation 11


@pytest.mark.equation("eq-adalora-budget")
def test_the_budget_falls_by_a_cubic():
    budgets = [rank_budget(t, 24, 8, total=30, warmup=5, final=5) for t in range(1, 31)]
    assert budgets[:5] == [24] * 5 and budgets[24:] == [8] * 6
    assert all(a >= b for a, b in zip(budgets, budgets[1:]))
    assert budgets[14] == 8 + 16 // 8  # half-way, an eighth of the way is left
    drops = -np.diff(budgets[5:25])
    assert drops[:4].sum() > drops[-10:].sum()


def peft_pair(peft, rank=4, target=2, total=20, warmup=2, final=4, interval=3):
    """Return our adapted model with its allocator, and peft's with its own, on equal weights."""
    ours = add_adalora(Net(), ["one", "two"], rank, alpha=8.0)
    config = peft.AdaLoraConfig(
        init_r=rank,
        target_r=target,
        lora_alpha=8,
        tinit=warmup,
        tfinal=final,
        deltaT=interval,
        total_step=total,
        target_modules=["one", "two"],
        lora_dropout=0.0,
    )
    theirs = peft.get_peft_model(Net(), config)
    with torch.no_grad():
        for name, layer in layers_of(ours).items():
            other = theirs.base_model.model.get_submodule(name)
            other.lora_A["default"].copy_(layer.Q)
            other.lora_B["default"].copy_(layer.P)
            other.lora_E["default"].copy_(layer.lam[:, None])
            other.ranknum["default"] -= 1e-5  # peft divides by rank + 1e-5
    return ours, RankAllocator(ours, target, total, warmup, final, interval), theirs


@pytest.fixture(scope="module")
def peft():
    return pytest.importorskip("peft")  # four seconds, once


def test_the_layer_equals_pefts_in_outputs_and_gradients(peft):
    ours, _, theirs = peft_pair(peft)
    moved(ours)
    x, g = normal(7, 6, seed=3), normal(7, 4, seed=4)
    others = {n: theirs.base_model.model.get_submodule(n) for n in layers_of(ours)}
    with torch.no_grad():
        for name, layer in layers_of(ours).items():
            others[name].lora_A["default"].copy_(layer.Q)
            others[name].lora_B["default"].copy_(layer.P)
            others[name].lora_E["default"].copy_(layer.lam[:, None])
    a, b = ours(x), theirs(x)
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    a.backward(g), b.backward(g)
    for name, layer in layers_of(ours).items():
        torch.testing.assert_close(layer.Q.grad, others[name].lora_A["default"].grad)
        torch.testing.assert_close(layer.P.grad, others[name].lora_B["default"].grad)
        torch.testing.assert_close(layer.lam.grad[:, None], others[name].lora_E["default"].grad)


@pytest.mark.equation("eq-adalora-importance")
def test_scores_budgets_and_cuts_equal_pefts_through_a_training(peft):
    ours, allocator, theirs = peft_pair(peft)
    others = {n: theirs.base_model.model.get_submodule(n) for n in layers_of(ours)}
    optimizers = [
        torch.optim.SGD([p for p in m.parameters() if p.requires_grad], lr=0.3)
        for m in (ours, theirs)
    ]
    x, y = normal(32, 6, seed=5), normal(32, 4, seed=6)
    cuts = 0
    for step in range(1, 21):
        for model, optimizer in zip((ours, theirs), optimizers):
            optimizer.zero_grad()
            (model(x) - y).square().mean().backward()
            optimizer.step()
        budget = allocator.step(step)
        theirs.base_model.update_and_allocate(step)
        assert budget == theirs.base_model.rankallocator.budget_schedule(step)[0]
        for name, layer in layers_of(ours).items():
            values = others[name].lora_E["default"][:, 0]
            torch.testing.assert_close(layer.lam, values, rtol=1e-4, atol=1e-7)
            assert torch.equal(layer.lam == 0, values == 0)
            cuts += int((values == 0).sum())
    assert cuts > 10
    kept = sum(allocator.ranks().values())
    pattern = theirs.peft_config["default"].rank_pattern
    assert kept == 4 == sum(sum(each) for each in pattern.values())
    assert len(set(allocator.ranks().values())) == 2  # the ranks did become unequal


def test_the_scores_equal_pefts_before_a_cut(peft):
    ours, allocator, theirs = peft_pair(peft, warmup=10)
    moved(ours)
    names = {"Q": "lora_A", "P": "lora_B", "lam": "lora_E"}
    peer = theirs.base_model.rankallocator
    for step in (1, 2, 3):
        for name, layer in layers_of(ours).items():
            other = theirs.base_model.model.get_submodule(name)
            for number, (own, their) in enumerate(names.items()):
                weight, copy = getattr(layer, own), getattr(other, their)["default"]
                weight.grad = normal(*weight.shape, seed=10 * step + number)
                with torch.no_grad():
                    copy.copy_(weight.view_as(copy))
                copy.grad = weight.grad.view_as(copy)
        allocator.step(step)
        peer.update_ipt(theirs.base_model.model)
    for name, score in allocator.scores().items():
        key = f"{name}.%s.default"
        part = {own: peer._element_score(key % their) for own, their in names.items()}
        expected = part["lam"][:, 0] + part["Q"].mean(1) + part["P"].mean(0)
        torch.testing.assert_close(score, expected)


def test_exactly_the_budget_is_kept_and_ties_in_a_layer_go_to_the_first():
    model = adapted(rank=4)
    allocator = RankAllocator(model, target_rank=1, total=10)
    for layer in layers_of(model).values():
        for param in layer.added():
            param.grad = torch.ones_like(param)
            param.data.fill_(1.0)
    allocator.step(1)
    ranks = allocator.ranks()
    assert sum(ranks.values()) == rank_budget(1, 8, 2, 10, 0, 0) == 6
    for name, kept in allocator.kept.items():
        assert kept.tolist() == [True] * ranks[name] + [False] * (4 - ranks[name])


def test_a_triplet_that_was_cut_can_come_back_until_the_last_phase():
    model = adapted(rank=2)
    allocator = RankAllocator(model, target_rank=1, total=10, final=3, interval=100)
    layers = layers_of(model)

    def gradients():
        for layer in layers.values():
            for param in layer.added():
                param.grad = torch.ones_like(param)

    gradients()
    for step in range(1, 8):
        allocator.step(step)
    gone = {name: ~kept for name, kept in allocator.kept.items()}
    assert sum(int(g.sum()) for g in gone.values()) == 2
    for layer in layers.values():
        layer.lam.data.fill_(1.0)  # as a gradient step may do
    allocator.step(8)
    assert all(not layers[name].lam[g].any() for name, g in gone.items())


def test_attached_to_an_optimizer_it_counts_the_steps_itself():
    model = adapted(rank=4)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = Optimizer(trained, SGD(lr=0.05))
    allocator = RankAllocator(model, target_rank=2, total=12, warmup=2, final=2).attach(optimizer)
    x, y = normal(32, 6, seed=5), normal(32, 4, seed=6)
    left = []
    for _ in range(12):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()
        left.append(sum(int((layer.lam != 0).sum()) for layer in layers_of(model).values()))
    assert left[:2] == [8, 8] and left[-3:] == [4, 4, 4]
    assert sum(allocator.ranks().values()) == 4


def deep_net(seed):
    g, layers = generator(seed), []
    for _ in range(3):
        layers += [nn.Linear(16, 16, bias=False), nn.Tanh()]
        with torch.no_grad():
            layers[-2].weight.normal_(0, 0.25, generator=g)
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("seed", range(2))
def test_the_ranks_go_where_the_change_was_planted(seed):
    truth, g = deep_net(seed), generator(100 + seed)
    with torch.no_grad():  # the second layer changes by a matrix of rank six, the others do not
        change = torch.randn(16, 6, generator=g) @ torch.randn(6, 16, generator=g)
        truth[2].weight += change / 8
        x = torch.randn(512, 16, generator=g)
        y = truth(x)
    model = add_adalora(deep_net(seed), ["0", "2", "4"], rank=6)
    optimizer = Optimizer([p for p in model.parameters() if p.requires_grad], Adam(lr=0.02))
    allocator = RankAllocator(model, 2, total=200, warmup=30, final=60, interval=5)
    allocator.attach(optimizer)
    for _ in range(200):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()
    assert sum(allocator.ranks().values()) == 6 and allocator.ranks()["2"] >= 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target_rank": 0}, "mean rank of 4: choose one from 1"),
        ({"target_rank": 5}, "mean rank of 4"),
        ({"warmup": 6, "final": 3}, "less than two of 10"),
        ({"warmup": -1}, "less than two"),
        ({"interval": 0}, "interval is 0"),
        ({"beta1": 1.0}, "betas 1.0"),
        ({"beta2": 0.0}, "between 0 and 1"),
    ],
)
def test_a_plan_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        RankAllocator(adapted(rank=4), **({"target_rank": 2, "total": 10} | settings))


def test_what_has_no_gradients_or_no_layers():
    with pytest.raises(ValueError, match=r"one\.P has no gradient: call step after backward"):
        RankAllocator(adapted(), target_rank=2, total=10).step(1)
    for call in (orthogonality_penalty, lambda model: RankAllocator(model, 1, 10)):
        with pytest.raises(ValueError, match="Net has no AdaLoRA layers"):
            call(Net())
    with pytest.raises(ValueError, match="rank is 0"):
        add_adalora(Net(), ["one"], rank=0)
    assert math.isfinite(orthogonality_penalty(adapted()).item())
