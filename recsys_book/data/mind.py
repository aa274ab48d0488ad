"""MIND, the Microsoft news data set, in the format in which it is published.

Two files without headers, columns separated by tabs. ``news.tsv``: id, category, subcategory,
title, abstract, address, and the entities of title and abstract as JSON lists. ``behaviors.tsv``:
id of the impression, user, time, history (ids of news read before, separated by blanks, may be
empty), and what was shown: ``N123-1 N456-0``, where 1 means read; the test part has no marks.

The data themselves are Microsoft's and come under their licence from https://msnews.github.io; this
module reads a folder that you have unpacked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from recsys_book.data.errors import DataError
from recsys_book.data.interactions import Interactions

NEWS_COLUMNS = (
    "id",
    "category",
    "subcategory",
    "title",
    "abstract",
    "url",
    "title_entities",
    "abstract_entities",
)
BEHAVIOR_COLUMNS = ("impression", "user", "time", "history", "impressions")
_TIME = "%m/%d/%Y %I:%M:%S %p"


@dataclass(frozen=True, eq=False)
class Impressions:
    """Lists that were shown, one after the other in flat arrays.

    List j holds the news ``item[start[j]:start[j + 1]]``.

    Attributes:
        id: (n,) the file's ids.
        user: (n,) int64, positions in the users of the interactions.
        timestamp: (n,) int64, seconds since 1970-01-01, the file's clock read as UTC.
        start: (n + 1,) int64.
        item: (m,) int64, positions in the news.
        clicked: (m,) int8: 1, 0, or -1 where the file does not say.
        history_start: (n + 1,) int64, the same for what the user had read before.
        history: (h,) int64, positions in the news, oldest first.
    """

    id: np.ndarray
    user: np.ndarray
    timestamp: np.ndarray
    start: np.ndarray
    item: np.ndarray
    clicked: np.ndarray
    history_start: np.ndarray
    history: np.ndarray

    def __len__(self) -> int:
        """Number of lists."""
        return len(self.user)

    def shown(self, j: int) -> tuple[np.ndarray, np.ndarray]:
        """News of list j and whether each was read, two arrays of one length."""
        part = slice(self.start[j], self.start[j + 1])
        return self.item[part], self.clicked[part]

    def read_before(self, j: int) -> np.ndarray:
        """What the user of list j had read before, positions in the news."""
        return self.history[self.history_start[j] : self.history_start[j + 1]]


@dataclass(frozen=True, eq=False)
class Mind:
    """One part of MIND.

    Attributes:
        news: One row a piece of news, in the file's order; the columns are ``NEWS_COLUMNS``, the
            entities as lists of dictionaries.
        impressions: The lists shown.
        interactions: What was read in them, value 1; ``items`` are the ids in the order of
            ``news``. What stands in the histories has no time, and is not here.
    """

    news: pd.DataFrame
    impressions: Impressions
    interactions: Interactions

    def texts(self) -> list[str]:
        """Title and abstract of each piece of news."""
        return [f"{t} {a}".strip() for t, a in zip(self.news["title"], self.news["abstract"])]


def load_mind(folder: str | Path) -> Mind:
    """Read a part of MIND: a folder with ``news.tsv`` and ``behaviors.tsv``.

    Args:
        folder: The unpacked folder, for instance ``MINDsmall_train``.

    Returns:
        News, lists and interactions.

    Raises:
        DataError: A file is missing, a row has too few or too many columns, an id is doubled or
            unknown, entities are no JSON list, or a time or a mark cannot be read; the sentence
            names file, row (from 1) and column.
    """
    news = _read_news(Path(folder) / "news.tsv")
    position = {name: j for j, name in enumerate(news["id"])}
    impressions, users = _read_behaviors(Path(folder) / "behaviors.tsv", position)
    read = impressions.clicked == 1
    row = np.repeat(np.arange(len(impressions)), np.diff(impressions.start))[read]
    items = news["id"].to_numpy(dtype=object)
    log = Interactions(
        impressions.user[row],
        impressions.item[read],
        np.ones(len(row)),
        impressions.timestamp[row],
        users,
        items,
    )
    return Mind(news, impressions, log)


def _lines(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield row numbers and cells, or say which file or row is wrong."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing: unpack MIND so that news.tsv and behaviors.tsv lie in one folder."
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, byte {error.start}, is not UTF-8: download the file again."
        ) from None
    for row, line in enumerate(text.rstrip("\n").split("\n") if text else [], start=1):
        cells = line.rstrip("\r").split("\t")
        if len(cells) != len(columns):
            raise DataError(
                f"{path.name}, row {row} has {len(cells)} columns instead of {len(columns)}"
                f" ({', '.join(columns)}): separate them by single tabs."
            )
        yield row, cells


def _read_news(path: Path) -> pd.DataFrame:
    rows, seen = [], {}
    for row, cells in _lines(path, NEWS_COLUMNS):
        if not cells[0] or cells[0] in seen:
            where = f"stands in row {seen[cells[0]]} too" if cells[0] else "is empty"
            raise DataError(
                f"{path.name}, row {row}, column 'id': {cells[0]!r} {where}; give each piece of"
                " news one row and an id of its own."
            )
        seen[cells[0]] = row
        entities = [_entities(path.name, row, *pair) for pair in zip(NEWS_COLUMNS[6:], cells[6:])]
        rows.append([*cells[:6], *entities])
    return pd.DataFrame(rows, columns=list(NEWS_COLUMNS))


def _entities(file: str, row: int, column: str, cell: str) -> list[dict]:
    """Read a JSON list of entities; an empty cell is an empty list, as in the published files."""
    if not cell:
        return []
    try:
        found = json.loads(cell)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, list):
        raise DataError(
            f"{file}, row {row}, column '{column}': {cell[:40]!r} is no JSON list; write [] where"
            " there are no entities."
        )
    return found


def _read_behaviors(path: Path, position: dict[str, int]) -> tuple[Impressions, np.ndarray]:
    ids, users, times, shown, histories = [], [], [], [], []
    for row, (name, user, time, history, impressions) in _lines(path, BEHAVIOR_COLUMNS):
        if not user:
            raise DataError(f"{path.name}, row {row}, column 'user' is empty; give the user's id.")
        ids.append(name)
        users.append(user)
        times.append(_seconds(path.name, row, time))
        tokens = [(news, None) for news in history.split()]
        histories.append([p for p, _ in _positions(path.name, row, "history", tokens, position)])
        tokens = [_mark(path.name, row, token) for token in impressions.split()]
        shown.append(_positions(path.name, row, "impressions", tokens, position))
    names, codes = np.unique(np.array(users, dtype=object), return_inverse=True)
    flat = [pair for part in shown for pair in part]
    return Impressions(
        id=np.array(ids, dtype=object),
        user=codes.astype(np.int64),
        timestamp=np.array(times, dtype=np.int64),
        start=np.cumsum([0, *map(len, shown)]),
        item=np.array([p for p, _ in flat], dtype=np.int64),
        clicked=np.array([c for _, c in flat], dtype=np.int8),
        history_start=np.cumsum([0, *map(len, histories)]),
        history=np.array([p for part in histories for p in part], dtype=np.int64),
    ), names


def _seconds(file: str, row: int, time: str) -> int:
    try:
        return int(datetime.strptime(time, _TIME).replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise DataError(
            f"{file}, row {row}, column 'time': {time!r} is no time like '11/15/2019 9:05:58 AM';"
            " write month/day/year and a clock of twelve hours."
        ) from None


def _mark(file: str, row: int, token: str) -> tuple[str, int]:
    """Split ``N123-1`` into the news and its mark; without a mark it is -1."""
    news, dash, mark = token.partition("-")
    if not news or (dash and mark not in ("0", "1")):
        raise DataError(
            f"{file}, row {row}, column 'impressions': {token!r} is not like N123-1 or N123-0; mark"
            " news that was read with 1, other news with 0, and leave the mark out if unknown."
        )
    return news, int(mark) if dash else -1


def _positions(
    file: str, row: int, column: str, tokens: list[tuple], position: dict[str, int]
) -> list[tuple]:
    for news, _ in tokens:
        if news not in position:
            raise DataError(
                f"{file}, row {row}, column '{column}': news {news!r} is not in news.tsv; take"
                " both files from the same part of MIND."
            )
    return [(position[news], mark) for news, mark in tokens]


def write_mind(folder: str | Path, news: pd.DataFrame, behaviors: pd.DataFrame) -> Path:
    """Write tables in MIND's format, for tests and for trying out code without the data.

    Args:
        folder: Where ``news.tsv`` and ``behaviors.tsv`` go; made if need be.
        news: The columns ``NEWS_COLUMNS``; entities as lists, texts without tabs.
        behaviors: The columns ``BEHAVIOR_COLUMNS``: time in seconds since 1970-01-01, history as
            lists of ids, impressions as lists of pairs (id, 1 or 0 or None).

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for cells in news[list(NEWS_COLUMNS)].itertuples(index=False):
        lines.append("\t".join([*map(str, cells[:6]), *(json.dumps(e) for e in cells[6:])]))
    (folder / "news.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = []
    for name, user, time, history, shown in behaviors[list(BEHAVIOR_COLUMNS)].itertuples(
        index=False
    ):
        clock = datetime.fromtimestamp(int(time), UTC).strftime(_TIME)
        marks = [news if mark is None else f"{news}-{int(mark)}" for news, mark in shown]
        lines.append("\t".join([str(name), str(user), clock, " ".join(history), " ".join(marks)]))
    (folder / "behaviors.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
