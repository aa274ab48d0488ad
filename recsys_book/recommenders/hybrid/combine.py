"""The weighted hybrid: add the members' scores, each with its weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.preprocessing.splitting import Split
from recsys_book.recommenders.base import Recommender
from recsys_book.recommenders.hybrid.members import (
    BaseHybrid,
    HoldBack,
    fit_members,
    held_back,
    member_scores,
)
from recsys_book.recommenders.hybrid.weights import check_weights, choice_weights

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class WeightedHybrid(BaseHybrid):
    r"""Score an item by the weighted mean of the members' scores on one scale.

    Weights that are not given are learned inside ``fit``: events are held back from the training
    log, copies of the members are fitted on the rest, and the weights are those under which the
    held-back choices are most likely. Then the members are fitted on the whole log. Where nothing
    can be held back (no known user acts after any cut), all members weigh the same.

    Equations: eq-weighted-hybrid, eq-choice-weights

    Source: Burke (2002), "Hybrid Recommender Systems: Survey and Experiments".

    Args:
        models: The members, unfitted.
        weights: One number a member, none negative; ``None`` learns them.
        scale: How scores are made comparable, one of ``SCALES``.
        validation: What to hold back: ``"time"``, ``"last"``, ``"random"`` or a function from a
            log to splits.
        l2: Penalty of the learned weights.
        max_users: At most so many held-back users of a split are used.
        seed: Seed of what is held back.

    Attributes:
        models_: The fitted members.
        weights_: Their weights, summing to one, shape (n_members,).
        sharpness_: The sum of the learned weights before division; 1.0 for given weights.
    """

    def __init__(
        self,
        models: Sequence[Recommender],
        weights: Sequence[float] | None = None,
        scale: str = "rank",
        validation: HoldBack = "time",
        l2: float = 1e-3,
        max_users: int = 1000,
        seed: int = 0,
    ):
        self.models = models
        self.weights = weights
        self.scale = scale
        self.validation = validation
        self.l2 = l2
        self.max_users = max_users
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        self.sharpness_ = 1.0
        if self.weights is None:
            learned = self._learn(interactions)
            self.sharpness_ = float(learned.sum())
        else:
            learned = self.weights
        self.weights_ = check_weights(learned, len(self.models))
        self.models_ = fit_members(self.models, interactions)

    def _learn(self, log: Interactions) -> np.ndarray:
        parts = [self._choices(split) for split in held_back(log, self.validation, self.seed)]
        if not parts:
            return np.ones(len(self.models))
        scores, chosen, offered = (np.concatenate(part) for part in zip(*parts))
        weights = choice_weights(scores, chosen, offered, self.l2)
        return weights if weights.sum() > 0 else np.ones(len(self.models))

    def _choices(self, split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores, picked items and possible items of the held-back users."""
        return choices(fit_members(self.models, split.train), split, self.scale, self.max_users)

    def _mix(self, users: np.ndarray) -> np.ndarray:
        mixed = np.zeros((len(users), len(self.items_)))
        for w, member in zip(self.weights_, self.models_):
            if w > 0:
                mixed += w * member_scores([member], users, self.scale)[:, :, 0]
        return mixed


def choices(
    members: Sequence[Recommender], split: Split, scale: str, max_users: int = 1000
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what held-back users picked, could have picked, and how the members scored it.

    Args:
        members: Members fitted on ``split.train``.
        split: Training events and held-back events.
        scale: One of ``SCALES``.
        max_users: At most so many users, evenly spaced among those with a new item.

    Returns:
        Scores (n, n_items, n_members), and two boolean tables (n, n_items): picked, and not seen
        before.
    """
    users = np.unique(split.test.user)
    chosen = split.test.to_csr(1.0)[users].toarray() > 0
    offered = split.train.to_csr(1.0)[users].toarray() == 0
    chosen &= offered
    rows = np.flatnonzero(chosen.any(axis=1))
    if len(rows) > max_users:
        rows = rows[np.linspace(0, len(rows) - 1, max_users).astype(int)]
    return member_scores(members, users[rows], scale), chosen[rows], offered[rows]
