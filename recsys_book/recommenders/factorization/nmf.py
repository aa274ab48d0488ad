"""Non-negative factorisation by multiplicative updates on the observed cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.factorization.ratings import RatingModel, check_at_least

if TYPE_CHECKING:
    from recsys_book.data import Interactions

TINY = 1e-12


def multiplicative_update(
    X: sp.csr_matrix, P: np.ndarray, Q: np.ndarray, l2: float = 0.0
) -> np.ndarray:
    """Return better user factors, none of them negative, for fixed item factors.

    Only the observed cells of X count. With every cell observed this is the rule of Lee and Seung.

    Equation: eq-nmf-update

    Source: Lee and Seung (2001), "Algorithms for Non-negative Matrix Factorization", NeurIPS 13.

    Args:
        X: Observed cells, sparse (n_users, n_items), not negative; an observed zero is stored.
        P: User factors, shape (n_users, f), not negative.
        Q: Item factors, shape (n_items, f), not negative.
        l2: Penalty, at least 0.

    Returns:
        New user factors, shape (n_users, f).
    """
    row = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    fitted = np.einsum("nf,nf->n", P[row], Q[X.indices])
    E = sp.csr_matrix((fitted, X.indices, X.indptr), shape=X.shape)
    return P * (X @ Q) / (E @ Q + l2 * P + TINY)


class NMF(RatingModel):
    """Predict a rating by an inner product of vectors without negative entries.

    The parts can only add up, so a factor can be read as a group of items that go together. An
    unknown user has the mean vector of the users, an unknown item that of the items.

    Equation: eq-nmf-update

    Source: Lee and Seung (2001), "Algorithms for Non-negative Matrix Factorization", NeurIPS 13.

    Args:
        factors: Length of the vectors.
        l2: Penalty, at least 0.
        epochs: Rounds; each updates all users and then all items.
        seed: Seed of the first factors.

    Attributes:
        user_factors_: Not negative, shape (n_users, f).
        item_factors_: Not negative, shape (n_items, f).
    """

    def __init__(self, factors: int = 15, l2: float = 1.0, epochs: int = 50, seed: int = 0):
        self.factors = factors
        self.l2 = l2
        self.epochs = epochs
        self.seed = seed

    def _learn(self, interactions: Interactions) -> None:
        for name, least in (("factors", 1), ("l2", 0), ("epochs", 1)):
            check_at_least(name, getattr(self, name), least)
        log = interactions
        if log.value.min() < 0:
            raise ValueError(
                f"NMF was given the value {log.value.min()}; shift the ratings so that none is "
                "negative."
            )
        X = log.to_csr()
        T = X.T.tocsr()
        rng = np.random.default_rng(self.seed)
        level = np.sqrt(max(self.mean_, TINY) / self.factors)
        P = level * rng.uniform(0.5, 1.5, (log.n_users, self.factors))
        Q = level * rng.uniform(0.5, 1.5, (log.n_items, self.factors))
        for _ in range(self.epochs):
            P = multiplicative_update(X, P, Q, self.l2)
            Q = multiplicative_update(T, Q, P, self.l2)
        for table, count in ((P, np.diff(X.indptr)), (Q, np.diff(T.indptr))):
            table[count == 0] = table[count > 0].mean(axis=0)
        self.user_factors_, self.item_factors_ = P, Q

    def _predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        p = np.vstack([self.user_factors_, self.user_factors_.mean(axis=0)])[users]
        q = np.vstack([self.item_factors_, self.item_factors_.mean(axis=0)])[items]
        return np.einsum("nf,nf->n", p, q)
