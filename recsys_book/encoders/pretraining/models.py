"""What stands on a transformer while it is pre-trained, and is taken away afterwards."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.encoders.layers import LayerNorm, Linear
from recsys_book.encoders.pooling import masked_mean
from recsys_book.encoders.transformer import Transformer


class MaskedLanguageModel(nn.Module):
    """A transformer that guesses hidden words, and whether one span follows another.

    The scores of the words are products with the token vectors themselves, as in BERT, plus a
    bias for each word; before them stands one more layer.

    Source: Devlin et al. (2019), section 3.1; Press & Wolf (2017) for the tied weights.

    Args:
        transformer: The encoder. With a pooler it can also score pairs.
        generator: Where the first weights of the head come from.
        bias: First scores of the ids whatever the context, shape ``(ids,)``; None is zero.
    """

    def __init__(
        self, transformer: Transformer, generator: torch.Generator, bias: Tensor | None = None
    ) -> None:
        super().__init__()
        config = transformer.config
        if config.causal:
            raise ValueError(
                "The transformer is causal, so a hidden word could not see what follows it: make "
                "it with causal=False."
            )
        self.transformer = transformer
        self.transform = Linear(config.width, config.width, generator)
        self.norm = LayerNorm(config.width, config.eps)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary) if bias is None else bias.clone())
        if config.pooler:
            self.follows = Linear(config.width, 1, generator)

    def word_scores(self, hidden: Tensor) -> Tensor:
        """Return the scores of all ids for some hidden states.

        Args:
            hidden: Hidden states, shape ``(..., width)``.

        Returns:
            Logits, shape ``(..., ids)``.
        """
        states = self.norm(functional.gelu(self.transform(hidden)))
        return states @ self.transformer.tokens.weight.T + self.bias

    def pair_scores(self, hidden: Tensor) -> Tensor:
        """Return the log-odds that the second span of each row follows the first.

        Args:
            hidden: Last hidden states, shape ``(rows, tokens, width)``.

        Returns:
            One number a row, shape ``(rows,)``.
        """
        return self.follows(self.transformer.pooled(hidden))[:, 0]

    def forward(
        self, ids: Tensor, mask: Tensor | None = None, segments: Tensor | None = None
    ) -> Tensor:
        """Return the scores of all ids at every position.

        Args:
            ids: Tokens, shape ``(rows, tokens)``.
            mask: True for a token, False for padding, of the same shape.
            segments: Which span each token belongs to, of the same shape.

        Returns:
            Logits, shape ``(rows, tokens, ids)``.
        """
        return self.word_scores(self.transformer(ids, mask, segments))


class ReplacedTokenModel(nn.Module):
    """A small model that replaces words, and an encoder that finds the replacements.

    Both have the same token vectors, so they must have the same width; the small one is small
    in its number of layers.

    Source: Clark et al. (2020), sections 2 and 3.2.

    Args:
        small: The transformer that guesses the hidden words.
        transformer: The encoder, which is what one keeps.
        generator: Where the first weights of both heads come from.
        bias: First scores of the small model, shape ``(ids,)``; None is zero.
    """

    def __init__(
        self,
        small: Transformer,
        transformer: Transformer,
        generator: torch.Generator,
        bias: Tensor | None = None,
    ) -> None:
        super().__init__()
        if small.config.width != transformer.config.width:
            raise ValueError(
                f"The small model is {small.config.width} wide and the encoder "
                f"{transformer.config.width}, but they share their token vectors: give both one "
                "width."
            )
        small.tokens = transformer.tokens
        self.small = MaskedLanguageModel(small, generator, bias)
        self.transformer = transformer
        self.dense = Linear(transformer.config.width, transformer.config.width, generator)
        self.score = Linear(transformer.config.width, 1, generator)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the log-odds that each token is a replacement.

        Args:
            ids: Tokens, some of them replaced, shape ``(rows, tokens)``.
            mask: True for a token, of the same shape.

        Returns:
            Shape ``(rows, tokens)``.
        """
        hidden = self.transformer(ids, mask)
        return self.score(functional.gelu(self.dense(hidden)))[..., 0]


class SentenceVectors(nn.Module):
    """A transformer whose last hidden states are averaged to one vector a row.

    Args:
        transformer: The encoder.
    """

    def __init__(self, transformer: Transformer) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return one vector a row.

        Args:
            ids: Tokens, shape ``(rows, tokens)``.
            mask: True for a token, of the same shape.

        Returns:
            Vectors, shape ``(rows, width)``.
        """
        return masked_mean(self.transformer(ids, mask), mask)
