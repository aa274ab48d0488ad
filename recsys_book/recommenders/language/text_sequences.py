"""UniSRec: a sequence model that knows items by their text only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.encoders.layers import Linear
from recsys_book.encoders.transformer import Transformer, TransformerConfig
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.language.checks import (
    centred_unit_rows,
    text_vectors,
)
from recsys_book.recommenders.language.windows import (
    PADDING,
    histories,
    history_windows,
    last_items,
)
from recsys_book.recommenders.neural.training import fit_network
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class TextAdaptor(nn.Module):
    """A mixture of whitening maps: from frozen text vectors to the model's own width.

    Each expert shifts the vector and multiplies it by a matrix; a softmax over the vector decides
    how much each expert says. (The source adds noise to the gate in training; this one does not.)

    Source: Hou et al. (2022), "Towards Universal Sequence Representation Learning for Recommender
    Systems", KDD, equations 2 to 4.

    Equation: eq-unisrec.

    Args:
        inputs: Width of the text vectors.
        width: Width that goes out.
        experts: Number of maps.
        generator: Where the first weights come from.
    """

    def __init__(self, inputs: int, width: int, experts: int, generator: torch.Generator) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(experts, inputs))
        self.maps = nn.Parameter(
            torch.empty(experts, inputs, width).normal_(0, inputs**-0.5, generator=generator)
        )
        self.gate = Linear(inputs, experts, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return adapted vectors.

        Args:
            x: Text vectors, shape ``(n, inputs)``.

        Returns:
            Shape ``(n, width)``.
        """
        weight = self.gate(x).softmax(dim=-1)
        mapped = torch.stack([(x - b) @ W for b, W in zip(self.shift, self.maps)], dim=1)
        return (weight[:, :, None] * mapped).sum(dim=1)


class _Items(nn.Module):
    """Stands in for a table of token vectors: an item's adapted text, zeros for padding."""

    def __init__(self, vectors: Tensor, adaptor: TextAdaptor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)
        self.adaptor = adaptor
        self.held: Tensor | None = None  # the table, while one call reads and compares

    def table(self) -> Tensor:
        """Return the adapted vectors of all items, shape ``(n_items, width)``."""
        return self.adaptor(self.vectors) if self.held is None else self.held

    def forward(self, ids: Tensor) -> Tensor:
        """Return the vectors of tokens: 0 is padding, item i is token i + 1."""
        table = self.table()
        return torch.cat([torch.zeros_like(table[:1]), table])[ids]

    @contextmanager
    def computed_once(self) -> Iterator[Tensor]:
        """Compute the table, and use it for all that happens inside."""
        self.held = self.table()
        try:
            yield self.held
        finally:
            self.held = None


class TextSequenceNetwork(nn.Module):
    """A causal transformer that reads and is compared with adapted text vectors.

    Equation: eq-unisrec.

    Args:
        vectors: Text vectors, shape ``(n_items, inputs)``.
        config: The transformer's sizes; its vocabulary is items plus one.
        experts: Of the adaptor.
        temperature: What cosines are divided by.
        generator: Where the first weights come from.
    """

    def __init__(
        self,
        vectors: Tensor,
        config: TransformerConfig,
        experts: int,
        temperature: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.reader = Transformer(config, generator)
        adaptor = TextAdaptor(vectors.shape[1], config.width, experts, generator)
        self.reader.tokens = _Items(vectors, adaptor)

    def forward(self, ids: Tensor) -> Tensor:
        """Score all items after every position.

        Args:
            ids: Tokens, shape ``(batch, length)``; padding is on the right.

        Returns:
            Cosines over the temperature, shape ``(batch, length, n_items)``.
        """
        with self.reader.tokens.computed_once() as table:
            states = functional.normalize(self.reader(ids), dim=-1)
        return states @ functional.normalize(table, dim=-1).T / self.temperature


@dataclass(eq=False)
class NextTextProblem:
    """Tell every next item from all others; what ``optimizers.train`` trains on.

    Attributes:
        windows: Items in time order, -1 on the right for padding, shape ``(n, length + 1)``.
        make_model: From a generator to a ``TextSequenceNetwork``.
        batch_size: Windows in a batch.
    """

    windows: Tensor
    make_model: object
    batch_size: int

    def model(self, seed: int) -> nn.Module:
        """Return a network with fresh weights drawn from a seed."""
        return self.make_model(torch.Generator().manual_seed(seed))

    def batches(self, seed: int) -> Iterator[Tensor]:
        """Yield one epoch of windows in an order drawn from the seed."""
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(self.windows)))
        for rows in order.split(self.batch_size):
            yield self.windows[rows]

    def loss(self, model: nn.Module, batch: Tensor) -> Tensor:
        """Return the cross-entropy of the next items, in nats an item."""
        scores = model(batch[:, :-1] + 1)
        return functional.cross_entropy(
            scores.flatten(0, 1), batch[:, 1:].flatten(), ignore_index=PADDING
        )

    def validate(self, model: nn.Module) -> float:
        """Return 0: the number of epochs is a setting, chosen on splits of its own."""
        return 0.0


