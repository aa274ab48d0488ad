"""The singular value decomposition: exact on full matrices, and what to do about holes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.biases import UserItemBias
from recsys_book.recommenders.factorization.ratings import FactorModel, check_at_least

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def truncated_svd(
    X: np.ndarray | sp.csr_matrix, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the k largest singular values and their vectors.

    Equation: eq-eckart-young

    Args:
        X: Matrix of shape (m, n), dense or sparse.
        k: How many; more than the smaller side has are not returned.

    Returns:
        U (m, k), singular values (k,), largest first, and V transposed (k, n). The largest entry of
        each row of V transposed is positive, so that the signs are always the same.
    """
    check_at_least("k", k, 1)
    if k < min(X.shape) and abs(X).max() > 0:
        start = np.random.default_rng(0).normal(size=min(X.shape))
        U, s, Vt = svds(X, k=k, v0=start)
        order = np.argsort(-s, kind="stable")
        U, s, Vt = U[:, order], s[order], Vt[order]
    else:
        dense = X.toarray() if sp.issparse(X) else X
        U, s, Vt = np.linalg.svd(dense, full_matrices=False)
        U, s, Vt = U[:, :k], s[:k], Vt[:k]
    sign = np.sign(Vt[np.arange(len(s)), np.abs(Vt).argmax(axis=1)])
    sign[sign == 0] = 1.0
    return U * sign, s, Vt * sign[:, None]


def rank_error(s: np.ndarray, k: int) -> float:
    """Return the smallest Frobenius error that a matrix of rank k can leave.

    Equation: eq-eckart-young

    Args:
        s: All singular values, largest first.
        k: The rank.

    Returns:
        The root of the sum of the squares of the values that are cut off.
    """
    return float(np.sqrt((np.asarray(s)[k:] ** 2).sum()))


class PureSVD(BaseRecommender):
    r"""Score items by projecting a history of ones on the strongest directions of the catalogue.

    With V the first right singular vectors, the scores of a history x are :math:`x V V^\top`. A
    value counts one, whatever it is. A user without history gets the popularity of the items.

    Equation: eq-eckart-young

    Source: Cremonesi, Koren and Turrin (2010), "Performance of Recommender Algorithms on Top-N
    Recommendation Tasks", RecSys.

    Args:
        factors: Number of directions; more than the smaller side of the matrix are not used.

    Attributes:
        item_factors_: The right singular vectors as columns, shape (n_items, factors).
        singular_values_: Shape (factors,), largest first.
    """

    def __init__(self, factors: int = 16):
        self.factors = factors

    def _fit(self, interactions: Interactions) -> None:
        check_at_least("factors", self.factors, 1)
        _, self.singular_values_, Vt = truncated_svd(self.seen_, self.factors)
        self.item_factors_ = Vt.T

    def _score(self, users: np.ndarray) -> np.ndarray:
        return (self.seen_[users] @ self.item_factors_) @ self.item_factors_.T


FILLS = ("zero", "biases", "hard", "soft")


class RatingSVD(FactorModel):
    """The SVD of a rating matrix whose holes were filled in one of four ways.

    ``"zero"`` reads a hole as a rating of 0 and shows why that fails. ``"biases"`` fills the holes
    with biases and decomposes once. ``"hard"`` repeats: the holes get the low-rank values of the
    round before, the observed cells their ratings. ``"soft"`` does the same and takes ``shrink``
    from every singular value, which minimises the observed error plus a penalty on their sum.

    Equations: eq-eckart-young, eq-soft-impute

    Source: Mazumder, Hastie and Tibshirani (2010), "Spectral Regularization Algorithms for Learning
    Large Incomplete Matrices", JMLR 11.

    Args:
        factors: Rank.
        fill: ``"zero"``, ``"biases"``, ``"hard"`` or ``"soft"``.
        shrink: What ``"soft"`` takes from each singular value.
        iterations: Rounds of ``"hard"`` and ``"soft"``.
    """

    def __init__(
        self, factors: int = 10, fill: str = "soft", shrink: float = 10.0, iterations: int = 30
    ):
        self.factors = factors
        self.fill = fill
        self.shrink = shrink
        self.iterations = iterations

    def _learn(self, interactions: Interactions) -> None:
        if self.fill not in FILLS:
            raise ValueError(f"fill is {self.fill!r}; use one of {', '.join(FILLS)}.")
        check_at_least("factors", self.factors, 1)
        check_at_least("shrink", self.shrink, 0)
        check_at_least("iterations", self.iterations, 1)
        R = self._residual(interactions)
        rounds = self.iterations if self.fill in ("hard", "soft") else 1
        shrink = self.shrink if self.fill == "soft" else 0.0
        U, s, Vt = impute(R, self.factors, shrink, rounds)
        self.user_factors_, self.item_factors_ = U * np.sqrt(s), Vt.T * np.sqrt(s)

    def _residual(self, log: Interactions) -> sp.csr_matrix:
        """The matrix whose holes are 0: the ratings themselves, or what biases leave of them."""
        if self.fill == "zero":
            self.mean_ = 0.0
            self.user_bias_, self.item_bias_ = np.zeros(log.n_users), np.zeros(log.n_items)
            return log.to_csr().astype(np.float64)
        biases = UserItemBias().fit(log)
        self.user_bias_, self.item_bias_ = biases.user_bias_, biases.item_bias_
        return log.to_csr(log.value - biases.predict(log.user, log.item))


def impute(
    R: sp.csr_matrix, k: int, shrink: float, rounds: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Repeat: restore the observed cells, decompose, shrink the singular values.

    The full matrix is never written down. It is the sparse difference on the observed cells plus a
    matrix of low rank, and both multiply vectors cheaply.

    Equation: eq-soft-impute

    Args:
        R: Observed cells, sparse (m, n); an observed zero must be stored.
        k: Rank that is kept.
        shrink: Taken from every singular value, not below 0.
        rounds: Number of rounds; the first one starts from holes of 0.

    Returns:
        U (m, k), shrunken singular values (k,), V transposed (k, n).
    """
    row, column = np.repeat(np.arange(R.shape[0]), np.diff(R.indptr)), R.indices
    k = min(k, *R.shape)
    U, s, Vt = truncated_svd(R, k)
    for _ in range(rounds - 1):
        s = np.maximum(s - shrink, 0.0)
        fitted = np.einsum("nk,nk->n", (U * s)[row], Vt.T[column])
        difference = sp.csr_matrix((R.data - fitted, R.indices, R.indptr), shape=R.shape)
        U, s, Vt = _refine(difference, U * s, Vt, Vt.T)
    return U, np.maximum(s - shrink, 0.0), Vt


def _refine(
    S: sp.csr_matrix, A: np.ndarray, B: np.ndarray, V: np.ndarray, passes: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Leading singular vectors of S + A B from a good guess V, by subspace iteration.

    From one round of imputation to the next the matrix changes little, so that a few products from
    where the last round ended replace a decomposition from nothing.
    """
    T = S.T.tocsr()
    for _ in range(passes):
        Q, _ = np.linalg.qr(S @ V + A @ (B @ V))
        Z = T @ Q + B.T @ (A.T @ Q)
        V, _ = np.linalg.qr(Z)
    small, s, Wt = np.linalg.svd(Z.T, full_matrices=False)
    return Q @ small, s, Wt
