"""Inner loops that diverge: which they are, and how the other tasks of a batch go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from recsys_book.meta_learning.tasks import TaskBatch

#: A parameter that moves further than this many times (1 + its largest start) has diverged.
DIVERGED = 1e6
#: What may be done about a task whose inner loop diverges.
OPTIONS = ("raise", "freeze", "ignore")

Points = list[dict[str, Tensor]]


class NonFiniteTaskError(ValueError):
    """The inner loop of a task diverged.

    Attributes:
        task: Position of the first such task in its batch.
    """

    def __init__(self, task: int, name: str, what: str) -> None:
        """Name the task."""
        super().__init__(
            f"{name}: {what}; look for NaN in its support set, lower the inner rate, or pass "
            "on_divergence='freeze' to keep the start for such a task."
        )
        self.task = task


def check_on_divergence(value: str) -> None:
    """Refuse a value of ``on_divergence`` that does not exist.

    Args:
        value: One of ``OPTIONS``.

    Raises:
        ValueError: If it is none of them.
    """
    if value not in OPTIONS:
        raise ValueError(f"on_divergence is {value!r}; use 'raise', 'freeze' or 'ignore'.")


def guarded(
    points: Points,
    again: Callable[[Tensor], Points],
    begin: Mapping[str, Tensor],
    batch: TaskBatch,
    on_divergence: str,
    names: Iterable[str] | None = None,
) -> Points:
    """Let no task of a batch whose inner loop diverged spoil the others.

    Args:
        points: Every task's parameters along the way, the last at the end, each of shape (T, ...).
        again: Runs the inner loop of the tasks at some positions only.
        begin: Every task's start, each of shape (T, ...).
        batch: The tasks.
        on_divergence: ``"raise"``; or ``"freeze"``: such a task keeps its start; or ``"ignore"``:
            nothing is checked.
        names: Parameters whose movement is checked; None for all.

    Returns:
        The points, if no task diverged; else those of the other tasks, run again without it.

    Raises:
        NonFiniteTaskError: If a task diverges and may not be frozen; it names the first.
        ValueError: If ``on_divergence`` is unknown.
    """
    check_on_divergence(on_divergence)
    if on_divergence == "ignore":
        return points
    good = healthy(begin, points[-1], list(begin) if names is None else list(names))
    if good.all():
        return points
    if on_divergence == "raise":
        task = int((~good).nonzero()[0, 0])
        raise NonFiniteTaskError(task, batch.name(task), "the inner loop diverged")
    kept = good.nonzero()[:, 0]
    if not len(kept):
        return [dict(begin) for _ in points]
    # Run without the diverging tasks: a NaN that is masked out would still spoil the gradients.
    return [
        {name: begin[name].index_copy(0, kept, value) for name, value in now.items()}
        for now in again(kept)
    ]


def healthy(start: Mapping[str, Tensor], end: Mapping[str, Tensor], names: list[str]) -> Tensor:
    """Return which tasks stayed finite and near.

    Args:
        start: Parameters before the inner loop, each of shape (T, ...).
        end: Those after it.
        names: The parameters to look at.

    Returns:
        Shape (T,).
    """
    ends = [end[name].detach() for name in names]
    if nn.utils.get_total_norm(ends, torch.inf) <= DIVERGED:  # nothing large: the usual case
        return torch.ones(len(ends[0]), dtype=torch.bool, device=ends[0].device)
    good = []
    for name in names:
        begin = start[name].detach()
        moved = (end[name].detach() - begin).abs().flatten(1).amax(1)
        limit = DIVERGED * (1.0 + begin.abs().flatten(1).amax(1))
        good.append(moved <= limit)  # NaN compares false
    return torch.stack(good).all(0)
