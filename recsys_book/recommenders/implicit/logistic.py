"""Logistic matrix factorisation: the probability that a user goes for an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.implicit.bpr import first_factors
from recsys_book.recommenders.implicit.checks import check_settings
from recsys_book.recommenders.implicit.factors import Pattern, factor_scores

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def logistic_loss(R: np.ndarray, P: np.ndarray, Q: np.ndarray, alpha: float, l2: float) -> float:
    """Return minus the log-posterior of logistic matrix factorisation.

    A pair that occurred r times is ``alpha * r`` yeses and one no; any other pair is one no.

    Equation: eq-logistic-mf

    Source: Johnson (2014), "Logistic Matrix Factorization for Implicit Feedback Data", NIPS
    workshop on distributed machine learning and matrix computations, equation 5.

    Args:
        R: How often each pair occurred, shape (n_users, n_items).
        P: User factors, shape (n_users, f).
        Q: Item factors, shape (n_items, f).
        alpha: Number of yeses for each occurrence.
        l2: Penalty.

    Returns:
        The loss.
    """
    x = P @ Q.T
    likelihood = alpha * R * x - (1 + alpha * R) * np.logaddexp(0, x)
    return float(-likelihood.sum() + l2 / 2 * (np.sum(P**2) + np.sum(Q**2)))


def logistic_gradient(
    R: np.ndarray, P: np.ndarray, Q: np.ndarray, alpha: float, l2: float
) -> np.ndarray:
    """Return the gradient of the loss by the user factors.

    That by the item factors is ``logistic_gradient(R.T, Q, P, alpha, l2)``.

    Equation: eq-logistic-mf

    Args:
        R: How often each pair occurred, shape (n_users, n_items).
        P: User factors, shape (n_users, f).
        Q: Item factors, shape (n_items, f).
        alpha: Number of yeses for each occurrence.
        l2: Penalty.

    Returns:
        Shape (n_users, f).
    """
    probability = 1 / (1 + np.exp(-P @ Q.T))
    return ((1 + alpha * R) * probability - alpha * R) @ Q + l2 * P


class LogisticMF(BaseRecommender):
    """Fit the probability of every pair by a logistic function of factors and biases.

    Users and items take turns; each turn is one AdaGrad step along the gradient over all pairs, or
    over a sample of them. The two biases are factors whose counterpart is fixed to one. The values
    of the events are ignored, their number counts. A user without history gets the popularity of
    the items; an item that nobody has seen is pushed down by everybody.

    Equation: eq-logistic-mf

    Source: Johnson (2014), "Logistic Matrix Factorization for Implicit Feedback Data", NIPS
    workshop on distributed machine learning and matrix computations.

    Args:
        factors: Length of the factors, at least 1, without the biases.
        rate: Learning rate of AdaGrad, above 0.
        l2: Penalty, at least 0.
        epochs: Number of epochs, at least 1.
        seed: Seed of the first factors and of the sample.
        alpha: Number of yeses for each occurrence, above 0.
        sample: None for the exact gradient, whose cost grows with users times items; or how many
            pairs are drawn to estimate the part of all pairs, for each seen pair of a row.

    Attributes:
        user_factors_: Shape (n_users, factors).
        item_factors_: Shape (n_items, factors).
        item_bias_: Shape (n_items,).
    """

    def __init__(
        self,
        factors: int = 16,
        rate: float = 1.0,
        l2: float = 1.0,
        epochs: int = 30,
        seed: int = 0,
        alpha: float = 1.0,
        sample: int | None = None,
    ):
        self.factors = factors
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.seed = seed
        self.alpha = alpha
        self.sample = sample

    def _fit(self, interactions: Interactions) -> None:
        from recsys_book.recommenders.implicit.logistic_kernels import logistic_half_step

        whole = ("factors", "epochs") if self.sample is None else ("factors", "epochs", "sample")
        check_settings(self, whole=whole, positive=("rate", "alpha"), not_negative=("l2",))
        R = Pattern.of(interactions.to_csr(1.0))
        Rt = R.transposed(interactions.n_items)
        P, Q, state = first_factors(self.seed, self.seen_.shape, self.factors)
        P = np.column_stack([P, np.zeros(len(P)), np.ones(len(P))])  # ..., bias, one
        Q = np.column_stack([Q, np.ones(len(Q)), np.zeros(len(Q))])  # ..., one, bias
        squares = np.zeros_like(P), np.zeros_like(Q)
        settings = (self.alpha, self.l2, self.rate, self.sample or 0, state)
        for _ in range(self.epochs):
            logistic_half_step(*R, P, Q, squares[0], self.factors + 1, *settings)
            logistic_half_step(*Rt, Q, P, squares[1], self.factors, *settings)
        self.user_factors_, self.item_factors_ = P[:, : self.factors], Q[:, : self.factors]
        self.item_bias_ = Q[:, -1]

    def _score(self, users: np.ndarray) -> np.ndarray:
        return factor_scores(self.user_factors_[users], self.item_factors_, self.item_bias_)
