"""What stands on a line of the leaderboard: a name, and how to make the model for each protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import Recommender
from recsys_book.recommenders.content import genre_matrix

if TYPE_CHECKING:
    from recsys_book.data import MovieLens

PROTOCOLS = ("temporal", "last", "ratings", "peers-temporal", "peers-last")
#: The protocols of other libraries' figures use the settings of ours.
SAME_SETTINGS = {"peers-temporal": "temporal", "peers-last": "last"}


class Side:
    """What is known about films and people besides the log; each table is made when first asked.

    Args:
        movielens: The data set.
    """

    def __init__(self, movielens: MovieLens):
        self.movielens = movielens

    @cached_property
    def title_vectors(self) -> np.ndarray:
        """One vector of the text encoder a film, shape (n_items, width)."""
        from recsys_book.encoders import title_vectors

        return title_vectors(self.movielens)

    @cached_property
    def genres(self) -> np.ndarray:
        """Genres as ones and zeros, shape (n_items, n_genres)."""
        return genre_matrix(self.movielens.items["genres"])[0]


Maker = Callable[[Side, int], Recommender]


@dataclass(frozen=True)
class Entry:
    """A model with its settings.

    Attributes:
        name: What the table prints; unique.
        chapter: Label of the chapter that explains it.
        make: For each protocol that the model takes part in, a function of the side information
            and a seed that returns a new model. ``"peers-temporal"`` and ``"peers-last"`` use
            the settings of ``"temporal"`` and ``"last"``.
        tried: How many settings were compared on the tuning splits.
    """

    name: str
    chapter: str
    make: Mapping[str, Maker] = field(repr=False)
    tried: int = 1

    def __post_init__(self) -> None:
        """Refuse a protocol that does not exist."""
        known = [name for name in PROTOCOLS if name not in SAME_SETTINGS]
        for protocol in self.make:
            if protocol not in known:
                raise ValueError(
                    f"{self.name} has settings for {protocol!r}; use {', '.join(known)}."
                )

    def maker(self, protocol: str) -> Maker | None:
        """Return the function that makes the model for a protocol, None if it takes no part.

        Args:
            protocol: One of ``PROTOCOLS``.

        Returns:
            A function of the side information and a seed.
        """
        return self.make.get(SAME_SETTINGS.get(protocol, protocol))
