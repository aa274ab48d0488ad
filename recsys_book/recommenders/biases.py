"""Rating prediction from biases alone: some items are better, some users are kinder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import cg

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.settings import check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def damped_mean(residual: np.ndarray, group: np.ndarray, size: int, damping: float) -> np.ndarray:
    """Return the sum of each group's residuals divided by its count plus a damping term.

    With damping 0 this is the mean; with more, a group with few rows is pulled towards zero. An
    empty group gets zero.

    Args:
        residual: Values, shape (n,).
        group: Group of each value, integers below size, shape (n,).
        size: Number of groups.
        damping: Number of imaginary rows with residual zero, at least 0.

    Returns:
        One value per group, shape (size,).
    """
    total = np.bincount(group, weights=residual, minlength=size)
    weight = np.bincount(group, minlength=size) + damping
    return np.divide(total, weight, out=np.zeros(size), where=weight > 0)


class ItemBias(BaseRecommender):
    r"""Predict a rating by the global mean and a damped item bias, :math:`\mu + b_i`.

    Everybody gets the same list, known or not: the items in order of their bias.

    Args:
        damping: Imaginary ratings equal to the global mean that every item starts with.

    Attributes:
        mean_: Global mean of the training ratings.
        item_bias_: Bias of each item, shape (n_items,).
        user_bias_: Bias of each user, shape (n_users,); zero here.
    """

    def __init__(self, damping: float = 5.0):
        self.damping = damping

    def _fit(self, interactions: Interactions) -> None:
        check_at_least_zero(self, "damping")
        self.mean_ = float(interactions.value.mean())
        residual = interactions.value - self.mean_
        self.item_bias_ = damped_mean(
            residual, interactions.item, interactions.n_items, self.damping
        )
        self.user_bias_ = np.zeros(interactions.n_users)

    def predict(
        self, users: Sequence[int] | np.ndarray, items: Sequence[int] | np.ndarray
    ) -> np.ndarray:
        """Predict the ratings of pairs.

        Args:
            users: User positions, shape (n,); -1 for an unknown user, whose bias is zero.
            items: Item positions, shape (n,); -1 for an unknown item, whose bias is zero.

        Returns:
            Predicted ratings on the scale of the training ratings, not clipped, shape (n,).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range or the lengths differ.
        """
        users, items = self._check_pairs(users, items)
        b_user = np.where(users >= 0, self.user_bias_[users], 0.0)
        b_item = np.where(items >= 0, self.item_bias_[items], 0.0)
        return self.mean_ + b_user + b_item

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.mean_ + self.user_bias_[users][:, None] + self.item_bias_

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return np.tile(self.mean_ + self.item_bias_, (len(users), 1))


class UserItemBias(ItemBias):
    r"""Predict a rating by :math:`\mu + b_u + b_i`.

    The biases minimise the squared error on the training ratings plus
    :math:`\lambda_u \sum b_u^2 + \lambda_i \sum b_i^2`. Method ``"exact"`` solves the normal
    equations of this ridge regression; ``"damped"`` takes the damped item means first and the
    damped user means of what is left second, which is one sweep towards the same solution.

    Source: Koren, Bell and Volinsky (2009), "Matrix Factorization Techniques for Recommender
    Systems", Computer 42(8).

    Args:
        l2_user: Penalty of the user biases, at least 0 (above 0 for ``"exact"``).
        l2_item: Penalty of the item biases, at least 0 (above 0 for ``"exact"``).
        method: ``"exact"`` or ``"damped"``.
    """

    def __init__(self, l2_user: float = 5.0, l2_item: float = 5.0, method: str = "exact"):
        self.l2_user = l2_user
        self.l2_item = l2_item
        self.method = method

    def _fit(self, interactions: Interactions) -> None:
        check_at_least_zero(self, "l2_user", "l2_item")
        self.mean_ = float(interactions.value.mean())
        if self.method == "damped":
            self._fit_damped(interactions)
        elif self.method == "exact":
            self._fit_exact(interactions)
        else:
            raise ValueError(f"method is {self.method!r}; use 'exact' or 'damped'.")

    def _fit_damped(self, log: Interactions) -> None:
        residual = log.value - self.mean_
        self.item_bias_ = damped_mean(residual, log.item, log.n_items, self.l2_item)
        residual = residual - self.item_bias_[log.item]
        self.user_bias_ = damped_mean(residual, log.user, log.n_users, self.l2_user)

    def _fit_exact(self, log: Interactions) -> None:
        if not (self.l2_user > 0 and self.l2_item > 0):
            raise ValueError("l2_user and l2_item must be above 0 for method 'exact'.")
        one, rows = np.ones(len(log)), np.arange(len(log))
        shape = (len(log), log.n_users + log.n_items)
        design = sp.csr_array(
            (np.r_[one, one], (np.r_[rows, rows], np.r_[log.user, log.n_users + log.item])), shape
        )
        penalty = np.r_[np.full(log.n_users, self.l2_user), np.full(log.n_items, self.l2_item)]
        normal = design.T @ design + sp.diags_array(penalty)
        target = design.T @ (log.value - self.mean_)
        precondition = sp.diags_array(1 / normal.diagonal())
        solution, failed = cg(normal, target, rtol=1e-12, maxiter=2000, M=precondition)
        if failed:  # pragma: no cover - a positive-definite system of this size converges
            raise ValueError("The normal equations did not converge; raise l2_user or l2_item.")
        self.user_bias_, self.item_bias_ = solution[: log.n_users], solution[log.n_users :]
