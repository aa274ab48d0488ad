"""What all hybrids share: copies of their members, and events held back from the training log."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.preprocessing import leave_one_out, random_split, rolling_cuts
from recsys_book.preprocessing.splitting import Split, time_order
from recsys_book.recommenders.base import BaseRecommender, Recommender
from recsys_book.recommenders.hybrid.scaling import scale_scores

if TYPE_CHECKING:
    from recsys_book.data import Interactions

#: How a hybrid holds back events of its training log.
HOLD_BACK = ("time", "last", "random")
#: The cuts of ``"time"``: each is followed by a tenth of the log.
CUTS = (0.7, 0.8, 0.9)

HoldBack = str | Callable[["Interactions"], Sequence[Split]]


class BaseHybrid(BaseRecommender):
    """A recommender made of others.

    The members that ``__init__`` gets are never fitted themselves: ``fit`` copies them, so one
    member may be used in several hybrids. A user without history gets the mix of the members' own
    fallbacks.
    """

    def _mix(self, users: np.ndarray) -> np.ndarray:
        """Return the mixed scores of users, -1 for one without history."""
        raise NotImplementedError

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self._mix(users)

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return self._mix(np.full(len(users), -1))

    def _unseen_only(self, users: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Put the items of a user's history below all others, as a list would leave them out."""
        rows = np.flatnonzero(users >= 0)
        row, item = self.seen_[users[rows]].nonzero()
        lowered = np.array(scores)
        floor = scores.min(axis=1) - 1.0
        lowered[rows[row], item] = floor[rows[row]]
        return lowered


def fit_members(models: Sequence[Recommender], log: Interactions) -> list[Recommender]:
    """Fit a copy of each member.

    Args:
        models: The members.
        log: The training log.

    Returns:
        The fitted copies, in the same order.

    Raises:
        ValueError: If there is no member.
    """
    if not len(models):
        raise ValueError("A hybrid needs members; give it a list of at least one recommender.")
    return [copy.deepcopy(model).fit(log) for model in models]


def member_scores(members: Sequence[Recommender], users: np.ndarray, scale: str) -> np.ndarray:
    """Score all items with every fitted member, on one scale.

    Args:
        members: Fitted members.
        users: User positions, shape (n,).
        scale: One of ``SCALES``.

    Returns:
        Scaled scores, shape (n, n_items, n_members).
    """
    return np.stack([scale_scores(member.score(users), scale) for member in members], axis=-1)


def held_back(log: Interactions, how: HoldBack, seed: int = 0) -> list[Split]:
    """Hold back events of a training log, to learn there how the members should be mixed.

    ``"time"`` cuts the log at 70, 80 and 90 % and holds back the tenth after each cut; a cut after
    which no known user acts is left out. ``"last"`` holds back each user's last event, ``"random"``
    a tenth of the rows. The rule should be the one by which the hybrid will be judged.

    Args:
        log: The training log.
        how: One of ``HOLD_BACK``, or a function from a log to splits.
        seed: Seed of tied timestamps and of random rows.

    Returns:
        The splits; an empty list where the log allows none.

    Raises:
        ValueError: If the rule is unknown, or all timestamps are equal under ``"time"``.
    """
    if callable(how):
        return list(how(log))
    if how == "time":
        time_order(log)
        return [split for start in CUTS for split in _possible(rolling_cuts, log, (start,))]
    if how == "last":
        return _possible(lambda all_events: [leave_one_out(all_events, seed)], log)
    if how == "random":
        return _possible(lambda all_events: [random_split(all_events, 0.1, seed)], log)
    raise ValueError(f"validation is {how!r}; use {', '.join(HOLD_BACK)}, or a function.")


def _possible(rule: Callable, *arguments) -> list[Split]:
    """Return the splits, or none where the log is too small for them."""
    try:
        return list(rule(*arguments))
    except ValueError:
        return []
