import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from recsys_book.optimizers import Optimizer
from recsys_book.optimizers.rules import SGD, ScheduleFreeAdamW, ScheduleFreeSGD
from recsys_book.optimizers.rules.schedule_free import warm_up

_spec = importlib.util.spec_from_file_location(
    "against_numpy", Path(__file__).with_name("against_numpy.py")
)
against = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(against)

pytestmark = pytest.mark.equation("eq-schedule-free")


class PaperSGD:
    """All three sequences kept; the model's weights are y."""

    def __init__(self, weights, lr, momentum=0.9, warmup_steps=0, weight_decay=0.0):
        self.y, self.gamma, self.beta = weights, lr, momentum
        self.warmup, self.decay, self.t = warmup_steps, weight_decay, 0
        self.z = [w.copy() for w in weights]
        self.x = [w.copy() for w in weights]
        self.rates = []

    def step(self, grads):
        self.t += 1
        rate = self.gamma * (min(1, self.t / self.warmup) if self.warmup else 1)
        self.move(rate, [g + self.decay * y for g, y in zip(grads, self.y, strict=True)])

    def move(self, rate, directions):
        self.rates.append(rate)
        c = rate**2 / sum(r**2 for r in self.rates)
        for k, u in enumerate(directions):
            self.z[k] = self.z[k] - rate * u
            self.x[k] = (1 - c) * self.x[k] + c * self.z[k]
            self.y[k][...] = (1 - self.beta) * self.z[k] + self.beta * self.x[k]


class PaperAdamW(PaperSGD):
    """Schedule-Free AdamW as in the paper's Algorithm 1."""

    def __init__(self, weights, beta1=0.9, beta2=0.999, eps=1e-8, **rest):
        super().__init__(weights, momentum=beta1, **rest)
        self.beta2, self.eps = beta2, eps
        self.v = [np.zeros_like(w) for w in weights]

    def step(self, grads):
        self.t += 1
        rate = self.gamma * np.sqrt(1 - self.beta2**self.t)
        rate *= min(1, self.t / self.warmup) if self.warmup else 1
        directions = []
        for k, g in enumerate(grads):
            self.v[k] = self.beta2 * self.v[k] + (1 - self.beta2) * g**2
            directions.append(g / (np.sqrt(self.v[k]) + self.eps) + self.decay * self.y[k])
        self.move(rate, directions)


def test_sgd_equals_the_paper():
    hyper = {"lr": 0.05, "warmup_steps": 20, "weight_decay": 0.1}
    other = {"lr": 0.1, "momentum": 0.5, "warmup_steps": 0}
    against.assert_equals_transcription(ScheduleFreeSGD, PaperSGD, hyper, other)


def test_adamw_equals_the_paper():
    hyper = {"lr": 0.05, "warmup_steps": 20, "weight_decay": 0.1}
    other = {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "warmup_steps": 0}
    against.assert_equals_transcription(ScheduleFreeAdamW, PaperAdamW, hyper, other)


@pytest.mark.parametrize(
    ("rule", "paper"), [(ScheduleFreeSGD, PaperSGD), (ScheduleFreeAdamW, PaperAdamW)]
)
def test_eval_shows_the_average_and_train_returns_to_the_path(rule, paper):
    problem = against.Problem(seed=3)
    hyper, evaluated = {"lr": 0.05}, []

    def evaluate(step, optimizer):
        optimizer.eval()
        params = [p for group in optimizer.param_groups for p in group["params"]]
        evaluated.append([p.detach().numpy().copy() for p in params])
        optimizer.train()

    path = against.ours(problem, rule(**hyper), {}, 60, evaluate)
    weights = [w.copy() for w in problem.start]
    reference = paper(weights, **hyper)
    for step in range(1, 61):
        reference.step(against.clipped(problem.gradients(weights, step), against.CLIP))
        against.assert_same_path([evaluated[step - 1]], [reference.x], rtol=1e-6)
    # The last step's weights were copied before eval() and train(): the path went on unharmed.
    against.assert_same_path([path[-1]], [weights], rtol=1e-6)


