"""Everything that is known about an event, as one long row of numbers: the fields of a model.

A field is a group of columns that say one thing: which user, which genres, which hour. An event's
row is the row of its user, the row of its item and the row of its time, side by side. Adding a
context to a model is adding a field.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from recsys_book.data import Interactions, MovieLens

HOURS_A_DAY, DAYS_A_WEEK = 24, 7
_SIZES = {"hour": HOURS_A_DAY, "weekday": DAYS_A_WEEK}


@dataclass(frozen=True, eq=False)
class Field:
    """One group of columns.

    Attributes:
        name: What the columns say.
        of: Whose property it is: ``"user"``, ``"item"`` or ``"time"``.
        table: One row a user or an item, sparse (rows, columns); None for a field of the time,
            whose name, ``"hour"`` or ``"weekday"`` (UTC), says it all.
    """

    name: str
    of: str
    table: sp.csr_matrix | None = None

    @property
    def width(self) -> int:
        """Number of columns."""
        return _SIZES[self.name] if self.table is None else self.table.shape[1]


def identity_field(of: str, size: int) -> Field:
    """Return the field that says which user, or which item, it is.

    Args:
        of: ``"user"`` or ``"item"``.
        size: Number of users or items.

    Returns:
        A field with one column for each.
    """
    return Field(of, of, sp.csr_matrix(sp.eye_array(size)))


def label_field(name: str, of: str, labels: Iterable[object], separator: str = "|") -> Field:
    """Return a field of labels, several of which may hold at once.

    Args:
        name: Name of the field.
        of: ``"user"`` or ``"item"``.
        labels: One string for each row, such as ``"Comedy|Drama"``; a missing value is no label.
        separator: What stands between two labels.

    Returns:
        A field with one column a label, in sorted order. The entries of a row sum to 1, so that a
        film with many genres does not weigh more than one with few.
    """
    rows = [[part for part in _text(label).split(separator) if part] for label in labels]
    names = sorted({part for row in rows for part in row})
    column = {part: j for j, part in enumerate(names)}
    lengths = [len(row) for row in rows]
    table = sp.csr_matrix(
        (
            [1 / len(row) for row in rows for _ in row],
            [column[part] for row in rows for part in row],
            np.r_[0, np.cumsum(lengths)].astype(np.int64),
        ),
        shape=(len(rows), max(len(names), 1)),
    )
    return Field(name, of, table)


def bucket_field(name: str, of: str, values: Sequence[float], edges: Sequence[float]) -> Field:
    """Return a field that says between which two edges a number lies.

    Args:
        name: Name of the field.
        of: ``"user"`` or ``"item"``.
        values: One number for each row; a missing one (NaN) leaves its row empty.
        edges: Inner edges, increasing; a value at an edge belongs above it.

    Returns:
        A field with ``len(edges) + 1`` columns.
    """
    values = np.asarray(values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(values))
    column = np.searchsorted(np.asarray(edges), values[known], side="right")
    shape = (len(values), len(edges) + 1)
    return Field(name, of, sp.csr_matrix((np.ones(len(known)), (known, column)), shape=shape))


def movielens_fields(
    movielens: MovieLens,
    names: Sequence[str] = ("user", "item", "genre", "year", "age", "gender", "occupation"),
) -> tuple[Field, ...]:
    """Return fields of MovieLens.

    Args:
        movielens: A release; age, gender and occupation need one that describes its users.
        names: Any of user, item, genre, year, age, gender, occupation, hour and weekday.

    Returns:
        One field a name, in that order.

    Raises:
        ValueError: If a name is none of these, or the release says nothing about its users.
    """
    log, items, users = movielens.interactions, movielens.items, movielens.users
    decades = (1930, 1940, 1950, 1960, 1970, 1980, 1985, 1990, 1992, 1994, 1995, 1996, 1997)
    make = {
        "user": lambda: identity_field("user", log.n_users),
        "item": lambda: identity_field("item", log.n_items),
        "genre": lambda: label_field("genre", "item", items.genres),
        "year": lambda: bucket_field(
            "year", "item", items.year.astype("Float64").to_numpy(np.float64, np.nan), decades
        ),
        "age": lambda: bucket_field("age", "user", users.age, (18, 25, 35, 45, 50, 56)),
        "gender": lambda: label_field("gender", "user", users.gender),
        "occupation": lambda: label_field("occupation", "user", users.occupation),
        "hour": lambda: Field("hour", "time"),
        "weekday": lambda: Field("weekday", "time"),
    }
    for name in names:
        if name not in make:
            raise ValueError(f"There is no field {name!r}; choose among {', '.join(make)}.")
        if users is None and name in ("age", "gender", "occupation"):
            raise ValueError(
                f"MovieLens {movielens.name} says nothing about its users; leave out {name!r}."
            )
    return tuple(make[name]() for name in names)


class Design:
    """Fields side by side: the rows that a model multiplies with its weights.

    Args:
        fields: The fields, in the order of their columns.

    Attributes:
        fields: The same.
        offsets: First column of each field, and the number of columns at the end.
        users: Columns that the user fills, sparse (n_users, n_columns).
        items: Columns that the item fills, sparse (n_items, n_columns).
    """

    def __init__(self, fields: Sequence[Field], n_users: int, n_items: int) -> None:
        self.fields = tuple(fields)
        check_fields(self.fields, n_users, n_items)
        self.offsets = np.r_[0, np.cumsum([field.width for field in self.fields])].astype(np.int64)
        self.users = self._side("user", n_users)
        self.items = self._side("item", n_items)

    @property
    def n_columns(self) -> int:
        """Number of columns of all fields together."""
        return int(self.offsets[-1])

    def times(self, timestamps: np.ndarray | None, n: int) -> sp.csr_matrix:
        """Return the columns that the time fills.

        Args:
            timestamps: Seconds since 1970-01-01 UTC, shape (n,); None for an unknown time, which
                leaves its columns empty.
            n: Number of rows.

        Returns:
            Ones, sparse (n, n_columns).
        """
        rows, columns = [], []
        if timestamps is not None:
            for field, offset in zip(self.fields, self.offsets):
                if field.of == "time":
                    rows.append(np.arange(n))
                    columns.append(offset + clock(field.name, timestamps))
        rows, columns = (np.concatenate(x) if x else np.empty(0, int) for x in (rows, columns))
        shape = (n, self.n_columns)
        return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)

    def rows(
        self, users: np.ndarray, items: np.ndarray, timestamps: np.ndarray | None = None
    ) -> sp.csr_matrix:
        """Return the whole rows of events.

        Args:
            users: User positions, shape (n,); -1 leaves the user's columns empty.
            items: Item positions, shape (n,); -1 leaves the item's columns empty.
            timestamps: Seconds since 1970-01-01 UTC, shape (n,), or None.

        Returns:
            Sparse (n, n_columns).
        """
        of_user = known_rows(self.users, users)
        return sp.csr_matrix(
            of_user + known_rows(self.items, items) + self.times(timestamps, len(users))
        )

    def _side(self, of: str, n: int) -> sp.csr_matrix:
        blocks = [
            field.table if field.of == of else sp.csr_matrix((n, field.width))
            for field in self.fields
        ]
        return sp.csr_matrix(sp.hstack(blocks, format="csr", dtype=np.float64))


def known_rows(table: sp.csr_matrix, positions: np.ndarray) -> sp.csr_matrix:
    """Return rows of a sparse table, an empty one for position -1.

    Args:
        table: Sparse (size, columns).
        positions: Rows wanted, shape (n,).

    Returns:
        Sparse (n, columns).
    """
    known = sp.diags_array((positions >= 0).astype(np.float64))
    rows = sp.csr_matrix(known @ table[np.maximum(positions, 0)])
    rows.eliminate_zeros()
    return rows


def clock(name: str, timestamps: np.ndarray) -> np.ndarray:
    """Read the hour or the day of the week from times.

    Args:
        name: ``"hour"`` (0 to 23) or ``"weekday"`` (0 is Monday), in UTC.
        timestamps: Seconds since 1970-01-01 UTC, shape (n,).

    Returns:
        Positions, int64, shape (n,).
    """
    hours = np.asarray(timestamps, dtype=np.int64) // 3600
    if name == "hour":
        return hours % HOURS_A_DAY
    return (hours // HOURS_A_DAY + 3) % DAYS_A_WEEK  # the first of January 1970 was a Thursday


def default_fields(fields: Sequence[Field] | None, log: Interactions) -> tuple[Field, ...]:
    """Return the fields, or the plainest ones: which user and which item.

    Args:
        fields: The fields, or None.
        log: The training log.

    Returns:
        The fields.
    """
    if fields is not None:
        return tuple(fields)
    return identity_field("user", log.n_users), identity_field("item", log.n_items)


def check_fields(fields: Sequence[Field], n_users: int, n_items: int) -> None:
    """Raise if fields cannot describe a log.

    Args:
        fields: The fields.
        n_users: Number of users of the log.
        n_items: Number of items of the log.

    Raises:
        ValueError: If there is no field, a field is of nothing known, has another number of rows
            than the vocabulary, or holds a number that is not finite.
    """
    if not fields:
        raise ValueError("There are no fields; pass at least those of the user and the item.")
    sizes = {"user": n_users, "item": n_items}
    for field in fields:
        if field.of == "time" and field.name in _SIZES and field.table is None:
            continue
        if field.of not in sizes or field.table is None:
            raise ValueError(
                f"Field {field.name!r} is of {field.of!r}; make it of 'user' or 'item' with a "
                "table, or of 'time' with the name 'hour' or 'weekday' and none."
            )
        if field.table.shape[0] != sizes[field.of]:
            raise ValueError(
                f"Field {field.name!r} has {field.table.shape[0]} rows and the log has "
                f"{sizes[field.of]} {field.of}s; give one row for each, in the vocabulary's order."
            )
        if not np.isfinite(field.table.data).all():
            raise ValueError(
                f"Field {field.name!r} holds a number that is not finite; fill the gaps first."
            )


def _text(label: object) -> str:
    return label if isinstance(label, str) else ""
