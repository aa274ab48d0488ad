"""Ridge regressions of many rows at once, compiled: the inner loop of ALS and of Gibbs sampling."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def solve_rows(
    start: np.ndarray,
    column: np.ndarray,
    target: np.ndarray,
    features: np.ndarray,
    precision: np.ndarray,
    linear: np.ndarray,
    weight: float,
    noise: np.ndarray,
    out: np.ndarray,
) -> None:
    """Solve one ridge regression a row, and add noise with its posterior covariance.

    Row ``r`` has the cells ``start[r]:start[r + 1]``. With A its rows of features and y its
    targets the result is ``M^-1 (linear[r] + weight A^T y) + L^-T noise[r]``, where
    ``M = precision + weight A^T A = L L^T``. With zero noise this is the normal equation of ALS;
    with standard normal noise it is a draw from the Gaussian posterior of the row.

    Equation: eq-als-normal

    Args:
        start: First cell of each row, shape (n_rows + 1,).
        column: Row of the feature table that each cell uses, shape (n_cells,).
        target: What each cell should be, shape (n_cells,).
        features: Feature table, shape (n_columns, f).
        precision: Prior precision of a row (the penalty matrix), shape (f, f).
        linear: Prior precision times prior mean of each row, shape (n_rows, f).
        weight: Precision of a cell's noise; 1 for plain ridge regression.
        noise: Standard normal numbers or zeros, shape (n_rows, f).
        out: Where the results are written, shape (n_rows, f).
    """
    f = features.shape[1]
    M, b = np.empty((f, f)), np.empty(f)
    for r in range(len(start) - 1):
        M[:] = precision
        b[:] = linear[r]
        for cell in range(start[r], start[r + 1]):
            a = features[column[cell]]
            wy = weight * target[cell]
            for j in range(f):
                b[j] += wy * a[j]
                wa = weight * a[j]
                for k in range(j + 1):
                    M[j, k] += wa * a[k]
        _cholesky(M)
        _solve(M, b, noise[r])
        out[r] = b


@njit(cache=True)
def _cholesky(M: np.ndarray) -> None:
    """Write the lower Cholesky factor of a positive-definite matrix over its lower half."""
    for j in range(len(M)):
        for i in range(j, len(M)):
            s = M[i, j]
            for k in range(j):
                s -= M[i, k] * M[j, k]
            M[i, j] = np.sqrt(s) if i == j else s / M[j, j]


@njit(cache=True)
def _solve(L: np.ndarray, b: np.ndarray, noise: np.ndarray) -> None:
    """Replace b by ``L^-T (L^-1 b + noise)``."""
    f = len(b)
    for i in range(f):
        s = b[i]
        for k in range(i):
            s -= L[i, k] * b[k]
        b[i] = s / L[i, i]
    for i in range(f):
        b[i] += noise[i]
    for i in range(f - 1, -1, -1):
        s = b[i]
        for k in range(i + 1, f):
            s -= L[k, i] * b[k]
        b[i] = s / L[i, i]
