"""The transformer: blocks of attention and feed-forward layers, as encoder, decoder, and both."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from recsys_book.encoders.attention import (
    KeyValueCache,
    LayerCache,
    MultiHeadAttention,
    causal_mask,
)
from recsys_book.encoders.configuration import TransformerConfig, check_ids
from recsys_book.encoders.layers import FeedForward, LayerNorm, Linear, embedding
from recsys_book.encoders.positions import sinusoidal
from recsys_book.optimizers import Dropout


class Block(nn.Module):
    """Attention and a feed-forward layer, each added to what came in, each normalised.

    Source: Vaswani et al. (2017), section 3.1; Xiong et al. (2020), section 3.

    Equations: eq-pre-norm, eq-post-norm.

    Args:
        config: The sizes and choices.
        generator: Where the first weights come from.
        cross: Whether the block also looks at another sequence.
    """

    def __init__(
        self, config: TransformerConfig, generator: torch.Generator, *, cross: bool = False
    ) -> None:
        super().__init__()
        width, rotary = config.width, config.positions == "rotary"
        self.pre = config.norm == "pre"
        self.attention = MultiHeadAttention(width, config.heads, generator, rotary=rotary)
        self.attention_norm = LayerNorm(width, config.eps)
        if cross:
            self.cross = MultiHeadAttention(width, config.heads, generator)
            self.cross_norm = LayerNorm(width, config.eps)
        self.feed_forward = FeedForward(width, config.inside, generator)
        self.feed_forward_norm = LayerNorm(width, config.eps)
        self.dropout = _dropout(config.dropout, generator)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        past: LayerCache | None = None,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the next hidden states.

        Args:
            x: Hidden states, shape ``(batch, tokens, width)``.
            mask: True where a token may look, broadcastable to ``(batch, heads, tokens, keys)``.
            past: Keys and values of earlier tokens, to which those of ``x`` are appended.
            memory: Hidden states of the other sequence, shape ``(batch, others, width)``.
            memory_mask: True where a token may look at the other sequence.

        Returns:
            Hidden states of the same shape, and the weights of the self-attention, shape
            ``(batch, heads, tokens, keys)``.
        """
        weights: list[Tensor] = []

        def look(h: Tensor) -> Tensor:
            mixed, seen = self.attention(h, mask=mask, past=past)
            weights.append(seen)
            return mixed

        x = self._add(x, look, self.attention_norm)
        if memory is not None:
            x = self._add(x, lambda h: self.cross(h, memory, memory_mask)[0], self.cross_norm)
        return self._add(x, self.feed_forward, self.feed_forward_norm), weights[0]

    def _add(self, x: Tensor, layer: Callable[[Tensor], Tensor], norm: LayerNorm) -> Tensor:
        """Add a layer's output to its input, and normalise before the layer or after the sum."""
        if self.pre:
            return x + self.dropout(layer(norm(x)))
        return norm(x + self.dropout(layer(x)))


