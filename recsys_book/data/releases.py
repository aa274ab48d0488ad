"""The file formats in which MovieLens has been published, read into one set of tables."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from recsys_book.data import columns
from recsys_book.data.columns import Where
from recsys_book.data.errors import DataError
from recsys_book.data.tables import read_delimited

RATINGS = ["user", "item", "value", "timestamp"]
PEOPLE = ["user", "age", "gender", "occupation", "zip"]
NO_GENRE = "unknown"
GENRES_100K = (NO_GENRE, "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime")
GENRES_100K += ("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery")
GENRES_100K += ("Romance", "Sci-Fi", "Thriller", "War", "Western")
OCCUPATIONS_1M = ("other", "educator", "artist", "clerical", "student", "customer service")
OCCUPATIONS_1M += ("doctor", "executive", "farmer", "homemaker", "K-12 student", "lawyer")
OCCUPATIONS_1M += ("programmer", "retired", "marketing", "scientist", "self-employed", "engineer")
OCCUPATIONS_1M += ("craftsman", "unemployed", "writer")
_UNIT_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Tables:
    """What a release holds, before its ids are encoded."""

    ratings: pd.DataFrame
    where: Where
    items: pd.DataFrame
    users: pd.DataFrame | None = None
    graph: pd.DataFrame | None = None
    links: pd.DataFrame | None = None


class Files:
    """The files of a release, in a folder or in the official zip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: dict[str, str] = {}
        if path.is_file():
            try:
                with zipfile.ZipFile(path) as box:
                    self.members = {n.rsplit("/", 1)[-1]: n for n in box.namelist() if n[-1] != "/"}
            except zipfile.BadZipFile as problem:
                raise DataError(f"{path} is not a whole zip file; fetch it again.") from problem

    def has(self, name: str) -> bool:
        """Whether the release has a file of this name."""
        return name in self.members or (self.path / name).is_file()

    def where(self, name: str, first_row: int = 1) -> Where:
        """What an error calls the file."""
        return Where(str(self.path / name), first_row)

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading bytes."""
        if not self.has(name):
            raise DataError(
                f"{self.path} has no file '{name}'; give the folder or the zip of the release."
            )
        if not self.members:
            return open(self.path / name, "rb")
        with zipfile.ZipFile(self.path) as box:
            return box.open(self.members[name])

    def table(
        self,
        name: str,
        names: list[str],
        separator: str,
        *,
        header: str | None = None,
        encoding: str = "utf-8",
        quoted: bool = False,
    ) -> tuple[pd.DataFrame, Where]:
        """Read a file as a table; ``header`` is the first line that it must have."""
        where = self.where(name, first_row=1 if header is None else 2)
        if header is not None:
            with self.open(name) as stream:
                first = stream.readline().decode(encoding, errors="replace").rstrip("\r\n")
            if first and first != header:
                raise DataError(
                    f"{where.source}, row 1: the header is {first!r} where the release has "
                    f"{header!r}; fetch the file again."
                )
        with self.open(name) as stream:
            options = {"encoding": encoding, "quoted": quoted, "header": header is not None}
            return read_delimited(stream, where, names, separator=separator, **options), where


def read_100k(files: Files) -> Tables:
    """MovieLens-100K, as the ``recbole`` wheel carries it or as GroupLens publishes it."""
    return _read_100k_wheel(files) if files.has("ml-100k.inter") else _read_100k_official(files)


def _read_100k_wheel(files: Files) -> Tables:
    def table(suffix: str, names: list[str], header: str) -> tuple[pd.DataFrame, Where]:
        return files.table(f"ml-100k.{suffix}", names, "\t", header=header.replace(" ", "\t"))

    ratings, where = table(
        "inter", RATINGS, "user_id:token item_id:token rating:float timestamp:float"
    )
    items, items_where = table(
        "item",
        ["item", "title", "year", "genres"],
        "item_id:token movie_title:token_seq release_year:token class:token_seq",
    )
    items["title"] = items["title"].replace("unkonwn", "unknown")  # so spelt in the wheel
    items["genres"] = items["genres"].str.replace(" ", "|")
    users, users_where = table(
        "user", PEOPLE, "user_id:token age:token gender:token occupation:token zip_code:token"
    )
    graph, _ = table(
        "kg", ["head", "relation", "tail"], "head_id:token relation_id:token tail_id:token"
    )
    links, _ = table("link", ["item", "entity"], "item_id:token entity_id:token")
    return Tables(
        ratings, where, _items(items, items_where), _users(users, users_where), graph, links
    )


def _read_100k_official(files: Files) -> Tables:
    ratings, where = files.table("u.data", RATINGS, "\t")
    names = ["item", "title", "released", "video", "address", *GENRES_100K]
    raw, items_where = files.table("u.item", names, "|", encoding="latin-1")
    flags = np.column_stack([columns.numbers(raw[genre], items_where) for genre in GENRES_100K])
    genres = ["|".join(np.array(GENRES_100K, object)[row > 0]) for row in flags]
    users, users_where = files.table("u.user", PEOPLE, "|", encoding="latin-1")
    items = _items(raw[["item", "title"]].assign(genres=genres), items_where)
    return Tables(ratings, where, items, _users(users, users_where))


def read_1m(files: Files) -> Tables:
    """MovieLens-1M: fields separated by ``::``, latin-1, people with coded occupations."""
    ratings, where = _double_colon(files, "ratings.dat", RATINGS)
    items, items_where = _double_colon(files, "movies.dat", ["item", "title", "genres"])
    people = ["user", "gender", "age", "occupation", "zip"]
    users, users_where = _double_colon(files, "users.dat", people)
    codes = columns.seconds(users["occupation"], users_where)
    if (codes >= len(OCCUPATIONS_1M)).any():
        row = int((codes >= len(OCCUPATIONS_1M)).argmax())
        raise users_where.error(
            "occupation", row, f"the code {codes[row]} is not one of 0 to 20", "correct the row"
        )
    users["occupation"] = np.array(OCCUPATIONS_1M, object)[codes]
    return Tables(ratings, where, _items(items, items_where), _users(users, users_where))


def _double_colon(files: Files, name: str, names: list[str]) -> tuple[pd.DataFrame, Where]:
    """Read a ``::`` file with pandas' fast parser, which wants a separator of one character."""
    with files.open(name) as stream:
        text = stream.read().decode("latin-1").replace("::", _UNIT_SEPARATOR)
    where = files.where(name)
    return read_delimited(io.StringIO(text), where, names, separator=_UNIT_SEPARATOR), where


