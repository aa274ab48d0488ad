"""MAML: learn a start from which a few gradient steps on any task go far; ANIL, BOIL, training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.meta_learning.divergence import NonFiniteTaskError
from recsys_book.meta_learning.functional import (
    Loss,
    Params,
    Rate,
    adapt,
    check_order,
    parameters,
    predict,
    stacked,
)
from recsys_book.meta_learning.tasks import TaskBatch, masked_mse


class MAML:
    """Model-agnostic meta-learning: the start is judged by the query loss after adaptation.

    With ``order=2`` the outer gradient goes through the inner steps, with ``order=1`` it treats
    the inner gradients as constants (first-order MAML). ``only="head"`` adapts the head alone
    (ANIL); ``only`` all layers but the head adapts the body alone (BOIL). What does not adapt is
    still learned by the outer loop.

    Source: Finn, Abbeel and Levine (2017), "Model-Agnostic Meta-Learning for Fast Adaptation of
    Deep Networks", ICML, algorithm 1; Raghu, Raghu, Bengio and Vinyals (2020), "Rapid Learning or
    Feature Reuse?", ICLR (ANIL); Oh, Yoo, Kim and Yun (2021), "BOIL", ICLR.

    Equations: eq-maml-objective, eq-maml-gradient, eq-fomaml.

    Args:
        module: The model; its parameters are the start that is learned.
        inner_rate: Rate of the inner steps, as in ``adapt``.
        inner_steps: Number of inner steps, in training and, unless told otherwise, in use.
        order: 2, or 1 for first-order MAML.
        only: Parameters that adapt, by full name or by the name of their layer; None for all.
        loss: From predictions, targets and mask to one loss a task.
        on_divergence: ``"raise"``; or ``"freeze"``: a task whose inner loop diverges keeps the
            start, and one whose query loss is then not finite either is left out of the mean; or
            ``"ignore"``: nothing is checked.

    Raises:
        ValueError: If ``order`` is neither 1 nor 2, or a name in ``only`` fits no parameter.
    """

    def __init__(
        self,
        module: nn.Module,
        inner_rate: Rate = 0.01,
        inner_steps: int = 1,
        order: int = 2,
        only: Iterable[str] | None = None,
        *,
        loss: Loss = masked_mse,
        on_divergence: str = "raise",
    ) -> None:
        check_order(order)
        self.module, self.inner_rate, self.inner_steps = module, inner_rate, inner_steps
        self.order, self.loss, self.on_divergence = order, loss, on_divergence
        self.only = only if only is None or isinstance(only, str) else tuple(only)

    def parameters(self) -> list[Tensor]:
        """Return what the outer loop learns."""
        return list(self.module.parameters())

    def query_losses(self, batch: TaskBatch) -> Tensor:
        """Return each task's query loss after adaptation, differentiable in the start, (T,)."""
        adapted = self._adapt(batch, self.inner_steps, parameters(self.module), self.order == 2)
        prediction = predict(self.module, adapted, batch.query_x)
        return self.loss(prediction, batch.query_y, batch.query_mask)

    def meta_loss(self, batch: TaskBatch) -> Tensor:
        """Return the mean query loss after adaptation, differentiable in the start.

        Args:
            batch: The tasks.

        Returns:
            A number, shape ().

        Raises:
            NonFiniteTaskError: If a task diverges (unless it is to be frozen), or every task.
        """
        return mean_over_tasks(self.query_losses, batch, self.on_divergence)

    def adapt(self, batch: TaskBatch, steps: int | None = None, path: bool = False) -> Any:
        """Adapt to every task of a batch; nothing is learned.

        Args:
            batch: The tasks; only their support sets are used.
            steps: Number of steps; None takes ``inner_steps``.
            path: Whether to return the parameters after every step.

        Returns:
            A set of parameters a task, each of shape (T, ...); with ``path`` a list of them.
        """
        start = {name: value.detach() for name, value in parameters(self.module).items()}
        steps = self.inner_steps if steps is None else steps
        return self._adapt(batch, steps, start, False, path)

    def predict(self, batch: TaskBatch, params: Params | None = None) -> Tensor:
        """Predict the query rows of every task.

        Args:
            batch: The tasks.
            params: What ``adapt`` returned; None adapts first.

        Returns:
            Shape (T, Q).
        """
        with torch.no_grad():
            params = self.adapt(batch) if params is None else params
            return predict(self.module, params, batch.query_x)

    def _adapt(
        self, batch: TaskBatch, steps: int, start: Params, second: bool, path: bool = False
    ) -> Any:
        return adapt(
            self.module,
            start,
            batch,
            rate=self.inner_rate,
            steps=steps,
            loss=self.loss,
            only=self.only,
            second_order=second,
            path=path,
            on_divergence=self.on_divergence,
        )


