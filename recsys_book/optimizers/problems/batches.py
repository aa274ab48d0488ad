"""Batches as slices of one shuffled copy: no workers, no collating."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from recsys_book.data import Interactions


def columns(interactions: Interactions, values: bool) -> tuple[Tensor, ...]:
    """Return the columns of a log as tensors.

    Args:
        interactions: The log.
        values: Whether the ratings are wanted too.

    Returns:
        Users and items (int64) and, if wanted, ratings (float32), each of shape ``(n,)``.

    Raises:
        ValueError: If the log is empty.
    """
    if not len(interactions):
        raise ValueError(
            "The problem was given a log without rows: cut train and valid so that both have some."
        )
    parts = [torch.as_tensor(interactions.user), torch.as_tensor(interactions.item)]
    if values:
        parts.append(torch.as_tensor(interactions.value, dtype=torch.float32))
    return tuple(parts)


def check_logs(train: Interactions, valid: Interactions) -> None:
    """Raise if two logs do not share their vocabularies.

    Args:
        train: The rows to learn from.
        valid: The rows to validate on.

    Raises:
        ValueError: If positions in one log mean other users or items than in the other.
    """
    for name in ("users", "items"):
        if not np.array_equal(getattr(train, name), getattr(valid, name)):
            raise ValueError(
                f"train and valid have different {name}: cut both from one log, so that a position "
                "means the same in both."
            )


def shuffled_batches(
    parts: tuple[Tensor, ...], batch_size: int, seed: int
) -> Iterator[tuple[Tensor, ...]]:
    """Yield the rows in random order, a batch at a time; the last may be smaller.

    Args:
        parts: Columns, each of shape ``(n,)``.
        batch_size: Rows in a batch.
        seed: Of the order.

    Returns:
        An iterator over tuples of tensors, each of shape ``(batch,)``.

    Raises:
        ValueError: If a batch would be empty.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, but a batch needs at least one row.")
    order = torch.randperm(len(parts[0]), generator=torch.Generator().manual_seed(seed))
    return zip(*(part[order].split(batch_size) for part in parts))
