"""The compiled loop of FTRL-Proximal."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True)
def ftrl_pass(
    columns: np.ndarray, click: np.ndarray, z: np.ndarray, n: np.ndarray, settings: tuple
) -> np.ndarray:
    """Predict and learn one row after the other; ``z`` and ``n`` change in place.

    Args:
        columns: (rows, F) int64; the columns of a row differ.
        click: (rows,) float.
        z: (n_columns,) adjusted sums of gradients.
        n: (n_columns,) sums of squared gradients.
        settings: alpha, beta, l1, l2 and the log-odds before anything is learned.

    Returns:
        (rows,) click rates, each predicted before its row was learned.
    """
    alpha, beta, l1, l2, offset = settings
    before = np.empty(len(click))
    w = np.empty(columns.shape[1])
    for j in range(len(click)):
        logit = offset
        for f in range(columns.shape[1]):
            i = columns[j, f]
            size = abs(z[i]) - l1
            w[f] = 0.0
            if size > 0:
                w[f] = -math.copysign(size, z[i]) / ((beta + math.sqrt(n[i])) / alpha + l2)
            logit += w[f]
        before[j] = 1 / (1 + math.exp(-logit))
        g = before[j] - click[j]
        for f in range(columns.shape[1]):
            i = columns[j, f]
            sigma = (math.sqrt(n[i] + g * g) - math.sqrt(n[i])) / alpha
            z[i] += g - sigma * w[f]
            n[i] += g * g
    return before
