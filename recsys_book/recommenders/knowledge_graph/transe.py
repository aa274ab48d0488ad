"""TransE: a relation is a step, and a true triple is one where the step leads to the tail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.optimizers import LazyAdam, train
from recsys_book.optimizers.problems.batches import shuffled_batches
from recsys_book.optimizers.problems.tables import table
from recsys_book.recommenders.base import NotFittedError
from recsys_book.recommenders.knowledge_graph.triples import Triples


def transe_distance(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """Return how far the step of the relation ends from the tail.

    Equation: eq-transe

    Source: Bordes et al. (2013), "Translating Embeddings for Modeling Multi-relational Data",
    NeurIPS.

    Args:
        h: Vectors of the heads, shape ``(..., width)``.
        r: Steps of the relations, shape ``(..., width)``.
        t: Vectors of the tails, shape ``(..., width)``.

    Returns:
        Euclidean distances, shape ``(...)``; small for a plausible triple.
    """
    return (h + r - t).norm(dim=-1)


def margin_loss(true: Tensor, false: Tensor, margin: float) -> Tensor:
    """Return how much nearer than a margin the false triples are to the true ones.

    Equation: eq-transe

    Source: Bordes et al. (2013), equation 1.

    Args:
        true: Distances of true triples, shape ``(batch,)``.
        false: Distances of corrupted ones, shape ``(negatives, batch)``.
        margin: What a false triple must be farther by.

    Returns:
        The mean, 0-dimensional; 0 when every pair keeps the margin.
    """
    return functional.relu(margin + true - false).mean()


def corrupt(
    head: np.ndarray, tail: np.ndarray, n_entities: int, negatives: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Replace the head or the tail of triples, a coin decides which, by any entity.

    Args:
        head: Shape (n,).
        tail: Shape (n,).
        n_entities: Number of entities.
        negatives: Corrupted copies of each triple.
        rng: The generator.

    Returns:
        Heads and tails, each of shape (negatives, n).
    """
    shape = (negatives, len(head))
    entity = rng.integers(n_entities, size=shape)
    at_head = rng.random(shape) < 0.5
    return np.where(at_head, entity, head), np.where(at_head, tail, entity)


