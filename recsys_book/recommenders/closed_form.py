"""EASE: an item-to-item model that is fitted by inverting one matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from recsys_book.recommenders.history import HistoryRecommender, history_weights

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def ease_objective(X: np.ndarray, B: np.ndarray, l2: float) -> float:
    """Return the squared error of rebuilding X from its other columns, plus the ridge penalty.

    Equation: eq-ease-objective

    Args:
        X: Users by items, shape (n_users, n_items).
        B: Item-to-item weights with a zero diagonal, shape (n_items, n_items).
        l2: Ridge penalty.

    Returns:
        The value that EASE minimises.
    """
    return float(np.sum((X - X @ B) ** 2) + l2 * np.sum(B**2))


def ease_weights(G: np.ndarray, l2: float) -> np.ndarray:
    """Return the item-to-item weights of EASE.

    Equations: eq-ease-multiplier, eq-ease-solution

    Source: Steck (2019), "Embarrassingly Shallow Autoencoders for Sparse Data", WWW.

    Args:
        G: Gram matrix of the users-by-items matrix, shape (n_items, n_items).
        l2: Ridge penalty, above 0.

    Returns:
        Weights with a zero diagonal, shape (n_items, n_items), float64.
    """
    P = inverse_of_positive(G + l2 * np.eye(len(G)))
    l2_plus_gamma = 1 / np.diag(P)
    B = np.eye(len(G)) - P * l2_plus_gamma  # column j times entry j
    np.fill_diagonal(B, 0.0)  # exactly zero, not zero up to rounding
    return B


def inverse_of_positive(A: np.ndarray) -> np.ndarray:
    """Return the inverse of a symmetric positive-definite matrix, by its Cholesky factor.

    A third of the work of a general inverse, and exactly symmetric.

    Args:
        A: Symmetric positive-definite matrix, shape (n, n); only its lower half is read.

    Returns:
        The inverse, shape (n, n), float64.

    Raises:
        ValueError: If the matrix is not positive definite.
    """
    factor, failed = dpotrf(A, lower=1)
    if failed:
        raise ValueError(
            f"The matrix is not positive definite at row {failed - 1}; add a larger ridge penalty."
        )
    half, _ = dpotri(factor, lower=1)
    return np.tril(half) + np.tril(half, -1).T


class EASE(HistoryRecommender):
    """Score an item by a weighted sum over the items of the user's history.

    The weights are the exact solution of a ridge regression of every item on all others. An event
    counts one, whatever its value, and a repeated pair counts once. A user without history gets
    the popularity of the items.

    Equations: eq-ease-objective, eq-ease-solution

    Source: Steck (2019), "Embarrassingly Shallow Autoencoders for Sparse Data", WWW.

    Args:
        l2: Ridge penalty, above 0; the larger, the smaller and smoother the weights.
        half_life: None, or the number of positions from the end of a user's history after which an
            item counts half. It changes the scores, not the weights that are learned.

    Attributes:
        weights_: Item-to-item weights, shape (n_items, n_items), float64.
        history_: What the weights are applied to, sparse (n_users, n_items).
    """

    def __init__(self, l2: float = 200.0, half_life: float | None = None):
        self.l2 = l2
        self.half_life = half_life

    def _fit(self, interactions: Interactions) -> None:
        if not self.l2 > 0:
            raise ValueError(f"l2 is {self.l2}; use a penalty above 0, or the matrix is singular.")
        self.history_ = history_weights(interactions, self.half_life)
        self.weights_ = ease_weights(self._gram(interactions), self.l2)

    def _gram(self, interactions: Interactions) -> np.ndarray:
        """Return the Gram matrix of what is to be rebuilt; a subclass may add to it."""
        return (self.seen_.T @ self.seen_).toarray()

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.history_[users] @ self.weights_

    def _score_others(self, histories: Interactions) -> np.ndarray:
        return history_weights(histories, self.half_life) @ self.weights_
