"""The factorisation machine: every pair of features interacts, through the product of two vectors.

With two fields, the user and the item, it is the biased factorisation. Every further field, a genre
or an hour, is a few more columns and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.features.fields import Design, Field, default_fields, known_rows
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def fm_double_sum(x: np.ndarray, w0: float, w: np.ndarray, V: np.ndarray) -> float:
    """Score one row, adding up the pairs of features one by one.

    Equation: eq-fm

    Source: Rendle (2010), "Factorization Machines", ICDM, equation 1.

    Args:
        x: Features, shape (p,).
        w0: Global weight.
        w: Weight of each feature, shape (p,).
        V: Vector of each feature, shape (p, factors).

    Returns:
        The score; the work grows with the square of p.
    """
    pairs = 0.0
    for j in range(len(x)):
        for l in range(j + 1, len(x)):  # noqa: E741 - the index of the equation
            pairs += (V[j] @ V[l]) * x[j] * x[l]
    return float(w0 + w @ x + pairs)


def fm_linear_time(
    X: np.ndarray | sp.csr_matrix, w0: float, w: np.ndarray, V: np.ndarray
) -> np.ndarray:
    """Score rows without visiting a pair: half of (square of the sum minus sum of the squares).

    Equation: eq-fm-linear-time

    Source: Rendle (2010), "Factorization Machines", ICDM, lemma 3.1.

    Args:
        X: Features, shape (n, p), dense or sparse.
        w0: Global weight.
        w: Weight of each feature, shape (p,).
        V: Vector of each feature, shape (p, factors).

    Returns:
        The scores, shape (n,); the work grows with the number of non-zeros.
    """
    square_of_sum = np.square(X @ V)
    sum_of_squares = (X.multiply(X) if sp.issparse(X) else X * X) @ (V * V)
    return w0 + X @ w + 0.5 * (square_of_sum - sum_of_squares).sum(axis=1)


class FactorizationMachine(BaseRecommender):
    """Predict ratings, or rank items, from fields of features.

    Loss ``"rating"`` is the squared error with an L2 penalty on what a row looks up; loss
    ``"ranking"`` is the pairwise logistic loss of BPR against a random unseen item. Both are
    minimised by AdaGrad, one event at a time.

    A user without history gets the scores of a row in which only the item's columns are filled; so
    does position -1. An item that no event names keeps what its other fields have learned.

    Equations: eq-fm, eq-fm-linear-time

    Source: Rendle (2010), "Factorization Machines", ICDM.

    Args:
        fields: What is known about users, items and times; None for the user and the item alone.
        factors: Length of the vectors.
        rate: Of AdaGrad.
        l2: Penalty of the vectors.
        l2_linear: Penalty of the weights; None for the same.
        epochs: How often to go through the log.
        loss: ``"rating"`` or ``"ranking"``.
        init: Standard deviation of the first vectors.
        seed: Of the first vectors, the order of the events and the unseen items.

    Attributes:
        design_: The fields side by side.
        w0_: Global weight, the mean rating at first.
        w_: Weight of each feature, shape (p,).
        V_: Vector of each feature, shape (p, factors).
        range_: Smallest and largest training rating.
        losses_: Mean loss of each epoch, taken before the steps.
    """

    def __init__(
        self,
        fields: Sequence[Field] | None = None,
        factors: int = 16,
        rate: float = 0.05,
        l2: float = 0.05,
        l2_linear: float | None = None,
        epochs: int = 20,
        loss: str = "rating",
        init: float = 0.05,
        seed: int = 0,
    ):
        self.fields = fields
        self.factors = factors
        self.rate = rate
        self.l2 = l2
        self.l2_linear = l2_linear
        self.epochs = epochs
        self.loss = loss
        self.init = init
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        self._check()
        log = interactions
        self.design_ = Design(default_fields(self.fields, log), log.n_users, log.n_items)
        self.range_ = float(log.value.min()), float(log.value.max())
        rng = np.random.default_rng(self.seed)
        shape = (self.design_.n_columns, self.factors)
        w0 = np.full((1, 1), log.value.mean() if self.loss == "rating" else 0.0)
        weights = w0, np.zeros((shape[0], 1)), rng.normal(0, self.init, shape)
        params = (*weights, *(np.ones_like(weight) for weight in weights))
        self.losses_ = np.array([self._epoch(log, params, rng) for _ in range(self.epochs)])
        self.w0_, self.w_, self.V_ = float(params[0][0, 0]), params[1][:, 0], params[2]
        if self.loss == "rating":
            self.V_[~self._active(log)] = 0.0  # nothing pulled these; they hold the first draw

    def _epoch(self, log: Interactions, params: tuple, rng: np.random.Generator) -> float:
        from recsys_book.recommenders.features import machine_kernels as kernels

        order = rng.permutation(len(log))
        tables = [
            csr_parts(table)
            for table in (
                self.design_.users,
                self.design_.items,
                self.design_.times(log.timestamp, len(log)),
            )
        ]
        l2_linear = self.l2 if self.l2_linear is None else self.l2_linear
        settings = float(self.rate), float(l2_linear), float(self.l2)
        if self.loss == "rating":
            return kernels.rating_epoch(
                order, log.user, log.item, log.value, *tables, params, settings
            )
        seen, state = csr_parts(self.seen_)[:2], rng.integers(2**63, size=1).astype(np.uint64)
        return kernels.ranking_epoch(
            order, log.user, log.item, *tables, seen, params, settings, state
        )

    def _active(self, log: Interactions) -> np.ndarray:
        """Tell which columns some event of the log fills, bool, shape (p,)."""
        rows = self.design_.rows(log.user, log.item, log.timestamp)
        return np.bincount(rows.indices, minlength=self.design_.n_columns) > 0

    def predict(
        self,
        users: Sequence[int] | np.ndarray,
        items: Sequence[int] | np.ndarray,
        timestamps: np.ndarray | None = None,
    ) -> np.ndarray:
        """Predict the ratings of pairs.

        Args:
            users: User positions, shape (n,); -1 for an unknown user, whose columns are empty.
            items: Item positions, shape (n,); -1 for an unknown item, whose columns are empty.
            timestamps: Seconds since 1970-01-01 UTC, shape (n,); None leaves the columns of the
                time empty.

        Returns:
            Predictions within the range of the training ratings (raw scores for loss
            ``"ranking"``), float64, shape (n,).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range or the lengths differ.
        """
        users, items = self._check_pairs(users, items)
        rows = self.design_.rows(users, items, timestamps)
        return self._in_range(fm_linear_time(rows, self.w0_, self.w_, self.V_))

    def score_at(self, users: Sequence[int] | np.ndarray, timestamps: np.ndarray) -> np.ndarray:
        """Score every item for users at given times.

        Args:
            users: User positions, shape (n,).
            timestamps: Seconds since 1970-01-01 UTC, shape (n,).

        Returns:
            Scores, shape (n, n_items).
        """
        users = self._check_users(users)
        of_user = known_rows(self.design_.users, users)
        return self._all_items(of_user + self.design_.times(timestamps, len(users)))

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self._all_items(self.design_.users[users])

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return self._all_items(sp.csr_matrix((len(users), self.design_.n_columns)))

    def _all_items(self, left: sp.csr_matrix) -> np.ndarray:
        """Score all items, given the rows of everything but the item."""
        own = fm_linear_time(left, self.w0_, self.w_, self.V_)
        items = self.design_.items
        of_item = fm_linear_time(items, 0.0, self.w_, self.V_)
        scores = own[:, None] + of_item + (left @ self.V_) @ (items @ self.V_).T
        return self._in_range(scores)

    def _in_range(self, scores: np.ndarray) -> np.ndarray:
        return np.clip(scores, *self.range_) if self.loss == "rating" else scores

    def _check(self) -> None:
        if self.loss not in ("rating", "ranking"):
            raise ValueError(f"loss is {self.loss!r}; use 'rating' or 'ranking'.")
        check_above_zero(self, "factors", "rate", "epochs", "init")
        check_at_least_zero(self, "l2")


def csr_parts(table: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a sparse table as what a compiled loop reads.

    Args:
        table: Any sparse matrix in rows, columns sorted.

    Returns:
        Row pointers and column numbers, int64, and the values, float64.
    """
    return table.indptr.astype(np.int64), table.indices.astype(np.int64), table.data.astype(float)
