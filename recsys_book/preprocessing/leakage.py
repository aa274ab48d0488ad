"""Leakage: assertions that hold a split to what it promises, and measures of what leaks.

Each assertion takes any ``Split``, returns nothing when the promise holds, and otherwise raises a
``LeakageError`` of one sentence that names the first offending event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recsys_book.data.interactions import Interactions
from recsys_book.preprocessing.splitting import Split

__all__ = [
    "LeakageError",
    "assert_cold_items",
    "assert_cold_users",
    "assert_features_as_of",
    "assert_no_overlap",
    "assert_past_only",
    "assert_past_only_per_user",
    "assert_same_vocabulary",
    "assert_warm_users",
    "expected_future_share",
    "future_shares",
]


class LeakageError(ValueError):
    """A split lets training see what it is tested on."""


def assert_no_overlap(split: Split, on: Sequence[str] = ("user", "item", "timestamp")) -> None:
    """Require that no test event is also a training event.

    Args:
        split: Any split.
        on: Columns that together identify an event. ``("user", "item")`` is stricter: no known
            pair is tested again.

    Raises:
        LeakageError: If an event stands on both sides; names the first one in test.
    """
    sides = [
        np.column_stack([getattr(part, name) for name in on]) for part in (split.train, split.test)
    ]
    _, code = np.unique(np.concatenate(sides), axis=0, return_inverse=True)
    code = code.reshape(-1)
    both = np.isin(code[len(split.train) :], code[: len(split.train)])
    if both.any():
        row = int(np.argmax(both))
        raise LeakageError(
            f"{split.name}: {_event(split.test, row)} is also in train (same {', '.join(on)}); "
            "remove duplicates before splitting."
        )


def assert_past_only(split: Split, strict: bool = False) -> None:
    """Require that no training event happened after any test event.

    Args:
        split: Any split.
        strict: Refuse equal timestamps on both sides too.

    Raises:
        LeakageError: If a test event lies before the last training event; names the first one.
    """
    if len(split.train) == 0 or len(split.test) == 0:
        return
    newest = int(np.argmax(split.train.timestamp))
    limit = np.full(len(split.test), split.train.timestamp[newest])
    early = _before(split.test.timestamp, limit, strict)
    if early.any():
        row = int(np.argmax(early))
        raise LeakageError(
            f"{split.name}: {_event(split.test, row)} is tested, but train already holds "
            f"{_event(split.train, newest)}; cut the log by time with temporal_split."
        )


def assert_past_only_per_user(split: Split, strict: bool = False) -> None:
    """Require that no user is tested on an event before one of their own training events.

    Weaker than ``assert_past_only``: other users' futures may still be in train.

    Args:
        split: Any split.
        strict: Refuse equal timestamps on both sides too.

    Raises:
        LeakageError: If a user's own future is in train; names the first such test event.
    """
    newest = _newest(split.train.user, split.train.timestamp, split.train.n_users)
    early = _before(split.test.timestamp, newest[split.test.user], strict)
    if early.any():
        row = int(np.argmax(early))
        raise LeakageError(
            f"{split.name}: {_event(split.test, row)} is tested, but train holds a later event "
            "of the same user; hold out each user's last events with leave_one_out."
        )


def assert_cold_users(split: Split) -> None:
    """Require that no test user has a training row.

    Args:
        split: A split meant for users without history.

    Raises:
        LeakageError: If a test user is known; names the first test event.
    """
    _assert_cold(split, "user", "cold_user_split")


def assert_cold_items(split: Split) -> None:
    """Require that no test item has a training row.

    Args:
        split: A split meant for items without history.

    Raises:
        LeakageError: If a test item is known; names the first test event.
    """
    _assert_cold(split, "item", "cold_item_split")


def assert_warm_users(split: Split) -> None:
    """Require that every test user has at least one training row.

    Args:
        split: A split meant for personalised models.

    Raises:
        LeakageError: If a test user has no history; names the first test event.
    """
    unknown = ~np.isin(split.test.user, split.train.user)
    if unknown.any():
        row = int(np.argmax(unknown))
        raise LeakageError(
            f"{split.name}: {_event(split.test, row)} is tested, but train holds no event of this "
            "user; drop cold users or score them by a rule of their own."
        )


def assert_same_vocabulary(split: Split) -> None:
    """Require that train and test decode positions with the same users and items.

    Args:
        split: Any split.

    Raises:
        LeakageError: If a vocabulary differs, so that one position means two things.
    """
    for name in ("users", "items"):
        left, right = getattr(split.train, name), getattr(split.test, name)
        if not np.array_equal(left, right):
            short = min(len(left), len(right))
            differ = np.append(left[:short] != right[:short], True)
            raise LeakageError(
                f"{split.name}: the {name} of train ({len(left)}) and test ({len(right)}) differ "
                f"from position {int(np.argmax(differ))} on; split one Interactions instead of "
                "encoding the sides apart."
            )


def assert_features_as_of(
    features: Callable[[Interactions], np.ndarray],
    interactions: Interactions,
    rows: int = 20,
    seed: int = 0,
) -> None:
    """Require that each event's features use only what was known before it.

    For a random sample of events the features are computed twice, from the whole log and from a
    log that ends with the event itself. If the two differ, the feature has read the future.

    Args:
        features: Maps n events to ``(n,)`` or ``(n, d)`` features, one row an event in the same
            order.
        interactions: n events.
        rows: How many events to try.
        seed: Seed of the sample.

    Raises:
        LeakageError: If a feature changes when the future is removed; names the first such event.
    """
    whole = np.asarray(features(interactions))
    n = len(interactions)
    sample = np.random.default_rng(seed).choice(n, size=min(rows, n), replace=False)
    for row in np.sort(sample):
        known = interactions.timestamp < interactions.timestamp[row]
        known[row] = True
        alone = np.asarray(features(interactions.select(known)))[np.sum(known[:row])]
        if not np.allclose(whole[row], alone, equal_nan=True):
            raise LeakageError(
                f"the features of {_event(interactions, int(row))} change when all events at or "
                "after it are removed; compute them from earlier events only."
            )


def future_shares(split: Split) -> dict[str, float]:
    """Share of the test rows for which train holds a later event.

    Args:
        split: Any split with at least one test row.

    Returns:
        Shares in [0, 1]: ``any`` (of anybody), ``user`` (of the same user), ``item`` (of the same
        item).
    """
    train, test = split.train, split.test
    newest = train.timestamp.max() if len(train) else -1
    own = _newest(train.user, train.timestamp, train.n_users)[test.user]
    same = _newest(train.item, train.timestamp, train.n_items)[test.item]
    return {
        "any": float(np.mean(test.timestamp < newest)),
        "user": float(np.mean(test.timestamp < own)),
        "item": float(np.mean(test.timestamp < same)),
    }


def expected_future_share(events: np.ndarray, test: float) -> np.ndarray:
    """Chance that a random test row is followed by a training row of the same user.

    Each of a user's m events goes to test independently with probability p, and all their
    timestamps differ.

    Equation: eq-future-share

    Args:
        events: ``(n_users,)`` numbers of events m, each at least 1.
        test: Probability p of going to test, inside (0, 1).

    Returns:
        ``(n_users,)`` expected shares in [0, 1).
    """
    m = np.asarray(events, dtype=np.float64)
    return 1 - (1 - test**m) / (m * (1 - test))


def _assert_cold(split: Split, column: str, remedy: str) -> None:
    """Require that the test side shares no user (or item) with train."""
    known = np.isin(getattr(split.test, column), getattr(split.train, column))
    if known.any():
        row = int(np.argmax(known))
        raise LeakageError(
            f"{split.name}: {_event(split.test, row)} is tested as a cold {column}, but train "
            f"holds events of this {column}; split with {remedy}."
        )


def _before(time: np.ndarray, limit: np.ndarray, strict: bool) -> np.ndarray:
    """Compare times with the newest training event; a tie counts only when strict."""
    return time <= limit if strict else time < limit


def _newest(column: np.ndarray, timestamp: np.ndarray, size: int) -> np.ndarray:
    """Latest timestamp of each position; -1, before all time, where there is none."""
    newest = np.full(size, -1, dtype=np.int64)
    np.maximum.at(newest, column, timestamp)
    return newest


def _event(events: Interactions, row: int) -> str:
    """Describe one event by its original ids and its time."""
    when = np.datetime64(int(events.timestamp[row]), "s")
    user, item = events.users[events.user[row]], events.items[events.item[row]]
    return f"the event (user {user}, item {item}, {when})"