class Transformer(nn.Module):
    """Hidden states of a sequence of tokens: an encoder, or with a causal mask a decoder.

    Token vectors, and those of positions and segments, begin as normal numbers of standard
    deviation 0.02. With sinusoidal positions, token vectors are multiplied by the root of the
    width. Pre-norm ends, post-norm (as in BERT) begins with one more normalisation.

    Args:
        config: The sizes and choices.
        generator: Where the first weights come from; None is one with seed 0.
        cross: Whether its blocks also look at another sequence.
    """

    def __init__(
        self,
        config: TransformerConfig,
        generator: torch.Generator | None = None,
        *,
        cross: bool = False,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.config = config
        self.tokens = embedding(config.vocabulary, config.width, generator)
        if config.positions == "learned":
            self.positions = embedding(config.max_tokens, config.width, generator)
        if config.segments:
            self.segments = embedding(config.segments, config.width, generator)
        self.norm = LayerNorm(config.width, config.eps)
        self.dropout = _dropout(config.dropout, generator)
        self.blocks = nn.ModuleList(
            Block(config, generator, cross=cross) for _ in range(config.layers)
        )
        if config.pooler:
            self.pooler = Linear(config.width, config.width, generator)

    def forward(
        self,
        ids: Tensor,
        mask: Tensor | None = None,
        segments: Tensor | None = None,
        cache: KeyValueCache | None = None,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> Tensor:
        """Return the last hidden states.

        Args:
            ids: Tokens, integers of shape ``(batch, tokens)``.
            mask: True for a token, False for padding, shape ``(batch, tokens)``; None is no
                padding.
            segments: Which segment each token belongs to, of the same shape; None is the first.
            cache: Keys and values of earlier tokens; ``ids`` are then the new ones alone, and
                without padding.
            memory: Hidden states of the other sequence, shape ``(batch, others, width)``; it
                needs ``cross``.
            memory_mask: True for a token of the other sequence, shape ``(batch, others)``.

        Returns:
            Hidden states, shape ``(batch, tokens, width)``.

        Raises:
            ValueError: If ids lie outside the vocabulary, there are more tokens than positions,
                the mask does not fit, or there is a cache and the model is not causal.
        """
        for hidden, _ in self._walk(ids, mask, segments, cache, memory, memory_mask):
            last = hidden
        return last

    def hidden_states(
        self, ids: Tensor, mask: Tensor | None = None, segments: Tensor | None = None
    ) -> list[Tensor]:
        """Return what goes into the first block and what comes out of each.

        Args:
            ids: Tokens, integers of shape ``(batch, tokens)``.
            mask: True for a token, shape ``(batch, tokens)``.
            segments: Which segment each token belongs to.

        Returns:
            One more than there are layers, each of shape ``(batch, tokens, width)``; the last is
            what :meth:`forward` returns.
        """
        return [hidden for hidden, _ in self._walk(ids, mask, segments)]

    @torch.no_grad()
    def attention_maps(
        self, ids: Tensor, mask: Tensor | None = None, segments: Tensor | None = None
    ) -> Tensor:
        """Return where each token looks, in each head of each layer.

        Args:
            ids: Tokens, integers of shape ``(batch, tokens)``.
            mask: True for a token, shape ``(batch, tokens)``.
            segments: Which segment each token belongs to.

        Returns:
            Weights, shape ``(layers, batch, heads, tokens, tokens)``; each row sums to 1.
        """
        return torch.stack([w for _, w in self._walk(ids, mask, segments) if w is not None])

    def pooled(self, hidden: Tensor) -> Tensor:
        """Return one vector a sequence, from its first token's; it needs ``config.pooler``.

        Args:
            hidden: Last hidden states, shape ``(batch, tokens, width)``.

        Returns:
            Vectors with numbers between -1 and 1, shape ``(batch, width)``.
        """
        return self.pooler(hidden[:, 0]).tanh()

    def embed(self, ids: Tensor, segments: Tensor | None = None, start: int = 0) -> Tensor:
        """Return the sum of the vectors of each token, its position and its segment.

        Args:
            ids: Tokens, integers of shape ``(batch, tokens)``.
            segments: Which segment each token belongs to; None is the first.
            start: Position of the first token.

        Returns:
            Vectors, shape ``(batch, tokens, width)``.
        """
        config, end = self.config, start + ids.shape[1]
        x = self.tokens(ids)
        if config.positions == "learned":
            x = x + self.positions.weight[start:end]
        elif config.positions == "sinusoidal":
            x = x * config.width**0.5 + sinusoidal(end, config.width)[start:].to(x)
        if config.segments:
            x = x + self.segments(torch.zeros_like(ids) if segments is None else segments)
        return self.dropout(self.norm(x) if config.norm == "post" else x)

    def _walk(
        self,
        ids: Tensor,
        mask: Tensor | None,
        segments: Tensor | None,
        cache: KeyValueCache | None = None,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield the hidden states before the first block and after each, with its weights."""
        start = 0 if cache is None else cache.length
        check_ids(ids, self.config, start)
        look = self._mask(ids, mask, cache)
        others = None if memory_mask is None else memory_mask[:, None, None, :]
        x = self.embed(ids, segments, start)
        yield x, None
        for layer, block in enumerate(self.blocks):
            past = None if cache is None else cache.layers[layer]
            x, weights = block(x, look, past, memory, others)
            if self.config.norm == "pre" and layer + 1 == self.config.layers:
                x = self.norm(x)
            yield x, weights

    def _mask(self, ids: Tensor, mask: Tensor | None, cache: KeyValueCache | None) -> Tensor | None:
        """Return where tokens may look, broadcastable to ``(batch, heads, tokens, keys)``."""
        if cache is not None and (mask is not None or not self.config.causal):
            raise ValueError(
                "A cache serves a causal model that reads unpadded tokens: set causal=True and "
                "pass no mask with it."
            )
        look = None
        if mask is not None:
            if mask.shape != ids.shape:
                raise ValueError(
                    f"The mask has shape {tuple(mask.shape)}, but the ids have "
                    f"{tuple(ids.shape)}: give one True or False a token."
                )
            look = mask[:, None, None, :]
        if self.config.causal:
            past = 0 if cache is None else cache.length
            causal = causal_mask(ids.shape[1], past + ids.shape[1]).to(ids.device)
            look = causal if look is None else look & causal
        return look


def _dropout(p: float, generator: torch.Generator) -> nn.Module:
    """Return a dropout layer with a seed of its own, or nothing if none is wanted."""
    if p == 0:
        return nn.Identity()
    seed = torch.randint(2**31, (), generator=generator, device="cpu")
    return Dropout(p, int(seed))
