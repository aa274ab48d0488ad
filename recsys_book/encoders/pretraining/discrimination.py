"""Forged words and two readings of a row, as problems that ``optimizers.train`` solves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders.corpora import FIRST, pad
from recsys_book.encoders.pretraining.masking import IGNORED, replace_tokens
from recsys_book.encoders.pretraining.models import ReplacedTokenModel, SentenceVectors
from recsys_book.encoders.pretraining.objectives import (
    masked_lm_loss,
    replaced_token_loss,
    simcse_loss,
)
from recsys_book.encoders.pretraining.rows import MaskedBatch, SpanProblem, masked_batch
from recsys_book.encoders.transformer import Transformer


@dataclass(eq=False)
class ReplacedTokenProblem(SpanProblem):
    """Find the words that a small model has replaced.

    Source: Clark et al. (2020).

    Attributes:
        small_layers: Layers of the small model.
        weight: Of the encoder's loss, which is small because most words are easy.
    """

    small_layers: int = 1
    weight: float = 50.0

    def model(self, seed: int) -> ReplacedTokenModel:
        """Return both models with fresh weights; what draws the guesses is seeded too."""
        generator = torch.Generator().manual_seed(seed)
        small = Transformer(replace(self.config, layers=self.small_layers), generator)
        large = Transformer(self.config, generator)
        return ReplacedTokenModel(small, large, generator, self.log_shares)

    def batches(self, seed: int) -> Iterator[tuple[MaskedBatch, torch.Generator]]:
        """Yield one epoch of masked batches, each with where the guesses are drawn from."""
        generator = torch.Generator().manual_seed(seed)
        for rows in self.groups(seed):
            yield self._mask(rows, generator), generator

    def _mask(self, rows: list[np.ndarray], generator: torch.Generator) -> MaskedBatch:
        options = {"shares": (1.0, 0.0, 0.0), "at_least": 1}
        return masked_batch(rows, self.words, generator, **options)

    def parts(
        self, model: ReplacedTokenModel, batch: tuple[MaskedBatch, torch.Generator]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return both losses, the log-odds at the words, and which are replacements.

        Args:
            model: What ``model`` made.
            batch: What ``batches`` yielded.

        Returns:
            The small model's loss, the encoder's loss, then log-odds and truth of all words in
            a row, each of shape ``(words,)``.
        """
        (ids, inputs, targets), generator = batch
        present, asked = ids != 0, targets != IGNORED
        logits = model.small.word_scores(model.small.transformer(inputs, present)[asked])
        logits = logits[:, : self.words]
        corrupted, replaced = replace_tokens(ids, targets, logits, generator)
        scores, words = model(corrupted, present), ids >= FIRST
        small = masked_lm_loss(logits, targets[asked])
        loss = replaced_token_loss(scores, replaced, words)
        return small, loss, scores[words], replaced[words]

    def loss(self, model: ReplacedTokenModel, batch: tuple[MaskedBatch, torch.Generator]) -> Tensor:
        """Return the weighted sum of both losses, 0-dimensional, in nats."""
        small, found, _, _ = self.parts(model, batch)
        return small + self.weight * found

    @cached_property
    def _valid(self) -> list[MaskedBatch]:
        generator = torch.Generator().manual_seed(0)
        return [self._mask(rows, generator) for rows in self.valid_groups()]

    @torch.no_grad()
    def validate(self, model: ReplacedTokenModel) -> float:
        """Return the encoder's loss on held-out spans, in nats a word; guesses are seeded."""
        generator = torch.Generator().manual_seed(1)
        return float(np.mean([float(self.parts(model, (b, generator))[1]) for b in self._valid]))


@dataclass(eq=False)
class SimCSEProblem(SpanProblem):
    """Recognise a row from another reading of it: dropout makes the two readings differ.

    Source: Gao, Yao & Chen (2021), section 3.

    Attributes:
        temperature: What the cosines are divided by.
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        """Check that there is dropout, then cut."""
        if not self.config.dropout > 0:
            raise ValueError(
                "The encoder has no dropout, so two readings of a row are equal: make its "
                "configuration with dropout=0.1."
            )
        super().__post_init__()

    def model(self, seed: int) -> SentenceVectors:
        """Return a model with fresh weights drawn from a seed."""
        return SentenceVectors(Transformer(self.config, torch.Generator().manual_seed(seed)))

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch of ids and mask, each of shape ``(rows, tokens)``."""
        yield from (pad(rows) for rows in self.groups(seed))

    def loss(self, model: SentenceVectors, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss of two readings, 0-dimensional, in nats."""
        return simcse_loss(model(*batch), model(*batch), self.temperature)

    @torch.no_grad()
    def validate(self, model: SentenceVectors) -> float:
        """Return the loss on held-out spans, with dropout on: it is part of the question."""
        was = model.training
        model.train()
        losses = [float(self.loss(model, pad(rows))) for rows in self.valid_groups()]
        model.train(was)
        return float(np.mean(losses))
