import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from recsys_book.optimizers import Optimizer
from recsys_book.optimizers.rules import SGD, HypergradientAdam, HypergradientSGD

_spec = importlib.util.spec_from_file_location(
    "against_numpy", Path(__file__).with_name("against_numpy.py")
)
against = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(against)


class PaperSGD:
    """SGD-HD as in the paper: one rate for all tensors of the group."""

    def __init__(self, weights, lr, hyper_lr, weight_decay=0.0, multiplicative=False):
        self.w, self.alpha, self.beta, self.decay = weights, lr, hyper_lr, weight_decay
        self.multiplicative = multiplicative
        self.u = [np.zeros_like(w) for w in weights]  # gradient of the last update in alpha

    def gradients(self, grads):
        return [g + self.decay * w for g, w in zip(grads, self.w, strict=True)]

    def adapt(self, grads):
        h = sum((g * u).sum() for g, u in zip(grads, self.u, strict=True))
        if self.multiplicative:
            sizes = [np.sqrt(sum((x**2).sum() for x in xs)) for xs in (grads, self.u)]
            self.alpha *= 1 - self.beta * (h / (sizes[0] * sizes[1]) if min(sizes) > 0 else 0)
        else:
            self.alpha -= self.beta * h

    def step(self, grads):
        grads = self.gradients(grads)
        self.adapt(grads)
        self.u = [-g for g in grads]
        for w, u in zip(self.w, self.u, strict=True):
            w += self.alpha * u


class PaperAdam(PaperSGD):
    """Adam-HD as in the paper."""

    def __init__(self, weights, beta1=0.9, beta2=0.999, eps=1e-8, **hyper):
        super().__init__(weights, **hyper)
        self.beta1, self.beta2, self.eps, self.t = beta1, beta2, eps, 0
        self.m = [np.zeros_like(w) for w in weights]
        self.v = [np.zeros_like(w) for w in weights]

    def step(self, grads):
        grads = self.gradients(grads)
        self.adapt(grads)
        self.t += 1
        for k, g in enumerate(grads):
            self.m[k] = self.beta1 * self.m[k] + (1 - self.beta1) * g
            self.v[k] = self.beta2 * self.v[k] + (1 - self.beta2) * g**2
            m_hat = self.m[k] / (1 - self.beta1**self.t)
            v_hat = self.v[k] / (1 - self.beta2**self.t)
            self.u[k] = -m_hat / (np.sqrt(v_hat) + self.eps)
            self.w[k] += self.alpha * self.u[k]


@pytest.mark.equation("eq-hypergradient")
@pytest.mark.parametrize("multiplicative", [False, True])
def test_sgd_equals_the_paper(multiplicative):
    hyper = {"lr": 0.01, "hyper_lr": 2e-4, "weight_decay": 0.1, "multiplicative": multiplicative}
    other = {"lr": 0.002, "hyper_lr": 0.05 if multiplicative else 1e-3}
    against.assert_equals_transcription(HypergradientSGD, PaperSGD, hyper, other)


@pytest.mark.equation("eq-hypergradient-adam")
@pytest.mark.parametrize("multiplicative", [False, True])
def test_adam_equals_the_paper(multiplicative):
    hyper = {"lr": 0.01, "hyper_lr": 1e-4, "weight_decay": 0.1, "multiplicative": multiplicative}
    other = {"lr": 0.002, "beta1": 0.5, "beta2": 0.9}
    against.assert_equals_transcription(HypergradientAdam, PaperAdam, hyper, other)


@pytest.mark.equation("eq-hypergradient")
def test_the_hypergradient_is_the_derivative_of_the_next_loss_in_the_rate():
    """The rate moves by hyper_lr times minus d f(w - rate g(w)) / d rate, by autograd."""
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    w0 = torch.randn(5, generator=generator, dtype=torch.float64)

    def loss(w):
        return (w @ A @ A.T @ w) / 2 + w.sin().sum()

    rate = torch.tensor(0.03, dtype=torch.float64, requires_grad=True)
    start = w0.clone().requires_grad_()
    (g0,) = torch.autograd.grad(loss(start), start)
    (derivative,) = torch.autograd.grad(loss(w0 - rate * g0.detach()), rate)

    w = w0.clone().requires_grad_()
    optimizer = Optimizer([w], HypergradientSGD(lr=0.03, hyper_lr=1e-3))
    for _ in range(2):
        optimizer.zero_grad()
        loss(w).backward()
        optimizer.step()
    torch.testing.assert_close(optimizer.state[w]["rate"], 0.03 - 1e-3 * derivative)


