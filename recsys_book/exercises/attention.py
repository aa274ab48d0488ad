"""Checkers for the exercises of the chapter on attention."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from recsys_book.encoders import (
    CausalLanguageModel,
    KeyValueCache,
    TransformerConfig,
    attention,
    attention_cost,
    sinusoidal,
)


def check_attention(answer: Callable[..., np.ndarray]) -> None:
    """Check attention with a mask, in NumPy.

    Args:
        answer: Takes Q (queries, d_k), K (keys, d_k), V (keys, d_v) and a boolean mask (queries,
            keys), True where a query may look; returns the mixtures (queries, d_v).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    Q, K, V = rng.normal(size=(4, 9)), rng.normal(size=(6, 9)), rng.normal(size=(6, 2))
    everything = np.ones((4, 6), dtype=bool)
    got = np.asarray(answer(Q, K, V, everything))
    assert got.shape == (4, 2), "there is one mixture a query, as wide as a value"
    weights = np.exp(Q @ K.T)
    undivided = weights / weights.sum(axis=1, keepdims=True) @ V
    assert not np.allclose(got, undivided), "divide the scores by the root of the keys' width"
    want = attention(*map(torch.as_tensor, (Q, K, V)))[0].numpy()
    assert np.allclose(got, want), "the softmax runs over the keys: the last axis of the scores"
    mask = np.tril(everything, 2)
    want = attention(*map(torch.as_tensor, (Q, K, V, mask)))[0].numpy()
    got = np.asarray(answer(Q, K, V, mask))
    assert np.allclose(got, want), (
        "a masked score is minus infinity before the softmax; a zero is a score like any other"
    )
    large = np.asarray(answer(1000 * Q, K, V, everything))
    assert np.isfinite(large).all(), (
        "exp overflows for large scores: subtract each row's largest first"
    )


def check_shift(answer: Callable[[int, int], np.ndarray]) -> None:
    """Check the matrix that moves sinusoidal positions.

    Args:
        answer: Takes a shift and an even width, returns the matrix (width, width) that takes the
            vector of any position to that of the position a shift later.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    for width, shift in ((2, 1), (8, 3), (6, -2)):
        turn = np.asarray(answer(shift, width))
        assert turn.shape == (width, width), "the matrix is as wide as the vectors, both ways"
        assert np.allclose(turn @ turn.T, np.eye(width), atol=1e-6), (
            "it is a rotation in each pair of coordinates: its transpose is its inverse"
        )
        table = sinusoidal(20, width).numpy()
        here = table[max(-shift, 0) : 20 - max(shift, 0)]
        there = table[max(shift, 0) : 20 - max(-shift, 0)]
        assert not np.allclose(here @ turn, there, atol=1e-4) or shift == 0, (
            "it turns the other way: the matrix stands left of a column, R @ p"
        )
        assert np.allclose(here @ turn.T, there, atol=1e-4), (
            "the addition theorems give sin(a + b) and cos(a + b) from sin(a) and cos(a); sine and "
            "cosine of one speed stand beside each other"
        )


def check_crossover(answer: Callable[[int, int], int]) -> None:
    """Check from which length on a block spends more on looking than on everything else.

    Args:
        answer: Takes the width and the width inside the feed-forward layer, returns the smallest
            number of tokens at which the multiplications that grow with the square of the length
            are at least as many as the others.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    for width, hidden in ((384, 1536), (64, 256), (100, 130)):
        tokens = answer(width, hidden)
        linear, square = attention_cost(tokens, width, hidden)
        assert square >= linear, (
            f"with {tokens} tokens the linear part is still larger: set 2 T² d equal to "
            "T (4 d² + 2 d m)"
        )
        linear, square = attention_cost(tokens - 1, width, hidden)
        assert square < linear, f"{tokens - 1} tokens are enough already: round up, but not twice"


def check_cache(answer: Callable[[int, int, int, int], int]) -> None:
    """Check the memory of the keys and values of a decoder.

    Args:
        answer: Takes layers, width, tokens and bytes a number, returns the bytes of the cache of
            one sequence.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    config = TransformerConfig(20, width=24, layers=3, heads=4, max_tokens=16)
    cache = KeyValueCache(3)
    CausalLanguageModel(config)(torch.full((1, 11), 5), cache=cache)
    got = answer(3, 24, 11, 4)
    assert got * 2 != cache.bytes, "keys and values are both kept: twice as much"
    assert got != cache.bytes * 4, "the heads share the width; each keeps a quarter of it"
    assert got == cache.bytes, "layers times tokens times width, of keys and of values"
    assert answer(12, 768, 1024, 2) == 2 * 12 * 768 * 1024 * 2, "mind the bytes of a number"


def check_claims(answer: Callable[[str], dict[str, float | bool]]) -> None:
    """Check what the articles' "large language model" is, by its weights and by its mask.

    Args:
        answer: Takes ``"bert"`` or ``"gpt2"``, returns ``{"billions": …, "generates": …}`` for
            the smallest published model of that name, with vocabularies of 30,522 and 50,257,
            and 512 and 1,024 positions.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    sizes = {"width": 768, "layers": 12, "heads": 12}
    bert = TransformerConfig(30_522, max_tokens=512, segments=2, pooler=True, norm="post", **sizes)
    gpt2 = TransformerConfig(50_257, max_tokens=1024, causal=True, **sizes)
    for name, config in (("bert", bert), ("gpt2", gpt2)):
        got = answer(name)
        want = config.parameter_count() / 1e9
        assert abs(got["billions"] - want) < 0.001, (
            f"{name}: build a TransformerConfig and ask it for parameter_count(); BERT has two "
            "segments and a pooler, GPT-2 has neither"
        )
    assert not answer("bert")["generates"], (
        "BERT's tokens look both ways: it was never trained to say what comes next"
    )
    assert answer("gpt2")["generates"], "GPT-2 is causal: each position predicts the next token"
