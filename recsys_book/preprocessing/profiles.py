"""User profiles: declared preferences, consent, and a summary of the history that it covers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys_book.preprocessing.cleaning import Report, remove_rows, require_columns

__all__ = ["keep_consented", "user_profiles"]


def keep_consented(
    log: pd.DataFrame, users: pd.DataFrame, *, user: str = "user", consent: str = "consent"
) -> tuple[pd.DataFrame, Report]:
    """Keep the events of users who agreed that their behaviour is used.

    A missing answer is a no, and so is a user without a row.

    Args:
        log: Event log.
        users: User table, one row a user, with a boolean column of consent.
        user: Column of user ids, in both.
        consent: Column of consent.

    Returns:
        The remaining events, and the report.

    Raises:
        ValueError: If a column is missing or a user has two rows.
    """
    require_columns(log, [user])
    agreed = log[user].isin(_consenting(users, user, consent))
    return remove_rows(log, ~agreed.to_numpy(bool), "consent", "no consent")


def user_profiles(
    users: pd.DataFrame,
    log: pd.DataFrame,
    as_of: float,
    recent: int = 5,
    *,
    user: str = "user",
    item: str = "item",
    timestamp: str = "timestamp",
    query: str | None = None,
    consent: str = "consent",
) -> pd.DataFrame:
    """Join what users declared with what they did before a moment, if they agreed to it.

    Args:
        users: User table with ``consent`` and any declared preferences; they are passed on.
        log: Event log; browsing and searching may stand in it together.
        as_of: Moment in seconds; events at or after it are the future and not used.
        recent: How many of the latest items, and of the latest queries, to list.
        user: Column of user ids, in both.
        item: Column of items; a missing item (a search) is no item.
        timestamp: Column of times in seconds.
        query: Column of search queries, missing where there was none; ``None`` if there is none.
        consent: Column of consent.

    Returns:
        The user table with ``events``, ``last_seen`` (seconds, missing without events),
        ``recent_items`` and, with ``query``, ``recent_queries`` (lists, latest first). Without
        consent the history is empty.

    Raises:
        ValueError: If a column is missing or a user has two rows.
    """
    require_columns(log, [user, item, timestamp, *([query] if query else [])])
    agreed = log[user].isin(_consenting(users, user, consent))
    past = log[agreed & (log[timestamp] < as_of)].sort_values(timestamp, kind="stable")
    out = users.copy()
    by_user = past.groupby(user)[timestamp]
    out["events"] = out[user].map(by_user.size()).fillna(0).astype(np.int64)
    out["last_seen"] = out[user].map(by_user.max())
    for column, name in [(item, "recent_items")] + ([(query, "recent_queries")] if query else []):
        known = past.dropna(subset=[column])
        lists = known.groupby(user)[column].agg(lambda x: x.tolist()[: -recent - 1 : -1])
        found = dict(zip(lists.index, lists))
        out[name] = [found.get(u, []) for u in out[user]]
    return out


def _consenting(users: pd.DataFrame, user: str, consent: str) -> pd.Series:
    require_columns(users, [user, consent])
    if users[user].duplicated().any():
        twice = users.loc[users[user].duplicated(), user].tolist()[0]
        raise ValueError(f"User {twice!r} has two rows in the user table; keep the newest answer.")
    answer = users[consent].astype("boolean").fillna(False)
    return users.loc[answer.to_numpy(bool), user]
