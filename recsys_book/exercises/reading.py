"""Checkers for the exercises of the chapter on recommenders that read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.recommenders.language.neighbors import best_interest


def check_user_vector(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check a user's vector as the direction of the weighted mean of items.

    Args:
        answer: Takes item vectors (n, width) and weights (n,), returns a vector (width,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    found = np.asarray(answer(np.eye(2), np.array([3.0, 4.0])), dtype=float)
    assert found.shape == (2,), "return one vector of the items' width"
    assert np.isclose(np.linalg.norm(found), 1), "divide by the length, so that users compare"
    assert np.allclose(found, [0.6, 0.8]), "weight each item before you add"
    empty = np.asarray(answer(np.zeros((0, 2)), np.zeros(0)), dtype=float)
    assert np.isfinite(empty).all() and not empty.any(), "an empty history has no direction: zeros"


def check_merge(answer: Callable[[list[int], list[int], float], list[int]]) -> None:
    """Check a merge of two lists by reciprocal ranks.

    Args:
        answer: Takes two lists of items, best first, and the constant; returns all their items,
            best first.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    found = list(answer([1, 2, 3], [4, 2, 5], 60.0))
    assert sorted(found) == [1, 2, 3, 4, 5], "every item of either list, once"
    assert found[0] == 2, "an item in both lists adds up two reciprocals"
    assert set(found[1:3]) == {1, 4}, "the first places come next"
    strict = list(answer([1, 2, 3, 4], [5, 4, 6, 7], 0.1))
    assert strict[:2] == [1, 5] or strict[:2] == [5, 1], "ranks begin at 1; a small constant " + (
        "makes the first place weigh more than two middle ones"
    )


def check_prior_step(
    answer: Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray],
) -> None:
    """Check the factors of one item with a prior mean, all cells weighted alike.

    Args:
        answer: Takes user factors (n, f), targets (n,), the prior mean (f,) and the penalty;
            returns the item's factors (f,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    P, x, prior = rng.normal(size=(9, 3)), rng.normal(size=9), rng.normal(size=3)
    found = np.asarray(answer(P, x, prior, 2.0), dtype=float)
    assert found.shape == (3,), "one number a factor"
    assert not np.allclose(found, np.linalg.solve(P.T @ P + 2 * np.eye(3), P.T @ x)), (
        "the prior mean belongs on the right-hand side too, times the penalty"
    )
    want = np.linalg.solve(P.T @ P + 2 * np.eye(3), P.T @ x + 2 * prior)
    assert np.allclose(found, want), "solve (P'P + l2 I) q = P'x + l2 prior"
    assert np.allclose(answer(P, x, prior, 1e9), prior, atol=1e-5), "a huge penalty gives the prior"


def check_shrinkage(answer: Callable[[float, float, int, float], float]) -> None:
    """Check the mix of behaviour and text.

    Args:
        answer: Takes the behaviour's score, the text's, the item's events and the strength.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(8.0, 2.0, 0, 5.0) == 2.0, "without events only the text speaks"
    assert np.isclose(answer(8.0, 2.0, 5, 5.0), 5.0), (
        "as many events as the strength: half and half"
    )
    assert np.isclose(answer(8.0, 2.0, 10**9, 5.0), 8.0), "with many events the text is silent"


def check_interests(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check the score of items by the best of several interests.

    Args:
        answer: Takes interests (k, width) and items (n, width), both of length one; returns (n,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(8, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = np.asarray(answer(vectors[:2], vectors))
    assert found.shape == (8,), "one score an item"
    assert np.allclose(found[:2], 1), (
        "an item that is an interest scores 1, whatever the others say"
    )
    assert np.allclose(found, best_interest(vectors[None, :2], vectors)[0]), (
        "take the best, not the mean"
    )


def check_claim(answer: Callable[[np.ndarray, np.ndarray, int], bool]) -> None:
    """Check a judgement of a claimed gain.

    Args:
        answer: Takes the metric of each user under two models and a number of bootstrap resamples;
            returns whether the first is better beyond the 95 % interval of the paired difference.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(2)
    base = rng.random(400)
    assert answer(base + 0.05, base, 200), "the same gain for every user is no accident"
    assert not answer(base, base + 0.05, 200), "worse is not better"
    noise = rng.normal(0, 0.5, 400)
    noise += 0.01 - noise.mean()
    assert not answer(base + noise, base, 200), "noise is no gain: look at the interval"
    hard = rng.random(400)
    assert answer(hard + 0.03 + rng.normal(0, 0.1, 400), hard, 200), (
        "pair the users: resample the differences, not the two means apart"
    )
