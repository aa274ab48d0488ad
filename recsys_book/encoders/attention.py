"""Attention: a soft look-up, many of them side by side, and what they may look at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recsys_book.encoders.layers import Linear
from recsys_book.encoders.positions import rotate


def kernel_smoothing(query: Tensor, keys: Tensor, values: Tensor, bandwidth: float) -> Tensor:
    """Average values, those whose keys are near the query more than the others.

    Source: Nadaraya (1964); Watson (1964).

    Equation: eq-kernel-smoothing.

    Args:
        query: Where the estimate is wanted, shape ``(..., width)``.
        keys: Where values are known, shape ``(..., n, width)``.
        values: The known values, shape ``(..., n)``.
        bandwidth: The distance at which a Gaussian kernel has fallen to 0.61, above 0.

    Returns:
        The estimates, shape ``(...)``.

    Raises:
        ValueError: If the bandwidth is not above 0.
    """
    if not bandwidth > 0:
        raise ValueError(f"The bandwidth is {bandwidth}, but it must be above 0.")
    distance = (query.unsqueeze(-2) - keys).square().sum(-1)
    weights = (-distance / (2 * bandwidth**2)).softmax(dim=-1)  # kernels over their sum
    return (weights * values).sum(-1)


def attention(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Look every query up among the keys, and return the mixture of their values.

    Source: Vaswani et al. (2017), section 3.2.1.

    Equations: eq-attention, eq-attention-variance.

    Args:
        Q: Queries, shape ``(..., queries, d_k)``.
        K: Keys, shape ``(..., keys, d_k)``.
        V: Values, shape ``(..., keys, d_v)``.
        mask: True where a query may look at a key, broadcastable to ``(..., queries, keys)``;
            None lets every query look at every key.

    Returns:
        The mixtures, shape ``(..., queries, d_v)``, and the weights, shape
        ``(..., queries, keys)``, of which each row sums to 1.

    Raises:
        ValueError: If the mask is not boolean, does not fit, or leaves a query nothing to look at.
    """
    scores = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~checked_mask(mask, scores.shape), -torch.inf)
    weights = scores.softmax(dim=-1)
    return weights @ V, weights


def causal_mask(queries: int, keys: int | None = None) -> Tensor:
    """Let each token look at itself and at what came before.

    Equation: eq-causal-mask.

    Args:
        queries: Number of queries; they stand at the last places of the sequence.
        keys: Number of keys; None is as many as queries.

    Returns:
        True where a query may look, shape ``(queries, keys)``.
    """
    keys = queries if keys is None else keys
    place = torch.arange(keys - queries, keys)
    return torch.arange(keys) <= place[:, None]


def attention_cost(tokens: int, width: int, hidden: int | None = None) -> tuple[int, int]:
    """Count the multiplications of one block, by what they grow with.

    Equation: eq-attention-cost.

    Args:
        tokens: Length of the sequence.
        width: Width of the hidden states.
        hidden: Width inside the feed-forward layer; None is four times the width.

    Returns:
        Those that grow with the tokens' number (four projections and the feed-forward layer), and
        those that grow with its square (scores, and mixtures of values).
    """
    hidden = 4 * width if hidden is None else hidden
    return tokens * (4 * width**2 + 2 * width * hidden), 2 * tokens**2 * width


