"""The leaderboard: every model of the book on the same splits, with the settings it was given."""

from __future__ import annotations

from importlib import import_module

from recsys_book.recommenders.leaderboard.entry import PROTOCOLS, Entry, Side
from recsys_book.recommenders.leaderboard.measure import measure, parameter_count
from recsys_book.recommenders.leaderboard.protocols import test_splits, tuning_splits
from recsys_book.recommenders.leaderboard.tables import (
    Difference,
    compare,
    mean_over_people,
    ranking_table,
    rating_table,
    read_results,
    test_users,
)

__all__ = [
    "PARTS",
    "PROTOCOLS",
    "Difference",
    "Entry",
    "Side",
    "compare",
    "entries",
    "mean_over_people",
    "measure",
    "parameter_count",
    "ranking_table",
    "rating_table",
    "read_results",
    "test_splits",
    "test_users",
    "tuning_splits",
]

#: One module of entries each.
PARTS = (
    "baselines",
    "neighbours",
    "factorisation",
    "implicit",
    "neural",
    "features",
    "sequences",
    "reading",
    "hybrids",
)


def entries(part: str | None = None) -> tuple[Entry, ...]:
    """Return the entries of the leaderboard.

    Args:
        part: A name of ``PARTS``; None for all.

    Returns:
        The entries, in the order of the book.

    Raises:
        ValueError: If the part is unknown or a name occurs twice.
    """
    if part is not None and part not in PARTS:
        raise ValueError(f"The leaderboard has no part {part!r}; use one of {', '.join(PARTS)}.")
    found: list[Entry] = []
    for name in PARTS if part is None else (part,):
        found.extend(import_module(f"{__name__}.{name}").ENTRIES)
    names = [entry.name for entry in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Two entries are called {twice[0]!r}; give each a name of its own.")
    return tuple(found)
