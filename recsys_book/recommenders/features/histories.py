"""What each user had taken before each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def histories(log: Interactions, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what each user had taken before each event, and at the end.

    Args:
        log: A log in any row order; tied timestamps keep their row order.
        length: Number of items kept, the last ones.

    Returns:
        Items before each event, shape (n, length), and after the last one, shape
        (n_users, length); oldest first, filled up in front with ``n_items``.
    """
    by_time = log.order_by_time()
    order = by_time[np.argsort(log.user[by_time], kind="stable")]
    user, item = log.user[order], log.item[order]
    start = np.searchsorted(user, np.arange(log.n_users + 1))
    back = np.arange(length, 0, -1)

    def window(ends: np.ndarray, first: np.ndarray) -> np.ndarray:
        place = ends[:, None] - back
        found = item[np.maximum(place, 0)] if len(item) else place
        return np.where(place >= first[:, None], found, log.n_items)

    before = np.empty((len(log), length), dtype=np.int64)
    before[order] = window(np.arange(len(log)), start[user])
    return before, window(start[1:], start[:-1])
