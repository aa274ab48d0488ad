"""New items as a problem of exploration: real ratings replayed as answers, and what was shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.exploration.policies.base import IndexPolicy, Policy, SamplingPolicy

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class Visit:
    """A user comes, and a few films that this user has rated are on offer.

    Attributes:
        user: Position of the user.
        items: Films on offer, shape (m,).
        rewards: 1 where the user's real rating was a like, shape (m,); only that of the film that
            is shown may be looked at.
    """

    user: int
    items: np.ndarray
    rewards: np.ndarray


class ReplayedRatings:
    """Real users, films and ratings, in an order and in offers that are drawn.

    Every visit offers a few of the user's rated films, drawn without replacement; a film is offered
    to a user once. The rating is the user's own, so no answer is invented. What is simulated: when
    users come, and what is on offer. What is missing: films that a user never rated, and any effect
    of showing them.

    Args:
        log: Ratings; each pair at most once.
        offered: Films on offer in a visit, at least 2.
        like: Smallest rating that counts as 1.
        seed: Seed of order and offers.

    Raises:
        ValueError: If nobody rated enough films for one offer.
    """

    def __init__(self, log: Interactions, offered: int = 10, like: float = 4.0, seed: int = 0):
        if offered < 2:
            raise ValueError(f"offered is {offered}; a choice needs at least 2 films.")
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(log))
        order = order[np.argsort(log.user[order], kind="stable")]
        users, starts, counts = np.unique(log.user[order], return_index=True, return_counts=True)
        self.visits = [
            order[start + offered * j : start + offered * (j + 1)]
            for start, count in zip(starts, counts)
            for j in range(count // offered)
        ]
        if not self.visits:
            raise ValueError(f"no user rated {offered} films; offer fewer.")
        self.visits = [self.visits[j] for j in rng.permutation(len(self.visits))]
        self.log, self.like = log, like

    def __len__(self) -> int:
        """Number of visits."""
        return len(self.visits)

    def __iter__(self) -> Iterator[Visit]:
        """Go through the visits."""
        for rows in self.visits:
            liked = (self.log.value[rows] >= self.like).astype(float)
            yield Visit(int(self.log.user[rows[0]]), self.log.item[rows], liked)


class NewItemBonus:
    r"""Eligibility and a bonus: who may see an item, and how much a new one is preferred.

    An item that has been shown :math:`n` times gets :math:`c/\sqrt{n+1}` on top of its score, until
    it has had its guaranteed impressions. An item that a user may not see is never chosen, whatever
    its score: a promotion has a region, a coupon an end, a film an age.

    Args:
        n_items: Number of items.
        bonus: The constant c, at least 0.
        guaranteed: Impressions after which the bonus ends; None never ends it.

    Attributes:
        shown: Impressions of each item, shape (n_items,).

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(self, n_items: int, bonus: float = 0.0, guaranteed: int | None = None):
        if n_items < 1 or not bonus >= 0:
            raise ValueError(f"n_items is {n_items}, bonus {bonus}; use at least 1 and at least 0.")
        self.bonus, self.guaranteed = bonus, guaranteed
        self.shown = np.zeros(n_items, dtype=int)

    def scores(self, scores: np.ndarray, eligible: np.ndarray | None = None) -> np.ndarray:
        """Return scores with the bonus, and minus infinity for what may not be shown.

        Args:
            scores: Shape (n_items,).
            eligible: Boolean, shape (n_items,); None allows all.

        Returns:
            Shape (n_items,).

        Raises:
            ValueError: If nothing may be shown, or a shape is wrong.
        """
        extra = self.bonus / np.sqrt(self.shown + 1)
        if self.guaranteed is not None:
            extra = np.where(self.shown < self.guaranteed, extra, 0.0)
        total = np.asarray(scores, dtype=float) + extra
        return total if eligible is None else only_eligible(total, eligible)

    def count(self, item: int) -> None:
        """Note that an item was shown."""
        self.shown[item] += 1


def only_eligible(scores: np.ndarray, eligible: np.ndarray) -> np.ndarray:
    """Return scores with minus infinity where an item is not eligible.

    Args:
        scores: Shape (n_items,).
        eligible: Boolean, shape (n_items,).

    Returns:
        Shape (n_items,).

    Raises:
        ValueError: If the shapes differ or nothing is eligible.
    """
    eligible = np.asarray(eligible, dtype=bool)
    if eligible.shape != scores.shape:
        raise ValueError(f"eligible has shape {eligible.shape}; give {scores.shape}.")
    if not eligible.any():
        raise ValueError("no item is eligible; add one that everybody may see.")
    return np.where(eligible, scores, -np.inf)


@dataclass(frozen=True)
class Shown:
    """What a policy showed in a replay.

    Attributes:
        items: The film shown in each visit, shape (T,).
        rewards: Whether it was liked, shape (T,).
    """

    items: np.ndarray
    rewards: np.ndarray

    def share(self, marked: np.ndarray) -> float:
        """Return the share of impressions that went to marked items, ``marked`` (n_items,)."""
        return float(np.asarray(marked)[self.items].mean())

    def visits_until(self, marked: np.ndarray, impressions: int) -> np.ndarray:
        """Return the visit in which each marked item had its n-th impression.

        Args:
            marked: Boolean, shape (n_items,).
            impressions: The number n, at least 1.

        Returns:
            Visits, counted from 1, shape (number of marked,); infinite where it was never reached.
        """
        found = np.full(len(marked), np.inf)
        count = np.zeros(len(marked), dtype=int)
        for t, item in enumerate(self.items):
            count[item] += 1
            if count[item] == impressions:
                found[item] = t + 1
        return found[np.asarray(marked)]


def replay_visits(
    policy: Policy, visits: ReplayedRatings, rule: NewItemBonus | None = None
) -> Shown:
    """Let a policy of one run, whose arms are the items, choose in every visit and learn from it.

    The context of every visit is the number 1: the arms differ, the visits do not.

    Args:
        policy: One arm an item; with ``index`` or ``sample``, and ``dim`` 1 if it has one.
        visits: Who comes and what is on offer.
        rule: A bonus for new items; None adds none.

    Returns:
        What was shown and how it was liked.

    Raises:
        ValueError: If the policy has more than one run, or neither an index nor samples.
    """
    if policy.n_runs != 1 or not isinstance(policy, IndexPolicy | SamplingPolicy):
        raise ValueError("replay_visits needs a policy of one run that has an index or samples.")
    context = np.ones((1, 1)) if hasattr(policy, "dim") else None
    score = policy.sample if isinstance(policy, SamplingPolicy) else policy.index
    rule = rule or NewItemBonus(policy.n_arms)
    items, rewards = [], []
    for visit in visits:
        eligible = np.zeros(policy.n_arms, dtype=bool)
        eligible[visit.items] = True
        scores = rule.scores(score(context)[0], eligible)
        item = int(policy._argmax(scores[None])[0])
        reward = float(visit.rewards[visit.items == item][0])
        policy.update(np.array([item]), np.array([reward]), context)
        rule.count(item)
        items.append(item)
        rewards.append(reward)
    return Shown(np.array(items), np.array(rewards))
