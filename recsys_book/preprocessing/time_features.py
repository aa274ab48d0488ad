"""Time and place as features, computed only from what was known at the moment of the event.

Timestamps are seconds since 1970-01-01 UTC. "Before" always means *strictly* earlier: events that
share a timestamp do not see each other.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

DAY = 86_400
EARTH_RADIUS_KM = 6371.0088


def cyclical(position: np.ndarray, period: float) -> np.ndarray:
    """Put a position of a cycle on the unit circle: it has no ends.

    Equation: eq-cyclical

    Args:
        position: (n,) hours, weekdays, months, … in any origin.
        period: length of the cycle in the same unit, such as 24, 7 or 12.

    Returns:
        (n, 2): sine and cosine of the angle.
    """
    angle = 2 * np.pi * np.asarray(position, dtype=float) / period
    return np.column_stack([np.sin(angle), np.cos(angle)])


def calendar(timestamp: np.ndarray) -> pd.DataFrame:
    """Hour, weekday (Monday is 0), month and year of each timestamp, in UTC.

    Args:
        timestamp: (n,) seconds.

    Returns:
        A frame of n rows with the integer columns ``hour``, ``weekday``, ``month``, ``year``.
    """
    t = pd.to_datetime(pd.Series(np.asarray(timestamp, dtype=np.int64)), unit="s").dt
    return pd.DataFrame(
        {"hour": t.hour, "weekday": t.weekday, "month": t.month, "year": t.year}
    ).astype(int)


def recency_weight(age: np.ndarray, half_life: float) -> np.ndarray:
    """Weight that halves with every ``half_life`` of age.

    Args:
        age: (n,) time since the event, at least 0.
        half_life: in the unit of ``age``.

    Returns:
        (n,) weights in (0, 1].

    Raises:
        ValueError: if an age is negative, which means that the future leaked in.
    """
    age = np.asarray(age, dtype=float)
    if (age < 0).any():
        row = int(np.argmax(age < 0))
        raise ValueError(
            f"Age {age[row]:g} in row {row} is negative: the event lies in the future; "
            "compute recency only from earlier events."
        )
    return np.exp2(-age / half_life)


def sessions(user: np.ndarray, timestamp: np.ndarray, gap: float = 1800) -> np.ndarray:
    """Number the sessions of all users: a pause longer than ``gap`` begins a new one.

    Args:
        user: (n,) user of each event.
        timestamp: (n,) seconds.
        gap: the longest pause inside a session, in seconds.

    Returns:
        (n,) session numbers from 0, in the order of the input rows; numbers rise with user, then
        with time.
    """
    user, timestamp = np.asarray(user), np.asarray(timestamp)
    order = np.lexsort((timestamp, user))
    new = np.diff(user[order], prepend=user[order][:1]) != 0
    new |= np.diff(timestamp[order], prepend=timestamp[order][:1]) > gap
    session = np.empty(len(user), dtype=np.int64)
    session[order] = np.cumsum(new)
    return session


class _History:
    """Sorted events of each key, for questions about what came before a moment."""

    def __init__(self, key: np.ndarray, timestamp: np.ndarray, value: np.ndarray):
        _, self.key = np.unique(key, return_inverse=True)
        self.start = int(timestamp.min(initial=0))
        self.span = int(timestamp.max(initial=0)) - self.start + 2
        self.now = self.key * self.span + (timestamp - self.start)
        self.order = np.argsort(self.now, kind="stable")
        self.sorted = self.now[self.order]
        self.sums = np.concatenate([[0.0], np.cumsum(value[self.order])])

    def between(self, window: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Count and sum of the key's events in ``[t - window, t)``; all of them by default."""
        first = self.key * self.span
        begin = first if window is None else np.maximum(first, self.now - int(window))
        low = np.searchsorted(self.sorted, begin, side="left")
        high = np.searchsorted(self.sorted, self.now, side="left")
        return high - low, self.sums[high] - self.sums[low]

    def pause(self) -> np.ndarray:
        """Seconds since the key's last earlier event; NaN if there was none."""
        count, _ = self.between()
        last = self.sorted[np.searchsorted(self.sorted, self.now, side="left") - 1]
        return np.where(count > 0, (self.now - last).astype(float), np.nan)


def history_features(
    user: np.ndarray,
    item: np.ndarray,
    value: np.ndarray,
    timestamp: np.ndarray,
    window: float = 7 * DAY,
) -> pd.DataFrame:
    """Describe each event by what was known just before it.

    Args:
        user: (n,) user of each event.
        item: (n,) item.
        value: (n,) rating or weight; the event's own value is never used for its own row.
        timestamp: (n,) whole seconds.
        window: length of the sliding window in seconds; it covers ``[t - window, t)``.

    Returns:
        A frame of n rows in the order of the input: ``user_count``, ``user_mean``,
        ``user_recent`` (events in the window), ``user_pause`` (seconds since the user's last
        earlier event), and the same four for the item. Means and pauses are NaN without history.

    Source: the as-of-time rule of Kaufman et al. 2012.
    """
    value = np.asarray(value, dtype=float)
    timestamp = np.asarray(timestamp, dtype=np.int64)
    columns = {}
    for name, key in (("user", user), ("item", item)):
        history = _History(np.asarray(key), timestamp, value)
        count, total = history.between()
        columns[f"{name}_count"] = count
        columns[f"{name}_mean"] = np.divide(
            total, count, out=np.full(len(value), np.nan), where=count > 0
        )
        columns[f"{name}_recent"] = history.between(window)[0]
        columns[f"{name}_pause"] = history.pause()
    return pd.DataFrame(columns)


def haversine(
    latitude: np.ndarray, longitude: np.ndarray, to_latitude: np.ndarray, to_longitude: np.ndarray
) -> np.ndarray:
    """Great-circle distance between places, in kilometres.

    Args:
        latitude: degrees north, broadcast with the others.
        longitude: degrees east.
        to_latitude: degrees north of the other place.
        to_longitude: degrees east of the other place.

    Returns:
        Distances in km; the Earth is taken as a sphere, which errs by at most 0.6 %.

    Raises:
        ValueError: if a latitude is outside [-90, 90].
    """
    a, b = np.radians(np.asarray(latitude, float)), np.radians(np.asarray(to_latitude, float))
    if (np.abs(a) > np.pi / 2).any() or (np.abs(b) > np.pi / 2).any():
        raise ValueError(
            "A latitude is outside [-90, 90]; were latitude and longitude given in another order?"
        )
    half = np.radians(np.asarray(to_longitude, float) - np.asarray(longitude, float)) / 2
    h = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(half) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(h, 0, 1)))
