"""Titles as a person writes them, and a search that forgives case, accents and articles."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from recsys_book.data import MovieLens

_ARTICLE = re.compile(
    r"^(?P<rest>.+), (?P<article>The|A|An|Le|La|Les|L'|Il|Der|Die|Das|El)(?P<more> \(.*\))?$"
)


def display_title(title: str) -> str:
    """Put a postfixed article where it is read.

    Args:
        title: Such as ``"Butcher Boy, The"``.

    Returns:
        Such as ``"The Butcher Boy"``.
    """
    found = _ARTICLE.match(title.strip())
    if found is None:
        return title.strip()
    space = "" if found["article"].endswith("'") else " "
    return f"{found['article']}{space}{found['rest']}{found['more'] or ''}"


def plain(text: str) -> str:
    """Return the letters and digits of a text, lower case, without accents, single spaces."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(c for c in apart if not unicodedata.combining(c))
    return " ".join(re.findall(r"[^\W_]+", kept))


class Catalogue:
    """The films, by position, by id and by name.

    Args:
        movielens: The release.
        counts: Events of each film, shape (n_items,): of two films that fit a search equally well,
            the one with more events comes first.
    """

    def __init__(self, movielens: MovieLens, counts: np.ndarray):
        table = movielens.items
        self.ids = [str(item) for item in movielens.interactions.items]
        self.position = {name: place for place, name in enumerate(self.ids)}
        self.titles = [display_title(str(title)) for title in table["title"]]
        self.years = [None if pd.isna(year) else int(year) for year in table["year"]]
        self.genres = [str(genres).split("|") for genres in table["genres"]]
        self._plain = [plain(title) for title in self.titles]
        self._by_count = np.argsort(-np.asarray(counts), kind="stable")

    def __len__(self) -> int:
        """Number of films."""
        return len(self.ids)

    def film(self, place: int) -> dict[str, Any]:
        """Return what a page shows of a film."""
        return {
            "item": self.ids[place],
            "title": self.titles[place],
            "year": self.years[place],
            "genres": self.genres[place],
        }

    def search(self, text: str, limit: int) -> list[int]:
        """Find films whose title holds every word of a text, or a beginning of it.

        Args:
            text: What was typed; nothing finds the most watched films.
            limit: Most films.

        Returns:
            Positions: titles that begin with the text first, then by number of events.
        """
        words = plain(text).split()
        if text.strip() and not words:
            return []
        whole = " ".join(words)
        first, second = [], []
        for place in self._by_count:
            title = self._plain[place]
            padded = f" {title}"
            if all(f" {word}" in padded for word in words):
                (first if title.startswith(whole) else second).append(int(place))
            if len(first) >= limit:
                break
        return (first + second)[:limit]
