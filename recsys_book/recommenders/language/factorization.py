"""Text inside factorisation: as a starting point, as a prior, and as rows of EASE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.encoders.cold_items import ridge
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.closed_form import ease_weights
from recsys_book.recommenders.history import history_weights
from recsys_book.recommenders.language.checks import (
    centred_unit_rows,
    text_vectors,
)
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions

PRIORS = ("text", "none")
STARTS = ("text", "random")


def text_factors(vectors: np.ndarray, factors: int, scale: float = 0.1) -> np.ndarray:
    """Return the first principal components of text vectors, as factors to start from.

    Args:
        vectors: Shape (n_items, width).
        factors: Number of components; where there are fewer, the rest is zero.
        scale: Standard deviation of all numbers together.

    Returns:
        Shape (n_items, factors).
    """
    U, s, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    found = np.zeros((len(vectors), factors))
    k = min(factors, len(s))
    found[:, :k] = U[:, :k] * s[:k]
    deviation = found.std()
    return found * (scale / deviation) if deviation > 0 else found


def posterior_factors(
    X: sp.csr_matrix, F: np.ndarray, prior: np.ndarray, l2: float, alpha: float
) -> np.ndarray:
    """Return the factors of every row that minimise its weighted error plus the pull of a prior.

    An observed cell has target 1 and weight ``1 + alpha``, any other target 0 and weight 1. A row
    without an observed cell says nothing, and its factors are those of the prior.

    Source: Hu, Koren and Volinsky (2008), equation 4, with the prior mean of Wang and Blei (2011),
    equation 9.

    Equation: eq-text-prior.

    Args:
        X: Observed cells as ones, sparse, shape (n, m).
        F: Factors of the columns, shape (m, factors).
        prior: Prior mean of the rows' factors, shape (n, factors).
        l2: Noise variance over prior variance, above 0.
        alpha: Extra weight of an observed cell.

    Returns:
        Shape (n, factors).
    """
    f = F.shape[1]
    A = np.tile(F.T @ F + l2 * np.eye(f), (X.shape[0], 1, 1))
    b = (1 + alpha) * (X @ F) + l2 * prior
    for row in range(X.shape[0]):
        observed = F[X.indices[X.indptr[row] : X.indptr[row + 1]]]
        A[row] += alpha * (observed.T @ observed)
    found = np.linalg.solve(A, b[:, :, None])[:, :, 0]
    return np.where(np.diff(X.indptr)[:, None] > 0, found, prior)


def prior_objective(
    X: np.ndarray, P: np.ndarray, Q: np.ndarray, prior: np.ndarray, l2: float, alpha: float
) -> float:
    """Return what one half of the alternating steps minimises: weighted error plus the prior.

    Equation: eq-text-prior.

    Args:
        X: Ones and zeros, shape (n_users, n_items).
        P: User factors, shape (n_users, factors).
        Q: Item factors, shape (n_items, factors).
        prior: Prior mean of the item factors, shape (n_items, factors).
        l2: Noise variance over prior variance.
        alpha: Extra weight of an observed cell.

    Returns:
        The value, over the items with at least one event.
    """
    warm = X.any(axis=0)
    error = (1 + alpha * X) * (X - P @ Q.T) ** 2
    pull = np.sum((Q - prior) ** 2, axis=1)
    return float(error[:, warm].sum() + l2 * (pull[warm].sum() + np.sum(P**2)))


class TextPriorMF(BaseRecommender):
    """Factors of unary feedback, in which an item's factors are expected where its text says.

    Each round solves the users' factors, then the linear map from text to item factors, then the
    item factors, each exactly. An item without events has the factors that its text predicts. A
    user without history gets the popularity of the items.

    Source: Wang and Blei (2011), "Collaborative Topic Modeling for Recommending Scientific
    Articles", KDD, with a linear map in the place of topic shares.

    Equation: eq-text-prior.

    Args:
        vectors: One text vector an item, shape (n_items, width).
        factors: Number of factors.
        l2: Noise variance over prior variance; the larger, the closer items stay to their text.
        alpha: Extra weight of an observed cell.
        l2_map: Penalty of the map from text to factors.
        epochs: Rounds.
        prior: ``"text"``, or ``"none"`` for a prior mean of zero.
        start: ``"text"`` begins with the principal components of the text, ``"random"`` with noise.
        seed: Seed of the noise.

    Attributes:
        user_factors_: Shape (n_users, factors).
        item_factors_: Shape (n_items, factors).
        prior_: Prior mean of the item factors, shape (n_items, factors).
    """

    def __init__(
        self,
        vectors: np.ndarray,
        factors: int = 32,
        l2: float = 10.0,
        alpha: float = 1.0,
        l2_map: float = 10.0,
        epochs: int = 6,
        prior: str = "text",
        start: str = "text",
        seed: int = 0,
    ):
        self.vectors = vectors
        self.factors = factors
        self.l2 = l2
        self.alpha = alpha
        self.l2_map = l2_map
        self.epochs = epochs
        self.prior = prior
        self.start = start
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        self._check()
        vectors = centred_unit_rows(text_vectors(self.vectors, interactions.n_items))
        inputs = np.hstack([vectors, np.ones((len(vectors), 1))])
        X, warm = self.seen_, self.item_counts_ > 0
        Q = self._start(vectors)
        self.prior_ = np.zeros_like(Q)
        nobody = np.zeros((interactions.n_users, self.factors))
        for _ in range(self.epochs):
            P = posterior_factors(X, Q, nobody, self.l2, self.alpha)
            if self.prior == "text":
                self.prior_ = inputs @ ridge(inputs[warm], Q[warm], self.l2_map)
            Q = posterior_factors(X.T.tocsr(), P, self.prior_, self.l2, self.alpha)
        self.user_factors_, self.item_factors_ = P, Q

    def _start(self, vectors: np.ndarray) -> np.ndarray:
        if self.start == "text":
            return text_factors(vectors, self.factors)
        return np.random.default_rng(self.seed).normal(0, 0.1, (len(vectors), self.factors))

    def _check(self) -> None:
        check_above_zero(self, "factors", "l2", "l2_map", "epochs")
        check_at_least_zero(self, "alpha")
        for name, value, known in (("prior", self.prior, PRIORS), ("start", self.start, STARTS)):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; use one of {', '.join(known)}.")

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.user_factors_[users] @ self.item_factors_.T


def text_gram(G: np.ndarray, vectors: np.ndarray, weight: float) -> np.ndarray:
    """Add to a Gram matrix what the text would add as extra users.

    Equation: eq-text-gram.

    Args:
        G: Gram matrix of the users-by-items matrix, shape (n_items, n_items).
        vectors: Item vectors, shape (n_items, width); each column acts as one extra user.
        weight: Square of what the extra users' entries are multiplied by.

    Returns:
        Gram matrix of the stacked matrix, shape (n_items, n_items).
    """
    return G + weight * (vectors @ vectors.T)


class TextEASE(BaseRecommender):
    """EASE that must rebuild the items' text as well as the users' histories.

    The text vectors are stacked under the matrix of histories, one row a dimension, as if each
    dimension were a user with a taste for it. With ``text_weight`` 0 this is EASE. A user without
    history gets the popularity of the items.

    Source: Jeunen, Van Balen and Goethals (2020), "Closed-Form Models for Collaborative Filtering
    with Side-Information", RecSys.

    Equation: eq-text-gram.

    Args:
        vectors: One text vector an item, shape (n_items, width).
        l2: Ridge penalty, above 0.
        text_weight: Weight of the text rows, in units of ``l2``.
        half_life: None, or positions from the end after which an item of the history counts half.

    Attributes:
        weights_: Item-to-item weights, shape (n_items, n_items).
        history_: Weights of the histories, sparse (n_users, n_items).
    """

    def __init__(
        self,
        vectors: np.ndarray,
        l2: float = 400.0,
        text_weight: float = 0.1,
        half_life: float | None = None,
    ):
        self.vectors = vectors
        self.l2 = l2
        self.text_weight = text_weight
        self.half_life = half_life

    def _fit(self, interactions: Interactions) -> None:
        check_above_zero(self, "l2")
        check_at_least_zero(self, "text_weight")
        vectors = centred_unit_rows(text_vectors(self.vectors, interactions.n_items))
        G = (self.seen_.T @ self.seen_).toarray()
        self.weights_ = ease_weights(text_gram(G, vectors, self.text_weight * self.l2), self.l2)
        self.history_ = history_weights(interactions, self.half_life)

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.history_[users] @ self.weights_
