"""Where a learner of user vectors starts: item rows and prior that know what is on the label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.meta_learning.cold_start.baselines import WarmBiases
from recsys_book.meta_learning.cold_start.bayes import alternating_factors, prior_of_users

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class FactorTables:
    r"""Item rows, and what a user is like before the first rating.

    A rating is :math:`\mu + b_i + a_i^\top w_u` plus noise, with :math:`a_i=(1,q_i)` and
    :math:`w_u \sim N(m + M^\top x_u, \Sigma)`.

    Attributes:
        bias: Item biases, shape (n_items,).
        vectors: Item vectors with a one in front, shape (n_items, 1 + f).
        bias_weights: What the features of items say of the bias, shape (d_i,).
        vector_weights: What they say of the vectors, shape (d_i, 1 + f); the first column is zero.
        mean: Prior mean of a user with average features, shape (1 + f,).
        user_weights: What features of users add to it, shape (d_u, 1 + f).
        cov: Prior covariance, shape (1 + f, 1 + f).
        noise: Variance of a rating's noise.
    """

    bias: np.ndarray
    vectors: np.ndarray
    bias_weights: np.ndarray
    vector_weights: np.ndarray
    mean: np.ndarray
    user_weights: np.ndarray
    cov: np.ndarray
    noise: float

    def with_unknown_item(self) -> FactorTables:
        """Return the tables with one more item, of which only the user's bias is predicted."""
        row = np.eye(1, self.vectors.shape[1])
        return replace(self, bias=np.append(self.bias, 0.0), vectors=np.vstack([self.vectors, row]))

    def whitened(self) -> FactorTables:
        r"""Change the coordinates of users so that the prior is N(M'x, I); nothing else changes.

        With :math:`\Sigma=LL^\top` the new vector is :math:`z=L^{-1}(w-m)`, and item vectors
        become :math:`L^\top a_i`. A plain gradient step on z is a step on w that is
        preconditioned by the prior covariance.
        """
        L = np.linalg.cholesky(self.cov)
        return FactorTables(
            self.bias + self.vectors @ self.mean,
            self.vectors @ L,
            self.bias_weights + self.vector_weights @ self.mean,
            self.vector_weights @ L,
            np.zeros_like(self.mean),
            np.linalg.solve(L, self.user_weights.T).T,
            np.eye(len(L)),
            self.noise,
        )

    def __post_init__(self) -> None:
        """Refuse tables that are not finite."""
        if not all(np.isfinite(table).all() for table in vars(self).values()):
            raise ValueError("The tables of factors are not finite; raise l2 or use fewer factors.")


@dataclass(frozen=True)
class _Cells:
    """The ratings of the known users that have any, as sparse tables."""

    rated: sp.csr_matrix
    values: sp.csr_matrix
    X: np.ndarray
    U: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        return np.asarray(self.rated.sum(axis=0)).ravel()


def plain_start(
    warm: Interactions,
    biases: WarmBiases,
    X: np.ndarray,
    U: np.ndarray,
    factors: int,
    l2: float,
    seed: int = 0,
) -> FactorTables:
    """Return alternating-least-squares rows and the prior that the known users form.

    Args:
        warm: Ratings of the known users.
        biases: Their biases.
        X: Centred features of the items, shape (n_items, d_i); not used yet, their weights are 0.
        U: Centred features of the users, shape (n_users, d_u); the same.
        factors: Length of the vectors.
        l2: Penalty of both sides.
        seed: Seed of the items' starting vectors.

    Returns:
        The tables of empirical-Bayes factors.
    """
    P, Q = alternating_factors(warm, biases.residuals(warm), factors, l2, seed=seed)
    known = np.bincount(warm.user, minlength=warm.n_users) > 0
    prior = prior_of_users(np.column_stack([biases.user, P])[known])
    return FactorTables(
        biases.item[:-1].copy(),
        np.column_stack([np.ones(len(Q)), Q]),
        np.zeros(X.shape[1]),
        np.zeros((X.shape[1], factors + 1)),
        prior.mean,
        np.zeros((U.shape[1], factors + 1)),
        prior.cov + 1e-6 * np.eye(factors + 1),
        0.7,
    )


