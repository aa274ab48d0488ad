"""TransR: every relation looks at the entities through a matrix of its own before it steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recsys_book.recommenders.knowledge_graph.transe import TransE, Translations, transe_distance
from recsys_book.recommenders.knowledge_graph.triples import Triples


def transr_distance(h: Tensor, r: Tensor, t: Tensor, M: Tensor) -> Tensor:
    """Return the distance of TransE between the projected ends.

    Equation: eq-transr

    Source: Lin et al. (2015), "Learning Entity and Relation Embeddings for Knowledge Graph
    Completion", AAAI, equations 7 and 8.

    Args:
        h: Vectors of the heads, shape ``(..., width)``.
        r: Steps of the relations, shape ``(..., width)``.
        t: Vectors of the tails, shape ``(..., width)``.
        M: Matrices of the relations, shape ``(..., width, width)``.

    Returns:
        Distances, shape ``(...)``; those of TransE where each matrix is the identity.
    """
    return transe_distance(project(h, M), r, project(t, M))


def project(vectors: Tensor, M: Tensor) -> Tensor:
    """Return row vectors times matrices.

    Equation: eq-transr

    Args:
        vectors: Shape ``(..., width)``.
        M: Shape ``(..., width, width)``.

    Returns:
        The projected vectors, shape ``(..., width)``.
    """
    return torch.einsum("...d,...dk->...k", vectors, M)


class Projections(Translations):
    """Translations with a matrix for each relation; the identity at first.

    Args:
        n_entities: Number of entities.
        n_relations: Number of relations.
        width: Length of the vectors.
        generator: Of the first weights.
    """

    def __init__(self, n_entities: int, n_relations: int, width: int, generator: torch.Generator):
        super().__init__(n_entities, n_relations, width, generator)
        self.matrices = nn.Parameter(torch.eye(width).repeat(n_relations, 1, 1))

    def project(self, vectors: Tensor, relation: Tensor) -> Tensor:
        """Return vectors, shape ``(..., width)``, as their relations see them."""
        seen = torch.empty_like(vectors)
        parts, places = [], []
        for r in relation.unique().tolist():  # one product a relation, not a matrix a triple
            place = (relation == r).nonzero(as_tuple=True)
            parts.append(vectors[place] @ self.matrices[r])
            places.append(place)
        joined = tuple(torch.cat(index) for index in zip(*places))
        return seen.index_put(joined, torch.cat(parts))


class TransR(TransE):
    """TransE in which a relation compares only the sides of entities that concern it.

    A film may have many genres and many countries. With one vector for all relations, the genres of
    one film are pushed together; a matrix for each relation lets them differ elsewhere. As in the
    paper, the vectors may start from a fitted TransE.

    Equation: eq-transr

    Source: Lin et al. (2015), "Learning Entity and Relation Embeddings for Knowledge Graph
    Completion", AAAI.

    Args:
        width: Length of the vectors, of entities and relations alike.
        margin: What a false triple must be farther by.
        negatives: Corrupted copies of each triple.
        rate: Of lazy Adam.
        epochs: How often to go through the triples.
        batch_size: Triples in a batch.
        start: A fitted ``TransE`` of the same width on the same vocabularies; None for fresh
            vectors.
        seed: Of the first weights, the order and the corruptions.

    Attributes:
        network_: The trained vectors and matrices.
        step_loss_: Loss of each step, before it.
    """

    def __init__(
        self,
        width: int = 32,
        margin: float = 0.5,
        negatives: int = 4,
        rate: float = 0.003,
        epochs: int = 15,
        batch_size: int = 2048,
        start: TransE | None = None,
        seed: int = 0,
    ):
        super().__init__(width, margin, negatives, rate, epochs, batch_size, seed)
        self.start = start

    def _make(self, triples: Triples, seed: int) -> Projections:
        generator = torch.Generator().manual_seed(seed)
        model = Projections(triples.n_entities, triples.n_relations, self.width, generator)
        if self.start is not None:
            self._copy(model)
        return model

    @torch.no_grad()
    def _copy(self, model: Projections) -> None:
        for name in ("entities", "relations"):
            old, new = getattr(self.start._fitted(), name).weight, getattr(model, name).weight
            if old.shape != new.shape:
                raise ValueError(
                    f"start has {name} of shape {tuple(old.shape)} and the graph needs "
                    f"{tuple(new.shape)}; fit it on the same triples with the same width."
                )
            new.copy_(old)
