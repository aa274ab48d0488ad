"""A newcomer's ratings as a Gaussian process over items: one film tells of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.meta_learning.cold_start.baselines import NewcomerModel, centred_units

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def residual_covariance(
    user: np.ndarray, item: np.ndarray, e: np.ndarray, shape: tuple[int, int], shrinkage: float
) -> np.ndarray:
    """Estimate how residuals of two items go together, over the users who have rated both.

    Args:
        user: User of each cell, shape (n,).
        item: Item of each cell, shape (n,).
        e: Residual of each cell, shape (n,).
        shape: Numbers of users and items.
        shrinkage: Imaginary common users whose residuals are unrelated.

    Returns:
        Shape (n_items, n_items), symmetric. It need not be positive semi-definite, because each
        entry rests on other users.
    """
    X = sp.csr_matrix((e, (user, item)), shape)
    B = sp.csr_matrix((np.ones(len(e)), (user, item)), shape)
    together = (B.T @ B).toarray() + shrinkage
    return np.divide((X.T @ X).toarray(), together, out=np.zeros_like(together), where=together > 0)


def gp_posterior_mean(
    K_ss: np.ndarray, K_qs: np.ndarray, e: np.ndarray, noise: float
) -> np.ndarray:
    r"""Predict residuals of some items from noisy residuals of others.

    :math:`K_{qs}(K_{ss}+\sigma^2 I)^{-1}e`. Negative eigenvalues of the support's kernel, which a
    covariance estimated pair by pair can have, are set to zero first.

    Equation: eq-item-gp.

    Source: Rasmussen and Williams (2006), "Gaussian Processes for Machine Learning", equation 2.25.

    Args:
        K_ss: Kernel of the support items, shape (k, k).
        K_qs: Kernel between query and support, shape (n, k).
        e: Residuals of the support, shape (k,).
        noise: Variance of a rating's noise, above 0.

    Returns:
        Shape (n,).
    """
    value, V = np.linalg.eigh(K_ss)
    return K_qs @ (V @ ((V.T @ e) / (np.maximum(value, 0.0) + noise)))


class ItemGP(NewcomerModel):
    """Item bias plus a Gaussian process over items.

    Its kernel is the variance of user biases, plus the shrunken covariance of the known users'
    residuals, plus (where there are text vectors) a multiple of their cosine.

    Equation: eq-item-gp.

    Args:
        shrinkage: Imaginary common users behind each covariance.
        noise: Variance of a rating's noise.
        bias_variance: Variance of user biases.
        vectors: Text vectors of the items, shape (n_items, d), or None.
        text: Weight of their cosine.

    Attributes:
        kernel_: Prior covariance of a newcomer's residuals, shape (n_items + 1, n_items + 1); the
            last row serves item -1.
    """

    def __init__(
        self,
        shrinkage: float = 50.0,
        noise: float = 0.8,
        bias_variance: float = 0.25,
        vectors: np.ndarray | None = None,
        text: float = 0.2,
    ):
        self.shrinkage = shrinkage
        self.noise = noise
        self.bias_variance = bias_variance
        self.vectors = vectors
        self.text = text

    def _learn(self, warm: Interactions) -> None:
        e, shape = self.biases_.residuals(warm), (warm.n_users, warm.n_items)
        C = residual_covariance(warm.user, warm.item, e, shape, self.shrinkage)
        self.kernel_ = np.pad(C, (0, 1)) + self.bias_variance
        if self.vectors is not None:
            E = centred_units(self.vectors, warm.n_items)
            self.kernel_ += self.text * (E @ E.T)

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        K_ss, K_qs = self.kernel_[np.ix_(items, items)], self.kernel_[np.ix_(query, items)]
        e = self._residual(items, ratings)
        return self._start(query) + gp_posterior_mean(K_ss, K_qs, e, self.noise)