@dataclass(eq=False)
class LayerCache:
    """The keys and values of one layer for the tokens that were read so far.

    Attributes:
        keys: Shape ``(batch, heads, tokens, d_k)``, or None before the first token.
        values: Of the same shape, or None.
    """

    keys: Tensor | None = None
    values: Tensor | None = None

    @property
    def length(self) -> int:
        """Number of tokens read so far."""
        return 0 if self.keys is None else self.keys.shape[-2]

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append the keys and values of new tokens, and return those of all tokens.

        Equation: eq-kv-cache.

        Args:
            keys: Of the new tokens, shape ``(batch, heads, new, d_k)``.
            values: Of the new tokens, of the same shape.

        Returns:
            All keys and all values, shape ``(batch, heads, tokens + new, d_k)`` each.
        """
        if self.keys is not None and self.values is not None:
            keys = torch.cat([self.keys, keys], dim=-2)
            values = torch.cat([self.values, values], dim=-2)
        self.keys, self.values = keys, values
        return keys, values


class KeyValueCache:
    """What a decoder need not compute again when the next token comes.

    Args:
        layers: Number of layers.
    """

    def __init__(self, layers: int) -> None:
        self.layers = [LayerCache() for _ in range(layers)]

    @property
    def length(self) -> int:
        """Number of tokens read so far."""
        return self.layers[0].length

    @property
    def bytes(self) -> int:
        """Memory of the keys and values."""
        kept = [part for layer in self.layers for part in (layer.keys, layer.values)]
        return sum(part.nbytes for part in kept if part is not None)

    def select(self, rows: Tensor) -> None:
        """Keep some sequences of the batch, in a new order; a beam search needs it.

        Args:
            rows: Positions in the batch, integers of shape ``(kept,)``; one may come twice.
        """
        for layer in self.layers:
            if layer.keys is not None and layer.values is not None:
                layer.keys, layer.values = layer.keys[rows], layer.values[rows]


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each over its own learned view of the tokens.

    Source: Vaswani et al. (2017), section 3.2.2.

    Equation: eq-multi-head.

    Args:
        width: Width of the hidden states.
        heads: Number of heads; it must divide the width.
        generator: Where the first weights come from.
        rotary: Whether queries and keys are rotated by their positions.

    Raises:
        ValueError: If the number of heads does not divide the width.
    """

    def __init__(
        self, width: int, heads: int, generator: torch.Generator, *, rotary: bool = False
    ) -> None:
        super().__init__()
        check_heads(width, heads, rotary)
        self.heads, self.rotary = heads, rotary
        self.query = Linear(width, width, generator)
        self.key = Linear(width, width, generator)
        self.value = Linear(width, width, generator)
        self.output = Linear(width, width, generator)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        past: LayerCache | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Let the tokens of ``x`` look at the tokens of ``memory``.

        Args:
            x: Hidden states that ask, shape ``(batch, queries, width)``.
            memory: Hidden states that answer, shape ``(batch, keys, width)``; None is ``x``.
            mask: True where a query may look, broadcastable to ``(batch, heads, queries, keys)``.
            past: Keys and values of earlier tokens; those of ``x`` are appended.

        Returns:
            The mixtures, shape ``(batch, queries, width)``, and the weights, shape
            ``(batch, heads, queries, keys)``.
        """
        memory = x if memory is None else memory
        Q, K, V = self.query(x), self.key(memory), self.value(memory)
        Q, K, V = self._split(Q), self._split(K), self._split(V)
        start = 0 if past is None else past.length
        if self.rotary:
            Q, K = rotate(Q, start), rotate(K, start)
        if past is not None:
            K, V = past.extend(K, V)
        mixed, weights = attention(Q, K, V, mask)
        return self.output(mixed.transpose(1, 2).flatten(2)), weights

    def _split(self, x: Tensor) -> Tensor:
        """Cut the width into heads; the result has shape ``(batch, heads, tokens, d_k)``."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def check_heads(width: int, heads: int, rotary: bool = False) -> None:
    """Raise one sentence if the width cannot be shared out among the heads."""
    if heads < 1 or width % heads:
        raise ValueError(
            f"{heads} heads do not divide the width {width}: choose a width that is a multiple of "
            "the number of heads."
        )
    if rotary and (width // heads) % 2:
        raise ValueError(
            f"Rotary positions turn pairs of numbers, but each of the {heads} heads has the odd "
            f"width {width // heads}: choose an even one."
        )


def checked_mask(mask: Tensor, shape: torch.Size) -> Tensor:
    """Return the mask; raise if it is not boolean, does not fit, or hides everything from a query.

    Args:
        mask: True where a query may look.
        shape: Of the scores, ``(..., queries, keys)``.

    Returns:
        The mask itself.

    Raises:
        ValueError: If the mask is not boolean, does not fit, or leaves a query nothing to look at.
    """
    if mask.dtype is not torch.bool:
        raise ValueError(
            f"The attention mask is of type {mask.dtype}, but it must be boolean, True where a "
            "token may look: write mask.bool()."
        )
    try:
        fits = torch.broadcast_shapes(mask.shape, shape) == shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"The attention mask has shape {tuple(mask.shape)}, which does not broadcast to the "
            f"scores' (..., queries, keys) = {tuple(shape)}: give it the keys as last axis."
        )
    if not mask.any(dim=-1).all():
        raise ValueError(
            "The attention mask leaves a token nothing to look at, so its weights are undefined: "
            "drop empty sequences, and pad on the right."
        )
    return mask
