"""Checkers for the exercises of the chapter on online video."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def check_one_addition(answer: Callable[[np.ndarray, np.ndarray, float], np.ndarray]) -> None:
    """Check what an event does to the sum over a history.

    Args:
        answer: Takes the sum (n,), a row of weights (n,) and a half-life, returns the new sum.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    one = np.asarray(answer(np.array([4.0]), np.array([1.0]), 1.0))
    assert one.shape == (1,), "return a sum of the same shape"
    assert one[0] != 5, "the past loses weight with each event: multiply it first"
    assert one[0] != 2.5, "the new film has weight one: only the past is multiplied"
    assert np.isclose(one[0], 3.0), "with a half-life of one event the past counts half"
    rows = np.random.default_rng(0).normal(size=(6, 3))
    total = np.zeros(3)
    for row in rows:
        total = answer(total, row, 4.0)
    weights = 0.5 ** (np.arange(5, -1, -1) / 4.0)
    assert np.allclose(total, weights @ rows), "after four events a film counts half"


def check_least_recent(answer: Callable[[Sequence[str], int], list[bool]]) -> None:
    """Check a cache that lets the least recently used key go.

    Args:
        answer: Takes keys and a size, returns whether each was kept.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert list(answer("aa", 1)) == [False, True], "the first time a key is not kept, then it is"
    assert list(answer("aba", 1)) == [False] * 3, "with room for one, b takes the place of a"
    got = list(answer("abaca", 2))
    assert got == [False, False, True, False, True], "a was used after b, so c takes b's place"
    assert list(answer("abcab", 3)) == [False] * 3 + [True] * 2, "three fit where the size is three"


def check_open_latency(
    answer: Callable[[Sequence[float], Sequence[float]], Sequence[float]],
) -> None:
    """Check latencies that are counted from the intended moment.

    Args:
        answer: Takes intended moments and service times, returns latencies.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    alone = np.asarray(answer([0.0, 10.0], [1.0, 2.0]))
    assert np.allclose(alone, [1.0, 2.0]), "without a queue the latency is the service time"
    queue = np.asarray(answer([0.0, 1.0, 2.0], [5.0, 1.0, 1.0]))
    assert not np.allclose(queue, [5.0, 1.0, 1.0]), "the wait before the service counts too"
    assert np.allclose(queue, [5.0, 5.0, 5.0]), "each request is served after the one before it"


def check_queue_length(answer: Callable[[float, int, float], int]) -> None:
    """Check how many may wait.

    Args:
        answer: Takes patience in seconds, places, and seconds of service; returns a length.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(1.0, 1, 0.1) != 9, "the last of ten waits for ten services: a second, no more"
    assert answer(1.0, 1, 0.1) == 10, "one place, a tenth of a second: ten become free in a second"
    assert answer(1.0, 4, 0.1) == 40, "four leave in each service time"
    assert answer(1.0, 4, 0.4) == 8, "half a service time frees no place: count whole ones only"
    assert answer(0.01, 1, 1.0) == 0, "a queue cannot be shorter than empty"


def check_cache_bytes(answer: Callable[[float, float, float], float]) -> None:
    """Check how much memory a cache takes in the long run.

    Args:
        answer: Takes bytes an answer, seconds that it is kept, and answers a second.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(1000, 0, 5) == 0, "what is not kept takes no memory"
    assert answer(1000, 60, 5) > 0, "a cache does not give memory back: it takes some"
    assert np.isclose(answer(1000, 60, 5), 300_000), (
        "bytes, times those who came in the last minute"
    )
    assert np.isclose(answer(10, 3, 7), 210), "it grows with each of the three"
