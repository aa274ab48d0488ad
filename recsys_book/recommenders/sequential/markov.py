"""A first-order Markov chain: what followed the last item, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.sequential.histories import Histories

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def transition_counts(histories: Histories) -> sp.csr_matrix:
    """Count how often each item directly follows each other.

    Args:
        histories: The users' items.

    Returns:
        Counts, rows the earlier item, columns the later, sparse (n_items, n_items).
    """
    user = np.repeat(np.arange(len(histories)), np.diff(histories.start))
    here = np.flatnonzero(user[1:] == user[:-1])
    pair = (histories.items[here], histories.items[here + 1])
    counts = sp.csr_matrix((np.ones(len(here)), pair), shape=(histories.n_items,) * 2)
    counts.sum_duplicates()
    return counts


def transition_probabilities(
    counts: np.ndarray, popularity: np.ndarray, smoothing: float
) -> np.ndarray:
    """Return the chance of each next item after each item, drawn towards popularity.

    Equation: eq-markov-transition.

    Args:
        counts: Rows of counts, shape (m, n_items).
        popularity: The chance of each item without any context, shape (n_items,), sums to 1.
        smoothing: How many pseudo-counts popularity is worth, above 0.

    Returns:
        Rows that sum to 1, shape (m, n_items).
    """
    total = counts.sum(axis=1, keepdims=True)
    return (counts + smoothing * popularity) / (total + smoothing)


class MarkovChain(BaseRecommender):
    """Recommend what followed the user's last item most often.

    A user without history gets the popularity of the items; so, almost, does a user whose last
    item was never followed by anything.

    Equation: eq-markov-transition.

    Args:
        smoothing: How many pseudo-counts popularity is worth, above 0.
        last: How many of the last items are asked; their probabilities are averaged, the one
            before the last at half the weight of the last, and so on.

    Attributes:
        counts_: Transitions, sparse (n_items, n_items).
        histories_: The users' items.
    """

    def __init__(self, smoothing: float = 10.0, last: int = 1):
        self.smoothing = smoothing
        self.last = last

    def _fit(self, interactions: Interactions) -> None:
        if not self.smoothing > 0:
            raise ValueError(f"smoothing is {self.smoothing}; use pseudo-counts above 0.")
        if self.last < 1:
            raise ValueError(f"last is {self.last}; ask at least the last item.")
        self.histories_ = Histories.of(interactions)
        self.counts_ = transition_counts(self.histories_)

    def _score(self, users: np.ndarray) -> np.ndarray:
        popularity = self.item_counts_ / self.item_counts_.sum()
        scores = np.zeros((len(users), len(self.items_)))
        weight = np.zeros(len(users))
        recent = self.histories_.last(users, self.last)
        for back in range(self.last):
            rows = np.flatnonzero([len(items) > back for items in recent])
            at = [recent[row][-1 - back] for row in rows]
            p = transition_probabilities(self.counts_[at].toarray(), popularity, self.smoothing)
            scores[rows] += 0.5**back * p
            weight[rows] += 0.5**back
        return scores / weight[:, None]
