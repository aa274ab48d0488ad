"""From scores to ranked relevance: the one sort that every ranking metric shares.

A metric at cut-off k needs to know what lies at the first k ranks and what could have been there.
``Ranked`` holds exactly that, one row a user. It is made from a rectangular table of scores
(``from_arrays``) or from long columns with any number of rows a user (``from_rows``).
Ties in a score are broken by one seeded permutation of the items, never by item id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys_book.evaluation.checks import as_ids, as_numbers, check_k, same_shape
from recsys_book.evaluation.rows import Block, ItemTies, group_rows, refuse_repeats
from recsys_book.evaluation.sorting import TIE_SEED, best_columns, tie_positions

__all__ = ["Ranked"]


@dataclass(frozen=True, eq=False)
class Ranked:
    """Relevance in ranked order, one row a user.

    Attributes:
        users: Who each row belongs to, sorted, shape (n_users,).
        gains: Relevance of the item at each rank, best score first, shape (n_users, depth); zero
            beyond the end of a user's list.
        ideal: The same relevances in the best possible order, shape (n_users, depth).
        n_relevant: Items with a relevance above zero, int64, shape (n_users,).
        complete: Whether depth reaches to the end of every list.
    """

    users: np.ndarray
    gains: np.ndarray
    ideal: np.ndarray
    n_relevant: np.ndarray
    complete: bool

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.users)

    @property
    def depth(self) -> int:
        """How many ranks are kept."""
        return self.gains.shape[1]

    @classmethod
    def from_arrays(
        cls,
        scores: np.ndarray,
        relevance: np.ndarray,
        depth: int | None = None,
        seed: int = TIE_SEED,
    ) -> Self:
        """Rank a table of scores.

        Args:
            scores: Scores, higher is better, shape (n_users, n_items); minus infinity is allowed
                and comes last.
            relevance: Relevance, zero or above, of the same shape; above zero means relevant.
            depth: How many ranks to keep; None keeps all. A small depth is faster.
            seed: Seed of the permutation of the columns that breaks ties.

        Returns:
            The ranked relevances; ``users`` are the row numbers.

        Raises:
            ValueError: If the shapes differ, a value is NaN, a relevance is negative, or the depth
                is below 1.
        """
        scores, relevance = _check("scores", scores, relevance, 2)
        n_users, width = scores.shape
        depth = width if depth is None else min(check_k(depth), width)
        ties = tie_positions(width, seed)
        order = best_columns(scores, depth, lambda rows: np.broadcast_to(ties, (len(rows), width)))
        gains = np.take_along_axis(relevance, order, axis=1)
        ideal, n_relevant = _ideal_order(relevance, depth)
        return cls(np.arange(n_users), gains, ideal, n_relevant, depth == width)

    @classmethod
    def from_rows(
        cls,
        user: np.ndarray,
        item: np.ndarray,
        score: np.ndarray,
        relevance: np.ndarray,
        depth: int | None = None,
        seed: int = TIE_SEED,
    ) -> Self:
        """Rank long columns: one row a candidate, any number of rows a user, in any order.

        Rows of a user that stand together are not sorted again, and lists of similar length are
        ranked side by side.

        Args:
            user: Whose candidate it is, integers, shape (n,).
            item: Which item it is, integers, shape (n,); at most once a user.
            score: Scores, higher is better, shape (n,).
            relevance: Relevance, zero or above, shape (n,); above zero means relevant.
            depth: How many ranks to keep; None keeps the longest list.
            seed: Seed of the permutation of the sorted item ids that breaks ties.

        Returns:
            The ranked relevances, users sorted by id.

        Raises:
            ValueError: If the shapes differ, a value is NaN, a relevance is negative, a user has
                an item twice, or the depth is below 1.
        """
        score, relevance = _check("score", score, relevance, 1)
        user, item = as_ids("user", user, "score", score), as_ids("item", item, "score", score)
        groups, order = group_rows(user)
        if order is not None:
            item, score, relevance = item[order], score[order], relevance[order]
        n_users, longest = len(groups.users), int(groups.sizes.max())
        depth = longest if depth is None else min(check_k(depth), longest)
        gains, ideal = np.zeros((n_users, depth)), np.zeros((n_users, depth))
        n_relevant = np.zeros(n_users, dtype=np.int64)
        ties = ItemTies(item, seed)
        for block in groups.blocks():
            refuse_repeats(block, item, groups.users)
            d = min(depth, block.width)
            r = block.table(relevance, 0.0)
            best = best_columns(block.table(score, -np.inf), d, _block_ties(block, ties))
            gains[block.rows, :d] = np.take_along_axis(r, best, axis=1)
            ideal[block.rows, :d], n_relevant[block.rows] = _ideal_order(r, d)
        return cls(groups.users, gains, ideal, n_relevant, depth == longest)


def _block_ties(block: Block, ties: ItemTies):
    return lambda rows: block.table(ties.positions, ties.last)[rows]


def _check(
    name: str, scores: np.ndarray, relevance: np.ndarray, ndim: int
) -> tuple[np.ndarray, np.ndarray]:
    scores = as_numbers(name, scores, ndim)
    relevance = as_numbers("relevance", relevance, ndim)
    same_shape(name, scores, "relevance", relevance)
    if relevance.min() < 0:
        raise ValueError(f"relevance goes down to {relevance.min():g}; it starts at 0.")
    return scores, relevance


def _ideal_order(relevance: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the depth highest relevances of each row, highest first, and the number above 0."""
    n_relevant = np.count_nonzero(relevance, axis=1)
    if relevance.max() <= 1 and n_relevant.sum() == relevance.sum():  # only zeros and ones
        return (np.arange(depth) < n_relevant[:, None]).astype(np.float64), n_relevant
    width = relevance.shape[1]
    top = np.partition(relevance, width - depth, axis=1)[:, width - depth :]
    return np.sort(top, axis=1)[:, ::-1], n_relevant
