"""Cleaning an event log: one step at a time, each with a report of what it did and why.

An event log is a ``DataFrame`` with one row an event and raw columns such as ``user``, ``item``,
``value``, ``timestamp`` and ``event``. A *step* takes a log and returns ``(clean log, Report)``;
row labels are never renumbered, so a report can always be joined to the log it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

REPEAT_POLICIES = ("all", "first", "last", "max", "sum", "count")


@dataclass(frozen=True)
class Report:
    """What one cleaning step did to a log.

    Two reports of consecutive steps add up: ``first + second`` is the report of both.

    Attributes:
        step: Name of the step.
        rows_before: Rows that came in.
        rows_after: Rows that went out.
        removed: Labels of the removed rows, in the order of the log.
        reasons: How often each reason applied, to removed rows and to changed cells.
        changed: Labels of the rows that stayed with another content.
    """

    step: str
    rows_before: int
    rows_after: int
    removed: tuple[Hashable, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    changed: tuple[Hashable, ...] = ()

    def __post_init__(self):
        if self.rows_before - self.rows_after != len(self.removed):
            raise ValueError(
                f"The report of '{self.step}' does not add up: {self.rows_before:,} rows before, "
                f"{self.rows_after:,} after, but {len(self.removed):,} labels removed; "
                "list every removed row once."
            )

    def __add__(self, other: Report) -> Report:
        """Return the report of this step followed by ``other``."""
        if self.rows_after != other.rows_before:
            raise ValueError(
                f"'{other.step}' starts from {other.rows_before:,} rows but '{self.step}' left "
                f"{self.rows_after:,}: add reports in the order in which the steps ran."
            )
        reasons = dict(self.reasons)
        for reason, count in other.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
        gone = set(other.removed)
        changed = dict.fromkeys(x for x in (*self.changed, *other.changed) if x not in gone)
        step = self.step if self.step == other.step else f"{self.step} + {other.step}"
        removed = self.removed + other.removed
        return Report(step, self.rows_before, other.rows_after, removed, reasons, tuple(changed))

    def __radd__(self, other: int) -> Report:
        """Make ``sum(reports)`` work: zero plus a report is the report."""
        return self if other == 0 else NotImplemented

    def __str__(self):
        parts = [f"{len(self.removed):,} removed"]
        if self.changed:
            parts.append(f"{len(self.changed):,} changed")
        why = ", ".join(f"{count:,} × {reason}" for reason, count in self.reasons.items() if count)
        text = ", ".join(parts) + (f": {why}" if why else "")
        return f"{self.step}: {self.rows_before:,} → {self.rows_after:,} rows ({text})"


Step = Callable[[pd.DataFrame], tuple[pd.DataFrame, Report]]


def require_columns(log: pd.DataFrame, columns: Sequence[str]) -> None:
    """Check that a log has the columns a step needs, and one label a row.

    Args:
        log: Event log.
        columns: Names that must be there.

    Raises:
        ValueError: If a column is missing or a row label occurs twice.
    """
    missing = [c for c in columns if c not in log.columns]
    if missing:
        raise ValueError(
            f"The log has no column '{missing[0]}' (it has: {', '.join(map(str, log.columns))}); "
            "rename a column or pass its name."
        )
    if not log.index.is_unique:
        label = log.index[log.index.duplicated()].tolist()[0]
        raise ValueError(
            f"Row label {label!r} occurs more than once, so a report could not say which row "
            "went; call log.reset_index(drop=True) first."
        )


def remove_rows(
    log: pd.DataFrame, bad: np.ndarray, step: str, reason: str | np.ndarray
) -> tuple[pd.DataFrame, Report]:
    """Take rows out of a log and report them.

    Args:
        log: Event log, n rows.
        bad: (n,) boolean; true where a row goes.
        step: Name of the step for the report.
        reason: One reason for all rows, or (n,) reasons.

    Returns:
        The remaining rows with their labels, and the report.
    """
    bad = np.asarray(bad, dtype=bool)
    why = pd.Series(np.broadcast_to(np.asarray(reason, dtype=object), bad.shape)[bad])
    reasons = {str(k): int(v) for k, v in why.value_counts(sort=False).items()}
    report = Report(step, len(log), int((~bad).sum()), tuple(log.index[bad]), reasons)
    return log[~bad], report


def first_occurrences(log: pd.DataFrame, key: Sequence[str]) -> np.ndarray:
    """Mark the rows whose key occurs in no earlier row.

    Equation: eq-first-occurrence

    Args:
        log: Event log, n rows.
        key: Columns that say when two rows are the same; missing values equal each other.

    Returns:
        (n,) boolean mask, true for the first row of each class of equal keys.
    """
    require_columns(log, key)
    # ``duplicated`` is pandas' hash table over the keys: one pass, no sorting.
    return ~log.duplicated(subset=list(key), keep="first").to_numpy()


def drop_exact_duplicates(
    log: pd.DataFrame, key: Sequence[str] | None = None
) -> tuple[pd.DataFrame, Report]:
    """Keep the first of the rows that agree in every column of the key.

    Args:
        log: Event log.
        key: Columns to compare; all columns if None.

    Returns:
        The log without later copies, and the report.
    """
    columns = list(log.columns) if key is None else list(key)
    bad = ~first_occurrences(log, columns)
    what = "every column" if key is None else ", ".join(columns)
    return remove_rows(log, bad, "exact duplicates", f"equal in {what}")


def drop_technical_duplicates(
    log: pd.DataFrame,
    *,
    event_id: str | None = None,
    key: Sequence[str] = ("user", "item", "event"),
    window: float = 2.0,
    timestamp: str = "timestamp",
) -> tuple[pd.DataFrame, Report]:
    """Drop what a machine wrote twice, and keep what a person did twice.

    With ``event_id`` two rows are the same event exactly when their ids are equal (rows without an
    id are left alone). Without it, a row is a technical copy when the row before it with the same
    key lies at most ``window`` seconds earlier; a chain of such rows keeps its first.

    Args:
        log: Event log; its order does not matter except between equal times.
        event_id: Column that identifies an event, if the log has one.
        key: Columns that must agree.
        window: Longest distance of a copy, in seconds, at least 0.
        timestamp: Column of times in seconds.

    Returns:
        The log without technical copies, and the report.

    Raises:
        ValueError: If a column is missing or the window is negative.
    """
    if event_id is not None:
        require_columns(log, [event_id])
        bad = log[event_id].notna().to_numpy() & ~first_occurrences(log, [event_id])
        return remove_rows(log, bad, "technical duplicates", f"same {event_id}")
    if not window >= 0:
        raise ValueError(f"window is {window} seconds; pass 0 or more.")
    require_columns(log, [*key, timestamp])
    ordered = log.sort_values(timestamp, kind="stable")
    gap = ordered.groupby(list(key), sort=False, dropna=False)[timestamp].diff()
    bad = (gap <= window).reindex(log.index).to_numpy()
    reason = f"same {', '.join(key)} within {window:g} s"
    return remove_rows(log, bad, "technical duplicates", reason)


def resolve_repeats(
    log: pd.DataFrame,
    policy: str,
    *,
    key: Sequence[str] = ("user", "item"),
    value: str = "value",
    timestamp: str = "timestamp",
) -> tuple[pd.DataFrame, Report]:
    """Decide what happens to genuine repeat events of the same key.

    ``"all"`` keeps every event. ``"first"``, ``"last"`` and ``"max"`` keep one row as it is: the
    earliest, the latest, or the earliest with the greatest value. ``"sum"`` keeps the last row with
    the values added up; ``"count"`` keeps the last row and writes the number of events into a
    column ``count`` (an existing ``count`` is added up, so that the step can run again).

    Args:
        log: Event log.
        policy: One of ``REPEAT_POLICIES``.
        key: Columns that say what counts as the same.
        value: Column that ``"max"`` compares and ``"sum"`` adds.
        timestamp: Column that orders the events; ties keep the order of the rows.

    Returns:
        The log in its original order, and the report; the rows that were merged away are removed.

    Raises:
        ValueError: If the policy is unknown or a column is missing.
    """
    if policy not in REPEAT_POLICIES:
        raise ValueError(f"Unknown policy {policy!r}; choose one of {', '.join(REPEAT_POLICIES)}.")
    step = f"repeat events ({policy})"
    needed = [*key, timestamp] + ([value] if policy in ("max", "sum") else [])
    require_columns(log, needed)
    if policy == "all":
        return remove_rows(log, np.zeros(len(log), dtype=bool), step, "")
    ordered = log.sort_values(timestamp, kind="stable")
    if policy == "max":
        ordered = ordered.sort_values(value, ascending=False, kind="stable", na_position="last")
    keep = "first" if policy in ("first", "max") else "last"
    repeated = ordered.duplicated(subset=list(key), keep=keep).reindex(log.index).to_numpy()
    clean, report = remove_rows(log, repeated, step, f"repeat of {', '.join(key)}")
    if policy not in ("sum", "count"):
        return clean, report
    return _aggregate(log, clean, report, policy, list(key), value)


def _aggregate(log, clean, report, policy, key, value):
    """Write the sum of the values, or the number of events, into the rows that stay."""
    column = value if policy == "sum" else "count"
    counted = policy == "count" and "count" not in log.columns
    source = log.assign(count=1) if counted else log
    total = source.groupby(key, sort=False, dropna=False)[column].transform("sum")
    clean = clean.assign(**{column: total.reindex(clean.index)})
    merged = log.duplicated(subset=key, keep=False).reindex(clean.index).to_numpy()
    changed = clean.index if counted else clean.index[merged]
    return clean, Report(
        report.step,
        report.rows_before,
        report.rows_after,
        report.removed,
        report.reasons,
        tuple(changed),
    )


def clean(
    log: pd.DataFrame, steps: Sequence[Step], max_passes: int = 10
) -> tuple[pd.DataFrame, list[Report]]:
    """Run cleaning steps in order, and again until a whole pass finds nothing to do.

    The result is a fixed point of the steps, so cleaning a cleaned log changes nothing.

    Args:
        log: Event log with unique row labels; it is not modified.
        steps: Functions from a log to ``(log, Report)``.
        max_passes: Give up after so many passes.

    Returns:
        The clean log, and one report a step, each summed over the passes.

    Raises:
        ValueError: If the steps still find work after ``max_passes`` passes.
    """
    require_columns(log, [])
    history: list[list[Report]] = []
    for _ in range(max_passes):
        reports = []
        for step in steps:
            log, report = step(log)
            reports.append(report)
        if history and not any(r.removed or r.changed for r in reports):
            break
        history.append(reports)
        if not any(r.removed or r.changed for r in reports):
            break
    else:
        busy = next(r.step for r in reports if r.removed or r.changed)
        raise ValueError(
            f"The steps still change the log after {max_passes} passes, first '{busy}'; "
            "fit its limits once on the training part instead of anew on each pass."
        )
    return log, _join_passes(history)


def _join_passes(history: list[list[Report]]) -> list[Report]:
    """Join each step's reports over the passes; rows are counted as if each step ran once."""
    joined, rows = [], history[0][0].rows_before if history[0] else 0
    for passes in zip(*history):
        removed = tuple(label for report in passes for label in report.removed)
        changed = dict.fromkeys(label for report in passes for label in report.changed)
        reasons: dict[str, int] = {}
        for report in passes:
            for reason, count in report.reasons.items():
                reasons[reason] = reasons.get(reason, 0) + count
        after = rows - len(removed)
        joined.append(Report(passes[0].step, rows, after, removed, reasons, tuple(changed)))
        rows = after
    return joined
