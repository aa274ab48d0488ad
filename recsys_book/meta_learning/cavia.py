"""CAVIA: only a few context numbers adapt, and how many is decided by validation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recsys_book.meta_learning.functional import Loss
from recsys_book.meta_learning.learner import GradientLearner
from recsys_book.meta_learning.tasks import TaskBatch, masked_mse


class ContextNetwork(nn.Module):
    """A network that gets, besides its inputs, numbers that stand for the task.

    Each number has a gate, 1 or 0; a closed one neither speaks nor adapts.

    Args:
        network: Takes rows of inputs and context, shape (n, inputs + width).
        width: Number of context numbers, at least 1.

    Raises:
        ValueError: If the width is below 1.
    """

    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"The context has width {width}; give it at least one number.")
        dtype = next(network.parameters()).dtype
        self.network = network
        self.context = nn.Parameter(torch.zeros(width, dtype=dtype))
        self.gate = nn.Parameter(torch.ones(width, dtype=dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map rows of inputs, shape (n, inputs), with the task's context beside each.

        Equation: eq-cavia.
        """
        context = (self.gate * self.context).expand(*x.shape[:-1], -1)
        return self.network(torch.cat([x, context], dim=-1))


class CAVIA(GradientLearner):
    """Fast context adaptation: the inner loop moves the context only, from zero.

    All other weights are shared by the tasks and belong to the outer loop. What is stored of a
    user is the context.

    Source: Zintgraf, Shiarlis, Kurin, Hofmann & Whiteson (2019).

    Equation: eq-cavia.

    Args:
        modules: A ``ContextNetwork``, or one a run.
        inner_rate: The inner rate of the context.
        inner_steps: Number of inner steps.
        order: 2 or 1.
        loss: From predictions, targets and mask to one loss a task.
        on_divergence: ``"raise"`` or ``"freeze"``.

    Raises:
        ValueError: If the model is no ``ContextNetwork``.
    """

    def __init__(
        self,
        modules: ContextNetwork | Sequence[ContextNetwork],
        inner_rate: float = 0.1,
        inner_steps: int = 1,
        *,
        order: int = 2,
        loss: Loss = masked_mse,
        on_divergence: str = "raise",
    ) -> None:
        models = [modules] if isinstance(modules, nn.Module) else list(modules)
        if not models or not all(isinstance(model, ContextNetwork) for model in models):
            raise ValueError("CAVIA needs a context to adapt; wrap the model in ContextNetwork.")
        super().__init__(
            models,
            inner_rate,
            inner_steps,
            order=order,
            only=["context"],
            loss=loss,
            on_divergence=on_divergence,
        )
        self.theta["context"].requires_grad_(False)  # zero means: nothing is known

    def open_gates(self, run: int = 0) -> list[int]:
        """Return the positions of the context numbers in use."""
        return self.theta["gate"][run].nonzero()[:, 0].tolist()


@torch.no_grad()
def shrink_context(
    learner: CAVIA, batch: TaskBatch, tolerance: float = 0.02
) -> list[tuple[int, float]]:
    """Close gates of the context one by one, as long as validation tasks do not suffer.

    In each round the gate is closed whose closing raises the mean loss least. The rounds stop
    before the loss exceeds that of the full context by more than the tolerance; at least one gate
    stays open. The learner is changed in place.

    Args:
        learner: A trained learner with one run.
        batch: Validation tasks, which training has not seen.
        tolerance: Share by which the loss may grow in all.

    Returns:
        The gates closed, in order, each with the loss after closing it.

    Raises:
        ValueError: If the learner holds several runs, or the tolerance is negative.
    """
    if learner.runs != 1:
        raise ValueError(f"The learner holds {learner.runs} runs; shrink learner.alone(run).")
    if tolerance < 0:
        raise ValueError(f"tolerance is {tolerance}; pass a share of at least 0.")
    gate, closed = learner.theta["gate"].data[0], []
    limit = float(learner.query_losses(batch).mean()) * (1 + tolerance)
    while len(opened := learner.open_gates()) > 1:
        losses = {}
        for position in opened:
            gate[position] = 0.0
            losses[position] = float(learner.query_losses(batch).mean())
            gate[position] = 1.0
        best = min(losses, key=losses.__getitem__)
        if losses[best] > limit:
            break
        gate[best] = 0.0
        closed.append((best, losses[best]))
    return closed
