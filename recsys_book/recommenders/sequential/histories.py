"""Behaviour in time order: what the sequential models read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True, eq=False)
class Histories:
    """Each user's items, oldest first.

    A *page* is what a user did at one timestamp: inside it the log knows no order, and the order
    of the rows stands in for it.

    Attributes:
        items: All events, user by user and in time order, shape (n,).
        pages: The page of each event, numbered from 0 within each user, shape (n,).
        start: Where each user's events begin, and n at the end, shape (n_users + 1,).
        n_items: Size of the catalogue.
    """

    items: np.ndarray
    pages: np.ndarray
    start: np.ndarray
    n_items: int

    @classmethod
    def of(cls, interactions: Interactions) -> Self:
        """Sort a log by user and time; tied timestamps keep the order of their rows.

        Args:
            interactions: n events in any order.

        Returns:
            The histories of all users of the vocabulary, some of them empty.
        """
        order = interactions.order_by_time()
        order = order[np.argsort(interactions.user[order], kind="stable")]
        user, time = interactions.user[order], interactions.timestamp[order]
        count = np.bincount(user, minlength=interactions.n_users)
        start = np.concatenate([[0], np.cumsum(count)])
        turned = np.zeros(len(order), dtype=np.int64)
        turned[1:] = (np.diff(time) != 0) | (np.diff(user) != 0)
        page = np.cumsum(turned)
        first = page[start[:-1][count > 0]]
        return cls(
            interactions.item[order],
            page - np.repeat(first, count[count > 0]),
            start,
            interactions.n_items,
        )

    def __len__(self) -> int:
        """Number of users."""
        return len(self.start) - 1

    def __getitem__(self, user: int) -> np.ndarray:
        """Return the items of a user, oldest first, shape (m,)."""
        return self.items[self.start[user] : self.start[user + 1]]

    def pages_of(self, user: int) -> np.ndarray:
        """Return the pages of a user's items, shape (m,)."""
        return self.pages[self.start[user] : self.start[user + 1]]

    def last(self, users: Sequence[int] | np.ndarray, window: int) -> list[np.ndarray]:
        """Return the last items of some users.

        Args:
            users: Positions, shape (n,).
            window: Most items of each, at least 1.

        Returns:
            n arrays of at most ``window`` items, oldest first.
        """
        return [self[user][-window:] for user in users]


def next_item_pieces(
    histories: Histories, window: int, rng: np.random.Generator | None = None
) -> tuple[list[np.ndarray], np.ndarray]:
    """Cut histories into pieces in which every item but the first of a user is a target once.

    A piece of m + 1 items has m inputs, its first m, and m targets, its last m. Neighbouring
    pieces share one item: the last target of one is the first input of the next.

    Args:
        histories: What to cut.
        window: Most inputs of a piece, at least 1.
        rng: Where each user's first cut is drawn from, anew in each call; None gives each user
            one piece, the last ``window + 1`` items.

    Returns:
        Pieces of 2 to ``window + 1`` items, and the user of each.
    """
    pieces, owner = [], []
    for user in np.flatnonzero(np.diff(histories.start) > 1):
        items = histories[user]
        if rng is None:
            cuts = np.array([max(0, len(items) - 1 - window), len(items) - 1])
        else:
            first = int(rng.integers(1, window + 1))
            cuts = np.arange(first, len(items) - 1, window)
            cuts = np.concatenate([[0], cuts, [len(items) - 1]])
        pieces += [items[a : b + 1] for a, b in zip(cuts[:-1], cuts[1:])]
        owner += [user] * (len(cuts) - 1)
    return pieces, np.array(owner, dtype=np.int64)


def shuffled(interactions: Interactions, seed: int, within_pages: bool = False) -> Interactions:
    """Return the log in which the order of each user's events means nothing any more.

    Every user keeps their items and their set of timestamps; which item has which timestamp is
    drawn anew. What a model loses on such a log is what the order was worth.

    Args:
        interactions: n events.
        seed: Seed of the orders.
        within_pages: Shuffle only events that share a timestamp, which leaves everything that the
            log knows in place.

    Returns:
        n events in time order.
    """
    order = interactions.order_by_time(seed)
    tied = interactions.select(order)
    if within_pages:
        return tied
    luck = np.random.default_rng(seed).random(len(order))
    by_user = np.argsort(tied.user, kind="stable")
    mixed = np.lexsort((luck, tied.user))
    item, value = tied.item.copy(), tied.value.copy()
    item[by_user], value[by_user] = tied.item[mixed], tied.value[mixed]
    return type(tied)(tied.user, item, value, tied.timestamp, tied.users, tied.items)