def read_csv_release(files: Files) -> Tables:
    """MovieLens-20M and 32M: CSV in UTF-8 with headers and quoted titles."""
    ratings, where = files.table(
        "ratings.csv", RATINGS, ",", header="userId,movieId,rating,timestamp"
    )
    items, items_where = files.table(
        "movies.csv", ["item", "title", "genres"], ",", header="movieId,title,genres", quoted=True
    )
    return Tables(ratings, where, _items(items, items_where))


def _items(items: pd.DataFrame, where: Where) -> pd.DataFrame:
    """Split "Toy Story (1995)" into title and year; a year column that holds a number wins.

    A title without a year is kept as it is, with year ``<NA>``. "(V)", released on video, may stand
    after the year; of a range of years ("1975-1979") the first is taken.
    """
    _complete(items, ["title"], where)
    title = items["title"].astype("str").str.strip()
    parts = title.str.extract(r"^(.*?)\s*\((\d{4})(?:\s*[-–]\s*(?:\d{4})?)?\)(?:\s*\(V\))?$")
    year = pd.to_numeric(parts[1]).astype("Int64")
    if "year" in items:
        given = pd.to_numeric(items["year"], errors="coerce").astype("Int64")
        year = given.fillna(year)
    genres = items["genres"].fillna("").astype("str")
    return pd.DataFrame(
        {
            "item": _unique(items["item"], where),
            "title": title.where(parts[1].isna(), parts[0]),
            "year": year,
            "genres": genres.mask(genres.isin(["", "(no genres listed)"]), NO_GENRE),
        }
    )


def _users(users: pd.DataFrame, where: Where) -> pd.DataFrame:
    _complete(users, ["gender", "occupation"], where)
    return pd.DataFrame(
        {
            "user": _unique(users["user"], where),
            "age": columns.seconds(users["age"], where),
            "gender": users["gender"].astype("str"),
            "occupation": users["occupation"].astype("str"),
        }
    )


def _complete(table: pd.DataFrame, names: list[str], where: Where) -> None:
    for name in names:
        gaps = table[name].isna().to_numpy()
        if gaps.any():
            raise where.error(name, gaps.argmax(), "the field is missing", "correct the row")


def _unique(ids: pd.Series, where: Where) -> np.ndarray:
    codes, found = columns.encode(ids, None, where)
    repeated = ids.duplicated().to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        raise where.error(
            ids.name, row, f"the id {found[codes[row]]} occurs a second time", "remove one row"
        )
    return found[codes]
