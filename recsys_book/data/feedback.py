"""A closed loop with simulated people: show lists, see what they do, learn from it, show again.

What stands in a log depends on what was shown, and where on the page. Here both are written down,
and so is what no log of clicks says: whether the person was glad afterwards. All of it is
simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from recsys_book.data.errors import DataError
from recsys_book.data.interactions import Interactions
from recsys_book.data.simulated import DAY


@dataclass(frozen=True, eq=False)
class FeedbackLog:
    """Everything that was shown, clicked or not, one row a place in a list.

    Attributes:
        round: (n,) int64, when it was shown.
        user: (n,) int64, position of the user.
        item: (n,) int64, position of the item.
        position: (n,) int64, place in the list, 0 at the top.
        clicked: (n,) bool.
        satisfied: (n,) float64, 1 or 0 for what was clicked, NaN for what was not.
        n_users: number of users.
        n_items: number of items.
    """

    round: np.ndarray
    user: np.ndarray
    item: np.ndarray
    position: np.ndarray
    clicked: np.ndarray
    satisfied: np.ndarray
    n_users: int
    n_items: int

    @classmethod
    def empty(cls, n_users: int, n_items: int) -> Self:
        """A log before anything was shown."""
        none = np.zeros(0, dtype=np.int64)
        return cls(none, none, none, none, none.astype(bool), none * 1.0, n_users, n_items)

    def __len__(self) -> int:
        """Number of places shown."""
        return len(self.user)

    def __add__(self, other: FeedbackLog) -> FeedbackLog:
        """Both logs, one after the other."""
        names = ("round", "user", "item", "position", "clicked", "satisfied")
        joined = [np.concatenate([getattr(self, name), getattr(other, name)]) for name in names]
        return FeedbackLog(*joined, self.n_users, self.n_items)

    def to_frame(self) -> pd.DataFrame:
        """One row a place shown: round, user, item, position, clicked, satisfied."""
        names = ("round", "user", "item", "position", "clicked", "satisfied")
        return pd.DataFrame({name: getattr(self, name) for name in names})

    def clicks(self, satisfied_only: bool = False) -> Interactions:
        """What a recommender may learn from: the clicks, each with value 1.

        Args:
            satisfied_only: Keep the clicks after which the person said to be satisfied.

        Returns:
            The events, a day a round.
        """
        rows = self.satisfied == 1 if satisfied_only else self.clicked
        user, item, when = self.user[rows], self.item[rows], self.round[rows] * DAY
        vocabularies = np.arange(self.n_users), np.arange(self.n_items)
        return Interactions(user, item, np.ones(len(user)), when, *vocabularies)

    def by_round(self) -> pd.DataFrame:
        """Measure each round.

        Returns:
            One row a round, with ``shown`` (places), ``click_rate``, ``satisfaction`` (share of
            the clicks that left the person satisfied; NaN without clicks) and ``items_shown``
            (number of different items).
        """
        frame = self.to_frame().groupby("round")
        return pd.DataFrame(
            {
                "shown": frame.size(),
                "click_rate": frame["clicked"].mean(),
                "satisfaction": frame["satisfied"].mean(),
                "items_shown": frame["item"].nunique(),
            }
        )


class SimulatedPeople:
    r"""People with a known taste, who look at the top of a list first and can be lured.

    A person examines place :math:`j = 0, 1, \dots` with probability
    :math:`(1 + j)^{-\eta}`, clicks an examined item with probability
    :math:`\sigma(2\, p_u^\top q_i + a_i - 1)` and is satisfied by a clicked one with probability
    :math:`\sigma(2\, p_u^\top q_i - a_i + 1)`. The bait :math:`a_i` of an item, normal with mean
    0, makes it clicked more and liked less: a click is not satisfaction.

    Args:
        n_users: number of people.
        n_items: number of items.
        rank: length of the taste vectors, which are normal with variance 1 / rank.
        bait: standard deviation of the bait; 0 makes clicks and satisfaction agree.
        position_bias: the exponent :math:`\eta`; 0 means that every place is examined.
        seed: of taste and bait.

    Attributes:
        attraction: (n_users, n_items) chance of a click, once examined.
        enjoyment: (n_users, n_items) chance of being satisfied, once clicked.
        bait: (n_items,) the bait of each item.
    """

    def __init__(
        self,
        n_users: int = 200,
        n_items: int = 100,
        rank: int = 4,
        bait: float = 1.0,
        position_bias: float = 1.0,
        seed: int = 0,
    ):
        if min(n_users, n_items, rank) < 1 or min(bait, position_bias) < 0:
            raise DataError(
                f"The people got n_users = {n_users}, n_items = {n_items}, rank = {rank}, bait = "
                f"{bait}, position_bias = {position_bias}; give sizes from 1 and the rest from 0."
            )
        rng = np.random.default_rng(seed)
        p, q = rng.normal(size=(n_users, rank)), rng.normal(size=(n_items, rank))
        taste = 2 * p @ q.T / np.sqrt(rank)
        self.bait = bait * rng.normal(size=n_items)
        self.attraction = 1 / (1 + np.exp(-(taste + self.bait - 1)))
        self.enjoyment = 1 / (1 + np.exp(-(taste - self.bait + 1)))
        self.position_bias = position_bias
        self.n_users, self.n_items = n_users, n_items

    def examination(self, k: int) -> np.ndarray:
        """Chance that each of k places is looked at, (k,), 1 for the first."""
        return (1.0 + np.arange(k)) ** -self.position_bias

    def respond(
        self, users: np.ndarray, lists: np.ndarray, round: int, rng: np.random.Generator
    ) -> FeedbackLog:
        """Show lists and write down everything that happens.

        Args:
            users: (n,) positions of the users.
            lists: (n, k) positions of items, best first; -1 is an empty place and not shown.
            round: number of the round.
            rng: source of chance.

        Returns:
            One row a shown place.

        Raises:
            DataError: there is not one list a user, or an item is outside the catalogue.
        """
        users, lists = np.asarray(users, np.int64), np.asarray(lists, np.int64)
        if lists.ndim != 2 or len(lists) != len(users):
            raise DataError(f"{len(users)} users got lists of shape {lists.shape}; give one each.")
        if lists.size and not -1 <= lists.min() <= lists.max() < self.n_items:
            raise DataError(f"A list holds an item outside 0 to {self.n_items - 1}; drop it.")
        n, k = lists.shape
        user, item = np.repeat(users, k), lists.ravel()
        position = np.tile(np.arange(k), n)
        looked = rng.random(n * k) < np.tile(self.examination(k), n)
        clicked = looked & (rng.random(n * k) < self.attraction[user, item])
        glad = rng.random(n * k) < self.enjoyment[user, item]
        satisfied = np.where(clicked, glad.astype(float), np.nan)
        shown = item >= 0
        columns = (user, item, position, clicked, satisfied)
        when = np.full(int(shown.sum()), round)
        return FeedbackLog(when, *(c[shown] for c in columns), self.n_users, self.n_items)


Policy = Callable[[FeedbackLog, np.ndarray, np.random.Generator], np.ndarray]


def closed_loop(
    people: SimulatedPeople,
    policy: Policy,
    rounds: int = 10,
    users: Sequence[int] | None = None,
    seed: int = 0,
) -> FeedbackLog:
    """Run the loop: choose lists from the log so far, show them, add what happened to the log.

    Args:
        people: who is shown the lists.
        policy: function from (log of all earlier rounds, users (n,), generator) to lists (n, k).
        rounds: number of rounds.
        users: who comes in every round; ``None`` means everybody.
        seed: of the people's chance and of the policy's generator.

    Returns:
        The log of all rounds.

    Raises:
        DataError: there is no round.
    """
    if rounds < 1:
        raise DataError(f"The loop got rounds = {rounds}; run at least one.")
    who = np.arange(people.n_users) if users is None else np.asarray(users, dtype=np.int64)
    chance, own = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    log = FeedbackLog.empty(people.n_users, people.n_items)
    for round in range(rounds):
        log = log + people.respond(who, policy(log, who, own), round, chance)
    return log
