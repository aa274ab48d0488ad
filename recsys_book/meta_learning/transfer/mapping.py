"""EMCDR: learn from the people who are in both domains how a taste reads in the other one."""

from __future__ import annotations

from typing import Self

import numpy as np

from recsys_book.data import Interactions
from recsys_book.meta_learning.transfer.domains import align_users
from recsys_book.recommenders.base import check_positions
from recsys_book.recommenders.factorization.ratings import biased_product, rows_of


def taste_map(source: np.ndarray, target: np.ndarray, l2: float) -> np.ndarray:
    """Return the ridge regression from user vectors of one domain to those of another.

    The constant in front is not penalised, so a mean taste is always carried over.

    Equation: eq-emcdr

    Source: Man, Shen, Jin and Cheng (2017), "Cross-Domain Recommendation: An Embedding and Mapping
    Approach", IJCAI.

    Args:
        source: Vectors of the shared users in the source, shape (n, f).
        target: Their vectors in the target, shape (n, g).
        l2: Ridge penalty, above 0.

    Returns:
        The map, shape (1 + f, g); ``[1, u] @ map`` is the taste expected in the target.

    Raises:
        ValueError: If the rows do not match, there are none, a number is not finite, or the
            penalty is not above 0.
    """
    if len(source) != len(target) or not len(source):
        raise ValueError(
            f"taste_map got {len(source)} source and {len(target)} target vectors; pass one of "
            "each for every shared user, and at least one user."
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise ValueError("A user vector is not finite; refit the domain's factors with more l2.")
    if not l2 > 0:
        raise ValueError(f"l2 is {l2}; use a penalty above 0.")
    x, y = source - source.mean(axis=0), target - target.mean(axis=0)
    slope = np.linalg.solve(x.T @ x + l2 * np.eye(x.shape[1]), x.T @ y)
    return np.vstack([target.mean(axis=0) - source.mean(axis=0) @ slope, slope])


class EMCDR:
    """Factorise both domains apart, then map the source vectors of newcomers to the target.

    A user with a target history keeps the vector learned there; a user without gets the mapped one.

    Equation: eq-emcdr

    Source: Man, Shen, Jin and Cheng (2017), "Cross-Domain Recommendation: An Embedding and Mapping
    Approach", IJCAI.

    Args:
        factors: Length of the vectors in each domain.
        l2: Penalty of the vectors, above 0.
        l2_map: Penalty of the map, above 0.
        epochs: Passes of each factorisation.
        seed: Seed of the factorisations.
        l2_bias: Penalty of their biases, above 0.

    Attributes:
        map_: Shape (2 + factors, 1 + factors); biases are the first coordinate of a vector.
        newcomers_: Whether a user of the aligned vocabulary has a mapped vector.
    """

    def __init__(
        self,
        factors: int = 8,
        l2: float = 15.0,
        l2_map: float = 10.0,
        epochs: int = 10,
        seed: int = 0,
        l2_bias: float = 5.0,
    ):
        self.factors = factors
        self.l2 = l2
        self.l2_map = l2_map
        self.epochs = epochs
        self.seed = seed
        self.l2_bias = l2_bias

    def fit(self, target: Interactions, source: Interactions) -> Self:
        """Factorise the domains and learn the map from the users who are in both.

        Args:
            target: Ratings of the domain in which predictions are wanted.
            source: Ratings of the other domain.

        Returns:
            The fitted model.

        Raises:
            ValueError: If a domain is empty, nobody is in both, or a setting is out of range.
        """
        from recsys_book.recommenders.factorization import BiasedALS

        users = target.users
        source, target = align_users(source, target)
        options = {"factors": self.factors, "l2": self.l2, "epochs": self.epochs}
        here = BiasedALS(**options, seed=self.seed, l2_bias=self.l2_bias).fit(target)
        there = BiasedALS(**options, seed=self.seed + 1, l2_bias=self.l2_bias).fit(source)
        taste = [np.column_stack([m.user_bias_, m.user_factors_]) for m in (there, here)]
        events = [np.bincount(log.user, minlength=log.n_users) > 0 for log in (source, target)]
        both = events[0] & events[1]
        self.map_ = taste_map(taste[0][both], taste[1][both], self.l2_map)
        mapped = np.column_stack([np.ones(len(taste[0])), taste[0]]) @ self.map_
        self.newcomers_ = events[0] & ~events[1]
        final = np.where(self.newcomers_[:, None], mapped, taste[1])
        self.mean_, self.items_, self.users_ = here.mean_, here.items_, users
        self.user_vectors_ = final[np.searchsorted(target.users, users)]
        self.item_vectors_ = np.column_stack([here.item_bias_, here.item_factors_])
        return self

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Predict target ratings.

        Args:
            users: Positions in the target's users, -1 for an unknown one, shape (n,).
            items: Positions in the target's items, -1 for an unknown one, shape (n,).

        Returns:
            Ratings, not clipped, shape (n,).
        """
        users = check_positions(users, len(self.users_), "user")
        items = check_positions(items, len(self.items_), "item")
        p, q = rows_of(self.user_vectors_, users), rows_of(self.item_vectors_, items)
        return biased_product(self.mean_, p, q)
