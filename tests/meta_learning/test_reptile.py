"""Reptile's step is the published one; minibatches are taken in turn."""

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.meta_learning import Reptile, TaskBatch, meta_train, minibatch_of


class Constant(nn.Module):
    def __init__(self, start=0.0):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([start], dtype=torch.float64))

    def forward(self, x):
        return self.w.expand(len(x))


def tasks(*targets):
    x = [np.zeros((len(t), 1)) for t in targets]
    return TaskBatch.from_ragged(x, targets, x, targets, dtype=torch.float64)


@pytest.mark.equation("eq-reptile")
def test_the_published_step_on_a_toy():
    """(w - c)^2 at rate 0.1: a step keeps 0.8 of the distance; two tasks, three steps."""
    model = Constant(1.0)
    loss = Reptile(model, 0.1, inner_steps=3).meta_step(tasks([2.0], [5.0]), rate=0.5)
    ends = [c + 0.8**3 * (1 - c) for c in (2, 5)]
    assert model.w.item() == pytest.approx(1 + 0.5 * (np.mean(ends) - 1))
    assert model.w.grad is None
    want = np.mean([(e - c) ** 2 for e, c in zip(ends, (2, 5))])
    assert loss.item() == pytest.approx(want)


def test_gradient_descent_on_the_meta_gradient_is_the_step():
    batch = tasks([2.0], [5.0])
    models = Constant(1.0), Constant(1.0)
    Reptile(models[0], 0.1, 3).meta_step(batch, rate=0.3)
    sgd = torch.optim.SGD(models[1].parameters(), lr=0.3)
    losses = meta_train(Reptile(models[1], 0.1, 3), lambda step: batch, 1, sgd)
    assert models[1].w.item() == pytest.approx(models[0].w.item())
    assert losses.shape == (1,)


def test_minibatches_are_taken_in_turn():
    batch = tasks([0.0, 1.0, 2.0, 3.0], [7.0, 8.0])
    taken = [minibatch_of(batch, step, 2).support_y.tolist() for step in range(3)]
    assert taken == [[[0, 1], [7, 8]], [[2, 3], [7, 8]], [[0, 1], [7, 8]]]
    over = minibatch_of(batch, 1, 3)
    assert over.support_y.tolist() == [[3, 0, 1], [8, 7, 8]]
    assert over.query_y is batch.query_y


def test_an_empty_support_stays_empty():
    x = np.zeros((1, 1))
    batch = TaskBatch.from_ragged([x[:0], x], [[], [1.0]], [x, x], [[1.0], [1.0]])
    assert minibatch_of(batch, 0, 2).support_mask.tolist() == [[0, 0], [1, 1]]


def test_each_step_sees_its_minibatch():
    model = Constant(0.0)
    Reptile(model, 0.1, inner_steps=2, minibatch=1).meta_step(tasks([1.0, 10.0]))
    first = 0.1 * 2 * 1.0
    assert model.w.item() == pytest.approx(first + 0.2 * (10 - first))


def test_no_inner_step_and_no_minibatch():
    model = Constant(3.0)
    Reptile(model, 0.1, inner_steps=0, minibatch=1).meta_step(tasks([1.0]))
    assert model.w.item() == 3
    with pytest.raises(ValueError, match="minibatch is 0"):
        Reptile(model, minibatch=0)


def test_a_diverging_task_moves_nothing():
    batch = tasks([2.0, 2.0], [np.nan, 5.0])
    model = Constant(1.0)
    Reptile(model, 0.1, 2, minibatch=1, on_divergence="freeze").meta_step(batch)
    assert model.w.item() == pytest.approx(1 + 0.5 * (1 - 0.8**2))


def test_the_start_moves_where_the_mean_of_the_tasks_is():
    rng, model = np.random.default_rng(0), Constant(10.0)
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    plan = torch.optim.lr_scheduler.LinearLR(sgd, 1.0, 0.0, 300)
    meta_train(
        Reptile(model, 0.1, 5),
        lambda step: tasks(*rng.normal(2, 1, (4, 1))),
        300,
        sgd,
        schedule=plan,
    )
    assert model.w.item() == pytest.approx(2, abs=0.25)
