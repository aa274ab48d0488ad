"""A decoder as a language model: the next token's distribution, and tokens drawn from it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from recsys_book.encoders.attention import KeyValueCache
from recsys_book.encoders.transformer import Transformer, TransformerConfig


class CausalLanguageModel(nn.Module):
    """A causal transformer that scores every token as the next one.

    The scores are products with the token vectors themselves (tied weights), so the model has no
    weights beyond the transformer's.

    Source: Radford et al. (2018); Press & Wolf (2017) for the tied weights.

    Args:
        config: The sizes and choices; the model is causal whatever ``config.causal`` says.
        generator: Where the first weights come from; None is one with seed 0.
    """

    def __init__(self, config: TransformerConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = replace(config, causal=True)
        self.transformer = Transformer(self.config, generator)

    def forward(
        self, ids: Tensor, mask: Tensor | None = None, cache: KeyValueCache | None = None
    ) -> Tensor:
        """Return the scores of every token as the next one.

        Args:
            ids: Tokens, integers of shape ``(batch, tokens)``.
            mask: True for a token, False for padding, shape ``(batch, tokens)``.
            cache: Keys and values of earlier tokens; ``ids`` are then the new ones alone.

        Returns:
            Logits, shape ``(batch, tokens, vocabulary)``.
        """
        hidden = self.transformer(ids, mask, cache=cache)
        return hidden @ self.transformer.tokens.weight.T

    def next_log_probs(self, ids: Tensor) -> Tensor:
        """Return how likely every token is as the next one.

        Args:
            ids: Tokens, integers of shape ``(batch, tokens)``.

        Returns:
            ``log p(next | ids[:, :t + 1])`` in nats, shape ``(batch, tokens, vocabulary)``.
        """
        return self(ids).log_softmax(dim=-1)

    @torch.no_grad()
    def generate(
        self,
        prefix: Tensor,
        n: int,
        generator: torch.Generator | None = None,
        cache: bool = True,
        temperature: float = 1.0,
    ) -> Tensor:
        """Continue sequences token by token.

        Args:
            prefix: Tokens to begin with, integers of shape ``(tokens,)`` or ``(batch, tokens)``.
            n: How many tokens to add.
            generator: Where the draws come from; None takes the likeliest token each time.
            cache: Whether to keep keys and values instead of reading the sequence anew each time.
            temperature: Divides the logits before a draw; below 1 prefers likely tokens.

        Returns:
            The prefix and what follows, of the same number of axes.

        Raises:
            ValueError: If the prefix is empty, the temperature is not above 0, or prefix and new
                tokens are more than the model has positions.
        """
        ids = torch.atleast_2d(prefix)
        self._check_generation(ids, n, temperature)
        kept = KeyValueCache(self.config.layers) if cache else None
        for _ in range(n):
            new = ids if kept is None else ids[:, kept.length :]
            logits = self(new, cache=kept)[:, -1]
            if generator is None:
                following = logits.argmax(dim=-1, keepdim=True)
            else:
                p = (logits / temperature).softmax(dim=-1)
                following = torch.multinomial(p, 1, generator=generator)
            ids = torch.cat([ids, following], dim=1)
        return ids if prefix.ndim == 2 else ids[0]

    def _check_generation(self, ids: Tensor, n: int, temperature: float) -> None:
        """Raise one sentence if the request is impossible."""
        if ids.shape[1] == 0:
            raise ValueError("The prefix has no token: begin with the id of [BEGIN].")
        if not temperature > 0:
            raise ValueError(f"The temperature is {temperature}, but it must be above 0.")
        if ids.shape[1] + n - 1 > self.config.max_tokens:
            raise ValueError(
                f"{ids.shape[1]} tokens and {n} new ones are more than the model's "
                f"{self.config.max_tokens} positions allow: ask for at most "
                f"{self.config.max_tokens - ids.shape[1] + 1} new ones."
            )
