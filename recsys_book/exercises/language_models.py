"""Checkers for the exercises of the chapter on language models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders import CausalLanguageModel, Transformer, TransformerConfig
from recsys_book.encoders.ngram import continuation_counts, count_ngrams


def check_perplexity(answer: Callable[[np.ndarray], float]) -> None:
    """Check a perplexity from the probabilities of the words that came.

    Args:
        answer: Takes probabilities (n,), returns the perplexity.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    same = answer(np.full(7, 0.25))
    assert abs(same - 2) > 1e-9, "that is the number of bits; two to this power is the perplexity"
    assert abs(same - 4) < 1e-9, "at a probability of a quarter each there are four choices"
    mixed = answer(np.array([0.5, 0.125]))
    assert abs(mixed - 5) > 1e-9, "take the mean of the logarithms, not of the inverse shares"
    assert abs(mixed - 4) < 1e-9, "it is the geometric mean of one over each probability"
    with np.errstate(divide="ignore"):
        assert answer(np.array([0.9, 0.0])) == np.inf, (
            "a word that was called impossible came: no mean can mend that"
        )


def check_companions(answer: Callable[[Sequence[tuple[int, int]]], dict[int, int]]) -> None:
    """Check Kneser and Ney's counts of companions.

    Args:
        answer: Takes the pairs of neighbouring words of a text, as often as they occur, returns
            for each second word the number of different first words.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    pairs = [(4, 5)] * 3 + [(6, 7), (4, 7)]
    got = answer(pairs)
    assert got.get(5) != 3, "that is how often 5 occurs; it always follows the same word"
    assert dict(got) == {5: 1, 7: 2}, "count the different first words of each second word"
    rng = np.random.default_rng(0)
    lines = [rng.integers(4, 12, 20) for _ in range(5)]
    pairs = [(int(a), int(b)) for ids in lines for a, b in zip(ids[:-1], ids[1:])]
    one, two = count_ngrams(lines, 1), count_ngrams(lines, 2)
    runs, counts = continuation_counts(one, two)
    want = dict(zip(runs[:, 0].tolist(), counts.tolist()))
    assert dict(answer(pairs)) == want, "compare with continuation_counts"


def check_reach(answer: Callable[[float, float], int]) -> None:
    """Check after how many steps a gradient has shrunk to a share.

    Args:
        answer: Takes the largest singular value of a step's Jacobian, below 1, and a share,
            returns the first number of steps after which no more than the share can be left.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(0.5, 0.3) == 2, "a half to the power of 2 is the first below 0.3"
    assert answer(0.5, 0.25) == 2, "no more than a quarter: a half squared is enough"
    assert isinstance(answer(0.9, 0.01), int | np.integer), "give whole steps, rounded up"
    for size in (0.3, 0.8, 0.97):
        for share in (0.4, 0.01, 1e-5):
            steps = answer(size, share)
            assert size**steps <= share < size ** (steps - 1), (
                "steps are the logarithm of the share over that of the size, rounded up"
            )


def _causal_and_not(seed: int) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Return the scores of a decoder, and of an encoder with the same weights."""
    config = TransformerConfig(12, width=8, layers=1, heads=2, max_tokens=8)
    decoder = CausalLanguageModel(config, torch.Generator().manual_seed(seed)).eval()
    encoder = Transformer(config).eval()
    encoder.load_state_dict(decoder.transformer.state_dict())
    return decoder.next_log_probs, lambda ids: (encoder(ids) @ encoder.tokens.weight.T).log_softmax(
        -1
    )


def check_can_generate(answer: Callable[[Callable[[Tensor], Tensor], int], bool]) -> None:
    """Check a test that tells a generator from an encoder, whatever either is called.

    Args:
        answer: Takes a function from ids (B, T) to log-probabilities (B, T, V) and V, returns
            whether no prediction depends on a later token.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    with torch.no_grad():
        for seed in range(3):
            decoder, encoder = _causal_and_not(seed)
            assert answer(decoder, 12), (
                "this is a decoder: its predictions before a place do not change with that place"
            )
            assert not answer(encoder, 12), (
                "this is an encoder with a softmax on top: change a later token, and look whether "
                "an earlier prediction changes"
            )


def _three_systems(seed: int) -> list[Callable[[np.ndarray], np.ndarray]]:
    """Return the three recommenders of article S2, in small: scores (n_items,) of a history."""
    rng = np.random.default_rng(seed)
    E = rng.normal(size=(20, 6))
    W, U = rng.normal(size=(6, 6)), rng.normal(size=(6, 6))

    def clicks(history: np.ndarray) -> np.ndarray:
        return E @ np.maximum(W @ E[history].mean(0), 0)

    def cosine(history: np.ndarray) -> np.ndarray:
        mean = E[history].mean(0)
        return E @ mean / np.linalg.norm(E, axis=1) / np.linalg.norm(mean)

    def recurrent(history: np.ndarray) -> np.ndarray:
        h = np.zeros(6)
        for item in history:
            h = np.tanh(W @ E[item] + U @ h)
        return E @ h

    return [clicks, cosine, recurrent]


def check_order_matters(
    answer: Callable[[Callable[[np.ndarray], np.ndarray], np.ndarray], bool],
) -> None:
    """Check a test for whether a recommender reads a sequence or a bag.

    Args:
        answer: Takes a function from a history (n,) to scores, and a history, returns whether the
            scores depend on the order.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    history = np.array([3, 1, 4, 15, 9, 2, 6])
    for seed in range(3):
        clicks, cosine, recurrent = _three_systems(seed)
        assert not answer(clicks, history), (
            "the network over clicks averages them: allow for rounding when you compare"
        )
        assert not answer(cosine, history), "a cosine with the mean of the history has no order"
        assert answer(recurrent, history), "shuffle the history: the last state changes"
