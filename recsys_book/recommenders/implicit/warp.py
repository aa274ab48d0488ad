"""WARP: the longer it takes to find an item that is ranked too high, the better the event ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.implicit.bpr import first_factors, sorted_histories
from recsys_book.recommenders.implicit.checks import check_settings
from recsys_book.recommenders.implicit.factors import factor_scores

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def rank_weight(rank: int) -> float:
    r"""Return the cost of a rank, :math:`1 + 1/2 + \dots + 1/\mathrm{rank}`; rank 0 is the best.

    Moving an item up one place is worth much at the top and little far down.

    Equation: eq-warp

    Args:
        rank: Number of unseen items ranked too high.

    Returns:
        The cost.
    """
    return float(np.sum(1 / np.arange(1, rank + 1)))


def warp_loss(
    p: np.ndarray, q_i: np.ndarray, q_j: np.ndarray, trials: int, n_items: int, l2: float
) -> float:
    """Return the loss of an event when the unseen item j came up as a violator.

    The margin is one. If the n-th drawn item is the first to violate it, about one item in n does,
    so the estimated rank is ``(n_items - 1) // n``.

    Equation: eq-warp

    Source: Weston, Bengio & Usunier (2011), "WSABIE: Scaling Up to Large Vocabulary Image
    Annotation", IJCAI.

    Args:
        p: The user's factors, shape (f,).
        q_i: Factors of the seen item, shape (f,).
        q_j: Factors of the violator, shape (f,).
        trials: How many unseen items had to be drawn, at least 1.
        n_items: Number of items.
        l2: Penalty.

    Returns:
        The loss.
    """
    hinge = max(0.0, 1 - p @ q_i + p @ q_j)
    penalty = l2 / 2 * (p @ p + q_i @ q_i + q_j @ q_j)
    return float(rank_weight((n_items - 1) // trials) * hinge + penalty)


def warp_gradients(
    p: np.ndarray, q_i: np.ndarray, q_j: np.ndarray, trials: int, n_items: int, l2: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradients of the loss where the margin is violated.

    Equation: eq-warp

    Args:
        p: The user's factors, shape (f,).
        q_i: Factors of the seen item, shape (f,).
        q_j: Factors of the violator, shape (f,).
        trials: How many unseen items had to be drawn, at least 1.
        n_items: Number of items.
        l2: Penalty.

    Returns:
        Gradients by the three.
    """
    weight = rank_weight((n_items - 1) // trials)
    return weight * (q_j - q_i) + l2 * p, -weight * p + l2 * q_i, weight * p + l2 * q_j


class WARP(BaseRecommender):
    """Learn factors from events whose rank is found wanting, the worst ones most.

    For each event unseen items are drawn until one scores above the event's less the margin; the
    number of draws estimates the rank. Steps are AdaGrad's. Values and repetitions of events are
    ignored. A user without history gets the popularity of the items. A user who has seen all items
    teaches nothing. An item that nobody has seen only ever loses, and sinks.

    Equation: eq-warp

    Source: Weston, Bengio & Usunier (2011), "WSABIE: Scaling Up to Large Vocabulary Image
    Annotation", IJCAI.

    Args:
        factors: Length of the factors, at least 1.
        rate: Learning rate of AdaGrad, above 0.
        l2: Penalty, at least 0.
        epochs: Number of epochs, at least 1.
        seed: Seed of the first factors and of the draws.
        tries: Draws after which an event is left alone, at least 1.

    Attributes:
        user_factors_: Shape (n_users, factors).
        item_factors_: Shape (n_items, factors).
        item_bias_: Shape (n_items,).
    """

    def __init__(
        self,
        factors: int = 32,
        rate: float = 0.05,
        l2: float = 0.0,
        epochs: int = 30,
        seed: int = 0,
        tries: int = 10,
    ):
        self.factors = factors
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.seed = seed
        self.tries = tries

    def _fit(self, interactions: Interactions) -> None:
        from recsys_book.recommenders.implicit.sgd_kernels import warp_epoch

        whole = ("factors", "epochs", "tries")
        check_settings(self, whole=whole, positive=("rate",), not_negative=("l2",))
        indptr, indices = sorted_histories(self.seen_)
        P, Q, state = first_factors(self.seed, self.seen_.shape, self.factors)
        b = np.zeros((len(Q), 1))
        squares = np.zeros_like(P), np.zeros_like(Q), np.zeros_like(b)
        weights = np.r_[0.0, np.cumsum(1 / np.arange(1, max(2, len(Q))))]
        step = (squares, self.rate, self.l2, self.tries, weights, state)
        for _ in range(self.epochs):
            warp_epoch(indptr, indices, P, Q, b, *step)
        self.user_factors_, self.item_factors_, self.item_bias_ = P, Q, b[:, 0]

    def _score(self, users: np.ndarray) -> np.ndarray:
        return factor_scores(self.user_factors_[users], self.item_factors_, self.item_bias_)
