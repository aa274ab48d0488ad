"""The feed's system: encoder, shared model, one model a user, exploration, control, re-ranking.

Each part is a switch of one piece of code, so that what a part is worth can be measured by leaving
it out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.case_studies.social_feed.calibrated import calibrate_many
from recsys_book.case_studies.social_feed.features import Contexts
from recsys_book.case_studies.social_feed.rewards import ValueModel, reward
from recsys_book.case_studies.social_feed.tastes import UserTastes
from recsys_book.data.feed_events import FeedEvents
from recsys_book.meta_learning.drift import ADWIN, Action, AdaptiveController


@dataclass(frozen=True)
class Switches:
    """What is on.

    Attributes:
        online: Whether the users' models learn from every event after launch.
        explore: Whether weights are drawn from their posterior, or are its mean.
        control: What happens to old evidence: ``"none"``; ``"alarm"``, where ADWIN on the errors
            asks for it; or ``"fade"``, a little every hour.
        rerank: Weight of the calibrated mix of topics in a list, from 0 to 1.
        mix: What that mix follows: the ``"counts"`` of a user's past, which the system itself has
            filled, or the ``"rates"``, what came of a topic for each time it was shown.
        learn_from: An event of the feed, or ``"value"``, the chance of joy that the events tell.
        kept: What share of the old evidence counts after an alarm.
        fade: What share of it counts after an hour.
        delta: ADWIN's rate of false alarms a check, of which there are hundreds a day.
        l2: Penalty of the users' models.
        scale: Standard deviation of the noise that the draws assume; some 0.3 would be honest.
    """

    online: bool = True
    explore: bool = True
    control: str = "alarm"
    rerank: float = 0.3
    mix: str = "rates"
    learn_from: str = "value"
    kept: float = 0.1
    fade: float = 0.98
    delta: float = 1e-4
    l2: float = 10.0
    scale: float = 0.1

    def __post_init__(self) -> None:
        """Refuse a control or a mix that does not exist."""
        if self.control not in ("none", "alarm", "fade"):
            raise ValueError(f'control is {self.control!r}; use "none", "alarm" or "fade".')
        if self.mix not in ("counts", "rates"):
            raise ValueError(f'mix is {self.mix!r}; use "counts" or "rates".')


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
        self.controller = AdaptiveController(ADWIN(delta=self.switches.delta))
        n_groups = int(groups.max()) + 1
        self.history = np.zeros((2, contexts.feed.n_users, n_groups))  # reward, and shown

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
        lists = np.full((len(users), k), -1)
        n = min(4 * k, len(posts)) if self.switches.rerank else min(k, len(posts))
        best = np.argsort(-scores, axis=1, kind="stable")[:, :n]
        if self.switches.rerank:
            best = self._calibrated(users, posts, scores, best, min(k, n))
        lists[:, : best.shape[1]] = posts[best]
        return lists

    def _calibrated(
        self,
        users: np.ndarray,
        posts: np.ndarray,
        scores: np.ndarray,
        best: np.ndarray,
        k: int,
    ) -> np.ndarray:
        """Choose k of each user's best so that the mix of topics follows the user's history."""
        relevance = np.take_along_axis(scores, best, axis=1)
        groups = self.groups[posts[best]]
        wanted = self.wanted(users)
        chosen = calibrate_many(relevance, groups, wanted, k, self.switches.rerank)
        return np.take_along_axis(best, chosen, axis=1)

    def wanted(self, users: np.ndarray) -> np.ndarray:
        """The mix of topics that the lists of some users should follow, (n, n_groups).

        A rate is held back by five imaginary showings at everybody's rate of the topic.
        """
        got, shown = self.history[:, users]
        if self.switches.mix == "counts":
            return got
        usual = self.history[0].sum(axis=0) / np.maximum(self.history[1].sum(axis=0), 1e-12)
        return (got + 5 * usual) / (shown + 5)

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
        at = events.log.user, self.groups[events.log.item]
        np.add.at(self.history[0], at, y)
        np.add.at(self.history[1], at, 1.0)
