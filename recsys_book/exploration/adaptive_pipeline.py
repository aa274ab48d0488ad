"""The six steps of adaptive regulation in an order that works, with exploration as the last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from recsys_book.exploration.live import LiveUsers


@dataclass(frozen=True)
class Decision:
    """One row of the log: enough to judge another policy later without running it.

    Attributes:
        user: Position of the user.
        candidates: What could have been shown, shape (m,).
        scores: What the model expected of each, shape (m,).
        item: What was shown.
        propensity: How likely it was to be shown, from 0 to 1.
    """

    user: int
    candidates: np.ndarray
    scores: np.ndarray
    item: int
    propensity: float


@dataclass
class AdaptivePipeline:
    r"""Candidates, encoder, online update, exploration last, and a logged propensity.

    1. Events are collected. 2. Items are encoded once (``users.items``). 3. Candidates come from
    other people's behaviour or from content. 4. The user's live model scores them. 5. *Last*, one
    is drawn: with probability ``epsilon`` any candidate, otherwise the one with the highest upper
    bound. Nothing re-ranks after the draw, or its propensity would be wrong. 6. The answer updates
    the user's model.

    Source: for the order, Li et al. (2010), WWW; the source's own order is entry CF-15.

    Args:
        candidates: Returns the candidates of a user, best first, from the user's position.
        users: The live user models on frozen item vectors.
        alpha: Width of the confidence bound.
        epsilon: Share of draws that are uniform, above 0 and at most 1: every candidate must have
            a chance, or its log can judge nothing else.
        seed: Seed of the draws.

    Attributes:
        log: Decisions so far.
        rewards: Their answers so far, by position in the log.

    Raises:
        ValueError: If a setting is out of range.
    """

    candidates: Callable[[int], np.ndarray]
    users: LiveUsers
    alpha: float = 0.5
    epsilon: float = 0.1
    seed: int = 0
    log: list[Decision] = field(default_factory=list)
    rewards: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= 1 or not self.alpha >= 0:
            raise ValueError(
                f"epsilon is {self.epsilon}, alpha {self.alpha}; use a share above 0 and at most 1,"
                " and a width of at least 0."
            )
        self.rng = np.random.default_rng(self.seed)

    def decide(self, user: int, eligible: np.ndarray | None = None) -> Decision:
        """Choose what to show, and log how likely that was.

        Args:
            user: Position of the user.
            eligible: Boolean, shape (n_items,): what this user may see; None allows all.

        Returns:
            The decision; its place in the log is ``len(log) - 1``.

        Raises:
            ValueError: If there are no candidates, or one is unknown or occurs twice.
        """
        items = np.asarray(self.candidates(user), dtype=int)
        if eligible is not None:
            items = items[np.asarray(eligible, dtype=bool)[items]]
        self._check(user, items)
        bounds = self.users.upper(user, self.alpha, items)
        chances = np.full(len(items), self.epsilon / len(items))
        chances[bounds.argmax()] += 1 - self.epsilon
        place = int(self.rng.choice(len(items), p=chances))
        scores = self.users.upper(user, 0.0, items)
        decision = Decision(user, items, scores, int(items[place]), float(chances[place]))
        self.log.append(decision)
        return decision

    def answer(self, place: int, reward: float) -> None:
        """Take the answer to a decision, once, and update the user's model.

        Args:
            place: The decision's place in the log.
            reward: What was observed.

        Raises:
            ValueError: If there is no such decision, it was answered before, or the reward is not
                finite.
        """
        if not 0 <= place < len(self.log):
            raise ValueError(f"decision {place} is unknown; the log has {len(self.log)}.")
        if place in self.rewards:
            raise ValueError(f"decision {place} has been answered before; count an answer once.")
        decision = self.log[place]
        self.users.update(decision.user, decision.item, reward)
        self.rewards[place] = float(reward)

    def logged(self) -> dict[str, np.ndarray]:
        """Return the answered part of the log as columns: user, item, propensity, reward."""
        places = sorted(self.rewards)
        rows = [self.log[place] for place in places]
        return {
            "user": np.array([row.user for row in rows], dtype=int),
            "item": np.array([row.item for row in rows], dtype=int),
            "propensity": np.array([row.propensity for row in rows]),
            "reward": np.array([self.rewards[place] for place in places]),
        }

    def _check(self, user: int, items: np.ndarray) -> None:
        if not len(items):
            raise ValueError(f"user {user} has no eligible candidate; add a fallback list.")
        if items.min() < 0 or items.max() >= len(self.users.items):
            raise ValueError(f"a candidate of user {user} is unknown; encode it first.")
        if len(np.unique(items)) < len(items):
            raise ValueError(f"a candidate of user {user} occurs twice; give each once.")
