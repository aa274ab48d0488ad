"""The served model as a recommender of the book, so that it can be judged like all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.case_studies.online_video.model import Weights, fit_film_model
from recsys_book.case_studies.online_video.scoring import score_parts
from recsys_book.case_studies.online_video.session import Session
from recsys_book.recommenders.base import BaseRecommender

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class FilmRanker(BaseRecommender):
    """Score all films for the people of a log, by the very code that serves them.

    Args:
        vectors: One text vector a film, shape (n_items, width).
        weights: How much each part counts; None takes those that are served.
        seed: Seed of the model.

    Attributes:
        model_: The fitted model.
    """

    def __init__(self, vectors: np.ndarray, weights: Weights | None = None, seed: int = 0):
        self.vectors = vectors
        self.weights = weights
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        self.model_ = fit_film_model(interactions, self.vectors, self.weights, seed=self.seed)
        self.remember(interactions)

    def remember(self, log: Interactions) -> None:
        """Read the histories of a log instead of those of the training log; nothing is fitted.

        Args:
            log: A log with the film vocabulary of the training log.
        """
        order = log.order_by_time()
        order = order[np.argsort(log.user[order], kind="stable")]
        counts = np.bincount(log.user, minlength=log.n_users)
        self.start_ = np.concatenate([[0], np.cumsum(counts)])
        times = log.timestamp[order]
        self.past_ = log.item[order], log.value[order], times

    def session(self, user: int, last: int | None = None, forget: int = 0) -> Session:
        """Return the session of a person of the log.

        Args:
            user: Position of the person, or -1 for a newcomer.
            last: Only the first so many events; None for all.
            forget: How many events at the end are left out, as if they had not arrived yet.

        Returns:
            The session.
        """
        if user < 0:
            return Session(self.model_)
        begin, end = self.start_[user], self.start_[user + 1]
        end = end if last is None else min(end, begin + last)
        rows = slice(begin, max(end - forget, begin))
        items, stars, times = (column[rows] for column in self.past_)
        pages = np.cumsum(np.append(False, times[1:] != times[:-1])) if len(times) else None
        return Session.of(self.model_, items, stars, pages)

    def score_stale(self, users: Sequence[int] | np.ndarray, forget: int) -> np.ndarray:
        """Score all films as an answer would that does not know the latest events yet.

        Args:
            users: Positions, shape (n,).
            forget: How many events are missing at the end.

        Returns:
            Scores, shape (n, n_items).
        """
        sessions = (self.session(int(user), forget=forget) for user in users)
        return np.stack([score_parts(session).total for session in sessions])

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.score_stale(users, 0)

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return np.tile(score_parts(Session(self.model_)).total, (len(users), 1))
