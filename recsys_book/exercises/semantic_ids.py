"""Checkers for the exercises of the chapter on semantic ids."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.encoders.residual_quantisation import quantise
from recsys_book.encoders.semantic_ids import SemanticIds, digit_vocabulary


def check_digits(answer: Callable[[np.ndarray, list[np.ndarray]], list[int]]) -> None:
    """Check the digits of one vector.

    Args:
        answer: Takes a vector (width,) and codebooks, one (codes, width) a level, and returns one
            digit a level.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    books = [np.array([[0.0], [10.0]]), np.array([[-2.0], [0.0], [3.0]])]
    found = [int(d) for d in answer(np.array([12.6]), books)]
    assert len(found) == 2, "give one digit a level"
    assert found[0] == 1, "the first digit is the nearest word of the first codebook"
    assert found[1] == 2, "the second digit is for what the first word left over, 2.6"
    rng = np.random.default_rng(0)
    books = [rng.normal(size=(6, 4)) for _ in range(3)]
    for vector in rng.normal(size=(20, 4)):
        want = quantise(vector[None], books)[0][0].tolist()
        assert [int(d) for d in answer(vector, books)] == want, (
            "subtract each chosen word before the next level looks"
        )


def check_last_digit(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    """Check the digit that makes codes unique.

    Args:
        answer: Takes codes (n, levels), returns one digit an item (n,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    codes = np.array([[1, 2], [0, 0], [1, 2], [1, 2], [0, 0], [2, 2]])
    found = np.asarray(answer(codes))
    assert found.shape == (6,), "give one digit an item"
    assert found[5] == 0, "an item alone with its code gets 0"
    assert len(set(found[[0, 2, 3]].tolist())) == 3, "items with one code need different digits"
    assert found.max() == 2, "count from 0 within each code, not over all items"
    many = np.random.default_rng(0).integers(5, size=(200, 2))
    want = SemanticIds.from_codes(many).digits[:, -1]
    assert np.array_equal(answer(many), want), "count in the order of the items"


def check_birthday(answer: Callable[[int], int]) -> None:
    """Check how many items it takes until one collision is expected.

    Args:
        answer: Takes the number of equally likely codes, returns the smallest number of items with
            at least one expected pair.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(1) == 2, "with one code the second item collides"
    assert answer(365) == 28, "n(n - 1)/2 pairs, each alike with chance 1/m: 28 people, 365 days"
    for cells in (10, 4096, 256**3):
        n = answer(cells)
        assert n * (n - 1) / 2 >= cells, f"{n} items give less than one pair in {cells} codes"
        assert (n - 1) * (n - 2) / 2 < cells, f"{n} items are one more than needed"


def check_vocabulary(answer: Callable[[int, int], int]) -> None:
    """Check how many digits it takes to name a catalogue.

    Args:
        answer: Takes the number of items and of places, returns the digits of all places together.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(500, 1) == 500, "with one place every item is a word"
    assert answer(10_000, 2) == 200, "two places of a hundred digits name ten thousand items"
    assert answer(1682, 2) == 84, "41² is one item too few"
    for n in (7, 1000, 10**6):
        for length in (1, 2, 3, 4):
            assert answer(n, length) == digit_vocabulary(n, length), (
                "the smallest K with K to the length at least n, times the length"
            )


def check_beam(answer: Callable[[np.ndarray, np.ndarray, int], tuple[int, int]]) -> None:
    """Check a beam search over two digits.

    Args:
        answer: Takes p(first) (K,), p(second given first) (K, K) and the beam's width, returns the
            best id that the beam finds.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    first = np.array([0.5, 0.4, 0.1])
    second = np.array([[0.4, 0.3, 0.3], [0.9, 0.05, 0.05], [1.0, 0.0, 0.0]])
    assert tuple(answer(first, second, 1)) == (0, 0), "a beam of one keeps the likeliest digit"
    assert tuple(answer(first, second, 3)) == (1, 0), (
        "multiply the chances: 0.4 times 0.9 is more than 0.5 times 0.4"
    )
    rng = np.random.default_rng(0)
    for width in (1, 2, 5):
        p, q = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5), size=5)
        kept = np.argsort(-p)[:width]
        joint = p[kept, None] * q[kept]
        row, column = np.unravel_index(joint.argmax(), joint.shape)
        want = (int(kept[row]), int(column))
        assert tuple(int(d) for d in answer(p, q, width)) == want, (
            "only the beginnings that were kept may go on"
        )


def check_new_items(answer: Callable[[np.ndarray, np.ndarray], np.ndarray | None]) -> None:
    """Check what content can do for a new item and for a new user.

    Args:
        answer: Takes the vectors of a user's items (n, width) and of new items (m, width), returns
            the scores of the new items (m,), or None where content has nothing to say.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    new = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    found = answer(np.array([[1.0, 0.0], [0.8, 0.6]]), new)
    assert found is not None, "a new item has a text, so it can be scored"
    assert np.argmax(found) == 0 and np.argmin(found) == 1, "score by the mean of the history"
    want = new @ np.array([0.9, 0.3])
    assert np.allclose(found, want), "score by the product with the mean of the history"
    assert answer(np.zeros((0, 2)), new) is None, (
        "a new user has no items, so there is no text to compare with: return None"
    )
