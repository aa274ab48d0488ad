"""Sorting by score with ties broken by one seeded permutation of the items."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: The same permutation breaks ties in evaluation and in ``recommend``.
TIE_SEED = 7


def tie_positions(n_items: int, seed: int = TIE_SEED) -> np.ndarray:
    """Return each item's place in the seeded permutation that breaks ties.

    Args:
        n_items: Number of items.
        seed: Seed of the permutation.

    Returns:
        Places, shape (n_items,); of two items with the same score the lower place comes first.
    """
    places = np.empty(n_items, dtype=np.int64)
    places[np.random.default_rng(seed).permutation(n_items)] = np.arange(n_items)
    return places


def best_columns(
    scores: np.ndarray, depth: int, ties: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return the columns of the highest scores of each row, best first.

    The scores are sorted without regard to ties, which is fast; only the rows that turn out to
    have a tie that matters are sorted again with the tie-break.

    Args:
        scores: Scores without NaN, shape (n_rows, width).
        depth: How many columns to return, from 1 to width.
        ties: Function that gives the tie-break keys of some rows, shape (len(rows), width).

    Returns:
        Column numbers, shape (n_rows, depth).
    """
    n_rows, width = scores.shape
    if depth == width:
        order = np.argsort(-scores, axis=1)
        tied = np.zeros(n_rows, dtype=bool)
    else:
        kth = np.partition(scores, width - depth, axis=1)[:, width - depth, None]
        kept = scores >= kth
        tied = np.count_nonzero(kept, axis=1) > depth
        kept[tied, depth:], kept[tied, :depth] = False, True  # a placeholder, replaced below
        order = (np.flatnonzero(kept) % width).reshape(n_rows, depth)
        values = np.take_along_axis(scores, order, axis=1)
        order = np.take_along_axis(order, np.argsort(-values, axis=1), axis=1)
    values = np.take_along_axis(scores, order, axis=1)
    tied |= (values[:, 1:] == values[:, :-1]).any(axis=1)
    if tied.any():
        rows = np.flatnonzero(tied)
        order[rows] = np.lexsort((ties(rows), -scores[rows]), axis=1)[:, :depth]
    return order
