"""Caser: convolutions over the last few items, seen as a picture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.encoders.corpora import FIRST
from recsys_book.encoders.layers import Linear, embedding
from recsys_book.optimizers import Dropout
from recsys_book.recommenders.sequential.network import Batch, ItemNetwork, item_table
from recsys_book.recommenders.sequential.training import NeuralSequence


def horizontal_features(E: Tensor, F: Tensor, b: Tensor) -> Tensor:
    """Slide filters over the last items, and keep each filter's strongest answer.

    A filter of height h is as wide as the vectors, so it moves only in time: it looks for a
    pattern of h neighbouring items, wherever among the last L items it stands.

    Source: Tang & Wang (2018), WSDM, section 3.2.

    Equation: eq-caser-horizontal.

    Args:
        E: The vectors of the last L items, shape ``(..., L, width)``.
        F: Filters, shape ``(filters, h, width)``.
        b: One number a filter, shape ``(filters,)``.

    Returns:
        The largest answer of each filter, at least 0, shape ``(..., filters)``.
    """
    h = F.shape[1]
    strips = E.unfold(-2, h, 1).transpose(-1, -2)  # (..., L - h + 1, h, width)
    answers = strips.flatten(-2) @ F.flatten(1).T + b
    return answers.relu().amax(dim=-2)


class CaserNetwork(ItemNetwork):
    """Convolutions in time and over the time, joined with a vector of the user.

    Args:
        n_items: Number of items.
        n_users: Number of users.
        width: Of the vectors.
        length: How many of the last items are looked at, at least 2.
        filters: Horizontal filters of each height.
        vertical: Vertical filters: learned weighted sums over the last items.
        dropout: Share that is dropped in training.
        bias: Where the items' biases begin, shape ``(n_items,)``.
        generator: Where the first weights come from.
        vectors: One an item, or None.
    """

    def __init__(
        self,
        n_items: int,
        n_users: int,
        width: int,
        length: int,
        filters: int,
        vertical: int,
        dropout: float,
        bias: Tensor,
        generator: torch.Generator,
        vectors: np.ndarray | None = None,
    ) -> None:
        table = item_table(FIRST + n_items, width, vectors, generator)
        super().__init__(table, n_items, bias)
        self.length = length
        self.horizontal = nn.ModuleList(
            Linear(h * width, filters, generator) for h in range(2, length + 1)
        )
        self.vertical = Linear(length, vertical, generator)
        inputs = filters * (length - 1) + vertical * width
        self.join = Linear(inputs, width, generator)
        self.users = embedding(n_users + 1, width, generator)  # the last is anybody unknown
        seed = int(torch.randint(2**31, (), generator=generator))
        self.dropout = Dropout(dropout, seed) if dropout else nn.Identity()

    def hidden(self, batch: Batch) -> Tensor:
        """Return one vector a position, from the ``length`` items up to it."""
        x = self.items(batch.inputs) * (batch.inputs >= FIRST)[..., None]
        before = x.new_zeros(len(x), self.length - 1, x.shape[-1])
        E = torch.cat([before, x], dim=1).unfold(1, self.length, 1).transpose(-1, -2)
        parts = [
            horizontal_features(E, layer.weight.unflatten(1, (-1, x.shape[-1])), layer.bias)
            for layer in self.horizontal
        ]
        parts.append(self.vertical(E.transpose(-1, -2)).flatten(-2))
        z = self.join(self.dropout(torch.cat(parts, dim=-1))).relu()
        return z + self.users(batch.users % len(self.users.weight))[:, None]


class Caser(NeuralSequence):
    """Look for patterns among the last few items, and add what the user likes in general.

    Equation: eq-caser-horizontal.

    Source: Tang & Wang (2018), "Personalized Top-N Sequential Recommendation via Convolutional
    Sequence Embedding", WSDM. The user's vector is added to that of the sequence, not joined to
    it, so that one table of items serves both; the target is the next item only.

    Args:
        width: Width of the vectors.
        length: How many of the last items are looked at, at least 2.
        filters: Horizontal filters of each height.
        vertical: Vertical filters.
        dropout: Share that is dropped in training.
        window: Most inputs of a training piece; it does not change what the network can see.
        loss: ``"softmax"``, ``"sampled"``, ``"bce"`` or ``"bpr-max"``.
        negatives: Sampled for each target.
        calibration: From 0 to 1; only for ``"bce"``.
        every_event: Whether an epoch asks for every event or for the last ``window`` of each user.
        vectors: One vector an item where the item table begins; None begins at random.
        rate: Learning rate of AdamW.
        weight_decay: Of AdamW.
        epochs: Passes over the histories.
        batch_size: Pieces in a step.
        seed: Of the weights, the order, the dropout and the negatives.

    Attributes:
        network_: The trained network.
        losses_: Loss of each step.
        histories_: The users' items.
    """

    def __init__(
        self,
        width: int = 64,
        length: int = 5,
        filters: int = 16,
        vertical: int = 4,
        dropout: float = 0.3,
        window: int = 50,
        loss: str = "softmax",
        negatives: int = 1,
        calibration: float = 0.0,
        every_event: bool = True,
        vectors: np.ndarray | None = None,
        rate: float = 3e-3,
        weight_decay: float = 0.0,
        epochs: int = 8,
        batch_size: int = 64,
        seed: int = 0,
    ):
        self.width = width
        self.length = length
        self.filters = filters
        self.vertical = vertical
        self.dropout = dropout
        self.window = window
        self.loss = loss
        self.negatives = negatives
        self.calibration = calibration
        self.every_event = every_event
        self.vectors = vectors
        self.rate = rate
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def _check(self, interactions) -> None:
        super()._check(interactions)
        if self.length < 2 or self.filters < 1 or self.vertical < 1:
            raise ValueError(
                f"length {self.length}, filters {self.filters} and vertical {self.vertical} are "
                "out of range; look at 2 items or more, with at least one filter of each kind."
            )

    def _network(
        self, n_items: int, n_users: int, bias: Tensor, generator: torch.Generator
    ) -> CaserNetwork:
        return CaserNetwork(
            n_items,
            n_users,
            self.width,
            self.length,
            self.filters,
            self.vertical,
            self.dropout,
            bias,
            generator,
            self.vectors,
        )
