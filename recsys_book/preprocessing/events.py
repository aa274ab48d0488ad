"""From what people did to what a model learns from: weights, thresholds, codes, cores, samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import pandas as pd

from recsys_book.preprocessing.cleaning import Report, remove_rows, require_columns


def weight_events(
    log: pd.DataFrame,
    weights: Mapping[str, float],
    *,
    event: str = "event",
    into: str = "weight",
) -> tuple[pd.DataFrame, Report]:
    """Give each event the weight of its type: a purchase says more than a view.

    Args:
        log: Event log.
        weights: Weight of each event type; every type in the log must have one.
        event: Column of event types.
        into: Column to write.

    Returns:
        The log with the new column, and a report that counts the rows of each type.

    Raises:
        ValueError: If a type has no weight, or a weight is negative or not finite.
    """
    require_columns(log, [event])
    bad = [name for name, w in weights.items() if not (np.isfinite(w) and w >= 0)]
    if bad:
        raise ValueError(f"The weight of event '{bad[0]}' is {weights[bad[0]]}; pass 0 or more.")
    weight = log[event].map(dict(weights))
    if weight.isna().any():
        row = log.index[weight.isna()].tolist()[0]
        raise ValueError(
            f"Column '{event}', row {row!r}: event {log.at[row, event]!r} has no weight; "
            f"add it to `weights` (known: {', '.join(weights)}) or drop such rows first."
        )
    out = log.assign(**{into: weight.astype(float)})
    same = into in log.columns and out[into].equals(log[into])
    changed = () if same else tuple(log.index)
    counts = {str(k): int(v) for k, v in log[event].value_counts(sort=False).items()}
    return out, Report("event weights", len(log), len(log), (), {} if same else counts, changed)


def watch_ratio(watched: np.ndarray, duration: np.ndarray, cap: float = 1.0) -> np.ndarray:
    """Turn watching time into graded feedback.

    Args:
        watched: (n,) seconds watched.
        duration: (n,) length of each video in seconds, above 0.
        cap: Greatest ratio to return; more than 1 lets a second viewing count.

    Returns:
        (n,) ratios in [0, cap].

    Raises:
        ValueError: If a duration is not positive or a watching time is negative.
    """
    watched, duration = np.asarray(watched, dtype=float), np.asarray(duration, dtype=float)
    bad = ~((duration > 0) & (watched >= 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"Row {row}: {watched[row]:g} s watched of a video of {duration[row]:g} s is not a "
            "ratio; drop the row or repair its duration."
        )
    return np.minimum(watched / duration, cap)


def to_implicit(
    log: pd.DataFrame, threshold: float, *, value: str = "value", into: str = "weight"
) -> tuple[pd.DataFrame, Report]:
    """Read explicit ratings as likes: keep what reaches the threshold, with weight 1.

    The ratings stay in their column, so the conversion can be repeated and undone.

    Args:
        log: Event log with ratings.
        threshold: Least rating that counts as a like; there is no default, because every choice
            is a claim about the users.
        value: Column of ratings.
        into: Column to write the weight into.

    Returns:
        The liked events, and the report.

    Raises:
        ValueError: If the ratings' column is missing or holds missing values.
    """
    require_columns(log, [value])
    if log[value].isna().any():
        row = log.index[log[value].isna()].tolist()[0]
        raise ValueError(
            f"Column '{value}', row {row!r}: a missing rating is neither a like nor a dislike; "
            "drop such rows with drop_missing first."
        )
    below = (log[value] < threshold).to_numpy()
    kept, report = remove_rows(log, below, "to implicit", f"{value} below {threshold:g}")
    return kept.assign(**{into: 1.0}), report


def purchase_frequency(
    log: pd.DataFrame,
    *,
    purchase: str = "buy",
    user: str = "user",
    event: str = "event",
    timestamp: str = "timestamp",
) -> pd.Series:
    """Purchases per active day of each user.

    Args:
        log: Event log from which only technical duplicates were removed.
        purchase: Name of the purchase event.
        user: Column of users.
        event: Column of event types.
        timestamp: Column of times in seconds.

    Returns:
        A series over the users: purchases divided by the number of days with any event.
    """
    require_columns(log, [user, event, timestamp])
    day = log[timestamp] // 86_400
    active_days = day.groupby(log[user]).nunique()
    bought = (log[event] == purchase).groupby(log[user]).sum()
    return (bought / active_days).rename("purchases_per_active_day")


def k_core(
    log: pd.DataFrame,
    min_user: int = 5,
    min_item: int = 5,
    *,
    user: str = "user",
    item: str = "item",
) -> tuple[pd.DataFrame, Report]:
    """Keep the greatest part of the log in which every user and item has enough events.

    Removing a user can push an item below its minimum and the other way round, so the rule is
    applied until it holds for both.

    Args:
        log: Event log.
        min_user: Least number of events a user must have.
        min_item: Least number of events an item must have.
        user: Column of users.
        item: Column of items.

    Returns:
        The core, which may be empty, and the report.
    """
    require_columns(log, [user, item])
    users, items = pd.factorize(log[user])[0], pd.factorize(log[item])[0]
    alive = np.ones(len(log), dtype=bool)
    reason = np.full(len(log), "", dtype=object)
    while True:
        rare_user = alive & (np.bincount(users, weights=alive)[users] < min_user)
        rare_item = alive & ~rare_user & (np.bincount(items, weights=alive)[items] < min_item)
        if not (rare_user | rare_item).any():
            break
        reason[rare_user] = f"{user} with fewer than {min_user}"
        reason[rare_item] = f"{item} with fewer than {min_item}"
        alive &= ~(rare_user | rare_item)
    return remove_rows(log, ~alive, f"core ({min_user}, {min_item})", reason)


def sample_users(
    log: pd.DataFrame, share: float, seed: int = 0, *, user: str = "user"
) -> tuple[pd.DataFrame, Report]:
    """Cut the cost by keeping a random share of the users with their whole histories.

    Sampling users leaves every history as long as it was; sampling events would thin them all, and
    would make the data sparser than the data that the model will meet.

    Args:
        log: Event log.
        share: Share of the users to keep, in (0, 1].
        seed: Seed of the draw.
        user: Column of users.

    Returns:
        The events of the drawn users, and the report.

    Raises:
        ValueError: If the share is outside (0, 1].
    """
    require_columns(log, [user])
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; pass a number above 0 and at most 1.")
    everyone = np.sort(log[user].unique())
    size = max(1, round(share * len(everyone)))
    drawn = np.random.default_rng(seed).choice(everyone, size=size, replace=False)
    return remove_rows(log, ~log[user].isin(drawn).to_numpy(), "sample of users", "not drawn")


class IdMap:
    """Codes for ids, with -1 for every id that was not there when the codes were made.

    Args:
        ids: The known ids, in any order, repeated or not; missing values are ignored.
    """

    def __init__(self, ids: Sequence):
        self.ids = np.unique(pd.Series(ids).dropna().to_numpy())

    @classmethod
    def fit(cls, train: pd.DataFrame, column: str) -> Self:
        """Make the codes from the ids of a column of the training rows."""
        require_columns(train, [column])
        return cls(train[column])

    def __len__(self):
        return len(self.ids)

    def encode(self, ids: Sequence) -> np.ndarray:
        """Return the code of each id.

        Args:
            ids: (n,) ids.

        Returns:
            (n,) int64 positions in ``ids``; -1 for an unknown id.
        """
        return pd.Index(self.ids).get_indexer(pd.Index(ids)).astype(np.int64)

    def decode(self, codes: np.ndarray, unknown: object = None) -> np.ndarray:
        """Return the id of each code.

        Args:
            codes: (n,) integers from -1 to the number of ids less 1.
            unknown: What to return for -1.

        Returns:
            (n,) ids.

        Raises:
            ValueError: If a code was never given out.
        """
        codes = np.asarray(codes)
        bad = (codes < -1) | (codes >= len(self.ids))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"Code {codes[row]} in row {row} belongs to no id (there are {len(self.ids)}); "
                "decode only what the same map encoded."
            )
        if not (codes < 0).any():
            return self.ids[codes]
        out = np.full(codes.shape, unknown, dtype=object)
        out[codes >= 0] = self.ids[codes[codes >= 0]]
        return out
