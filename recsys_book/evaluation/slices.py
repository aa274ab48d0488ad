"""The same metric, part by part: newcomers, rare items, groups of people.

A mean over all users hides whom a model serves. These functions cut a result by something that was
known before it: how much history a user has, how popular an item is, which group a person is in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recsys_book.evaluation.checks import as_numbers
from recsys_book.evaluation.inference import bootstrap_interval

if TYPE_CHECKING:
    from recsys_book.data import Interactions

__all__ = ["count_groups", "mean_by_group", "recall_by_item_group"]


def count_groups(counts: np.ndarray, edges: tuple[int, ...] = (1, 5, 20)) -> np.ndarray:
    """Name the group of each count, for instance of events in the training log.

    The edges (1, 5, 20) make the groups ``0``, ``1 to 4``, ``5 to 19`` and ``20 or more``; the
    first of them is the cold start.

    Args:
        counts: Events of each user or item, zero or above, shape (n,).
        edges: Least count of each group but the first, rising.

    Returns:
        An ordered categorical of shape (n,), so that tables keep the groups in order.

    Raises:
        ValueError: If a count is negative, or the edges do not rise from at least 1.
    """
    counts = as_numbers("counts", counts, 1)
    if counts.min() < 0:
        raise ValueError(f"counts holds {counts.min():g}; count events, from 0 up.")
    if not edges or edges[0] < 1 or np.any(np.diff(edges) <= 0):
        raise ValueError(f"edges is {edges}; give rising whole numbers from 1 up.")
    starts = [0, *edges]
    names = [f"{a}" if b == a + 1 else f"{a} to {b - 1}" for a, b in zip(starts, edges)]
    codes = np.searchsorted(edges, counts, side="right")
    return pd.Categorical.from_codes(codes, [*names, f"{edges[-1]} or more"], ordered=True)


def mean_by_group(
    values: np.ndarray,
    groups: np.ndarray,
    level: float = 0.95,
    n: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Average a per-user metric within each group, with bootstrap intervals.

    This is also how protected attributes are used in this book: never as an input of a model, only
    here, to see whether it serves the groups alike.

    Args:
        values: One value a user, shape (n_users,).
        groups: The group of each of these users, shape (n_users,), numbers, strings or a
            categorical; a user without a group (missing) is left out.
        level: Share of resampled means inside the interval.
        n: Number of resamples.
        seed: Seed of the resamples.

    Returns:
        One row a group that occurs, sorted, with ``users``, ``mean``, ``low`` and ``high``.

    Raises:
        ValueError: If the lengths differ, or a value is NaN.
    """
    values, groups = as_numbers("values", values, 1), pd.Series(groups)
    if len(groups) != len(values):
        raise ValueError(
            f"There are {len(values)} values but {len(groups)} groups; give one group a user."
        )
    rows = {
        name: (len(part), part.mean(), *bootstrap_interval(part.to_numpy(), level, n, seed))
        for name, part in pd.Series(values).groupby(groups.array, observed=True)
    }
    columns = ["users", "mean", "low", "high"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return frame.rename_axis("group")


def recall_by_item_group(
    lists: np.ndarray, users: np.ndarray, test: Interactions, groups: np.ndarray
) -> pd.DataFrame:
    """Say how often the items of each group that users wanted stood in their lists.

    With groups of popularity this shows whether a model earns its recall in the head alone.

    Args:
        lists: Recommended items, shape (len(users), k), such as ``RankingReport.items``.
        users: Whose lists these are, user positions, shape (n,).
        test: Test events; those of other users are left out, repeated pairs count once.
        groups: The group of each item, shape (n_items,), for instance from ``count_groups``.

    Returns:
        One row a group that occurs in these events, sorted, with ``events``, ``listed`` and
        ``recall`` (their ratio).

    Raises:
        ValueError: If there is not one list a user or one group an item, or no event is left.
    """
    lists, users, groups = np.asarray(lists), np.asarray(users), pd.Series(groups)
    if len(lists) != len(users) or len(groups) != test.n_items:
        raise ValueError(
            f"There are {len(lists)} lists for {len(users)} users and {len(groups)} groups for "
            f"{test.n_items} items; give one list a user and one group an item."
        )
    wanted = np.unique(np.column_stack([test.user, test.item]), axis=0)
    wanted = wanted[np.isin(wanted[:, 0], users)]
    if not len(wanted):
        raise ValueError("None of the users has a test event; pass the users of the lists.")
    row = np.full(test.n_users, -1)
    row[users] = np.arange(len(users))
    listed = (lists[row[wanted[:, 0]]] == wanted[:, [1]]).any(axis=1)
    by = pd.Series(listed).groupby(groups.iloc[wanted[:, 1]].array, observed=True)
    frame = pd.DataFrame({"events": by.size(), "listed": by.sum(), "recall": by.mean()})
    return frame.rename_axis("group")
