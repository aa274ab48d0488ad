"""SASRec: a causal transformer over the items of a history."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.corpora import FIRST
from recsys_book.recommenders.sequential.network import Batch, TransformerNetwork
from recsys_book.recommenders.sequential.training import NeuralSequence


class SASRecNetwork(TransformerNetwork):
    """A transformer in which a position sees itself and what came before, and guesses what follows.

    Equation: eq-sasrec.
    """

    def hidden(self, batch: Batch) -> Tensor:
        """Return what the network expects after each position.

        Padding stands on the right, where a causal network does not look.

        Args:
            batch: Tokens, shape ``(rows, tokens)``.

        Returns:
            Vectors, shape ``(rows, tokens, width)``.
        """
        return self.transformer(batch.inputs)


class SASRec(NeuralSequence):
    """Attend to the history, and score items by their product with the last position's vector.

    Equations: eq-sasrec, eq-sampled-calibration.

    Source: Kang & McAuley (2018), "Self-Attentive Sequential Recommendation", ICDM. The default
    loss is the cross-entropy over all items, not the paper's one negative: Klenitskiy & Vasilev
    (2023), RecSys. ``loss="bce"`` with ``negatives`` and ``calibration`` is gSASRec: Petrov &
    Macdonald (2023), RecSys.

    Args:
        width: Width of the vectors.
        layers: Number of blocks.
        heads: Attention heads a block.
        dropout: Share that is dropped in training.
        window: Most items that are read.
        positions: ``"learned"``, ``"sinusoidal"``, ``"rotary"`` or ``"none"``.
        loss: ``"softmax"``, ``"sampled"``, ``"bce"`` or ``"bpr-max"``.
        negatives: Sampled for each target.
        calibration: From 0 to 1; only for ``"bce"``.
        every_event: Whether an epoch asks for every event or for the last ``window`` of each user.
        vectors: Text-aware item tokens: one vector an item where the item table begins; None
            begins at random.
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
        layers: int = 2,
        heads: int = 2,
        dropout: float = 0.2,
        window: int = 50,
        positions: str = "learned",
        loss: str = "softmax",
        negatives: int = 1,
        calibration: float = 0.0,
        every_event: bool = True,
        vectors: np.ndarray | None = None,
        rate: float = 1e-3,
        weight_decay: float = 0.0,
        epochs: int = 20,
        batch_size: int = 64,
        seed: int = 0,
    ):
        self.width = width
        self.layers = layers
        self.heads = heads
        self.dropout = dropout
        self.window = window
        self.positions = positions
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
    ) -> SASRecNetwork:
        config = TransformerConfig(
            vocabulary=FIRST + n_items,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            hidden=self.width,
            max_tokens=self.window,
            positions=self.positions,
            causal=True,
            dropout=self.dropout,
        )
        return SASRecNetwork(n_items, config, bias, generator, self.vectors)
