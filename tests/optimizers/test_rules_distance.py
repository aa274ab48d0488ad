import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from recsys_book.optimizers import Optimizer
from recsys_book.optimizers.rules import DAdaptAdam, DAdaptSGD, Prodigy

_spec = importlib.util.spec_from_file_location(
    "against_numpy", Path(__file__).with_name("against_numpy.py")
)
against = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(against)

RULES = [DAdaptSGD, DAdaptAdam, Prodigy]


def flatten(arrays):
    return np.concatenate([a.ravel() for a in arrays])


class Paper:
    """The pseudo-codes work on one vector: x is the group's tensors end to end."""

    def __init__(self, weights, lr=1.0, d0=1e-6, weight_decay=0.0, **rest):
        self.w, self.gamma, self.d, self.decay = weights, lr, d0, weight_decay
        self.x = flatten(weights)
        self.x0 = self.x.copy()
        self.s = np.zeros_like(self.x)
        self.r = 0.0
        self.setup(**rest)

    def step(self, grads):
        self.advance(flatten(grads))
        for w, piece in zip(self.w, np.split(self.x, np.cumsum([w.size for w in self.w])[:-1])):
            w[...] = piece.reshape(w.shape)


class PaperSGD(Paper):
    """SGD with D-Adaptation."""

    def setup(self, momentum=0.0, d_coef=2.0):
        self.beta, self.coefficient, self.G, self.past = momentum, d_coef, None, []

    def advance(self, g):
        g = g + self.decay * self.x
        self.G = np.linalg.norm(g) if self.G is None else self.G
        rate = self.d * self.gamma / self.G
        self.past.append(rate * g @ self.s)
        self.s = self.s + rate * g
        z = self.x0 - self.s
        self.x = self.beta * self.x + (1 - self.beta) * z
        self.d = max(self.d, self.coefficient * sum(self.past) / np.linalg.norm(self.s))


class PaperAdam(Paper):
    """Adam with D-Adaptation."""

    def setup(self, beta1=0.9, beta2=0.999, eps=1e-8):
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        self.m, self.v = np.zeros_like(self.x), np.zeros_like(self.x)

    def A_inverse(self):
        return np.diag(1 / (np.sqrt(self.v) + self.eps))

    def advance(self, g):
        g = g + self.decay * self.x
        root = np.sqrt(self.beta2)
        product = g @ self.A_inverse() @ self.s  # in the metric in which x came from s
        self.m = self.beta1 * self.m + (1 - self.beta1) * self.d * self.gamma * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        self.x = self.x - self.A_inverse() @ self.m
        self.r = root * self.r + (1 - root) * self.d * self.gamma * product
        self.s = root * self.s + (1 - root) * self.d * self.gamma * g
        self.d = max(self.d, self.r / ((1 - root) * np.abs(self.s).sum()))


class PaperProdigy(PaperAdam):
    """Prodigy, Adam version, with decoupled decay at the adapted rate."""

    def setup(self, d_coef=1.0, **rest):
        super().setup(**rest)
        self.coefficient = d_coef

    def advance(self, g):
        root, d, gamma = np.sqrt(self.beta2), self.d, self.gamma
        self.m = self.beta1 * self.m + (1 - self.beta1) * d * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * d**2 * g**2
        self.r = root * self.r + (1 - root) * gamma * d**2 * (g @ (self.x0 - self.x))
        self.s = root * self.s + (1 - root) * gamma * d**2 * g
        self.d = max(d, self.coefficient * self.r / np.abs(self.s).sum())
        shrunk = self.x - gamma * d * self.decay * self.x
        self.x = shrunk - gamma * d * self.m / (np.sqrt(self.v) + d * self.eps)


@pytest.mark.equation("eq-d-adaptation")
def test_dadapt_sgd_equals_the_paper():
    hyper = {"lr": 1.0, "momentum": 0.9, "weight_decay": 0.1, "d0": 1e-3}
    other = {"momentum": 0.0, "lr": 0.5, "d_coef": 1.0}
    against.assert_equals_transcription(DAdaptSGD, PaperSGD, hyper, other)


@pytest.mark.equation("eq-d-adaptation")
def test_dadapt_adam_equals_the_paper():
    hyper = {"lr": 1.0, "weight_decay": 0.1, "d0": 1e-3}
    other = {"lr": 0.5, "beta1": 0.5, "beta2": 0.9}
    against.assert_equals_transcription(DAdaptAdam, PaperAdam, hyper, other)


@pytest.mark.equation("eq-prodigy")
def test_prodigy_equals_the_paper():
    hyper = {"lr": 1.0, "weight_decay": 0.1, "d0": 1e-3, "eps": 1e-3}
    other = {"lr": 0.5, "beta1": 0.5, "beta2": 0.9, "d_coef": 0.7}
    against.assert_equals_transcription(Prodigy, PaperProdigy, hyper, other)


def absolute(w):
    """A convex loss with its minimum at zero, kinked and badly scaled."""
    return (torch.logspace(-1, 1, len(w), dtype=w.dtype) * w.abs()).sum()


