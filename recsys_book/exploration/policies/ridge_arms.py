"""What linear bandits share: a ridge regression for each arm, exact after every event."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Self

import numpy as np

from recsys_book.exploration.policies.base import IndexPolicy, Policy


def load_kernels() -> ModuleType:
    """Import the compiled loops; numba is only imported when a policy is made."""
    from recsys_book.exploration.policies import kernels

    return kernels


def check_past(
    policy: Policy, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logged events as arrays (n,), (n,), (n, d), or say what is wrong with them."""
    arms, rewards = np.asarray(arms), np.asarray(rewards, dtype=float)
    contexts = np.asarray(contexts, dtype=float)
    n = len(arms)
    if arms.shape != (n,) or rewards.shape != (n,) or contexts.shape != (n, policy.dim):
        raise ValueError(
            f"arms, rewards and contexts have shapes {arms.shape}, {rewards.shape} and"
            f" {contexts.shape}; give (n,), (n,) and (n, {policy.dim})."
        )
    wrong = (arms < 0) | (arms >= policy.n_arms)
    wrong |= ~np.isfinite(rewards) | ~np.isfinite(contexts).all(axis=1)
    if arms.dtype.kind not in "iu" or wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"logged event {row} has arm {arms[row]} and reward {rewards[row]}; use arms 0 to"
            f" {policy.n_arms - 1} and finite numbers."
        )
    return arms, rewards, contexts


