"""Linear regression as a recommender: one half of alternating least squares, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.biases import UserItemBias
from recsys_book.recommenders.factorization.als import check_positive, half_step
from recsys_book.recommenders.factorization.ratings import FactorModel, check_table, grouped

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class UserRegression(FactorModel):
    """One ridge regression a user on item features that are given, not learned.

    The biases come first; the user's weights explain what they leave. This is exactly the users'
    half of alternating least squares with the features in the place of the item vectors. The other
    half, which would learn the features, is missing.

    Equation: eq-als-normal

    Args:
        item_features: Shape (n_items, d).
        l2: Penalty of the weights, above 0.

    Attributes:
        user_factors_: The weights of each user, shape (n_users, d).
        item_factors_: The centred features, shape (n_items, d).
    """

    def __init__(self, item_features: np.ndarray, l2: float = 10.0):
        self.item_features = item_features
        self.l2 = l2

    def _learn(self, interactions: Interactions) -> None:
        check_positive(l2=self.l2)
        log = interactions
        features = check_table("item_features", self.item_features, log.n_items)
        self.item_factors_ = features - features.mean(axis=0)
        biases = UserItemBias().fit(log)
        self.user_bias_, self.item_bias_ = biases.user_bias_, biases.item_bias_
        residual = log.value - biases.predict(log.user, log.item)
        start, item, target, _ = grouped(log.user, log.item, residual, log.n_users)
        self.user_factors_ = np.array(
            [
                half_step(self.item_factors_[item[a:b]], target[a:b], self.l2)
                for a, b in zip(start, start[1:])
            ]
        )
