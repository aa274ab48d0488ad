"""BERT4Rec: a transformer that fills gaps, with the gap at the end when it recommends."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.corpora import FIRST, pad
from recsys_book.encoders.pretraining.masking import IGNORED, mask_tokens
from recsys_book.recommenders.sequential.loss import softmax_loss
from recsys_book.recommenders.sequential.network import Batch, TransformerNetwork
from recsys_book.recommenders.sequential.training import NeuralSequence, NextItemProblem


def cloze_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean negative log-probability of the hidden items, given all others.

    Source: Sun et al. (2019), CIKM, section 3.6.

    Equation: eq-cloze.

    Args:
        logits: Scores of all items at the hidden positions, shape ``(m, n_items)``.
        targets: The hidden items, shape ``(m,)``.

    Returns:
        The loss, 0-dimensional, in nats a hidden item; 0 if nothing was hidden.
    """
    return softmax_loss(logits, targets) if len(targets) else logits.sum() * 0.0


class BERT4RecNetwork(TransformerNetwork):
    """A transformer in which every position sees every other; the mask is the last token."""

    def hidden(self, batch: Batch) -> Tensor:
        """Return one vector a position; padding is hidden from all."""
        return self.transformer(batch.inputs, batch.inputs >= FIRST)


class ClozeProblem(NextItemProblem):
    """Hide items of a piece and guess them from both sides.

    In every fifth batch only the last item is hidden, as it will be in use.
    """

    share = 0.2

    def batch(self, pieces: list[np.ndarray], owner: np.ndarray) -> Batch:
        """Return pieces with gaps, and what stood in them."""
        ids, present = pad([piece[-self.window :] + FIRST for piece in pieces])
        mask = FIRST + self.histories.n_items
        if torch.rand((), generator=self._draws) < 0.2:
            inputs, targets = ids.clone(), torch.full_like(ids, IGNORED)
            rows, last = torch.arange(len(ids)), present.sum(dim=1) - 1
            targets[rows, last], inputs[rows, last] = ids[rows, last], mask
        else:
            inputs, targets = mask_tokens(
                ids, mask, self._draws, share=self.share, shares=(1.0, 0.0, 0.0), at_least=1
            )
        targets = (targets - FIRST).masked_fill(targets == IGNORED, -1)
        return Batch(inputs, targets, torch.from_numpy(owner))

    def loss(self, model: BERT4RecNetwork, batch: Batch) -> Tensor:
        """Return the loss of the gaps."""
        asked = batch.targets >= 0
        return cloze_loss(model.scores(model.hidden(batch)[asked]), batch.targets[asked])


class BERT4Rec(NeuralSequence):
    """Train by filling gaps in histories; recommend by filling one that is put at the end.

    Equation: eq-cloze.

    Source: Sun et al. (2019), "BERT4Rec: Sequential Recommendation with Bidirectional Encoder
    Representations from Transformer", CIKM.

    Args:
        width: Width of the vectors.
        layers: Number of blocks.
        heads: Attention heads a block.
        dropout: Share that is dropped in training.
        window: Most tokens that are read, the gap at the end included; at least 2.
        share: Chance of an item to be hidden in training, above 0 and below 1.
        every_event: Whether an epoch reads every event or the last ``window`` of each user.
        vectors: One vector an item where the item table begins; None begins at random.
        rate: Learning rate of AdamW.
        weight_decay: Of AdamW.
        epochs: Passes over the histories.
        batch_size: Pieces in a step.
        seed: Of the weights, the order, the dropout and the gaps.

    Attributes:
        network_: The trained network.
        losses_: Loss of each step.
        histories_: The users' items.
    """

    loss, negatives, calibration = "softmax", 1, 0.0

    def __init__(
        self,
        width: int = 64,
        layers: int = 2,
        heads: int = 2,
        dropout: float = 0.2,
        window: int = 50,
        share: float = 0.2,
        every_event: bool = True,
        vectors: np.ndarray | None = None,
        rate: float = 3e-3,
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
        self.share = share
        self.every_event = every_event
        self.vectors = vectors
        self.rate = rate
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def _check(self, interactions) -> None:
        super()._check(interactions)
        if not 0 < self.share < 1:
            raise ValueError(f"share is {self.share}; hide more than none and fewer than all.")
        if self.window < 2:
            raise ValueError(f"window is {self.window}; the gap needs an item beside it.")

    def problem(self, histories) -> NextItemProblem:
        """Return what the network is trained on, with this model's share of gaps."""
        found = super().problem(histories)
        found.share = self.share
        return found

    def _problem_type(self) -> type[NextItemProblem]:
        return ClozeProblem

    def _prompt(self, pieces: list[np.ndarray], users: np.ndarray) -> tuple[Batch, Tensor]:
        """Put the gap after the last ``window - 1`` items."""
        mask = len(self.items_)
        return super()._prompt([np.append(p[1 - self.window :], mask) for p in pieces], users)

    def _network(
        self, n_items: int, n_users: int, bias: Tensor, generator: torch.Generator
    ) -> BERT4RecNetwork:
        config = TransformerConfig(
            vocabulary=FIRST + n_items + 1,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            hidden=self.width,
            max_tokens=self.window,
            dropout=self.dropout,
        )
        return BERT4RecNetwork(n_items, config, bias, generator, self.vectors)
