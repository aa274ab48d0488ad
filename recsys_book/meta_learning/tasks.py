"""Tasks: a support set to learn from, a query set to be judged on, many of them in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class TaskBatch:
    """Tasks of any sizes, padded to rectangles; masks are 1.0 where a row is real.

    Attributes:
        support_x: What the learner may adapt to, shape (T, S, ...).
        support_y: Targets of the support, shape (T, S).
        support_mask: 1.0 for a real row and 0.0 for padding, shape (T, S).
        query_x: What the learner is judged on, shape (T, Q, ...).
        query_y: Targets of the query, shape (T, Q).
        query_mask: 1.0 for a real row and 0.0 for padding, shape (T, Q).
        labels: One name a task, for error messages; None names tasks by position.
    """

    support_x: Tensor
    support_y: Tensor
    support_mask: Tensor
    query_x: Tensor
    query_y: Tensor
    query_mask: Tensor
    labels: tuple[str, ...] | None = None

    @classmethod
    def from_ragged(
        cls,
        support_x: Sequence[Any],
        support_y: Sequence[Any],
        query_x: Sequence[Any],
        query_y: Sequence[Any],
        *,
        labels: Sequence[Any] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> TaskBatch:
        """Pad tasks of different sizes into one batch.

        A support set may be empty (nothing to adapt to); a query set may not.

        Args:
            support_x: One array a task, shape (S_i, ...); whole numbers stay whole.
            support_y: One array a task, shape (S_i,).
            query_x: One array a task, shape (Q_i, ...).
            query_y: One array a task, shape (Q_i,).
            labels: One name a task.
            dtype: Of everything that is not whole numbers.

        Returns:
            The batch; padding rows are zeros.

        Raises:
            ValueError: If there is no task, the lists differ in length, a task has another number
                of targets than of rows, rows of different shapes, or an empty query set.
        """
        lists = (support_x, support_y, query_x, query_y)
        if not len(support_x) or len({len(part) for part in lists}) > 1:
            raise ValueError(
                f"The four lists have {', '.join(str(len(part)) for part in lists)} tasks; "
                "pass one array a task in each, and at least one task."
            )
        names = None if labels is None else tuple(str(label) for label in labels)
        padded = [
            *_pad(support_x, support_y, "support", names, dtype),
            *_pad(query_x, query_y, "query", names, dtype),
        ]
        return cls(*padded, labels=names)

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.support_y)

    def name(self, task: int) -> str:
        """Return what an error message calls a task."""
        return task_name(task, self.labels)

    def select(self, index: Any) -> TaskBatch:
        """Return the batch of some tasks.

        Args:
            index: Positions of tasks, one truth value a task, or a slice (without copying).
        """
        if isinstance(index, slice):
            names = None if self.labels is None else tuple(self.labels[index])
            return TaskBatch(*(part[index] for part in self._tensors()), labels=names)
        index = torch.as_tensor(index, device=self.support_y.device)
        index = index.nonzero()[:, 0] if index.dtype == torch.bool else index.long().reshape(-1)
        names = None if self.labels is None else tuple(self.labels[int(i)] for i in index)
        return TaskBatch(*(part[index] for part in self._tensors()), labels=names)

    def to(self, dtype: torch.dtype | None = None, device: Any = None) -> TaskBatch:
        """Return the batch in another precision or on another device; whole numbers stay whole.

        Args:
            dtype: Of the floating-point tensors; None keeps it.
            device: None keeps it.
        """
        moved = (
            part.to(device=device, dtype=dtype if part.is_floating_point() else None)
            for part in self._tensors()
        )
        return TaskBatch(*moved, labels=self.labels)

    def _tensors(self) -> list[Tensor]:
        return [getattr(self, field.name) for field in fields(self) if field.name != "labels"]


def task_name(task: int, labels: Sequence[str] | None = None) -> str:
    """Return what an error message calls a task: its position and its label, if it has one."""
    return f"Task {task}" if labels is None else f"Task {task} ({labels[task]})"


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over the real rows of each task; 0 where there are none.

    Args:
        values: Shape (T, n), or (n,) for one task.
        mask: The same shape, 1.0 where a row is real.

    Returns:
        Shape (T,), or () for one task.
    """
    return (values * mask).sum(-1) / mask.sum(-1).clamp(min=1.0)


def masked_mse(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the mean squared error over the real rows of each task.

    Args:
        prediction: Shape (T, n), or (n,) for one task.
        target: The same shape.
        mask: The same shape, 1.0 where a row is real.

    Returns:
        Shape (T,), or () for one task.
    """
    return masked_mean((prediction - target) ** 2, mask)


def _pad(
    xs: Sequence[Any],
    ys: Sequence[Any],
    side: str,
    labels: Sequence[str] | None,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor]:
    """Pad one side of all tasks: rows (T, n, ...), targets (T, n), mask (T, n)."""
    xs = [torch.as_tensor(x) for x in xs]
    ys = [torch.as_tensor(y) for y in ys]
    for task, (x, y) in enumerate(zip(xs, ys)):
        name = task_name(task, labels)
        if y.ndim != 1 or x.ndim < 1 or len(x) != len(y):
            raise ValueError(
                f"{name} has {side} rows of shape {tuple(x.shape)} and targets of shape "
                f"{tuple(y.shape)}; pass one target a row."
            )
        if x.shape[1:] != xs[0].shape[1:]:
            raise ValueError(
                f"{name} has {side} rows of shape {tuple(x.shape[1:])}, but the first task's are "
                f"{tuple(xs[0].shape[1:])}; all tasks of a batch need the same columns."
            )
        if side == "query" and not len(y):
            raise ValueError(f"{name} has an empty query set; give it a row to be judged on.")
    longest = max(len(y) for y in ys)
    x_dtype = dtype if any(x.is_floating_point() for x in xs) else torch.int64
    x_out = torch.zeros((len(xs), longest, *xs[0].shape[1:]), dtype=x_dtype)
    y_out, mask = torch.zeros((2, len(xs), longest), dtype=dtype)
    for task, (x, y) in enumerate(zip(xs, ys)):
        x_out[task, : len(y)], y_out[task, : len(y)], mask[task, : len(y)] = x, y, 1.0
    return x_out, y_out, mask


class TaskDataset(torch.utils.data.Dataset):
    """Tasks for torch's ``DataLoader``: each is a pair of pairs, and nothing is an attribute.

    Give the loader ``collate_fn=collate_tasks``, which pads tasks of different sizes.

    Args:
        supports: One pair of rows (n, ...) and targets (n,) a task.
        queries: One such pair a task.

    Raises:
        ValueError: If there are not as many supports as queries.
    """

    def __init__(self, supports: Sequence[Any], queries: Sequence[Any]) -> None:
        if len(supports) != len(queries):
            raise ValueError(
                f"There are {len(supports)} supports and {len(queries)} queries; a task has one "
                "of each."
            )
        self.supports, self.queries = supports, queries

    def __len__(self) -> int:
        """Number of tasks."""
        return len(self.supports)

    def __getitem__(self, task: int) -> tuple[Any, Any]:
        """Return the support pair and the query pair of a task."""
        return self.supports[task], self.queries[task]


def collate_tasks(tasks: Sequence[tuple[Any, Any]]) -> TaskBatch:
    """Pad the tasks that a loader drew from a ``TaskDataset`` into a batch."""
    supports, queries = zip(*tasks)
    return TaskBatch.from_ragged(*zip(*supports), *zip(*queries))
