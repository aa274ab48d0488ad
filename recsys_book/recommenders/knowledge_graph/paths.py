"""Why this film? Because it has the director of one that you watched: paths through the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.base import BaseRecommender, check_positions
from recsys_book.recommenders.knowledge_graph.graph_features import graph_features
from recsys_book.recommenders.knowledge_graph.triples import Triples

if TYPE_CHECKING:
    from recsys_book.data import Interactions

#: What a shared entity means, for each relation of the graph of MovieLens-100K.
PHRASES = {
    "film.film.actor": "an actor of",
    "film.film.award_nomination": "nominated for an award like",
    "film.film.award_won": "won an award like",
    "film.film.cinematography": "same cinematographer as",
    "film.film.country": "same country as",
    "film.film.directed_by": "same director as",
    "film.film.genre": "same genre as",
    "film.film.language": "same language as",
    "film.film.produced_by": "same producer as",
    "film.film.production_companies": "same company as",
    "film.film.rating": "same age rating as",
    "film.film.sequel": "in a series with",
    "film.film.subjects": "same subject as",
    "film.film.written_by": "same writer as",
}


@dataclass(frozen=True)
class Reason:
    """One path from the history to a recommendation.

    Attributes:
        item: The item of the history where the path starts.
        relation: What connects the two items.
        entity: The entity on the way.
        weight: The chance that a walk takes this path.
    """

    item: int
    relation: str
    entity: str
    weight: float

    def sentence(self, titles: Sequence[str], phrases: Mapping[str, str] = PHRASES) -> str:
        """Return the reason in words.

        Args:
            titles: Title of each item.
            phrases: What to say for each relation; one without a phrase says "shares its name
                with".

        Returns:
            Such as "same director as Pulp Fiction".
        """
        return f"{phrases.get(self.relation, f'shares {self.relation} with')} {titles[self.item]}"


def path_scores(starts: sp.csr_matrix, B: sp.csr_matrix) -> np.ndarray:
    """Return the chance of each item to be the end of a walk of two steps.

    A walker picks an item of the history, then one of its entities, then one of the items of that
    entity, each time with equal chances. The chance of an item is the sum over all paths to it.

    Equation: eq-path-score

    Args:
        starts: Chance of each item to start from, sparse (n, n_items).
        B: Which item has which entity, ones in a sparse matrix (n_items, n_entities).

    Returns:
        Chances, shape (n, n_items); each row sums to 1 where every start has an entity.
    """
    item_degree = np.maximum(B.sum(axis=1).A1, 1)
    entity_degree = np.maximum(B.sum(axis=0).A1, 1)
    step_out, step_back = sp.diags_array(1 / item_degree) @ B, sp.diags_array(1 / entity_degree)
    return (starts @ step_out @ step_back @ B.T).toarray()


class PathRecommender(BaseRecommender):
    """Rank items by the chance that a walk from the history, through one entity, ends at them.

    Every score is a sum over paths, so every recommendation comes with its reasons. No other user
    is involved: a new item is reached as soon as its facts are known. A user without history gets
    the popularity of the items.

    Equation: eq-path-score

    Args:
        triples: The graph.
        relations: Names of the relations that paths may use; None for all.

    Attributes:
        links_: Which item has which entity, sparse (n_items, n_columns).
        names_: Relation and entity of each column.
        starts_: Chance of each item of a user's history, sparse (n_users, n_items).
    """

    def __init__(self, triples: Triples, relations: Sequence[str] | None = None):
        self.triples = triples
        self.relations = relations

    def _fit(self, interactions: Interactions) -> None:
        if len(self.triples.item_entity) != interactions.n_items:
            raise ValueError(
                f"The graph was built for {len(self.triples.item_entity)} items and the log has "
                f"{interactions.n_items}; build both from one vocabulary."
            )
        self.links_, self.names_ = graph_features(self.triples, self.relations)
        lengths = np.maximum(self.seen_.sum(axis=1).A1, 1)
        self.starts_ = sp.csr_matrix(sp.diags_array(1 / lengths) @ self.seen_)

    def _score(self, users: np.ndarray) -> np.ndarray:
        return path_scores(self.starts_[users], self.links_)

    def reasons(self, user: int, item: int, n: int = 3) -> list[Reason]:
        """Return the most likely paths from a user's history to an item.

        Args:
            user: Position of the user; -1 has no history and no reasons.
            item: Position of the item.
            n: Number of reasons.

        Returns:
            Up to n reasons, the most likely first; none where no path exists.

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range.
        """
        (user,) = self._check_users([user])
        (item,) = check_positions([item], len(self.items_), "item")
        if user < 0 or item < 0:
            return []
        B = self.links_
        item_degree, entity_degree = np.maximum(B.sum(axis=1).A1, 1), B.sum(axis=0).A1
        own = B[item].indices
        start = self.starts_[user].toarray()[0] / item_degree
        start[item] = 0.0  # watched before, it is no reason for itself
        weights = sp.coo_matrix(sp.diags_array(start) @ B[:, own])
        weights.data /= entity_degree[own][weights.col]
        best = np.argsort(-weights.data, kind="stable")[:n]
        return [
            Reason(int(weights.row[p]), *self.names_[own[weights.col[p]]], float(weights.data[p]))
            for p in best
            if weights.data[p] > 0
        ]
