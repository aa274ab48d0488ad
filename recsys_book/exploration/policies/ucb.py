"""Policies that play the arm whose mean could, at best, be the highest."""

from __future__ import annotations

from collections import deque

import numpy as np

from recsys_book.exploration.policies.base import IndexPolicy
from recsys_book.exploration.policies.counts import ClickPolicy, checked_discount


def ucb1_index(mean: np.ndarray, n: np.ndarray, t: float, alpha: float = 1.0) -> np.ndarray:
    r"""Return :math:`\hat\mu_a+\alpha\sqrt{2\ln t/n_a}`, infinity where an arm was never played.

    Equation: eq-ucb1

    Source: Auer, Cesa-Bianchi and Fischer (2002), "Finite-time Analysis of the Multiarmed Bandit
    Problem", Machine Learning 47, figure 1 (alpha = 1).

    Args:
        mean: Mean rewards, any shape; rewards lie in [0, 1].
        n: Plays of each arm, same shape.
        t: Plays of all arms, at least 1.
        alpha: Width of the bonus; the bound holds for 1.

    Returns:
        The index, same shape.
    """
    played = n > 0
    bonus = alpha * np.sqrt(2 * np.log(t) / np.where(played, n, 1))
    return np.where(played, mean + bonus, np.inf)


def kl_ucb_index(mean: np.ndarray, n: np.ndarray, level: float, steps: int = 4) -> np.ndarray:
    r"""Return the largest q with :math:`n\,\mathrm{kl}(\hat\mu, q)\le` ``level``.

    The divergence is convex in q, so Newton's method started right of the root comes down to it
    and never passes it. The start is the smallest of three upper bounds of the root, which follow
    from kl >= 2(q - p)^2, kl >= (q - p)^2 / 2q and, with the entropy H(p) in nats,
    kl >= -H(p) - (1 - p) ln(1 - q); 4 steps leave an error below 1e-5.

    Equation: eq-kl-ucb

    Source: Garivier and Cappe (2011), "The KL-UCB Algorithm for Bounded Stochastic Bandits and
    Beyond", COLT, algorithm 1.

    Args:
        mean: Mean rewards in [0, 1], any shape.
        n: Plays of each arm, same shape.
        level: ln t, or ln t + c ln ln t; at least 0.
        steps: Newton steps.

    Returns:
        The index, same shape; infinity where an arm was never played.
    """
    played = n > 0
    width = level / np.where(played, n, 1)
    p = np.minimum(np.maximum(mean, 0.0), 1.0)
    not_p = 1 - p
    entropy = -p * np.log(np.maximum(p, 1e-300)) - not_p * np.log(np.maximum(not_p, 1e-300))
    target = width + entropy
    low, high = np.maximum(p, 1e-12), 1 - 1e-12
    q = np.minimum(p + np.sqrt(width / 2), p + width + np.sqrt(width * (width + 2 * p)))
    q = np.minimum(q, -np.expm1(-target / np.maximum(not_p, 1e-300)))
    q = np.minimum(np.maximum(q, low), high)
    for _ in range(steps):
        not_q = 1 - q
        excess = -p * np.log(q) - not_p * np.log(not_q) - target  # kl(p, q) less the width
        slope = np.maximum((q - p) / (q * not_q), 1e-9)
        q = np.minimum(np.maximum(q - excess / slope, low), high)
    return np.where(played, q, np.inf)


