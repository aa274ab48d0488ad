"""A newcomer as a draw from the known users: a prior, and what each rating adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import scipy.sparse as sp

from recsys_book.meta_learning.cold_start.baselines import NewcomerModel

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class Belief:
    r"""What is believed of a user's vector z: normal with a mean and a covariance.

    Leading axes are allowed: one belief a draw, or one a user.

    Attributes:
        mean: Shape (..., f).
        cov: Shape (..., f, f).
    """

    mean: np.ndarray
    cov: np.ndarray

    def after(self, A: np.ndarray, e: np.ndarray, noise: float | np.ndarray) -> Self:
        r"""Return the belief after k ratings at once.

        :math:`m + \Sigma A^\top (A\Sigma A^\top + \sigma^2 I)^{-1}(e - Am)`, and the covariance
        that goes with it. The system has k equations, not f.

        Equation: eq-posterior-user.

        Args:
            A: Vectors of the rated items, shape (..., k, f); k may be 0.
            e: Their residuals, shape (..., k).
            noise: Variance of a rating's noise, shape (...).

        Returns:
            The posterior.
        """
        AS = A @ self.cov
        K = AS @ np.swapaxes(A, -1, -2) + np.asarray(noise)[..., None, None] * np.eye(A.shape[-2])
        gain = np.swapaxes(np.linalg.solve(K, AS), -1, -2)
        surprise = e - (A @ self.mean[..., None])[..., 0]
        return type(self)(self.mean + (gain @ surprise[..., None])[..., 0], self.cov - gain @ AS)

    def after_one(self, a: np.ndarray, e: float, noise: float) -> Self:
        """Return the belief after one more rating: a rank-one update, O(f^2), nothing is solved.

        Equation: eq-posterior-one-more.

        Args:
            a: Vector of the rated item, shape (f,).
            e: Its residual.
            noise: Variance of a rating's noise.

        Returns:
            The posterior, the same as that of all ratings at once.
        """
        Sa = self.cov @ a
        gain = Sa / (noise + a @ Sa)
        return type(self)(self.mean + gain * (e - a @ self.mean), self.cov - np.outer(gain, Sa))

    def predict(self, A: np.ndarray, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected residual of items and its variance.

        Args:
            A: Item vectors, shape (n, f).
            noise: Variance of a rating's noise, to be added.

        Returns:
            Means and variances, each of shape (n,).
        """
        return A @ self.mean, np.einsum("nf,fg,ng->n", A, self.cov, A) + noise


def prior_of_users(Z: np.ndarray, spread: np.ndarray | None = None) -> Belief:
    r"""Learn what a user is like before the first rating: mean and covariance of the known users.

    Vectors that were estimated from few ratings are shrunk, so their covariance is too small. By
    the law of total variance what is missing is the mean of their posterior covariances.

    Equation: eq-prior-of-users.

    Args:
        Z: Vectors of the known users, shape (n, f).
        spread: Mean of the users' posterior covariances, shape (f, f); None leaves it out.

    Returns:
        The prior.

    Raises:
        ValueError: If there are fewer than two users.
    """
    if len(Z) < 2:
        raise ValueError(f"A prior cannot be learned from {len(Z)} user(s); pass at least two.")
    cov = np.atleast_2d(np.cov(Z.T))
    return Belief(Z.mean(axis=0), cov if spread is None else cov + spread)


