"""Biased matrix factorisation by stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.factorization.ratings import FactorModel, check_at_least

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def mf_objective(model: FactorModel, log: Interactions, l2: float, per_cell: bool = True) -> float:
    """Return the squared error on the observed cells plus the penalty.

    Equation: eq-mf-objective

    Args:
        model: A fitted model.
        log: The ratings, in the vocabulary of the model.
        l2: Penalty.
        per_cell: Count the penalty of a user or item once a rating, as gradient descent by cells
            does, instead of once.

    Returns:
        The value that factorisation minimises.
    """
    p, q = model.user_factors_, model.item_factors_
    b_u, b_i = model.user_bias_, model.item_bias_
    fitted = b_u[log.user] + b_i[log.item] + (p[log.user] * q[log.item]).sum(axis=1)
    size_u = b_u**2 + (p**2).sum(axis=1)
    size_i = b_i**2 + (q**2).sum(axis=1)
    if per_cell:
        penalty = size_u[log.user].sum() + size_i[log.item].sum()
    else:
        penalty = size_u.sum() + size_i.sum()
    return float(((log.value - model.mean_ - fitted) ** 2).sum() + l2 * penalty)


class BiasedMF(FactorModel):
    """Matrix factorisation with biases, one gradient step an observed cell.

    Equations: eq-mf-objective, eq-mf-sgd

    Source: Funk (2006), "Netflix Update: Try This at Home"; Koren, Bell and Volinsky (2009),
    "Matrix Factorization Techniques for Recommender Systems", Computer 42(8).

    Args:
        factors: Length of the vectors.
        rate: Step size.
        l2: Penalty, applied at each visit of a row.
        epochs: Passes over the ratings.
        seed: Seed of the first factors and of the order.
        init_sd: Standard deviation of the first factors.
        shuffle: Visit the cells in a new random order each epoch; otherwise as the log has them.
    """

    def __init__(
        self,
        factors: int = 100,
        rate: float = 0.01,
        l2: float = 0.1,
        epochs: int = 60,
        seed: int = 0,
        init_sd: float = 0.1,
        shuffle: bool = True,
    ):
        self.factors = factors
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.seed = seed
        self.init_sd = init_sd
        self.shuffle = shuffle

    def _learn(self, interactions: Interactions) -> None:
        from recsys_book.recommenders.factorization.sgd_kernels import mf_epoch

        check_descent(self.rate, self.l2, self.epochs)
        self._start(interactions, self.factors, self.init_sd, self.seed)
        log, order = interactions, np.arange(len(interactions))
        rng = np.random.default_rng([self.seed, 1])
        tables = (self.user_bias_, self.item_bias_, self.user_factors_, self.item_factors_)
        for _ in range(self.epochs):
            if self.shuffle:
                order = rng.permutation(len(log))
            mf_epoch(log.user, log.item, log.value, order, self.mean_, self.rate, self.l2, *tables)
        check_finite(self.item_factors_, self.rate)
        self._forget_the_unseen()


def check_descent(rate: float, l2: float, epochs: int) -> None:
    """Check the hyper-parameters that all descents share.

    Args:
        rate: Step size, above 0.
        l2: Penalty, at least 0.
        epochs: Passes, at least 1.

    Raises:
        ValueError: If one is out of range.
    """
    if not rate > 0:
        raise ValueError(f"rate is {rate}; use a step size above 0.")
    check_at_least("l2", l2, 0)
    check_at_least("epochs", epochs, 1)


def check_finite(factors: np.ndarray, rate: float) -> None:
    """Refuse a run that has diverged.

    Args:
        factors: Learned factors.
        rate: The step size that was used, for the message.

    Raises:
        ValueError: If a factor is not finite.
    """
    if not np.isfinite(factors).all():
        raise ValueError(f"The descent diverged with rate {rate}; use a smaller one.")
