"""What every model of ratings shares: checks, unknown users and items, and the clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class RatingModel(BaseRecommender):
    """A recommender that predicts ratings; a subclass writes ``_learn`` and ``_predict``.

    ``predict`` clips to the range of the training ratings. ``score`` does not: clipped predictions
    would tie the best items of a generous user.

    Attributes:
        low_: Smallest training rating.
        high_: Largest training rating.
        mean_: Mean training rating.
    """

    def predict(
        self, users: Sequence[int] | np.ndarray, items: Sequence[int] | np.ndarray
    ) -> np.ndarray:
        """Predict the ratings of pairs.

        Args:
            users: User positions, shape (n,); -1 for an unknown user. A user without training
                ratings is treated like an unknown one.
            items: Item positions, shape (n,); -1 for an unknown item.

        Returns:
            Predicted ratings, clipped to the range of the training ratings, shape (n,), float64.

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range or the lengths differ.
        """
        users, items = self._check_pairs(users, items)
        return np.clip(self._predict(self._with_history(users), items), self.low_, self.high_)

    def _with_history(self, users: np.ndarray) -> np.ndarray:
        """Replace users who have no training event by -1."""
        has = np.append(np.diff(self.seen_.indptr) > 0, False)
        return np.where(has[users], users, -1)

    def _fit(self, interactions: Interactions) -> None:
        value = interactions.value
        if not np.isfinite(value).all():
            raise ValueError(
                f"{type(self).__name__} was given a rating that is not finite in row "
                f"{int(np.argmin(np.isfinite(value)))}; clean the log first."
            )
        self.low_, self.high_ = float(value.min()), float(value.max())
        self.mean_ = float(value.mean())
        self._learn(interactions)

    def _score(self, users: np.ndarray) -> np.ndarray:
        items = np.arange(len(self.items_))
        flat = self._predict(np.repeat(users, len(items)), np.tile(items, len(users)))
        return flat.reshape(len(users), len(items))

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return np.tile(self._score(np.array([-1])), (len(users), 1))

    def _learn(self, interactions: Interactions) -> None:
        raise NotImplementedError

    def _predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class FactorModel(RatingModel):
    r"""A rating model of the form :math:`\mu + b_u + b_i + p_u^\top q_i`.

    An unknown user has :math:`b_u = 0` and :math:`p_u = 0`, an unknown item likewise.

    Equation: eq-low-rank

    Attributes:
        user_bias_: Shape (n_users,).
        item_bias_: Shape (n_items,).
        user_factors_: Shape (n_users, f).
        item_factors_: Shape (n_items, f).
    """

    def _predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        p, q = rows_of(self.user_factors_, users), rows_of(self.item_factors_, items)
        bias = rows_of(self.user_bias_, users) + rows_of(self.item_bias_, items)
        return self.mean_ + bias + np.einsum("nf,nf->n", p, q)

    def _score(self, users: np.ndarray) -> np.ndarray:
        p, b_u = rows_of(self.user_factors_, users), rows_of(self.user_bias_, users)
        return self.mean_ + b_u[:, None] + self.item_bias_ + p @ self.item_factors_.T

    def _start(self, log: Interactions, factors: int, sd: float, seed: int) -> None:
        """Zero biases and small random factors, the users' drawn first."""
        check_at_least("factors", factors, 1)
        rng = np.random.default_rng(seed)
        self.user_factors_ = rng.normal(0.0, sd, (log.n_users, factors))
        self.item_factors_ = rng.normal(0.0, sd, (log.n_items, factors))
        self.user_bias_, self.item_bias_ = np.zeros(log.n_users), np.zeros(log.n_items)

    def _forget_the_unseen(self) -> None:
        """Set the factors of users and items without a rating to zero; they hold only noise."""
        self.user_factors_[np.diff(self.seen_.indptr) == 0] = 0.0
        self.item_factors_[self.item_counts_ == 0] = 0.0


def rows_of(table: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return the rows of a table; position -1 gives zeros.

    Args:
        table: Shape (n,) or (n, f).
        positions: Integers from -1 to n - 1, shape (m,).

    Returns:
        Shape (m,) or (m, f).
    """
    known = positions >= 0
    return table[positions] * known.reshape(-1, *[1] * (table.ndim - 1))


def biased_product(mean: float, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the mean, plus both biases, plus the inner product of the factors.

    Args:
        mean: The global mean.
        p: Users: the bias in the first column, the factors in the others, shape (n, 1 + f).
        q: Items, likewise.

    Returns:
        Shape (n,).
    """
    return mean + p[:, 0] + q[:, 0] + np.einsum("nf,nf->n", p[:, 1:], q[:, 1:])


def grouped(
    row: np.ndarray, column: np.ndarray, value: np.ndarray, n_rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sort cells by row, keeping the order within a row.

    Args:
        row: Row of each cell, shape (n,).
        column: Column of each cell, shape (n,).
        value: Value of each cell, shape (n,).
        n_rows: Number of rows.

    Returns:
        The first cell of each row, shape (n_rows + 1,); the columns, the values and the original
        positions of the sorted cells, each of shape (n,).
    """
    order = np.argsort(row, kind="stable")
    start = np.r_[0, np.cumsum(np.bincount(row, minlength=n_rows))]
    return start, column[order], value[order], order


def check_at_least(name: str, value: float, least: float) -> None:
    """Refuse a hyper-parameter below its smallest value.

    Args:
        name: Its name, for the message.
        value: What was given.
        least: The smallest value allowed.

    Raises:
        ValueError: If the value is smaller, or no number.
    """
    if not value >= least:
        raise ValueError(f"{name} is {value}; use a number of at least {least}.")


def check_table(name: str, table: np.ndarray, n_rows: int) -> np.ndarray:
    """Check a feature table against the vocabulary that its rows describe.

    Args:
        name: ``"user_features"`` or ``"item_features"``, for the message.
        table: Shape (n_rows, d).
        n_rows: Entries of the vocabulary.

    Returns:
        The table, float64.

    Raises:
        ValueError: If the shape is another one or a value is not finite.
    """
    table = np.asarray(table, dtype=np.float64)
    if table.ndim != 2 or len(table) != n_rows:
        raise ValueError(
            f"{name} has shape {table.shape} but the log's vocabulary has {n_rows} entries; "
            "give one row for each."
        )
    if not np.isfinite(table).all():
        raise ValueError(
            f"{name} has a value that is not finite in row "
            f"{int(np.argmin(np.isfinite(table).all(axis=1)))}; fill it before fitting."
        )
    return table
