"""A new user, or a new item, among vectors that stay as they are: the fold-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.meta_learning.cold_start.baselines import NewcomerModel, ridge_user_bias
from recsys_book.meta_learning.cold_start.bayes import alternating_factors

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class FactorFoldIn(NewcomerModel):
    """Item bias, ridge user bias, then a ridge regression on item vectors: the usual fold-in.

    Args:
        factors: Length of the item vectors.
        l2: Penalty of both sides while the vectors are learned.
        l2_newcomer: Penalty of the newcomer's vector.
        l2_user: Penalty of the newcomer's bias.
        seed: Seed of the starting vectors.

    Attributes:
        item_vectors_: Shape (n_items + 1, factors); the last row is zero and serves item -1.
    """

    def __init__(
        self,
        factors: int = 10,
        l2: float = 10.0,
        l2_newcomer: float = 8.0,
        l2_user: float = 3.0,
        seed: int = 0,
    ):
        self.factors = factors
        self.l2 = l2
        self.l2_newcomer = l2_newcomer
        self.l2_user = l2_user
        self.seed = seed

    def _learn(self, warm: Interactions) -> None:
        left = self.biases_.residuals(warm)
        _, Q = alternating_factors(warm, left, self.factors, self.l2, seed=self.seed)
        self.item_vectors_ = np.vstack([Q, np.zeros(self.factors)])

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        e = self._residual(items, ratings)
        bias = ridge_user_bias(e, self.l2_user)
        p = fold_in(self.item_vectors_[items], e - bias, self.l2_newcomer)
        return self._start(query) + bias + self.item_vectors_[query] @ p


def fold_in(A: np.ndarray, e: np.ndarray, l2: float) -> np.ndarray:
    r"""Return the vector of a new user, or of a new item, by ridge regression.

    The same as the posterior of a prior :math:`N(0,(\sigma^2/\lambda)I)`, with one system of f
    equations, O(k f^2 + f^3).

    Equation: eq-posterior-user.

    Args:
        A: Vectors of the other side, one a rating, shape (k, f).
        e: Residuals, shape (k,).
        l2: Penalty, above 0.

    Returns:
        The vector, shape (f,).
    """
    return np.linalg.solve(A.T @ A + l2 * np.eye(A.shape[1]), A.T @ e)
