"""Probabilistic matrix factorisation: the penalty is a prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.factorization.als import check_positive
from recsys_book.recommenders.factorization.ratings import FactorModel, check_at_least, grouped

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def pmf_log_posterior(
    residual: np.ndarray, P: np.ndarray, Q: np.ndarray, noise_sd: float, factor_sd: float
) -> float:
    """Return the log posterior of the factors, without the constant.

    Equation: eq-pmf

    Args:
        residual: Rating minus prediction of each observed cell, shape (n,).
        P: User factors, shape (n_users, f).
        Q: Item factors, shape (n_items, f).
        noise_sd: Standard deviation of a rating around its prediction.
        factor_sd: Prior standard deviation of each factor.

    Returns:
        The sum of the log likelihood and the log prior, up to a constant.
    """
    size = (P**2).sum() + (Q**2).sum()
    return float(-(residual**2).sum() / (2 * noise_sd**2) - size / (2 * factor_sd**2))


class PMF(FactorModel):
    """Probabilistic matrix factorisation at its most probable factors.

    Ratings are normal around the global mean plus an inner product, factors are normal around zero.
    The most probable factors are found by alternating ridge regressions with the penalty
    ``noise_sd ** 2 / factor_sd ** 2``. There are no biases.

    Equation: eq-pmf

    Source: Mnih and Salakhutdinov (2007), "Probabilistic Matrix Factorization", NeurIPS 20.

    Args:
        factors: Length of the vectors.
        noise_sd: Standard deviation of a rating around its prediction, above 0.
        factor_sd: Prior standard deviation of each factor, above 0.
        epochs: Passes over users and items.
        seed: Seed of the first item factors.
    """

    def __init__(
        self,
        factors: int = 10,
        noise_sd: float = 0.8,
        factor_sd: float = 0.25,
        epochs: int = 20,
        seed: int = 0,
    ):
        self.factors = factors
        self.noise_sd = noise_sd
        self.factor_sd = factor_sd
        self.epochs = epochs
        self.seed = seed

    def _learn(self, interactions: Interactions) -> None:
        from recsys_book.recommenders.factorization.ridge_kernels import solve_rows

        check_positive(noise_sd=self.noise_sd, factor_sd=self.factor_sd)
        check_at_least("epochs", self.epochs, 1)
        log, residual = interactions, interactions.value - self.mean_
        self._start(log, self.factors, self.factor_sd, self.seed)
        P, Q = self.user_factors_, self.item_factors_
        prior = np.eye(self.factors) / self.factor_sd**2
        by_user = grouped(log.user, log.item, residual, log.n_users)[:3]
        by_item = grouped(log.item, log.user, residual, log.n_items)[:3]
        for _ in range(self.epochs):
            for cells, other, mine in ((by_user, Q, P), (by_item, P, Q)):
                zero = np.zeros_like(mine)
                solve_rows(*cells, other, prior, zero, self.noise_sd**-2, zero, mine)
