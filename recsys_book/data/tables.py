"""Reading delimited text strictly: a row with a fault is named, never dropped."""

from __future__ import annotations

import csv
import io
import re
import warnings
from pathlib import Path
from typing import IO

import pandas as pd

from recsys_book.data.columns import Where, require
from recsys_book.data.errors import DataError
from recsys_book.data.interactions import Interactions

_SURPLUS = "__surplus__"
_BLANKS = ("", "NaN", "nan", "NA", "N/A", "null", "NULL", "None")


def read_delimited(
    stream: IO,
    where: Where,
    names: list[str],
    *,
    separator: str,
    encoding: str = "utf-8",
    quoted: bool = False,
    header: bool = False,
    missing: tuple[str, ...] = ("",),
) -> pd.DataFrame:
    """Read a table and refuse rows that have too many fields.

    Args:
        stream: the text, at its beginning; binary or text.
        where: the name that errors give the file, and the number of its first data row.
        names: what to call the columns.
        separator: one character.
        encoding: of a binary stream.
        quoted: whether double quotes may protect a separator.
        header: whether the first row is skipped.
        missing: the fields that count as missing values.

    Returns:
        A table with ``names`` as columns. The fields that a short row lacks are missing values.

    Raises:
        DataError: the file is empty, is not text in this encoding, or a row has surplus fields.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                stream,
                sep=separator,
                names=[*names, _SURPLUS],
                header=None,
                skiprows=int(header),
                encoding=encoding,
                quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
                keep_default_na=False,
                na_values=list(missing),
                skip_blank_lines=False,
                low_memory=False,
                index_col=False,
            )
    except UnicodeDecodeError as problem:
        byte = problem.object[problem.start]
        raise DataError(
            f"{where.source} is not {encoding} text (it has the byte 0x{byte:02x}); name its "
            "encoding, or save it as UTF-8."
        ) from problem
    except (pd.errors.ParserError, pd.errors.ParserWarning) as problem:
        raise _shape_error(str(problem), len(names), where) from problem
    if frame.empty:
        raise DataError(f"{where.source} has no rows; give one that has, or fetch it again.")
    surplus = frame.pop(_SURPLUS).notna().to_numpy()
    if surplus.any():
        raise _surplus_error(where.first_row + int(surplus.argmax()), len(names), where)
    return frame


def _shape_error(report: str, width: int, where: Where) -> DataError:
    """Translate what pandas says about a row of the wrong shape; its rows count from 0."""
    unclosed = re.search(r"EOF inside string starting at row (\d+)", report)
    if unclosed:
        return DataError(
            f"{where.source}, row {int(unclosed[1]) + 1}: a quotation mark opens and never closes; "
            "close it, or remove it."
        )
    surplus = re.search(r"in line (\d+), saw \d+", report)
    return _surplus_error(int(surplus[1]) if surplus else where.first_row, width, where)


def _surplus_error(row: int, width: int, where: Where) -> DataError:
    return DataError(
        f"{where.source}, row {row}: there are more than {width} fields; remove the surplus, put "
        "text that holds a separator in quotation marks, or name the right separator."
    )


def read_interactions(
    path: str | Path,
    *,
    user: str = "user_id",
    item: str = "item_id",
    value: str | None = "rating",
    timestamp: str | None = "timestamp",
    separator: str = ",",
    encoding: str = "utf-8-sig",
) -> Interactions:
    """Read your own ratings file: delimited text whose first row names the columns.

    Nothing is dropped and nothing is guessed: a file with a fault is refused, and the error names
    the file, the column, the row (the header is row 1) and the value.

    Args:
        path: the file.
        user: name of the column of user ids.
        item: name of the column of item ids.
        value: name of the column of ratings, or ``None`` (every row counts 1.0).
        timestamp: name of the column of times in seconds since 1970-01-01 UTC, or ``None``.
        separator: the character between two fields.
        encoding: how the text is encoded.

    Returns:
        The log, in the order of the file.

    Raises:
        DataError: the file is missing or empty, a column is missing or named twice, a field is
            missing or is not what its column holds, the header is repeated, or there is only one
            user or one item.
    """
    where = Where(str(path), first_row=2)
    try:
        content = Path(path).read_bytes()
    except OSError as problem:
        reason = problem.strerror or problem
        raise DataError(f"{path} cannot be opened ({reason}); check the path.") from problem
    if not content.strip():
        raise DataError(f"{path} is empty; give a file with a header and at least one row.")
    text = _decode(content, where, encoding)
    names = next(csv.reader([text.split("\n", 1)[0].rstrip("\r")], delimiter=separator))
    wanted = [name for name in (user, item, value, timestamp) if name is not None]
    for name in wanted:
        require(pd.DataFrame([names], columns=names), name, where)
    frame = read_delimited(
        io.StringIO(text),
        where,
        [f"{name}" if name in wanted else f"{k}:{name}" for k, name in enumerate(names)],
        separator=separator,
        quoted=True,
        header=True,
        missing=_BLANKS,
    )
    _refuse_repeated_header(frame[wanted], where)
    log = Interactions.from_frame(
        frame, user=user, item=item, value=value, timestamp=timestamp, source=str(path), first_row=2
    )
    _refuse_single(log, user, item, where)
    return log


def _decode(content: bytes, where: Where, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as problem:
        row = content[: problem.start].count(b"\n") + 1
        raise DataError(
            f"{where.source}, row {row}: the byte 0x{content[problem.start]:02x} is not "
            f"{problem.encoding}; name its encoding (perhaps 'latin-1'), or save it as UTF-8."
        ) from problem


def _refuse_repeated_header(frame: pd.DataFrame, where: Where) -> None:
    same = (frame.astype(object) == frame.columns).all(axis=1).to_numpy()
    if same.any():
        raise DataError(
            f"{where.source}, row {where.first_row + int(same.argmax())}: the header stands here "
            "a second time; remove that line (two files were probably joined)."
        )


def _refuse_single(log: Interactions, user: str, item: str, where: Where) -> None:
    for column, ids, kind in ((user, log.users, "user"), (item, log.items, "item")):
        if len(ids) == 1:
            last = where.first_row + len(log) - 1
            raise DataError(
                f"{where.source}, column '{column}', rows {where.first_row} to {last}: all are of "
                f"one {kind} ({ids[0]}), from which nothing can be compared; give a file with at "
                f"least two {kind}s."
            )
