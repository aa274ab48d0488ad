"""The feed's system: encoder, shared model, one model a user, exploration, control, re-ranking.

Each part is a switch of one piece of code, so that what a part is worth can be measured by leaving
it out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.case_studies.social_feed.features import Contexts
from recsys_book.case_studies.social_feed.rewards import ValueModel, reward
from recsys_book.case_studies.social_feed.tastes import UserTastes
from recsys_book.data.feed import FeedEvents
from recsys_book.meta_learning.drift import ADWIN, Action, AdaptiveController
from recsys_book.recommenders.reranking import calibrate, unit_range


@dataclass(frozen=True)
class Switches:
    """What is on.

    Attributes:
        online: Whether the users' models learn from every event after launch.
        explore: Whether weights are drawn from their posterior, or are its mean.
        control: What happens to old evidence: ``"none"``; ``"alarm"``, where ADWIN on the errors
            asks for it; or ``"fade"``, a little every hour.
        rerank: Weight of the calibrated mix of topics in a list, from 0 to 1.
        learn_from: An event of the feed, or ``"value"``, the chance of joy that the events tell.
        kept: What share of the old evidence counts after an alarm.
        fade: What share of it counts after an hour.
        l2: Penalty of the users' models.
        scale: Standard deviation of the noise, for the draws.
    """

    online: bool = True
    explore: bool = True
    control: str = "alarm"
    rerank: float = 0.3
    learn_from: str = "value"
    kept: float = 0.3
    fade: float = 0.98
    l2: float = 10.0
    scale: float = 0.3

    def __post_init__(self) -> None:
        """Refuse a control that does not exist."""
        if self.control not in ("none", "alarm", "fade"):
            raise ValueError(f'control is {self.control!r}; use "none", "alarm" or "fade".')


def disappointment(guess: np.ndarray, reward: np.ndarray) -> np.ndarray:
    """How far the model had promised more than came, moved and cut to lie between 0 and 1.

    A squared error would not do. After tastes have moved, the chosen posts are opened less, and an
    event that is rarer is predicted with a *smaller* squared error. The signed error has mean a
    half while the model is right on the posts it chooses, and rises when it has become too hopeful.

    Args:
        guess: (n,) predicted rewards.
        reward: (n,) rewards.

    Returns:
        (n,) values.
    """
    return np.clip(0.5 + (guess - reward) / 2, 0.0, 1.0)


class FeedSystem:
    """Learns from a log, then recommends and goes on learning.

    Args:
        contexts: Features.
        groups: (n_posts,) the topic of each post as the system sees it, integers from 0.
        switches: What is on.
        value: Turns events into a reward where ``learn_from`` is ``"value"``.
        seed: Of the draws.

    Attributes:
        tastes: The users' models, after ``fit``.
        alarms: Hours at which the controller asked for a reset.
    """

    def __init__(
        self,
        contexts: Contexts,
        groups: np.ndarray,
        switches: Switches | None = None,
        value: ValueModel | None = None,
        seed: int = 0,
    ):
        self.contexts, self.groups, self.seed = contexts, groups, seed
        self.switches = switches or Switches()
        self.value = value
        self.alarms: list[int] = []
        self.controller = AdaptiveController(ADWIN(delta=0.002))
        n_groups = int(groups.max()) + 1
        self._one_hot = np.eye(n_groups)[groups]
        self.history = np.zeros((contexts.feed.n_users, n_groups))

    def fit(self, log: FeedEvents) -> FeedSystem:
        """Fit the shared weights by ridge regression, and each user's on what they leave."""
        X, y, s = self.contexts.rows(log), self._reward(log), self.switches
        shared = np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ y)
        self.tastes = UserTastes(self.contexts.feed.n_users, shared, s.l2, s.scale, self.seed)
        self.tastes.learn(log.log.user, X, y)
        self._remember(log, y)
        return self

    def recommend(self, hour: int, users: np.ndarray, k: int) -> np.ndarray:
        """Choose k living posts for each user, (n, k); fewer living posts leave places empty."""
        posts = self.contexts.feed.alive(hour)
        theta = self.tastes.draw(users) if self.switches.explore else self.tastes.weights(users)
        scores = self.contexts.scores(hour, users, posts, theta)
        if self.switches.rerank:
            return self._calibrated(users, posts, scores, k)
        lists = np.full((len(users), k), -1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        lists[:, : best.shape[1]] = posts[best]
        return lists

    def _calibrated(
        self, users: np.ndarray, posts: np.ndarray, scores: np.ndarray, k: int
    ) -> np.ndarray:
        """Reorder the best candidates so that the mix of topics follows the user's history."""
        lists = np.full((len(users), k), -1)
        n = min(4 * k, len(posts))
        best = np.argsort(-scores, axis=1, kind="stable")[:, :n]
        for row, user in enumerate(users):
            shares = self._one_hot[posts[best[row]]]
            target = self.history[user] / max(self.history[user].sum(), 1e-12)
            relevance = unit_range(scores[row, best[row]])
            chosen = calibrate(relevance, shares, target, min(k, n), self.switches.rerank)
            lists[row, : len(chosen)] = posts[best[row, chosen]]
        return lists

    def learn(self, hour: int, events: FeedEvents) -> None:
        """Learn from what happened in an hour, after the errors of the old model are noted."""
        if not self.switches.online or not len(events):
            return
        X, y, user = self.contexts.rows(events), self._reward(events), events.log.user
        if self.switches.control == "alarm":
            guess = np.einsum("nd,nd->n", X, self.tastes.weights(user))
            if Action.RESET in [self.controller.step(x) for x in disappointment(guess, y)]:
                self.alarms.append(hour)
                self.tastes.temper(np.arange(self.tastes.n_arms), self.switches.kept)
        elif self.switches.control == "fade":
            self.tastes.temper(np.arange(self.tastes.n_arms), self.switches.fade)
        self.tastes.learn(user, X, y)
        self._remember(events, y)

    def _reward(self, events: FeedEvents) -> np.ndarray:
        return reward(events, self.switches.learn_from, self.value)

    def _remember(self, events: FeedEvents, y: np.ndarray) -> None:
        if self.switches.control == "fade":
            self.history *= self.switches.fade
        np.add.at(self.history, (events.log.user, self.groups[events.log.item]), y)
