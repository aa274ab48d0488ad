"""GRU4Rec: a recurrent network over the items of a history."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.encoders.corpora import FIRST
from recsys_book.encoders.recurrent import recurrent_layer
from recsys_book.optimizers import Dropout
from recsys_book.recommenders.sequential.network import Batch, ItemNetwork, item_table
from recsys_book.recommenders.sequential.training import NeuralSequence


class GRU4RecNetwork(ItemNetwork):
    """A state that takes in one item after the other, and is multiplied with all items.

    Args:
        n_items: Number of items.
        width: Of the vectors and of the state.
        dropout: Share of the inputs and of the states that is dropped in training.
        cell: ``"gru"``, ``"lstm"`` or ``"elman"``.
        bias: Where the items' biases begin, shape ``(n_items,)``.
        generator: Where the first weights come from.
        vectors: One an item, or None.
    """

    def __init__(
        self,
        n_items: int,
        width: int,
        dropout: float,
        cell: str,
        bias: Tensor,
        generator: torch.Generator,
        vectors: np.ndarray | None = None,
    ) -> None:
        table = item_table(FIRST + n_items, width, vectors, generator)
        super().__init__(table, n_items, bias)
        self.layer = recurrent_layer(cell, width, width, generator)
        seed = int(torch.randint(2**31, (), generator=generator))
        self.dropout = Dropout(dropout, seed) if dropout else nn.Identity()

    def hidden(self, batch: Batch) -> Tensor:
        """Return the state after each position; padding on the right comes after all items."""
        return self.dropout(self.layer(self.dropout(self.items(batch.inputs)))[0])


class GRU4Rec(NeuralSequence):
    """Read the history item by item into a state, and score items by their product with it.

    Equation: eq-gru4rec-loss.

    Source: Hidasi et al. (2016), "Session-based Recommendations with Recurrent Neural Networks",
    ICLR; the loss ``"bpr-max"`` (not the default): Hidasi & Karatzoglou (2018), CIKM. Shared
    tables of inputs and outputs as in the latter.

    Args:
        width: Width of the vectors and of the state.
        cell: ``"gru"``, ``"lstm"`` or ``"elman"``.
        dropout: Share that is dropped in training.
        window: Most items that are read.
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
        cell: str = "gru",
        dropout: float = 0.2,
        window: int = 50,
        loss: str = "softmax",
        negatives: int = 1,
        calibration: float = 0.0,
        every_event: bool = True,
        vectors: np.ndarray | None = None,
        rate: float = 3e-3,
        weight_decay: float = 0.0,
        epochs: int = 12,
        batch_size: int = 64,
        seed: int = 0,
    ):
        self.width = width
        self.cell = cell
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

    def _network(
        self, n_items: int, n_users: int, bias: Tensor, generator: torch.Generator
    ) -> GRU4RecNetwork:
        return GRU4RecNetwork(
            n_items, self.width, self.dropout, self.cell, bias, generator, self.vectors
        )
