"""The loops of the factorisation machine and of the hybrid factorisation, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@njit(cache=True)
def below(state: np.ndarray, n: int) -> int:
    """Draw an integer below n and move the generator (splitmix64) on.

    Args:
        state: One uint64, changed in place.
        n: Number of possible answers.

    Returns:
        An integer from 0 to n - 1.
    """
    state[0] += _GOLDEN
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    z = z ^ (z >> np.uint64(31))
    return int(z % np.uint64(n))


@njit(cache=True)
def contains(ptr: np.ndarray, idx: np.ndarray, row: int, wanted: int) -> bool:
    """Tell whether a sorted sparse row holds a column."""
    low, high = ptr[row], ptr[row + 1]
    while low < high:
        middle = (low + high) // 2
        if idx[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low < ptr[row + 1] and idx[low] == wanted


@njit(cache=True)
def gather(table, row, ids, xs, n):
    """Append a sparse row to two buffers and return how many entries they hold."""
    ptr, idx, val = table
    for p in range(ptr[row], ptr[row + 1]):
        ids[n], xs[n] = idx[p], val[p]
        n += 1
    return n


@njit(cache=True)
def add_up(ids, xs, start, end, w, V, S, Q):
    """Fill S with the sum of x v, Q with the sum of (x v)^2; return the sum of w x."""
    linear = 0.0
    S[:] = 0.0
    Q[:] = 0.0
    for a in range(start, end):
        j, x = ids[a], xs[a]
        linear += w[j] * x
        for f in range(S.shape[0]):
            product = x * V[j, f]
            S[f] += product
            Q[f] += product * product
    return linear


@njit(cache=True)
def step(param, acc, j, f, gradient, rate):
    """Take one AdaGrad step on one weight (Duchi et al. 2011)."""
    acc[j, f] += gradient * gradient
    param[j, f] -= rate * gradient / np.sqrt(acc[j, f])


@njit(cache=True)
def rating_epoch(order, user, item, value, users, items, times, params, settings):
    """Go once through the ratings, a step of AdaGrad on the squared error for each.

    Args:
        order: Row numbers in the order of the steps, shape (n,).
        user: User of each row.
        item: Item of each row.
        value: Rating of each row.
        users: Sparse table (ptr, idx, val) of the users' columns.
        items: The same of the items.
        times: The same of the rows' times.
        params: Global weight (1, 1), weights (p, 1), factors (p, f) and their accumulators.
        settings: Rate, penalty of the weights, penalty of the factors.

    Returns:
        Mean squared error over the epoch, each taken before its step.
    """
    w0, w, V, acc0, acc_w, acc_V = params
    rate, l2_w, l2_v = settings
    size = V.shape[0]
    ids, xs = np.empty(size, np.int64), np.empty(size)
    S, Q = np.empty(V.shape[1]), np.empty(V.shape[1])
    total = 0.0
    for e in order:
        n = gather(users, user[e], ids, xs, 0)
        n = gather(items, item[e], ids, xs, n)
        n = gather(times, e, ids, xs, n)
        guess = w0[0, 0] + add_up(ids, xs, 0, n, w[:, 0], V, S, Q)
        for f in range(len(S)):
            guess += 0.5 * (S[f] * S[f] - Q[f])
        error = guess - value[e]
        total += error * error
        step(w0, acc0, 0, 0, error, rate)
        for a in range(n):
            j, x = ids[a], xs[a]
            step(w, acc_w, j, 0, error * x + l2_w * w[j, 0], rate)
            for f in range(len(S)):
                slope = x * (S[f] - x * V[j, f])
                step(V, acc_V, j, f, error * slope + l2_v * V[j, f], rate)
    return total / len(order)


@njit(cache=True)
def ranking_epoch(order, user, item, users, items, times, seen, params, settings, state):
    """Go once through the events, a step on the pairwise logistic loss (BPR) for each.

    The other item of a pair is drawn from those that the user has not seen.

    Args:
        order: Row numbers in the order of the steps, shape (n,).
        user: User of each row.
        item: Item of each row.
        users: Sparse table (ptr, idx, val) of the users' columns.
        items: The same of the items.
        times: The same of the rows' times.
        seen: Users by items (ptr, idx), columns sorted.
        params: Global weight, weights (p, 1), factors (p, f) and their accumulators.
        settings: Rate, penalty of the weights, penalty of the factors.
        state: Of the generator, one uint64.

    Returns:
        Mean loss over the epoch, in nats, each taken before its step.
    """
    _, w, V, _, acc_w, acc_V = params
    rate, l2_w, l2_v = settings
    size, width = V.shape
    ids, xs = np.empty(3 * size, np.int64), np.empty(3 * size)
    S = np.empty((3, width))
    Q = np.empty((3, width))
    n_items, total = len(items[0]) - 1, 0.0
    for e in order:
        u, other = user[e], below(state, n_items)
        if contains(seen[0], seen[1], u, other):
            continue
        a = gather(times, e, ids, xs, gather(users, u, ids, xs, 0))
        b = gather(items, item[e], ids, xs, a)
        c = gather(items, other, ids, xs, b)
        add_up(ids, xs, 0, a, w[:, 0], V, S[0], Q[0])
        gap = add_up(ids, xs, a, b, w[:, 0], V, S[1], Q[1])
        gap -= add_up(ids, xs, b, c, w[:, 0], V, S[2], Q[2])
        for f in range(width):
            gap += S[0, f] * (S[1, f] - S[2, f])
            gap += 0.5 * (S[1, f] ** 2 - Q[1, f] - S[2, f] ** 2 + Q[2, f])
        g = -1.0 / (1.0 + np.exp(gap))  # derivative of log(1 + exp(-gap))
        total += np.log1p(np.exp(-gap)) if gap > 0 else np.log1p(np.exp(gap)) - gap
        for p in range(c):
            j, x = ids[p], xs[p]
            sign = 0.0 if p < a else (1.0 if p < b else -1.0)
            if sign != 0.0:
                step(w, acc_w, j, 0, g * sign * x + l2_w * w[j, 0], rate)
            own = 1 if p < b else 2
            for f in range(width):
                slope = x * (S[1, f] - S[2, f])
                if sign != 0.0:
                    slope = sign * x * (S[0, f] + S[own, f] - x * V[j, f])
                step(V, acc_V, j, f, g * slope + l2_v * V[j, f], rate)
    return total / len(order)


@njit(cache=True)
def warp_epoch(order, user, item, users, items, seen, params, settings, state):
    """Go once through the events, looking for an item that wrongly scores within the margin.

    The fewer draws it takes to find one, the lower the event's item must stand, and the larger the
    step (Weston et al. 2011).

    Args:
        order: Row numbers in the order of the steps, shape (n,).
        user: User of each row.
        item: Item of each row.
        users: Sparse table (ptr, idx, val) of the users' columns.
        items: The same of the items.
        seen: Users by items (ptr, idx), columns sorted.
        params: Weights (p, 1), factors (p, f) and their accumulators.
        settings: Rate, penalty, largest weight of a step, largest number of draws.
        state: Of the generator, one uint64.

    Returns:
        The share of the events for which such an item was found.
    """
    w, V, acc_w, acc_V = params
    rate, l2, max_weight, max_draws = settings
    width = V.shape[1]
    S, Q = np.empty((3, width)), np.empty(width)
    ids, xs = np.empty(V.shape[0], np.int64), np.empty(V.shape[0])
    n_items, found = len(items[0]) - 1, 0
    for e in order:
        u, i = user[e], item[e]
        n = gather(users, u, ids, xs, 0)
        add_up(ids, xs, 0, n, w[:, 0], V, S[0], Q)
        n = gather(items, i, ids, xs, 0)
        good = add_up(ids, xs, 0, n, w[:, 0], V, S[1], Q) + np.dot(S[0], S[1])
        for draw in range(1, int(max_draws) + 1):
            j = below(state, n_items)
            if contains(seen[0], seen[1], u, j):
                continue
            n = gather(items, j, ids, xs, 0)
            bad = add_up(ids, xs, 0, n, w[:, 0], V, S[2], Q) + np.dot(S[0], S[2])
            if bad > good - 1.0:
                found += 1
                g = min(max_weight, np.log(max(1.0, (n_items - 1) // draw)))
                pull(users, u, S[1] - S[2], -g, 0.0, V, acc_V, w, acc_w, rate, l2)
                pull(items, i, S[0], -g, -g, V, acc_V, w, acc_w, rate, l2)
                pull(items, j, S[0], g, g, V, acc_V, w, acc_w, rate, l2)
                break
    return found / len(order)


@njit(cache=True)
def pull(table, row, direction, g, g_bias, V, acc_V, w, acc_w, rate, l2):
    """Move every feature of a row by g times a direction, and its bias by g_bias."""
    ptr, idx, val = table
    for p in range(ptr[row], ptr[row + 1]):
        j, x = idx[p], val[p]
        if g_bias != 0.0:
            step(w, acc_w, j, 0, g_bias * x + l2 * w[j, 0], rate)
        for f in range(V.shape[1]):
            step(V, acc_V, j, f, g * x * direction[f] + l2 * V[j, f], rate)
