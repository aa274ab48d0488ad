"""What policies without contexts remember: how often each arm was played, and what it paid."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.policies.base import Policy


def checked_discount(discount: float) -> float:
    """Return a discount above 0 and at most 1, or say what is wrong with it."""
    if not 0 < discount <= 1:
        raise ValueError(f"discount is {discount}; use a number above 0, at most 1.")
    return discount


class CountingPolicy(Policy):
    """A policy that remembers the number of plays and the sum of rewards of each arm.

    Contexts are accepted and ignored.

    Attributes:
        n: Plays that were answered, shape (R, K).
        total: Sums of rewards, shape (R, K).
        t: Answers so far in each run.
    """

    def __init__(self, *, n_arms: int, n_runs: int = 1, seed: int = 0, ties: str = "random"):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed, ties=ties)
        self.n = np.zeros((self.n_runs, self.n_arms))
        self.total = np.zeros((self.n_runs, self.n_arms))
        self.t = 0

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Count the play and add its reward; see :meth:`Policy.update`."""
        self._count(*self._check_feedback(arms, rewards))

    def _count(self, arms: np.ndarray, rewards: np.ndarray) -> None:
        """Count plays and rewards that have been checked."""
        self.n[self._rows, arms] += 1
        self.total[self._rows, arms] += rewards
        self.t += 1

    def means(self, initial: float = 0.0) -> np.ndarray:
        """Return the mean reward of each arm, ``initial`` where it was never played; (R, K)."""
        played = self.n > 0
        return np.where(played, self.total / np.where(played, self.n, 1), initial)


class ClickPolicy(CountingPolicy):
    """A counting policy for rewards from 0 to 1, a share of a click; what it knows may fade.

    Attributes:
        discount: An answer of age k counts ``discount ** k``; 1 forgets nothing.
    """

    discount = 1.0

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Fade what is known, then count the play and its reward; see :meth:`Policy.update`."""
        arms, rewards = self._check_clicks(arms, rewards)
        if self.discount < 1:
            self.n *= self.discount
            self.total *= self.discount
        self._count(arms, rewards)

    def _check_clicks(self, arms: np.ndarray, rewards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return checked feedback, or say which reward is not between 0 and 1."""
        arms, rewards = self._check_feedback(arms, rewards)
        wrong = (rewards < 0) | (rewards > 1)
        if wrong.any():
            run = int(np.argmax(wrong))
            raise ValueError(
                f"the reward in run {run} is {rewards[run]}; {type(self).__name__} needs rewards"
                " from 0 to 1, so scale them."
            )
        return arms, rewards
