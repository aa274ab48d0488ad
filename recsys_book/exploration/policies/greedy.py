"""Policies that explore by a coin: never, always, first, with a fixed or a falling chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.exploration.policies.base import IndexPolicy, Policy
from recsys_book.exploration.policies.counts import CountingPolicy


class UniformRandom(Policy):
    """Every arm is equally likely, for ever: the control, and the best logging policy.

    With one run and the same seed it makes the choices of MABWiser's ``Random``.
    """

    def select(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Draw an arm in each run; see :meth:`Policy.select`."""
        return self.rng.random((self.n_runs, self.n_arms)).argmax(axis=1)

    def probabilities(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return 1/K everywhere, shape (R, K)."""
        return np.full((self.n_runs, self.n_arms), 1 / self.n_arms)

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Check the feedback and forget it."""
        self._check_feedback(arms, rewards)


class Greedy(IndexPolicy, CountingPolicy):
    """Play the arm with the highest mean so far; never explore.

    Args:
        n_arms: Arms K.
        n_runs: Runs R.
        initial: What an arm that was never played is thought to pay. Infinity tries each arm once.
        seed: Seed of the draws between ties.
        ties: ``"random"`` or ``"first"``.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        n_runs: int = 1,
        initial: float = 0.0,
        seed: int = 0,
        ties: str = "random",
    ):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed, ties=ties)
        self.initial = initial

    def index(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return the mean reward of each arm, shape (R, K)."""
        return self.means(self.initial)


class ExploreThenCommit(Greedy):
    """Play each arm ``explore`` times in turn, then the best of them for ever.

    Source: Lattimore and Szepesvari (2020), Bandit Algorithms, chapter 6.

    Args:
        n_arms: Arms K.
        explore: Plays of each arm before the choice, at least 1.
        n_runs: Runs R.
        seed: Seed of the draws between ties.
    """

    def __init__(self, *, n_arms: int, explore: int, n_runs: int = 1, seed: int = 0):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed)
        if explore < 1:
            raise ValueError(f"explore is {explore}; use at least 1 play of each arm.")
        self.explore = explore
        self._choice: np.ndarray | None = None

    def index(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return 1 for the arm whose turn it is, or that was committed to; shape (R, K)."""
        if self._choice is None and self.n.min() >= self.explore:
            self._choice = self._argmax(self.means())
        arms = self.n.argmin(axis=1) if self._choice is None else self._choice
        return (np.arange(self.n_arms) == arms[:, None]).astype(float)


def decayed_epsilon(t: int, n_arms: int, gap: float, c: float = 5.0) -> float:
    r"""Return a chance of exploring that falls as one over t, :math:`\min(1, cK/(d^2t))`.

    Source: Auer, Cesa-Bianchi and Fischer (2002), figure 3 (epsilon_n-GREEDY).

    Args:
        t: Round, from 1.
        n_arms: Arms K.
        gap: d, at most the smallest gap between the best mean and another, above 0.
        c: Constant; theorem 3 needs more than 5.

    Returns:
        The chance, at most 1.

    Raises:
        ValueError: If t, the gap or c is not positive.
    """
    if t < 1 or not gap > 0 or not c > 0:
        raise ValueError(f"t is {t}, gap {gap} and c {c}; use numbers above 0, t from 1.")
    return min(1.0, c * n_arms / (gap**2 * t))


class EpsilonGreedy(CountingPolicy):
    r"""With chance epsilon a random arm, else the one with the highest mean.

    An arm's propensity is :math:`\varepsilon/K`, plus :math:`1-\varepsilon` for the best.
    With one run, ``initial=0``, ``ties="first"`` and the same seed it makes the choices of
    MABWiser's ``EpsilonGreedy``.

    Equation: eq-epsilon-greedy

    Source: Sutton and Barto (2018), Reinforcement Learning, section 2.2.

    Args:
        n_arms: Arms K.
        epsilon: Chance of exploring, from 0 to 1; or a function of the round (from 1) that
            returns one, such as ``lambda t: decayed_epsilon(t, K, gap)``.
        n_runs: Runs R.
        initial: What an arm that was never played is thought to pay. The default, infinity, tries
            each arm once.
        seed: Seed of coins, arms and ties.
        ties: ``"random"`` or ``"first"``.

    Raises:
        ValueError: If epsilon is not in [0, 1].
    """

    def __init__(
        self,
        *,
        n_arms: int,
        epsilon: float | Callable[[int], float] = 0.1,
        n_runs: int = 1,
        initial: float = np.inf,
        seed: int = 0,
        ties: str = "random",
    ):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed, ties=ties)
        self.epsilon = epsilon
        self.initial = initial
        self.chance()

    def chance(self) -> float:
        """Return this round's chance of exploring."""
        chance = self.epsilon(self.t + 1) if callable(self.epsilon) else self.epsilon
        if not 0 <= chance <= 1:
            raise ValueError(f"epsilon is {chance} in round {self.t + 1}; use 0 to 1.")
        return chance

    def select(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Toss a coin in each run, and explore or exploit; see :meth:`Policy.select`."""
        explore = np.flatnonzero(self.rng.random(self.n_runs) < self.chance())
        arms = self._argmax(self.means(self.initial))
        if explore.size:
            arms[explore] = self.rng.random((explore.size, self.n_arms)).argmax(axis=1)
        return arms

    def probabilities(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return the exact propensities, shape (R, K)."""
        chance = self.chance()
        best = self._argmax_probabilities(self.means(self.initial))
        return (1 - chance) * best + chance / self.n_arms
