import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from recsys_book.optimizers import Optimizer
from recsys_book.optimizers.rules import SM3, Adafactor, AdaGrad

_spec = importlib.util.spec_from_file_location(
    "against_numpy", Path(__file__).with_name("against_numpy.py")
)
against = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(against)

SHAPES = (((6, 4), (5,), (2, 3, 4)), ((2, 3), (4,), ()))


@pytest.mark.equation("eq-adafactor")
@pytest.mark.parametrize("seed", [0, 1])
def test_adafactor_equals_torch(seed):
    problem = against.Problem(seed, SHAPES)

    def torchs(groups):
        first, second = groups
        return torch.optim.Adafactor(
            [
                {"params": first},
                {"params": second, "lr": 0.2, "beta2_decay": -0.5, "d": 2.0, "weight_decay": 0.0},
            ],
            lr=0.05,
            weight_decay=0.1,
        )

    rule = Adafactor(lr=0.05, weight_decay=0.1)
    other = {"lr": 0.2, "decay_exponent": 0.5, "d": 2.0, "weight_decay": 0.0}
    want = against.theirs(problem, torchs)
    against.assert_same_path(against.ours(problem, rule, other), want, rtol=1e-6)
    assert max(np.abs(a - b).max() for a, b in zip(want[-1], problem.start, strict=True)) > 0.1


def test_adafactors_two_floors_equal_torchs():
    problem = against.Problem(2, SHAPES)

    def torchs(groups):
        first, second = groups
        return torch.optim.Adafactor(
            [{"params": first}, {"params": second, "eps": (0.1, 3.0)}], lr=0.05, eps=(0.5, 2.0)
        )

    rule = Adafactor(lr=0.05, eps1=0.5, eps2=2.0)
    got = against.ours(problem, rule, {"eps1": 0.1, "eps2": 3.0})
    against.assert_same_path(got, against.theirs(problem, torchs), rtol=1e-6)


@pytest.mark.equation("eq-adafactor")
def test_rows_times_columns_are_exact_for_a_second_moment_of_rank_one():
    """Then the first step has the sign of the gradient everywhere, as Adam's has."""
    sizes = torch.outer(torch.tensor([1.0, 5.0, 0.1]), torch.tensor([2.0, 0.3]))
    grad = sizes * torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    w = torch.ones(3, 2)
    change = Adafactor(lr=0.01).update(grad, Adafactor().init(w), 1, w)
    torch.testing.assert_close(change, -0.01 * grad.sign())


def test_adafactor_keeps_rows_and_columns_only():
    state = Adafactor().init(torch.zeros(1000, 50))
    assert sum(s.numel() for s in state.values()) == 1000 + 50
    assert sum(s.numel() for s in Adafactor().init(torch.zeros(7)).values()) == 7


def test_adafactor_clips_the_normalised_gradient():
    """After many small gradients a large one is normalised to far above one, and cut."""
    rule, w = Adafactor(lr=0.01), torch.ones(4)
    state = rule.init(w)
    for step in range(1, 100):
        rule.update(torch.full((4,), 1e-3), state, step, w)
    change = rule.update(torch.ones(4), state, 100, w)
    torch.testing.assert_close(change, torch.full((4,), -0.01))


class PaperSM3:
    """SM3-II in the paper's words: sets of weights, loops over weights and over sets."""

    def __init__(self, weights, lr, weight_decay=0.0):
        self.w, self.eta, self.decay = weights, lr, weight_decay
        self.mu = [
            {(axis, place): 0.0 for axis, size in enumerate(w.shape) for place in range(size)}
            for w in weights
        ]

    def step(self, grads):
        for w, g, mu in zip(self.w, grads, self.mu, strict=True):
            g = g + self.decay * w
            new = dict.fromkeys(mu, 0.0)
            for i in np.ndindex(w.shape):
                sets = list(enumerate(i))  # (axis, place): the slices that hold weight i
                nu = min(mu[r] for r in sets) + g[i] ** 2
                w[i] -= self.eta * g[i] / np.sqrt(nu) if nu > 0 else 0.0
                for r in sets:
                    new[r] = max(new[r], nu)
            mu.update(new)


@pytest.mark.equation("eq-sm3")
def test_sm3_equals_the_paper():
    hyper, other = {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.3, "weight_decay": 0.0}
    against.assert_equals_transcription(SM3, PaperSM3, hyper, other)


@pytest.mark.equation("eq-sm3")
def test_sm3s_bounds_lie_above_adagrads_sums_and_below_the_rows_sums():
    generator = torch.Generator().manual_seed(0)
    rule, total = SM3(), torch.zeros(6, 4)
    state = rule.init(total)
    rows = torch.zeros(6)
    for step in range(1, 51):
        grad = torch.randn(6, 4, generator=generator) * (
            torch.rand(6, 1, generator=generator) < 0.3
        )
        rule.update(grad, state, step)
        total += grad**2
        rows += (grad**2).amax(1)
        assert (rule.bound(state) >= total - 1e-4).all()
        assert (rule.bound(state) <= rows[:, None] + 1e-4).all()
    assert (rule.bound(state) > total + 0.1).any()  # a bound, not the sum itself
    assert sum(s.numel() for s in state.values()) == 6 + 4


def test_sm3_of_a_vector_is_adagrad():
    generator = torch.Generator().manual_seed(0)
    paths = []
    for rule in (SM3(lr=0.1), AdaGrad(lr=0.1, eps=0.0)):
        generator.manual_seed(0)
        w = torch.ones(5, dtype=torch.float64, requires_grad=True)
        optimizer = Optimizer([w], rule)
        for _ in range(20):
            w.grad = torch.randn(5, generator=generator, dtype=torch.float64)
            optimizer.step()
        paths.append(w.detach())
    torch.testing.assert_close(*paths)


def test_sm3_leaves_weights_that_never_had_a_gradient_and_takes_scalars():
    table, scalar = torch.ones(3, 2, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    optimizer = Optimizer([table, scalar], SM3(lr=0.1))
    table.grad, scalar.grad = torch.zeros(3, 2), torch.tensor(4.0)
    table.grad[1, 0] = -2.0
    optimizer.step()
    torch.testing.assert_close(table.detach(), torch.tensor([[1, 1], [1.1, 1], [1, 1]]))
    assert scalar.item() == pytest.approx(0.9)
