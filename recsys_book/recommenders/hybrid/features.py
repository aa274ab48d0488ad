"""Hybrids on the inside: one model that reads behaviour and content together."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.data import Interactions
from recsys_book.recommenders.base import BaseRecommender, Recommender
from recsys_book.recommenders.closed_form import EASE
from recsys_book.recommenders.hybrid.members import BaseHybrid, fit_members
from recsys_book.recommenders.rules import check_features

if TYPE_CHECKING:
    from collections.abc import Sequence


class FeatureCombination(EASE):
    """EASE on behaviour and content at once: every feature is one more user.

    The features are centred and divided by their root mean square length, and the rows of the
    features-by-items table are put below the users-by-items matrix, times the root of ``weight``.
    The model then has to rebuild both from the other items, so that two films with the same
    features help each other although nobody has seen both.

    Source: Jeunen, Van Balen and Goethals (2020), "Closed-Form Models for Collaborative Filtering
    with Side-Information", RecSys; feature combination: Burke (2002).

    Args:
        features: Item features, shape (n_items, n_features).
        weight: How much the features count; 0 is EASE.
        l2: Ridge penalty, above 0.
        half_life: As in ``EASE``.
    """

    def __init__(
        self,
        features: np.ndarray,
        weight: float = 100.0,
        l2: float = 200.0,
        half_life: float | None = None,
    ):
        super().__init__(l2, half_life)
        self.features = features
        self.weight = weight

    def _gram(self, interactions: Interactions) -> np.ndarray:
        features = finite_features(self.features, interactions.n_items)
        if not self.weight >= 0:
            raise ValueError(f"weight is {self.weight}; use a number of at least 0.")
        F = features - features.mean(axis=0)
        length = np.sqrt(np.mean((F**2).sum(axis=1)))
        F = F / length if length > 0 else F
        return super()._gram(interactions) + self.weight * (F @ F.T)


class FeatureAugmentation(BaseHybrid):
    """Let one recommender write what the next one reads.

    For every user with fewer than ``below`` events the first member's ``n`` best items are added to
    the log, dated at the user's first event. The second member is fitted on the longer log. Users
    without any event get the first member's answer.

    Source: Melville, Mooney and Nagarajan (2002), "Content-Boosted Collaborative Filtering for
    Improved Recommendations", AAAI.

    Args:
        first: Writes the imagined events; unfitted.
        second: Reads the longer log; unfitted.
        n: Imagined events a user.
        below: Users with fewer events get them.

    Attributes:
        models_: Both members, fitted.
        n_imagined_: How many events were added.
    """

    def __init__(self, first: Recommender, second: Recommender, n: int = 10, below: int = 30):
        self.first = first
        self.second = second
        self.n = n
        self.below = below

    def _fit(self, interactions: Interactions) -> None:
        (first,) = fit_members([self.first], interactions)
        n_events = np.diff(self.seen_.indptr)
        users = np.flatnonzero((n_events > 0) & (n_events < self.below))
        longer = interactions
        if len(users):
            longer = _with_imagined(interactions, users, first.recommend(users, self.n)[0])
        self.n_imagined_ = len(longer) - len(interactions)
        self.models_ = [first, copy.deepcopy(self.second).fit(longer)]

    def _mix(self, users: np.ndarray) -> np.ndarray:
        return self.models_[0 if (users < 0).all() else 1].score(users)


def _with_imagined(log: Interactions, users: np.ndarray, lists: np.ndarray) -> Interactions:
    """Put imagined events before each user's first one; they carry the log's mean value."""
    rows, places = (lists >= 0).nonzero()
    first_time = np.full(log.n_users, np.iinfo(np.int64).max)
    np.minimum.at(first_time, log.user, log.timestamp)
    return Interactions(
        user=np.concatenate([users[rows], log.user]),
        item=np.concatenate([lists[rows, places], log.item]),
        value=np.concatenate([np.full(len(rows), log.value.mean()), log.value]),
        timestamp=np.concatenate([first_time[users[rows]], log.timestamp]),
        users=log.users,
        items=log.items,
    )


class ContentRidge(BaseRecommender):
    r"""Predict a rating from the item's features, with weights of the user's own.

    :math:`\hat r_{ui} = \mu + b_u + w_u^\top x_i`, where each user's ridge regression sees only
    that user's ratings: a rating model without other users, as a member for hybrids of ratings.

    Args:
        features: Item features, shape (n_items, n_features).
        l2: Penalty of each user's weights, above 0.

    Attributes:
        mean_: Mean training rating.
        coefficients_: Intercept and weights of each user, shape (n_users, 1 + n_features).
    """

    def __init__(self, features: np.ndarray, l2: float = 5.0):
        self.features = features
        self.l2 = l2

    def _fit(self, interactions: Interactions) -> None:
        features = finite_features(self.features, interactions.n_items)
        if not self.l2 > 0:
            raise ValueError(f"l2 is {self.l2}; use a penalty above 0.")
        F = np.c_[np.ones(len(features)), features - features.mean(axis=0)]
        self.mean_ = float(interactions.value.mean())
        self.bounds_ = (float(interactions.value.min()), float(interactions.value.max()))
        self.inputs_ = F
        self.coefficients_ = np.zeros((interactions.n_users, F.shape[1]))
        order = np.argsort(interactions.user, kind="stable")
        starts = np.searchsorted(interactions.user[order], np.arange(interactions.n_users + 1))
        for u in np.unique(interactions.user):
            rows = order[starts[u] : starts[u + 1]]
            X = F[interactions.item[rows]]
            self.coefficients_[u] = _ridge(X, interactions.value[rows] - self.mean_, self.l2)

    def predict(self, users: Sequence[int] | np.ndarray, items: Sequence[int] | np.ndarray):
        """Predict the ratings of pairs.

        Args:
            users: User positions, shape (n,); -1 is predicted by the mean rating.
            items: Item positions, shape (n,); -1 gets the user's intercept alone.

        Returns:
            Predictions within the range of the training ratings, shape (n,).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range or the lengths differ.
        """
        users, items = self._check_pairs(users, items)
        average = np.eye(1, self.inputs_.shape[1])[0]
        x = np.where((items >= 0)[:, None], self.inputs_[items], average)
        w = np.where((users >= 0)[:, None], self.coefficients_[users], 0.0)
        return np.clip(self.mean_ + np.sum(x * w, axis=1), *self.bounds_)

    def _score(self, users: np.ndarray) -> np.ndarray:
        return np.clip(self.mean_ + self.coefficients_[users] @ self.inputs_.T, *self.bounds_)


def _ridge(X: np.ndarray, y: np.ndarray, l2: float) -> np.ndarray:
    """Ridge regression by the smaller of its two systems: a row a weight, or a row a rating."""
    n, d = X.shape
    if n < d:
        return X.T @ np.linalg.solve(X @ X.T + l2 * np.eye(n), y)
    return np.linalg.solve(X.T @ X + l2 * np.eye(d), X.T @ y)


def finite_features(features: np.ndarray, n_items: int) -> np.ndarray:
    """Return item features after checking that there is a row an item and no hole.

    Args:
        features: Item features, shape (n_items, n_features).
        n_items: Number of items of the log.

    Returns:
        The features, float64.

    Raises:
        ValueError: If the number of rows is another, or a feature is NaN or infinite.
    """
    features = check_features(features, n_items)
    if not np.isfinite(features).all():
        row = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise ValueError(
            f"The features of item {row} are NaN or infinite; fill or remove them first."
        )
    return features
