"""Combine lists instead of scores: votes, Borda counts and reciprocal ranks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from recsys_book.recommenders.base import Recommender
from recsys_book.recommenders.hybrid.members import BaseHybrid, fit_members
from recsys_book.recommenders.hybrid.weights import check_weights

if TYPE_CHECKING:
    from recsys_book.data import Interactions

#: The rules of ``RankFusion``.
RULES = ("borda", "rrf", "vote")


def majority_vote(labels: Sequence[Hashable]) -> Hashable:
    """Return the label that most members give; among equally many, the smallest.

    A vote needs labels that can agree. Real numbers hardly ever do, and are refused (erratum
    ENS-02).

    Args:
        labels: One label a member: integers, strings or truth values.

    Returns:
        The winner.

    Raises:
        ValueError: If there is no label, or one is a real number.
    """
    if not len(labels):
        raise ValueError("Nobody votes; give at least one label.")
    if any(isinstance(label, float | np.floating) for label in labels):
        raise ValueError(
            "A vote over real numbers has no winner, because no two are equal; average them, or "
            "vote on lists."
        )
    values, counts = np.unique(np.asarray(labels), return_counts=True)
    return values[counts.argmax()].item()


def ranks_from_top(scores: np.ndarray) -> np.ndarray:
    """Return each item's place in its row, 1 for the best; tied items share their mean place.

    Args:
        scores: Scores, shape (n_users, n_items).

    Returns:
        Places, float64, shape (n_users, n_items).
    """
    return rankdata(-np.asarray(scores, dtype=np.float64), axis=1)


def borda(ranks: np.ndarray, weights: Sequence[float] | None = None) -> np.ndarray:
    r"""Count how many items each item beats, on average over the lists: :math:`n - r`.

    Equation: eq-borda

    Source: Aslam and Montague (2001), "Models for Metasearch", SIGIR.

    Args:
        ranks: Places from 1 to n_items, shape (n_lists, n_users, n_items).
        weights: One number a list, or None.

    Returns:
        Mean counts, shape (n_users, n_items).
    """
    w = check_weights(weights, len(ranks))
    return np.tensordot(w, ranks.shape[-1] - ranks, axes=1)


def reciprocal_rank_fusion(
    ranks: np.ndarray, k: float = 60.0, weights: Sequence[float] | None = None
) -> np.ndarray:
    r"""Add up :math:`1/(k+r)` over the lists.

    Equation: eq-rrf

    Source: Cormack, Clarke and Buettcher (2009), "Reciprocal Rank Fusion Outperforms Condorcet and
    Individual Rank Learning Methods", SIGIR.

    Args:
        ranks: Places from 1 to n_items, shape (n_lists, n_users, n_items).
        k: How far the top places are levelled, at least 0.
        weights: One number a list, or None; they are divided by their sum.

    Returns:
        Mean reciprocal ranks, shape (n_users, n_items).

    Raises:
        ValueError: If k is negative.
    """
    if not k >= 0:
        raise ValueError(f"k is {k}; use a number of at least 0.")
    w = check_weights(weights, len(ranks))
    return np.tensordot(w, 1.0 / (k + ranks), axes=1)


def votes(ranks: np.ndarray, depth: int = 10) -> np.ndarray:
    """Count the lists that hold an item among their first; the mean place breaks ties.

    Args:
        ranks: Places from 1 to n_items, shape (n_lists, n_users, n_items).
        depth: How many items a list names.

    Returns:
        Votes plus a fraction below one, shape (n_users, n_items).
    """
    n_votes = (ranks <= depth).sum(axis=0)
    return n_votes + borda(ranks) / ranks.shape[-1]


class RankFusion(BaseHybrid):
    """Order items by what the members' lists say, whatever their scores.

    Ranks need no scale, and one member's huge scores cannot shout the others down. What a member
    is sure of and what it guesses count the same: that is the price. Items of the history stand at
    the end of every list.

    Equations: eq-borda, eq-rrf

    Args:
        models: The members, unfitted.
        rule: ``"borda"``, ``"rrf"`` or ``"vote"``.
        k: The constant of reciprocal-rank fusion.
        depth: How many items a member names in a vote.
        weights: One number a member for ``"borda"`` and ``"rrf"``, or None.

    Attributes:
        models_: The fitted members.
    """

    def __init__(
        self,
        models: Sequence[Recommender],
        rule: str = "rrf",
        k: float = 60.0,
        depth: int = 10,
        weights: Sequence[float] | None = None,
    ):
        self.models = models
        self.rule = rule
        self.k = k
        self.depth = depth
        self.weights = weights

    def _fit(self, interactions: Interactions) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule is {self.rule!r}; use one of {', '.join(RULES)}.")
        self.models_ = fit_members(self.models, interactions)

    def _mix(self, users: np.ndarray) -> np.ndarray:
        ranks = np.stack(
            [ranks_from_top(self._unseen_only(users, m.score(users))) for m in self.models_]
        )
        if self.rule == "borda":
            return borda(ranks, self.weights)
        if self.rule == "rrf":
            return reciprocal_rank_fusion(ranks, self.k, self.weights)
        return votes(ranks, self.depth)
