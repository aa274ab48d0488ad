"""A compiled half-step of logistic matrix factorisation, checked against the dense gradient."""

from __future__ import annotations

import numpy as np
from numba import njit

from recsys_book.recommenders.implicit.sgd_kernels import draw


@njit(cache=True)
def _probability(x, y):
    total = 0.0
    for a in range(len(x)):
        total += x[a] * y[a]
    return 1 / (1 + np.exp(-total))


@njit(cache=True)
def logistic_row_gradient(columns, weights, x, Y, alpha, l2, draws, state, g):
    """Write the gradient of the loss by one row of factors into g, float64 (f,).

    The gradient is the sum over all pairs as if none were seen, less a part of the seen pairs.

    Args:
        columns: Rows of Y that were seen, int32 (n_seen,).
        weights: How often, float32, (n_seen,) or (1,).
        x: The row's factors, float64 (f,).
        Y: Factors of the other side, float64 (m, f).
        alpha: Number of yeses for each occurrence.
        l2: Penalty.
        draws: How many rows of Y stand for all, drawn at random; 0 takes them all.
        state: State of the draws, uint64 (1,), moved on.
        g: Where the gradient goes.
    """
    f = len(x)
    for a in range(f):
        g[a] = l2 * x[a]
    share = len(Y) / draws if draws else 1.0
    for k in range(draws if draws else len(Y)):
        y = Y[draw(state, len(Y))] if draws else Y[k]
        t = share * _probability(x, y)
        for a in range(f):
            g[a] += t * y[a]
    for k in range(len(columns)):
        y = Y[columns[k]]
        r = alpha * weights[k if len(weights) > 1 else 0]
        t = r * (1 - _probability(x, y))
        for a in range(f):
            g[a] -= t * y[a]


@njit(cache=True)
def logistic_half_step(
    indptr, indices, weights, X, Y, squares, fixed, alpha, l2, rate, sample, state
):
    """Move every row of X by one AdaGrad step, Y held fixed, in place.

    Args:
        indptr: Where each row's entries start, int64 (n + 1,).
        indices: Rows of Y that each row of X has seen, int32 (entries,).
        weights: How often, float32, (entries,) or (1,).
        X: Factors to improve, float64 (n, f).
        Y: Factors of the other side, float64 (m, f).
        squares: Sums of squared gradients, float64 (n, f), changed in place.
        fixed: The column of X that stays one.
        alpha: Number of yeses for each occurrence.
        l2: Penalty.
        rate: Learning rate.
        sample: Pairs drawn for each seen one; 0 takes all pairs.
        state: State of the draws, uint64 (1,), moved on.
    """
    g = np.empty(X.shape[1])
    for u in range(len(X)):
        start, stop = indptr[u], indptr[u + 1]
        w = weights[start:stop] if len(weights) > 1 else weights
        draws = min(sample * (stop - start), len(Y)) if sample else 0
        if sample and not draws:
            continue
        logistic_row_gradient(indices[start:stop], w, X[u], Y, alpha, l2, draws, state, g)
        for a in range(len(g)):
            if a != fixed:
                squares[u, a] += g[a] * g[a]
                X[u, a] -= rate * g[a] / np.sqrt(1e-6 + squares[u, a])
