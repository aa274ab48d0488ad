"""Histories as rows, and recommenders that need nothing else of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.base import BaseRecommender

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class HistoryRecommender(BaseRecommender):
    """A recommender that can score anybody who has a history, in the training log or not.

    A subclass writes ``_score_others`` besides ``_fit`` and ``_score``.
    """

    def score_histories(self, histories: Interactions) -> np.ndarray:
        """Score every item for people who were not in the training log.

        Nothing is learned of them: their histories are all that is needed. An empty history gets
        the popularity of the items in the training log.

        Args:
            histories: A log with the item vocabulary of the training log and any users.

        Returns:
            Scores, shape (histories.n_users, n_items).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If the item vocabulary is another one.
        """
        self._check_fitted()
        self._check_items(histories)
        scores = self._score_others(histories)
        nothing = np.bincount(histories.user, minlength=histories.n_users) == 0
        scores[nothing] = self.item_counts_
        return scores

    def _score_others(self, histories: Interactions) -> np.ndarray:
        """Score every item for each user of a log; the rows of users without events are free."""
        raise NotImplementedError


def history_weights(interactions: Interactions, half_life: float | None) -> sp.csr_matrix:
    """Return each user's history as a row: ones, or weights that halve towards the past.

    Args:
        interactions: A log; a repeated pair counts once, or with its weights added up.
        half_life: None for ones, or the number of positions from the end of a history after which
            an item counts half.

    Returns:
        The weights, sparse (n_users, n_items).

    Raises:
        ValueError: If the half-life is not above 0.
    """
    if half_life is None:
        history = sp.csr_matrix(interactions.to_csr(1.0))
        history.data[:] = 1.0
        return history
    if not half_life > 0:
        raise ValueError(f"half_life is {half_life}; use positions above 0, or None.")
    weight = 0.5 ** (positions_from_end(interactions) / half_life)
    return sp.csr_matrix(interactions.to_csr(weight))


def positions_from_end(interactions: Interactions) -> np.ndarray:
    """Return how many later events of the same user follow each row: 0 for the user's last.

    Args:
        interactions: A log in any row order; tied timestamps keep their row order.

    Returns:
        Number of later events, shape (n,).
    """
    by_time = interactions.order_by_time()
    order = by_time[np.argsort(interactions.user[by_time], kind="stable")]
    _, start, count = np.unique(interactions.user[order], return_index=True, return_counts=True)
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.repeat(start + count, count) - 1 - np.arange(len(order))
    return back
