"""Hidden words and pairs of spans, as problems that ``optimizers.train`` solves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders.pretraining.masking import (
    IGNORED,
    Pairs,
    mask_tokens,
    sentence_pairs,
)
from recsys_book.encoders.pretraining.models import MaskedLanguageModel
from recsys_book.encoders.pretraining.objectives import masked_lm_loss, next_sentence_loss
from recsys_book.encoders.pretraining.rows import MaskedBatch, SpanProblem, masked_batch
from recsys_book.encoders.transformer import Transformer


@dataclass(eq=False)
class MaskedLMProblem(SpanProblem):
    """Guess hidden words; other words are hidden in every epoch.

    Source: Devlin et al. (2019), section 3.1; Liu et al. (2019), section 4.1, for masks that
    change.

    Attributes:
        share: Chance of a word to be chosen.
        shares: What becomes of a chosen word: masked, random, kept.
        dynamic: Whether every epoch hides other words; otherwise the first choice stays.
    """

    share: float = 0.15
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    dynamic: bool = True

    def model(self, seed: int) -> MaskedLanguageModel:
        """Return a model with fresh weights drawn from a seed."""
        generator = torch.Generator().manual_seed(seed)
        transformer = Transformer(self.config, generator)
        return MaskedLanguageModel(transformer, generator, self.log_shares)

    def _mask(self, rows: Sequence[np.ndarray], generator: torch.Generator) -> MaskedBatch:
        options = {"share": self.share, "shares": self.shares, "at_least": 1}
        return masked_batch(rows, self.words, generator, **options)

    def batches(self, seed: int) -> Iterator[MaskedBatch]:
        """Yield one epoch of ids, inputs and targets, each of shape ``(rows, tokens)``."""
        if not self.dynamic:
            kept = self._kept
            yield from (kept[k] for k in np.random.default_rng(seed).permutation(len(kept)))
            return
        generator = torch.Generator().manual_seed(seed)
        yield from (self._mask(rows, generator) for rows in self.groups(seed))

    @cached_property
    def _kept(self) -> list[MaskedBatch]:
        """Batches whose masks never change."""
        generator = torch.Generator().manual_seed(0)
        return [self._mask(rows, generator) for rows in self.groups(0)]

    def loss(self, model: MaskedLanguageModel, batch: MaskedBatch) -> Tensor:
        """Return the loss at the hidden words, 0-dimensional, in nats a word.

        The scores are computed at the hidden words only, an eighth of the work.

        Equation: eq-mlm.

        Args:
            model: What ``model`` made.
            batch: Ids, inputs and targets, each of shape ``(rows, tokens)``.
        """
        ids, inputs, targets = batch
        hidden = model.transformer(inputs, ids != 0)
        asked = targets != IGNORED
        return masked_lm_loss(model.word_scores(hidden[asked]), targets[asked])

    @cached_property
    def valid_batches(self) -> list[MaskedBatch]:
        """Held-out batches, always with the same words hidden, all of them by the mask."""
        generator = torch.Generator().manual_seed(0)
        options = {"share": self.share, "shares": (1.0, 0.0, 0.0), "at_least": 1}
        return [
            masked_batch(rows, self.words, generator, **options) for rows in self.valid_groups()
        ]

    @torch.no_grad()
    def validate(self, model: MaskedLanguageModel) -> float:
        """Return the loss at hidden words of held-out spans, in nats a word."""
        counts = [int((targets != IGNORED).sum()) for _, _, targets in self.valid_batches]
        losses = [float(self.loss(model, batch)) for batch in self.valid_batches]
        return float(np.average(losses, weights=counts))


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Pairs with hidden words.

    Attributes:
        pairs: The rows as they were, and which belong together.
        inputs: What the model sees, shape ``(rows, tokens)``.
        targets: What it is asked, of the same shape.
    """

    pairs: Pairs
    inputs: Tensor
    targets: Tensor


@dataclass(eq=False)
class NextSentenceProblem(SpanProblem):
    """Guess hidden words, and whether the second half of a row continues the first: one sum.

    Source: Devlin et al. (2019), section 3.1 and appendix A.2.

    Equation: eq-pretraining-sum.

    Attributes:
        weight: Of the second question; 0 asks only the first about the same rows.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        """Check the encoder, then cut."""
        if self.config.segments < 2 or not self.config.pooler:
            raise ValueError(
                "The encoder has no second segment or no pooler, so it cannot read pairs: make "
                "its configuration with segments=2 and pooler=True."
            )
        super().__post_init__()

    def model(self, seed: int) -> MaskedLanguageModel:
        """Return a model with fresh weights drawn from a seed."""
        generator = torch.Generator().manual_seed(seed)
        transformer = Transformer(self.config, generator)
        return MaskedLanguageModel(transformer, generator, self.log_shares)

    def _batch(self, rows: list[np.ndarray], seed: int) -> PairBatch:
        pairs = sentence_pairs(rows, np.random.default_rng(seed))
        generator = torch.Generator().manual_seed(seed)
        return PairBatch(pairs, *mask_tokens(pairs.ids, self.words, generator, at_least=1))

    def batches(self, seed: int) -> Iterator[PairBatch]:
        """Yield one epoch of pairs with hidden words."""
        seeds = np.random.default_rng([seed, 1])
        for rows in self.groups(seed):
            yield self._batch(rows, int(seeds.integers(2**31)))

    def parts(self, model: MaskedLanguageModel, batch: PairBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Return both losses and the log-odds of the pairs.

        Args:
            model: What ``model`` made.
            batch: What ``batches`` yielded.

        Returns:
            The loss at the hidden words, the loss of the pairs, and the log-odds, shape
            ``(rows,)``.
        """
        hidden = model.transformer(batch.inputs, batch.pairs.present, batch.pairs.segments)
        asked = batch.targets != IGNORED
        scores = model.pair_scores(hidden)
        words = masked_lm_loss(model.word_scores(hidden[asked]), batch.targets[asked])
        return words, next_sentence_loss(scores, batch.pairs.follows), scores

    def loss(self, model: MaskedLanguageModel, batch: PairBatch) -> Tensor:
        """Return the sum of both losses, 0-dimensional, in nats."""
        words, pairs, _ = self.parts(model, batch)
        return words + self.weight * pairs

    @cached_property
    def valid_batches(self) -> list[PairBatch]:
        """Held-out batches, always the same."""
        return [self._batch(rows, k) for k, rows in enumerate(self.valid_groups())]

    @torch.no_grad()
    def validate(self, model: MaskedLanguageModel) -> float:
        """Return the mean over held-out batches of the loss that is trained, in nats."""
        return float(np.mean([float(self.loss(model, batch)) for batch in self.valid_batches]))

    @torch.no_grad()
    def accuracy(self, model: MaskedLanguageModel) -> float:
        """Return the share of held-out pairs that are told right; a half is chance."""
        right = [
            ((self.parts(model, batch)[2] > 0) == (batch.pairs.follows > 0.5)).float()
            for batch in self.valid_batches
        ]
        return float(torch.cat(right).mean())
