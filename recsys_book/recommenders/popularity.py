"""Recommenders that show everybody the same list: what is popular, and what is popular now.

They are the baselines of the whole book. The more a catalogue changes, the harder it is to beat the
second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender

if TYPE_CHECKING:
    from recsys_book.data import Interactions

SECONDS_PER_DAY = 86_400


class Popularity(BaseRecommender):
    r"""Rank items by their number of events in the whole training log.

    The share of an item in the log, :math:`\hat p_i = n_i / n`, is the maximum-likelihood estimate
    of the probability that the next event is on it, if nothing is known about who acts and when.
    Every event counts one, whatever its value. A user without history gets the same list.

    Equation: eq-popularity

    Attributes:
        share_: Share of each item in the log, shape (n_items,), sums to one.
    """

    def _fit(self, interactions: Interactions) -> None:
        self.share_ = self.item_counts_ / self.item_counts_.sum()

    def _score(self, users: np.ndarray) -> np.ndarray:
        return np.tile(self.share_, (len(users), 1))

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return self._score(users)


class RecentPopularity(Popularity):
    """Rank items by their number of events in the last part of the training log.

    Args:
        window: Share of the rows, in time order, that count: above 0, at most 1.
    """

    def __init__(self, window: float = 0.05):
        self.window = window

    def _fit(self, interactions: Interactions) -> None:
        if not 0 < self.window <= 1:
            raise ValueError(f"window is {self.window}; use a share above 0 and at most 1.")
        first = min(int(len(interactions) * (1 - self.window)), len(interactions) - 1)
        recent = interactions.item[interactions.order_by_time()[first:]]
        self.share_ = np.bincount(recent, minlength=interactions.n_items) / len(recent)


class DecayedPopularity(Popularity):
    r"""Rank items by events that lose half of their weight every ``half_life_days``.

    Scores are the maximum-likelihood shares of a log in which an event of age :math:`a` counts
    :math:`2^{-a/h}`; ages are measured from the last event of the log.

    Equation: eq-decayed-popularity

    Args:
        half_life_days: Days after which an event counts half, above 0.
    """

    def __init__(self, half_life_days: float = 14.0):
        self.half_life_days = half_life_days

    def _fit(self, interactions: Interactions) -> None:
        h = self.half_life_days
        if not h > 0:
            raise ValueError(f"half_life_days is {h}; use days above 0.")
        time, item = interactions.timestamp, interactions.item
        age = (time.max() - time) / SECONDS_PER_DAY
        weight = 0.5 ** (age / h)
        counts = np.bincount(item, weight, minlength=interactions.n_items)
        self.share_ = counts / counts.sum()


class Random(BaseRecommender):
    """Give every user an own random order: the floor under every comparison.

    The scores of a user depend on the seed and on the user's position, and on nothing else; all
    unknown users share one order.

    Args:
        seed: Seed of the scores.
    """

    def __init__(self, seed: int = 0):
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        pass

    def _score(self, users: np.ndarray) -> np.ndarray:
        n_items = len(self.items_)
        return np.stack(
            [np.random.default_rng((self.seed, user + 1)).random(n_items) for user in users]
        )

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return self._score(np.full(len(users), -1))
