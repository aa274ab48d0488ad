"""Thompson sampling with a linear model for each arm."""

from __future__ import annotations

from typing import Self

import numpy as np

from recsys_book.exploration.policies.base import SamplingPolicy
from recsys_book.exploration.policies.ridge_arms import RidgeArms


class LinearThompson(SamplingPolicy, RidgeArms):
    r"""Draw each arm's weights from their posterior, and play the best of the draw.

    With Gaussian noise of standard deviation ``scale`` and the prior that ridge regression implies,
    the posterior is normal, around the ridge weights, with the inverse Gram matrix times
    ``scale`` squared. ``probabilities`` is Monte Carlo.

    Takes one context that all arms share, ``(R, d)``, or, where ``per_arm``, one an arm,
    ``(R, K, d)``. The random numbers are drawn arm by arm, d for each, as
    ``Generator.multivariate_normal(method="cholesky")`` would.

    Equation: eq-linear-thompson.

    Source: Agrawal and Goyal (2013), ICML; Chapelle and Li (2011), NIPS.

    Args:
        n_arms: Number of arms K.
        dim: Length d of a context; there is no intercept.
        scale: Standard deviation of the posterior in units of its width, at least 0.
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
        scale: float = 1.0,
        n_runs: int = 1,
        seed: int = 0,
        ties: str = "random",
        l2: float = 1.0,
        per_arm: bool = False,
        resolve_every: int = 1000,
    ):
        if not 0 <= scale < np.inf:
            raise ValueError(f"scale is {scale}; use a standard deviation of at least 0.")
        self.scale = float(scale)
        RidgeArms.__init__(
            self,
            n_arms=n_arms,
            dim=dim,
            n_runs=n_runs,
            seed=seed,
            ties=ties,
            l2=l2,
            per_arm=per_arm,
            resolve_every=resolve_every,
        )
        self._monte_carlo = np.random.default_rng([seed, 1])

    def _reset(self) -> None:
        super()._reset()
        R, K, d = self.n_runs, self.n_arms, self.dim
        self._roots = np.tile(np.eye(d) / np.sqrt(self.l2), (R, K, 1, 1))
        self._stale = np.zeros((R, K), dtype=bool)

    def sample(
        self, contexts: np.ndarray | None = None, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Draw weights for every arm and return its prediction with them, shape (R, K)."""
        contexts = self._check_contexts(contexts, self.dim, per_arm=self.per_arm)
        noise = (self.rng if rng is None else rng).standard_normal(
            (self.n_runs, self.n_arms, self.dim)
        )
        weights = np.einsum("rkde,rke->rkd", self._fresh_roots(), noise)
        weights = self.theta.transpose(0, 2, 1) + self.scale * weights
        return np.einsum("rkd,rkd->rk" if self.per_arm else "rd,rkd->rk", contexts, weights)

    def _fresh_roots(self) -> np.ndarray:
        """Return the Cholesky factors of the inverses, shape (R, K, d, d)."""
        for run, arm in zip(*np.nonzero(self._stale)):
            self._roots[run, arm] = np.linalg.cholesky(self.covariance(arm, run))
        self._stale[:] = False
        return self._roots

    def learn_past(self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray) -> Self:
        """Learn many logged events at once; see :meth:`RidgeArms.learn_past`."""
        super().learn_past(arms, rewards, contexts)
        self._stale[:] = True
        return self

    def _learn(self, arms: np.ndarray, rewards: np.ndarray, rows: np.ndarray) -> None:
        super()._learn(arms, rewards, rows)
        self._stale[self._rows, arms] = True
