"""The cascade: a cheap recommender finds candidates, a better one puts them in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import Recommender
from recsys_book.recommenders.hybrid.members import BaseHybrid, fit_members
from recsys_book.recommenders.hybrid.scaling import scale_scores

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class CascadeHybrid(BaseHybrid):
    """Retrieve with one member, order with another.

    The unseen items that the retriever likes best stand first, in the order of the ranker; all
    others follow in the order of the retriever. What the retriever misses no ranker can mend.

    Source: Burke (2002), "Hybrid Recommender Systems: Survey and Experiments"; Covington, Adams and
    Sargin (2016), "Deep Neural Networks for YouTube Recommendations", RecSys.

    Args:
        retriever: Finds the candidates.
        ranker: Orders them.
        candidates: How many are passed on, at least 1; more than the catalogue means all.

    Attributes:
        models_: The fitted retriever and ranker.
    """

    def __init__(self, retriever: Recommender, ranker: Recommender, candidates: int = 100):
        self.retriever = retriever
        self.ranker = ranker
        self.candidates = candidates

    def _fit(self, interactions: Interactions) -> None:
        if not self.candidates >= 1:
            raise ValueError(f"candidates is {self.candidates}; pass on at least 1.")
        self.models_ = fit_members([self.retriever, self.ranker], interactions)

    def _mix(self, users: np.ndarray) -> np.ndarray:
        retriever, ranker = self.models_
        n = min(self.candidates, len(self.items_))
        found = retriever.recommend(users, n)[0]
        rows, places = (found >= 0).nonzero()
        mixed = scale_scores(retriever.score(users), "rank")
        items = found[rows, places]
        mixed[rows, items] = 1.0 + scale_scores(ranker.score(users), "rank")[rows, items]
        return mixed
