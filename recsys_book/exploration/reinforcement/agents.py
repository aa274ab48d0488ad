"""What every learning agent of this room can do, how one is trained, and the plainest of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys_book.exploration.reinforcement.exact import action_values, start_value, value_iteration
from recsys_book.exploration.reinforcement.feed import Feed, Visits, simulate_users
from recsys_book.exploration.reinforcement.mdp import MDP, greedy_policy

__all__ = ["Agent", "Curve", "GreedyAgent", "ModelBased", "epsilon_greedy", "train"]


class Agent(ABC):
    """An agent that learns from whole visits of users, a batch at a time.

    It is never told the law of the feed.
    """

    @abstractmethod
    def policy(self) -> np.ndarray:
        """What it would do now, (S, A) probabilities."""

    def behaviour(self) -> np.ndarray:
        """What it does while it learns, (S, A) probabilities; by default its policy."""
        return self.policy()

    def belief(self, start: np.ndarray) -> float:
        """What it believes a new user to be worth.

        Args:
            start: (S,) probabilities of the first state.

        Returns:
            The value; NaN for an agent that keeps none.
        """
        return float("nan")

    @abstractmethod
    def learn(self, visits: Visits, rewards: np.ndarray) -> None:
        """Learn from visits that its behaviour made.

        Args:
            visits: What N users were shown, at most T times each.
            rewards: (T, N) rewards.
        """


@dataclass(frozen=True)
class Curve:
    """How good an agent was after how many users.

    Attributes:
        users: (C,) users met so far.
        values: (C,) exact value of the agent's policy for a new user.
        beliefs: (C,) what the agent believed a new user to be worth.
    """

    users: np.ndarray
    values: np.ndarray
    beliefs: np.ndarray


def train(
    agent: Agent,
    feed: Feed,
    checkpoints: Sequence[int],
    reward: str | Mapping[str, float] = "click",
    discount: float = 0.98,
    batch: int = 20,
    seed: int = 0,
) -> Curve:
    """Let an agent meet users, and note its exact value at some points on the way.

    Args:
        agent: The agent, which is changed.
        feed: The law of the feed, which the agent does not see.
        checkpoints: Increasing numbers of users.
        reward: What the agent is paid for; see ``Feed.mdp``.
        discount: The discount that its value is computed with.
        batch: Users that visit between two lessons.
        seed: Seed of the users.

    Returns:
        The curve.

    Raises:
        ValueError: If a checkpoint or the batch is below 1, or the checkpoints do not increase.
    """
    if batch < 1 or min(checkpoints) < 1 or list(checkpoints) != sorted(set(checkpoints)):
        raise ValueError("train needs a batch of at least 1 and increasing checkpoints.")
    rng, mdp = np.random.default_rng(seed), feed.mdp(reward, discount)
    met, values, beliefs = 0, [], []
    for checkpoint in checkpoints:
        while met < checkpoint:
            size = min(batch, checkpoint - met)
            visits = simulate_users(feed, agent.behaviour(), size, seed=rng.integers(2**32))
            agent.learn(visits, visits.rewards(reward))
            met += size
        values.append(start_value(mdp, agent.policy()))
        beliefs.append(agent.belief(mdp.start))
    return Curve(np.array(checkpoints), np.array(values), np.array(beliefs))


def epsilon_greedy(values: np.ndarray, epsilon: float) -> np.ndarray:
    """Take the best action, but a share ``epsilon`` of the time any.

    Args:
        values: (S, A).
        epsilon: Between 0 and 1.

    Returns:
        (S, A) probabilities.
    """
    return (1 - epsilon) * greedy_policy(values) + epsilon / values.shape[1]


class GreedyAgent(Agent):
    """An agent that values each action and takes the best; while it learns, any now and then.

    Attributes:
        Q: (S, A) action values.
        epsilon: Share of random actions while it learns.
    """

    Q: np.ndarray
    epsilon: float

    def behaviour(self) -> np.ndarray:
        """The greedy policy, with random actions now and then."""
        return epsilon_greedy(self.Q, self.epsilon)

    def belief(self, start: np.ndarray) -> float:
        """The highest action value, averaged over first states."""
        return float(start @ self.Q.max(axis=1))

    def policy(self) -> np.ndarray:
        """The greedy policy."""
        return greedy_policy(self.Q)


class ModelBased(GreedyAgent):
    """Count what happened, take the counts for the law, and plan.

    The baseline of every agent that learns without a model: nothing of what was seen is wasted.
    An action tried less than ``least`` times in a state is taken to yield nothing and to end the
    visits.

    Args:
        n_states: Number of states; the last one is the end.
        n_actions: Number of actions.
        discount: The discount gamma.
        epsilon: Share of random actions while it learns.
        least: Tries that it takes for a count to be believed.
    """

    def __init__(
        self,
        n_states: int,
        n_actions: int,
        discount: float = 0.98,
        epsilon: float = 0.2,
        least: int = 1,
    ) -> None:
        self.discount, self.epsilon, self.least = discount, epsilon, least
        self.counts = np.zeros((n_actions, n_states, n_states))
        self.sums = np.zeros((n_states, n_actions))
        self.value = np.zeros(n_states)
        self.Q = np.zeros((n_states, n_actions))

    def learn(self, visits: Visits, rewards: np.ndarray) -> None:
        """Add to the counts and plan anew; see ``Agent.learn``."""
        t, n = np.nonzero(visits.alive)
        s, a, after = visits.states[t, n], visits.actions[t, n], visits.states[t + 1, n]
        np.add.at(self.counts, (a, s, after), 1)
        np.add.at(self.sums, (s, a), rewards[t, n])
        mdp = self.estimate()
        self.value = value_iteration(mdp, self.value, tolerance=1e-6)
        self.Q = action_values(mdp, self.value)

    def estimate(self) -> MDP:
        """The process as the counts have it."""
        tried = self.counts.sum(axis=2)  # (A, S)
        few = tried < self.least
        moves = self.counts / np.maximum(tried, 1)[:, :, None]
        moves[few] = np.eye(len(self.value))[-1]
        means = np.where(few.T, 0.0, self.sums / np.maximum(tried.T, 1))
        start = np.full(len(self.value), 1 / len(self.value))
        return MDP(moves, means, start, self.discount)

    def belief(self, start: np.ndarray) -> float:
        """The value of the plan under the counts."""
        return float(start @ self.value)
