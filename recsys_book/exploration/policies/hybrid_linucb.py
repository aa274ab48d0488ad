"""Hybrid LinUCB: a part that all arms share beside a part of each arm's own (Li et al. 2010)."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.policies.base import IndexPolicy
from recsys_book.exploration.policies.ridge_arms import by_arm, check_past


class HybridLinUCB(IndexPolicy):
    r"""Hybrid LinUCB: some weights are shared by all arms, some belong to one arm.

    The shared features of an arm are the products of its own features with the context. What is
    learned about one arm carries over to arms like it, also to those never shown.

    Takes one context that all arms share, ``(R, d)``.

    Equation: eq-linucb-hybrid.

    Source: Li, Chu, Langford and Schapire (2010), WWW, Algorithm 2, with penalties of any size.

    Args:
        arm_features: Features of the arms, shape (K, m); every product with the context is one of
            the k = m d shared features.
        dim: Length d of a context.
        alpha: Width of the confidence interval, at least 0.
        n_runs: Runs side by side R.
        seed: Seed of the policy's own random numbers.
        ties: ``"random"`` or ``"first"``.
        l2: Penalty of the arms' own weights, above 0.
        shared_l2: Penalty of the shared weights; None takes ``l2``.

    Attributes:
        beta: Shared weights, shape (R, k).

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        *,
        arm_features: np.ndarray,
        dim: int,
        alpha: float = 1.0,
        n_runs: int = 1,
        seed: int = 0,
        ties: str = "random",
        l2: float = 1.0,
        shared_l2: float | None = None,
    ):
        self.arm_features = np.asarray(arm_features, dtype=float)
        if self.arm_features.ndim != 2 or not np.isfinite(self.arm_features).all():
            raise ValueError(
                f"arm_features has shape {self.arm_features.shape}; give finite numbers (K, m)."
            )
        super().__init__(n_arms=len(self.arm_features), n_runs=n_runs, seed=seed, ties=ties)
        shared_l2 = l2 if shared_l2 is None else shared_l2
        if not (l2 > 0 and shared_l2 > 0 and alpha >= 0):
            raise ValueError(
                f"l2 is {l2}, shared_l2 {shared_l2}, alpha {alpha}; use penalties above 0 and a"
                " width of at least 0."
            )
        self.dim, self.alpha, self.l2, self.shared_l2 = int(dim), alpha, l2, shared_l2
        R, K, d, k = self.n_runs, self.n_arms, self.dim, self.arm_features.shape[1] * self.dim
        self.shared_gram = np.tile(shared_l2 * np.eye(k), (R, 1, 1))
        self.shared_inverse = np.tile(np.eye(k) / shared_l2, (R, 1, 1))
        self.shared_moment = np.zeros((R, k))
        self.beta = np.zeros((R, k))
        self.gram = np.tile(l2 * np.eye(d), (R, K, 1, 1))
        self.inverse = np.tile(np.eye(d) / l2, (R, K, 1, 1))
        self.cross = np.zeros((R, K, d, k))
        self.moment = np.zeros((R, K, d))

    def shared_features(self, contexts: np.ndarray) -> np.ndarray:
        """Return the products of each arm's features with the context, shape (R, K, m d)."""
        products = np.einsum("km,rd->rkmd", self.arm_features, contexts)
        return products.reshape(len(contexts), self.n_arms, -1)

    def means(self, contexts: np.ndarray) -> np.ndarray:
        """Return the expected reward of each arm, shape (R, K)."""
        mean, _ = self._means_and_widths(contexts)
        return mean

    def index(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return the upper confidence bound of each arm, shape (R, K)."""
        mean, width = self._means_and_widths(contexts)
        return mean + self.alpha * width

    def _means_and_widths(self, contexts: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        x = self._check_contexts(contexts, self.dim)
        z = self.shared_features(x)
        moved = (self.inverse @ x[:, None, :, None])[..., 0]
        own = self.moment - (self.cross @ self.beta[:, None, :, None])[..., 0]
        mean = (z @ self.beta[..., None])[..., 0] + (moved * own).sum(axis=2)
        # What the shared weights' uncertainty adds once the arm's own weights have answered to it.
        left = z - (moved[:, :, None] @ self.cross)[:, :, 0]
        square = (moved @ x[..., None])[..., 0]
        square += ((left @ self.shared_inverse) * left).sum(axis=2)
        return mean, np.sqrt(square)

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Learn from one event in each run; see :meth:`Policy.update`."""
        arms, rewards = self._check_feedback(arms, rewards)
        contexts = self._check_contexts(contexts, self.dim)
        rows = self.shared_features(contexts)
        for run, arm in enumerate(arms):
            x, z = contexts[run : run + 1], rows[run, arm][None]
            self._absorb(run, arm, x, z, rewards[run : run + 1])
            self._solve(run)

    def learn_past(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray
    ) -> HybridLinUCB:
        """Learn many logged events at once, in every run, as if they had come one by one.

        Args:
            arms: Shape (n,).
            rewards: Shape (n,).
            contexts: Shape (n, d).

        Returns:
            The policy.

        Raises:
            ValueError: If an arm is unknown, a number is not finite or a shape is wrong.
        """
        arms, rewards, contexts = check_past(self, arms, rewards, contexts)
        for arm, mine in by_arm(arms):
            x = contexts[mine]
            z = (self.arm_features[arm][None, :, None] * x[:, None, :]).reshape(len(x), -1)
            for run in range(self.n_runs):
                self._absorb(run, arm, x, z, rewards[mine])
        for run in range(self.n_runs):
            self._solve(run)
        return self

    def _absorb(self, run: int, arm: int, x: np.ndarray, z: np.ndarray, r: np.ndarray) -> None:
        """Add events of one arm: x has shape (n, d), z (n, k), r (n,)."""
        self._swap(run, arm, +1.0)
        self.gram[run, arm] += x.T @ x
        self.inverse[run, arm] = np.linalg.inv(self.gram[run, arm])
        self.cross[run, arm] += x.T @ z
        self.moment[run, arm] += r @ x
        self.shared_gram[run] += z.T @ z
        self.shared_moment[run] += r @ z
        self._swap(run, arm, -1.0)

    def _solve(self, run: int) -> None:
        self.shared_inverse[run] = np.linalg.inv(self.shared_gram[run])
        self.beta[run] = self.shared_inverse[run] @ self.shared_moment[run]

    def _swap(self, run: int, arm: int, sign: float) -> None:
        """Put back (+1) or take out (-1) what an arm's own weights explain of the shared sums."""
        cross = self.cross[run, arm]
        explained = cross.T @ self.inverse[run, arm]
        self.shared_gram[run] += sign * explained @ cross
        self.shared_moment[run] += sign * explained @ self.moment[run, arm]
