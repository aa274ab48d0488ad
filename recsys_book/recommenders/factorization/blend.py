"""A weighted sum of rating models whose weights are learned on ratings that none of them saw."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls

from recsys_book.preprocessing.splitting import random_split
from recsys_book.recommenders.factorization.ratings import RatingModel

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class RatingBlend(RatingModel):
    """Blend rating models by non-negative least squares on a held-out part of the training log.

    Every model is fitted twice: without the held-out ratings, to learn the weights, and on the
    whole log, to predict. A weighted sum of what the models say about the ratings they were fitted
    on would prefer the one that overfits most.

    Args:
        models: Unfitted rating models, at least one; copies of them are fitted.
        holdout: Share of the training ratings that the weights are learned on.
        seed: Seed of this cut.

    Attributes:
        models_: The models, fitted on the whole log.
        weights_: One weight a model, none negative, shape (n_models,).
    """

    def __init__(self, models: Sequence, holdout: float = 0.1, seed: int = 0):
        self.models = models
        self.holdout = holdout
        self.seed = seed

    def _learn(self, interactions: Interactions) -> None:
        if not len(self.models):
            raise ValueError("RatingBlend got no models; pass at least one.")
        cut = random_split(interactions, test=self.holdout, seed=self.seed)
        user, item = cut.test.user, cut.test.item
        held_out = np.column_stack(
            [copy.deepcopy(m).fit(cut.train).predict(user, item) for m in self.models]
        )
        self.weights_ = blend_weights(held_out, cut.test.value)
        self.models_ = [copy.deepcopy(m).fit(interactions) for m in self.models]

    def _predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        each = [m.predict(users, items) for m in self.models_]
        return np.column_stack(each) @ self.weights_


def blend_weights(predictions: np.ndarray, ratings: np.ndarray) -> np.ndarray:
    """Return the non-negative weights with the least squared error that sum to one.

    Args:
        predictions: One column a model, shape (n, n_models).
        ratings: What was to be predicted, shape (n,).

    Returns:
        Weights, shape (n_models,).
    """
    strict = 1e3 * np.sqrt(len(ratings))  # a row that all but forces the sum to one
    A = np.vstack([predictions, np.full(predictions.shape[1], strict)])
    weights, _ = nnls(A, np.append(ratings, strict))
    return weights / weights.sum()
