"""Small worlds with known truth, and the loop in which a policy plays them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recsys_book.exploration.policies.base import Policy
from recsys_book.exploration.policies.slates import cascade_click_probability


class Environment(Protocol):
    """What a policy plays: R runs side by side, K arms, with its own random numbers."""

    n_runs: int
    n_arms: int

    def contexts(self, t: int) -> np.ndarray | None:
        """Begin round ``t`` and return its contexts: None, (R, d) or (R, K, d)."""
        ...

    def pull(self, arms: np.ndarray) -> np.ndarray:
        """Return the rewards of this round's arms, shape (R,)."""
        ...

    def regret(self, arms: np.ndarray) -> np.ndarray:
        """Return the best expected reward of this round less that of ``arms``, shape (R,)."""
        ...


@dataclass(frozen=True)
class Simulation:
    """What happened: T rounds of R runs.

    Attributes:
        arms: The arms that were played, shape (T, R); of lists (T, R, L).
        rewards: What they paid, shape (T, R).
        regret: Expected reward that was missed in the round, shape (T, R), never below 0. It is
            the pseudo-regret: means are compared, so the luck of the draw is not in it.
    """

    arms: np.ndarray
    rewards: np.ndarray
    regret: np.ndarray

    @property
    def cumulative_regret(self) -> np.ndarray:
        """Regret up to and with each round, shape (T, R)."""
        return self.regret.cumsum(axis=0)

    def pulls(self, n_arms: int) -> np.ndarray:
        """Return how often each arm was played (in a list: shown) in each run, shape (R, K)."""
        runs = np.arange(self.arms.shape[1]) * n_arms
        arms = self.arms + (runs if self.arms.ndim == 2 else runs[:, None])
        counts = np.bincount(arms.ravel(), minlength=runs.size * n_arms)
        return counts.reshape(runs.size, n_arms)


def simulate(
    policy: Policy, environment: Environment, rounds: int, *, delay: int = 0, batch: int = 1
) -> Simulation:
    """Let a policy play.

    Args:
        policy: Chooses and learns; it must have the environment's runs and arms.
        environment: Answers.
        rounds: Rounds T, at least 1.
        delay: Rounds between a choice and its answer: 0 means before the next choice.
        batch: Answers are handed over in groups of this many rounds, in order.

    Returns:
        Arms, rewards and regret of each round.

    Raises:
        ValueError: If the two do not fit, or a setting is out of range.
    """
    if (policy.n_runs, policy.n_arms) != (environment.n_runs, environment.n_arms):
        raise ValueError(
            f"the policy has {policy.n_runs} runs of {policy.n_arms} arms and the environment"
            f" {environment.n_runs} of {environment.n_arms}; make them equal."
        )
    if rounds < 1 or delay < 0 or batch < 1:
        raise ValueError(
            f"rounds is {rounds}, delay {delay} and batch {batch};"
            " use at least 1, at least 0 and at least 1."
        )
    shape = (rounds, policy.n_runs)
    played, rewards, regret = [], np.empty(shape), np.empty(shape)
    waiting: deque[tuple[np.ndarray, np.ndarray, np.ndarray | None]] = deque()
    for t in range(rounds):
        contexts = environment.contexts(t)
        arms = policy.select(contexts)
        played.append(arms)
        regret[t], rewards[t] = environment.regret(arms), environment.pull(arms)
        waiting.append((arms, rewards[t], contexts))
        if (t + 1) % batch == 0:
            while len(waiting) > delay:
                policy.update(*waiting.popleft())
    return Simulation(np.array(played), rewards, regret)


def _generator(seed: int) -> np.random.Generator:
    """Return a generator that shares nothing with that of a policy of the same seed."""
    return np.random.default_rng([seed, 2])


def _means(means: np.ndarray, n_runs: int | None, name: str = "means") -> np.ndarray:
    """Return means of shape (R, K)."""
    means = np.asarray(means, dtype=float)
    if means.ndim not in (1, 2) or means.size == 0 or not np.isfinite(means).all():
        raise ValueError(f"{name} has shape {means.shape}; give finite numbers, (K,) or (R, K).")
    if means.ndim == 2 and n_runs not in (None, len(means)):
        raise ValueError(f"{name} has {len(means)} rows and n_runs is {n_runs}; make them equal.")
    return np.atleast_2d(means) if means.ndim == 2 else np.tile(means, (n_runs or 1, 1))


