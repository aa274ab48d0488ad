"""Compiled epochs of stochastic descent over pairs of items, checked against the plain steps.

The draws come from a small generator of our own (splitmix64), so that the same seed gives the same
model on every machine and nothing touches a global state.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def draw(state, n):
    """Return the next whole number from 0 to n - 1, and move the state, uint64 (1,), on."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) % np.uint64(n))


@njit(cache=True)
def has_seen(indptr, indices, user, item):
    """Return whether the item is in the user's sorted history."""
    low, high = indptr[user], indptr[user + 1]
    while low < high:
        middle = (low + high) // 2
        if indices[middle] < item:
            low = middle + 1
        else:
            high = middle
    return low < indptr[user + 1] and indices[low] == item


@njit(cache=True)
def draw_event(state, indptr, indices, n_items):
    """Return a seen pair and the length of the history it was drawn from: user, item, length."""
    k = draw(state, len(indices))
    user = np.searchsorted(indptr, k, side="right") - 1
    return user, np.int64(indices[k]), indptr[user + 1] - indptr[user]


@njit(cache=True)
def score(P, Q, b, u, i):
    """Return the score of one pair."""
    total = b[i]
    for a in range(P.shape[1]):
        total += P[u, a] * Q[i, a]
    return total


@njit(cache=True)
def bpr_epoch(indptr, indices, P, Q, b, rate, l2, bias_rate, state):
    """Take one step for each event of the log, events and unseen items drawn at random.

    Args:
        indptr: Where each user's history starts, int64 (n_users + 1,).
        indices: Items of the histories, sorted in each, int32 (entries,).
        P: User factors, float64 (n_users, f), changed in place.
        Q: Item factors, float64 (n_items, f), changed in place.
        b: Item biases, float64 (n_items,), changed in place.
        rate: Learning rate of the factors.
        l2: Penalty.
        bias_rate: Learning rate of the biases.
        state: State of the draws, uint64 (1,), changed in place.
    """
    n_items, f = Q.shape
    for _ in range(len(indices)):
        u, i, length = draw_event(state, indptr, indices, n_items)
        if length == n_items:
            continue
        j = draw(state, n_items)
        while has_seen(indptr, indices, u, j):
            j = draw(state, n_items)
        margin = score(P, Q, b, u, i) - score(P, Q, b, u, j)
        wrong = 1 / (1 + np.exp(margin))
        for a in range(f):
            p, qi, qj = P[u, a], Q[i, a], Q[j, a]
            P[u, a] += rate * (wrong * (qi - qj) - l2 * p)
            Q[i, a] += rate * (wrong * p - l2 * qi)
            Q[j, a] += rate * (-wrong * p - l2 * qj)
        b[i] += bias_rate * (wrong - l2 * b[i])
        b[j] += bias_rate * (-wrong - l2 * b[j])


@njit(cache=True)
def _adagrad(table, squares, row, a, gradient, rate):
    """Take one step on one weight."""
    squares[row, a] += gradient * gradient
    table[row, a] -= rate * gradient / np.sqrt(1 + squares[row, a])


@njit(cache=True)
def warp_epoch(indptr, indices, P, Q, b, squares, rate, l2, tries, weights, state):
    """Take one step for each event whose rank is found wanting.

    Args:
        indptr: Where each user's history starts, int64 (n_users + 1,).
        indices: Items of the histories, sorted in each, int32 (entries,).
        P: User factors, float64 (n_users, f), changed in place.
        Q: Item factors, float64 (n_items, f), changed in place.
        b: Item biases, float64 (n_items, 1), changed in place.
        squares: Sums of squared gradients of the three, changed in place.
        rate: Learning rate.
        l2: Penalty.
        tries: How many unseen items are drawn at most before an event is left alone.
        weights: Weight of each estimated rank, float64 (n_items,).
        state: State of the draws, uint64 (1,), changed in place.
    """
    n_items, f = Q.shape
    for _ in range(len(indices)):
        u, i, length = draw_event(state, indptr, indices, n_items)
        if length == n_items:
            continue
        good = score(P, Q, b[:, 0], u, i)
        for trial in range(1, tries + 1):
            j = draw(state, n_items)
            while has_seen(indptr, indices, u, j):
                j = draw(state, n_items)
            if score(P, Q, b[:, 0], u, j) > good - 1:
                weight = weights[(n_items - 1) // trial]
                for a in range(f):
                    p, qi, qj = P[u, a], Q[i, a], Q[j, a]
                    _adagrad(P, squares[0], u, a, weight * (qj - qi) + l2 * p, rate)
                    _adagrad(Q, squares[1], i, a, -weight * p + l2 * qi, rate)
                    _adagrad(Q, squares[1], j, a, weight * p + l2 * qj, rate)
                _adagrad(b, squares[2], i, 0, -weight + l2 * b[i, 0], rate)
                _adagrad(b, squares[2], j, 0, weight + l2 * b[j, 0], rate)
                break
