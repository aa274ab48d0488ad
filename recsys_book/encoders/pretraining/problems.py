"""Pre-training as problems that ``optimizers.train`` solves.

All problems cut the same sequences in the same way, so that one epoch is one pass over the same
words. The configuration must have one id more than the corpus: the mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.corpora import BEGIN, END, FIRST, pad
from recsys_book.encoders.pretraining.masking import (
    IGNORED,
    Pairs,
    mask_tokens,
    replace_tokens,
    sentence_pairs,
)
from recsys_book.encoders.pretraining.models import (
    MaskedLanguageModel,
    ReplacedTokenModel,
    SentenceVectors,
)
from recsys_book.encoders.pretraining.objectives import (
    masked_lm_loss,
    next_sentence_loss,
    replaced_token_loss,
    simcse_loss,
)
from recsys_book.encoders.transformer import Transformer

#: Ids and what is there; what is seen; what is asked; all of shape ``(rows, tokens)``.
MaskedBatch = tuple[Tensor, Tensor, Tensor]


def spans(sequences: Sequence[np.ndarray], max_tokens: int, min_words: int = 2) -> list[np.ndarray]:
    """Cut sequences into spans that fit a model, each with a begin and an end of its own.

    Three places are left for marks, so that a span can also be cut in two with an end between.

    Args:
        sequences: Ids with begin and end, each of shape ``(tokens,)``.
        max_tokens: The longest row of the model.
        min_words: Shorter spans are left out.

    Returns:
        The spans, in order.

    Raises:
        ValueError: If there is no room for two words, or no span is left.
    """
    if max_tokens < 5:
        raise ValueError(f"max_tokens is {max_tokens}, but three marks and two words need 5.")
    found = []
    for sequence in sequences:
        words = sequence[(sequence != BEGIN) & (sequence != END)]
        for first in range(0, len(words), max_tokens - 3):
            part = words[first : first + max_tokens - 3]
            if len(part) >= min_words:
                found.append(np.concatenate([[BEGIN], part, [END]]).astype(np.int64))
    if not found:
        raise ValueError(f"No sequence has {min_words} words, so there is nothing to learn from.")
    return found


@dataclass(eq=False)
class _SpanProblem:
    """What the problems share: spans, and epochs of batches of similar length.

    Attributes:
        train: Sequences to learn from, with begin and end.
        valid: Sequences to validate on.
        config: Of the encoder; its vocabulary is the corpus's and one more, the mask.
        batch_size: Spans in a batch.

    A head that scores words begins with the logarithm of each word's share as its bias, so that
    training does not spend its first hundred steps on popularity.
    """

    train: Sequence[np.ndarray]
    valid: Sequence[np.ndarray]
    config: TransformerConfig
    batch_size: int = 64

    def __post_init__(self) -> None:
        """Cut once; batches are drawn from the result."""
        if self.batch_size < 2:
            raise ValueError(f"batch_size is {self.batch_size}, but rows are compared: use 2.")
        self.spans = spans(self.train, self.config.max_tokens)
        self.valid_spans = spans(self.valid, self.config.max_tokens)
        self._lengths = np.array([len(span) for span in self.spans])
        counts = np.bincount(np.concatenate(self.spans), minlength=self.config.vocabulary) + 0.5
        self.log_shares = torch.tensor(np.log(counts / counts.sum()), dtype=torch.float32)

    @property
    def words(self) -> int:
        """Number of ids of the corpus, which is the id of the mask."""
        return self.config.vocabulary - 1

    def _groups(self, seed: int) -> Iterator[list[np.ndarray]]:
        """Yield one epoch of spans: similar lengths together, the batches in random order."""
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(self.spans))
        order = order[np.argsort(self._lengths[order], kind="stable")]
        starts = np.arange(0, len(order), self.batch_size)
        for start in rng.permutation(starts):
            rows = order[start : start + self.batch_size]
            if len(rows) > 1:
                yield [self.spans[row] for row in rows]

    def _valid_groups(self) -> list[list[np.ndarray]]:
        """Return the held-out spans in batches, none of one row."""
        n = max(1, round(len(self.valid_spans) / self.batch_size))
        return [
            [self.valid_spans[row] for row in rows]
            for rows in np.array_split(np.arange(len(self.valid_spans)), n)
        ]


def masked_batch(
    rows: Sequence[np.ndarray], words: int, generator: torch.Generator, **options
) -> MaskedBatch:
    """Collate spans: pad them, and hide some words of each.

    Args:
        rows: Spans with begin and end.
        words: Number of ids of the corpus, which is the id of the mask.
        generator: Where the choices come from.
        **options: Of ``mask_tokens``.

    Returns:
        The ids, what the model sees, and what it is asked, each of shape ``(rows, tokens)``.
    """
    ids, _ = pad(rows)
    return ids, *mask_tokens(ids, words, generator, **options)


@dataclass(eq=False)
class MaskedLMProblem(_SpanProblem):
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
        yield from (self._mask(rows, generator) for rows in self._groups(seed))

    @cached_property
    def _kept(self) -> list[MaskedBatch]:
        """Batches whose masks never change."""
        generator = torch.Generator().manual_seed(0)
        return [self._mask(rows, generator) for rows in self._groups(0)]

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
            masked_batch(rows, self.words, generator, **options) for rows in self._valid_groups()
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
class NextSentenceProblem(_SpanProblem):
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
        for rows in self._groups(seed):
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
        return [self._batch(rows, k) for k, rows in enumerate(self._valid_groups())]

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


@dataclass(eq=False)
class ReplacedTokenProblem(_SpanProblem):
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
        for rows in self._groups(seed):
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
        return [self._mask(rows, generator) for rows in self._valid_groups()]

    @torch.no_grad()
    def validate(self, model: ReplacedTokenModel) -> float:
        """Return the encoder's loss on held-out spans, in nats a word; guesses are seeded."""
        generator = torch.Generator().manual_seed(1)
        return float(np.mean([float(self.parts(model, (b, generator))[1]) for b in self._valid]))


@dataclass(eq=False)
class SimCSEProblem(_SpanProblem):
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
        yield from (pad(rows) for rows in self._groups(seed))

    def loss(self, model: SentenceVectors, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss of two readings, 0-dimensional, in nats."""
        return simcse_loss(model(*batch), model(*batch), self.temperature)

    @torch.no_grad()
    def validate(self, model: SentenceVectors) -> float:
        """Return the loss on held-out spans, with dropout on: it is part of the question."""
        was = model.training
        model.train()
        losses = [float(self.loss(model, pad(rows))) for rows in self._valid_groups()]
        model.train(was)
        return float(np.mean(losses))
