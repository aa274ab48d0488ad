"""Closed forms of meta-learning against simulation."""

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.meta_learning import (
    MAML,
    TaskBatch,
    expanded_updates,
    expansion_terms,
    expected_updates,
    linear_adapted,
    quadratic_start,
    quadratic_weights,
)


class Scaled(nn.Module):
    """Predict x w; rows x with x^2 = h / 2 give the loss h / 2 (w - c)^2."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x):
        return x * self.w


@pytest.mark.equation("eq-quadratic-maml")
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_start_is_where_the_meta_gradient_vanishes(steps):
    h, c, rate = np.array([1.0, 9.0, 4.0]), np.array([1.0, -1.0, 0.5]), 0.1
    x = np.sqrt(h / 2)[:, None, None]
    y = x[:, :, 0] * c[:, None]
    batch = TaskBatch.from_ragged(x, y, x, y, dtype=torch.float64)
    model = Scaled()
    with torch.no_grad():
        model.w += quadratic_start(h, c, rate, steps)
    MAML(model, rate, steps).meta_loss(batch).backward()
    assert abs(model.w.grad.item()) < 1e-10


@pytest.mark.equation("eq-quadratic-maml")
def test_a_task_that_one_step_solves_does_not_count():
    assert quadratic_weights(np.array([2.0, 10.0]), 0.1).tolist() == pytest.approx([2 * 0.64, 0])
    assert quadratic_start([1.0, 9.0], [1.0, -1.0], 0.1, steps=0) == pytest.approx(-0.8)
    assert quadratic_start([1.0, 9.0], [1.0, -1.0], 0.1) == pytest.approx(0.8)


def test_linear_steps_equal_a_loop():
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(6, 3)), rng.normal(size=6), rng.normal(size=3)
    rates, want = np.array([0.1, 0.0, 0.2]), w.copy()
    for _ in range(4):
        want = want - rates * (2 * x.T @ (x @ want - y) / 6)
    np.testing.assert_allclose(linear_adapted(w, (x, y), rates, 4), want, atol=1e-12)
    assert want[1] == w[1]


@pytest.fixture(scope="module")
def minibatches():
    g = torch.Generator().manual_seed(3)
    x = torch.randn(4, 6, 3, generator=g, dtype=torch.float64)
    y = torch.randn(4, 6, generator=g, dtype=torch.float64)
    w = torch.randn(4, generator=g, dtype=torch.float64)
    make = lambda x, y: lambda w: ((torch.tanh(x @ w[:3]) * w[3] - y) ** 2).mean()  # noqa: E731
    return [make(*pair) for pair in zip(x, y)], w


@pytest.mark.equation("eq-reptile-expansion")
@pytest.mark.parametrize("steps", [2, 3])
def test_the_expansion_errs_in_second_order(minibatches, steps):
    losses, w = minibatches
    gaps = {}
    for rate in (0.004, 0.002):
        exact = expected_updates(losses, w, rate, steps)
        short = expanded_updates(losses, w, rate, steps)
        for name in exact:
            gaps.setdefault(name, []).append(float((exact[name] - short[name]).norm()))
    assert set(gaps) == {"MAML", "first-order MAML", "Reptile"}
    for coarse, fine in gaps.values():
        assert coarse / fine == pytest.approx(4, rel=0.05)


@pytest.mark.equation("eq-gradient-alignment")
def test_the_second_term_aligns_minibatches(minibatches):
    losses, w = minibatches
    mean, inner = expansion_terms(losses, w)

    def alignment(v):
        g = torch.stack([torch.func.grad(f)(v) for f in losses])
        return ((g @ g.T).sum() - (g * g).sum()) / 12

    torch.testing.assert_close(inner, torch.func.grad(alignment)(w) / 2)
    total = lambda v: sum(f(v) for f in losses) / 4  # noqa: E731
    torch.testing.assert_close(mean, torch.func.grad(total)(w))


def test_one_minibatch_is_plain_descent(minibatches):
    losses, w = minibatches
    mean, _ = expansion_terms(losses, w)
    for value in expected_updates(losses, w, 0.1, 1).values():
        torch.testing.assert_close(value, mean)
