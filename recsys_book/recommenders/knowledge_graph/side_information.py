"""EASE that also knows what the items are: every feature is one more user who took its items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.closed_form import EASE

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class SideInformationEASE(EASE):
    """EASE on the log with the items' features stacked under it, as rows of weight ``weight``.

    The Gram matrix of the log gets the one of the features added to it, and nothing else changes.

    Source: Jeunen, Van Balen and Goethals (2020), "Closed-Form Models for Collaborative Filtering
    with Side-Information", RecSys (the collective variant).

    Args:
        features: Item features, dense or sparse, shape (n_items, n_features).
        weight: How much a feature counts, compared with a user; 0 is EASE.
        l2: Ridge penalty, above 0.
        half_life: As in ``EASE``.

    Attributes:
        weights_: Item-to-item weights, shape (n_items, n_items).
        history_: What the weights are applied to, sparse (n_users, n_items).
    """

    def __init__(
        self,
        features: np.ndarray | sp.csr_matrix,
        weight: float = 1.0,
        l2: float = 200.0,
        half_life: float | None = None,
    ):
        super().__init__(l2, half_life)
        self.features = features
        self.weight = weight

    def _gram(self, interactions: Interactions) -> np.ndarray:
        F = sp.csr_matrix(self.features, dtype=np.float64)
        if F.shape[0] != interactions.n_items or not np.isfinite(F.data).all():
            raise ValueError(
                f"The features have shape {F.shape} and the log has {interactions.n_items} items; "
                "pass one finite row for every item of the vocabulary, in its order."
            )
        if not self.weight >= 0:
            raise ValueError(f"weight is {self.weight}; use a number of at least 0.")
        return super()._gram(interactions) + (self.weight * (F @ F.T)).toarray()
