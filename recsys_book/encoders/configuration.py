"""The sizes and choices of a transformer, and what it refuses to read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recsys_book.encoders.attention import check_heads

POSITIONS = ("learned", "sinusoidal", "rotary", "none")


@dataclass(frozen=True)
class TransformerConfig:
    """The sizes of a transformer, and its choices.

    Attributes:
        vocabulary: Number of tokens that exist.
        width: Width of the hidden states.
        layers: Number of blocks.
        heads: Attention heads a block; they must divide the width.
        hidden: Width inside the feed-forward layer; None is four times the width.
        max_tokens: The longest sequence.
        positions: ``"learned"``, ``"sinusoidal"``, ``"rotary"`` or ``"none"``.
        norm: ``"pre"`` normalises what goes into each layer, ``"post"`` what comes out.
        causal: Whether a token may look only at itself and at earlier ones.
        segments: Number of segments a token can belong to; 0 is no such table.
        dropout: Share of what each layer adds that is dropped in training.
        eps: Added to the variance by the normalisation.
        pooler: Whether there is a layer that makes one vector a sequence, as in BERT.
    """

    vocabulary: int
    width: int = 64
    layers: int = 2
    heads: int = 2
    hidden: int | None = None
    max_tokens: int = 64
    positions: str = "learned"
    norm: str = "pre"
    causal: bool = False
    segments: int = 0
    dropout: float = 0.0
    eps: float = 1e-5
    pooler: bool = False

    def __post_init__(self) -> None:
        """Raise one sentence if the sizes or choices are impossible."""
        for name in ("vocabulary", "width", "layers", "heads", "max_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but it must be at least 1.")
        check_heads(self.width, self.heads, self.positions == "rotary")
        for name, choices in (("positions", POSITIONS), ("norm", ("pre", "post"))):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, but it must be one of "
                    f"{', '.join(choices)}."
                )

    @property
    def inside(self) -> int:
        """Width inside the feed-forward layer."""
        return 4 * self.width if self.hidden is None else self.hidden

    def parameter_count(self) -> int:
        """Return the number of weights, from the sizes alone.

        Equation: eq-transformer-parameters.
        """
        d, m = self.width, self.inside
        tables = self.vocabulary + self.segments
        tables += self.max_tokens if self.positions == "learned" else 0
        block = 4 * (d * d + d) + (d * m + m) + (m * d + d) + 2 * 2 * d
        pooler = d * d + d if self.pooler else 0
        return tables * d + self.layers * block + 2 * d + pooler


def check_ids(ids: Tensor, config: TransformerConfig, start: int = 0) -> None:
    """Raise one sentence if tokens do not exist or are too many.

    Args:
        ids: Tokens, integers of shape ``(batch, tokens)``.
        config: The sizes of the model.
        start: Position of the first token.

    Raises:
        ValueError: If the shape or type is wrong, an id lies outside the vocabulary, or there are
            more tokens than positions.
    """
    if ids.ndim != 2 or ids.dtype is not torch.long:
        raise ValueError(
            f"The ids have shape {tuple(ids.shape)} and type {ids.dtype}, but whole numbers "
            "(torch.long) of shape (batch, tokens) are needed."
        )
    if start + ids.shape[1] > config.max_tokens:
        raise ValueError(
            f"There are {start + ids.shape[1]} tokens, but the model has {config.max_tokens} "
            "positions: cut the sequence, or make the model with a larger max_tokens."
        )
    if ids.numel() and (ids.min() < 0 or ids.max() >= config.vocabulary):
        wrong = ids[(ids < 0) | (ids >= config.vocabulary)][0]
        raise ValueError(
            f"Token id {wrong} lies outside the vocabulary of {config.vocabulary} tokens: map "
            "what is unknown to the id of [UNKNOWN]."
        )
