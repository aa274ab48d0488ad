"""Behaviour as sequences: each user's items in time order, padded to one length."""

from __future__ import annotations

import numpy as np

from recsys_book.data.interactions import Interactions

__all__ = ["user_sequences"]


def user_sequences(
    interactions: Interactions, length: int = 50, seed: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Arrange each user's last ``length`` items in time order, padded on the left.

    Source: Quadrana, Cremonesi and Jannach (2018), Sequence-Aware Recommender Systems.

    Args:
        interactions: n events; pass the training side of a split, never the whole log.
        length: Number of positions; longer histories lose their oldest items.
        seed: Seed of the order of tied timestamps; ``None`` takes the row order.

    Returns:
        ``(n_users, length)`` item positions with the padding id ``n_items``, and a mask of the
        same shape that is true where there is an item.

    Raises:
        ValueError: If ``length`` is below 1.
    """
    if length < 1:
        raise ValueError(f"length must be at least 1 but is {length}.")
    order = interactions.order_by_time(seed)
    order = order[np.argsort(interactions.user[order], kind="stable")]
    user = interactions.user[order]
    end = np.searchsorted(user, user, side="right")
    column = length - (end - np.arange(len(user)))
    kept = column >= 0
    sequences = np.full((interactions.n_users, length), interactions.n_items, dtype=np.int64)
    sequences[user[kept], column[kept]] = interactions.item[order[kept]]
    return sequences, sequences < interactions.n_items
