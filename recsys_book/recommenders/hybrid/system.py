"""The whole hybrid as one object: modules that can be exchanged, and a loop that closes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys_book.data import Interactions
from recsys_book.recommenders.base import Recommender
from recsys_book.recommenders.hybrid.scaling import scale_scores

Integrate = Callable[[Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True, eq=False)
class Shown:
    """A list as it was shown.

    Attributes:
        user: User position.
        items: The items, best first, shape (k,).
        propensity: Probability with which each place got its item, shape (k,); 1 where nothing was
            left to chance.
    """

    user: int
    items: np.ndarray
    propensity: np.ndarray


def mean_of_zscores(scores: Mapping[str, np.ndarray]) -> np.ndarray:
    """Integrate by the plain mean of the algorithms' z-scores.

    Args:
        scores: For each algorithm, scores of shape (n_users, n_items).

    Returns:
        Mixed scores, shape (n_users, n_items).
    """
    return np.mean([scale_scores(table, "zscore") for table in scores.values()], axis=0)


class EpsilonLast:
    """Explore as the last decision: some places of the list go to random items of the rest.

    Args:
        epsilon: Probability of a random item, for each place.
        seed: Seed of the draws.
    """

    def __init__(self, epsilon: float = 0.1, seed: int = 0):
        self.epsilon = epsilon
        self.rng = np.random.default_rng(seed)

    def __call__(self, ranked: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Choose k of the ranked items.

        Args:
            ranked: All items that may be shown, best first, more than k of them.
            k: Length of the list.

        Returns:
            The items, and the probability with which each place got its item given the places above
            it, both of shape (k,).
        """
        best, rest = list(ranked[:k]), list(ranked[k:])
        items, propensity = [], []
        for place in range(min(k, len(best))):
            explore = self.epsilon if rest else 0.0
            if self.rng.random() < explore:
                propensity.append(explore / len(rest))
                items.append(rest.pop(self.rng.integers(len(rest))))
            else:
                propensity.append(1 - explore)
                items.append(best[place])
        return np.array(items, dtype=np.int64), np.array(propensity)


class HybridSystem:
    """User module, item module, algorithms, integration, exploration and feedback, in this order.

    Each module is a function or an object with one duty, so each can be exchanged and tested alone:
    the *user module* prepares the log (which histories count), the *item module* says which items
    may be shown today, the *algorithms* score, *integrate* mixes their scores, *explore* makes the
    last decision, and ``feedback`` appends what happened and fits everything again when enough has
    come in. Exploration stands last because a model that re-orders afterwards would undo it
    (erratum CF-15).

    Args:
        algorithms: An unfitted recommender for each name.
        integrate: From the algorithms' scores to mixed scores.
        user_module: From the log to the log that the algorithms learn from; None for all of it.
        item_module: From the log to the items that may be shown, booleans (n_items,); None for all.
        explore: From the ranked items and k to items and propensities; None shows the best.
        refit_every: Events of feedback after which everything is fitted again, at least 1.

    Attributes:
        log_: All events so far.
        fitted_: The fitted algorithms by name.
        shown_: Every list that was shown.
        n_fits_: How often the algorithms were fitted.
    """

    def __init__(
        self,
        algorithms: Mapping[str, Recommender],
        integrate: Integrate = mean_of_zscores,
        user_module: Callable[[Interactions], Interactions] | None = None,
        item_module: Callable[[Interactions], np.ndarray] | None = None,
        explore: Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]] | None = None,
        refit_every: int = 1000,
    ):
        if not algorithms or not refit_every >= 1:
            raise ValueError("A system needs an algorithm, and refit_every of at least 1.")
        self.algorithms = algorithms
        self.integrate = integrate
        self.user_module = user_module
        self.item_module = item_module
        self.explore = explore
        self.refit_every = refit_every

    def fit(self, interactions: Interactions) -> Self:
        """Learn from a log.

        Args:
            interactions: The events so far.

        Returns:
            The system itself.
        """
        self.shown_: list[Shown] = []
        self.n_fits_ = 0
        self._learn(interactions)
        return self

    def _learn(self, log: Interactions) -> None:
        self.log_, self.waiting_ = log, 0
        used = log if self.user_module is None else self.user_module(log)
        self.fitted_ = {
            name: copy.deepcopy(model).fit(used) for name, model in self.algorithms.items()
        }
        allowed = np.ones(log.n_items, dtype=bool)
        self.allowed_ = allowed if self.item_module is None else self.item_module(log)
        self.n_fits_ += 1

    def score(self, users: Sequence[int] | np.ndarray) -> np.ndarray:
        """Mix the algorithms' scores; items that may not be shown score minus infinity.

        Args:
            users: User positions, shape (n,); -1 for an unknown user.

        Returns:
            Scores, shape (n, n_items).
        """
        users = np.asarray(users)
        mixed = self.integrate({name: m.score(users) for name, m in self.fitted_.items()})
        return np.where(self.allowed_, mixed, -np.inf)

    def show(self, user: int, k: int = 10) -> Shown:
        """Decide on a list, and write down what was shown with which probability.

        Args:
            user: User position, or -1.
            k: Length of the list.

        Returns:
            The list; shorter than k where fewer unseen items may be shown.
        """
        scores = self.score([user])[0]
        if user >= 0:
            scores[self.log_.item[self.log_.user == user]] = -np.inf
        ranked = np.argsort(-scores, kind="stable")[: np.isfinite(scores).sum()]
        if self.explore is None:
            items, propensity = ranked[:k], np.ones(min(k, len(ranked)))
        else:
            items, propensity = self.explore(ranked, k)
        self.shown_.append(Shown(int(user), items, propensity))
        return self.shown_[-1]

    def feedback(self, events: Interactions) -> bool:
        """Append events; fit everything again when enough have come in.

        Args:
            events: New events with the vocabularies of the log.

        Returns:
            Whether the algorithms were fitted again.

        Raises:
            ValueError: If the vocabularies are others.
        """
        log = self.log_
        same = np.array_equal(events.items, log.items) and np.array_equal(events.users, log.users)
        if not same:
            raise ValueError(
                "The feedback numbers users or items in another way; use the log's vocabularies."
            )
        columns = ("user", "item", "value", "timestamp")
        joined = (np.concatenate([getattr(log, c), getattr(events, c)]) for c in columns)
        self.log_ = Interactions(*joined, log.users, log.items)
        self.waiting_ += len(events)
        if self.waiting_ < self.refit_every:
            return False
        self._learn(self.log_)
        return True
