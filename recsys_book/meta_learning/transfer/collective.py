"""Collective factorisation: one user vector that answers in two domains."""

from __future__ import annotations

from typing import Self

import numpy as np

from recsys_book.data import Interactions
from recsys_book.meta_learning.transfer.domains import align_users
from recsys_book.recommenders.base import check_positions
from recsys_book.recommenders.factorization.als import check_positive
from recsys_book.recommenders.factorization.ratings import (
    biased_product,
    check_at_least,
    grouped,
    rows_of,
)


def collective_objective(
    residuals: list[tuple[np.ndarray, float]],
    user_vectors: np.ndarray,
    item_vectors: list[np.ndarray],
    l2: np.ndarray,
) -> float:
    """Return the weighted squared errors of both domains plus the penalties.

    Equation: eq-collective

    Args:
        residuals: For each domain what the model leaves of its ratings, shape (n_d,), and the
            domain's weight: 1 for the target, alpha for the source.
        user_vectors: Shared by the domains, biases included, shape (n_users, f).
        item_vectors: For each domain, biases included, shape (n_items_d, f).
        l2: The penalty of each coordinate, shape (f,).

    Returns:
        The value that collective factorisation minimises.
    """
    errors = sum(
        weight * (np.sum(e**2) + np.sum(Q**2 @ l2))
        for (e, weight), Q in zip(residuals, item_vectors, strict=True)
    )
    return float(errors + np.sum(user_vectors**2 @ l2))


class CollectiveFactors:
    """Factorise two domains at once; they share the users' biases and vectors.

    The weight of the source decides what this is. At 0 the source is ignored: a factorisation of
    the target alone. At 1 every rating counts the same: the domains are pooled. Each domain keeps a
    mean of its own. Users and items are solved for in turn, exactly.

    Equation: eq-collective

    Source: Singh and Gordon (2008), "Relational Learning via Collective Matrix Factorization", KDD.

    Args:
        alpha: Weight of a source rating, from 0 to 1; a target rating has 1.
        factors: Length of the vectors; 0 leaves the biases.
        l2: Penalty of the vectors, above 0.
        epochs: Passes; each solves all users and then all items.
        seed: Seed of the first item vectors.
        l2_bias: Penalty of the biases, above 0.

    Attributes:
        objective_: The objective after each epoch, shape (epochs,).
        source_item_vectors_: Biases and vectors of the source's items, or None without a source;
            shape (n_source_items, 1 + factors).
    """

    def __init__(
        self,
        alpha: float = 1.0,
        factors: int = 8,
        l2: float = 15.0,
        epochs: int = 10,
        seed: int = 0,
        l2_bias: float = 5.0,
    ):
        self.alpha = alpha
        self.factors = factors
        self.l2 = l2
        self.epochs = epochs
        self.seed = seed
        self.l2_bias = l2_bias

    def fit(self, target: Interactions, source: Interactions | None = None) -> Self:
        """Learn from the target domain, and from the source unless ``alpha`` is 0.

        Args:
            target: Ratings of the domain in which predictions are wanted.
            source: Ratings of the other domain; needed where ``alpha`` is above 0.

        Returns:
            The fitted model.

        Raises:
            ValueError: If a setting is out of range, a domain is empty, a rating is not finite, or
                nobody is in both domains.
        """
        self._check()
        if self.alpha > 0 and source is None:
            raise ValueError("alpha is above 0 but there is no source; pass one or use alpha=0.")
        self.users_, self.items_ = target.users, target.items
        logs = [target]
        if self.alpha > 0:
            source, target = align_users(source, target)
            logs = [target, source]
        _check_ratings(logs)
        self._solve(logs)
        self._row = np.searchsorted(target.users, self.users_)
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
        users = np.where(users >= 0, self._row[users], -1)
        p, q = rows_of(self.user_vectors_, users), rows_of(self.item_vectors_, items)
        return biased_product(self.mean_, p, q)

    def _check(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha is {self.alpha}; use a weight from 0 to 1.")
        check_positive(l2=self.l2, l2_bias=self.l2_bias)
        check_at_least("factors", self.factors, 0)
        check_at_least("epochs", self.epochs, 1)

    def _solve(self, logs: list[Interactions]) -> None:
        """Alternate between the users and the items of all domains side by side."""
        weights = np.array([1.0, self.alpha])[: len(logs)]
        means = [float(log.value.mean()) for log in logs]
        first = np.cumsum([0, *(log.n_items for log in logs)])
        user = np.concatenate([log.user for log in logs])
        item = np.concatenate([log.item + f for log, f in zip(logs, first)])
        y = np.concatenate([log.value - m for log, m in zip(logs, means)])
        weight = np.repeat(weights, [log.n_items for log in logs])
        domain = np.repeat(np.arange(len(logs)), [len(log) for log in logs])
        rng = np.random.default_rng(self.seed)
        Q = np.column_stack([np.zeros(first[-1]), rng.normal(0, 0.1, (first[-1], self.factors))])
        l2 = np.r_[self.l2_bias, np.full(self.factors, float(self.l2))]
        by_user, by_item = grouped(user, item, y, logs[0].n_users), grouped(item, user, y, len(Q))
        parts, history = [Q[a:b] for a, b in zip(first, first[1:])], []
        for _ in range(self.epochs):
            P = _ridge_rows(by_user, Q, l2, np.sqrt(weight))
            Q[:] = _ridge_rows(by_item, P, l2, np.ones(len(P)))
            rest = y - P[user, 0] - Q[item, 0] - np.einsum("nf,nf->n", P[user, 1:], Q[item, 1:])
            left = [(rest[domain == d], w) for d, w in enumerate(weights)]
            history.append(collective_objective(left, P, parts, l2))
        self.mean_, self.user_vectors_, self.item_vectors_ = means[0], P, parts[0].copy()
        self.source_item_vectors_ = parts[1].copy() if len(parts) > 1 else None
        self.objective_ = np.array(history)


def _ridge_rows(cells, vectors: np.ndarray, l2: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Solve bias and vector of every row, given those of the columns; ``scale`` is per column."""
    from recsys_book.recommenders.factorization.ridge_kernels import solve_rows

    start, column, y, _ = cells
    features = np.column_stack([np.ones(len(vectors)), vectors[:, 1:]]) * scale[:, None]
    out = np.empty((len(start) - 1, features.shape[1]))
    zero, penalty = np.zeros_like(out), np.diag(l2)
    left = (y - vectors[column, 0]) * scale[column]
    solve_rows(start, column, left, features, penalty, zero, 1.0, zero, out)
    return out


def _check_ratings(logs: list[Interactions]) -> None:
    for name, log in zip(("target", "source"), logs):
        if not len(log):
            raise ValueError(f"The {name} domain has no rating; there is nothing to learn from.")
        if not np.isfinite(log.value).all():
            row = int(np.flatnonzero(~np.isfinite(log.value))[0])
            raise ValueError(
                f"Rating {row} of the {name} domain is {log.value[row]}; drop such rows."
            )
