"""Control logs: what is left of an effect when one kind of order is destroyed?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsys_book.data import Interactions


def permute_dates(log: Interactions, seed: int = 0) -> Interactions:
    """Give each user the first date of another one, and keep all intervals within users.

    The calendar is destroyed: a change on a date that all users share cannot survive. Sessions,
    and everything else that happens inside one user's history, stay as they were.

    Args:
        log: Events in any order.
        seed: Of the permutation.

    Returns:
        The same events on other dates, in time order.
    """
    users, position = np.unique(log.user, return_inverse=True)
    first = np.full(len(users), np.iinfo(np.int64).max)
    np.minimum.at(first, position, log.timestamp)
    other = np.random.default_rng(seed).permutation(len(users))
    moved = replace(log, timestamp=log.timestamp - first[position] + first[other][position])
    return moved.select(np.argsort(moved.timestamp, kind="stable"))


def shuffle_histories(log: Interactions, seed: int = 0) -> Interactions:
    """Shuffle each user's events among the user's own times.

    Each user has the same items, ratings and times as before, in an order without meaning; the
    calendar of users stays.

    Args:
        log: Events in any order.
        seed: Of the shuffle.

    Returns:
        A log with the same users and times, row by row.
    """
    shuffled = np.lexsort((np.random.default_rng(seed).random(len(log)), log.user))
    source = np.empty(len(log), dtype=np.int64)
    source[np.argsort(log.user, kind="stable")] = shuffled
    return replace(log, item=log.item[source], value=log.value[source])


def shuffle_all(log: Interactions, seed: int = 0) -> Interactions:
    """Shuffle all events among all times: no order of any kind is left.

    Args:
        log: Events in any order.
        seed: Of the shuffle.

    Returns:
        A log with the same times, row by row.
    """
    order = np.random.default_rng(seed).permutation(len(log))
    return replace(log, user=log.user[order], item=log.item[order], value=log.value[order])
