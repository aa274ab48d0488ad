"""BPR: of two items, the seen one should have the higher score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.implicit.checks import check_settings
from recsys_book.recommenders.implicit.factors import factor_scores

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def bpr_loss(p: np.ndarray, q_i: np.ndarray, q_j: np.ndarray, l2: float) -> float:
    """Return the loss of one user who has seen item i and not item j.

    It is minus the logarithm of the probability that i is preferred, plus the penalty. An item's
    bias is a factor whose counterpart in ``p`` is the constant one.

    Equation: eq-bpr

    Source: Rendle, Freudenthaler, Gantner & Schmidt-Thieme (2009), "BPR: Bayesian Personalized
    Ranking from Implicit Feedback", UAI.

    Args:
        p: The user's factors, shape (f,).
        q_i: Factors of the seen item, shape (f,).
        q_j: Factors of the unseen item, shape (f,).
        l2: Penalty.

    Returns:
        The loss.
    """
    margin = p @ q_i - p @ q_j
    return float(np.logaddexp(0, -margin) + l2 / 2 * (p @ p + q_i @ q_i + q_j @ q_j))


def bpr_step(
    p: np.ndarray, q_i: np.ndarray, q_j: np.ndarray, rate: float, l2: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take one step down the gradient of the loss.

    Equation: eq-bpr

    Args:
        p: The user's factors, shape (f,).
        q_i: Factors of the seen item, shape (f,).
        q_j: Factors of the unseen item, shape (f,).
        rate: Learning rate.
        l2: Penalty.

    Returns:
        The three after the step.
    """
    wrong = 1 / (1 + np.exp(p @ q_i - p @ q_j))  # probability of the wrong order
    return (
        p + rate * (wrong * (q_i - q_j) - l2 * p),
        q_i + rate * (wrong * p - l2 * q_i),
        q_j + rate * (-wrong * p - l2 * q_j),
    )


class BPR(BaseRecommender):
    """Learn factors from pairs of items, one seen and one drawn from those not seen.

    An epoch takes as many steps as there are seen pairs; both the pair and the unseen item are
    drawn at random, all with the same chance. Values and repetitions of events are ignored. A user
    without history gets the popularity of the items. A user who has seen all items teaches nothing.
    An item that nobody has seen only ever loses, and sinks.

    Equation: eq-bpr

    Source: Rendle, Freudenthaler, Gantner & Schmidt-Thieme (2009), "BPR: Bayesian Personalized
    Ranking from Implicit Feedback", UAI.

    Args:
        factors: Length of the factors, at least 1.
        rate: Learning rate, above 0; it falls in a straight line to zero over the epochs.
        l2: Penalty, at least 0.
        epochs: Number of epochs, at least 1.
        seed: Seed of the first factors and of the draws.
        item_bias: Whether an item has a bias as well.

    Attributes:
        user_factors_: Shape (n_users, factors).
        item_factors_: Shape (n_items, factors).
        item_bias_: Shape (n_items,); zeros without a bias.
    """

    def __init__(
        self,
        factors: int = 32,
        rate: float = 0.05,
        l2: float = 0.01,
        epochs: int = 50,
        seed: int = 0,
        item_bias: bool = True,
    ):
        self.factors = factors
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.seed = seed
        self.item_bias = item_bias

    def _fit(self, interactions: Interactions) -> None:
        from recsys_book.recommenders.implicit.sgd_kernels import bpr_epoch

        check_settings(self, whole=("factors", "epochs"), positive=("rate",), not_negative=("l2",))
        indptr, indices = sorted_histories(self.seen_)
        P, Q, state = first_factors(self.seed, self.seen_.shape, self.factors)
        b = np.zeros(len(Q))
        for epoch in range(self.epochs):
            rate = self.rate * (1 - epoch / self.epochs)
            bpr_epoch(indptr, indices, P, Q, b, rate, self.l2, rate * self.item_bias, state)
        self.user_factors_, self.item_factors_, self.item_bias_ = P, Q, b

    def _score(self, users: np.ndarray) -> np.ndarray:
        return factor_scores(self.user_factors_[users], self.item_factors_, self.item_bias_)


def sorted_histories(seen) -> tuple[np.ndarray, np.ndarray]:
    """Return where each history starts, int64, and its items in order, int32.

    Args:
        seen: Sparse matrix of seen pairs, shape (n_users, n_items).
    """
    seen = seen.sorted_indices()
    return seen.indptr.astype(np.int64), seen.indices.astype(np.int32)


def first_factors(
    seed: int, shape: tuple[int, int], factors: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return small random factors of users and items, and the first state of the draws.

    Args:
        seed: Seed of all three.
        shape: Numbers of users and items.
        factors: Length of the factors.

    Returns:
        Shapes (n_users, factors), (n_items, factors) and (1,); the last is uint64.
    """
    rng = np.random.default_rng(seed)
    P, Q = (rng.normal(0, 0.1 / np.sqrt(factors), (n, factors)) for n in shape)
    return P, Q, rng.integers(2**63, size=1, dtype=np.uint64)
