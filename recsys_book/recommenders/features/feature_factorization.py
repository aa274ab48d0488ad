"""Factorisation with side features, trained to rank: an item is itself plus what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.features.factorization_machine import (
    csr_parts,
)
from recsys_book.recommenders.features.fields import Design, Field, default_fields
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class FeatureFactorization(BaseRecommender):
    """Rank by the product of a user's and an item's vector, each the sum of its features' vectors.

    It is the factorisation machine without the pairs inside the user and inside the item, fitted
    with the weighted approximate-rank pairwise loss (WARP). A new item with known features has a
    vector at once. A user without history gets the popularity of the items.

    Source: Kula (2015), "Metadata Embeddings for User and Item Cold-start Recommendations"
    (LightFM); Weston, Bengio and Usunier (2011), "WSABIE", IJCAI, for the loss.

    Args:
        fields: What is known about users and items; None for their identities alone.
        factors: Length of the vectors.
        rate: Of AdaGrad, one event at a time.
        l2: Penalty of what a step looks up.
        epochs: How often to go through the log.
        max_draws: How many items to draw in search of one that scores within the margin.
        seed: Of the first vectors, the order of the events and the draws.

    Attributes:
        user_vectors_: Shape (n_users, factors).
        item_vectors_: Shape (n_items, factors).
        item_bias_: Shape (n_items,).
        found_: Share of the events that led to a step, for each epoch.
    """

    def __init__(
        self,
        fields: Sequence[Field] | None = None,
        factors: int = 32,
        rate: float = 0.05,
        l2: float = 0.0,
        epochs: int = 30,
        max_draws: int = 10,
        seed: int = 0,
    ):
        self.fields = fields
        self.factors = factors
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.max_draws = max_draws
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        from recsys_book.recommenders.features import machine_kernels as kernels

        check_above_zero(self, "factors", "rate", "epochs", "max_draws")
        check_at_least_zero(self, "l2")
        log = interactions
        design = Design(default_fields(self.fields, log), log.n_users, log.n_items)
        rng = np.random.default_rng(self.seed)
        shape = (design.n_columns, self.factors)
        weights = np.zeros((shape[0], 1)), (rng.random(shape) - 0.5) / self.factors
        params = (*weights, *(np.ones_like(weight) for weight in weights))
        tables = csr_parts(design.users), csr_parts(design.items), csr_parts(self.seen_)[:2]
        settings = float(self.rate), float(self.l2), 10.0, float(self.max_draws)
        state = rng.integers(2**63, size=1).astype(np.uint64)
        self.found_ = np.zeros(self.epochs)
        for epoch in range(self.epochs):
            order = rng.permutation(len(log))
            self.found_[epoch] = kernels.warp_epoch(
                order, log.user, log.item, *tables, params, settings, state
            )
        self.user_vectors_ = design.users @ params[1]
        self.item_vectors_ = design.items @ params[1]
        self.item_bias_ = design.items @ params[0][:, 0]

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.user_vectors_[users] @ self.item_vectors_.T + self.item_bias_