def descend(rule, steps):
    """The loss after some steps down a quadratic, and the optimizer's state."""
    curvature = torch.logspace(-1, 0, 20, dtype=torch.float64)
    w = torch.ones(20, dtype=torch.float64, requires_grad=True)
    optimizer = Optimizer([w], rule)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (curvature * w**2).sum() / 2
        loss.backward()
        optimizer.step()
    return (curvature * w.detach() ** 2).sum().item() / 2, optimizer.state[w]


@pytest.mark.parametrize(
    "hyper",
    [{"hyper_lr": 2e-2}, {"hyper_lr": 0.2, "multiplicative": True}],
    ids=["add", "multiply"],
)
def test_recovers_from_a_rate_a_hundred_times_too_small(hyper):
    best = 2 / (0.1 + 1)  # 2 / (h_min + h_max)
    stuck, _ = descend(SGD(lr=best / 100), 100)
    recovered, state = descend(HypergradientSGD(lr=best / 100, **hyper), 100)
    assert stuck > 0.1
    assert recovered < 1e-3 * stuck
    assert state["rate"] > 20 * best / 100


def test_adam_recovers_from_a_rate_a_hundred_times_too_small():
    stuck, _ = descend(HypergradientAdam(lr=1e-4, hyper_lr=0.0), 200)
    recovered, state = descend(HypergradientAdam(lr=1e-4, hyper_lr=1e-4), 200)
    assert recovered < 0.05 * stuck
    assert state["rate"] > 10 * 1e-4


def test_without_a_hyper_rate_it_is_plain_descent():
    plain, _ = descend(SGD(lr=0.3), 30)
    learned, state = descend(HypergradientSGD(lr=0.3, hyper_lr=0.0), 30)
    assert learned == plain
    assert state["rate"] == 0.3


def test_tensors_of_a_group_share_one_rate_and_groups_do_not():
    rates = {}

    def remember(step, optimizer):
        rates[step] = [
            [optimizer.state[p]["rate"].item() for p in group["params"]]
            for group in optimizer.param_groups
        ]

    rule = HypergradientSGD(lr=0.01, hyper_lr=1e-3)
    against.ours(against.Problem(), rule, {"lr": 0.02}, steps=60, on_step=remember)
    for first, second in rates.values():
        assert len(set(first)) == len(set(second)) == 1
        assert first != second
    assert rates[60] != rates[51]


def test_a_vanishing_gradient_leaves_a_multiplied_rate_as_it_is():
    w = torch.zeros(3, requires_grad=True)
    optimizer = Optimizer([w], HypergradientSGD(lr=0.1, hyper_lr=0.1, multiplicative=True))
    for _ in range(3):
        w.grad = torch.zeros(3)
        optimizer.step()
    assert optimizer.state[w]["rate"].item() == pytest.approx(0.1)
    assert w.tolist() == [0, 0, 0]


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_a_multiplied_rate_grows_the_same_whatever_the_size_of_the_gradients(size):
    """Their squares are beyond single precision."""
    w = torch.ones(3, requires_grad=True)
    rule = HypergradientSGD(lr=1e-35, hyper_lr=0.5, multiplicative=True)
    optimizer = Optimizer([w], rule)
    for _ in range(3):
        w.grad = torch.full((3,), size)
        optimizer.step()
    assert optimizer.state[w]["rate"].item() == pytest.approx(1e-35 * 1.5**2, rel=1e-5)


def test_asking_for_a_compiled_step_does_not_give_each_tensor_a_rate_of_its_own():
    paths = []
    for compile in (False, True):
        params = [torch.full((n,), float(n), requires_grad=True) for n in (2, 3)]
        rule = HypergradientSGD(lr=0.01, hyper_lr=1e-3)
        optimizer = Optimizer(params, rule, compile=compile)
        for _ in range(4):
            for param in params:
                param.grad = param.detach().clone()
            optimizer.step()
        paths.append(torch.cat([p.detach() for p in params]))
    assert torch.equal(*paths)
