"""LinUCB: an upper confidence bound that depends on the context (Li et al. 2010)."""

from __future__ import annotations

from operator import index

import numpy as np

from recsys_book.exploration.policies.ridge_arms import RidgeArms

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
