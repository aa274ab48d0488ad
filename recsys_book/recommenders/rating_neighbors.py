"""Neighbours for ratings: biases first, then the mean of what similar items or people left over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.biases import UserItemBias
from recsys_book.recommenders.similarity import COMMON, nearest

if TYPE_CHECKING:
    from recsys_book.data import Interactions

_ALL = 1 << 30  # "every neighbour": cut down to the number of rows where it is used


class RatingKNN(BaseRecommender):
    """Predict a rating by the biases plus the weighted mean of what neighbours left over.

    Biases come first; what is left of every rating is its residual. A pair's prediction adds to the
    biases the mean residual of the k most similar items that the user has rated (or of the k most
    similar users who have rated the item), weighted by similarity. Only positive similarities
    count. An unknown user or item gets the biases that are known; the scores of ``score`` are the
    predictions for all items. Predictions stay within the range of the training ratings.

    Equations: eq-knn-prediction, eq-shrinkage

    Source: Koren (2008), "Factorization Meets the Neighborhood", KDD, section 2.2.

    Args:
        k: Neighbours that a prediction uses.
        based_on: ``"item"`` or ``"user"``.
        similarity: ``"adjusted_cosine"`` (of the residuals), ``"pearson"`` (their own means over
            common ratings taken off too) or ``"cosine"`` (of whole rows of residuals).
        shrinkage: Number of common ratings that halves a similarity (for ``"cosine"``, added to the
            denominator).
        significance: See ``similarity.nearest``.
        min_common: See ``similarity.nearest``.
        damping: Added to the sum of the weights, which pulls predictions towards the biases; a
            weighted mean alone forgets how small its weights are.
        pool: Similarities that are kept a row; None keeps every positive one.
        l2_user: Penalty of the user biases.
        l2_item: Penalty of the item biases.
        threads: Threads of the fit; they do not change the result.

    Attributes:
        biases_: The fitted ``UserItemBias``.
        similarity_: Similarities, sparse (n, n) over items or users.
        residuals_: What the biases leave over, sparse (n_users, n_items).
        bounds_: Smallest and largest training rating.
    """

    def __init__(
        self,
        k: int = 40,
        based_on: str = "item",
        similarity: str = "adjusted_cosine",
        shrinkage: float = 100.0,
        significance: float = 0.0,
        min_common: int = 1,
        damping: float = 0.3,
        pool: int | None = None,
        l2_user: float = 5.0,
        l2_item: float = 5.0,
        threads: int = 1,
    ):
        self.k = k
        self.based_on = based_on
        self.similarity = similarity
        self.shrinkage = shrinkage
        self.significance = significance
        self.min_common = min_common
        self.damping = damping
        self.pool = pool
        self.l2_user = l2_user
        self.l2_item = l2_item
        self.threads = threads

    def _fit(self, interactions: Interactions) -> None:
        self._check_settings()
        self.biases_ = UserItemBias(self.l2_user, self.l2_item).fit(interactions)
        self.bounds_ = (float(interactions.value.min()), float(interactions.value.max()))
        known = self.biases_.predict(interactions.user, interactions.item)
        times = sp.csr_matrix(interactions.to_csr(1.0)).data
        residuals = sp.csr_matrix(interactions.to_csr(interactions.value - known))
        residuals.data /= times
        # Rounding must not make neighbours of people whose ratings the biases explain.
        residuals.data[np.abs(residuals.data) < 1e-9] = 0.0
        self.residuals_ = residuals
        self.similarity_ = nearest(
            residuals.T.tocsr() if self.based_on == "item" else residuals,
            self.pool or _ALL,
            self.similarity,
            self.shrinkage,
            self.significance,
            self.min_common,
            threads=self.threads,
        )

    def _check_settings(self) -> None:
        if self.based_on not in ("item", "user"):
            raise ValueError(f"based_on is {self.based_on!r}; use 'item' or 'user'.")
        if self.similarity not in (*COMMON, "cosine"):
            raise ValueError(
                f"similarity is {self.similarity!r}; residuals need 'adjusted_cosine', 'pearson' "
                "or 'cosine'."
            )
        if not (self.k >= 1 and self.damping >= 0 and (self.pool is None or self.pool >= 1)):
            raise ValueError(
                f"k is {self.k}, damping {self.damping} and pool {self.pool}; use k and pool of at "
                "least 1 and a damping of at least 0."
            )

    def predict(
        self, users: Sequence[int] | np.ndarray, items: Sequence[int] | np.ndarray
    ) -> np.ndarray:
        """Predict the ratings of pairs.

        Args:
            users: User positions, shape (n,); -1 for an unknown user, whose bias is zero.
            items: Item positions, shape (n,); -1 for an unknown item, whose bias is zero.

        Returns:
            Predicted ratings within the range of the training ratings, shape (n,).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range or the lengths differ.
        """
        users, items = self._check_pairs(users, items)
        rating = self.biases_.predict(users, items)
        both = np.flatnonzero((users >= 0) & (items >= 0))
        if len(both):
            rating[both] += self._from_neighbours(users[both], items[both])
        return np.clip(rating, *self.bounds_)

    def _from_neighbours(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Weighted mean residual of the neighbours of each pair."""
        from recsys_book.recommenders.similarity_kernels import predict_pairs

        by_item = self.based_on == "item"
        entity, context = (items, users) if by_item else (users, items)
        known = self.residuals_ if by_item else self.residuals_.T.tocsr()
        out = np.zeros(len(users))
        predict_pairs(
            np.argsort(entity, kind="stable"),
            entity.astype(np.int64),
            context.astype(np.int64),
            (self.similarity_.indptr, self.similarity_.indices, self.similarity_.data),
            (known.indptr, known.indices, known.data),
            min(self.k, known.shape[1]),
            float(self.damping),
            out,
        )
        return out

    def _score(self, users: np.ndarray) -> np.ndarray:
        n_items = len(self.items_)
        pairs = np.repeat(users, n_items), np.tile(np.arange(n_items), len(users))
        return self.predict(*pairs).reshape(len(users), n_items)

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        n_items = len(self.items_)
        row = self.predict(np.full(n_items, -1), np.arange(n_items))
        return np.tile(row, (len(users), 1))
