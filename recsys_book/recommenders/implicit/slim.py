"""SLIM: every item is predicted from a few others, with weights that are never negative."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.implicit.checks import check_settings

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def slim_objective(X: np.ndarray, W: np.ndarray, l1: float, l2: float) -> float:
    """Return half the squared error of rebuilding X from its other columns, plus both penalties.

    Equation: eq-slim

    Source: Ning & Karypis (2011), "SLIM: Sparse Linear Methods for Top-N Recommender Systems",
    ICDM, equation 3.

    Args:
        X: Users by items, shape (n_users, n_items).
        W: Item-to-item weights, at least 0, with a zero diagonal, shape (n_items, n_items).
        l1: Penalty on the sum of the weights, which makes most of them zero.
        l2: Penalty on half the sum of their squares.

    Returns:
        The value that SLIM minimises.
    """
    return float(np.sum((X - X @ W) ** 2) / 2 + l1 * np.abs(W).sum() + l2 / 2 * np.sum(W**2))


def slim_weight(G: np.ndarray, w: np.ndarray, i: int, j: int, l1: float, l2: float) -> float:
    """Return the best weight of item i in the prediction of item j, all other weights held fixed.

    Equation: eq-slim

    Args:
        G: Gram matrix of the users-by-items matrix, shape (n_items, n_items).
        w: Weights with which item j is predicted now, shape (n_items,).
        i: The item whose weight is asked for.
        j: The predicted item.
        l1: Penalty on the sum of the weights.
        l2: Penalty on half the sum of their squares.

    Returns:
        The weight, at least 0.
    """
    left_over = G[i, j] - (G[i] @ w - G[i, i] * w[i])  # what the other weights leave to i
    return float(max(0.0, left_over - l1) / (G[i, i] + l2))


class SLIM(BaseRecommender):
    """Score an item by a sparse, non-negative sum over the items of the user's history.

    An event counts one, whatever its value, and a repeated pair counts once. A user without history
    gets the popularity of the items; an item that nobody has seen gets the score 0.

    Equation: eq-slim

    Source: Ning & Karypis (2011), "SLIM: Sparse Linear Methods for Top-N Recommender Systems",
    ICDM.

    Args:
        l1: Penalty on the sum of the weights, at least 0.
        l2: Penalty on half the sum of their squares, above 0.
        tolerance: Largest change of a weight in a sweep at which the descent stops, above 0.
        sweeps: Most sweeps over the items, at least 1.

    Attributes:
        weights_: Item-to-item weights, sparse (n_items, n_items); column j predicts item j.
    """

    def __init__(
        self, l1: float = 5.0, l2: float = 50.0, tolerance: float = 1e-4, sweeps: int = 50
    ):
        self.l1 = l1
        self.l2 = l2
        self.tolerance = tolerance
        self.sweeps = sweeps

    def _fit(self, interactions: Interactions) -> None:
        positive, not_negative = ("l2", "tolerance"), ("l1",)
        check_settings(self, whole=("sweeps",), positive=positive, not_negative=not_negative)
        self.weights_ = self._weights((self.seen_.T @ self.seen_).toarray())

    def _weights(self, G: np.ndarray) -> sp.csr_matrix:
        from recsys_book.recommenders.implicit.slim_kernels import slim_column

        w, product, columns = np.empty(len(G)), np.empty(len(G)), []
        for j in range(len(G)):
            slim_column(G, j, self.l1, self.l2, self.tolerance, self.sweeps, w, product)
            columns.append(sp.csc_matrix(w[:, None]))
        return sp.csr_matrix(sp.hstack(columns))

    def _score(self, users: np.ndarray) -> np.ndarray:
        return (self.seen_[users] @ self.weights_).toarray()
