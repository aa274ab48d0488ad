"""Histories in time order, cut into windows that a sequence model reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from recsys_book.data import Interactions

PADDING = -1


def histories(interactions: Interactions, column: np.ndarray | None = None) -> list[np.ndarray]:
    """Return each user's items in time order; tied timestamps keep their row order.

    Args:
        interactions: The log.
        column: Another column to return in the same order, shape (n,); None takes the items.

    Returns:
        One array a user, empty for a user without events.
    """
    order = interactions.order_by_time()
    order = order[np.argsort(interactions.user[order], kind="stable")]
    ends = np.cumsum(np.bincount(interactions.user, minlength=interactions.n_users))
    return np.split((interactions.item if column is None else column)[order], ends[:-1])


def history_windows(sequences: list[np.ndarray], length: int, fill: float = PADDING) -> np.ndarray:
    """Cut histories into windows that overlap by one item.

    Every item but a user's first is the next one of exactly one window.

    Args:
        sequences: One array a user, oldest first.
        length: Items that a window reads; one more is predicted.
        fill: What stands on the right where a history ends.

    Returns:
        Shape (n, length + 1); users with one event are left out.

    Raises:
        ValueError: If no user has two events.
    """
    rows = []
    for items in sequences:
        for start in range(0, len(items) - 1, length):
            piece = items[start : start + length + 1]
            rows.append(np.pad(piece, (0, length + 1 - len(piece)), constant_values=fill))
    if not rows:
        raise ValueError(
            "No user has two events, so nothing comes next; pass a log with longer histories."
        )
    return np.stack(rows)


def last_items(interactions: Interactions, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the end of each user's history, and where it ends.

    Args:
        interactions: The log.
        length: Items to keep.

    Returns:
        Items padded with -1 on the right, shape (n_users, length), and the position of the last
        item, -1 for an empty history, shape (n_users,).
    """
    found = np.full((interactions.n_users, length), PADDING, dtype=np.int64)
    end = np.full(interactions.n_users, -1, dtype=np.int64)
    for user, items in enumerate(histories(interactions)):
        items = items[-length:]
        found[user, : len(items)] = items
        end[user] = len(items) - 1
    return found, end
