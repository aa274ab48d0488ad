"""Joining small tensors and cutting large ones changes nothing."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from recsys_book.optimizers import Adam, AdamW, Optimizer, Rule, batching
from recsys_book.optimizers.batching import buckets, step_cut, step_joined
from recsys_book.optimizers.decay import with_coupled_decay, with_decoupled_decay


def tensors(sizes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    params = [nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64)) for s in sizes]
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator, dtype=torch.float64)
    return params


def test_small_tensors_share_a_bucket_and_large_ones_stand_alone():
    params = tensors([(30,), (40,), (200,), (50,), (2, 5), (45,)])
    sizes = [[p.numel() for p in bucket] for bucket in buckets(params, block=100)]
    assert sizes == [[200], [30, 40], [50, 10], [45]]


def test_every_tensor_is_in_one_bucket():
    params = tensors([(n,) for n in range(1, 60)])
    found = [id(p) for bucket in buckets(params, block=64) for p in bucket]
    assert sorted(found) == sorted(id(p) for p in params)


def test_no_tensors_make_no_bucket():
    assert list(buckets([])) == []


@dataclass
class Counting(Rule):
    """Counts its steps in a scalar that all weights share, and adds the count."""

    shared: ClassVar[frozenset[str]] = frozenset({"count"})

    def init(self, param):
        return {"count": torch.zeros(()), "past": torch.zeros_like(param)}

    def update(self, grad, state, step, param=None):
        state["count"] += 1
        state["past"] += grad
        return state["past"] * state["count"]


@pytest.mark.parametrize("rule", [Adam(lr=0.1, weight_decay=0.01), AdamW(lr=0.1), Counting()])
def test_joined_and_cut_steps_equal_plain_ones(rule):
    plain, joined, cut = (tensors([(7, 3), (50,), (1,)]) for _ in range(3))
    states = [[rule.init(p) for p in params] for params in (plain, joined, cut)]
    with torch.no_grad():
        for step in (1, 2, 3):
            for param, state in zip(plain, states[0]):
                batching.apply_rule(rule, param, param.grad, state, step)
            step_joined(rule, joined, states[1], step)
            for param, state in zip(cut, states[2]):
                step_cut(rule, param, state, step, block=8)
    for a, b, c in zip(plain, joined, cut):
        torch.testing.assert_close(a, b)
        torch.testing.assert_close(a, c)
    for a, b, c in zip(*states):
        for name in a:
            torch.testing.assert_close(a[name], b[name])
            torch.testing.assert_close(a[name], c[name])


def test_the_optimizer_joins_and_cuts(monkeypatch):
    seen = []
    monkeypatch.setattr("recsys_book.optimizers.optimizer.BLOCK", 16)
    for name in ("step_joined", "step_cut"):
        real = getattr(batching, name)
        monkeypatch.setattr(
            f"recsys_book.optimizers.optimizer.{name}",
            lambda *args, real=real, name=name: (seen.append(name), real(*args)),
        )
    params = tensors([(3,), (4,), (200_000,)])
    Optimizer(params, Adam()).step()
    assert sorted(seen) == ["step_cut", "step_joined"]


def test_a_coupled_rule_sees_a_group_as_one_tensor():
    @dataclass
    class Norm(Rule):
        """Moves by the gradient over the norm of the whole group's gradient."""

        coupled: ClassVar[bool] = True

        def update(self, grad, state, step, param=None):
            return -grad / grad.norm()

    params = tensors([(2, 3), (4,)])
    before = torch.cat([p.detach().reshape(-1).clone() for p in params])
    Optimizer(params, Norm()).step()
    moved = torch.cat([p.detach().reshape(-1) for p in params]) - before
    assert moved.norm().item() == pytest.approx(1.0)


def test_a_rule_that_is_not_elementwise_sees_whole_tensors():
    @dataclass
    class Shapes(Rule):
        """Remembers the shapes that it is given."""

        elementwise: ClassVar[bool] = False
        seen: ClassVar[list] = []

        def update(self, grad, state, step, param=None):
            self.seen.append(tuple(grad.shape))
            return torch.zeros_like(grad)

    Optimizer(tensors([(2, 3), (4,)]), Shapes()).step()
    assert Shapes.seen == [(2, 3), (4,)]


def test_tensors_that_are_not_contiguous_are_stepped():
    one = nn.Parameter(torch.randn(600, 500, dtype=torch.float64).t())
    two = nn.Parameter(one.detach().contiguous().clone())
    one.grad = torch.randn(500, 600, dtype=torch.float64)
    two.grad = one.grad.clone()
    for param in (one, two):
        Optimizer([param], Adam()).step()
    torch.testing.assert_close(one, two)


@pytest.mark.equation("eq-coupled-decay")
def test_coupled_decay_is_the_gradient_of_a_penalty():
    w = torch.randn(5, dtype=torch.float64, requires_grad=True)
    loss = (w**3).sum()
    (plain,) = torch.autograd.grad(loss, w)
    (full,) = torch.autograd.grad((w**3).sum() + 0.3 / 2 * (w**2).sum(), w)
    torch.testing.assert_close(with_coupled_decay(plain, w.detach(), 0.3), full)


@pytest.mark.equation("eq-decoupled-decay")
def test_decoupled_decay_leaves_the_gradient_alone():
    ours, theirs = tensors([(6,)]), tensors([(6,)])
    optimizer = Optimizer(ours, AdamW(lr=0.1, weight_decay=0.2))
    peer = torch.optim.AdamW(theirs, lr=0.1, weight_decay=0.2)
    for _ in range(100):
        optimizer.step()
        peer.step()
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-6, atol=1e-12)
    w = torch.tensor([2.0])
    assert with_decoupled_decay(w, 0.1, 0.2).item() == pytest.approx(2.0 * (1 - 0.02))
