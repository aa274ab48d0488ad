"""Checkers for the exercises of the chapter on what lists are worth beyond accuracy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.recommenders.reranking import chance_gap, exposure_shares, mmr


def check_next_item(answer: Callable[[np.ndarray, np.ndarray, list[int], float], int]) -> None:
    """Check one step of maximal marginal relevance.

    Args:
        answer: Takes relevance (n,), similarity (n, n), the items chosen so far and the weight of
            variety, returns the next item.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    relevance = np.array([0.9, 0.8, 0.5])
    similarity = np.array([[1.0, 0.99, 0.0], [0.99, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert answer(relevance, similarity, [], 0.5) == 0, "nothing is chosen, so relevance decides"
    assert answer(relevance, similarity, [0], 0.0) == 1, "an item can be chosen only once"
    assert answer(relevance, similarity, [0], 0.5) == 2, "subtract the likeness to what is chosen"
    rng = np.random.default_rng(0)
    for _ in range(20):
        vectors = rng.normal(size=(8, 3))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        relevance, similarity = rng.random(8), vectors @ vectors.T
        want = mmr(relevance, similarity, 4, 0.6).tolist()
        assert answer(relevance, similarity, want[:3], 0.6) == want[3], (
            "take the largest likeness to any chosen item, not the mean"
        )


def check_volume(answer: Callable[[float], float]) -> None:
    """Check the determinant of two unit vectors.

    Args:
        answer: Takes the cosine of two items of quality one, returns the determinant of their
            kernel.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(0.0) == 1, "two items at a right angle span a square of area 1"
    assert abs(answer(1.0)) < 1e-12, "two equal items span nothing"
    assert abs(answer(0.5) - 0.75) < 1e-12, "expand the determinant of a two by two matrix"
    assert answer(-0.5) == answer(0.5), "the sign of a cosine does not change the area"


def check_places_owed(answer: Callable[[float, int], list[int]]) -> None:
    """Check at which places a guaranteed share forces a protected item.

    Args:
        answer: Takes the share and the length of the list, returns the places, from 1, at which
            the number of owed items rises.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(0.5, 6) == [2, 4, 6], "half of the places: every second one"
    assert answer(1.0, 3) == [1, 2, 3], "a share of one owes every place"
    assert answer(0.0, 5) == [], "a share of nothing owes nothing"
    assert answer(0.3, 10) == [4, 7, 10], "floor(0.3 · j) first reaches 1 at place 4"


def check_gap_by_chance(answer: Callable[[np.ndarray, np.ndarray, int, int], float]) -> None:
    """Check how large a gap between groups is when the groups mean nothing.

    Args:
        answer: Takes values (n,), groups (n,), a number of shuffles and a seed, returns the mean
            gap of the shuffled groups.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    values, groups = rng.random(300), rng.integers(6, size=300)
    want, _ = chance_gap(values, groups, n=2000, seed=1)
    got = answer(values, groups, 2000, 0)
    assert got > 0, "a gap is the best mean minus the worst, and never negative"
    assert abs(got - want) < 0.05 * want, (
        "shuffle the labels before you average: the real gap must not enter"
    )


def check_attention(answer: Callable[[int], float]) -> None:
    """Check what the first place of a list is worth.

    Args:
        answer: Takes the length of the list, returns the share of attention of its first place.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    for k in (1, 2, 5, 10):
        want = exposure_shares(np.arange(k)[None], np.minimum(np.arange(k), 1))[0]
        assert abs(answer(k) - want) < 1e-9, "place j is worth 1 / log2(1 + j); divide by the sum"
