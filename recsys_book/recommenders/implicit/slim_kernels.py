"""Compiled coordinate descent of SLIM, checked against scikit-learn's elastic net."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def slim_column(G, j, l1, l2, tolerance, sweeps, w, product):
    """Write the weights with which all other items predict item j.

    Every number here is at least zero, so an item whose co-occurrence with j is at most l1 can
    never enter; only the others are visited.

    Args:
        G: Gram matrix of the items, float64 (n, n), without negative entries.
        j: The predicted item.
        l1: Penalty on the sum of weights.
        l2: Penalty on the sum of squared weights.
        tolerance: Largest change of a weight in a sweep at which the descent stops.
        sweeps: Most sweeps.
        w: Where the weights go, float64 (n,).
        product: Room for ``G @ w``, float64 (n,).
    """
    n = len(G)
    w[:] = 0.0
    product[:] = 0.0
    candidates = np.flatnonzero(G[j] > l1)
    for _ in range(sweeps):
        largest = 0.0
        for i in candidates:
            if i == j:
                continue
            rest = G[i, j] - (product[i] - G[i, i] * w[i])
            new = max(0.0, rest - l1) / (G[i, i] + l2)
            change = new - w[i]
            if change != 0.0:
                w[i] = new
                row = G[i]
                for k in range(n):
                    product[k] += change * row[k]
                largest = max(largest, abs(change))
        if largest <= tolerance:
            break
