"""Compiled half-steps of implicit ALS, checked against the equations in ``als.py``.

Every row of factors is solved by itself, so that the rows can be shared among threads and the
result is the same for any number of them. The rows are dealt out like cards to a fixed number of
hands; a hand owns its buffers. Sums may be reordered by the compiler to use vector instructions
(``reassoc``), always in the same way; infinities and NaN keep their meaning.

In all of them ``weights`` holds the r of the listed rows, one entry a row or one entry for all, and
``alpha * r`` is the confidence above one.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

HANDS = 64  # more than any number of threads here, few enough for 64 sets of buffers
GRAM_ROWS = 2048
FAST = {"reassoc", "contract", "nsz"}


@njit(cache=True, fastmath=FAST)
def dot(x, y):
    """Return the inner product of two float32 vectors, over the length of the first."""
    total = np.float32(0)
    for a in range(len(x)):
        total += x[a] * y[a]
    return total


@njit(cache=True, fastmath=FAST)
def add_products(A, x, y):
    """Add ``A @ x`` to y, four rows of A at a time, so that x is read a quarter as often."""
    n, f = A.shape
    a = 0
    while a + 4 <= n:
        g0, g1, g2, g3 = A[a], A[a + 1], A[a + 2], A[a + 3]
        s0 = s1 = s2 = s3 = np.float32(0)
        for b in range(f):
            s0 += g0[b] * x[b]
            s1 += g1[b] * x[b]
            s2 += g2[b] * x[b]
            s3 += g3[b] * x[b]
        y[a] += s0
        y[a + 1] += s1
        y[a + 2] += s2
        y[a + 3] += s3
        a += 4
    for rest in range(a, n):
        y[rest] += dot(A[rest], x)


@njit(cache=True, fastmath=FAST)
def _add_weighted_rows(Y, rows, weights, alpha, constant, sign, x, total):
    """Add ``(constant * (1 + w) + sign * w * (y . x)) * y`` to total for every listed row y of Y.

    With constant 1 and sign -1 this is a right-hand side less the product with x; with 0 and 1 the
    product alone. Four rows at a time keep the total in registers.
    """
    n, f = len(rows), len(x)
    step = 1 if len(weights) > 1 else 0
    one = np.float32(1)
    k = 0
    while k + 4 <= n:
        y0, y1, y2, y3 = Y[rows[k]], Y[rows[k + 1]], Y[rows[k + 2]], Y[rows[k + 3]]
        d0 = d1 = d2 = d3 = np.float32(0)
        for a in range(f):
            d0 += y0[a] * x[a]
            d1 += y1[a] * x[a]
            d2 += y2[a] * x[a]
            d3 += y3[a] * x[a]
        w0, w1 = alpha * weights[k * step], alpha * weights[(k + 1) * step]
        w2, w3 = alpha * weights[(k + 2) * step], alpha * weights[(k + 3) * step]
        t0 = constant * (one + w0) + sign * w0 * d0
        t1 = constant * (one + w1) + sign * w1 * d1
        t2 = constant * (one + w2) + sign * w2 * d2
        t3 = constant * (one + w3) + sign * w3 * d3
        for a in range(f):
            total[a] += t0 * y0[a] + t1 * y1[a] + t2 * y2[a] + t3 * y3[a]
        k += 4
    for rest in range(k, n):
        y0, w0 = Y[rows[rest]], alpha * weights[rest * step]
        t0 = constant * (one + w0) + sign * w0 * dot(y0, x)
        for a in range(f):
            total[a] += t0 * y0[a]


@njit(cache=True, fastmath=FAST)
def _solve_row_cg(Y, rows, weights, alpha, G, steps, x, r, p, Ap):
    """Take some conjugate-gradient steps from x towards the solution of one row, in place."""
    f = len(x)
    one, zero = np.float32(1), np.float32(0)
    r[:] = zero
    add_products(G, x, r)
    for a in range(f):
        r[a] = -r[a]
    _add_weighted_rows(Y, rows, weights, alpha, one, -one, x, r)
    p[:] = r
    rr = dot(r, r)
    for _ in range(steps):
        if rr < np.float32(1e-20):
            break
        Ap[:] = zero
        add_products(G, p, Ap)
        _add_weighted_rows(Y, rows, weights, alpha, zero, one, p, Ap)
        length = rr / dot(p, Ap)
        for a in range(f):
            x[a] += length * p[a]
            r[a] -= length * Ap[a]
        before, rr = rr, dot(r, r)
        for a in range(f):
            p[a] = r[a] + rr / before * p[a]


@njit(cache=True, fastmath=FAST)
def _add_outer_products(Y, rows, weights, alpha, start, m, A):
    """Add ``w y y.T`` of the listed rows to the lower half of A; y are m entries from start on."""
    n = len(rows)
    step = 1 if len(weights) > 1 else 0
    k = 0
    while k + 4 <= n:
        y0, y1 = Y[rows[k], start:], Y[rows[k + 1], start:]
        y2, y3 = Y[rows[k + 2], start:], Y[rows[k + 3], start:]
        w0, w1 = alpha * weights[k * step], alpha * weights[(k + 1) * step]
        w2, w3 = alpha * weights[(k + 2) * step], alpha * weights[(k + 3) * step]
        for a in range(m):
            line, t0, t1, t2, t3 = A[a], w0 * y0[a], w1 * y1[a], w2 * y2[a], w3 * y3[a]
            for b in range(a + 1):
                line[b] += t0 * y0[b] + t1 * y1[b] + t2 * y2[b] + t3 * y3[b]
        k += 4
    for rest in range(k, n):
        y0, w0 = Y[rows[rest], start:], alpha * weights[rest * step]
        for a in range(m):
            line, t0 = A[a], w0 * y0[a]
            for b in range(a + 1):
                line[b] += t0 * y0[b]


@njit(cache=True, fastmath=FAST)
def _solve_in_place(A, b, m):
    """Solve ``A x = b`` of size m by Cholesky: the lower half ends as the factor, b as x."""
    for i in range(m):
        row = A[i]
        for j in range(i):
            row[j] = (row[j] - dot(row[:j], A[j, :j])) / A[j, j]
        row[i] = np.sqrt(row[i] - dot(row[:i], row[:i]))
        b[i] = (b[i] - dot(row[:i], b[:i])) / row[i]
    for i in range(m - 1, -1, -1):
        row = A[i]
        b[i] /= row[i]
        for j in range(i):
            b[j] -= row[j] * b[i]


@njit(cache=True, fastmath=FAST)
def _solve_row_blocks(Y, rows, weights, alpha, G, block, x, scores, A, g):
    """Solve for one block of coordinates of x after the other, the rest held fixed, in place."""
    n, f = len(rows), len(x)
    step = 1 if len(weights) > 1 else 0
    for k in range(n):
        scores[k] = dot(Y[rows[k]], x)
    for start in range(0, f, block):
        m = min(block, f - start)
        for a in range(m):
            line, G_line = A[a], G[start + a]
            g[a] = -dot(G_line, x)
            for b in range(a + 1):
                line[b] = G_line[start + b]
        _add_outer_products(Y, rows, weights, alpha, start, m, A)
        for k in range(n):
            w, y = alpha * weights[k * step], Y[rows[k], start:]
            t = np.float32(1) + w - w * scores[k]
            for a in range(m):
                g[a] += t * y[a]
        _solve_in_place(A, g, m)
        for a in range(m):
            x[start + a] += g[a]
        for k in range(n):
            scores[k] += dot(g[:m], Y[rows[k], start:])


@njit(cache=True)
def _solve_hand(hand, indptr, indices, weights, alpha, X, Y, G, block, steps, longest):
    """Solve every 64th row: in blocks of coordinates, or by conjugate gradients if block is 0."""
    f = X.shape[1]
    r, p, Ap = np.empty(f, np.float32), np.empty(f, np.float32), np.empty(f, np.float32)
    A, scores = np.empty((block, block), np.float32), np.empty(longest, np.float32)
    for u in range(hand, len(X), HANDS):
        start, stop = indptr[u], indptr[u + 1]
        if start == stop:
            X[u] = 0
            continue
        w = weights[start:stop] if len(weights) == len(indices) else weights
        if block:
            _solve_row_blocks(Y, indices[start:stop], w, alpha, G, block, X[u], scores, A, r)
        else:
            _solve_row_cg(Y, indices[start:stop], w, alpha, G, steps, X[u], r, p, Ap)


@njit(cache=True, parallel=True)
def half_step(indptr, indices, weights, alpha, X, Y, G, block, steps):
    """Improve every row of X, given Y, in place.

    Args:
        indptr: Where each row's entries start, int64 (n + 1,).
        indices: The rows of Y that each row of X has seen, int32 (entries,).
        weights: Their r, float32, (entries,) or (1,).
        alpha: Confidence above one for each unit of r, float32.
        X: Factors to improve, float32 (n, f).
        Y: Factors of the other side, float32 (m, f).
        G: ``Y.T @ Y`` plus the penalty on its diagonal, float32 (f, f).
        block: Coordinates solved together; 0 for conjugate gradients.
        steps: Steps of conjugate gradients.
    """
    longest = 0
    if block:
        for u in range(len(X)):
            longest = max(longest, indptr[u + 1] - indptr[u])
    for hand in prange(HANDS):
        _solve_hand(hand, indptr, indices, weights, alpha, X, Y, G, block, steps, longest)


@njit(cache=True)
def _gram_of_rows(Y, start, stop, part):
    rows = np.arange(start, stop).astype(np.int32)
    ones = np.ones(1, np.float32)
    _add_outer_products(Y, rows, ones, np.float32(1), 0, Y.shape[1], part)


@njit(cache=True, parallel=True)
def gram(Y, l2):
    """Return ``Y.T @ Y`` plus l2 on the diagonal, float32 (f, f), summed in fixed blocks of rows.

    Args:
        Y: Factors, float32 (n, f).
        l2: Penalty.
    """
    n, f = Y.shape
    blocks = (n + GRAM_ROWS - 1) // GRAM_ROWS
    parts = np.zeros((blocks, f, f), np.float32)
    for block in prange(blocks):
        start = block * GRAM_ROWS
        _gram_of_rows(Y, start, min(n, start + GRAM_ROWS), parts[block])
    G = np.empty((f, f), np.float32)
    for a in range(f):
        for b in range(a + 1):
            total = l2 if a == b else 0.0
            for block in range(blocks):
                total += parts[block, a, b]
            G[a, b] = total
            G[b, a] = total
    return G


@njit(cache=True, fastmath=FAST)
def seen_scores(indptr, indices, P, Q):
    """Return ``p . q`` of every listed pair in float64, (entries,).

    Args:
        indptr: Where each row's entries start, int64 (n + 1,).
        indices: Rows of Q, int32 (entries,).
        P: Factors, float32 (n, f).
        Q: Factors, float32 (m, f).
    """
    scores = np.empty(len(indices), np.float64)
    for u in range(len(indptr) - 1):
        for k in range(indptr[u], indptr[u + 1]):
            total = 0.0
            for a in range(P.shape[1]):
                total += np.float64(P[u, a]) * Q[indices[k], a]
            scores[k] = total
    return scores
