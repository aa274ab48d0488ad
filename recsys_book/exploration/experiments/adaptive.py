"""Which arm is best, and how good: two questions that one adaptive log answers differently."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["arm_means", "successive_rejects"]


def arm_means(
    arms: np.ndarray,
    rewards: np.ndarray,
    n_arms: int,
    probabilities: np.ndarray | None = None,
) -> np.ndarray:
    """Estimate the arms' means from logs of an experiment, naively or by inverse propensity.

    The mean of an arm's rewards is biased downwards when the share of an arm depends on its
    rewards so far: an unlucky arm is not given the pulls that would correct it. Weighting each
    reward by one over the chance of its pull removes the bias.

    Source: Nie, Tian, Taylor & Zou (2018), "Why Adaptively Collected Data Have Negative Bias and
    How to Correct for It", AISTATS.

    Args:
        arms: Arm of each round and run, shape (T, R).
        rewards: Their rewards, shape (T, R).
        n_arms: Number of arms K.
        probabilities: Chance of the pulled arm in its round, shape (T, R), above 0; left out, the
            naive means are returned.

    Returns:
        Estimates, shape (R, K); NaN for an arm without a pull in the naive means.

    Raises:
        ValueError: If the shapes differ, an arm is unknown, or a probability is not in (0, 1].
    """
    a, r = np.asarray(arms), np.asarray(rewards, dtype=np.float64)
    if a.ndim != 2 or a.shape != r.shape:
        raise ValueError(f"arms is {a.shape} and rewards {r.shape}; give one of each a round.")
    if a.min() < 0 or a.max() >= n_arms:
        raise ValueError(f"An arm is outside 0 to {n_arms - 1}; number the arms from 0.")
    pulled = a[:, :, None] == np.arange(n_arms)
    if probabilities is None:
        with np.errstate(invalid="ignore"):
            return (pulled * r[:, :, None]).sum(axis=0) / pulled.sum(axis=0)
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != a.shape or not ((p > 0) & (p <= 1)).all():
        raise ValueError("probabilities must hold the chance of each pull, above 0 and at most 1.")
    return (pulled * (r / p)[:, :, None]).mean(axis=0)


def successive_rejects(
    pull: Callable[[int, int], np.ndarray], n_arms: int, budget: int
) -> tuple[int, np.ndarray]:
    """Find the best arm with a fixed number of pulls, dropping the worst after each phase.

    Source: Audibert, Bubeck & Munos (2010), "Best Arm Identification in Multi-Armed Bandits", COLT.

    Args:
        pull: Takes an arm and a number of pulls, and returns that many rewards.
        n_arms: Number of arms K, 2 or more.
        budget: Pulls in all, more than K.

    Returns:
        The arm that is left, and the pulls that each arm was given, shape (K,).

    Raises:
        ValueError: If there are fewer than two arms or too few pulls.
    """
    if n_arms < 2 or budget <= n_arms:
        raise ValueError(
            f"{budget} pulls for {n_arms} arms; use two arms or more, and more pulls than arms."
        )
    log_k = 0.5 + (1 / np.arange(2, n_arms + 1)).sum()
    left, sums, pulls = list(range(n_arms)), np.zeros(n_arms), np.zeros(n_arms, dtype=np.int64)
    for phase in range(1, n_arms):
        each = int(np.ceil((budget - n_arms) / (log_k * (n_arms + 1 - phase))))
        for arm in left:
            more = each - pulls[arm]
            sums[arm] += np.sum(pull(arm, int(more)))
            pulls[arm] = each
        left.remove(min(left, key=lambda arm: sums[arm] / pulls[arm]))
    return left[0], pulls
