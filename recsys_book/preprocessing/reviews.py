"""Reviews as text about an item, without the review that is to be predicted."""

from __future__ import annotations

import pandas as pd

from recsys_book.preprocessing.cleaning import require_columns

__all__ = ["texts_of_others"]


def texts_of_others(
    log: pd.DataFrame,
    pairs: pd.DataFrame | None = None,
    most: int = 5,
    *,
    user: str = "user",
    item: str = "item",
    timestamp: str = "timestamp",
    text: str = "text",
) -> list[list[str]]:
    """Collect what others had written about an item before a user rated it.

    A user's own review of an item holds the rating that is to be predicted ("five stars!"), and
    when the list is made for serving, that review does not exist yet. So it is never used, and
    neither is anything written at the same time or later (erratum CF-16).

    Args:
        log: Event log with reviews; missing and empty texts are no reviews.
        pairs: Rows to describe, with user, item and time; ``None`` describes the log itself.
        most: Number of reviews to return at most, the latest first.
        user: Column of users.
        item: Column of items.
        timestamp: Column of times in seconds.
        text: Column of reviews in the log.

    Returns:
        One list of texts a row of ``pairs``, empty where nobody had written.

    Raises:
        ValueError: If a column is missing.
    """
    pairs = log if pairs is None else pairs
    require_columns(log, [user, item, timestamp, text])
    require_columns(pairs, [user, item, timestamp])
    written = log[log[text].fillna("").astype(str).str.strip() != ""]
    written = written.sort_values(timestamp, kind="stable", ascending=False)
    of_item = {
        key: list(zip(part[user], part[timestamp], part[text]))
        for key, part in written.groupby(item)
    }
    return [
        [words for who, when, words in of_item.get(i, []) if who != u and when < t][:most]
        for u, i, t in zip(pairs[user], pairs[item], pairs[timestamp])
    ]
