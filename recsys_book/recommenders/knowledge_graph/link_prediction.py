"""How well does a model of a graph know its missing facts? The rank of the true end of a triple."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.knowledge_graph.triples import Triples


class LinkScorer(Protocol):
    """A model that scores all entities as the missing end of a triple."""

    def score_tails(self, head: np.ndarray, relation: np.ndarray) -> np.ndarray:
        """Return scores, higher is better, shape (n, n_entities)."""
        ...

    def score_heads(self, relation: np.ndarray, tail: np.ndarray) -> np.ndarray:
        """Return scores, higher is better, shape (n, n_entities)."""
        ...


def filtered_ranks(model: LinkScorer, triples: Triples, known: Triples) -> np.ndarray:
    """Return the rank of the true tail and of the true head of every triple.

    All entities compete, except those that would make another fact that is known: an answer that is
    right is not a mistake. Entities with the same score share their ranks.

    Source: Bordes et al. (2013), "Translating Embeddings for Modeling Multi-relational Data",
    NeurIPS, section 4.2, the "filtered" setting.

    Args:
        model: A fitted model.
        triples: The facts to be found, n of them.
        known: All facts known to be true, the training triples and these.

    Returns:
        Ranks, 1 is best, first those of the tails and then those of the heads, shape (2 n,).
    """
    n = known.n_relations
    sides = (
        (model.score_tails, "head", "relation", "head", "tail"),
        (model.score_heads, "relation", "tail", "tail", "head"),
    )
    ranks = [np.empty(0)]
    for score, first, second, given, wanted in sides:
        true = _known_ends(getattr(known, given), getattr(known, wanted), known)
        for block in _blocks(len(triples)):
            part = triples.select(block)
            scores = score(getattr(part, first), getattr(part, second))
            rows = getattr(part, given) * n + part.relation
            ranks.append(_ranks(scores, getattr(part, wanted), true[rows]))
    return np.concatenate(ranks)


def link_metrics(ranks: np.ndarray) -> dict[str, float]:
    """Sum ranks up.

    Args:
        ranks: From ``filtered_ranks``, shape (n,).

    Returns:
        ``"mean_reciprocal_rank"``, ``"hits_at_1"``, ``"hits_at_10"`` and ``"median_rank"``.

    Raises:
        ValueError: If there are no ranks.
    """
    if len(ranks) == 0:
        raise ValueError("There are no ranks to sum up; hold out at least one triple.")
    return {
        "mean_reciprocal_rank": float((1 / ranks).mean()),
        "hits_at_1": float((ranks <= 1).mean()),
        "hits_at_10": float((ranks <= 10).mean()),
        "median_rank": float(np.median(ranks)),
    }


class FrequencyLinks:
    """Guess the entity that most often stood at this end of this relation; the head is ignored.

    The baseline that a model of the graph must beat: "the language is English" is right most times.
    """

    def fit(self, triples: Triples) -> FrequencyLinks:
        """Count.

        Args:
            triples: The training triples.

        Returns:
            The baseline itself.
        """
        shape, one = (triples.n_relations, triples.n_entities), np.ones(len(triples))
        self.tails_ = sp.csr_matrix((one, (triples.relation, triples.tail)), shape=shape)
        self.heads_ = sp.csr_matrix((one, (triples.relation, triples.head)), shape=shape)
        return self

    def score_tails(self, head: np.ndarray, relation: np.ndarray) -> np.ndarray:
        """Return how often each entity was the tail of the relation, shape (n, n_entities)."""
        return self.tails_[relation].toarray()

    def score_heads(self, relation: np.ndarray, tail: np.ndarray) -> np.ndarray:
        """Return how often each entity was the head of the relation, shape (n, n_entities)."""
        return self.heads_[relation].toarray()


def _known_ends(given: np.ndarray, wanted: np.ndarray, known: Triples) -> sp.csr_matrix:
    """For each pair of an entity and a relation, the entities at the other end."""
    shape = (known.n_entities * known.n_relations, known.n_entities)
    rows = given * known.n_relations + known.relation
    return sp.csr_matrix((np.ones(len(rows)), (rows, wanted)), shape=shape)


def _ranks(scores: np.ndarray, true: np.ndarray, known: sp.csr_matrix) -> np.ndarray:
    rows = np.arange(len(true))
    mark = scores[rows, true]
    rivals = np.array(scores, dtype=np.float64)
    rivals[known.nonzero()] = -np.inf
    rivals[rows, true] = -np.inf
    better = (rivals > mark[:, None]).sum(1)
    level = (rivals == mark[:, None]).sum(1)
    return 1 + better + level / 2


def _blocks(n: int, size: int = 512) -> Iterator[np.ndarray]:
    return (np.arange(start, min(start + size, n)) for start in range(0, n, size))
