import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from recsys_book.optimizers import Optimizer
from recsys_book.optimizers.rules import LAMB, Lion
from recsys_book.optimizers.rules.large_batch import trust_ratio

_spec = importlib.util.spec_from_file_location(
    "against_numpy", Path(__file__).with_name("against_numpy.py")
)
against = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(against)


class PaperLion:
    def __init__(self, weights, lr, beta1=0.9, beta2=0.99, weight_decay=0.0):
        self.w, self.eta, self.beta1, self.beta2 = weights, lr, beta1, beta2
        self.decay, self.m = weight_decay, [np.zeros_like(w) for w in weights]

    def step(self, grads):
        for k, g in enumerate(grads):
            c = self.beta1 * self.m[k] + (1 - self.beta1) * g
            self.w[k] -= self.eta * (np.sign(c) + self.decay * self.w[k])
            self.m[k] = self.beta2 * self.m[k] + (1 - self.beta2) * g


class PaperLAMB:
    def __init__(self, weights, lr, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.01):
        self.w, self.eta, self.beta1, self.beta2 = weights, lr, beta1, beta2
        self.eps, self.decay, self.t = eps, weight_decay, 0
        self.m, self.v = ([np.zeros_like(w) for w in weights] for _ in range(2))

    def step(self, grads):
        self.t += 1
        for k, g in enumerate(grads):
            self.m[k] = self.beta1 * self.m[k] + (1 - self.beta1) * g
            self.v[k] = self.beta2 * self.v[k] + (1 - self.beta2) * g**2
            m_hat = self.m[k] / (1 - self.beta1**self.t)
            v_hat = self.v[k] / (1 - self.beta2**self.t)
            u = m_hat / (np.sqrt(v_hat) + self.eps) + self.decay * self.w[k]
            ratio = np.linalg.norm(self.w[k].ravel()) / np.linalg.norm(u.ravel())
            self.w[k] -= self.eta * ratio * u


@pytest.mark.equation("eq-lion")
def test_lion_equals_the_paper():
    hyper = {"lr": 0.01, "weight_decay": 0.1}
    other = {"lr": 0.003, "beta1": 0.5, "beta2": 0.9}
    against.assert_equals_transcription(Lion, PaperLion, hyper, other)


@pytest.mark.equation("eq-lamb")
def test_lamb_equals_the_paper():
    hyper = {"lr": 0.01, "weight_decay": 0.1}
    other = {"lr": 0.03, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3}
    against.assert_equals_transcription(LAMB, PaperLAMB, hyper, other)


@pytest.mark.equation("eq-lion")
def test_lion_moves_every_weight_by_the_rate_and_against_the_interpolated_gradient():
    generator = torch.Generator().manual_seed(0)
    rule, w = Lion(lr=0.02), torch.zeros(50)
    state = rule.init(w)
    for step in range(1, 11):
        m = state["m"].clone()
        grad = torch.randn(50, generator=generator) * 10.0 ** (step - 5)
        change = rule.update(grad, state, step)
        torch.testing.assert_close(change.abs(), torch.full((50,), 0.02))
        assert (change.sign() == -(0.9 * m + 0.1 * grad).sign()).all()
    assert torch.equal(rule.update(torch.zeros(50), rule.init(w), 1), torch.zeros(50))


@pytest.mark.equation("eq-lamb")
def test_lambs_step_is_a_share_of_the_norm_of_each_tensor():
    rule = LAMB(lr=0.01)
    for size, scale in ((1.0, 1.0), (100.0, 1.0), (1.0, 1e4)):
        w = size * torch.linspace(-1, 2, 12, dtype=torch.float64).reshape(3, 4)
        grad = scale * w.cos()
        change = rule.update(grad, rule.init(w), 1, w)
        torch.testing.assert_close(change.norm(), 0.01 * w.norm())


def test_the_trust_ratio_of_zero_weights_or_a_zero_direction_is_one():
    ones, zeros = torch.ones(4), torch.zeros(4)
    assert trust_ratio(2 * ones, ones) == 2
    assert trust_ratio(zeros, ones) == trust_ratio(ones, zeros) == 1


def test_lamb_can_leave_zero():
    w = torch.zeros(4, requires_grad=True)
    optimizer = Optimizer([w], LAMB(lr=0.01))
    w.grad = torch.tensor([1.0, -2.0, 3.0, 0.0])
    optimizer.step()
    torch.testing.assert_close(
        w.detach(), torch.tensor([-0.01, 0.01, -0.01, 0.0]), rtol=1e-4, atol=0
    )


def test_each_tensor_has_its_own_trust_ratio():
    large, small = (torch.full((3,), s, requires_grad=True) for s in (100.0, 0.01))
    optimizer = Optimizer([large, small], LAMB(lr=0.1, weight_decay=0.0))
    large.grad, small.grad = torch.ones(3), torch.ones(3)
    optimizer.step()
    torch.testing.assert_close(large.detach(), torch.full((3,), 90.0))
    torch.testing.assert_close(small.detach(), torch.full((3,), 0.009))
