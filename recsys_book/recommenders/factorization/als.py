"""Alternating least squares on the observed cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.factorization.ratings import FactorModel, check_at_least, grouped

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def half_step(A: np.ndarray, y: np.ndarray, l2: float | np.ndarray) -> np.ndarray:
    """Return the ridge regression of one row's targets on the vectors of its columns.

    With the items' vectors fixed, a user's vector is a linear regression: this is one half of
    alternating least squares, for one row.

    Equation: eq-als-normal

    Args:
        A: Vectors of the columns that the row has observed, shape (n, f).
        y: Targets of these cells, shape (n,).
        l2: Penalty, one number or one a coordinate, above 0.

    Returns:
        The row's vector, shape (f,).
    """
    penalty = np.diag(np.broadcast_to(np.asarray(l2, dtype=float), A.shape[1]))
    return np.linalg.solve(A.T @ A + penalty, A.T @ y)


class BiasedALS(FactorModel):
    """Matrix factorisation with biases; users and items are solved for in turn, exactly.

    A user's bias and vector are one ridge regression on the items' vectors with a one in front, and
    the other way round. No step can raise the objective.

    Equations: eq-mf-objective, eq-als-normal

    Source: Zhou, Wilkinson, Schreiber and Pan (2008), "Large-Scale Parallel Collaborative Filtering
    for the Netflix Prize", AAIM.

    Args:
        factors: Length of the vectors.
        l2: Penalty of the vectors, above 0.
        epochs: Passes; each solves all users and then all items.
        seed: Seed of the first item vectors.
        l2_bias: Penalty of the biases, above 0.
    """

    def __init__(
        self,
        factors: int = 40,
        l2: float = 15.0,
        epochs: int = 15,
        seed: int = 0,
        l2_bias: float = 5.0,
    ):
        self.factors = factors
        self.l2 = l2
        self.epochs = epochs
        self.seed = seed
        self.l2_bias = l2_bias

    def _learn(self, interactions: Interactions) -> None:
        check_positive(l2=self.l2, l2_bias=self.l2_bias)
        check_at_least("epochs", self.epochs, 1)
        self._start(interactions, self.factors, 0.1, self.seed)
        log, residual = interactions, interactions.value - self.mean_
        by_user = grouped(log.user, log.item, residual, log.n_users)[:3]
        by_item = grouped(log.item, log.user, residual, log.n_items)[:3]
        for _ in range(self.epochs):
            self.user_bias_, self.user_factors_ = self._half(
                by_user, self.item_bias_, self.item_factors_
            )
            self.item_bias_, self.item_factors_ = self._half(
                by_item, self.user_bias_, self.user_factors_
            )

    def _half(self, cells, bias, factors) -> tuple[np.ndarray, np.ndarray]:
        """Solve all rows of one side with the other side fixed; return its biases and vectors."""
        from recsys_book.recommenders.factorization.ridge_kernels import solve_rows

        start, column, residual = cells
        features = np.column_stack([np.ones(len(factors)), factors])
        out = np.empty((len(start) - 1, features.shape[1]))
        penalty = np.diag(np.r_[self.l2_bias, np.full(factors.shape[1], float(self.l2))])
        zero = np.zeros_like(out)
        solve_rows(start, column, residual - bias[column], features, penalty, zero, 1.0, zero, out)
        return out[:, 0].copy(), out[:, 1:].copy()


def check_positive(**values: float) -> None:
    """Refuse hyper-parameters that are not above zero.

    Args:
        **values: Names and values.

    Raises:
        ValueError: If one is not above 0.
    """
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} is {value}; use a number above 0.")
