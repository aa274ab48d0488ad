"""What a sceptical colleague would ask for first: four feeds without a model."""

from __future__ import annotations

import numpy as np

from recsys_book.data.feed import SimulatedFeed
from recsys_book.data.feed_events import FeedEvents


class SimpleFeed:
    """A feed that learns nothing about anybody's taste.

    Args:
        feed: The feed.
        rule: ``"random"``; ``"newest"`` first; ``"followed"``: newest first, posts of creators whom
            the user follows before all others; or ``"popular"``: most views, an old view counting
            half after six hours.
        seed: Of random lists and of ties.

    Raises:
        ValueError: If the rule is unknown.
    """

    rules = ("random", "newest", "followed", "popular")

    def __init__(self, feed: SimulatedFeed, rule: str, seed: int = 0):
        if rule not in self.rules:
            raise ValueError(f"rule is {rule!r}; use one of {', '.join(self.rules)}.")
        self.feed, self.rule = feed, rule
        self.rng = np.random.default_rng([seed, 9])
        self.views = np.zeros(feed.n_posts)

    def fit(self, log: FeedEvents) -> SimpleFeed:
        """Count the views of a log."""
        for hour in np.unique(log.log.round):
            self._count(log.log.item[(log.log.round == hour) & log.log.clicked])
        return self

    def recommend(self, hour: int, users: np.ndarray, k: int) -> np.ndarray:
        """Choose k living posts for each user, (n, k)."""
        posts = self.feed.alive(hour)
        chance = self.rng.random((len(users), len(posts)))
        scores = {
            "random": chance,
            "newest": self.feed.posted[posts] + 0 * chance,
            "popular": self.views[posts] + 1e-6 * chance,
            "followed": self.feed.posted[posts]
            + 1e6 * self.feed.follows[np.ix_(users, self.feed.creator[posts])],
        }[self.rule]
        lists = np.full((len(users), k), -1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        lists[:, : best.shape[1]] = posts[best]
        return lists

    def learn(self, hour: int, events: FeedEvents) -> None:
        """Count the views of an hour."""
        self._count(events.log.item[events.log.clicked])

    def _count(self, items: np.ndarray) -> None:
        self.views *= 0.5 ** (1 / 6)
        np.add.at(self.views, items, 1.0)
