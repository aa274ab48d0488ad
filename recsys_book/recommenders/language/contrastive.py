"""AlphaRec: item vectors of a language model, one small map, a graph, and a contrastive loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.encoders.layers import Linear
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.history import history_weights
from recsys_book.recommenders.language.checks import (
    centred_unit_rows,
    text_vectors,
)
from recsys_book.recommenders.language.graph_smoothing import normalised_graph
from recsys_book.recommenders.neural.training import fit_network
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def infonce_loss(
    users: Tensor,
    items: Tensor,
    positive_item: Tensor,
    temperature: float,
    rows: Tensor | None = None,
) -> Tensor:
    """Let the user of each event tell their item from all others, by cosines.

    The sum over all items is the same for all events of a user, so it is computed once a user.

    Source: Oord, Li and Vinyals (2018), "Representation Learning with Contrastive Predictive
    Coding", equation 4, with every item of the catalogue as a candidate.

    Equation: eq-infonce-items.

    Args:
        users: One vector a user, shape (n_users, width).
        items: All items' vectors, shape (n_items, width).
        positive_item: The item of each event, integers, shape (batch,).
        temperature: What cosines are divided by, above 0.
        rows: The user of each event, shape (batch,); None means that event b is of user b.

    Returns:
        The mean loss, 0-dimensional, in nats.
    """
    cosine = functional.normalize(users, dim=1) @ functional.normalize(items, dim=1).T
    logits = cosine / temperature
    rows = torch.arange(len(users)) if rows is None else rows
    return (logits.logsumexp(dim=1)[rows] - logits[rows, positive_item]).mean()


class TextGraph(nn.Module):
    """The map from text to taste, followed by smoothing over the graph.

    Equation: eq-alpharec.

    Args:
        nodes: Text vectors of users, then items, shape (n_users + n_items, width).
        graph: Normalised graph of the same nodes, sparse.
        width: Width of the mapped vectors.
        layers: Steps of smoothing.
        hidden: Width inside the map; 0 makes the map linear.
        generator: Where the first weights come from.
    """

    def __init__(
        self,
        nodes: Tensor,
        graph: Tensor,
        width: int,
        layers: int,
        hidden: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.register_buffer("nodes", nodes)
        self.register_buffer("graph", graph)
        self.layers = layers
        if hidden:
            self.map = nn.Sequential(
                Linear(nodes.shape[1], hidden, generator),
                nn.LeakyReLU(),
                Linear(hidden, width, generator),
            )
        else:
            self.map = Linear(nodes.shape[1], width, generator)

    def forward(self) -> Tensor:
        """Return the smoothed vectors of all nodes, shape (n_users + n_items, width)."""
        step = total = self.map(self.nodes)
        for _ in range(self.layers):
            step = torch.sparse.mm(self.graph, step)
            total = total + step
        return total / (self.layers + 1)


@dataclass(eq=False)
class AlphaRecProblem:
    """Tell each event's item from all others; what ``optimizers.train`` trains on.

    Attributes:
        user: User of each event, shape (n,).
        item: Item of each event, shape (n,).
        n_users: Number of users, who are the first nodes.
        make_model: From a generator to a ``TextGraph``.
        temperature: Of the loss.
        batch_size: Events in a batch.
    """

    user: Tensor
    item: Tensor
    n_users: int
    make_model: object
    temperature: float
    batch_size: int

    def model(self, seed: int) -> nn.Module:
        """Return a network with fresh weights drawn from a seed."""
        return self.make_model(torch.Generator().manual_seed(seed))

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch of events in an order drawn from the seed."""
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(self.user)))
        for rows in order.split(self.batch_size):
            yield self.user[rows], self.item[rows]

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the contrastive loss of a batch, in nats an event."""
        nodes, (user, item) = model(), batch
        users, items = nodes[: self.n_users], nodes[self.n_users :]
        return infonce_loss(users, items, item, self.temperature, user)

    def validate(self, model: nn.Module) -> float:
        """Return 0: the number of epochs is a setting, chosen on splits of its own."""
        return 0.0


class AlphaRec(BaseRecommender):
    """Items and users are texts, mapped by one small network and smoothed over the graph.

    No id is learned: an item's first vector is its text's, a user's is the mean over the history.
    So an item that nobody has touched has a vector like all others. A user without history gets
    the popularity of the items.

    Source: Sheng et al. (2025), "Language Representations Can Be What Recommenders Need: Findings
    and Potentials", ICLR; all items are candidates in the loss here, instead of a sample of them.

    Equations: eq-alpharec, eq-graph-smoothing, eq-infonce-items.

    Args:
        vectors: One text vector an item, shape (n_items, width).
        width: Width of the mapped vectors.
        hidden: Width inside the map; 0 makes the map linear.
        layers: Steps of smoothing; 0 for none.
        temperature: Of the loss.
        half_life: None, or positions from the end after which an item counts half in the user's
            first vector.
        rate: Learning rate of AdamW.
        l2: Its weight decay.
        epochs: How often to go through the log.
        batch_size: Events in a batch.
        seed: Of the first weights and of the order.

    Attributes:
        user_vectors_: Unit vectors, shape (n_users, width).
        item_vectors_: Unit vectors, shape (n_items, width).
    """

    def __init__(
        self,
        vectors: np.ndarray,
        width: int = 64,
        hidden: int = 128,
        layers: int = 2,
        temperature: float = 0.15,
        half_life: float | None = None,
        rate: float = 0.003,
        l2: float = 0.0,
        epochs: int = 5,
        batch_size: int = 4096,
        seed: int = 0,
    ):
        self.vectors = vectors
        self.width = width
        self.hidden = hidden
        self.layers = layers
        self.temperature = temperature
        self.half_life = half_life
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        check_above_zero(self, "width", "temperature", "rate", "epochs", "batch_size")
        check_at_least_zero(self, "hidden", "layers", "l2")
        problem = self._problem(interactions)
        network = fit_network(problem, self.rate, self.l2, self.epochs, self.seed)
        nodes = functional.normalize(network(), dim=1).numpy()
        self.user_vectors_ = nodes[: interactions.n_users]
        self.item_vectors_ = nodes[interactions.n_users :]

    def _problem(self, log: Interactions) -> AlphaRecProblem:
        items = centred_unit_rows(text_vectors(self.vectors, log.n_items))
        items = items * np.sqrt(items.shape[1])  # numbers of size one
        history = history_weights(log, self.half_life)
        total = np.maximum(np.asarray(history.sum(axis=1)), 1e-12).reshape(-1, 1)
        nodes = np.concatenate([(history @ items) / total, items]).astype(np.float32)
        graph = as_torch(normalised_graph(log))

        def make(generator: torch.Generator) -> TextGraph:
            return TextGraph(
                torch.from_numpy(nodes), graph, self.width, self.layers, self.hidden, generator
            )

        user, item = torch.from_numpy(log.user.copy()), torch.from_numpy(log.item.copy())
        return AlphaRecProblem(user, item, log.n_users, make, self.temperature, self.batch_size)

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.user_vectors_[users] @ self.item_vectors_.T


def as_torch(matrix: sp.csr_matrix) -> Tensor:
    """Return a sparse matrix as a sparse float tensor in coordinate form, shape as given."""
    coo = matrix.tocoo()
    index = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
    values = torch.from_numpy(coo.data.astype(np.float32))
    return torch.sparse_coo_tensor(index, values, coo.shape, check_invariants=False).coalesce()
