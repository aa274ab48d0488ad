"""FPMC: a Markov chain and a factorisation in one sum of two products."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.sequential.histories import Histories

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def fpmc_scores(
    p: np.ndarray, Q: np.ndarray, m: np.ndarray, L: np.ndarray, b: np.ndarray | float = 0.0
) -> np.ndarray:
    """Return what a user likes in general plus what tends to follow the last item.

    Equation: eq-fpmc.

    Args:
        p: Factors of users, shape (n, f).
        Q: Factors of items that meet users, shape (n_items, f).
        m: Factors of the users' last items, shape (n, f).
        L: Factors of the next item, shape (n_items, f).
        b: One number an item, shape (n_items,), or 0.

    Returns:
        Scores, shape (n, n_items).
    """
    return p @ Q.T + m @ L.T + b


class FPMC(BaseRecommender):
    """Factorise people's taste and the transitions between items together, by pairwise ranking.

    A user without history gets the popularity of the items.

    Equation: eq-fpmc.

    Source: Rendle, Freudenthaler & Schmidt-Thieme (2010), "Factorizing Personalized Markov Chains
    for Next-Basket Recommendation", WWW, with baskets of one item.

    Args:
        factors: Width of each of the four tables.
        rate: Length of a step; it falls in a straight line to a tenth.
        l2: Ridge penalty.
        epochs: Passes over the transitions.
        seed: Of the first factors, the order and the items that were not next.

    Attributes:
        user_factors_: P, shape (n_users, factors).
        item_factors_: Q, shape (n_items, factors).
        next_factors_: L, shape (n_items, factors).
        last_factors_: M, shape (n_items, factors).
        losses_: Mean loss of each epoch, shape (epochs,).
    """

    def __init__(
        self,
        factors: int = 32,
        rate: float = 0.05,
        l2: float = 0.005,
        epochs: int = 30,
        seed: int = 0,
    ):
        self.factors = factors
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        if self.factors < 1 or self.epochs < 1 or not self.rate > 0 or self.l2 < 0:
            raise ValueError(
                f"factors {self.factors}, epochs {self.epochs}, rate {self.rate} and l2 {self.l2} "
                "are out of range; the first three must be positive and l2 not negative."
            )
        self.histories_ = Histories.of(interactions)
        rng = np.random.default_rng(self.seed)
        n_users, n_items = interactions.n_users, interactions.n_items
        tables = [rng.normal(0, 0.1, (n, self.factors)) for n in (n_users, *(n_items,) * 3)]
        self.losses_ = self._descend(tables, rng)
        self.user_factors_, self.item_factors_, self.next_factors_, self.last_factors_ = tables

    def _descend(self, tables: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        """Run the epochs; change the tables in place and return the losses."""
        from recsys_book.recommenders.sequential.fpmc_kernels import fpmc_epoch

        items, n_items = self.histories_.items, self.histories_.n_items
        who = np.repeat(np.arange(len(self.histories_)), np.diff(self.histories_.start))
        here = np.flatnonzero(who[1:] == who[:-1])
        losses = np.zeros(self.epochs)
        if not len(here) or n_items < 2:
            return losses
        for epoch in range(self.epochs):
            at = rng.permutation(here)
            other = rng.integers(n_items - 1, size=len(at))
            other += other >= items[at + 1]  # any item but the right one
            rate = self.rate * (1 - 0.9 * epoch / self.epochs)
            losses[epoch] = fpmc_epoch(
                *tables, who[at], items[at], items[at + 1], other, rate, self.l2
            )
        return losses

    def _score(self, users: np.ndarray) -> np.ndarray:
        last = np.array([items[-1] for items in self.histories_.last(users, 1)])
        return fpmc_scores(
            self.user_factors_[users],
            self.item_factors_,
            self.last_factors_[last],
            self.next_factors_,
        )
