"""What a column of an interaction log must satisfy, and the sentence when it does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys_book.data.errors import DataError

# A time beyond the year 5138 in seconds is a time in milliseconds.
_LATEST_SECOND = 100_000_000_000


@dataclass(frozen=True)
class Where:
    """The name of a table and the number of its first row, as its reader counts."""

    source: str
    first_row: int = 0

    def error(self, column: str, position: int, problem: str, remedy: str) -> DataError:
        """Build the sentence for the row at ``position`` (0 for the first)."""
        row = self.first_row + int(position)
        return DataError(f"{self.source}, column '{column}', row {row}: {problem}; {remedy}.")


def require(frame: pd.DataFrame, name: str | None, where: Where) -> None:
    """Check that ``frame`` has the column ``name`` exactly once (``None`` asks for nothing)."""
    if name is None:
        return
    count = int((frame.columns == name).sum())
    if count == 0 and len(frame.columns) == 1:
        raise DataError(
            f"{where.source} has only one column, {str(frame.columns[0])!r}; if that is several "
            f"names, name the character between them as the separator, else add '{name}'."
        )
    if count == 0:
        there = ", ".join(f"'{c}'" for c in frame.columns) or "none"
        raise DataError(
            f"{where.source} has no column '{name}' (its columns: {there}); add it, or name the "
            "column that holds it."
        )
    if count > 1:
        raise DataError(
            f"{where.source} has {count} columns called '{name}'; rename or remove all but one."
        )


def encode(
    column: pd.Series, vocabulary: np.ndarray | None, where: Where
) -> tuple[np.ndarray, np.ndarray]:
    """Turn ids into positions in a sorted vocabulary.

    Args:
        column: (n,) ids: whole numbers or text.
        vocabulary: (m,) the ids to use, or ``None`` for those that occur.
        where: what errors call the table.

    Returns:
        (n,) int64 positions, and the (m,) vocabulary.

    Raises:
        DataError: an id is missing, blank, not a whole number, or outside the vocabulary.
    """
    ids = _ids(column, where)
    codes, found = pd.factorize(ids, sort=True)
    found = np.asarray(found)
    if vocabulary is None:
        return codes.astype(np.int64), found
    vocabulary = np.asarray(vocabulary)
    lookup = pd.Index(vocabulary).get_indexer(found)
    positions = lookup[codes] if len(found) else codes
    unknown = np.flatnonzero(positions < 0)
    if len(unknown):
        raise where.error(
            column.name,
            unknown[0],
            f"the id {_show(ids[unknown[0]])} is not in the vocabulary of {len(vocabulary)} ids",
            "add it to the vocabulary or remove the row",
        )
    return positions.astype(np.int64), vocabulary


def _ids(column: pd.Series, where: Where) -> np.ndarray:
    missing = column.isna().to_numpy()
    if not pd.api.types.is_numeric_dtype(column.dtype):
        text = column.astype(object)
        missing = missing | np.array([isinstance(v, str) and not v.strip() for v in text], bool)
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise where.error(
            column.name, row, "the id is missing", "fill it in or remove the row before loading"
        )
    if pd.api.types.is_float_dtype(column.dtype):
        values = column.to_numpy(np.float64)
        bad = np.flatnonzero(~np.isfinite(values) | (values != np.floor(values)))
        if len(bad):
            raise where.error(
                column.name,
                bad[0],
                f"{_show(values[bad[0]])} is not an id",
                "an id is a whole number or text",
            )
        return values.astype(np.int64)
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.to_numpy(np.int64)
    return _ids_of_objects(column, where)


def _ids_of_objects(column: pd.Series, where: Where) -> np.ndarray:
    """Ids of a column of Python objects: all text, or all whole numbers."""
    ids = column.to_numpy(object)
    text = np.array([isinstance(i, str) for i in ids], bool)
    whole = np.array([isinstance(i, int | np.integer) and not isinstance(i, bool) for i in ids])
    for bad in np.flatnonzero(~(text | whole.astype(bool))):
        raise where.error(
            column.name, bad, f"{ids[bad]!r} is not an id", "an id is a whole number or text"
        )
    if text.all():
        return ids
    for row in np.flatnonzero(text != text[0]):
        raise where.error(
            column.name,
            row,
            f"the id {ids[row]!r} and the id {ids[0]!r} of row {where.first_row} are of two kinds",
            "write all ids as numbers or all as text",
        )
    return ids.astype(np.int64)


def numbers(
    column: pd.Series, where: Where, remedy: str = "correct or remove the row"
) -> np.ndarray:
    """Read a column as (n,) float64; text, gaps and infinities are errors (``DataError``)."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(np.float64, na_value=np.nan)
    else:
        values = pd.to_numeric(column.astype(object), errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        row = int(bad[0])
        raise where.error(column.name, row, *_number_problem(column.iloc[row], column.name, remedy))
    return values


def _number_problem(value: object, name: object, remedy: str) -> tuple[str, str]:
    if pd.isna(value):
        return "the number is missing", "fill it in or remove the row before loading"
    if isinstance(value, str) and value.strip() == str(name):
        return (
            "the header stands here a second time",
            "remove the repeated header line (two files were probably joined)",
        )
    if isinstance(value, str):
        return f"the text {value!r} stands where a number belongs", remedy
    return f"{_show(value)} is not a finite number", remedy


def seconds(column: pd.Series, where: Where) -> np.ndarray:
    """Read a column as (n,) int64 whole seconds since 1970-01-01 UTC (``DataError`` if it cannot).

    Datetimes are taken as UTC when they carry no zone.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        column = _from_datetimes(column, where)
    values = numbers(column, where, "give seconds, or convert dates with pandas.to_datetime")
    checks = (
        (values < 0, "is negative", "give seconds since 1970-01-01 UTC"),
        (values != np.floor(values), "is not a whole number of seconds", "round it first"),
        (values > _LATEST_SECOND, "is too large for seconds", "divide milliseconds by 1,000"),
    )
    for bad, problem, remedy in checks:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise where.error(column.name, row, f"the time {_show(values[row])} {problem}", remedy)
    return values.astype(np.int64)


def _from_datetimes(column: pd.Series, where: Where) -> pd.Series:
    gaps = np.flatnonzero(column.isna())
    if len(gaps):
        raise where.error(
            column.name, gaps[0], "the time is missing", "fill it in or remove the row"
        )
    if column.dt.tz is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.astype("datetime64[s]").astype("int64")


def _show(value: object) -> str:
    if isinstance(value, float | np.floating) and np.isfinite(value) and value == int(value):
        return str(int(value))
    return repr(value.item() if isinstance(value, np.generic) else value)