def alternating_factors(
    log: Interactions,
    residuals: np.ndarray,
    factors: int,
    l2: float,
    sweeps: int = 12,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Factor a table of residuals by alternating ridge regressions, all rows of a side at once.

    Args:
        log: The cells.
        residuals: Their values, shape (len(log),).
        factors: Length of the vectors.
        l2: Penalty of both sides.
        sweeps: Number of alternations.
        seed: Seed of the items' starting vectors.

    Returns:
        User vectors, shape (n_users, factors), and item vectors, shape (n_items, factors); zero
        where there is no event.
    """
    cells = (log.user, log.item)
    shape = (log.n_users, log.n_items)
    R = sp.csr_matrix((residuals, cells), shape)
    B = sp.csr_matrix((np.ones(len(residuals)), cells), shape)
    Rt, Bt = R.T.tocsr(), B.T.tocsr()
    Q = np.random.default_rng(seed).normal(0, 0.1, (log.n_items, factors))
    for _ in range(sweeps):
        P = _ridge_rows(R, B, Q, l2)
        Q = _ridge_rows(Rt, Bt, P, l2)
    return P, Q


def _ridge_rows(R: sp.csr_matrix, B: sp.csr_matrix, X: np.ndarray, l2: float) -> np.ndarray:
    return np.linalg.solve(_gram(B, X) + l2 * np.eye(X.shape[1]), (R @ X)[:, :, None])[:, :, 0]


def _gram(B: sp.csr_matrix, X: np.ndarray) -> np.ndarray:
    """Sum of the outer products of the vectors that each row of B names, (n_rows, f, f)."""
    f = X.shape[1]
    return (B @ (X[:, :, None] * X[:, None, :]).reshape(len(X), f * f)).reshape(-1, f, f)


def learn_prior(
    B: sp.csr_matrix, E: sp.csr_matrix, A: np.ndarray, prior: Belief, noise: float, steps: int
) -> tuple[Belief, float]:
    r"""Improve prior and noise by expectation-maximisation, with the item vectors held fixed.

    Each step computes the posterior of every known user under the present prior, and then sets
    the prior to their mean and total covariance, and the noise to the expected squared error. No
    step lowers the marginal likelihood of the known users' ratings.

    Equation: eq-prior-of-users.

    Args:
        B: Ones where a user has rated an item, shape (n_users, n_items).
        E: The residuals there, same shape.
        A: Item vectors, shape (n_items, f).
        prior: Where to start.
        noise: Variance of a rating's noise to start from.
        steps: Number of steps.

    Returns:
        The prior and the noise.
    """
    f, n = A.shape[1], B.sum()
    G, h, square = _gram(B, A), E @ A, E.multiply(E).sum()
    for _ in range(steps):
        inverse = np.linalg.inv(prior.cov)
        V = np.linalg.inv(inverse + G / noise)
        Z = (V @ (inverse @ prior.mean + h / noise)[:, :, None])[:, :, 0]
        second = V + Z[:, :, None] * Z[:, None, :]
        noise = float((square - 2 * (Z * h).sum() + (second * G).sum()) / n)
        prior = prior_of_users(Z, V.mean(axis=0) + 1e-9 * np.eye(f))
    return prior, noise


class BayesianFactors(NewcomerModel):
    r"""Item bias and item vectors from the known users; the newcomer has the prior that they form.

    A user is one vector, bias first: :math:`z = (b, p)`, and an item's vector is
    :math:`a_i = (1, q_i)`. The prior of z is the mean and covariance of the known users' vectors.

    Equations: eq-prior-of-users, eq-posterior-user.

    Args:
        factors: Length of p and q.
        l2: Penalty of both sides while the vectors are learned.
        noise: Variance of a rating's noise.
        em_steps: Steps of ``learn_prior`` after that, which learn the noise as well.
        seed: Seed of the starting vectors.

    Attributes:
        item_vectors_: Vectors (1, q_i), shape (n_items + 1, 1 + factors); the last row serves
            item -1, of which only the user's bias is predicted.
        prior_: The belief about a newcomer before the first rating.
        noise_: Variance of a rating's noise.
    """

    def __init__(
        self,
        factors: int = 10,
        l2: float = 10.0,
        noise: float = 0.7,
        em_steps: int = 0,
        seed: int = 0,
    ):
        self.factors = factors
        self.l2 = l2
        self.noise = noise
        self.em_steps = em_steps
        self.seed = seed

    def _learn(self, warm: Interactions) -> None:
        P, Q = alternating_factors(
            warm, self.biases_.residuals(warm), self.factors, self.l2, seed=self.seed
        )
        known = np.bincount(warm.user, minlength=warm.n_users) > 0
        self.item_vectors_ = np.column_stack([np.ones(len(Q) + 1), np.vstack([Q, 0 * Q[:1]])])
        Z = np.column_stack([self.biases_.user, P])[known]
        self.prior_, self.noise_ = prior_of_users(Z), self.noise
        if self.em_steps:
            cells, shape = (warm.user, warm.item), (warm.n_users, warm.n_items)
            e = self._residual(warm.item, warm.value)
            E, B = (sp.csr_matrix((v, cells), shape)[known] for v in (e, np.ones(len(e))))
            self.prior_, self.noise_ = learn_prior(
                B, E, self.item_vectors_[:-1], self.prior_, self.noise, self.em_steps
            )

    def belief(self, items: np.ndarray, ratings: np.ndarray) -> Belief:
        """Return what is believed of a newcomer after some ratings of known items.

        Args:
            items: Positions, shape (k,).
            ratings: Ratings, shape (k,).

        Returns:
            The posterior.
        """
        e = self._residual(items, np.asarray(ratings, dtype=np.float64))
        return self.prior_.after(self.item_vectors_[items], e, self.noise_)

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        mean, _ = self.belief(items, ratings).predict(self.item_vectors_[query])
        return self._start(query) + mean