class _Arms:
    """Arms with a mean each, the same in every round."""

    def __init__(self, means: np.ndarray, n_runs: int | None, seed: int):
        self.means = _means(means, n_runs)
        self.n_runs, self.n_arms = self.means.shape
        self.rng = _generator(seed)
        self._rows = np.arange(self.n_runs)
        self._best = self.means.max(axis=1)

    def contexts(self, t: int) -> None:
        """Return None: these arms have no context."""
        return None

    def regret(self, arms: np.ndarray) -> np.ndarray:
        """Return the best mean less the mean of ``arms``, shape (R,)."""
        return self._best - self.means[self._rows, arms]


class BernoulliArms(_Arms):
    """Arms that pay 1 with a probability of their own, and otherwise 0: clicks.

    Args:
        means: Click probabilities, shape (K,) for all runs alike, or (R, K).
        n_runs: Runs R; needed where ``means`` has shape (K,) and R is not 1.
        seed: Seed of the clicks.

    Raises:
        ValueError: If a probability is not in [0, 1] or a shape does not fit.
    """

    def __init__(self, means: np.ndarray, *, n_runs: int | None = None, seed: int = 0):
        super().__init__(means, n_runs, seed)
        if ((self.means < 0) | (self.means > 1)).any():
            raise ValueError("a click probability lies outside [0, 1]; use 0 to 1.")

    def pull(self, arms: np.ndarray) -> np.ndarray:
        """Return 1 for a click and 0 for none, shape (R,)."""
        return (self.rng.random(self.n_runs) < self.means[self._rows, arms]).astype(float)


class GaussianArms(_Arms):
    """Arms that pay a normally distributed reward.

    Args:
        means: Shape (K,) for all runs alike, or (R, K).
        sd: Standard deviation of every reward.
        n_runs: Runs R; needed where ``means`` has shape (K,) and R is not 1.
        seed: Seed of the noise.

    Raises:
        ValueError: If ``sd`` is negative or a shape does not fit.
    """

    def __init__(
        self, means: np.ndarray, *, sd: float = 1.0, n_runs: int | None = None, seed: int = 0
    ):
        super().__init__(means, n_runs, seed)
        if not sd >= 0:
            raise ValueError(f"sd is {sd}; use 0 or more.")
        self.sd = sd

    def pull(self, arms: np.ndarray) -> np.ndarray:
        """Return the rewards, shape (R,)."""
        return self.means[self._rows, arms] + self.sd * self.rng.standard_normal(self.n_runs)


class LinearArms:
    r"""Arms whose mean is linear in a context: :math:`\mu_a(x)=\theta_a^\top x`.

    In each round every run draws one row of the table of contexts.

    Args:
        theta: Shape (K, d): an arm has weights of its own; or (d,): all arms share them.
        contexts: The table: shape (N, d), one vector shared by all arms; or (N, K, d), one vector
            an arm.
        sd: Standard deviation of the noise; unused where ``clicks``.
        clicks: Whether the reward is a click with the mean as its probability.
        n_runs: Runs R.
        seed: Seed of the rows that are drawn and of the noise.

    Raises:
        ValueError: If shapes do not fit, or a click probability lies outside [0, 1].
    """

    def __init__(
        self,
        theta: np.ndarray,
        contexts: np.ndarray,
        *,
        sd: float = 0.1,
        clicks: bool = False,
        n_runs: int = 1,
        seed: int = 0,
    ):
        self.theta, self.table = np.asarray(theta, float), np.asarray(contexts, float)
        shared = self.table.ndim == 2 and self.theta.ndim == 2
        own = self.table.ndim == 3 and (
            self.theta.ndim == 1 or len(self.theta) == self.table.shape[1]
        )
        if not (shared or own) or self.theta.shape[-1] != self.table.shape[-1]:
            raise ValueError(
                f"theta has shape {self.theta.shape} and contexts {self.table.shape};"
                " give (K, d) or (d,) with (N, d) or (N, K, d)."
            )
        self.n_arms = len(self.theta) if shared else self.table.shape[1]
        self.n_runs, self.sd, self.clicks = n_runs, sd, clicks
        self.rng = _generator(seed)
        self._rows = np.arange(n_runs)
        equation = "nd,kd->nk" if shared else "nkd,kd->nk" if self.theta.ndim == 2 else "nkd,d->nk"
        self._table_means = np.einsum(equation, self.table, self.theta)
        if clicks and ((self._table_means < 0) | (self._table_means > 1)).any():
            raise ValueError("a click probability lies outside [0, 1]; scale theta or contexts.")

    def contexts(self, t: int) -> np.ndarray:
        """Draw this round's rows, and return them: (R, d) or (R, K, d)."""
        rows = self.rng.integers(len(self.table), size=self.n_runs)
        self.means = self._table_means[rows]
        return self.table[rows]

    def pull(self, arms: np.ndarray) -> np.ndarray:
        """Return the rewards of this round's arms, shape (R,)."""
        means = self.means[self._rows, arms]
        if self.clicks:
            return (self.rng.random(self.n_runs) < means).astype(float)
        return means + self.sd * self.rng.standard_normal(self.n_runs)

    def regret(self, arms: np.ndarray) -> np.ndarray:
        """Return the best mean in this round's context less that of ``arms``, shape (R,)."""
        return self.means.max(axis=1) - self.means[self._rows, arms]


