"""MovieLens: ratings, films and people, whichever official format they come in.

Source: Harper & Konstan (2015), The MovieLens Datasets: History and Context, ACM TiiS 5(4).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recsys_book.data.errors import DataError
from recsys_book.data.fetching import fetch
from recsys_book.data.interactions import Interactions
from recsys_book.data.releases import Files, read_1m, read_100k, read_csv_release

_READERS = {"100k": read_100k, "1m": read_1m, "20m": read_csv_release, "32m": read_csv_release}


@dataclass(frozen=True)
class MovieLens:
    """One release of MovieLens, its tables aligned with the interactions.

    Attributes:
        name: ``"100k"``, ``"1m"``, ``"20m"`` or ``"32m"``.
        interactions: the ratings, in the order of the file.
        items: one row per ``interactions.items``, in that order: item (int), title (str, articles
            postfixed as published: "Butcher Boy, The"), year (Int64, ``<NA>`` where the release
            does not say), genres (str, joined by ``|``; "unknown" where none is listed).
        users: one row per ``interactions.users``: user (int), age (int, years; the 1M release
            gives the lower end of a bracket), gender ("M" or "F"), occupation (str). ``None`` in
            20M and 32M, which say nothing about people.
        graph: head, relation, tail: knowledge-graph triples about the films of 100K. ``None`` in
            the other releases, and in 100K read from GroupLens' own zip, which has no graph.
        links: item (int), entity (str): which film is which entity of ``graph``; ``None`` with it.
            As published: the ids are those of MovieLens-1M, not those of ``items``, so never join
            the two; ``recommenders.movielens_triples`` translates them.
    """

    name: str
    interactions: Interactions
    items: pd.DataFrame
    users: pd.DataFrame | None
    graph: pd.DataFrame | None
    links: pd.DataFrame | None


def load_movielens(name: str = "100k", folder: str | Path | None = None) -> MovieLens:
    """Load a release of MovieLens, fetching and verifying it the first time.

    The vocabularies are the users and the items that have at least one rating, by increasing id.

    Args:
        name: ``"100k"``, ``"1m"``, ``"20m"`` or ``"32m"``.
        folder: a folder or zip that holds the release already, read as it is and not verified.
            ``None`` takes the verified copy of the cache.

    Returns:
        The interactions and the tables that describe them.

    Raises:
        DataError: the name is unknown, the release cannot be fetched, or a file cannot be read.
    """
    if name not in _READERS:
        raise DataError(f"MovieLens has no release '{name}'; choose one of {', '.join(_READERS)}.")
    path = fetch(f"ml-{name}") if folder is None else Path(folder)
    tables = _READERS[name](Files(path))
    where = tables.where
    interactions = Interactions.from_frame(
        tables.ratings, source=where.source, first_row=where.first_row
    )
    users = None
    if tables.users is not None:
        users = _align(tables.users, "user", interactions.users, where.source)
    items = _align(tables.items, "item", interactions.items, where.source)
    return MovieLens(name, interactions, items, users, tables.graph, tables.links)


def _align(table: pd.DataFrame, key: str, ids: np.ndarray, source: str) -> pd.DataFrame:
    """Rows of ``table`` in the order of the vocabulary ``ids``."""
    positions = pd.Index(table[key]).get_indexer(ids)
    if (positions < 0).any():
        raise DataError(
            f"{source}: {key} {ids[positions < 0][0]} has ratings but no row in the table of "
            f"{key}s; the files are not of one release, so fetch them again."
        )
    return table.iloc[positions].reset_index(drop=True)