def hierarchical_start(
    warm: Interactions,
    start: FactorTables,
    X: np.ndarray,
    U: np.ndarray,
    *,
    sweeps: int = 10,
    l2: float = 80.0,
    l2_bias: float = 3.0,
    feature_l2: float = 5.0,
    user_l2: float = 20.0,
) -> FactorTables:
    """Improve item rows, prior and noise by expectation-maximisation, features on both sides.

    A sweep computes the posterior of every known user, regresses each item's ratings on it (the
    users' uncertainty included), shrinks item rows towards what the item's features predict, and
    resets the prior of users to what their features predict and the rest's covariance.

    Source: Agarwal and Chen (2009), "Regression-based Latent Factor Models", KDD.

    Args:
        warm: Ratings of the known users.
        start: Where to begin.
        X: Centred features of the items, shape (n_items, d_i); may have no column.
        U: Centred features of the users, shape (n_users, d_u); may have no column.
        sweeps: Number of sweeps.
        l2: Penalty of an item vector's distance from what its features predict.
        l2_bias: The same for the bias.
        feature_l2: Penalty of the weights of the items' features, in items.
        user_l2: Penalty of the weights of the users' features, in users.

    Returns:
        The tables.
    """
    known = np.bincount(warm.user, minlength=warm.n_users) > 0
    above, pairs = warm.value - warm.value.mean(), (warm.user, warm.item)
    shape = (warm.n_users, warm.n_items)
    tables = (sp.csr_matrix((v, pairs), shape)[known] for v in (np.ones(len(above)), above))
    cells, now = _Cells(*tables, X, U[known]), start
    for _ in range(sweeps):
        W, V, noise = _posteriors(cells, now)
        now = _item_step(cells, replace(now, noise=noise), W, V, l2, l2_bias, feature_l2)
        now = _user_step(cells, now, W, V, user_l2)
    return now


def _posteriors(cells: _Cells, now: FactorTables) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the known users' posterior means (n, f), covariances (n, f, f), and the noise."""
    A, f = now.vectors, now.vectors.shape[1]
    inverse = np.linalg.inv(now.cov)
    gram = (cells.rated @ (A[:, :, None] * A[:, None, :]).reshape(-1, f * f)).reshape(-1, f, f)
    V = np.linalg.inv(gram / now.noise + inverse)
    left = cells.values - cells.rated.multiply(now.bias).tocsr()
    right = left @ A / now.noise + (now.mean + cells.U @ now.user_weights) @ inverse
    W = (V @ right[:, :, None])[:, :, 0]
    second = V + W[:, :, None] * W[:, None, :]
    square = left.multiply(left).sum() - 2 * np.sum(W * (left @ A)) + np.sum(second * gram)
    return W, V, float(square / cells.rated.sum())


def _item_step(cells, now: FactorTables, W, V, l2, l2_bias, feature_l2) -> FactorTables:
    """Regress the ratings of each item on its raters, shrunk towards what its features say."""
    n, f = W.shape
    second = (V + W[:, :, None] * W[:, None, :]).reshape(n, f * f)
    G = (cells.rated.T @ second).reshape(-1, f, f)  # rows: a user's bias, then his factors
    sums = cells.rated.T @ W
    K = G.copy()
    K[:, 0, 0], K[:, 0, 1:], K[:, 1:, 0] = cells.counts, sums[:, 1:], sums[:, 1:]
    right = np.column_stack(
        [np.asarray(cells.values.sum(axis=0)).ravel(), cells.values.T @ W[:, 1:]]
    )
    right -= np.column_stack([sums[:, 0], G[:, 0, 1:]])
    penalty = np.r_[l2_bias, np.full(f - 1, l2)]
    said = np.column_stack([cells.X @ now.bias_weights, cells.X @ now.vector_weights[:, 1:]])
    K = K + np.diag(penalty)
    rows = np.linalg.solve(K, (right + said * penalty)[:, :, None])[:, :, 0]
    of_bias = _weights(cells.X, rows[:, :1], cells.counts / (cells.counts + l2_bias), feature_l2)
    of_rest = _weights(cells.X, rows[:, 1:], cells.counts / (cells.counts + l2), feature_l2)
    return replace(
        now,
        bias=rows[:, 0],
        vectors=np.column_stack([np.ones(len(rows)), rows[:, 1:]]),
        bias_weights=of_bias[:, 0],
        vector_weights=np.column_stack([np.zeros(cells.X.shape[1]), of_rest]),
    )


def _weights(X: np.ndarray, Y: np.ndarray, weight: np.ndarray, l2: float) -> np.ndarray:
    WX = X * weight[:, None]
    return np.linalg.solve(WX.T @ X + l2 * np.eye(X.shape[1]), WX.T @ Y)


def _user_step(cells, now: FactorTables, W, V, user_l2) -> FactorTables:
    """Set the prior of users to their mean, their features' part and the covariance of the rest.

    The factors of users get covariance one, their scale goes to the items: else the penalty of
    item vectors would mean less and less.
    """
    f = W.shape[1]
    M = _weights(cells.U, W - W.mean(axis=0), np.ones(len(W)), user_l2)
    left = W - cells.U @ M
    mean = left.mean(axis=0)
    cov = ((left - mean).T @ (left - mean) + V.sum(axis=0)) / len(W) + 1e-9 * np.eye(f)
    C = np.eye(f)
    C[1:, 1:] = np.linalg.cholesky(cov[1:, 1:])
    D = np.linalg.inv(C)
    return replace(
        now,
        vectors=now.vectors @ C,
        vector_weights=now.vector_weights @ C,
        mean=D @ mean,
        user_weights=M @ D.T,
        cov=D @ cov @ D.T,
    )