def mean_over_tasks(
    losses: Callable[[TaskBatch], Tensor], batch: TaskBatch, on_divergence: str
) -> Tensor:
    """Average the losses of tasks, and leave no task that is not finite unnamed.

    Args:
        losses: From a batch to one loss a task.
        batch: The tasks.
        on_divergence: ``"raise"``, ``"freeze"`` to leave out tasks that are not finite, or
            ``"ignore"``.

    Returns:
        The mean over the tasks, shape ().

    Raises:
        NonFiniteTaskError: If a task's loss is not finite and it may not be left out, or if there
            is no other task.
    """
    values = losses(batch)
    good = values.detach().isfinite()
    if on_divergence == "ignore" or good.all():
        return values.mean()
    task = int((~good).nonzero()[0, 0])
    if on_divergence == "raise" or not good.any():
        raise NonFiniteTaskError(task, batch.name(task), "the query loss is not finite")
    # A loss that is dropped from the mean would still send NaN back; so compute without it.
    return losses(batch.select(good)).mean()


def meta_train(
    learner: Any,
    sampler: Callable[[int], TaskBatch],
    steps: int,
    optimizer: torch.optim.Optimizer,
    *,
    schedule: Any = None,
    clip_norm: float | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> np.ndarray:
    """Train a meta-learner: one batch of tasks a step.

    Args:
        learner: Has ``meta_loss(batch)``; or, like Reptile, ``meta_gradient(batch)``, which writes
            the gradients itself and returns the loss to be recorded.
        sampler: From the number of the step, from 0, to a batch of tasks.
        steps: Number of outer steps.
        optimizer: Over the learner's parameters; any of torch's or of this package's.
        schedule: With a method ``step`` that is called after each outer step, such as
            ``optimizers.Scheduler``.
        clip_norm: The largest allowed norm of the outer gradient; None for no limit.
        on_step: Called after each step with its number (the first is 1) and its loss.

    Returns:
        The loss of every step, before it, shape ``(steps,)``.
    """
    params = [p for group in optimizer.param_groups for p in group["params"]]
    history = np.empty(steps)
    for step in range(steps):
        batch = sampler(step)
        optimizer.zero_grad()
        if hasattr(learner, "meta_gradient"):
            loss = learner.meta_gradient(batch)
        else:
            loss = learner.meta_loss(batch)
            loss.backward()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(params, clip_norm)
        optimizer.step()
        if schedule is not None:
            schedule.step()
        history[step] = float(loss.detach())
        if on_step is not None:
            on_step(step + 1, history[step])
    return history


def joint_loss(module: nn.Module, batch: TaskBatch, loss: Loss = masked_mse) -> Tensor:
    """Return the mean query loss *without* adaptation: joint training, the baseline of MAML.

    Args:
        module: The model.
        batch: The tasks.
        loss: From predictions, targets and mask to one loss a task.

    Returns:
        A number, shape ().
    """
    shared = stacked(parameters(module), batch.n_tasks)
    prediction = predict(module, shared, batch.query_x)
    return loss(prediction, batch.query_y, batch.query_mask).mean()


def losses_along(learner: Any, batch: TaskBatch, steps: int, loss: Loss = masked_mse) -> np.ndarray:
    """Measure the query loss before adaptation and after each of its steps.

    Args:
        learner: Has ``module`` and ``adapt(batch, steps, path)``.
        batch: Unseen tasks.
        steps: Number of steps to follow.
        loss: From predictions, targets and mask to one loss a task.

    Returns:
        Shape (steps + 1, T).
    """
    with torch.no_grad():
        before = stacked(parameters(learner.module), batch.n_tasks)
        walk = [before, *learner.adapt(batch, steps=steps, path=True)]
        predictions = [predict(learner.module, now, batch.query_x) for now in walk]
        rows = [loss(p, batch.query_y, batch.query_mask) for p in predictions]
        return torch.stack(rows).cpu().double().numpy()