class UCB1(IndexPolicy, ClickPolicy):
    """Play the arm with the highest upper confidence bound; first each arm once.

    ``alpha=1`` is the policy that the bound is proved for; a smaller one is cautious about less,
    often far better, and without a guarantee. With ``ties="first"`` it makes the choices of
    MABWiser's ``UCB1`` with the same ``alpha``, once that has seen each arm.

    Equation: eq-ucb1

    Source: Auer, Cesa-Bianchi and Fischer (2002), figure 1.

    Args:
        n_arms: Arms K.
        alpha: Width of the bonus, at least 0.
        n_runs: Runs R.
        seed: Seed of the draws between ties.
        ties: ``"random"`` or ``"first"``.

    Raises:
        ValueError: If ``alpha`` is negative, or a reward is not in [0, 1].
    """

    def __init__(
        self,
        *,
        n_arms: int,
        alpha: float = 1.0,
        n_runs: int = 1,
        seed: int = 0,
        ties: str = "random",
    ):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed, ties=ties)
        if not alpha >= 0:
            raise ValueError(f"alpha is {alpha}; use 0 or more.")
        self.alpha = alpha

    def index(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return the upper confidence bounds, shape (R, K)."""
        return ucb1_index(self.means(), self.n, max(self._answers(), 1), self.alpha)

    def _answers(self) -> float:
        """Return how many answers the means rest on; the same in every run."""
        return self.t


class KLUCB(UCB1):
    """UCB with the bound that fits clicks: the largest rate that the data do not refute.

    Equation: eq-kl-ucb

    Source: Garivier and Cappe (2011), algorithm 1.

    Args:
        n_arms: Arms K.
        c: Weight of ln ln t; the theorem needs 3, and practice 0.
        n_runs: Runs R.
        seed: Seed of the draws between ties.
        ties: ``"random"`` or ``"first"``.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        c: float = 0.0,
        n_runs: int = 1,
        seed: int = 0,
        ties: str = "random",
    ):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed, ties=ties)
        if not c >= 0:
            raise ValueError(f"c is {c}; use 0 or more.")
        self.c = c

    def index(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return the upper confidence bounds, shape (R, K)."""
        log_t = np.log(max(self.t, 1))
        level = log_t + self.c * np.log(max(log_t, 1.0))
        return kl_ucb_index(self.means(), self.n, level)


class DiscountedUCB(UCB1):
    r"""UCB1 on counts that fade: an answer of age k counts :math:`\gamma^k`.

    Source: Garivier and Moulines (2011), "On Upper-Confidence Bound Policies for Switching Bandit
    Problems", ALT (their constant xi is :math:`\alpha^2/2`, with B = 1).

    Args:
        n_arms: Arms K.
        discount: gamma, above 0 and at most 1; 1 is UCB1.
        alpha: Width of the bonus.
        n_runs: Runs R.
        seed: Seed of the draws between ties.
        ties: ``"random"`` or ``"first"``.

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        discount: float,
        alpha: float = 1.0,
        n_runs: int = 1,
        seed: int = 0,
        ties: str = "random",
    ):
        super().__init__(n_arms=n_arms, alpha=alpha, n_runs=n_runs, seed=seed, ties=ties)
        self.discount = checked_discount(discount)

    def _answers(self) -> float:
        return self.n[0].sum()


class SlidingWindowUCB(UCB1):
    """UCB1 on the last ``window`` answers alone.

    Source: Garivier and Moulines (2011), "On Upper-Confidence Bound Policies for Switching Bandit
    Problems", ALT.

    Args:
        n_arms: Arms K.
        window: Answers that are remembered, at least 1.
        alpha: Width of the bonus.
        n_runs: Runs R.
        seed: Seed of the draws between ties.
        ties: ``"random"`` or ``"first"``.

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        window: int,
        alpha: float = 1.0,
        n_runs: int = 1,
        seed: int = 0,
        ties: str = "random",
    ):
        super().__init__(n_arms=n_arms, alpha=alpha, n_runs=n_runs, seed=seed, ties=ties)
        if window < 1:
            raise ValueError(f"window is {window}; use at least 1.")
        self.window = window
        self._recent: deque[tuple[np.ndarray, np.ndarray]] = deque()

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Count the play, and forget the one that left the window; see :meth:`Policy.update`."""
        arms, rewards = self._check_clicks(arms, rewards)
        self._count(arms, rewards)
        self._recent.append((arms, rewards.copy()))
        if len(self._recent) > self.window:
            old, paid = self._recent.popleft()
            self.n[self._rows, old] -= 1
            self.total[self._rows, old] -= paid

    def _answers(self) -> float:
        return len(self._recent)