def by_arm(arms: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Go through the arms that occur, each with the positions of its events."""
    order = np.argsort(arms, kind="stable")
    found, starts = np.unique(arms[order], return_index=True)
    for arm, rows in zip(found, np.split(order, starts[1:])):
        yield int(arm), rows


class RidgeArms(IndexPolicy):
    r"""K ridge regressions, one an arm, in each of R runs; each event updates one of them.

    Played as it is, it is greedy: the highest prediction wins, and nothing explores. Every update
    is the rank-one rule of Sherman and Morrison, compiled. After ``resolve_every`` events of an arm
    its inverse is computed anew from the sums, so that rounding cannot pile up.

    Takes one context vector that all arms share, ``(R, d)``, or, where ``per_arm``, one vector an
    arm, ``(R, K, d)``. There is no intercept: add a column of ones if you want one.

    Equation: eq-sherman-morrison-bandit.

    Source: Sherman and Morrison (1950), Annals of Mathematical Statistics 21.

    Args:
        n_arms: Number of arms K.
        dim: Length d of a context.
        n_runs: Runs side by side R.
        seed: Seed of the policy's own random numbers.
        ties: ``"random"`` or ``"first"``.
        l2: Penalty :math:`\lambda` of the squared weights, above 0.
        per_arm: Whether each arm has a context vector of its own.
        resolve_every: Events of an arm after which its inverse is computed exactly.

    Attributes:
        theta: Weights, shape (R, d, K).
        count: Events of each arm, and those since its last exact solution, shape (R, K, 2).

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        dim: int,
        n_runs: int = 1,
        seed: int = 0,
        ties: str = "random",
        l2: float = 1.0,
        per_arm: bool = False,
        resolve_every: int = 1000,
    ):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed, ties=ties)
        if dim != int(dim) or dim < 1:
            raise ValueError(f"dim is {dim}; use a whole number of at least 1.")
        if not 0 < l2 < np.inf:
            raise ValueError(f"l2 is {l2}; use a penalty above 0, or no inverse exists.")
        if resolve_every < 1:
            raise ValueError(f"resolve_every is {resolve_every}; use at least 1.")
        self.dim = int(dim)
        self.l2 = float(l2)
        self.per_arm = per_arm
        self.resolve_every = int(resolve_every)
        self._kernels = load_kernels()
        self._reset()
        self._bind()

    def _reset(self) -> None:
        """Set every arm to its state before any event."""
        R, K, d = self.n_runs, self.n_arms, self.dim
        diagonal = np.eye(d)[None, :, :, None]
        self.gram = np.tile(self.l2 * diagonal, (R, 1, 1, K))
        self.inverse = np.tile(diagonal / self.l2, (R, 1, 1, K))
        self.moment = np.zeros((R, d, K))
        self.theta = np.zeros((R, d, K))
        self.count = np.zeros((R, K, 2), dtype=np.int64)

    def _bind(self) -> None:
        """Keep what the compiled loops write to: views of the first run, and scratch space."""
        self._select, self._update = self._kernels.select, self._kernels.update
        self._moved = np.empty(self.dim)
        self._scores, self._width = np.empty(self.n_arms), np.empty(self.n_arms)
        self._first = tuple(
            a[0] for a in (self.theta, self.moment, self.gram, self.inverse, self.count)
        )

    def __getstate__(self) -> dict:
        """Return the state without the compiled loops and the views."""
        hidden = ("_kernels", "_select", "_update", "_first", "_moved", "_scores", "_width")
        return {name: value for name, value in self.__dict__.items() if name not in hidden}

    def __setstate__(self, state: dict) -> None:
        """Restore the state, and look at its own arrays again."""
        self.__dict__.update(state)
        self._kernels = load_kernels()
        self._bind()

    def covariance(self, arm: int, run: int = 0) -> np.ndarray:
        """Return the inverse Gram matrix of one arm, penalty included, shape (d, d)."""
        upper = np.triu(self.inverse[run, :, :, arm])
        return upper + np.triu(upper, 1).T

    def means(self, contexts: np.ndarray | None) -> np.ndarray:
        """Return the expected reward of each arm, shape (R, K).

        Equation: eq-linear-reward.
        """
        contexts = self._check_contexts(contexts, self.dim, per_arm=self.per_arm)
        return np.einsum("rkd,rdk->rk" if self.per_arm else "rd,rdk->rk", contexts, self.theta)

    def index(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return the expected reward of each arm, shape (R, K)."""
        return self.means(contexts)

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Learn from one event in each run; see :meth:`Policy.update`."""
        arms, rewards = self._check_feedback(arms, rewards)
        contexts = self._check_contexts(contexts, self.dim, per_arm=self.per_arm)
        rows = contexts[self._rows, arms] if self.per_arm else contexts
        self._learn(arms.astype(np.int64), rewards, np.ascontiguousarray(rows))

    def learn_past(self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray) -> Self:
        """Learn many logged events at once, in every run, as if they had come one by one.

        Args:
            arms: Shape (n,).
            rewards: Shape (n,).
            contexts: Contexts of the arms that were played, shape (n, d).

        Returns:
            The policy.

        Raises:
            ValueError: If an arm is unknown, a number is not finite or a shape is wrong.
        """
        arms, rewards, contexts = check_past(self, arms, rewards, contexts)
        for arm, mine in by_arm(arms):
            x, r = contexts[mine], rewards[mine]
            self.gram[..., arm] += x.T @ x
            self.moment[..., arm] += r @ x
            self.count[:, arm, 0] += len(mine)
            for run in range(self.n_runs):
                state = (self.theta, self.moment, self.gram, self.inverse, self.count)
                self._kernels.resolve(*(part[run] for part in state), arm)
        return self

    def _learn(self, arms: np.ndarray, rewards: np.ndarray, rows: np.ndarray) -> None:
        """Update one arm in each run; ``rows`` has shape (R, d)."""
        for run in range(self.n_runs):
            self.learn_weighted(run, int(arms[run]), rows[run], float(rewards[run]))

    def learn_weighted(
        self, run: int, arm: int, x: np.ndarray, reward: float, weight: float = 1.0
    ) -> None:
        """Learn from one event that counts ``weight`` times; whoever calls it has checked it.

        Equation: eq-sherman-morrison-bandit.

        Args:
            run: The run.
            arm: The arm.
            x: Context, shape (d,).
            reward: What the arm paid.
            weight: How often the event counts, at least 0.
        """
        self._kernels.update(
            self.theta[run],
            self.moment[run],
            self.gram[run],
            self.inverse[run],
            self.count[run],
            self._moved,
            arm,
            x,
            reward,
            weight,
            self.resolve_every,
        )
