"""The exact loop of FPMC's stochastic gradient descent, one event at a time."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True)
def fpmc_epoch(
    P: np.ndarray,
    Q: np.ndarray,
    L: np.ndarray,
    M: np.ndarray,
    user: np.ndarray,
    before: np.ndarray,
    item: np.ndarray,
    other: np.ndarray,
    rate: float,
    l2: float,
) -> float:
    """Go through some transitions once and change the factors in place.

    Args:
        P: User factors, shape (n_users, f).
        Q: Item factors that meet users, shape (n_items, f).
        L: Factors of the next item, shape (n_items, f).
        M: Factors of the item before, shape (n_items, f).
        user: Who, shape (m,).
        before: The item before, shape (m,).
        item: The next item, shape (m,).
        other: An item that was not the next, shape (m,).
        rate: Length of a step.
        l2: Ridge penalty on every factor that a step touches.

    Returns:
        The mean loss before each step, without the penalty.
    """
    total = 0.0
    for n in range(len(user)):
        u, b, i, j = user[n], before[n], item[n], other[n]
        x = 0.0
        for f in range(P.shape[1]):
            x += P[u, f] * (Q[i, f] - Q[j, f]) + M[b, f] * (L[i, f] - L[j, f])
        total += math.log1p(math.exp(-abs(x))) + max(-x, 0.0)
        g = 1.0 / (1.0 + math.exp(min(x, 500.0)))  # minus the derivative of the loss
        for f in range(P.shape[1]):
            p, m = P[u, f], M[b, f]
            qi, qj, li, lj = Q[i, f], Q[j, f], L[i, f], L[j, f]
            P[u, f] += rate * (g * (qi - qj) - l2 * p)
            M[b, f] += rate * (g * (li - lj) - l2 * m)
            Q[i, f] += rate * (g * p - l2 * qi)
            Q[j, f] += rate * (-g * p - l2 * qj)
            L[i, f] += rate * (g * m - l2 * li)
            L[j, f] += rate * (-g * m - l2 * lj)
    return total / len(user)
