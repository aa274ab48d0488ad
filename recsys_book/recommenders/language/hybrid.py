"""One rule for every item: believe the behaviour where there is some, and the text where not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.history import history_weights
from recsys_book.recommenders.language.checks import (
    centred_unit_rows,
    text_vectors,
)
from recsys_book.recommenders.language.neighbors import user_vectors
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions
    from recsys_book.recommenders.base import Recommender


def standardise(scores: np.ndarray) -> np.ndarray:
    """Give each row mean 0 and standard deviation 1; a constant row becomes zero.

    Args:
        scores: Shape (n, m).

    Returns:
        Shape (n, m).
    """
    centred = scores - scores.mean(axis=1, keepdims=True)
    deviation = scores.std(axis=1, keepdims=True)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-12)


def shrink_towards_text(
    scores: np.ndarray, from_text: np.ndarray, counts: np.ndarray, strength: float
) -> np.ndarray:
    """Mix what behaviour says with what the text predicts, by how much behaviour there is.

    Equation: eq-text-shrinkage.

    Args:
        scores: Scores of a model without text, shape (n, n_items).
        from_text: The same scores as the text predicts them, shape (n, n_items).
        counts: Events of each item, shape (n_items,).
        strength: Number of events at which both count the same, above 0.

    Returns:
        Shape (n, n_items).
    """
    trust = counts / (counts + strength)
    return trust * scores + (1 - trust) * from_text


def ridge_map(X: np.ndarray, l2: float) -> np.ndarray:
    """Return what turns any targets of ridge regression into its weights.

    The smaller of two equal systems is solved: one row an input, or one row a sample.

    Args:
        X: Inputs, shape (n, width).
        l2: Penalty, above 0.

    Returns:
        The map, shape (width, n).
    """
    n, width = X.shape
    if width <= n:
        return np.linalg.solve(X.T @ X + l2 * np.eye(width), X.T)
    return np.linalg.solve(X @ X.T + l2 * np.eye(n), X).T


class TextHybrid(BaseRecommender):
    """Any recommender, whose scores of rarely seen items are shrunk towards what the text predicts.

    A ridge regression predicts a user's scores of the warm items from their text; applied to all
    items it gives a score to those that nobody has touched. On top of that the hybrid can add the
    similarity of an item's text with the mean of the history, and recent popularity, both
    standardised over the items. A user without history gets the popularity of the items.

    Source: Gantner et al. (2010), "Learning Attribute-to-Feature Mappings for Cold-Start
    Recommendations", ICDM, for the regression on a trained model.

    Equation: eq-text-shrinkage.

    Args:
        model: An unfitted recommender without text; it is fitted here, on the same log.
        vectors: One text vector an item, shape (n_items, width).
        strength: Events at which behaviour and text count the same; above 0.
        l2: Penalty of the regression on text.
        text_weight: Weight of the text profile, at least 0.
        popularity_weight: Weight of the logarithm of recent popularity, at least 0.
        window: Share of the rows, in time order, that recent popularity counts.

    Attributes:
        map_: From the scores of the warm items to the weights of the text, shape (width, n_warm).
        warm_: Items with an event, boolean, shape (n_items,).
        popularity_: Standardised logarithm of recent popularity, shape (n_items,).
    """

    def __init__(
        self,
        model: Recommender,
        vectors: np.ndarray,
        strength: float = 1.0,
        l2: float = 10.0,
        text_weight: float = 0.0,
        popularity_weight: float = 0.0,
        window: float = 0.1,
    ):
        self.model = model
        self.vectors = vectors
        self.strength = strength
        self.l2 = l2
        self.text_weight = text_weight
        self.popularity_weight = popularity_weight
        self.window = window

    def _fit(self, interactions: Interactions) -> None:
        check_above_zero(self, "strength", "l2")
        check_at_least_zero(self, "text_weight", "popularity_weight")
        if not 0 < self.window <= 1:
            raise ValueError(f"window is {self.window}; use a share above 0 and at most 1.")
        self.vectors_ = text_vectors(self.vectors, interactions.n_items)
        self.model_ = self.model.fit(interactions)
        self.warm_ = self.item_counts_ > 0
        inputs = self.vectors_ - self.vectors_[self.warm_].mean(axis=0)
        warm = inputs[self.warm_]
        self.inputs_ = inputs
        self.map_ = ridge_map(warm, self.l2)
        self.profile_ = centred_unit_rows(self.vectors_)
        self.user_vectors_ = user_vectors(history_weights(interactions, None), self.profile_)
        first = int(len(interactions) * (1 - self.window))
        recent = interactions.item[interactions.order_by_time()[first:]]
        counts = np.bincount(recent, minlength=interactions.n_items)
        self.popularity_ = standardise(np.log1p(counts)[None])[0]

    def from_text(self, scores: np.ndarray) -> np.ndarray:
        """Predict a user's scores of all items from the text of the warm ones.

        Equation: eq-text-shrinkage.

        Args:
            scores: Scores of the model without text, shape (n, n_items).

        Returns:
            Shape (n, n_items).
        """
        warm = scores[:, self.warm_]
        level = warm.mean(axis=1, keepdims=True)
        return level + (warm - level) @ self.map_.T @ self.inputs_.T

    def _score(self, users: np.ndarray) -> np.ndarray:
        scores = np.asarray(self.model_.score(users), dtype=np.float64)
        mixed = shrink_towards_text(
            scores, self.from_text(scores), self.item_counts_, self.strength
        )
        total = standardise(mixed)
        if self.text_weight:
            total += self.text_weight * standardise(self.user_vectors_[users] @ self.profile_.T)
        return total + self.popularity_weight * self.popularity_
