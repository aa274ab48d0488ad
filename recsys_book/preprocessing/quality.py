"""A data report: the dozen numbers to look at before any model sees a log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys_book.preprocessing.cleaning import require_columns


@dataclass(frozen=True)
class DataReport:
    """What a log looks like, before anything is done to it.

    Attributes:
        rows: Number of events.
        users: Number of distinct users.
        items: Number of distinct items.
        missing: Number of missing cells in each column.
        exact_duplicates: Rows equal to an earlier row in every column.
        repeated_pairs: Rows whose user and item occurred in an earlier row.
        tied_timestamps: Rows that share their time with another row of the same user.
        ranges: Least and greatest value of each numeric column.
        density: Distinct pairs over users times items.
        gini: Inequality of the events over the items, 0 (equal) to 1 (all on one).
        head_share: Share of the events on the most popular fifth of the items.
        drift: Total variation distance, 0 to 1, between the item popularities of the first and
            the second half of the log in time.
    """

    rows: int
    users: int
    items: int
    missing: Mapping[str, int]
    exact_duplicates: int
    repeated_pairs: int
    tied_timestamps: int
    ranges: Mapping[str, tuple[float, float]]
    density: float
    gini: float
    head_share: float
    drift: float

    def to_frame(self) -> pd.DataFrame:
        """Return the report as a frame with one line a number, under ``measure`` and ``value``."""
        rows = [("rows", self.rows), ("users", self.users), ("items", self.items)]
        rows += [("missing cells", sum(self.missing.values()))]
        rows += [(f"missing in {name}", n) for name, n in self.missing.items() if n]
        rows += [
            ("exact duplicates", self.exact_duplicates),
            ("repeated user–item pairs", self.repeated_pairs),
            ("rows with a tied timestamp", self.tied_timestamps),
        ]
        for name, (low, high) in self.ranges.items():
            rows.append((f"range of {name}", f"{low:,.0f} to {high:,.0f}"))
        shares = ("density", "gini", "head_share", "drift")
        rows += [(name.replace("_", " "), f"{getattr(self, name):.3f}") for name in shares]
        text = [(name, f"{x:,}" if isinstance(x, int) else x) for name, x in rows]
        return pd.DataFrame(text, columns=["measure", "value"])

    def require(self, **limits: float) -> DataReport:
        """Fail loudly if a number exceeds its limit.

        Args:
            limits: Greatest allowed value of any numeric attribute; ``missing`` limits the total.

        Returns:
            The report, so that the call can stand in a chain.

        Raises:
            ValueError: On the first number above its limit, or on an unknown name.
        """
        for name, limit in limits.items():
            found = getattr(self, name, None)
            if name == "missing":
                found = sum(self.missing.values())
            if not isinstance(found, (int, float)):
                raise ValueError(f"The report has no number '{name}'; limit one of its attributes.")
            if found > limit:
                raise ValueError(
                    f"'{name.replace('_', ' ')}' is {found:,.6g}, above its limit {limit:g}; "
                    "clean it before training, or raise the limit and say why."
                )
        return self


def data_report(
    log: pd.DataFrame, *, user: str = "user", item: str = "item", timestamp: str = "timestamp"
) -> DataReport:
    """Measure a log.

    Args:
        log: Event log with at least one row.
        user: Column of users.
        item: Column of items.
        timestamp: Column of times.

    Returns:
        The report; rows without a user, item or time are left out of the numbers that need them.

    Raises:
        ValueError: If a column is missing or the log is empty.
    """
    require_columns(log, [user, item, timestamp])
    if len(log) == 0:
        raise ValueError("The log is empty, so there is nothing to report; check its source.")
    known = log.dropna(subset=[user, item])
    counts = known[item].value_counts().to_numpy(dtype=float)
    numbers = log.select_dtypes("number").drop(columns=[user, item], errors="ignore")
    numbers = numbers.dropna(axis=1, how="all")
    pairs = ~known.duplicated([user, item])
    users, items = known[user].nunique(), len(counts)
    return DataReport(
        rows=len(log),
        users=users,
        items=items,
        missing={str(c): int(n) for c, n in log.isna().sum().items()},
        exact_duplicates=int(log.duplicated().sum()),
        repeated_pairs=int((~pairs).sum()),
        tied_timestamps=int(known.duplicated([user, timestamp], keep=False).sum()),
        ranges={str(c): (float(x.min()), float(x.max())) for c, x in numbers.items()},
        density=float(pairs.sum() / max(1, users * items)),
        gini=_gini(counts),
        head_share=_head_share(counts),
        drift=popularity_drift(known, item=item, timestamp=timestamp),
    )


def _gini(counts: np.ndarray) -> float:
    # The measure itself is recsys_book.evaluation.gini, a room that may not be imported from here.
    x = np.sort(counts)
    n, total = len(x), x.sum()
    if total == 0:
        return 0.0
    return float(2 * (np.arange(1, n + 1) @ x) / (n * total) - (n + 1) / n)


def _head_share(counts: np.ndarray, head: float = 0.2) -> float:
    if len(counts) == 0:
        return 0.0
    top = np.sort(counts)[::-1][: int(np.ceil(head * len(counts)))]
    return float(top.sum() / counts.sum())


def popularity_drift(
    log: pd.DataFrame, *, item: str = "item", timestamp: str = "timestamp"
) -> float:
    """Distance between what was popular in the first and in the second half of a log.

    Args:
        log: Event log; rows without a time are left out.
        item: Column of items.
        timestamp: Column of times; the halves have equally many rows, ties in row order.

    Returns:
        Total variation distance of the two popularity distributions, 0 (same) to 1 (disjoint).
    """
    ordered = log.dropna(subset=[item, timestamp]).sort_values(timestamp, kind="stable")
    half = len(ordered) // 2
    if half == 0:
        return 0.0
    first = ordered[item].iloc[:half].value_counts(normalize=True)
    second = ordered[item].iloc[half:].value_counts(normalize=True)
    return float(first.sub(second, fill_value=0.0).abs().sum() / 2)
