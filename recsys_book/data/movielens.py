"""MovieLens: ratings, films and people, read from whichever official format is there.

Source: Harper & Konstan (2015), The MovieLens Datasets: History and Context, ACM TiiS 5(4).
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from recsys_book.data.errors import DataError
from recsys_book.data.fetch import fetch
from recsys_book.data.interactions import Interactions

NO_GENRE = "unknown"

GENRES_100K = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]

OCCUPATIONS_1M = [
    "other",
    "educator",
    "artist",
    "clerical",
    "student",
    "customer service",
    "doctor",
    "executive",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "marketing",
    "scientist",
    "self-employed",
    "engineer",
    "craftsman",
    "unemployed",
    "writer",
]


@dataclass(frozen=True)
class MovieLens:
    """One release of MovieLens, its tables aligned with the interactions.

    Attributes:
        name: ``"100k"``, ``"1m"``, ``"20m"`` or ``"32m"``.
        interactions: the ratings, in the order of the file.
        items: one row per ``interactions.items``, in that order: item (int), title (str, articles
            postfixed as published: "Butcher Boy, The"), year (Int64, ``<NA>`` where the release
            does not say), genres (str, joined by ``|``; ``unknown`` where none is listed).
        users: one row per ``interactions.users``: user (int), age (int; the 1M release gives the
            lower end of a bracket), gender ("M" or "F"), occupation (str). ``None`` where the
            release says nothing about people (20M, 32M).
        graph: head, relation, tail: the knowledge-graph triples about the films (100K from the
            wheel only, else ``None``).
        links: item (int), entity (str): which film is which entity of ``graph``.
    """

    name: str
    interactions: Interactions
    items: pd.DataFrame
    users: pd.DataFrame | None
    graph: pd.DataFrame | None
    links: pd.DataFrame | None


@dataclass(frozen=True)
class _Tables:
    ratings: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame | None = None
    graph: pd.DataFrame | None = None
    links: pd.DataFrame | None = None
    source: str = "ratings"
    first_row: int = 1


class _Files:
    """The files of a release, in a folder or in the official zip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: dict[str, str] = {}
        if path.is_file():
            with zipfile.ZipFile(path) as box:
                self.names = {n.rsplit("/", 1)[-1]: n for n in box.namelist() if n[-1] != "/"}

    def has(self, name: str) -> bool:
        return name in self.names or (self.path / name).is_file()

    def where(self, name: str) -> str:
        return f"{self.path}: {name}" if self.names else str(self.path / name)

    def open(self, name: str) -> IO[bytes]:
        if not self.has(name):
            raise DataError(
                f"{self.path} has no file '{name}'; give the folder or the zip of the release."
            )
        if not self.names:
            return open(self.path / name, "rb")
        with zipfile.ZipFile(self.path) as box:
            return io.BytesIO(box.read(self.names[name]))


def load_movielens(name: str = "100k", folder: str | Path | None = None) -> MovieLens:
    """Load a release of MovieLens, fetching and verifying it the first time.

    The vocabularies are the users and items that have at least one rating, by increasing id.

    Args:
        name: ``"100k"``, ``"1m"``, ``"20m"`` or ``"32m"``.
        folder: a folder or zip that holds the release already; it is read as it is, unverified.
            ``None`` takes the verified copy of the cache.

    Returns:
        The interactions and the tables that describe them.

    Raises:
        DataError: the name is unknown, the release cannot be fetched, or a file cannot be read.
    """
    readers: dict[str, Callable[[_Files], _Tables]] = {
        "100k": _read_100k,
        "1m": _read_1m,
        "20m": _read_csv_release,
        "32m": _read_csv_release,
    }
    if name not in readers:
        raise DataError(f"MovieLens has no release '{name}'; choose one of {', '.join(readers)}.")
    path = fetch(f"ml-{name}") if folder is None else Path(folder)
    return _assemble(name, readers[name](_Files(path)))


def _assemble(name: str, tables: _Tables) -> MovieLens:
    interactions = Interactions.from_frame(
        tables.ratings, source=tables.source, first_row=tables.first_row
    )
    return MovieLens(
        name=name,
        interactions=interactions,
        items=_align(tables.items, "item", interactions.items, tables.source),
        users=None
        if tables.users is None
        else _align(tables.users, "user", interactions.users, tables.source),
        graph=tables.graph,
        links=tables.links,
    )


def _align(table: pd.DataFrame, key: str, ids: np.ndarray, source: str) -> pd.DataFrame:
    """Rows of ``table`` in the order of the vocabulary ``ids``."""
    positions = pd.Index(table[key]).get_indexer(ids)
    if (positions < 0).any():
        lost = ids[positions < 0][0]
        raise DataError(
            f"{source}: {key} {lost} has ratings but no row in the table of {key}s; the files are "
            "not of one release, fetch them again."
        )
    return table.iloc[positions].reset_index(drop=True)


# -- 100K: as the wheel carries it, and as GroupLens publishes it --------------------------------


def _read_100k(files: _Files) -> _Tables:
    return _read_100k_wheel(files) if files.has("ml-100k.inter") else _read_100k_official(files)


