"""The live loop: people come, see a list, act, come again; and the system learns in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from recsys_book.case_studies.social_feed.baselines import SimpleFeed
from recsys_book.data.feed import SimulatedFeed
from recsys_book.data.feed_events import FeedEvents


class LivePolicy(Protocol):
    """What the loop asks of a system."""

    def recommend(self, hour: int, users: np.ndarray, k: int) -> np.ndarray:
        """Choose k living posts for each user, (n, k)."""
        ...

    def learn(self, hour: int, events: FeedEvents) -> None:
        """Learn from what happened in the hour."""
        ...


@dataclass(frozen=True, eq=False)
class FeedRun:
    """What happened in some hours under one policy.

    Attributes:
        events: One row a place shown.
        came: (hours, n_users) bool, who came.
        mood: (n_users,) everybody's mood at the end.
        start: The first hour.
    """

    events: FeedEvents
    came: np.ndarray
    mood: np.ndarray
    start: int

    def outcomes(self) -> dict[str, float]:
        """Return what an owner of a feed asks for, as means over the run.

        Returns:
            ``visits`` a user and day, ``return`` (share of visits that another follows within three
            hours; NaN in a run of three hours or less), ``views``, ``likes``, ``comments``,
            ``shares``, ``follows`` and ``joys`` (views that were enjoyed) a user and day,
            ``open_rate`` a place shown and ``joy_rate`` a view.
        """
        days, n = len(self.came) / 24, self.came.shape[1]
        hours = len(self.came) - 3
        soon = sum(self.came[j : j + max(hours, 0)] for j in (1, 2, 3)) > 0
        back = soon[self.came[: max(hours, 0)]] if hours > 0 else np.zeros(0)
        count = {
            f"{name}s": self.events.happened(name).sum() / (days * n)
            for name in ("view", "like", "comment", "share", "follow")
        }
        joys = self.events.happened("satisfied").sum()
        views = self.events.happened("view").sum()
        return {
            "visits": self.came.sum() / (days * n),
            "return": back.mean() if len(back) else np.nan,
            **count,
            "joys": joys / (days * n),
            "open_rate": views / max(len(self.events), 1),
            "joy_rate": joys / max(views, 1),
        }

    def by_hour(self, n_hours: int) -> pd.DataFrame:
        """Visits, views and joys a user in each stretch of some hours, by its first hour."""
        stretch = (self.events.log.round - self.start) // n_hours
        n = -(-len(self.came) // n_hours)
        visits = np.add.reduceat(self.came.sum(axis=1), np.arange(0, len(self.came), n_hours))
        columns = {"visits": visits / self.came.shape[1]}
        for name, event in (("views", "view"), ("joys", "satisfied")):
            counts = np.bincount(stretch, self.events.happened(event), minlength=n)
            columns[name] = counts / self.came.shape[1]
        return pd.DataFrame(columns, index=self.start + n_hours * np.arange(n))


def run_feed(
    feed: SimulatedFeed,
    policy: LivePolicy,
    start: int = 0,
    stop: int | None = None,
    k: int = 8,
    mood: np.ndarray | None = None,
) -> FeedRun:
    """Let people use the feed under a policy.

    Who comes depends on mood, and mood on what was shown; the dice are the feed's own, so two
    policies on one feed meet the same people with the same luck.

    Args:
        feed: The world.
        policy: Chooses the lists, and learns after each hour.
        start: First hour.
        stop: Hour after the last; ``None`` runs to the feed's end.
        k: Places in a list.
        mood: (n_users,) moods at the start, from 0 to 1; ``None`` for a half.

    Returns:
        The run.

    Raises:
        ValueError: If there is no hour to run, or no place in a list.
    """
    stop = feed.hours if stop is None else stop
    if not 0 <= start < stop <= feed.hours or k < 1:
        raise ValueError(
            f"The run got start = {start}, stop = {stop} and k = {k} in a feed of {feed.hours}"
            " hours; give a stretch inside it and at least one place."
        )
    mood = np.full(feed.n_users, 0.5) if mood is None else np.array(mood, dtype=float)
    parts = [FeedEvents.empty(feed.n_users, feed.n_posts)]
    came = np.zeros((stop - start, feed.n_users), dtype=bool)
    for hour in range(start, stop):
        users = feed.visitors(hour, mood)
        events = feed.respond(hour, users, policy.recommend(hour, users, k))
        policy.learn(hour, events)
        came[hour - start, users] = True
        joys = np.bincount(events.log.user[events.happened("satisfied")], minlength=feed.n_users)
        mood[users] = 0.8 * mood[users] + 0.2 * (joys[users] > 0)
        parts.append(events)
    return FeedRun(FeedEvents.join(parts), came, mood, start)


def warm_up(feed: SimulatedFeed, hours: int = 36, k: int = 8) -> FeedRun:
    """Run the first hours on random lists: the log that every system is fitted on."""
    return run_feed(feed, SimpleFeed(feed, "random", feed.seed), 0, hours, k)
