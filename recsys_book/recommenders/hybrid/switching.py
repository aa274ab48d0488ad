"""The switching hybrid: another recommender for another situation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import Recommender
from recsys_book.recommenders.hybrid.members import BaseHybrid, fit_members
from recsys_book.recommenders.hybrid.scaling import scale_scores

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class SwitchingHybrid(BaseHybrid):
    """Ask the member that is responsible for the case.

    By ``"history"`` the case is the user: somebody with fewer events than the first threshold is
    served by the first member, with fewer than the second by the second, and so on; the last
    member serves the rest. By ``"item"`` the case is the item, by its number of events in the
    training log: a new film is scored by the first member, a well-known one by the last. Then the
    members' scores meet in one list, so they are brought to one scale first.

    Source: Billsus and Pazzani (2000), "User Modeling for Adaptive News Access"; Burke (2002).

    Args:
        models: The members, one more than thresholds.
        thresholds: Rising numbers of events.
        by: ``"history"`` or ``"item"``.
        scale: The scale on which members meet under ``"item"``.

    Attributes:
        models_: The fitted members.
        case_: Which member serves each user (or item), shape (n_users,) or (n_items,).
    """

    def __init__(
        self,
        models: Sequence[Recommender],
        thresholds: Sequence[float] = (20,),
        by: str = "history",
        scale: str = "zscore",
    ):
        self.models = models
        self.thresholds = thresholds
        self.by = by
        self.scale = scale

    def _fit(self, interactions: Interactions) -> None:
        if self.by not in ("history", "item"):
            raise ValueError(f"by is {self.by!r}; use 'history' or 'item'.")
        limits = np.asarray(self.thresholds, dtype=np.float64)
        if len(limits) + 1 != len(self.models) or (np.diff(limits) <= 0).any():
            raise ValueError(
                f"{len(self.models)} members with thresholds {limits.tolist()} do not fit; give "
                "one rising threshold less than members."
            )
        events = np.diff(self.seen_.indptr) if self.by == "history" else self.item_counts_
        self.case_ = np.searchsorted(limits, events, side="right")
        self.models_ = fit_members(self.models, interactions)

    def _mix(self, users: np.ndarray) -> np.ndarray:
        if self.by == "item":
            mixed = np.zeros((len(users), len(self.items_)))
            for case, member in enumerate(self.models_):
                mine = self.case_ == case
                mixed[:, mine] = scale_scores(member.score(users), self.scale)[:, mine]
            return mixed
        case = np.where(users >= 0, self.case_[users], 0)
        mixed = np.empty((len(users), len(self.items_)))
        for c in np.unique(case):
            mixed[case == c] = self.models_[c].score(users[case == c])
        return mixed