def _read_100k_wheel(files: _Files) -> _Tables:
    inter = "ml-100k.inter"
    ratings = _table(files, inter, "\t", ["user", "item", "value", "timestamp"], skip=1)
    items = _table(files, "ml-100k.item", "\t", ["item", "title", "year", "genres"], skip=1)
    items["genres"] = items["genres"].str.replace(" ", "|")
    people = ["user", "age", "gender", "occupation", "zip"]
    users = _table(files, "ml-100k.user", "\t", people, skip=1)
    graph = _table(files, "ml-100k.kg", "\t", ["head", "relation", "tail"], skip=1)
    links = _table(files, "ml-100k.link", "\t", ["item", "entity"], skip=1)
    return _Tables(
        ratings,
        _with_years(items, items["year"]),
        users.drop(columns="zip"),
        graph,
        links,
        files.where(inter),
        first_row=2,
    )


def _read_100k_official(files: _Files) -> _Tables:
    ratings = _table(files, "u.data", "\t", ["user", "item", "value", "timestamp"])
    names = ["item", "title", "released", "video", "address", *GENRES_100K]
    raw = _table(files, "u.item", "|", names, encoding="latin-1")
    flags = raw[GENRES_100K].to_numpy(bool)
    genres = ["|".join(np.array(GENRES_100K, object)[row]) or NO_GENRE for row in flags]
    items = raw[["item", "title"]].assign(genres=genres)
    people = ["user", "age", "gender", "occupation", "zip"]
    users = _table(files, "u.user", "|", people, encoding="latin-1").drop(columns="zip")
    return _Tables(ratings, _with_years(items), users, source=files.where("u.data"))


# -- 1M: fields separated by '::', latin-1 -------------------------------------------------------


def _read_1m(files: _Files) -> _Tables:
    ratings = _double_colon(files, "ratings.dat", ["user", "item", "value", "timestamp"])
    items = _double_colon(files, "movies.dat", ["item", "title", "genres"])
    users = _double_colon(files, "users.dat", ["user", "gender", "age", "occupation", "zip"])
    codes = users["occupation"].to_numpy()
    if codes.min() < 0 or codes.max() >= len(OCCUPATIONS_1M):
        raise DataError(
            f"{files.where('users.dat')} has an occupation code outside 0–20; fetch it again."
        )
    users["occupation"] = pd.Series([OCCUPATIONS_1M[code] for code in codes], dtype="str")
    users = users[["user", "age", "gender", "occupation"]]
    return _Tables(ratings, _with_years(items), users, source=files.where("ratings.dat"))


def _double_colon(files: _Files, name: str, names: list[str]) -> pd.DataFrame:
    """Read a '::'-separated file with pandas' fast parser, which wants a single character."""
    with files.open(name) as stream:
        text = stream.read().decode("latin-1")
    if "\x1f" in text:
        raise DataError(f"{files.where(name)} is not a text file of MovieLens; fetch it again.")
    return _parse(io.StringIO(text.replace("::", "\x1f")), files.where(name), "\x1f", names)


# -- 20M, 32M: CSV with a header, UTF-8, quoted titles -------------------------------------------


def _read_csv_release(files: _Files) -> _Tables:
    where = files.where("ratings.csv")
    names = ["user", "item", "value", "timestamp"]
    ratings = _table(files, "ratings.csv", ",", names, skip=1)
    items = _table(files, "movies.csv", ",", ["item", "title", "genres"], skip=1, quoted=True)
    return _Tables(ratings, _with_years(items), source=where, first_row=2)


# -- shared ---------------------------------------------------------------------------------------


def _table(
    files: _Files,
    name: str,
    separator: str,
    names: list[str],
    skip: int = 0,
    encoding: str = "utf-8",
    quoted: bool = False,
) -> pd.DataFrame:
    with files.open(name) as stream:
        return _parse(stream, files.where(name), separator, names, skip, encoding, quoted)


def _parse(
    stream: IO,
    where: str,
    separator: str,
    names: list[str],
    skip: int = 0,
    encoding: str = "utf-8",
    quoted: bool = False,
) -> pd.DataFrame:
    try:
        return pd.read_csv(
            stream,
            sep=separator,
            names=names,
            header=None,
            skiprows=skip,
            encoding=encoding,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            keep_default_na=False,
            na_values={c: [""] for c in ("user", "item", "value", "timestamp") if c in names},
            skip_blank_lines=False,
            engine="c",
            low_memory=False,
            index_col=False,
        )
    except pd.errors.EmptyDataError:
        raise DataError(f"{where} is empty; fetch it again or give another file.") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as problem:
        reason = str(problem).strip().replace("\n", " ")
        raise DataError(f"{where} cannot be read ({reason}); fetch it again.") from problem


def _with_years(items: pd.DataFrame, years: pd.Series | None = None) -> pd.DataFrame:
    """Split "Toy Story (1995)" into title and year; a year column that is one wins.

    A title without a year is kept as it is, with year ``<NA>``. "(V)" (released on video) after
    the year and a range of years ("1975-1979", of which the first is taken) are understood.
    """
    title = items["title"].astype("str").str.strip()
    parts = title.str.extract(r"^(.*?)\s*\((\d{4})(?:\s*[-–]\s*\d{0,4})?\)(?:\s*\(V\))?$")
    dated = parts[1].notna()
    year = pd.to_numeric(parts[1]).astype("Int64")
    if years is not None:
        given = pd.to_numeric(years, errors="coerce").astype("Int64")
        year = given.where(given.notna(), year)
    genres = items["genres"].astype("str")
    return pd.DataFrame(
        {
            "item": items["item"],
            "title": title.where(~dated, parts[0]).replace("unkonwn", "unknown"),
            "year": year,
            "genres": genres.where(~genres.isin(["", "(no genres listed)"]), NO_GENRE),
        }
    )