def test_without_warm_up_the_evaluated_weights_are_the_plain_mean_of_z():
    w = torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = Optimizer([w], ScheduleFreeSGD(lr=0.1))
    steps = []
    for k in range(10):
        w.grad = torch.full((3,), float(k), dtype=torch.float64)
        optimizer.step()
        steps.append(optimizer.state[w]["z"].clone())
    optimizer.eval()
    torch.testing.assert_close(w.detach(), torch.stack(steps).mean(0))


RUNS, COORDINATES = 400, 4


def excess_loss(rule, rate_at=None, steps=512, seed=0):
    """The mean excess loss of many runs on a quadratic with noisy gradients."""
    generator = torch.Generator().manual_seed(seed)
    curvature = torch.tensor([0.05, 0.2, 0.5, 1.0], dtype=torch.float64)
    w = torch.ones(RUNS, COORDINATES, dtype=torch.float64).requires_grad_()
    optimizer = Optimizer([w], rule)
    for step in range(steps):
        if rate_at is not None:
            optimizer.param_groups[0]["lr"] = rate_at(step)
        noise = torch.randn(w.shape, generator=generator, dtype=torch.float64)
        w.grad = curvature * w.detach() + noise
        optimizer.step()
    optimizer.eval()
    return ((curvature * w.detach() ** 2).sum(1) / 2).mean().item()


def best_linear_decay(steps):
    """The best of a grid of rates, each decayed to zero exactly at the end."""
    rates = [0.05, 0.1, 0.2]
    return min(excess_loss(SGD(), lambda k, a=a: a * (1 - k / steps), steps) for a in rates)


def test_without_a_schedule_the_average_does_as_well_as_a_decay_that_knows_the_end():
    """One rate for both horizons, against a decay made and tuned for each horizon."""
    for steps in (128, 512):
        free = excess_loss(ScheduleFreeSGD(lr=0.1, momentum=0.5), steps=steps)
        assert free < 1.1 * best_linear_decay(steps)


def test_the_average_removes_the_noise_floor_of_a_constant_rate():
    constant = [excess_loss(SGD(lr=0.2), steps=s) for s in (256, 512)]
    free = [excess_loss(ScheduleFreeSGD(lr=0.2, momentum=0.5), steps=s) for s in (256, 512)]
    assert constant[1] > 0.8 * constant[0]  # no progress any more
    assert free[1] < 0.75 * free[0]  # goes on, about as one over the steps
    assert free[1] < 0.2 * constant[1]


def test_more_weight_on_the_average_costs_where_noise_dominates():
    high, low = (excess_loss(ScheduleFreeSGD(lr=0.1, momentum=m)) for m in (0.9, 0.5))
    assert high > 1.4 * low


def test_warm_up_is_linear_and_then_full():
    assert [warm_up(t, 4) for t in (1, 2, 3, 4, 5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert warm_up(1, 0) == 1.0


def test_a_rate_of_zero_changes_nothing_and_is_not_averaged():
    w = torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = Optimizer([w], ScheduleFreeSGD(lr=0.0))
    w.grad = torch.ones(3, dtype=torch.float64)
    optimizer.step()
    assert w.tolist() == [1, 1, 1]
    optimizer.param_groups[0]["lr"] = 0.5
    optimizer.step()
    optimizer.eval()
    assert w.tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("rule", "field"), [(ScheduleFreeSGD, "momentum"), (ScheduleFreeAdamW, "beta1")]
)
def test_refuses_to_lose_the_average(rule, field):
    with pytest.raises(ValueError, match=f"{rule.__name__}: .* is 0.0, but it must be positive"):
        rule(**{field: 0.0})
    with pytest.raises(ValueError, match="decay rate"):
        rule(**{field: 1.0})


def test_large_tensors_are_cut_with_the_same_result():
    """The sum of the average's weights is shared by all blocks of a tensor."""
    from recsys_book.optimizers.batching import BLOCK

    size = BLOCK + 3
    start = torch.linspace(-1, 1, size, dtype=torch.float64)
    large, few = start.clone().requires_grad_(), start[:5].clone().requires_grad_()
    optimizers = [Optimizer([w], ScheduleFreeAdamW(lr=0.1, warmup_steps=3)) for w in (large, few)]
    for _ in range(4):
        for w, optimizer in zip((large, few), optimizers):
            w.grad = w.detach().sin()
            optimizer.step()
    torch.testing.assert_close(large[:5], few)
    torch.testing.assert_close(large[-5:], -large[:5].flip(0))
