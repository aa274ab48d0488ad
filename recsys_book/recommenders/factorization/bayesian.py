"""Bayesian matrix factorisation: average over the factors instead of choosing some."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import wishart

from recsys_book.recommenders.factorization.als import check_positive
from recsys_book.recommenders.factorization.ratings import (
    RatingModel,
    check_at_least,
    check_table,
    grouped,
)
from recsys_book.recommenders.factorization.svd import truncated_svd

if TYPE_CHECKING:
    import scipy.sparse as sp

    from recsys_book.data import Interactions


class BayesianPMF(RatingModel):
    r"""Matrix factorisation averaged over draws from its posterior, by Gibbs sampling.

    A row of a side is normal around :math:`m + B^\top x` with covariance :math:`\Lambda^{-1}`,
    where x are the row's features. Mean, covariance, feature weights, factors and the noise of a
    rating are drawn in turn, each from its exact conditional distribution. A prediction is the mean
    over the draws after the burn-in. The penalty is thus learned, and so is its shape.

    A user without ratings has the mean prior vector; an item of the vocabulary without ratings has
    the prior that its features give it.

    Equations: eq-bpmf-row, eq-bpmf-prior

    Source: Salakhutdinov and Mnih (2008), "Bayesian Probabilistic Matrix Factorization using Markov
    Chain Monte Carlo", ICML; features: Simm et al. (2017), "Macau: Scalable Bayesian Factorization
    with High-Dimensional Side Information using MCMC", MLSP.

    Args:
        factors: Length of the vectors.
        samples: Draws that are averaged.
        burn_in: Draws before these, thrown away.
        implicit: How many singular vectors of the matrix of who rated what become features of users
            and items; 0 for none. They are computed from the training log.
        user_features: None, or a table of shape (n_users, d), standardised here.
        item_features: None, or a table of shape (n_items, d), standardised here.
        feature_l2: Prior precision of the feature weights relative to the factors', above 0.
        seed: Seed of all draws.

    Attributes:
        user_factors_: The draws side by side, shape (n_users, samples * factors), float32.
        item_factors_: Likewise, shape (n_items, samples * factors), divided by the samples, so that
            an inner product is the mean over the draws.
        user_prior_: Vector of an unknown user, shape (samples * factors,).
        item_prior_: Vector of an unknown item, shape (samples * factors,).
        noise_precision_: Precision of a rating in each draw, shape (samples,).
    """

    def __init__(
        self,
        factors: int = 20,
        samples: int = 80,
        burn_in: int = 20,
        implicit: int = 0,
        user_features: np.ndarray | None = None,
        item_features: np.ndarray | None = None,
        feature_l2: float = 50.0,
        seed: int = 0,
    ):
        self.factors = factors
        self.samples = samples
        self.burn_in = burn_in
        self.implicit = implicit
        self.user_features = user_features
        self.item_features = item_features
        self.feature_l2 = feature_l2
        self.seed = seed

    def _learn(self, interactions: Interactions) -> None:
        for name, least in (("factors", 1), ("samples", 1), ("burn_in", 0), ("implicit", 0)):
            check_at_least(name, getattr(self, name), least)
        check_positive(feature_l2=self.feature_l2)
        rng = np.random.default_rng(self.seed)
        users, items = self._sides(interactions, rng)
        kept = []
        for step in range(self.burn_in + self.samples):
            error = users.target - (users.X[users.row] * items.X[users.column]).sum(axis=1)
            precision = draw_precision(error, rng)
            users.draw(items.X, precision, rng)
            items.draw(users.X, precision, rng)
            if step >= self.burn_in:
                kept.append((users.X, items.X, users.mean, items.mean, precision))
        self._keep(kept)

    def _sides(self, log: Interactions, rng: np.random.Generator) -> tuple[_Side, _Side]:
        given = [(self.user_features, log.n_users), (self.item_features, log.n_items)]
        tables = [
            [] if table is None else [check_table(f"{name}_features", table, n)]
            for name, (table, n) in zip(("user", "item"), given)
        ]
        if self.implicit:
            for side, vectors in zip(tables, implicit_features(self.seen_, self.implicit)):
                side.append(vectors)
        y = log.value - self.mean_
        args = (self.factors, self.feature_l2, rng)
        return (
            _Side(log.user, log.item, y, log.n_users, standardised(tables[0], log.n_users), *args),
            _Side(log.item, log.user, y, log.n_items, standardised(tables[1], log.n_items), *args),
        )

    def _keep(self, kept: list[tuple]) -> None:
        P, Q, p, q, precision = zip(*kept)
        self.user_factors_ = np.concatenate(P, axis=1).astype(np.float32)
        self.item_factors_ = (np.concatenate(Q, axis=1) / len(Q)).astype(np.float32)
        self.user_prior_ = np.concatenate(p)
        self.item_prior_ = np.concatenate(q) / len(q)
        self.noise_precision_ = np.array(precision)

    def _predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        out = np.empty(len(users))
        for block in np.array_split(np.arange(len(users)), max(1, len(users) // 4096)):
            p = _rows_or(self.user_factors_, users[block], self.user_prior_)
            q = _rows_or(self.item_factors_, items[block], self.item_prior_)
            out[block] = np.einsum("nf,nf->n", p, q)
        return self.mean_ + out

    def _score(self, users: np.ndarray) -> np.ndarray:
        p = _rows_or(self.user_factors_, users, self.user_prior_)
        return self.mean_ + p @ self.item_factors_.T.astype(np.float64)


class _Side:
    """The rows of one side, their cells, features and current draws."""

    def __init__(self, row, column, target, n_rows, features, factors, feature_l2, rng):
        self.start, self.column, self.target, order = grouped(row, column, target, n_rows)
        self.row = row[order]
        self.features, self.feature_l2 = features, feature_l2
        self.X = rng.normal(0.0, 0.1, (n_rows, factors))
        self.B = np.zeros((features.shape[1], factors))

    def draw(self, other: np.ndarray, precision: float, rng: np.random.Generator) -> None:
        """Draw the prior of the rows, the feature weights, and the rows."""
        from recsys_book.recommenders.factorization.ridge_kernels import solve_rows

        R = self.X - self.features @ self.B
        self.mean, Lambda = draw_prior(R, self.B, self.feature_l2, rng)
        self.B = draw_weights(self.features, self.X - self.mean, Lambda, self.feature_l2, rng)
        expected = self.mean + self.features @ self.B
        noise, self.X = rng.normal(size=self.X.shape), np.empty_like(self.X)
        cells = (self.start, self.column, self.target)
        solve_rows(*cells, other, Lambda, expected @ Lambda, precision, noise, self.X)


def draw_prior(
    R: np.ndarray, B: np.ndarray, feature_l2: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the mean and the precision matrix of a side from their conditional distribution.

    The prior is normal-Wishart with mean 0, one imaginary row, scale I and f degrees of freedom; a
    row of B is normal with precision ``feature_l2 * Lambda``.

    Equation: eq-bpmf-prior

    Args:
        R: Factors minus what the features explain, shape (n, f).
        B: Feature weights, shape (d, f).
        feature_l2: Prior precision of the weights relative to the factors'.
        rng: Source of randomness.

    Returns:
        The mean, shape (f,), and the precision matrix, shape (f, f).
    """
    n, f = R.shape
    centre = R.mean(axis=0)
    scatter = (R - centre).T @ (R - centre) + n / (n + 1) * np.outer(centre, centre)
    scale = np.linalg.inv(np.eye(f) + scatter + feature_l2 * B.T @ B)
    Lambda = wishart.rvs(f + n + len(B), (scale + scale.T) / 2, random_state=rng)
    Lambda = np.atleast_2d(Lambda)
    root = np.linalg.cholesky((n + 1) * Lambda)
    mean = n / (n + 1) * centre + np.linalg.solve(root.T, rng.normal(size=f))
    return mean, Lambda


