"""Claims that the chapter on factorisation runs, one function an entry."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import lsqr


def cf_01_regression_on_one_hot_ids(
    user: np.ndarray, item: np.ndarray, rating: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    r"""CF-01: linear regression offered as a matrix factorisation.

    Article S1 §2.1.2, text and diagram: linear regression stands beside the singular value
    decomposition as a way to factorise the rating matrix. On one-hot user and item ids a regression
    has one weight a user and one an item, so it can only learn :math:`\mu + b_u + b_i`: no user
    can prefer what another one avoids.

    Args:
        user: User of each rating, shape (n,).
        item: Item of each rating, shape (n,).
        rating: Ratings, shape (n,).
        shape: Numbers of users and items.

    Returns:
        The least-squares prediction of every cell, of that shape.
    """
    mean, rows = rating.mean(), np.arange(len(rating))
    columns = np.r_[user, shape[0] + item]
    design = sp.csr_matrix((np.ones(2 * len(rating)), (np.r_[rows, rows], columns)))
    design.resize(len(rating), sum(shape))
    weights = lsqr(design, rating - mean, atol=1e-8, btol=1e-8)[0]
    return mean + weights[: shape[0], None] + weights[shape[0] :]


def cf_02_svd_of_a_matrix_with_holes(
    user: np.ndarray, item: np.ndarray, rating: np.ndarray, shape: tuple[int, int], k: int
) -> np.ndarray:
    """CF-02: the singular value decomposition applied to ratings as they are.

    Article S1 §2.1.2: SVD "将用户-物品评分矩阵分解为用户特征矩阵和物品特征矩阵" (decomposes the
    user-item rating matrix into a user matrix and an item matrix). Most cells have no rating. The
    decomposition needs a full matrix, so the holes become zeros, and it explains these.

    Args:
        user: User of each rating, shape (n,).
        item: Item of each rating, shape (n,).
        rating: Ratings, shape (n,).
        shape: Numbers of users and items.
        k: Rank.

    Returns:
        The matrix of rank k, of that shape.
    """
    filled = np.zeros(shape)
    filled[user, item] = rating
    return _truncated(filled, k)


def cf_12_interactions_overwritten(
    ratings: np.ndarray, observed: np.ndarray, k: int, rounds: int
) -> np.ndarray:
    r"""CF-12: the interaction matrix replaced by what the model predicts.

    Article S4 §4.2, step 3: ``R \leftarrow \text{BERT}(u_i, v_j, W)``. R is the data. Once it
    is overwritten, the next round fits the model to its own output, and nothing is left to correct
    it. A factorisation of rank k stands in for the model here.

    Args:
        ratings: The matrix; only the observed cells are read, shape (m, n).
        observed: Which cells are observed, shape (m, n).
        k: Rank.
        rounds: How often the matrix is overwritten.

    Returns:
        The matrix after these rounds, shape (m, n).
    """
    R = np.where(observed, ratings, 0.0)
    for _ in range(rounds):
        R = _truncated(R, k)
    return R


def _truncated(X: np.ndarray, k: int) -> np.ndarray:
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    return (U[:, :k] * s[:k]) @ Vt[:k]
