"""How personal lists are: what the lists of different people have in common."""

from __future__ import annotations

import numpy as np

from recsys_book.evaluation.beyond_accuracy import exposure

__all__ = ["overlap_between_users", "overlap_with"]


def overlap_between_users(lists: np.ndarray, n_items: int) -> float:
    """Share of places that the lists of two different users have in common, on average.

    If c users have an item in their lists, c (c - 1) ordered pairs of users share it; so the mean
    over all pairs needs the exposure counts alone, and no pair has to be formed.

    Args:
        lists: Recommended items, shape (n_users, k), no item twice in a list; -1 is an empty place.
        n_items: Size of the catalogue.

    Returns:
        1 if everybody gets the same full list, 0 if no two lists share an item.

    Raises:
        ValueError: If there are fewer than two lists, or an item is outside the catalogue.
    """
    counts = exposure(lists, n_items).astype(np.float64)
    n, k = np.shape(lists)
    if n < 2:
        raise ValueError("Overlap compares users; give the lists of at least two.")
    return float((counts * (counts - 1)).sum() / (n * (n - 1) * k))


def overlap_with(lists: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of each user's list that also stands in another list for the same user.

    Args:
        lists: Recommended items, shape (n_users, k); -1 is an empty place.
        others: Lists to compare with, shape (n_users, m), or one list for everybody, shape (m,).

    Returns:
        One share a user, shape (n_users,), NaN for an empty list.

    Raises:
        ValueError: If ``others`` is neither one list nor one a user.
    """
    lists, others = np.asarray(lists), np.asarray(others)
    if others.ndim == 1:
        others = np.broadcast_to(others, (len(lists), len(others)))
    if len(others) != len(lists):
        raise ValueError(
            f"There are {len(lists)} lists and {len(others)} others; give one a user, or one list."
        )
    filled = lists >= 0
    common = ((lists[:, :, None] == others[:, None, :]).any(axis=2) & filled).sum(axis=1)
    n = filled.sum(axis=1)
    return np.where(n > 0, common / np.maximum(n, 1), np.nan)
