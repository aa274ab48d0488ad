"""What the source articles say about MAML and Reptile, and where it fails.

The functions are the faulty versions. The right versions are in ``recsys_book.meta_learning``:
``MAML``, ``Reptile``, ``TaskBatch``, ``TaskDataset`` and ``quadratic_start``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

#: One side of a task: inputs and targets.
Side = tuple[Tensor, Tensor]


def meta_01_maml_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    support: Side,
    query: Side,
    criterion: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """META-01: "MAML" that is one step on one task's support set.

    Article S2, appendix B (printed twice): ``support_loss.backward(); optimizer.step();
    query_loss = ...; return query_loss``. There is no distribution of tasks, no copy of the
    parameters that adapts, and no outer update: the query loss is returned and dropped, and the
    optimizer's step has cut the graph through which it could have been differentiated.

    Args:
        model: Changed by the step on the support set.
        optimizer: Over its parameters.
        support: Inputs and targets of the support set.
        query: Inputs and targets of the query set.
        criterion: From predictions and targets to a loss.

    Returns:
        The query loss; what stands in ``.grad`` is the gradient of the support loss.
    """
    optimizer.zero_grad()
    support_loss = criterion(model(support[0]), support[1])
    support_loss.backward()
    optimizer.step()
    return criterion(model(query[0]), query[1])


def meta_01_training(
    model: nn.Module,
    tasks: Iterable[tuple[Side, Side]],
    criterion: Callable[[Tensor, Tensor], Tensor],
    lr: float = 0.001,
) -> list[float]:
    """META-01: the step repeated over tasks, which is training on support sets one after another.

    Args:
        model: Changed.
        tasks: Pairs of support and query set.
        criterion: From predictions and targets to a loss.
        lr: Adam's rate.

    Returns:
        The query losses that the article prints.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr)
    return [
        float(meta_01_maml_step(model, optimizer, support, query, criterion).detach())
        for support, query in tasks
    ]


def meta_02_insensitive_start(curvature: Sequence[float], centre: Sequence[float]) -> float:
    """META-02: a start chosen so that the loss reacts little to the parameters on any task.

    Article S2 3.3: "MAML的核心思想是使得模型参数对任务变化的敏感性较低" (MAML's core idea is to
    make the parameters little sensitive to changes of the task). Taken at its word, on tasks with
    the losses ``curvature / 2 * (w - centre) ** 2``, this is the start with the smallest mean
    squared gradient. MAML looks for the opposite: a start from which one step changes much.

    Args:
        curvature: Second derivatives, shape (tasks,).
        centre: Minima, shape (tasks,).

    Returns:
        The start.
    """
    weight = np.asarray(curvature, dtype=float) ** 2
    return float(weight @ np.asarray(centre) / weight.sum())


def meta_03_growing_rate(done: float, first: float = 0.1, last: float = 1.0) -> float:
    """META-03: Reptile's outer rate, growing.

    Article S2 3.3: Reptile works "by gradually increasing the learning rate", and suits "only
    small data and simple models". The published runs anneal the rate to zero. A constant rate
    keeps the noise of the last tasks in the start, and a growing one amplifies it.

    Args:
        done: Share of the outer steps that are done.
        first: The rate at the start.
        last: The rate at the end.

    Returns:
        The outer rate.
    """
    return first + (last - first) * done


def meta_07_support_objective(batch: Any) -> Any:
    """META-07: tasks on which the adapted model is judged by its own support set.

    Article S2 3.1: the outer objective is "最小化在一个元学习集上的适应损失" (to minimise the
    adaptation loss on a meta-learning set), with no query set, and "transfer learning" as a second
    stage. A start that is trained so is rewarded for memorising the support.

    Args:
        batch: Tasks with the fields of ``TaskBatch``.

    Returns:
        The same tasks; the query set is the support set.
    """
    return type(batch)(
        batch.support_x,
        batch.support_y,
        batch.support_mask,
        batch.support_x,
        batch.support_y,
        batch.support_mask,
        batch.labels,
    )


class Cod13MetaModel(nn.Module):
    """COD-13: a model that takes the width of a hidden layer, and has none.

    Article S2, appendices B and C: ``MetaModel(input_dim, hidden_dim, output_dim)`` and
    ``RecSysModel`` are one ``nn.Linear``; the latter is called "基于深度学习的推荐系统模型" (a
    recommender based on deep learning).

    Args:
        input_dim: Inputs.
        hidden_dim: Ignored.
        output_dim: Outputs.
    """

    def __init__(self, input_dim: int, hidden_dim: int, output_dim: int) -> None:
        super().__init__()
        self.layer = nn.Linear(input_dim, output_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the only layer."""
        return self.layer(x)


def cod_14_labelled(x: Tensor, labels: Tensor) -> Tensor:
    """COD-14: labels as an attribute of the input tensor.

    Article S2, appendix B: ``support_data.labels = torch.randint(...)``. Slicing, cloning, moving
    and collating make a new tensor, and the labels stay behind.

    Args:
        x: Inputs; changed.
        labels: Targets.

    Returns:
        The inputs, with an attribute.
    """
    x.labels = labels
    return x