class SwitchingArms(BernoulliArms):
    """Clicks whose probabilities change on known rounds.

    Args:
        means: Click probabilities of each phase, shape (S, K) or (S, R, K).
        starts: The round in which each phase begins, shape (S,), rising from 0.
        n_runs: Runs R; needed where ``means`` has shape (S, K) and R is not 1.
        seed: Seed of the clicks.

    Raises:
        ValueError: If the shapes do not fit or the rounds do not rise from 0.
    """

    def __init__(
        self,
        means: np.ndarray,
        starts: np.ndarray,
        *,
        n_runs: int | None = None,
        seed: int = 0,
    ):
        phases = [BernoulliArms(phase, n_runs=n_runs).means for phase in np.asarray(means)]
        starts = np.asarray(starts)
        if len(starts) != len(phases) or starts[0] != 0 or (np.diff(starts) <= 0).any():
            raise ValueError(
                f"starts is {starts.tolist()} for {len(phases)} phases;"
                " give one round a phase, rising from 0."
            )
        super().__init__(phases[0], seed=seed)
        self.phases, self.starts = phases, starts

    def contexts(self, t: int) -> None:
        """Begin round ``t``, in its phase."""
        self.means = self.phases[int(np.searchsorted(self.starts, t, side="right")) - 1]
        self._best = self.means.max(axis=1)


class CascadeEnvironment:
    """Readers who look at a list from the top and click the first item that attracts them.

    ``pull`` takes lists (R, L) and returns the position of the click, L where there was none; so
    the ``rewards`` of a ``Simulation`` are positions here, and its ``arms`` have shape (T, R, L).

    Args:
        attraction: Chance that each item attracts, shape (K,) or (R, K).
        n_positions: Length L of the list.
        n_runs: Runs R; needed where ``attraction`` has shape (K,) and R is not 1.
        seed: Seed of the readers.

    Raises:
        ValueError: If a chance is not in [0, 1] or the list is longer than there are items.
    """

    def __init__(
        self,
        attraction: np.ndarray,
        n_positions: int,
        *,
        n_runs: int | None = None,
        seed: int = 0,
    ):
        self.attraction = BernoulliArms(attraction, n_runs=n_runs).means
        self.n_runs, self.n_arms = self.attraction.shape
        if not 1 <= n_positions <= self.n_arms:
            raise ValueError(f"n_positions is {n_positions}; use 1 to {self.n_arms}, the items.")
        self.n_positions = n_positions
        self.rng = _generator(seed)
        self._rows = np.arange(self.n_runs)[:, None]
        top = np.sort(self.attraction, axis=1)[:, -n_positions:]
        self._best = cascade_click_probability(top)

    def contexts(self, t: int) -> None:
        """Return None: these readers have no context."""
        return None

    def pull(self, arms: np.ndarray) -> np.ndarray:
        """Return the position of the first click in each list, L where there is none; (R,)."""
        attracts = self.rng.random(arms.shape) < self.attraction[self._rows, arms]
        return np.where(attracts.any(axis=1), attracts.argmax(axis=1), self.n_positions)

    def regret(self, arms: np.ndarray) -> np.ndarray:
        """Return the best list's chance of a click less that of ``arms``, shape (R,)."""
        return self._best - cascade_click_probability(self.attraction[self._rows, arms])
