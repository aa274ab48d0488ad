"""Checkers for the exercises of the chapter on text vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recsys_book.encoders.geometry import anisotropy


def check_masked_mean(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check a mean over the tokens that are there.

    Args:
        answer: Takes hidden states ``(n, tokens, width)`` and a mask ``(n, tokens)``, returns
            vectors ``(n, width)``.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    hidden = np.array([[[1.0, 2.0], [3.0, 6.0], [50.0, 50.0]], [[4.0, 0.0], [9.0, 9.0], [9, 9]]])
    mask = np.array([[1, 1, 0], [1, 0, 0]])
    got = np.asarray(answer(hidden, mask))
    assert got.shape == (2, 2), "one vector a text: average over the tokens, which are axis 1"
    assert not np.allclose(got, hidden.mean(axis=1)), "the padding is in the mean: use the mask"
    assert not np.allclose(got[0], [4 / 3, 8 / 3]), (
        "the padding is out of the sum but still counted: divide by the number of real tokens"
    )
    assert np.allclose(got, [[2, 4], [4, 0]]), "sum the masked states, divide by the mask's sum"


def check_common_direction(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    """Check a map that takes the common direction out of a cloud.

    Args:
        answer: Takes vectors ``(n, width)``, returns vectors of the same shape.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(200, 8)) + 5.0
    moved = np.asarray(answer(cloud))
    assert moved.shape == cloud.shape, "return one vector for each that came in"
    assert abs(anisotropy(moved)) < 0.05, "the mean cosine should be near zero: subtract the mean"
    lengths = np.linalg.norm(moved, axis=1)
    assert np.allclose(lengths, 1), "scale every row to length one, after subtracting the mean"
    centered = cloud - cloud.mean(axis=0)
    expected = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    assert np.allclose(moved, expected), "the mean is over texts, one number a coordinate"


def check_recall(answer: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """Check the recall of an approximate search.

    Args:
        answer: Takes found and exact positions, both ``(queries, k)``, returns the mean recall.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    exact = np.array([[1, 2, 3], [4, 5, 6]])
    assert answer(exact, exact) == 1, "the exact answer has recall 1"
    assert answer(exact[:, ::-1], exact) == 1, "the order within the list does not count"
    assert answer(exact[::-1], exact) == 0, "compare each query with its own neighbours"
    found = np.array([[1, 2, 9], [9, 8, 4]])
    assert abs(answer(found, exact) - 0.5) < 1e-12, "three of six true neighbours are found"
    missing = np.array([[1, -1, -1], [-1, -1, -1]])
    assert abs(answer(missing, exact) - 1 / 6) < 1e-12, "divide by k, not by what was found"


def check_requests_a_second(answer: Callable[[float, float, float], tuple[float, float]]) -> None:
    """Check which side of "language models are fast / slow" is right, by counting.

    Args:
        answer: Takes the multiply-adds of reading one text, those of comparing with one item, and
            a catalogue's size; returns the cost of a request that reads every item's text, and
            the cost of one that reads only the query's.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    read, compare, items = 5.5e9, 384.0, 1000.0
    every, once = answer(read, compare, items)
    assert every > once, "the first of the two costs is that of reading every item"
    assert once >= read, "the query has to be read in both cases"
    assert abs(once - (read + items * compare)) < 1, "one text is read, every item is compared"
    want = (items + 1) * read + items * compare
    assert abs(every - want) < 1, "the query and every item are read, then every item is compared"


def check_truncate_left(answer: Callable[[Sequence[int], int], Sequence[int]]) -> None:
    """Check a cut that keeps the end of a history.

    Args:
        answer: Takes token ids with their begin and end tokens and a limit, returns at most so
            many ids.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    ids = [101, 5, 6, 7, 8, 102]
    assert list(answer(ids, 10)) == ids, "a short text stays as it is"
    got = list(answer(ids, 4))
    assert len(got) == 4, "at most so many tokens, the special ones included"
    assert got[0] == 101 and got[-1] == 102, "the model expects its first and its last token"
    assert got[1:-1] == [7, 8], "the newest part of a history is at its end: cut the beginning"
