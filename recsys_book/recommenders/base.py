"""What every recommender of the book can do, and the few lines that they share.

A recommender learns from a log of interactions (``fit``), gives every item a number for a user
(``score``) and returns a short ranked list (``recommend``). Users and items are integer positions
in the vocabularies of the log it was fitted on. ``__init__`` only stores hyper-parameters; whatever
is learned ends in an underscore.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from recsys_book.data import Interactions

# One item permutation breaks every tie, here and in `recsys_book.evaluation`, so that the list a
# reader sees is the list that was measured.
TIE_SEED = 7


class NotFittedError(ValueError):
    """A recommender was asked for scores before ``fit``."""


@runtime_checkable
class Recommender(Protocol):
    """The interface that evaluation, chapters and tests rely on."""

    def fit(self, interactions: Interactions) -> Self:
        """Learn from a log and return the recommender itself."""
        ...

    def score(self, users: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return one score per user and item, shape (len(users), n_items)."""
        ...

    def recommend(
        self, users: Sequence[int] | np.ndarray, k: int = 10, exclude_seen: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the k best items and their scores, two arrays of shape (len(users), k)."""
        ...


def top_k(
    scores: np.ndarray, k: int, seen: sp.csr_matrix | None = None, seed: int = TIE_SEED
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k best items of each row, best first, without sorting the rest.

    The k-th best value of a row is found by partial selection, in linear time. Everything above it
    is in the list; among the items that equal it, the first in one seeded item permutation fill the
    remaining places, so the answer never depends on item ids.

    Equation: eq-top-k

    Args:
        scores: Scores, shape (n_rows, n_items).
        k: Length of the lists, at most n_items.
        seen: Items that must not be listed, as non-zeros of shape (n_rows, n_items).
        seed: Seed of the item permutation that breaks ties.

    Returns:
        Items, int64, and their scores, float64, both of shape (n_rows, k). A row with fewer than k
        allowed items is padded at its end with item -1 and score minus infinity.

    Raises:
        ValueError: If k is below 1 or above the number of items, or the shapes disagree.
    """
    scores = np.array(scores, dtype=np.float64)
    n_items = scores.shape[1]
    _check_k(k, n_items)
    if seen is not None:
        if seen.shape != scores.shape:
            raise ValueError(
                f"seen has shape {seen.shape} and scores {scores.shape}; "
                "pass one row of seen items for every row of scores."
            )
        scores[sp.csr_matrix(seen).nonzero()] = -np.inf
    order = np.random.default_rng(seed).permutation(n_items)
    shuffled = scores[:, order]
    kth = np.partition(shuffled, n_items - k, axis=1)[:, n_items - k, None]
    above, level = shuffled > kth, shuffled == kth
    room = k - above.sum(axis=1, keepdims=True)
    chosen = above | (level & (np.cumsum(level, axis=1) <= room))
    columns = chosen.nonzero()[1].reshape(len(scores), k)
    values = np.take_along_axis(shuffled, columns, axis=1)
    best_first = np.argsort(-values, axis=1, kind="stable")
    items = order[np.take_along_axis(columns, best_first, axis=1)]
    values = np.take_along_axis(values, best_first, axis=1)
    return np.where(np.isneginf(values), -1, items), values


class BaseRecommender:
    """Validation, the fallback for unknown users, and ``recommend``.

    A subclass writes ``_fit`` (what it learns) and ``_score`` (scores of users with a history), and
    may override ``_fallback`` (scores of anybody else). The fallback of this class is popularity:
    the number of events of each item in the training log.

    Attributes:
        users_: Original user ids, shape (n_users,).
        items_: Original item ids, shape (n_items,).
        seen_: The pairs of the training log, ones in a sparse matrix (n_users, n_items).
        item_counts_: Events of each item in the training log, shape (n_items,).
    """

    def fit(self, interactions: Interactions) -> Self:
        """Learn from a log.

        Args:
            interactions: The training log.

        Returns:
            The recommender itself.

        Raises:
            ValueError: If the log is empty or a hyper-parameter is out of range.
        """
        if len(interactions) == 0:
            raise ValueError(
                f"{type(self).__name__} cannot be fitted on an empty log; pass at least one event."
            )
        self.users_, self.items_ = interactions.users, interactions.items
        seen = sp.csr_matrix(interactions.to_csr(1.0))
        seen.data[:] = 1.0
        self.seen_ = seen
        self.item_counts_ = np.bincount(interactions.item, minlength=interactions.n_items).astype(
            np.float64
        )
        self._fit(interactions)
        return self

    def score(self, users: Sequence[int] | np.ndarray) -> np.ndarray:
        """Score every item for each user.

        Args:
            users: User positions, shape (n,). Position -1 means a user the log does not know; such
                a user, and one without events in the training log, gets the fallback scores.

        Returns:
            Scores, higher is better, shape (n, n_items).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is neither -1 nor in the vocabulary.
        """
        users = self._check_users(users)
        known = users >= 0
        known[known] = np.diff(self.seen_.indptr)[users[known]] > 0
        scores = np.empty((len(users), len(self.items_)))
        if not known.all():
            scores[~known] = self._fallback(users[~known])
        if known.any():
            scores[known] = self._score(users[known])
        return scores

    def recommend(
        self, users: Sequence[int] | np.ndarray, k: int = 10, exclude_seen: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """List the k best items of each user, best first.

        Args:
            users: User positions, shape (n,); -1 for an unknown user.
            k: Length of the list, from 1 to n_items.
            exclude_seen: Leave out the items of the user's training history.

        Returns:
            Item positions, int64, and scores, float64, both of shape (n, k). A user with fewer than
            k unseen items has a list padded with item -1 and score minus infinity.

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If k or a position is out of range.
        """
        users = self._check_users(users)
        _check_k(k, len(self.items_))
        seen = None
        if exclude_seen:
            mask = sp.diags_array((users >= 0).astype(np.float64))
            seen = sp.csr_matrix(mask @ self.seen_[np.maximum(users, 0)])
            seen.eliminate_zeros()
        return top_k(self.score(users), k, seen)

    def _fit(self, interactions: Interactions) -> None:
        raise NotImplementedError

    def _score(self, users: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return np.tile(self.item_counts_, (len(users), 1))

    def _check_fitted(self) -> None:
        if not hasattr(self, "seen_"):
            name = type(self).__name__
            raise NotFittedError(f"This {name} is not fitted yet; call fit(interactions) first.")

    def _check_users(self, users: Sequence[int] | np.ndarray) -> np.ndarray:
        self._check_fitted()
        return check_positions(users, len(self.users_), "user")

    def _check_pairs(
        self, users: Sequence[int] | np.ndarray, items: Sequence[int] | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of user-item pairs as int64 arrays after checking them."""
        users = self._check_users(users)
        items = check_positions(items, len(self.items_), "item")
        if len(users) != len(items):
            raise ValueError(
                f"predict got {len(users)} users and {len(items)} items; pass pairs of one length."
            )
        return users, items

    def _check_items(self, interactions: Interactions) -> None:
        """Refuse a log that numbers the items in another way."""
        if not np.array_equal(interactions.items, self.items_):
            raise ValueError(
                f"The log has {len(interactions.items)} items that are not the {len(self.items_)} "
                "this recommender was fitted on; build it with items=... of the training log."
            )

    def __repr__(self) -> str:
        """Name and simple hyper-parameters, as one would type them."""
        names = inspect.signature(type(self)).parameters
        values = {name: getattr(self, name) for name in names}
        simple = (int, float, str, type(None))
        shown = (f"{n}={v!r}" for n, v in values.items() if isinstance(v, simple))
        return f"{type(self).__name__}({', '.join(shown)})"


def check_positions(positions: Sequence[int] | np.ndarray, size: int, what: str) -> np.ndarray:
    """Return positions as an int64 array after checking their kind and range.

    Args:
        positions: Positions, shape (n,); -1 stands for an unknown one.
        size: Number of entries of the vocabulary.
        what: "user" or "item", for the message.

    Returns:
        The positions, int64, shape (n,).

    Raises:
        ValueError: If they are not one-dimensional integers between -1 and size - 1.
    """
    array = np.atleast_1d(np.asarray(positions))
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ValueError(
            f"{what} positions must be a one-dimensional array of integers, not {array.dtype} of "
            f"shape {array.shape}; look original ids up in the vocabulary first."
        )
    wrong = array[(array < -1) | (array >= size)]
    if wrong.size:
        raise ValueError(
            f"{what} position {wrong[0]} is outside the vocabulary of {size}; "
            f"use 0 to {size - 1}, or -1 for an unknown {what}."
        )
    return array.astype(np.int64)


def _check_k(k: int, n_items: int) -> None:
    if not 1 <= k <= n_items:
        raise ValueError(f"k is {k}; ask for at least 1 and at most {n_items} items (all of them).")
