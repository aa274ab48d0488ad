"""Reptile: train on a task, move the start towards where the training ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from recsys_book.meta_learning.functional import (
    Loss,
    Params,
    Rate,
    adapt_along,
    parameters,
    predict,
    stacked,
)
from recsys_book.meta_learning.maml import MAML
from recsys_book.meta_learning.tasks import TaskBatch, masked_mse


class Reptile(MAML):
    """Move the start towards the weights that a few steps on each task lead to.

    There is no query set in training: every inner step sees another minibatch of the support, and
    what the gradients of different minibatches have in common is what the start learns. In use it
    adapts like MAML, by full-batch steps on the support.

    Source: Nichol, Achiam and Schulman (2018), "On First-Order Meta-Learning Algorithms",
    arXiv:1803.02999, algorithms 1 and 2.

    Equation: eq-reptile.

    Args:
        module: The model; its parameters are the start that is learned.
        inner_rate: Rate of the inner steps, a number or one a parameter.
        inner_steps: Number of inner steps, in training and, unless told otherwise, in use.
        minibatch: Rows of the support that each inner step sees in training, taken in turn; None
            for all of them.
        only: Parameters that adapt; None for all. What does not adapt does not learn either.
        loss: From predictions, targets and mask to one loss a task.
        on_divergence: ``"raise"``; or ``"freeze"``: a task whose inner loop diverges does not move
            the start; or ``"ignore"``.

    Raises:
        ValueError: If ``minibatch`` is below 1.
    """

    def __init__(
        self,
        module: nn.Module,
        inner_rate: Rate = 0.02,
        inner_steps: int = 5,
        minibatch: int | None = None,
        only: Iterable[str] | None = None,
        *,
        loss: Loss = masked_mse,
        on_divergence: str = "raise",
    ) -> None:
        super().__init__(
            module, inner_rate, inner_steps, 1, only, loss=loss, on_divergence=on_divergence
        )
        if minibatch is not None and minibatch < 1:
            raise ValueError(f"minibatch is {minibatch}; an inner step needs at least one row.")
        self.minibatch = minibatch

    def trained(self, batch: TaskBatch) -> Params:
        """Return where the inner steps of training lead, each of shape (T, ...)."""
        if self.minibatch is None:
            return self.adapt(batch)
        start = {name: value.detach() for name, value in parameters(self.module).items()}
        walk = adapt_along(
            self.module,
            start,
            [minibatch_of(batch, step, self.minibatch) for step in range(self.inner_steps)],
            rate=self.inner_rate,
            loss=self.loss,
            only=self.only,
            second_order=False,
            on_divergence=self.on_divergence,
        )
        return walk[-1] if walk else stacked(start, batch.n_tasks)

    def meta_gradient(self, batch: TaskBatch) -> Tensor:
        """Write the start minus the mean of the trained weights into the gradients.

        Any optimizer can then take the outer step; gradient descent with the rate ε gives
        Reptile as published.

        Args:
            batch: The tasks; only their support sets are used.

        Returns:
            The mean support loss after the inner steps, shape ().
        """
        with torch.no_grad():
            trained = self.trained(batch)
            for name, value in parameters(self.module).items():
                value.grad = value - trained[name].mean(0)
            prediction = predict(self.module, trained, batch.support_x)
            return self.loss(prediction, batch.support_y, batch.support_mask).mean()

    def meta_step(self, batch: TaskBatch, rate: float = 1.0) -> Tensor:
        """Move the start, by a share of the way, towards the mean of the trained weights.

        Args:
            batch: The tasks; only their support sets are used.
            rate: The share ε.

        Returns:
            The mean support loss after the inner steps, shape ().
        """
        loss = self.meta_gradient(batch)
        with torch.no_grad():
            for value in self.module.parameters():
                value -= rate * value.grad
                value.grad = None
        return loss


def minibatch_of(batch: TaskBatch, step: int, size: int) -> TaskBatch:
    """Return the batch with a few rows of each support set, other rows at each step.

    Args:
        batch: The tasks.
        step: The step, from 0; a task's rows are taken in turn, and again from the first.
        size: Rows a task.

    Returns:
        The same tasks with supports of ``size`` rows; an empty support stays empty.
    """
    count = batch.support_mask.sum(1).long()
    place = step * size + torch.arange(size, device=count.device)
    rows = place[None, :] % count.clamp(min=1)[:, None]
    task = torch.arange(batch.n_tasks, device=count.device)[:, None]
    kept: dict[str, Any] = {
        name: getattr(batch, name)[task, rows]
        for name in ("support_x", "support_y", "support_mask")
    }
    query = {name: getattr(batch, name) for name in ("query_x", "query_y", "query_mask", "labels")}
    return TaskBatch(**kept, **query)
