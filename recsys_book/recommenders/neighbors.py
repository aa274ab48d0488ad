"""Neighbours: recommend what similar people liked, or what is similar to what somebody liked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.base import BaseRecommender, check_positions
from recsys_book.recommenders.history import history_weights
from recsys_book.recommenders.similarity import COMMON, nearest, user_mean_centred

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def _comparable(interactions: Interactions, similarity: str) -> sp.csr_matrix:
    """Users by items: ones for the measures of sets, ratings for those of common ratings."""
    X = sp.csr_matrix(interactions.to_csr(1.0))
    times = X.data.copy()
    if similarity in COMMON:
        X = sp.csr_matrix(interactions.to_csr())
        X.data /= times  # a pair that occurs twice counts with its mean
        return user_mean_centred(X) if similarity == "adjusted_cosine" else X
    X.data[:] = 1.0
    return X


class UserKNN(BaseRecommender):
    """Score an item by the similarities of the user's neighbours who have it.

    A neighbour is one of the k most similar users. A user without neighbours gets scores of zero,
    one without history the popularity of the items.

    Equations: eq-knn-score, eq-shrinkage

    Source: Resnick et al. (1994), "GroupLens", CSCW; Herlocker et al. (1999), "An Algorithmic
    Framework for Performing Collaborative Filtering", SIGIR.

    Args:
        k: Neighbours of a user.
        similarity: ``"cosine"``, ``"jaccard"``, ``"tfidf"``, ``"bm25"`` (of the sets of items), or
            ``"pearson"``, ``"adjusted_cosine"`` (of the common ratings).
        shrinkage: See ``similarity.nearest``.
        significance: See ``similarity.nearest``.
        min_common: See ``similarity.nearest``.
        k1: See ``similarity.bm25_weight``.
        b: See ``similarity.bm25_weight``.
        threads: Threads of the fit; they do not change the result.

    Attributes:
        similarity_: Similarities to the k neighbours, sparse (n_users, n_users).
    """

    def __init__(
        self,
        k: int = 50,
        similarity: str = "cosine",
        shrinkage: float = 0.0,
        significance: float = 0.0,
        min_common: int = 1,
        k1: float = 1.2,
        b: float = 0.75,
        threads: int = 1,
    ):
        self.k = k
        self.similarity = similarity
        self.shrinkage = shrinkage
        self.significance = significance
        self.min_common = min_common
        self.k1 = k1
        self.b = b
        self.threads = threads

    def _fit(self, interactions: Interactions) -> None:
        self.similarity_ = nearest(
            _comparable(interactions, self.similarity),
            self.k,
            self.similarity,
            self.shrinkage,
            self.significance,
            self.min_common,
            k1=self.k1,
            b=self.b,
            threads=self.threads,
        )

    def _score(self, users: np.ndarray) -> np.ndarray:
        return (self.similarity_[users] @ self.seen_).toarray()


class ItemKNN(BaseRecommender):
    """Score an item by its similarities to the items of the user's history.

    Only similarities among the k largest count. With ``keep="target"`` each scored item listens to
    its own k neighbours; with ``"source"`` each item of the history speaks for its k neighbours,
    as in the library ``implicit``. The similarities are found once; a user's new event changes the
    next list without a new fit.

    Equations: eq-knn-score, eq-shrinkage

    Source: Sarwar et al. (2001), "Item-Based Collaborative Filtering Recommendation Algorithms",
    WWW; Deshpande and Karypis (2004), "Item-Based Top-N Recommendation Algorithms", TOIS 22(1).

    Args:
        k: Neighbours of an item.
        similarity: ``"cosine"``, ``"jaccard"``, ``"tfidf"``, ``"bm25"`` (of the sets of users), or
            ``"pearson"``, ``"adjusted_cosine"`` (of the common ratings).
        shrinkage: See ``similarity.nearest``.
        significance: See ``similarity.nearest``.
        min_common: See ``similarity.nearest``.
        alpha: Cosine only: with i in the history and j scored, the denominator is ``n_i ** alpha *
            n_j ** (1 - alpha)`` of the numbers of users; below 0.5 a popular j is held back more.
        keep: ``"target"`` or ``"source"``.
        half_life: None, or the number of positions from the end of a user's history after which an
            item counts half, as in ``EASE``.
        k1: See ``similarity.bm25_weight``.
        b: See ``similarity.bm25_weight``.
        threads: Threads of the fit; they do not change the result.

    Attributes:
        similarity_: Similarities, history by scored item, sparse (n_items, n_items).
        history_: What they are applied to, sparse (n_users, n_items).
    """

    def __init__(
        self,
        k: int = 100,
        similarity: str = "cosine",
        shrinkage: float = 10.0,
        significance: float = 0.0,
        min_common: int = 1,
        alpha: float = 0.5,
        keep: str = "target",
        half_life: float | None = None,
        k1: float = 1.2,
        b: float = 0.75,
        threads: int = 1,
    ):
        self.k = k
        self.similarity = similarity
        self.shrinkage = shrinkage
        self.significance = significance
        self.min_common = min_common
        self.alpha = alpha
        self.keep = keep
        self.half_life = half_life
        self.k1 = k1
        self.b = b
        self.threads = threads

    def _fit(self, interactions: Interactions) -> None:
        if self.keep not in ("target", "source"):
            raise ValueError(f"keep is {self.keep!r}; use 'target' or 'source'.")
        target = self.keep == "target"
        found = nearest(
            _comparable(interactions, self.similarity).T.tocsr(),
            self.k,
            self.similarity,
            self.shrinkage,
            self.significance,
            self.min_common,
            self.alpha if target else 1 - self.alpha,
            self.k1,
            self.b,
            self.threads,
        )
        self.similarity_ = found.T.tocsr() if target else found
        self.history_ = self.seen_  # shared, because a large log has no room for two
        if self.half_life is not None:
            self.history_ = history_weights(interactions, self.half_life)

    def _score(self, users: np.ndarray) -> np.ndarray:
        return (self.history_[users] @ self.similarity_).toarray()

    def explain(self, user: int, item: int, n: int = 3) -> tuple[np.ndarray, np.ndarray]:
        """Name the items of the history that speak most for an item: "because you liked …".

        The contributions of all items of the history add up to the score.

        Args:
            user: A position with a history; -1 or a user without one has no reasons.
            item: The recommended item's position.
            n: Number of reasons at most.

        Returns:
            Items of the history, largest contribution first, and their contributions; fewer than n
            where fewer contribute.

        Raises:
            ValueError: If ``fit`` was not called or a position is out of range.
        """
        user = int(self._check_users([user])[0])
        item = int(check_positions([item], len(self.items_), "item")[0])
        if user < 0 or item < 0:
            return np.empty(0, np.int64), np.empty(0)
        history = self.history_[[user]]
        share = history.multiply(self.similarity_[:, [item]].T.tocsr()).tocsr()
        share.eliminate_zeros()
        best = np.argsort(-share.data, kind="stable")[:n]
        return share.indices[best].astype(np.int64), share.data[best]


class RP3beta(BaseRecommender):
    """Score an item by random walks of three steps, user to item to user to item.

    The walk from item i to item j has probability ``sum over users of (1/n_i)(1/n_u)``. Each factor
    is raised to ``alpha`` and the result divided by ``n_j ** beta``, because walks end at popular
    items. It is a neighbour model whose similarity is not symmetric.

    Source: Paudel et al. (2017), "Updatable, Accurate, Diverse, and Scalable Recommendations for
    Interactive Applications", ACM TiiS 7(1).

    Args:
        k: Neighbours that an item of the history speaks for.
        alpha: Exponent of the steps' probabilities.
        beta: How much popular ends are held back; 0 not at all.
        threads: Threads of the fit; they do not change the result.

    Attributes:
        similarity_: History by scored item, sparse (n_items, n_items).
    """

    def __init__(self, k: int = 100, alpha: float = 1.0, beta: float = 0.5, threads: int = 1):
        self.k = k
        self.alpha = alpha
        self.beta = beta
        self.threads = threads

    def _fit(self, interactions: Interactions) -> None:
        if not (self.k >= 1 and self.alpha >= 0 and self.beta >= 0):
            raise ValueError(
                f"k is {self.k}, alpha {self.alpha} and beta {self.beta}; use k of at least 1 and "
                "exponents of at least 0."
            )
        n_item = np.maximum(np.asarray(self.seen_.sum(axis=0)).ravel(), 1)
        n_user = np.maximum(np.asarray(self.seen_.sum(axis=1)).ravel(), 1)
        walks = self.seen_.T.tocsr() @ sp.diags_array(n_user ** (-self.alpha / 2))
        self.similarity_ = nearest(
            sp.csr_matrix(walks),
            self.k,
            "product",
            scale=(n_item**self.alpha, n_item**self.beta),
            threads=self.threads,
        )

    def _score(self, users: np.ndarray) -> np.ndarray:
        return (self.seen_[users] @ self.similarity_).toarray()
