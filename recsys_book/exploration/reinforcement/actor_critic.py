"""Actor and critic: a learned value judges each action one step later."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.reinforcement.agents import Agent
from recsys_book.exploration.reinforcement.feed import Visits
from recsys_book.exploration.reinforcement.mdp import softmax
from recsys_book.exploration.reinforcement.reinforce import score_gradients, table_step

__all__ = ["ActorCritic", "td_errors"]


def td_errors(
    visits: Visits, rewards: np.ndarray, value: np.ndarray, discount: float
) -> np.ndarray:
    """How much better each visit went than the value had said.

    With the true value of the policy, its mean given state and action is the advantage.

    Source: Sutton & Barto 2018, section 13.5.
    Equation: eq-advantage.

    Args:
        visits: The visits of N users.
        rewards: (T, N).
        value: (S,), zero in the end state.
        discount: The discount gamma.

    Returns:
        (T, N) reward plus discounted next value minus value.
    """
    v = value[visits.states]
    return rewards + discount * v[1:] - v[:-1]


class ActorCritic(Agent):
    """A softmax policy that follows the temporal-difference errors of a learned value.

    The critic goes through a batch visit by visit, from the last to the first, so that news of a
    late reward reaches the early states at once. The actor takes one step with the errors of the
    critic as it was before the batch.

    Args:
        n_states: Number of states; the last one is the end and stays at zero.
        n_actions: Number of actions.
        discount: The discount gamma.
        rate: Step size of the actor.
        critic_rate: Step size of the critic.
    """

    def __init__(
        self,
        n_states: int,
        n_actions: int,
        discount: float = 0.98,
        rate: float = 1.0,
        critic_rate: float = 0.2,
    ) -> None:
        self.discount, self.rate, self.critic_rate = discount, rate, critic_rate
        self.logits = np.zeros((n_states, n_actions))
        self.value = np.zeros(n_states)

    def policy(self) -> np.ndarray:
        """The softmax of the preferences."""
        return softmax(self.logits)

    def learn(self, visits: Visits, rewards: np.ndarray) -> None:
        """One step of the actor, then the critic; see ``Agent.learn``."""
        errors = td_errors(visits, rewards, self.value, self.discount)
        discounts = self.discount ** np.arange(len(errors))[:, None]
        steps = score_gradients(visits, self.policy(), discounts * errors)
        self.logits = self.logits + self.rate * steps.mean(axis=0)
        for t in reversed(range(len(rewards))):
            there = visits.alive[t]
            states, after = visits.states[t, there], visits.states[t + 1, there]
            error = rewards[t, there] + self.discount * self.value[after] - self.value[states]
            self.value = table_step(self.value, states, error, self.critic_rate)
