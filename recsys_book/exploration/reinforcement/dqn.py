"""Deep Q-learning: a network for the table, a memory of visits, a still copy for the target."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from recsys_book.exploration.reinforcement.agents import GreedyAgent
from recsys_book.exploration.reinforcement.feed import Visits
from recsys_book.exploration.reinforcement.q_learning import double_q_targets, q_targets

__all__ = ["DQN", "ReplayBuffer"]


class ReplayBuffer:
    """The last transitions, in a ring.

    Source: Lin 1992.

    Args:
        capacity: How many are kept.
        seed: Seed of the samples.

    Raises:
        ValueError: If the capacity is below 1.
    """

    def __init__(self, capacity: int, seed: int = 0) -> None:
        if capacity < 1:
            raise ValueError(
                f"a replay buffer of capacity {capacity} keeps nothing: use 1 or more."
            )
        self.capacity, self._at, self._size = capacity, 0, 0
        self._whole = np.zeros((capacity, 3), dtype=np.int64)  # state, action, next state
        self._rewards = np.zeros(capacity)
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        """Number of transitions kept."""
        return self._size

    def add(
        self, states: np.ndarray, actions: np.ndarray, rewards: np.ndarray, after: np.ndarray
    ) -> None:
        """Put transitions in the place of the oldest.

        Args:
            states: (n,) int.
            actions: (n,) int.
            rewards: (n,).
            after: (n,) int, the next states.
        """
        rows = (self._at + np.arange(len(states))) % self.capacity
        self._whole[rows] = np.stack([states, actions, after], axis=1)
        self._rewards[rows] = rewards
        self._at = int((self._at + len(states)) % self.capacity)
        self._size = min(self._size + len(states), self.capacity)

    def sample(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Draw transitions evenly, with replacement.

        Args:
            n: How many.

        Returns:
            States, actions, rewards and next states, (n,) each.

        Raises:
            ValueError: If the buffer is empty.
        """
        if not self._size:
            raise ValueError("the replay buffer is empty: add transitions before sampling.")
        rows = self._rng.integers(0, self._size, n)
        states, actions, after = self._whole[rows].T
        return states, actions, self._rewards[rows], after


class DQN(GreedyAgent):
    """Q-learning with a small network over features, a replay buffer and a target network.

    Source: Mnih et al. 2015; double: van Hasselt, Guez & Silver 2016.
    Equations: eq-q-learning, eq-double-q.

    Args:
        features: (S, d) features of the states; the last state is the end.
        n_actions: Number of actions.
        discount: The discount gamma.
        double: Whether the online network chooses the action that the target network judges.
        width: Units of the hidden layer.
        rate: Adam's rate.
        steps: Gradient steps after each batch of users.
        sample: Transitions a step.
        copy_every: Steps between two copies into the target network.
        capacity: Transitions kept.
        epsilon: Share of random actions while it learns.
        seed: Seed of the initialisation and of the samples.
    """

    def __init__(
        self,
        features: np.ndarray,
        n_actions: int,
        discount: float = 0.98,
        double: bool = False,
        width: int = 32,
        rate: float = 3e-3,
        steps: int = 10,
        sample: int = 128,
        copy_every: int = 50,
        capacity: int = 20_000,
        epsilon: float = 0.2,
        seed: int = 0,
    ) -> None:
        self.discount, self.double, self.epsilon = discount, double, epsilon
        self.steps, self.sample, self.copy_every = steps, sample, copy_every
        self._x = torch.tensor(features, dtype=torch.float32)
        self._alive = np.r_[np.ones(len(features) - 1), 0.0][:, None]
        self.network = _network(features.shape[1], width, n_actions, seed)
        self.target = copy.deepcopy(self.network)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=rate)
        self.buffer = ReplayBuffer(capacity, seed)
        self._taken = 0

    @property
    def Q(self) -> np.ndarray:
        """(S, A) action values of the online network, zero in the end state."""
        return self._values(self.network)

    def learn(self, visits: Visits, rewards: np.ndarray) -> None:
        """Remember the visits and take some steps; see ``Agent.learn``."""
        t, n = np.nonzero(visits.alive)
        states, after = visits.states[t, n], visits.states[t + 1, n]
        self.buffer.add(states, visits.actions[t, n], rewards[t, n], after)
        for _ in range(self.steps):
            self._step()

    def _step(self) -> None:
        states, actions, rewards, after = self.buffer.sample(self.sample)
        judged = self._values(self.target)[after]
        if self.double:
            target = double_q_targets(rewards, self.Q[after], judged, self.discount)
        else:
            target = q_targets(rewards, judged, self.discount)
        rows = torch.from_numpy(actions)[:, None]
        guess = self.network(self._x[states]).gather(1, rows)[:, 0]
        loss = nn.functional.smooth_l1_loss(guess, torch.tensor(target, dtype=torch.float32))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self._taken += 1
        if self._taken % self.copy_every == 0:
            self.target.load_state_dict(self.network.state_dict())

    def _values(self, network: nn.Module) -> np.ndarray:
        with torch.no_grad():
            return network(self._x).numpy().astype(float) * self._alive


def _network(inputs: int, width: int, outputs: int, seed: int) -> nn.Module:
    """Two layers, initialised from a generator of their own."""
    generator = torch.Generator().manual_seed(seed)
    network = nn.Sequential(
        nn.utils.skip_init(nn.Linear, inputs, width),
        nn.ReLU(),
        nn.utils.skip_init(nn.Linear, width, outputs),
    )
    with torch.no_grad():
        for layer in (network[0], network[2]):
            nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=generator)
            nn.init.zeros_(layer.bias)
    return network
