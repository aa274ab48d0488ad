"""An encoder that reads one sequence, and a decoder that writes another while looking at it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from recsys_book.encoders.attention import KeyValueCache
from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.transformer import Transformer


class EncoderDecoder(nn.Module):
    """The transformer as it was invented: bidirectional encoder, causal decoder, cross-attention.

    Source: Vaswani et al. (2017), section 3.1.

    Args:
        config: The sizes and choices of both; the decoder is causal, the encoder is not.
        generator: Where the first weights come from; None is one with seed 0.
    """

    def __init__(self, config: TransformerConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.config = config
        self.encoder = Transformer(replace(config, causal=False), generator)
        self.decoder = Transformer(replace(config, causal=True), generator, cross=True)

    def forward(
        self,
        source: Tensor,
        target: Tensor,
        source_mask: Tensor | None = None,
        target_mask: Tensor | None = None,
    ) -> Tensor:
        """Score every token as the next one of the target.

        Args:
            source: What is read, integers of shape ``(batch, others)``.
            target: What was written so far, integers of shape ``(batch, tokens)``.
            source_mask: True for a token of the source, of its shape; None is no padding.
            target_mask: True for a token of the target, of its shape.

        Returns:
            Logits, shape ``(batch, tokens, vocabulary)``.
        """
        memory = self.encoder(source, source_mask)
        return self._logits(
            self.decoder(target, target_mask, memory=memory, memory_mask=source_mask)
        )

    @torch.no_grad()
    def generate(
        self, source: Tensor, n: int, source_mask: Tensor | None = None, begin: int = 1
    ) -> Tensor:
        """Write the likeliest token, then the next, reading the source only once.

        Args:
            source: What is read, integers of shape ``(batch, others)``.
            n: How many tokens to write.
            source_mask: True for a token of the source, of its shape.
            begin: The token before the first.

        Returns:
            The tokens after ``begin``, shape ``(batch, n)``.
        """
        memory = self.encoder(source, source_mask)
        cache = KeyValueCache(self.config.layers)
        written = [torch.full((len(source), 1), begin)]
        for _ in range(n):
            hidden = self.decoder(written[-1], cache=cache, memory=memory, memory_mask=source_mask)
            written.append(self._logits(hidden).argmax(dim=-1))
        return torch.cat(written[1:], dim=1)

    def _logits(self, hidden: Tensor) -> Tensor:
        """Return products with the token vectors."""
        return hidden @ self.decoder.tokens.weight.T
