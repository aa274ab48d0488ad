"""The oldest recommenders: rules that somebody wrote down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class CategoryRule(BaseRecommender):
    """Recommend what is popular in the category that the user has chosen most often.

    Items of that category come first, in order of popularity; all other items follow, in order of
    popularity. If two categories are level, the one with the lower column is taken. A user without
    history gets the popularity of the items.

    Source: the rule-based recommenders that the book's overview of history begins with.

    Args:
        categories: Which item is in which category, ones and zeros of shape
            (n_items, n_categories).

    Attributes:
        favorite_: Favourite category of each user, shape (n_users,).
        member_: Which item is in which category, bool, shape (n_items, n_categories).
    """

    def __init__(self, categories: np.ndarray):
        self.categories = categories

    def _fit(self, interactions: Interactions) -> None:
        self.member_ = check_features(self.categories, interactions.n_items) > 0
        self.favorite_ = np.argmax(self.seen_ @ self.member_.astype(np.float64), axis=1)

    def _score(self, users: np.ndarray) -> np.ndarray:
        inside = self.member_[:, self.favorite_[users]].T
        return self.item_counts_ + inside * (1 + self.item_counts_.max())


def check_features(features: np.ndarray, n_items: int) -> np.ndarray:
    """Return item features as a float array after checking that there is one row per item.

    Args:
        features: Item features, shape (n_items, n_features).
        n_items: Number of items of the log.

    Returns:
        The features, float64.

    Raises:
        ValueError: If the number of rows is not the number of items.
    """
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or len(features) != n_items:
        raise ValueError(
            f"The item features have shape {features.shape} and the log has {n_items} items; "
            "pass one row of features for every item of the vocabulary, in its order."
        )
    return features
