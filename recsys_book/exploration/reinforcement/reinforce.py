"""REINFORCE: move the policy by the score of what was done, times what came of it."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.reinforcement.agents import Agent
from recsys_book.exploration.reinforcement.feed import Visits
from recsys_book.exploration.reinforcement.mdp import softmax

__all__ = ["Reinforce", "discounted_returns", "score_gradients", "table_step"]


def discounted_returns(rewards: np.ndarray, discount: float) -> np.ndarray:
    """Sum of the rewards from each visit on, each later one discounted once more.

    Args:
        rewards: (T, N), zero after a user has left.
        discount: The discount gamma.

    Returns:
        (T, N) returns ``G``.
    """
    G, after = np.zeros_like(rewards, dtype=float), 0.0
    for t in reversed(range(len(rewards))):
        after = G[t] = rewards[t] + discount * after
    return G


def score_gradients(visits: Visits, policy: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over a user's visits of a weight times the score of the action taken.

    The score of a softmax policy is ``1[a = taken] - policy[s, a]`` in the row of the state, and
    zero in all others.

    Source: Williams 1992, equation 4.
    Equation: eq-policy-gradient.

    Args:
        visits: The visits of N users.
        policy: (S, A) probabilities that the actions were drawn with.
        weights: (T, N) weights; those after a user has left are ignored.

    Returns:
        (N, S, A), one gradient a user.
    """
    (n_states, n_actions), n_users = policy.shape, len(visits)
    w = np.where(visits.alive, weights, 0.0)
    cell = np.arange(n_users) * n_states + visits.states[:-1]
    taken = np.bincount(
        (cell * n_actions + visits.actions).ravel(), w.ravel(), n_users * n_states * n_actions
    ).reshape(n_users, n_states, n_actions)
    there = np.bincount(cell.ravel(), w.ravel(), n_users * n_states)
    return taken - there.reshape(n_users, n_states, 1) * policy


def table_step(
    table: np.ndarray, states: np.ndarray, errors: np.ndarray, rate: float
) -> np.ndarray:
    """Move a table's entries by a rate times the mean error of each.

    Args:
        table: (S,) values.
        states: (n,) int, with repeats.
        errors: (n,) target minus value.
        rate: Step size.

    Returns:
        (S,) the new table.
    """
    count = np.bincount(states, minlength=len(table))
    total = np.bincount(states, errors, len(table))
    return table + rate * total / np.maximum(count, 1)


class Reinforce(Agent):
    """REINFORCE with a softmax preference for each state and action.

    The baseline is a table of mean returns. It is read before it learns from a batch, so that it
    does not depend on the actions it is subtracted for.

    Source: Williams 1992; Sutton & Barto 2018, section 13.4.
    Equation: eq-baseline.

    Args:
        n_states: Number of states.
        n_actions: Number of actions.
        discount: The discount gamma.
        rate: Step size of the policy.
        baseline: Whether to subtract one.
        baseline_rate: Step size of the baseline.
    """

    def __init__(
        self,
        n_states: int,
        n_actions: int,
        discount: float = 0.98,
        rate: float = 1.0,
        baseline: bool = True,
        baseline_rate: float = 0.2,
    ) -> None:
        self.discount, self.rate = discount, rate
        self.baseline, self.baseline_rate = baseline, baseline_rate
        self.logits = np.zeros((n_states, n_actions))
        self.value = np.zeros(n_states)

    def policy(self) -> np.ndarray:
        """The softmax of the preferences."""
        return softmax(self.logits)

    def gradients(self, visits: Visits, rewards: np.ndarray) -> np.ndarray:
        """One unbiased estimate of the gradient a user.

        Args:
            visits: Visits that the policy made.
            rewards: (T, N).

        Returns:
            (N, S, A).
        """
        G = discounted_returns(rewards, self.discount)
        if self.baseline:
            G = G - self.value[visits.states[:-1]]
        discounts = self.discount ** np.arange(len(G))[:, None]
        return score_gradients(visits, self.policy(), discounts * G)

    def learn(self, visits: Visits, rewards: np.ndarray) -> None:
        """One step up the gradient, then the baseline; see ``Agent.learn``."""
        self.logits = self.logits + self.rate * self.gradients(visits, rewards).mean(axis=0)
        states = visits.states[:-1][visits.alive]
        errors = discounted_returns(rewards, self.discount)[visits.alive] - self.value[states]
        self.value = table_step(self.value, states, errors, self.baseline_rate)
