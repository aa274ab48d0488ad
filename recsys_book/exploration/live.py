"""Adaptive regulation done right: items stay as encoded, each user's model moves at every event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass
class UserState:
    """What is known of one user: a normal distribution over the weights.

    Attributes:
        mean: Expected weights, shape (d,).
        cov: Their covariance in units of the noise, shape (d, d).
        events: Events learned from.
    """

    mean: np.ndarray
    cov: np.ndarray
    events: int = 0


@dataclass
class LiveUsers:
    r"""Frozen item vectors, and for each user a linear model that every event updates.

    A rating is the item's usual rating plus the product of item vector and the user's weights, plus
    noise. The user's weights start at a prior and are updated exactly. What was observed
    (``ratings``, the source's R) and what is predicted (:meth:`predict_all`, its R-hat) are kept
    apart: a prediction is computed when asked for, and never written where ratings are.

    Equation: eq-linear-thompson.

    Args:
        items: Item vectors v, shape (n_items, d); they never change.
        usual: What each item is usually rated, shape (n_items,).
        variance: Prior variance of each weight over the variance of the noise, shape (d,) or one
            number.
        forgetting: Factor by which a user's knowledge ages with each event, above 0, at most 1.

    Attributes:
        states: The users' states u, made when a user is first seen.
        ratings: Observed ratings R, by pair.

    Raises:
        ValueError: If shapes do not fit or a setting is out of range.
    """

    items: np.ndarray
    usual: np.ndarray
    variance: np.ndarray | float = 1.0
    forgetting: float = 1.0
    states: dict[int, UserState] = field(default_factory=dict)
    ratings: dict[tuple[int, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.items = np.asarray(self.items, dtype=float)
        self.usual = np.asarray(self.usual, dtype=float)
        if self.items.ndim != 2 or self.usual.shape != (len(self.items),):
            raise ValueError(
                f"items has shape {self.items.shape} and usual {self.usual.shape}; give (n_items,"
                " d) and (n_items,)."
            )
        if not (np.isfinite(self.items).all() and np.isfinite(self.usual).all()):
            raise ValueError("an item vector or usual rating is not finite; leave the item out.")
        self.variance = np.broadcast_to(np.asarray(self.variance, float), self.items.shape[1:])
        if not (self.variance > 0).all() or not 0 < self.forgetting <= 1:
            raise ValueError(
                f"variance is {self.variance}, forgetting {self.forgetting}; use variances above 0"
                " and a factor above 0 and at most 1."
            )

    def state(self, user: int) -> UserState:
        """Return the state of a user; one never seen has the prior."""
        if user not in self.states:
            self.states[user] = UserState(np.zeros(len(self.variance)), np.diag(self.variance))
        return self.states[user]

    def predict(self, user: int, item: int) -> float:
        """Predict one rating."""
        self._check(item)
        return float(self.usual[item] + self.items[item] @ self.state(user).mean)

    def predict_all(self, user: int) -> np.ndarray:
        """Return a row of R-hat: the predictions for all items, shape (n_items,)."""
        return self.usual + self.items @ self.state(user).mean

    def upper(self, user: int, alpha: float, items: np.ndarray | None = None) -> np.ndarray:
        """Return upper confidence bounds: a bandit on top.

        Args:
            user: Position of the user.
            alpha: Width of the bound.
            items: Positions of the items; None takes all.

        Returns:
            One bound an item.
        """
        rows = slice(None) if items is None else items
        v, state = self.items[rows], self.state(user)
        width = np.sqrt(((v @ state.cov) * v).sum(axis=1))
        return self.usual[rows] + v @ state.mean + alpha * width

    def draw(self, user: int, scale: float, rng: np.random.Generator) -> np.ndarray:
        """Return the predictions for all items with weights drawn from the posterior."""
        state = self.state(user)
        root = np.linalg.cholesky(state.cov)
        weights = state.mean + scale * root @ rng.standard_normal(len(root))
        return self.usual + self.items @ weights

    def update(self, user: int, item: int, rating: float) -> float:
        """Learn from one event.

        Args:
            user: Position of the user.
            item: Position of the item.
            rating: What was observed.

        Returns:
            The error that the prediction had before it.

        Raises:
            ValueError: If the item is unknown or the rating is not finite.
        """
        self._check(item)
        if not np.isfinite(rating):
            raise ValueError(
                f"the rating of user {user} for item {item} is {rating}; leave it out."
            )
        state, v = self.state(user), self.items[item]
        error = rating - self.predict(user, item)
        moved = state.cov @ v
        gain = moved / (self.forgetting + v @ moved)
        state.mean = state.mean + gain * error
        cov = (state.cov - np.outer(gain, moved)) / self.forgetting
        state.cov = (cov + cov.T) / 2
        state.events += 1
        self.ratings[user, item] = float(rating)
        return float(error)

    def _check(self, item: int) -> None:
        if not 0 <= item < len(self.items):
            raise ValueError(f"item {item} is unknown; use 0 to {len(self.items) - 1}.")


def prequential_errors(
    model: LiveUsers, log: Interactions, freeze_after: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Predict each event of a log in order, then learn from it.

    Args:
        model: The model; it is changed.
        log: Ratings in the order in which they happened.
        freeze_after: A user's weights stay as they are after so many of the user's events; None
            never freezes.

    Returns:
        Errors, shape (n,), and which event of its user each is, from 0, shape (n,).

    Raises:
        ValueError: If the log is not in order of time.
    """
    if (np.diff(log.timestamp) < 0).any():
        row = int(np.argmax(np.diff(log.timestamp) < 0)) + 1
        raise ValueError(f"row {row} of the log is older than the one before; sort it by time.")
    seen = np.zeros(log.n_users, dtype=int)
    errors, number = np.empty(len(log)), np.empty(len(log), dtype=int)
    for t, (u, i, r) in enumerate(zip(log.user.tolist(), log.item.tolist(), log.value.tolist())):
        number[t] = seen[u]
        seen[u] += 1
        if freeze_after is None or number[t] < freeze_after:
            errors[t] = model.update(u, i, r)
        else:
            errors[t] = r - model.predict(u, i)
    return errors, number