class UniSRec(BaseRecommender):
    """Read the texts of the last films, and say what the text of the next one is like.

    An adaptor maps frozen text vectors to the model's width; a causal transformer reads them in
    order; the next item is the one with the nearest adapted text. No id is learned, so items
    without events are scored like all others. A user without history gets the popularity of the
    items.

    Source: Hou et al. (2022), "Towards Universal Sequence Representation Learning for Recommender
    Systems", KDD; trained on one catalogue here, with all items as candidates.

    Equation: eq-unisrec.

    Args:
        vectors: One text vector an item, shape (n_items, width).
        width: Width of the hidden states.
        layers: Blocks of the transformer.
        heads: Attention heads a block.
        experts: Maps of the adaptor.
        length: Items that are read at most.
        temperature: Of the loss.
        dropout: Share of what each layer adds that is dropped in training.
        rate: Learning rate of AdamW.
        l2: Its weight decay.
        epochs: How often to go through the log.
        batch_size: Windows in a batch.
        seed: Of the first weights, the order and the dropout.

    Attributes:
        network_: The trained network.
        recent_: Tokens of each user's last items, shape (n_users, length).
        end_: Position of the last item, shape (n_users,).
    """

    def __init__(
        self,
        vectors: np.ndarray,
        width: int = 64,
        layers: int = 1,
        heads: int = 2,
        experts: int = 2,
        length: int = 50,
        temperature: float = 0.07,
        dropout: float = 0.2,
        rate: float = 0.003,
        l2: float = 0.0,
        epochs: int = 8,
        batch_size: int = 64,
        seed: int = 0,
    ):
        self.vectors = vectors
        self.width = width
        self.layers = layers
        self.heads = heads
        self.experts = experts
        self.length = length
        self.temperature = temperature
        self.dropout = dropout
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        names = ("experts", "length", "temperature", "rate", "epochs", "batch_size")
        check_above_zero(self, *names)
        check_at_least_zero(self, "l2")
        vectors = centred_unit_rows(text_vectors(self.vectors, interactions.n_items))
        inputs = torch.from_numpy(vectors.astype(np.float32)) * vectors.shape[1] ** 0.5
        config = TransformerConfig(
            vocabulary=interactions.n_items + 1,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            max_tokens=self.length,
            causal=True,
            dropout=self.dropout,
        )

        def make(generator: torch.Generator) -> TextSequenceNetwork:
            return TextSequenceNetwork(inputs, config, self.experts, self.temperature, generator)

        windows = torch.from_numpy(history_windows(histories(interactions), self.length))
        problem = NextTextProblem(windows, make, self.batch_size)
        self.network_ = fit_network(problem, self.rate, self.l2, self.epochs, self.seed)
        self.recent_, self.end_ = last_items(interactions, self.length)

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.score_sequences([self.recent_[u, : self.end_[u] + 1] for u in users])

    def score_sequences(self, sequences: list[np.ndarray]) -> np.ndarray:
        """Score all items for somebody whose last items are given.

        Args:
            sequences: Item positions, oldest first, at least one each; only the last ``length`` are
                read.

        Returns:
            Cosines over the temperature, shape (len(sequences), n_items).
        """
        ends = [np.asarray(s)[-self.length :] for s in sequences]
        ids = np.zeros((len(ends), self.length), dtype=np.int64)
        for row, items in enumerate(ends):
            ids[row, : len(items)] = items + 1
        last = torch.tensor([len(items) - 1 for items in ends])
        scores = []
        with torch.no_grad(), self.network_.reader.tokens.computed_once() as table:
            items = functional.normalize(table, dim=-1)
            for rows in torch.arange(len(ids)).split(256):
                states = self.network_.reader(torch.from_numpy(ids)[rows])
                state = functional.normalize(states[torch.arange(len(rows)), last[rows]], dim=-1)
                scores.append(state @ items.T / self.temperature)
        return torch.cat(scores).numpy().astype(np.float64)
