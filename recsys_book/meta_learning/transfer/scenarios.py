"""Tasks from several domains: weights of views that are learned to be learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.data import Interactions
from recsys_book.meta_learning.tasks import TaskBatch


class ViewFusion(nn.Module):
    """Mix what several views predict: weights that sum to one, and a level.

    Args:
        n_views: Number of views; they start with equal weights.
    """

    def __init__(self, n_views: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(n_views))
        self.level = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the mixed prediction.

        Args:
            x: What each view predicts, shape (n, n_views).

        Returns:
            Shape (n,).
        """
        return x @ torch.softmax(self.logits, dim=0) + self.level


def view_tasks(
    views: np.ndarray,
    log: Interactions,
    domains: Mapping[str, np.ndarray],
    k: int = 5,
    least: int = 5,
    most: int = 20,
    seed: int = 0,
) -> dict[str, TaskBatch]:
    """Make a task of every user in every domain: k ratings are shown, the rest is asked for.

    Args:
        views: Predictions for the rows of the log by models that have not seen these rows, shape
            (len(log), n_views).
        log: The rows.
        domains: For each name whether an item belongs to it, boolean, shape (log.n_items,).
        k: Ratings shown.
        least: Ratings that must be left to be asked for.
        most: Ratings that are asked for at most.
        seed: Seed of which are shown.

    Returns:
        One batch a domain that has at least one such user, labelled with the user's position.

    Raises:
        ValueError: If the views do not fit the log, hold NaN, or no domain has a task.
    """
    if len(views) != len(log) or not np.isfinite(views).all():
        raise ValueError(
            f"views has {len(views)} rows for {len(log)} events, or holds NaN; give one finite "
            "prediction a view for every event."
        )
    order = np.random.default_rng(seed).permutation(len(log))
    order = order[np.argsort(log.user[order], kind="stable")]
    batches = {}
    for name, members in domains.items():
        rows = order[members[log.item[order]]]
        groups = np.split(rows, np.flatnonzero(np.diff(log.user[rows])) + 1)
        groups = [g for g in groups if len(g) >= k + least]
        if groups:
            parts = [[a[g[:k]] for g in groups] for a in (views, log.value)]
            parts += [[a[g[k : k + most]] for g in groups] for a in (views, log.value)]
            batches[name] = TaskBatch.from_ragged(
                *parts, labels=[int(log.user[g[0]]) for g in groups]
            )
    if not batches:
        raise ValueError(f"No user has {k + least} events in a domain; lower k or least.")
    return batches


def join_tasks(batches: Sequence[TaskBatch]) -> TaskBatch:
    """Put the tasks of several batches into one.

    Args:
        batches: At least one; rows are padded to the longest.

    Returns:
        All tasks.
    """

    def padded(name: str) -> Tensor:
        parts = [getattr(batch, name) for batch in batches]
        longest = max(part.shape[1] for part in parts)
        grown = []
        for part in parts:
            empty = part.new_zeros(len(part), longest - part.shape[1], *part.shape[2:])
            grown.append(torch.cat([part, empty], dim=1))
        return torch.cat(grown)

    names = [f"{side}_{what}" for side in ("support", "query") for what in ("x", "y", "mask")]
    return TaskBatch(*(padded(name) for name in names))


def leave_one_domain_out(
    batches: Mapping[str, TaskBatch],
) -> Iterator[tuple[str, TaskBatch, TaskBatch]]:
    """Yield every domain in turn with the tasks of all others to learn from.

    Args:
        batches: Tasks of at least two domains.

    Yields:
        The name of the domain that is left out, the tasks of the others, and its own tasks.

    Raises:
        ValueError: If there are fewer than two domains.
    """
    if len(batches) < 2:
        raise ValueError(f"There are {len(batches)} domains; leaving one out needs at least two.")
    for name, own in batches.items():
        yield name, join_tasks([b for other, b in batches.items() if other != name]), own


def sample_tasks(batch: TaskBatch, n: int, seed: int) -> Any:
    """Return a sampler for ``meta_train``: ``n`` random tasks at every step.

    Args:
        batch: The tasks to draw from.
        n: Tasks a step.
        seed: Of the draws.

    Returns:
        A function from the step to a batch.
    """

    def sampler(step: int) -> TaskBatch:
        rng = np.random.default_rng((seed, step))
        return batch.select(rng.choice(batch.n_tasks, min(n, batch.n_tasks), replace=False))

    return sampler