def draw_weights(
    F: np.ndarray, X: np.ndarray, Lambda: np.ndarray, feature_l2: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw the weights by which features explain factors.

    Equation: eq-bpmf-prior

    Args:
        F: Features, shape (n, d); d may be 0.
        X: Factors minus their mean, shape (n, f).
        Lambda: Precision of the factors, shape (f, f).
        feature_l2: Prior precision of the weights relative to the factors'.
        rng: Source of randomness.

    Returns:
        Weights, shape (d, f): a ridge regression plus noise of its posterior covariance.
    """
    K = F.T @ F + feature_l2 * np.eye(F.shape[1])
    left, right = np.linalg.cholesky(K), np.linalg.cholesky(Lambda)
    noise = rng.normal(size=(F.shape[1], X.shape[1]))
    spread = np.linalg.solve(right.T, np.linalg.solve(left.T, noise).T).T
    return np.linalg.solve(K, F.T @ X) + spread


def draw_precision(error: np.ndarray, rng: np.random.Generator) -> float:
    """Draw the precision of a rating's noise, with a gamma prior of shape 1 and rate 1.

    Args:
        error: Rating minus prediction of each cell, shape (n,).
        rng: Source of randomness.

    Returns:
        The precision, one over a variance.
    """
    return float(rng.gamma(1 + len(error) / 2, 1 / (1 + (error @ error) / 2)))


def implicit_features(seen: sp.csr_matrix, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Describe users and items by who rated what: singular vectors, and log counts.

    The matrix of ones is divided by the fourth roots of both counts first, so that the busiest rows
    do not take every direction.

    Args:
        seen: Ones where a user has rated an item, sparse (n_users, n_items).
        k: Number of singular vectors.

    Returns:
        Features of the users and of the items, each with at most k + 1 columns.
    """
    import scipy.sparse as sp

    n_u = np.maximum(np.diff(seen.indptr), 1.0)
    n_i = np.maximum(np.asarray(seen.sum(axis=0)).ravel(), 1.0)
    scaled = sp.diags_array(n_u**-0.25) @ seen @ sp.diags_array(n_i**-0.25)
    U, _, Vt = truncated_svd(sp.csr_matrix(scaled), k)
    return np.column_stack([U, np.log(n_u)]), np.column_stack([Vt.T, np.log(n_i)])


def standardised(tables: list[np.ndarray], n_rows: int) -> np.ndarray:
    """Put tables side by side with columns of mean 0 and variance 1; drop constant columns.

    Args:
        tables: Tables of n_rows rows each; may be empty.
        n_rows: Number of rows.

    Returns:
        Shape (n_rows, d); d is 0 for no table.
    """
    joined = np.column_stack(tables) if tables else np.zeros((n_rows, 0))
    sd = joined.std(axis=0)
    varies = sd > 1e-12
    return (joined[:, varies] - joined[:, varies].mean(axis=0)) / sd[varies]


def _rows_or(table: np.ndarray, positions: np.ndarray, default: np.ndarray) -> np.ndarray:
    rows = table[positions].astype(np.float64)
    rows[positions < 0] = default
    return rows