class Translations(nn.Module):
    """Unit vectors of the entities and steps of the relations.

    Args:
        n_entities: Number of entities.
        n_relations: Number of relations.
        width: Length of the vectors.
        generator: Of the first weights.
    """

    def __init__(self, n_entities: int, n_relations: int, width: int, generator: torch.Generator):
        super().__init__()
        self.entities = table(n_entities, width, width**-0.5, True, generator)
        self.relations = table(n_relations, width, 0.1 * width**-0.5, False, generator)

    def vectors(self, entity: Tensor) -> Tensor:
        """Return the vectors of entities, each of length 1, shape ``(..., width)``."""
        return functional.normalize(self.entities(entity), dim=-1)

    def project(self, vectors: Tensor, relation: Tensor) -> Tensor:
        """Return vectors as the relations see them; here as they are."""
        return vectors

    def forward(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """Return distances, shape ``(batch,)``, of triples given by position."""
        h = self.project(self.vectors(head), relation)
        t = self.project(self.vectors(tail), relation)
        return transe_distance(h, self.relations(relation), t)


@dataclass(eq=False)
class TripleProblem:
    """Tell true triples from corrupted ones; nothing is held out.

    Attributes:
        make: From a seed to a model.
        triples: The training triples.
        margin: What a false triple must be farther by.
        negatives: Corrupted copies of each triple.
        batch_size: Triples in a batch.
    """

    make: Callable[[int], Translations]
    triples: Triples
    margin: float
    negatives: int
    batch_size: int

    def __post_init__(self) -> None:
        """Turn the columns into tensors, once."""
        columns = (self.triples.head, self.triples.relation, self.triples.tail)
        self._parts = tuple(torch.as_tensor(column) for column in columns)

    def model(self, seed: int) -> Translations:
        """Return a model with fresh weights."""
        return self.make(seed)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch: heads, relations, tails, false heads and false tails."""
        rng, n = np.random.default_rng(seed), self.triples.n_entities
        for head, relation, tail in shuffled_batches(self._parts, self.batch_size, seed):
            false = corrupt(head.numpy(), tail.numpy(), n, self.negatives, rng)
            yield head, relation, tail, *(torch.as_tensor(end) for end in false)

    def loss(self, model: Translations, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the margin loss."""
        head, relation, tail, false_head, false_tail = batch
        false = model(false_head, relation.expand_as(false_head), false_tail)
        return margin_loss(model(head, relation, tail), false, self.margin)

    def validate(self, model: Translations) -> float:
        """Return 0: all triples are trained on."""
        return 0.0


class TransE:
    """Vectors of entities and relations such that head plus relation is near the tail.

    Entities have unit length, as in the paper; lazy Adam takes the place of its plain gradient
    descent.

    Equation: eq-transe

    Source: Bordes et al. (2013), "Translating Embeddings for Modeling Multi-relational Data",
    NeurIPS.

    Args:
        width: Length of the vectors.
        margin: What a false triple must be farther by.
        negatives: Corrupted copies of each triple.
        rate: Of lazy Adam.
        epochs: How often to go through the triples.
        batch_size: Triples in a batch.
        seed: Of the first weights, the order and the corruptions.

    Attributes:
        network_: The trained vectors.
        step_loss_: Loss of each step, before it.
    """

    def __init__(
        self,
        width: int = 32,
        margin: float = 0.5,
        negatives: int = 4,
        rate: float = 0.01,
        epochs: int = 30,
        batch_size: int = 2048,
        seed: int = 0,
    ):
        self.width = width
        self.margin = margin
        self.negatives = negatives
        self.rate = rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def fit(self, triples: Triples) -> Self:
        """Learn from triples.

        Args:
            triples: The training triples.

        Returns:
            The model itself.

        Raises:
            ValueError: If there are no triples or a hyper-parameter is out of range.
        """
        if len(triples) == 0:
            raise ValueError(f"{type(self).__name__} needs at least one triple to learn from.")
        for name in ("width", "margin", "negatives", "rate", "epochs", "batch_size"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; use a number above 0.")
        problem = TripleProblem(
            lambda seed: self._make(triples, seed),
            triples,
            self.margin,
            self.negatives,
            self.batch_size,
        )
        history = train(problem, LazyAdam(lr=self.rate), epochs=self.epochs, seed=self.seed)
        self.network_, self.step_loss_ = history.model, history.step_loss
        return self

    @torch.no_grad()
    def entity_vectors(self) -> np.ndarray:
        """Return the vectors of all entities, unit length, float64, shape (n_entities, width)."""
        every = torch.arange(self._fitted().entities.num_embeddings)
        return self.network_.vectors(every).double().numpy()

    @torch.no_grad()
    def score_tails(self, head: np.ndarray, relation: np.ndarray) -> np.ndarray:
        """Score all entities as the tails of triples.

        Args:
            head: Entities, shape (n,).
            relation: Relations, shape (n,).

        Returns:
            Minus the distances, shape (n, n_entities).

        Raises:
            NotFittedError: If ``fit`` was not called.
        """
        return self._score(np.asarray(head), np.asarray(relation), 1.0)

    @torch.no_grad()
    def score_heads(self, relation: np.ndarray, tail: np.ndarray) -> np.ndarray:
        """Score all entities as the heads of triples.

        Args:
            relation: Relations, shape (n,).
            tail: Entities, shape (n,).

        Returns:
            Minus the distances, shape (n, n_entities).

        Raises:
            NotFittedError: If ``fit`` was not called.
        """
        return self._score(np.asarray(tail), np.asarray(relation), -1.0)

    def _score(self, given: np.ndarray, relation: np.ndarray, sign: float) -> np.ndarray:
        """Distance of every entity from where the step leads (or from where it came)."""
        network = self._fitted()
        every = network.vectors(torch.arange(network.entities.num_embeddings))
        scores = np.empty((len(given), len(every)))
        for r in np.unique(relation):
            rows = np.flatnonzero(relation == r)
            one = torch.tensor([int(r)])
            ends = network.project(every, one.expand(len(every)))
            goal = ends[torch.as_tensor(given[rows])] + sign * network.relations(one)
            scores[rows] = -torch.cdist(goal, ends).numpy()
        return scores

    def _make(self, triples: Triples, seed: int) -> Translations:
        generator = torch.Generator().manual_seed(seed)
        return Translations(triples.n_entities, triples.n_relations, self.width, generator)

    def _fitted(self) -> Translations:
        if not hasattr(self, "network_"):
            name = type(self).__name__
            raise NotFittedError(f"This {name} is not fitted yet; call fit(triples) first.")
        return self.network_
