"""Implicit MAML: the inner problem has a minimum, and the minimum has a derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from recsys_book.meta_learning.divergence import guarded
from recsys_book.meta_learning.functional import (
    Loss,
    Params,
    adapt,
    adapting_names,
    parameters,
    predict,
)
from recsys_book.meta_learning.learner import GradientLearner, check_losses
from recsys_book.meta_learning.tasks import TaskBatch, masked_mse

#: Multiplies one vector a task, (T, n), by one symmetric matrix a task.
Product = Callable[[Tensor], Tensor]


class ImplicitMAML(GradientLearner):
    """MAML whose inner loop runs to a minimum that stays near the start.

    The meta-gradient follows from the condition that the minimum satisfies, not from the way to
    it: nothing of the inner loop is kept in memory, and any inner optimizer may be used.

    Source: Rajeswaran, Finn, Kakade & Levine (2019), Algorithms 1 and 2.

    Equations: eq-proximal, eq-imaml-gradient.

    Args:
        modules: The model at its start, or one a run.
        pull: The weight lambda of half the squared distance to the start, above 0.
        inner_rate: Rate of the descent to the inner minimum, a number.
        inner_steps: Steps of that descent.
        solver_steps: The most products with the Hessian that the implicit gradient takes.
        only: Parameters that adapt; None for all.
        loss: From predictions, targets and mask to one loss a task.
        on_divergence: ``"raise"`` or ``"freeze"``.

    Raises:
        ValueError: If ``pull`` is not above 0.
    """

    def __init__(
        self,
        modules: nn.Module | Sequence[nn.Module],
        pull: float = 1.0,
        inner_rate: float = 0.01,
        inner_steps: int = 16,
        solver_steps: int = 5,
        *,
        only: Iterable[str] | None = None,
        loss: Loss = masked_mse,
        on_divergence: str = "raise",
    ) -> None:
        super().__init__(
            modules, inner_rate, inner_steps, only=only, loss=loss, on_divergence=on_divergence
        )
        if not pull > 0:
            raise ValueError(
                f"pull is {pull}; it must be above 0, or nothing ties the minimum to the start."
            )
        self.pull, self.solver_steps = pull, solver_steps

    @torch.no_grad()
    def adapt(self, batch: TaskBatch, steps: int | None = None) -> Params:
        """Descend to every task's inner minimum; no gradient is kept.

        Equation: eq-proximal.

        Args:
            batch: The tasks.
            steps: Number of steps; None for those of training.

        Returns:
            The adapted parameters, each of shape (T, ...).

        Raises:
            NonFiniteTaskError: If the descent diverges; it names the task.
        """
        start = self.start(batch.n_tasks)
        steps = self.inner_steps if steps is None else steps

        def again(kept: Tensor) -> list[Params]:
            begin = {name: value[kept] for name, value in start.items()}
            return [self._descend(batch.select(kept), begin, steps)]

        points = [self._descend(batch, start, steps)]
        return guarded(points, again, start, batch, self.on_divergence)[-1]

    def _descend(self, batch: TaskBatch, begin: Params, steps: int) -> Params:
        """Descend from ``begin`` towards the minima, pulled back to it."""
        now, back = begin, self.inner_rate * self.pull
        for _ in range(steps):
            moved = adapt(
                self.module,
                now,
                batch,
                rate=self.inner_rate,
                steps=1,
                loss=self.loss,
                only=self.only,
                second_order=False,
                on_divergence="ignore",
            )
            now = {name: moved[name] - back * (now[name] - begin[name]) for name in now}
        return now

    def meta_loss(self, batch: TaskBatch) -> Tensor:
        """Return the mean query loss; its gradient is the implicit one.

        Equation: eq-imaml-gradient.
        """
        adapted = self.adapt(batch)
        losses, gradient = self.implicit_gradient(batch, adapted)
        start = self.start(batch.n_tasks)
        # A sum that is linear in the start, with the implicit gradient as its slope and no value.
        carrier = sum((gradient[name] * start[name]).sum() for name in gradient)
        total = losses.mean() * self.runs
        return total + (carrier - carrier.detach()) * self.runs / batch.n_tasks

    def implicit_gradient(self, batch: TaskBatch, adapted: Params) -> tuple[Tensor, Params]:
        """Return each task's query loss and its derivative in that task's start.

        Equation: eq-imaml-gradient.

        Args:
            batch: The tasks.
            adapted: Their inner minima, from ``adapt``.

        Returns:
            The losses, shape (T,), and the derivatives by name, each of shape (T, ...).
        """
        names = adapting_names(parameters(self.module), self.only)
        leaves = {name: value.detach().requires_grad_() for name, value in adapted.items()}
        with torch.enable_grad():
            prediction = predict(self.module, leaves, batch.query_x)
            losses = check_losses(self.loss(prediction, batch.query_y, batch.query_mask), batch)
            total = losses.sum()
            slopes = torch.autograd.grad(total, list(leaves.values()), materialize_grads=True)
        gradient = dict(zip(leaves, slopes))
        slope = self._support_slope(batch, leaves, names)
        product = self._product(slope, leaves)
        solved = solve_together(product, _flat(gradient, names), self.solver_steps)
        solved = _shaped(solved, {name: leaves[name] for name in names})
        fixed = [name for name in leaves if name not in names]
        if fixed:  # what does not adapt still moves the minimum
            with torch.enable_grad():
                by_minimum = sum((slope[name] * solved[name]).sum() for name in names) / self.pull
            mixed = torch.autograd.grad(
                by_minimum, [leaves[name] for name in fixed], materialize_grads=True
            )
            solved |= {name: gradient[name] - part for name, part in zip(fixed, mixed)}
        return losses.detach(), solved

    @torch.enable_grad()
    def _support_slope(self, batch: TaskBatch, leaves: Params, names: list[str]) -> Params:
        """Return the gradient of each task's support loss, itself differentiable."""
        prediction = predict(self.module, leaves, batch.support_x)
        total = self.loss(prediction, batch.support_y, batch.support_mask).sum()
        slope = torch.autograd.grad(total, [leaves[name] for name in names], create_graph=True)
        return dict(zip(names, slope))

    def _product(self, slope: Params, leaves: Params) -> Product:
        """Return the product with I + H / pull, H the Hessian of each task's support loss."""
        moving = {name: leaves[name] for name in slope}

        def product(v: Tensor) -> Tensor:
            image = torch.autograd.grad(
                list(slope.values()),
                list(moving.values()),
                list(_shaped(v, moving).values()),
                retain_graph=True,
                materialize_grads=True,
            )
            return v + torch.cat([part.flatten(1) for part in image], dim=1) / self.pull

        return product


