"""Rows of a corpus, cut to fit a model: what all pre-training problems have in common.

All problems cut the same sequences in the same way, so that one epoch is one pass over the same
words. The configuration must have one id more than the corpus: the mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.corpora import BEGIN, END, pad
from recsys_book.encoders.pretraining.masking import mask_tokens

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
class SpanProblem:
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

    def groups(self, seed: int) -> Iterator[list[np.ndarray]]:
        """Yield one epoch of spans: similar lengths together, the batches in random order."""
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(self.spans))
        order = order[np.argsort(self._lengths[order], kind="stable")]
        starts = np.arange(0, len(order), self.batch_size)
        for start in rng.permutation(starts):
            rows = order[start : start + self.batch_size]
            if len(rows) > 1:
                yield [self.spans[row] for row in rows]

    def valid_groups(self) -> list[list[np.ndarray]]:
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
