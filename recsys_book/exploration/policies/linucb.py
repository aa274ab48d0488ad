"""LinUCB: an upper confidence bound that depends on the context (Li et al. 2010)."""

from __future__ import annotations

from operator import index

import numpy as np

from recsys_book.exploration.policies.base import IndexPolicy
from recsys_book.exploration.policies.ridge_arms import RidgeArms, by_arm, check_past

_ARRAY, _FLOAT, _TIGHT = np.ndarray, np.dtype(np.float64), (8,)


class LinUCB(RidgeArms):
    r"""Disjoint LinUCB: the highest upper end of a confidence interval is played.

    Each arm has a ridge regression of its own. Its score is the prediction plus ``alpha`` times the
    prediction's standard deviation in units of the noise. Given the past the choice is certain up
    to ties, so ``probabilities`` is exact.

    Takes one context that all arms share, ``(R, d)``, or, where ``per_arm``, one an arm,
    ``(R, K, d)``.

    A service with one event at a time calls :meth:`select_one` and :meth:`update_one`, which check
    their input inside the compiled loop.

    Equation: eq-linucb.

    Source: Li, Chu, Langford and Schapire (2010), WWW, Algorithm 1.

    Args:
        n_arms: Number of arms K.
        dim: Length d of a context; there is no intercept.
        alpha: Width of the confidence interval, at least 0.
        n_runs: Runs side by side R.
        seed: Seed of the policy's own random numbers.
        ties: ``"random"`` or ``"first"``.
        l2: Penalty of the squared weights, above 0.
        per_arm: Whether each arm has a context vector of its own.
        resolve_every: Events of an arm after which its inverse is computed exactly.

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        dim: int,
        alpha: float = 1.0,
        n_runs: int = 1,
        seed: int = 0,
        ties: str = "random",
        l2: float = 1.0,
        per_arm: bool = False,
        resolve_every: int = 1000,
    ):
        if not 0 <= alpha < np.inf:
            raise ValueError(f"alpha is {alpha}; use a width of at least 0.")
        self.alpha = float(alpha)
        super().__init__(
            n_arms=n_arms,
            dim=dim,
            n_runs=n_runs,
            seed=seed,
            ties=ties,
            l2=l2,
            per_arm=per_arm,
            resolve_every=resolve_every,
        )

    def index(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return the upper confidence bound of each arm, shape (R, K)."""
        contexts = self._check_contexts(contexts, self.dim, per_arm=self.per_arm)
        contexts = np.ascontiguousarray(contexts)
        bounds = np.empty((self.n_runs, self.n_arms))
        score = self._kernels.confidence_scores
        if self.per_arm:
            score = self._kernels.confidence_scores_per_arm
        for run in range(self.n_runs):
            score(
                self.theta[run],
                self.inverse[run],
                contexts[run],
                self.alpha,
                self._width,
                bounds[run],
            )
        return bounds

    def select_one(self, x: np.ndarray) -> int:
        """Choose an arm for one context in the first run; the quick way of :meth:`select`.

        Args:
            x: Context that all arms share, shape (d,).

        Returns:
            The arm.

        Raises:
            ValueError: If the context has the wrong shape, NaN or infinity.
        """
        if type(x) is not _ARRAY or x.strides != _TIGHT or x.dtype != _FLOAT or len(x) != self.dim:
            x = self._row(x)
        theta, _, _, inverse, _ = self._first
        code = self._select(theta, inverse, x, self.alpha, self._width, self._scores)
        if 0 <= code < self.n_arms:
            return code
        if code < 0:
            raise ValueError("the context of run 0 has NaN or infinity; give finite numbers.")
        if self.ties == "first":
            return code % self.n_arms
        return int(self._argmax(np.broadcast_to(self._scores, (self.n_runs, self.n_arms)))[0])

    def update_one(self, arm: int, x: np.ndarray, reward: float) -> None:
        """Learn from one event in the first run; the quick way of :meth:`update`.

        Args:
            arm: The arm that was played.
            x: Its context, shape (d,).
            reward: What it paid.

        Raises:
            ValueError: If the arm is unknown, or a number is missing; the policy is left as it was.
        """
        theta, moment, gram, inverse, count = self._first
        if type(arm) is not int:
            arm = self._whole(arm)
        if type(x) is not _ARRAY or x.strides != _TIGHT or x.dtype != _FLOAT or len(x) != self.dim:
            x = self._row(x)
        code = self._update(
            theta,
            moment,
            gram,
            inverse,
            count,
            self._moved,
            arm,
            x,
            float(reward),
            1.0,
            self.resolve_every,
        )
        if code:
            self._explain(code, arm, reward)

    def _row(self, x: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(x, dtype=np.float64)
        if x.shape != (self.dim,):
            raise ValueError(f"the context has shape {x.shape}; give ({self.dim},).")
        return x

    def _whole(self, arm: int) -> int:
        try:
            return index(arm)
        except TypeError:
            raise ValueError(f"arm {arm!r} is no whole number below {self.n_arms}.") from None

    def _explain(self, code: int, arm: int, reward: float) -> None:
        if code == self._kernels.BAD_ARM:
            raise ValueError(f"arm {arm} in run 0 is unknown; use 0 to {self.n_arms - 1}.")
        if code == self._kernels.BAD_REWARD:
            raise ValueError(
                f"the reward in run 0 is {reward}; give a finite number, or leave the round out."
            )
        raise ValueError("the context of run 0 has NaN or infinity; give finite numbers.")


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
