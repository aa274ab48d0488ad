"""Stochastic gradient descent over observed cells, one cell after the other, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def mf_epoch(
    user: np.ndarray,
    item: np.ndarray,
    value: np.ndarray,
    order: np.ndarray,
    mean: float,
    rate: float,
    l2: float,
    b_u: np.ndarray,
    b_i: np.ndarray,
    P: np.ndarray,
    Q: np.ndarray,
) -> None:
    """Visit every cell once and take one gradient step for each; parameters change in place.

    Equation: eq-mf-sgd

    Args:
        user: User of each cell, shape (n,).
        item: Item of each cell, shape (n,).
        value: Rating of each cell, shape (n,).
        order: In which order the cells are visited, shape (n,).
        mean: Global mean rating.
        rate: Step size.
        l2: Penalty at each visit.
        b_u: User biases, shape (n_users,).
        b_i: Item biases, shape (n_items,).
        P: User factors, shape (n_users, f).
        Q: Item factors, shape (n_items, f).
    """
    f = P.shape[1]
    for cell in order:
        u, i = user[cell], item[cell]
        dot = 0.0
        for j in range(f):
            dot += P[u, j] * Q[i, j]
        e = value[cell] - (mean + b_u[u] + b_i[i] + dot)
        b_u[u] += rate * (e - l2 * b_u[u])
        b_i[i] += rate * (e - l2 * b_i[i])
        for j in range(f):
            p, q = P[u, j], Q[i, j]
            P[u, j] += rate * (e * q - l2 * p)
            Q[i, j] += rate * (e * p - l2 * q)


@njit(cache=True)
def svdpp_epoch(
    users: np.ndarray,
    start: np.ndarray,
    item: np.ndarray,
    value: np.ndarray,
    mean: float,
    rate: float,
    l2: float,
    b_u: np.ndarray,
    b_i: np.ndarray,
    P: np.ndarray,
    Q: np.ndarray,
    Y: np.ndarray,
) -> None:
    """One epoch of SVD++, user by user, at the cost of plain factorisation.

    At each cell every implicit vector of the user's history makes the same affine step
    ``y <- d y + c``. So the steps of all the user's cells are composed into one, and only the sum
    of the vectors is carried along from cell to cell. Nothing is approximated.

    Equations: eq-svdpp, eq-svdpp-affine

    Args:
        users: In which order the users are visited, shape (n_users,).
        start: First cell of each user, shape (n_users + 1,).
        item: Item of each cell, shape (n,).
        value: Rating of each cell, shape (n,).
        mean: Global mean rating.
        rate: Step size.
        l2: Penalty at each visit.
        b_u: User biases, shape (n_users,).
        b_i: Item biases, shape (n_items,).
        P: User factors, shape (n_users, f).
        Q: Item factors, shape (n_items, f).
        Y: Implicit item vectors, shape (n_items, f).
    """
    f, d = P.shape[1], 1.0 - rate * l2
    for u in users:
        history = item[start[u] : start[u + 1]]
        n = len(history)
        root = np.sqrt(float(n))
        z, C, D = np.zeros(f), np.zeros(f), d**n
        for h in history:
            for j in range(f):
                z[j] += Y[h, j] / root
        for cell in range(start[u], start[u + 1]):
            i, dot = item[cell], 0.0
            for j in range(f):
                dot += Q[i, j] * (P[u, j] + z[j])
            e = value[cell] - (mean + b_u[u] + b_i[i] + dot)
            b_u[u] += rate * (e - l2 * b_u[u])
            b_i[i] += rate * (e - l2 * b_i[i])
            for j in range(f):
                p, q = P[u, j], Q[i, j]
                P[u, j] += rate * (e * q - l2 * p)
                Q[i, j] += rate * (e * (p + z[j]) - l2 * q)
                c = rate * e * q / root
                C[j] = d * C[j] + c
                z[j] = d * z[j] + root * c
        for h in history:
            for j in range(f):
                Y[h, j] = D * Y[h, j] + C[j]