def quadratic(w):
    return (torch.logspace(-1, 1, len(w), dtype=w.dtype) * w**2).sum() / 2


def follow(rule, loss, start, steps):
    """The weights and the estimate after each step."""
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = Optimizer([w], rule)
    path, estimates = [], []
    for _ in range(steps):
        optimizer.zero_grad()
        loss(w).backward()
        optimizer.step()
        path.append(w.detach().clone())
        estimates.append(optimizer.state[w]["d"].item())
    return torch.stack(path), np.array(estimates)


START = [3.0, -1.0, 2.0, 0.5, -4.0, 1.0, 2.5, -0.3]


@pytest.mark.equation("eq-d-adaptation")
@pytest.mark.parametrize("loss", [absolute, quadratic])
def test_dadapt_sgds_estimate_grows_to_a_lower_bound_of_the_distance(loss):
    distance = np.linalg.norm(START)  # the minimum is at zero
    _, d = follow(DAdaptSGD(momentum=0.0, d_coef=1.0), loss, START, 400)
    assert (np.diff(d) >= 0).all()
    assert d[0] == pytest.approx(1e-6)
    assert 0.1 * distance < d[-1] <= distance


@pytest.mark.equation("eq-prodigy")
@pytest.mark.parametrize("loss", [absolute, quadratic])
def test_prodigys_estimate_grows_to_a_lower_bound_of_the_largest_coordinate(loss):
    distance = np.abs(START).max()
    _, d = follow(Prodigy(), loss, START, 400)
    assert (np.diff(d) >= 0).all()
    assert 0.1 * distance < d[-1] <= distance


@pytest.mark.parametrize("loss", [absolute, quadratic])
def test_dadapt_adams_estimate_only_grows_and_finds_the_scale(loss):
    distance = np.abs(START).max()
    _, d = follow(DAdaptAdam(), loss, START, 400)
    assert (np.diff(d) >= 0).all()
    assert 0.1 * distance < d[-1] < 2 * distance  # near the distance, but no bound of it


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e2])
def test_no_rate_to_tune_whatever_the_distance(rule, scale):
    start = [scale * x for x in START]
    path, d = follow(rule(), quadratic, start, 400)
    first = quadratic(torch.tensor(start, dtype=torch.float64))
    assert quadratic(path[-1]) < 0.02 * first
    assert 0.1 < d[-1] / (scale * np.abs(START).max()) < 3


@pytest.mark.parametrize("rule", [DAdaptSGD(), DAdaptAdam(eps=0.0), Prodigy(eps=0.0)])
def test_the_unit_of_the_loss_does_not_matter(rule):
    path, _ = follow(rule, quadratic, START, 100)
    scaled, _ = follow(rule, lambda w: 1000 * quadratic(w), START, 100)
    torch.testing.assert_close(scaled, path, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_a_first_gradient_of_zero_changes_nothing(rule):
    w = torch.ones(3, requires_grad=True)
    optimizer = Optimizer([w], rule())
    for _ in range(2):
        w.grad = torch.zeros(3)
        optimizer.step()
    assert w.tolist() == [1, 1, 1]
    assert optimizer.state[w]["d"].item() == pytest.approx(1e-6)
    for _ in range(100):
        w.grad = w.detach().clone()
        optimizer.step()
    assert (w < 1).all()
    assert optimizer.state[w]["d"] > 1e-6


@pytest.mark.parametrize("rule", RULES)
def test_single_precision_does_not_underflow(rule):
    """Tiny gradients times tiny estimates, squared, are below what float32 can hold."""
    estimates = []
    for dtype in (torch.float32, torch.float64):
        w = torch.tensor(START, dtype=dtype, requires_grad=True)
        optimizer = Optimizer([w], rule() if rule is DAdaptSGD else rule(eps=0.0))
        for _ in range(60):
            w.grad = 1e-8 * w.detach()
            optimizer.step()
        estimates.append(optimizer.state[w]["d"].item())
    assert estimates[0] == pytest.approx(estimates[1], rel=0.02)
    assert estimates[0] > 0.1


def test_a_constant_adapted_rate_ignores_curvature():
    """The limit of the method: it knows the distance, not the steepest curvature."""
    with pytest.raises(ValueError, match="NaN or infinite"):
        follow(DAdaptSGD(momentum=0.0), quadratic, START, 600)
    path, _ = follow(DAdaptSGD(momentum=0.0, lr=0.3), quadratic, START, 400)
    assert quadratic(path[-1]) < 1e-3


def test_tensors_of_a_group_share_one_estimate_and_groups_do_not():
    seen = []

    def remember(step, optimizer):
        seen.append(
            [{optimizer.state[p]["d"].item() for p in g["params"]} for g in optimizer.param_groups]
        )

    against.ours(against.Problem(), Prodigy(d0=1e-3), {"d0": 1e-2}, 60, remember)
    assert all(len(first) == len(second) == 1 for first, second in seen)
    assert all(first != second for first, second in seen)