def solve_together(
    product: Product, vector: Tensor, steps: int, tolerance: float = 1e-10
) -> Tensor:
    """Solve one positive definite system a task by conjugate gradients, all at once.

    The one-system version is ``optimizers.implicit.conjugate_gradient``. A system that meets a
    curvature which is not positive, as a network far from a minimum may, stops there and keeps
    what it has; at its first step it keeps its right-hand side, the first-order gradient.

    Source: Hestenes & Stiefel (1952).

    Args:
        product: Multiplies one vector a task by that task's matrix.
        vector: The right-hand sides, shape (T, n).
        steps: The most products to take.
        tolerance: A system stops when its residual is this share of its right-hand side.

    Returns:
        The solutions, shape (T, n).
    """
    x, residual = torch.zeros_like(vector), vector.clone()
    direction, square = residual.clone(), residual.square().sum(1)
    goal = tolerance**2 * square
    going = square > goal
    for step in range(steps):
        if not going.any():
            break
        image = product(direction)
        curvature = (direction * image).sum(1)
        blocked = going & ~(curvature > 0)
        if step == 0:
            x[blocked] = vector[blocked]
        going = going & ~blocked
        length = torch.where(going, square / curvature, 0.0)[:, None]
        x = torch.where(going[:, None], x + length * direction, x)
        residual = torch.where(going[:, None], residual - length * image, residual)
        last, square = square, residual.square().sum(1)
        direction = residual + (square / last.clamp(min=1e-300))[:, None] * direction
        going = going & (square > goal)
    return x


def _flat(params: Params, names: list[str]) -> Tensor:
    """Return each task's tensors as one vector, shape (T, n)."""
    return torch.cat([params[name].flatten(1) for name in names], dim=1)


def _shaped(vectors: Tensor, like: Params) -> Params:
    """Return one vector a task, (T, n), as tensors of the shapes of ``like``."""
    parts = vectors.split([value[0].numel() for value in like.values()], dim=1)
    return {name: part.reshape(value.shape) for part, (name, value) in zip(parts, like.items())}
