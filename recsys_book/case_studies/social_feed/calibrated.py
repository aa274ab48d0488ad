"""Calibrated lists for all visitors of an hour at once."""

from __future__ import annotations

import numpy as np


def calibrate_many(
    relevance: np.ndarray, groups: np.ndarray, history: np.ndarray, k: int, weight: float
) -> np.ndarray:
    """Choose k candidates for each user, as ``recommenders.reranking.calibrate`` does for one.

    A post has one topic, so adding it changes one share of the mix, and the divergence of every
    choice follows from one table of users and topics. That is what makes it fast; the lists are
    the same.

    Args:
        relevance: (n, m) scores of the candidates; each row is stretched to reach from 0 to 1.
        groups: (n, m) their topics, integers from 0.
        history: (n, n_groups) weights of the topics in each user's past, at least 0; a row of
            zeros is a user without a past, whose relevance decides.
        k: Length of the lists, at most m.
        weight: Weight of the mix, from 0 to 1.

    Returns:
        (n, k) positions among the candidates, in order.

    Raises:
        ValueError: If k or the weight is out of range.
    """
    n, m = relevance.shape
    if not 1 <= k <= m or not 0 <= weight <= 1:
        raise ValueError(
            f"k is {k} and weight {weight}; use 1 to {m} places and a weight from 0 to 1."
        )
    low, high = relevance.min(axis=1, keepdims=True), relevance.max(axis=1, keepdims=True)
    value = (relevance - low) / np.maximum(high - low, 1e-300)
    total = history.sum(axis=1, keepdims=True)
    target = np.divide(history, total, out=np.zeros(history.shape), where=total > 0)
    mixing = weight * (total > 0)
    rows, counts = np.arange(n), np.zeros(history.shape)
    chosen, alpha = np.empty((n, k), dtype=np.int64), 0.01
    value = (1 - mixing) * value
    for step in range(1, k + 1):
        before = (1 - alpha) * counts / step + alpha * target
        known = target > 0
        ratio = np.divide(
            before + (1 - alpha) / step, before, out=np.ones_like(before), where=known
        )
        gain = mixing * target * np.log(ratio)  # how much nearer the mix comes, by topic
        best = (value + np.take_along_axis(gain, groups, axis=1)).argmax(axis=1)
        chosen[:, step - 1] = best
        counts[rows, groups[rows, best]] += 1
        value[rows, best] = -np.inf
    return chosen
