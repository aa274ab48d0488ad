"""Calibration: the mix of kinds in the list should be the mix of kinds in the history."""

from __future__ import annotations

import numpy as np

from recsys_book.recommenders.reranking.relevance import check_k, check_share


def group_shares(groups: np.ndarray) -> np.ndarray:
    """Let each item spread a weight of one over its groups.

    Args:
        groups: Ones where an item belongs to a group, shape (n_items, n_groups).

    Returns:
        Shares, shape (n_items, n_groups); an item without a group keeps zeros.
    """
    total = groups.sum(axis=1, keepdims=True)
    return np.divide(groups, total, out=np.zeros(groups.shape), where=total > 0)


def divergence(target: np.ndarray, mix: np.ndarray, alpha: float = 0.01) -> np.ndarray:
    """Return how far mixes are from a target: the Kullback–Leibler divergence, in nats.

    Equation: eq-calibration-divergence

    Args:
        target: Shares of the groups in the history, shape (n_groups,), summing to 1.
        mix: Shares of the groups in some lists, shape (..., n_groups).
        alpha: Share of the target mixed into each, so that a missing group costs a finite amount.

    Returns:
        One value a mix, shape (...).
    """
    wanted = target > 0
    smoothed = (1 - alpha) * mix[..., wanted] + alpha * target[wanted]
    return (target[wanted] * np.log(target[wanted] / smoothed)).sum(axis=-1)


def calibrate(
    relevance: np.ndarray, shares: np.ndarray, target: np.ndarray, k: int, weight: float
) -> np.ndarray:
    """Choose k candidates one by one, weighing their relevance against the mix of the list.

    Equation: eq-calibration-objective

    Source: Steck (2018), "Calibrated Recommendations", RecSys.

    Args:
        relevance: Relevance of the candidates, shape (n,).
        shares: Their shares of groups, from ``group_shares``, shape (n, n_groups).
        target: Shares of the groups in the user's history, shape (n_groups,); zeros where nothing
            is known, and then relevance decides.
        k: Length of the list.
        weight: Weight of the mix, from 0 (relevance alone) to 1 (the mix alone).

    Returns:
        Positions of the chosen candidates, in order, shape (k,).

    Raises:
        ValueError: If k or the weight is out of range.
    """
    check_k(k, len(relevance))
    check_share("weight", weight)
    if not target.any():
        weight = 0.0
    total, sum_of_shares = 0.0, np.zeros(len(target))
    chosen: list[int] = []
    for step in range(1, k + 1):
        mix = (sum_of_shares + shares) / step
        value = (1 - weight) * (total + relevance) - weight * divergence(target, mix)
        value[chosen] = -np.inf
        best = int(np.argmax(value))
        total, sum_of_shares = total + relevance[best], sum_of_shares + shares[best]
        chosen.append(best)
    return np.array(chosen)
