"""What a newcomer gets from means, biases and a ridge regression: the bar for meta-learners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from recsys_book.recommenders.base import NotFittedError, check_positions
from recsys_book.recommenders.biases import damped_mean

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class WarmBiases:
    """Global mean and biases of the known users' ratings.

    Attributes:
        mean: Global mean.
        item: Bias of each item, shape (n_items + 1,); the last entry is zero and serves item -1.
        user: Bias of each user, shape (n_users,); zero for a user without events.
    """

    mean: float
    item: np.ndarray
    user: np.ndarray

    def residuals(self, log: Interactions) -> np.ndarray:
        """Return what the biases leave of each rating, shape (len(log),)."""
        return log.value - self.mean - self.item[log.item] - self.user[log.user]


def warm_biases(
    warm: Interactions, l2_item: float = 3.0, l2_user: float = 1.0, sweeps: int = 10
) -> WarmBiases:
    """Fit item and user biases to the known users' ratings by alternating damped means.

    Args:
        warm: Ratings of the known users.
        l2_item: Penalty of the item biases.
        l2_user: Penalty of the user biases.
        sweeps: Number of alternations.

    Returns:
        The biases. An item without an event has bias zero.
    """
    mean = float(warm.value.mean())
    item, user = np.zeros(warm.n_items), np.zeros(warm.n_users)
    for _ in range(sweeps):
        left = warm.value - mean - user[warm.user]
        item = damped_mean(left, warm.item, warm.n_items, l2_item)
        left = warm.value - mean - item[warm.item]
        user = damped_mean(left, warm.user, warm.n_users, l2_user)
    return WarmBiases(mean, np.append(item, 0.0), user)


def ridge_user_bias(residuals: np.ndarray, l2: float) -> float:
    r"""Estimate a newcomer's bias: the sum of the residuals over their number plus a penalty.

    It is the posterior mean of a bias with prior :math:`N(0,\tau^2)` under noise
    :math:`\sigma^2`, where the penalty is :math:`\sigma^2/\tau^2`.

    Equation: eq-user-ridge.

    Args:
        residuals: Ratings minus global mean and item bias, shape (k,); k may be 0.
        l2: Penalty, above 0.

    Returns:
        The bias, in stars.
    """
    return float(np.sum(residuals) / (len(residuals) + l2))


class NewcomerModel:
    """Checks, and what an unknown item means, for every model of newcomers in this room.

    A subclass writes ``_learn(warm)`` and ``_predict(user, items, ratings, query)``. It never sees
    an unknown item in the support: such a rating says nothing about the newcomer that the model
    could use. An unknown item in the query gets bias zero.

    Attributes:
        n_users_: Size of the vocabulary of users.
        n_items_: Size of the vocabulary of items.
        biases_: Global mean and biases of the known users' ratings.
    """

    def fit(self, warm: Interactions) -> Self:
        """Learn from the known users.

        Args:
            warm: Their ratings.

        Returns:
            The model itself.

        Raises:
            ValueError: If the log is empty, or a rating is not finite.
        """
        name = type(self).__name__
        if len(warm) == 0:
            raise ValueError(
                f"{name} cannot be fitted on an empty log; pass the known users' events."
            )
        if not np.isfinite(warm.value).all():
            row = int(np.argmin(np.isfinite(warm.value)))
            raise ValueError(
                f"{name} was given a rating that is not finite in row {row}; clean the log first."
            )
        self.n_users_, self.n_items_ = warm.n_users, warm.n_items
        self.biases_ = warm_biases(warm)
        self._learn(warm)
        return self

    def predict(
        self, user: int, items: np.ndarray, ratings: np.ndarray, query: np.ndarray
    ) -> np.ndarray:
        """Predict a newcomer's ratings.

        Args:
            user: Position of the newcomer; -1 where even the profile is unknown.
            items: Positions of the items that the newcomer has rated, shape (k,); k may be 0, and
                -1 is an unknown item, whose rating is left out.
            ratings: The ratings, shape (k,).
            query: Positions of the items asked for, shape (n,); -1 is an unknown item.

        Returns:
            Predicted ratings, not clipped, shape (n,).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range, the lengths differ or a rating is not finite.
        """
        if not hasattr(self, "biases_"):
            name = type(self).__name__
            raise NotFittedError(f"This {name} is not fitted yet; call fit(warm) first.")
        user = int(check_positions([user], self.n_users_, "user")[0])
        items = check_positions(items, self.n_items_, "item")
        query = check_positions(query, self.n_items_, "item")
        ratings = np.asarray(ratings, dtype=np.float64)
        if len(items) != len(ratings):
            raise ValueError(
                f"The support of user {user} has {len(items)} items and {len(ratings)} ratings; "
                "pass one rating an item."
            )
        if not np.isfinite(ratings).all():
            raise ValueError(
                f"The support of user {user} holds a rating that is not finite; drop it."
            )
        known = items >= 0
        return self._predict(user, items[known], ratings[known], query)

    def _learn(self, warm: Interactions) -> None:
        """Learn what the biases leave; a subclass may have nothing to add."""

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        raise NotImplementedError

    def _residual(self, items: np.ndarray, ratings: np.ndarray) -> np.ndarray:
        return ratings - self._start(items)

    def _start(self, items: np.ndarray) -> np.ndarray:
        return self.biases_.mean + self.biases_.item[items]


class GlobalMean(NewcomerModel):
    """Everybody gives everything the mean rating."""

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        return np.full(len(query), self.biases_.mean)


class UserMean(NewcomerModel):
    """A newcomer gives everything his own mean, shrunk towards everybody's.

    Args:
        l2: Number of imaginary ratings at the global mean.
    """

    def __init__(self, l2: float = 6.0):
        self.l2 = l2

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        mean = self.biases_.mean
        return np.full(len(query), mean + ridge_user_bias(ratings - mean, self.l2))


class ItemMean(NewcomerModel):
    """An item gets its own mean from everybody, shrunk towards the global mean.

    Args:
        damping: Number of imaginary ratings at the global mean.
    """

    def __init__(self, damping: float = 3.0):
        self.damping = damping

    def _learn(self, warm: Interactions) -> None:
        above = warm.value - self.biases_.mean
        self.item_above_ = np.append(damped_mean(above, warm.item, warm.n_items, self.damping), 0.0)

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        return self.biases_.mean + self.item_above_[query]


class ItemBiasOnly(NewcomerModel):
    """An item gets its bias, estimated beside those of the people who rated it."""

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        return self._start(query)


class BiasesWithUserRidge(NewcomerModel):
    """Item bias plus one number for the newcomer. The baseline that is hard to beat.

    Equation: eq-user-ridge.

    Args:
        l2: Penalty of the newcomer's bias.
    """

    def __init__(self, l2: float = 5.0):
        self.l2 = l2

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        return self._start(query) + ridge_user_bias(self._residual(items, ratings), self.l2)


class TextRidge(NewcomerModel):
    """Item bias plus a ridge regression of the newcomer's residuals on texts of the items.

    The bias of the newcomer and the weights of the text are fitted together, in kernel form: k
    equations, whatever the width of the vectors.

    Args:
        vectors: One text vector an item, shape (n_items, d); centred and scaled to length 1 here.
        l2_user: Penalty of the newcomer's bias.
        l2_text: Penalty of the weights.
    """

    def __init__(self, vectors: np.ndarray, l2_user: float = 3.0, l2_text: float = 4.0):
        self.vectors = vectors
        self.l2_user = l2_user
        self.l2_text = l2_text

    def _learn(self, warm: Interactions) -> None:
        self.units_ = centred_units(self.vectors, warm.n_items)

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        K = self._kernel(items, items) + np.eye(len(items))
        weights = np.linalg.solve(K, self._residual(items, ratings))
        return self._start(query) + self._kernel(query, items) @ weights

    def _kernel(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return 1 / self.l2_user + self.units_[left] @ self.units_[right].T / self.l2_text


def centred_units(vectors: np.ndarray, n_items: int) -> np.ndarray:
    """Centre text vectors and scale them to length 1.

    Args:
        vectors: Shape (n_items, d).
        n_items: Number of items of the log.

    Returns:
        Shape (n_items + 1, d); the last row is zero and serves item -1.

    Raises:
        ValueError: If there is not one finite vector for every item.
    """
    E = np.asarray(vectors, dtype=np.float64)
    if E.ndim != 2 or len(E) != n_items or not np.isfinite(E).all():
        raise ValueError(
            f"vectors has shape {E.shape} for {n_items} items; pass one finite row for every item."
        )
    E = E - E.mean(axis=0)
    length = np.linalg.norm(E, axis=1, keepdims=True)
    units = np.divide(E, length, out=np.zeros_like(E), where=length > 0)
    return np.vstack([units, np.zeros(E.shape[1])])
