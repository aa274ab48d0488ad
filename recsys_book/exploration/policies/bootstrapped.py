"""Bootstrapped linear bandits: the spread of resampled models stands for the posterior."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.policies.base import Policy
from recsys_book.exploration.policies.ridge_arms import RidgeArms


class Bootstrapped(Policy):
    r"""Play greedily by one member, drawn anew each round, of an ensemble of linear models.

    Each member sees each event a random number of times: Poisson with mean 1, or twice or not at
    all (``"double"``). That is the bootstrap, one event at a time; no posterior is derived. Members
    that agree leave nothing to explore. A member of the kind ``"ridge"`` is a ridge regression; one
    of the kind ``"logistic"`` takes one Newton step of the logistic loss an event.

    Takes one context that all arms share, ``(R, d)``. ``probabilities`` is exact: the share of
    members that would choose an arm.

    Source: Eckles and Kaptein (2014), "Thompson sampling with the online bootstrap";
    Oza and Russell (2001), "Online bagging and boosting", for the Poisson weights.

    Args:
        n_arms: Number of arms K.
        dim: Length d of a context.
        members: Size of the ensemble B.
        weights: ``"poisson"`` or ``"double"``.
        kind: ``"ridge"``, or ``"logistic"`` for rewards of 0 and 1.
        l2: Penalty of the squared weights, above 0.
        spread: Standard deviation of the members' first weights; without it all members agree
            until there is data.
        n_runs: Runs side by side R.
        seed: Seed of members, weights and draws.
        ties: ``"random"`` or ``"first"``.

    Raises:
        ValueError: If a setting is out of range, or a logistic reward is outside 0 to 1.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        dim: int,
        members: int = 10,
        weights: str = "poisson",
        kind: str = "ridge",
        l2: float = 1.0,
        spread: float = 1.0,
        n_runs: int = 1,
        seed: int = 0,
        ties: str = "random",
    ):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed, ties=ties)
        if weights not in ("poisson", "double") or kind not in ("ridge", "logistic"):
            raise ValueError(
                f'weights is {weights!r} and kind {kind!r}; use "poisson" or "double", and "ridge"'
                ' or "logistic".'
            )
        if members < 1 or not 0 <= spread < np.inf:
            raise ValueError(f"members is {members}, spread {spread}; use at least 1 and 0.")
        self.dim, self.members, self.weights, self.kind = int(dim), int(members), weights, kind
        self.models = RidgeArms(
            n_arms=self.n_arms, dim=dim, n_runs=self.n_runs * self.members, l2=l2
        )
        first = np.random.default_rng([seed, 2]).normal(0, spread, self.models.theta.shape)
        self.models.theta += first
        self.models.moment += l2 * first

    def index(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return what each member expects of each arm, shape (R, B, K)."""
        contexts = self._check_contexts(contexts, self.dim)
        theta = self.models.theta.reshape(self.n_runs, self.members, self.dim, self.n_arms)
        return np.einsum("rd,rbdk->rbk", contexts, theta)

    def select(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Draw a member in each run and play its best arm; see :meth:`Policy.select`."""
        scores = self.index(contexts)
        return self._argmax(scores[self._rows, self.rng.integers(0, self.members, self.n_runs)])

    def probabilities(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return the share of members that would play each arm, shape (R, K)."""
        scores = self.index(contexts)
        each = [self._argmax_probabilities(scores[:, b]) for b in range(self.members)]
        return np.mean(each, axis=0)

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Show the event to each member a random number of times; see :meth:`Policy.update`."""
        arms, rewards = self._check_feedback(arms, rewards)
        contexts = self._check_contexts(contexts, self.dim)
        if self.kind == "logistic" and ((rewards < 0) | (rewards > 1)).any():
            raise ValueError("a logistic reward is outside 0 to 1; scale it, or use kind='ridge'.")
        shape = (self.n_runs, self.members)
        times = self.rng.poisson(1.0, shape) if self.weights == "poisson" else None
        times = 2 * self.rng.integers(0, 2, shape) if times is None else times
        for run in range(self.n_runs):
            x, arm = np.ascontiguousarray(contexts[run]), int(arms[run])
            for member in range(self.members):
                weight = float(times[run, member])
                if weight:
                    row = run * self.members + member
                    self._show(row, arm, x, float(rewards[run]), weight)

    def _show(self, row: int, arm: int, x: np.ndarray, reward: float, weight: float) -> None:
        if self.kind == "logistic":
            # A ridge step on the working response of Newton's method, at the present weights.
            logit = x @ self.models.theta[row, :, arm]
            mean = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
            curvature = max(mean * (1 - mean), 1e-3)
            reward, weight = logit + (reward - mean) / curvature, weight * curvature
        self.models.learn_weighted(row, arm, x, reward, weight)
