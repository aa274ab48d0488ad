"""Neighbours in a language model's space: of a film by its text, of a user by what they watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.base import TIE_SEED, BaseRecommender
from recsys_book.recommenders.content import unit_rows
from recsys_book.recommenders.history import history_weights
from recsys_book.recommenders.language.checks import (
    centred_unit_rows,
    text_vectors,
)
from recsys_book.recommenders.settings import check_above_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions

LISTS = ("both", "items", "users")


def user_vectors(history: sp.csr_matrix, vectors: np.ndarray) -> np.ndarray:
    """Return a vector for each user: the direction of the weighted mean of the items' vectors.

    Equation: eq-text-similarity-cf.

    Args:
        history: Weights of the items of each history, sparse, shape (n_users, n_items).
        vectors: Item vectors, shape (n_items, width).

    Returns:
        Rows of length one, or of zeros for an empty history, shape (n_users, width).
    """
    return unit_rows(history @ vectors)


def nearest_cosines(queries: np.ndarray, keys: np.ndarray, k: int) -> np.ndarray:
    """Return the cosines of each query with its k nearest keys, and zero for all others.

    Args:
        queries: Unit rows, shape (n, width).
        keys: Unit rows, shape (m, width).
        k: Number of neighbours; more than m means all.

    Returns:
        Cosines, negative ones set to zero, shape (n, m).
    """
    cosine = np.maximum(queries @ keys.T, 0.0)
    if k < len(keys):
        kth = np.partition(cosine, len(keys) - k, axis=1)[:, len(keys) - k, None]
        cosine[cosine < kth] = 0.0
    return cosine


def reciprocal_ranks(scores: np.ndarray, constant: float) -> np.ndarray:
    """Return one over a constant plus the rank of each item, best first, rank 1 on top.

    Equation: eq-text-merge.

    Args:
        scores: Scores, shape (n, n_items); ties are broken by the book's item permutation.
        constant: What is added to the rank; the larger, the less the first places stand out.

    Returns:
        Numbers between 0 and 1, shape (n, n_items).
    """
    n_items = scores.shape[1]
    order = np.random.default_rng(TIE_SEED).permutation(n_items)
    best_first = order[np.argsort(-scores[:, order], axis=1, kind="stable")]
    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, best_first, np.arange(1.0, n_items + 1)[None], axis=1)
    return 1 / (constant + ranks)


class TextNeighbours(BaseRecommender):
    """Collaborative filtering whose similarities come from a language model, lists merged by rank.

    Two lists are made for a user. The item list adds up, over the history, the cosines with the
    nearest items in text. The user list adds up what the nearest users have seen; a user's vector
    is the mean of the vectors in the history. Both are then merged by reciprocal ranks. A user
    without history gets the popularity of the items.

    Source: article S2 5.2 names both lists; the merging rule is that of Cormack, Clarke and
    Buettcher (2009), "Reciprocal Rank Fusion Outperforms Condorcet", SIGIR.

    Equations: eq-text-similarity-cf, eq-text-merge.

    Args:
        vectors: One text vector an item, shape (n_items, width).
        item_neighbours: Similar items that each item listens to.
        user_neighbours: Similar users that each user listens to.
        half_life: None, or positions from the end after which an item of the history counts half.
        lists: ``"both"``, or only the ``"items"`` or the ``"users"`` list.
        constant: Added to the ranks in the merge.

    Attributes:
        item_vectors_: Centred unit vectors, shape (n_items, width).
        user_vectors_: Unit vectors, shape (n_users, width).
        history_: Weights of the histories, sparse (n_users, n_items).
    """

    def __init__(
        self,
        vectors: np.ndarray,
        item_neighbours: int = 50,
        user_neighbours: int = 50,
        half_life: float | None = None,
        lists: str = "both",
        constant: float = 60.0,
    ):
        self.vectors = vectors
        self.item_neighbours = item_neighbours
        self.user_neighbours = user_neighbours
        self.half_life = half_life
        self.lists = lists
        self.constant = constant

    def _fit(self, interactions: Interactions) -> None:
        check_above_zero(self, "item_neighbours", "user_neighbours", "constant")
        if self.lists not in LISTS:
            raise ValueError(f"lists is {self.lists!r}; use one of {', '.join(LISTS)}.")
        self.item_vectors_ = centred_unit_rows(text_vectors(self.vectors, interactions.n_items))
        self.history_ = history_weights(interactions, self.half_life)
        self.user_vectors_ = user_vectors(self.history_, self.item_vectors_)

    def _score(self, users: np.ndarray) -> np.ndarray:
        if self.lists == "items":
            return self.item_list(users)
        if self.lists == "users":
            return self.user_list(users)
        items, people = self.item_list(users), self.user_list(users)
        return reciprocal_ranks(items, self.constant) + reciprocal_ranks(people, self.constant)

    def item_list(self, users: np.ndarray) -> np.ndarray:
        """Score items by their similarity with the items of the history.

        Equation: eq-text-similarity-cf.

        Args:
            users: User positions, shape (n,).

        Returns:
            Scores, shape (n, n_items).
        """
        similarity = nearest_cosines(
            self.item_vectors_, self.item_vectors_, self.item_neighbours + 1
        )  # one more, because each item is its own nearest
        np.fill_diagonal(similarity, 0.0)
        return self.history_[users] @ similarity.T

    def user_list(self, users: np.ndarray) -> np.ndarray:
        """Score items by how many similar users have seen them.

        Equation: eq-text-similarity-cf.

        Args:
            users: User positions, shape (n,).

        Returns:
            Scores, shape (n, n_items).
        """
        cosine = np.maximum(self.user_vectors_[users] @ self.user_vectors_.T, 0.0)
        cosine[np.arange(len(users)), users] = 0.0  # nobody is their own neighbour
        k = min(self.user_neighbours, len(self.users_))
        kth = np.partition(cosine, -k, axis=1)[:, -k, None]
        return np.where(cosine >= kth, cosine, 0.0) @ self.seen_


class InterestProfile(BaseRecommender):
    """Several interests a user: an item is scored by the one that it fits best.

    The items of a history are grouped by k-means on their text vectors, and each group's mean is an
    interest. With one interest this is the mean profile. A user with fewer items than interests has
    one interest an item; a user without history gets the popularity of the items.

    Source: Li et al. (2019), "Multi-Interest Network with Dynamic Routing", CIKM, for the idea;
    the grouping here is k-means, without training.

    Args:
        vectors: One text vector an item, shape (n_items, width).
        interests: Number of interests a user.
        rounds: Rounds of k-means.
        seed: Seed of the first centres.

    Attributes:
        item_vectors_: Centred unit vectors, shape (n_items, width).
        interests_: Unit vectors, shape (n_users, interests, width); unused ones repeat the first.
    """

    def __init__(self, vectors: np.ndarray, interests: int = 3, rounds: int = 10, seed: int = 0):
        self.vectors = vectors
        self.interests = interests
        self.rounds = rounds
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        check_above_zero(self, "interests", "rounds")
        self.item_vectors_ = centred_unit_rows(text_vectors(self.vectors, interactions.n_items))
        width = self.item_vectors_.shape[1]
        self.interests_ = np.zeros((interactions.n_users, self.interests, width))
        for user in range(interactions.n_users):
            items = self.seen_.indices[self.seen_.indptr[user] : self.seen_.indptr[user + 1]]
            if len(items):
                rng = np.random.default_rng((self.seed, user))
                found = group_interests(self.item_vectors_[items], self.interests, self.rounds, rng)
                self.interests_[user] = found

    def _score(self, users: np.ndarray) -> np.ndarray:
        return best_interest(self.interests_[users], self.item_vectors_)


def group_interests(
    vectors: np.ndarray, interests: int, rounds: int, rng: np.random.Generator
) -> np.ndarray:
    """Group vectors by direction and return the groups' mean directions.

    Args:
        vectors: Unit rows of one history, shape (n, width), at least one.
        interests: Number of groups.
        rounds: Rounds of k-means.
        rng: Where the first centres come from.

    Returns:
        Unit rows, shape (interests, width); where there are fewer vectors, the first is repeated.
    """
    k = min(interests, len(vectors))
    centres = vectors[rng.permutation(len(vectors))[:k]] if k > 1 else vectors.mean(0)[None]
    for _ in range(rounds if k > 1 else 0):
        group = (vectors @ centres.T).argmax(axis=1)
        member = np.eye(k)[group]
        size = member.sum(axis=0)[:, None]
        centres = np.where(size > 0, member.T @ vectors, centres)
        centres = unit_rows(centres)
    centres = unit_rows(centres)
    return centres[np.r_[np.arange(k), np.zeros(interests - k, dtype=int)]]


def best_interest(interests: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Score items by the cosine with the best of several interests.

    Args:
        interests: Unit vectors, shape (n, interests, width).
        vectors: Unit item vectors, shape (n_items, width).

    Returns:
        Scores, shape (n, n_items).
    """
    return np.stack([(one @ vectors.T).max(axis=0) for one in interests])
