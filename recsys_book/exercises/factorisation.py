"""Checkers for the exercises of the chapter on factorisation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def check_rank_for_share(answer: Callable[[np.ndarray, float], int]) -> None:
    """Check how many singular values hold a share of a matrix's energy.

    Args:
        answer: Takes singular values, largest first, and a share; returns the smallest rank.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    s = np.array([3.0, 1.0, 1.0, 1.0])
    assert answer(s, 0.7) != 3, "energy is the sum of squares, not the sum of the values"
    assert answer(s, 0.7) == 1, "9 of 12 is more than seven tenths: one value is enough"
    assert answer(s, 0.8) == 2, "after two values it is 10 of 12"
    assert answer(s, 1.0) == 4, "the whole energy needs all values"
    assert answer(np.array([2.0, 0.0]), 1.0) == 1, "a value of zero adds nothing"


def check_sgd_step(answer: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    """Check one step of stochastic gradient descent for one rating.

    Args:
        answer: Takes p, q, the error, a rate and a penalty; returns the new p and q.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    p, q = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    new_p, new_q = answer(p.copy(), q.copy(), 2.0, 0.1, 0.0)
    assert np.allclose(new_p, p + 0.2 * q), "p moves along q, by the rate times the error"
    assert not np.allclose(new_q, q + 0.2 * new_p), "use the old p for the step of q"
    assert np.allclose(new_q, q + 0.2 * p), "q moves along p, by the rate times the error"
    small, _ = answer(p.copy(), q.copy(), 0.0, 0.1, 0.5)
    assert np.allclose(small, 0.95 * p), "without error the penalty alone shrinks p"


def check_soft_threshold(answer: Callable[[np.ndarray, float], np.ndarray]) -> None:
    """Check the matrix that soft-impute puts in the place of another.

    Args:
        answer: Takes a matrix and what to take from each singular value; returns a matrix.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    X = np.diag([5.0, 2.0, 1.0])
    got = answer(X, 1.5)
    assert np.shape(got) == (3, 3), "the result is a matrix of the same shape"
    assert got[2, 2] > -1e-9, "a singular value cannot fall below zero"
    assert np.allclose(got, np.diag([3.5, 0.5, 0.0])), "take 1.5 from each singular value"
    A = np.random.default_rng(0).normal(size=(4, 3))
    assert np.allclose(answer(A, 0.0), A), "with nothing to take the matrix stays as it is"


def check_gram(answer: Callable[..., np.ndarray]) -> None:
    """Check the Gram trick: one user's matrix from the seen items alone.

    Args:
        answer: Takes the Gram matrix of all items, the vectors of the seen items and their
            confidences; returns the weighted sum of outer products over all items, where an unseen
            item has confidence 1.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    Q, seen, c = rng.normal(size=(30, 3)), np.array([2, 11, 17]), np.array([3.0, 2.0, 5.0])
    got = answer(Q.T @ Q, Q[seen], c)
    twice = Q.T @ Q + Q[seen].T @ (c[:, None] * Q[seen])
    assert not np.allclose(got, twice), "the Gram matrix holds every seen item once already"
    weights = np.ones(30)
    weights[seen] = c
    assert np.allclose(got, Q.T @ (weights[:, None] * Q)), "compare with the sum over all items"


def check_rank_loss(answer: Callable[[int, int], float]) -> None:
    """Check what WARP pays for an event, from the number of draws.

    Args:
        answer: Takes how many items there are and how many unseen items were drawn until one
            violated the margin; returns the weight of the event.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(101, 100) == 1, "found at the last draw: the estimated rank is 1, its cost 1"
    assert abs(answer(101, 50) - 1.5) < 1e-12, "rank 2 costs 1 + 1/2"
    assert answer(101, 1) < 100, "the cost is the sum of 1/r up to the rank, not the rank itself"
    assert abs(answer(101, 1) - sum(1 / r for r in range(1, 101))) < 1e-9, (
        "found at the first draw: estimate rank 100"
    )


def check_which_claim(answer: str) -> None:
    """Check which statement about linear regression survives.

    Args:
        answer: One letter, a to d.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    letter = str(answer).strip().lower()
    assert letter in {"a", "b", "c", "d"}, "answer with one of the letters a, b, c, d"
    hints = {
        "a": "one weight an id gives every user the same order of items: no factors",
        "c": "the product of two unknowns is not linear in both at once",
        "d": "with one side fixed it is a least-squares problem with a closed form",
    }
    assert letter == "b", hints.get(letter, "")
