"""A content-based recommender in its simplest form: films of the kinds that a user has watched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.rules import check_features

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def genre_matrix(genres: Iterable[str], separator: str = "|") -> tuple[np.ndarray, list[str]]:
    """Turn genre strings into a table of ones and zeros.

    Args:
        genres: One string per item, such as ``"Animation|Comedy"``; may be empty.
        separator: What stands between two genres.

    Returns:
        The table, float64, shape (n_items, n_genres), and the names of its columns, sorted.
    """
    rows = [[name for name in text.split(separator) if name] for text in genres]
    names = sorted({name for row in rows for name in row})
    column = {name: j for j, name in enumerate(names)}
    table = np.zeros((len(rows), len(names)))
    for i, row in enumerate(rows):
        table[i, [column[name] for name in row]] = 1.0
    return table, names


class GenreProfile(BaseRecommender):
    """Score an item by the cosine between its features and the user's mean features.

    Features are centred over the catalogue first, so that what every item shares says nothing. The
    user's profile is the mean of the items in the history. No other user is involved: a new item
    can be scored at once, a new user cannot and gets the popularity of the items.

    Source: Pazzani and Billsus (2007), "Content-Based Recommendation Systems", The Adaptive Web.

    Args:
        features: Item features, shape (n_items, n_features).

    Attributes:
        item_vectors_: Centred unit-length item features, shape (n_items, n_features).
        profiles_: Unit-length user profiles, shape (n_users, n_features).
    """

    def __init__(self, features: np.ndarray):
        self.features = features

    def _fit(self, interactions: Interactions) -> None:
        features = check_features(self.features, interactions.n_items)
        self.item_vectors_ = unit_rows(features - features.mean(axis=0))
        self.profiles_ = unit_rows(self.seen_ @ self.item_vectors_)

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.profiles_[users] @ self.item_vectors_.T


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Divide each row by its length; a row of zeros, up to rounding, becomes zeros.

    Args:
        features: Item features, shape (n_items, n_features).

    Returns:
        Rows of length 1 or 0, so that their products are cosines.
    """
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.divide(
        features, length, out=np.zeros_like(features, dtype=float), where=length > 1e-12
    )
