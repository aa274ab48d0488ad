"""What happens in a feed: posts that were shown, opened, enjoyed, liked, shared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys_book.data.errors import DataError
from recsys_book.data.feedback import FeedbackLog
from recsys_book.data.interactions import Interactions

#: Seconds in an hour.
HOUR = 3_600
#: Kinds of event; a view is a post that was opened, and everything else follows a view.
EVENTS: tuple[str, ...] = ("view", "like", "comment", "share", "follow")


@dataclass(frozen=True, eq=False)
class FeedEvents:
    """What was shown in a feed and what people did, one row a place in a list.

    Attributes:
        log: What was shown, opened (``clicked``) and enjoyed (``satisfied``); a round is an hour.
        like: (n,) bool.
        comment: (n,) bool.
        share: (n,) bool.
        follow: (n,) bool, whether the user began to follow the creator.
    """

    log: FeedbackLog
    like: np.ndarray
    comment: np.ndarray
    share: np.ndarray
    follow: np.ndarray

    @classmethod
    def empty(cls, n_users: int, n_posts: int) -> FeedEvents:
        """Events before anything was shown."""
        return cls(FeedbackLog.empty(n_users, n_posts), *(np.zeros(0, bool) for _ in range(4)))

    def __len__(self) -> int:
        """Number of places shown."""
        return len(self.log)

    @classmethod
    def join(cls, parts: list[FeedEvents]) -> FeedEvents:
        """All parts, one after the other; at least one."""
        first = parts[0].log
        names = ("round", "user", "item", "position", "clicked", "satisfied")
        shown = [np.concatenate([getattr(p.log, name) for p in parts]) for name in names]
        acts = [np.concatenate([getattr(p, name) for p in parts]) for name in EVENTS[1:]]
        return cls(FeedbackLog(*shown, first.n_users, first.n_items), *acts)

    def happened(self, event: str) -> np.ndarray:
        """Say at which places an event happened.

        Args:
            event: One of ``EVENTS``, or ``"satisfied"``, which no real log holds.

        Returns:
            (n,) bool.

        Raises:
            DataError: there is no such event.
        """
        if event == "view":
            return self.log.clicked
        if event == "satisfied":
            return self.log.satisfied == 1
        if event not in EVENTS:
            known = ", ".join((*EVENTS, "satisfied"))
            raise DataError(f"The feed has no event {event!r}; use one of {known}.")
        return getattr(self, event)

    def interactions(self, event: str = "view") -> Interactions:
        """What a recommender may learn from: one kind of event, each with value 1, in time order.

        Args:
            event: As for ``happened``.

        Returns:
            The events; seconds are counted from the feed's first hour.
        """
        rows, log = self.happened(event), self.log
        when = log.round[rows] * HOUR
        sizes = np.arange(log.n_users), np.arange(log.n_items)
        return Interactions(log.user[rows], log.item[rows], np.ones(rows.sum()), when, *sizes)

    def to_frame(self) -> pd.DataFrame:
        """One row a place shown: hour, user, post, position, one column an event, satisfied."""
        log = self.log
        columns = {"hour": log.round, "user": log.user, "post": log.item, "position": log.position}
        columns |= {event: self.happened(event) for event in EVENTS}
        return pd.DataFrame(columns | {"satisfied": log.satisfied})
