"""Q-learning and double Q-learning in tables, and a roulette that shows why there are two."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.reinforcement.agents import GreedyAgent
from recsys_book.exploration.reinforcement.feed import Visits

__all__ = ["QLearning", "double_q_targets", "expected_maximum", "q_targets", "roulette"]


def q_targets(rewards: np.ndarray, next_values: np.ndarray, discount: float) -> np.ndarray:
    """What Q-learning moves towards: the reward, and the best that seems possible next.

    Source: Watkins & Dayan 1992.
    Equation: eq-q-learning.

    Args:
        rewards: (n,).
        next_values: (n, A) values of the actions in the next state, zeros at the end.
        discount: The discount gamma.

    Returns:
        (n,) targets.
    """
    return rewards + discount * next_values.max(axis=1)


def double_q_targets(
    rewards: np.ndarray, chooser: np.ndarray, judge: np.ndarray, discount: float
) -> np.ndarray:
    """As ``q_targets``, but one table chooses the next action and another says what it is worth.

    Source: van Hasselt 2010, algorithm 1.
    Equation: eq-double-q.

    Args:
        rewards: (n,).
        chooser: (n, A) values of the next actions, by which one is chosen.
        judge: (n, A) values of the next actions, by which it is judged.
        discount: The discount gamma.

    Returns:
        (n,) targets.
    """
    chosen = chooser.argmax(axis=1)[:, None]
    return rewards + discount * np.take_along_axis(judge, chosen, axis=1)[:, 0]


class QLearning(GreedyAgent):
    """Tabular Q-learning, plain or double, over batches of visits.

    The values may be learned from any behaviour, so a batch is gone through from the last visit to
    the first. The step size of a pair is the share of its visits that are new, to a power: with one
    visit at a time, ``1 / n ** power``.

    Args:
        n_states: Number of states; the last one is the end and stays at zero.
        n_actions: Number of actions.
        discount: The discount gamma.
        power: How fast the step size falls; between 0.5 and 1 the values converge.
        epsilon: Share of random actions while it learns.
        double: Whether to keep two tables.
        seed: Seed of the choice of a table; used only with two.
    """

    def __init__(
        self,
        n_states: int,
        n_actions: int,
        discount: float = 0.98,
        power: float = 0.6,
        epsilon: float = 0.2,
        double: bool = False,
        seed: int = 0,
    ) -> None:
        self.discount, self.power, self.epsilon = discount, power, epsilon
        self.tables = np.zeros((2 if double else 1, n_states, n_actions))
        self.counts = np.zeros_like(self.tables)
        self._rng = np.random.default_rng(seed)

    @property
    def Q(self) -> np.ndarray:
        """(S, A) action values; the mean of the tables if there are two."""
        return self.tables.mean(axis=0)

    def learn(self, visits: Visits, rewards: np.ndarray) -> None:
        """Move the tables through all visits; see ``Agent.learn``."""
        for t in reversed(range(len(rewards))):
            there = visits.alive[t]
            s, a, after = (
                x[there] for x in (visits.states[t], visits.actions[t], visits.states[t + 1])
            )
            if len(self.tables) == 1:
                target = q_targets(rewards[t, there], self.tables[0][after], self.discount)
                self._move(0, s, a, target)
                continue
            coin = self._rng.integers(0, 2, len(s))
            for one in (0, 1):
                mine = coin == one
                chooser, judge = self.tables[one][after[mine]], self.tables[1 - one][after[mine]]
                r = rewards[t, there][mine]
                target = double_q_targets(r, chooser, judge, self.discount)
                self._move(one, s[mine], a[mine], target)

    def _move(self, one: int, s: np.ndarray, a: np.ndarray, target: np.ndarray) -> None:
        """Move the pairs of a table towards the mean of their targets."""
        table, seen = self.tables[one], self.counts[one]
        pair = s * table.shape[1] + a
        new = np.bincount(pair, minlength=table.size).reshape(table.shape)
        total = np.bincount(pair, target, table.size).reshape(table.shape)
        seen += new
        step = (new / np.maximum(seen, 1)) ** self.power
        table += step * (total / np.maximum(new, 1) - table)


def expected_maximum(
    n: int, spread: float = 1.0, draws: int = 4000, seed: int = 0
) -> tuple[float, float]:
    """Mean of the largest of n noisy estimates of zero, and of a second estimate at its place.

    Args:
        n: Number of actions, all worth zero.
        spread: Standard deviation of an estimate.
        draws: Number of repetitions.
        seed: Seed of the estimates.

    Returns:
        The mean of the maximum, which is above zero, and the double estimate, which is not.
    """
    first, second = np.random.default_rng(seed).normal(0, spread, (2, draws, n))
    single = first.max(axis=1).mean()
    return float(single), float(second[np.arange(draws), first.argmax(axis=1)].mean())


def roulette(
    trials: int,
    double: bool = False,
    bets: int = 38,
    discount: float = 0.95,
    runs: int = 5,
    seed: int = 0,
) -> np.ndarray:
    """What Q-learning believes a bet on one number at roulette to be worth.

    Every bet of one dollar wins 35 with probability 1/38, and loses otherwise: 5.3 cents on
    average. One may also leave, which is worth 0. Each trial tries every bet once; the step size of
    trial n is ``1 / n ** 0.8``.

    Source: van Hasselt 2010, section 4.1, with the bets on one number only.

    Args:
        trials: Number of trials.
        double: Whether to keep two tables, of which a coin picks one to learn.
        bets: Number of bets.
        discount: The discount gamma.
        runs: Independent repetitions.
        seed: Seed of the wheel.

    Returns:
        (trials, runs) mean action value over all bets after each trial; the truth is -2/38.
    """
    rng = np.random.default_rng(seed)
    tables = np.zeros((2 if double else 1, runs, bets + 1))  # the last action leaves
    counts = np.zeros((len(tables), runs))
    beliefs, every = np.empty((trials, runs)), np.arange(runs)
    for trial in range(trials):
        reward = np.where(rng.random((runs, bets)) < 1 / 38, 35.0, -1.0)
        one = rng.integers(0, len(tables), runs)
        counts[one, every] += 1
        mine, other = tables[one, every], tables[-1 - one, every]
        after = double_q_targets(np.zeros(runs), mine, other, discount)  # plain if there is one
        step = counts[one, every][:, None] ** -0.8
        mine[:, :bets] += step * (reward + after[:, None] - mine[:, :bets])
        tables[one, every] = mine
        beliefs[trial] = tables[:, :, :bets].mean(axis=(0, 2))
    return beliefs
