"""Checkers for the exercises of the case study of a social feed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from recsys_book.case_studies.social_feed import adamic_adar, category_shares, entropy


def check_constant(answer: Callable[[np.ndarray], float]) -> None:
    """Check the accuracy of the best constant answer.

    Args:
        answer: Takes clicks (n,) of truth values, returns an accuracy.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rare = np.arange(10) == 0
    assert answer(rare) != 0.1, "the best constant here says that nobody clicks"
    assert np.isclose(answer(rare), 0.9), "nine of ten did not click"
    assert np.isclose(answer(~rare), 0.9), "where most click, the best constant says click"


def check_temper(answer: Callable[[np.ndarray, np.ndarray, float, float], np.ndarray]) -> None:
    """Check a tempered ridge regression.

    Args:
        answer: Takes A (d, d), b (d,), the penalty and the factor, returns weights (d,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    A, b = np.diag([3.0, 2.0]), np.array([4.0, 1.0])  # penalty 2: one event on the first axis
    kept = np.asarray(answer(A, b, 2.0, 1.0))
    assert kept.shape == (2,), "return one weight a feature"
    assert np.allclose(kept, [4 / 3, 0.5]), "with factor 1 nothing changes"
    assert np.allclose(answer(A, b, 2.0, 0.0), 0), "with factor 0 everything learned is gone"
    half = np.asarray(answer(A, b, 2.0, 0.5))
    assert not np.allclose(half, kept), "the prior must keep its weight: temper A minus the prior"
    assert np.allclose(half, [2 / 2.5, 0.25]), "A is the prior plus half of what the data added"


def check_shares(answer: Callable[[np.ndarray, np.ndarray, int, float], np.ndarray]) -> None:
    """Check shares of topics.

    Args:
        answer: Takes scores (m,), topics (m,), the number of topics and a temperature, returns
            shares (n_topics,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    scores, groups = np.array([0.0, 0.0, 0.0]), np.array([0, 0, 2])
    even = np.asarray(answer(scores, groups, 3, 1.0))
    assert even.shape == (3,), "give every topic a share, also one without a post"
    assert np.allclose(even, [2 / 3, 0, 1 / 3]), "add up the probabilities of a topic's posts"
    rng = np.random.default_rng(0)
    scores, groups = rng.normal(size=9), rng.integers(0, 4, 9)
    want = category_shares(scores[None], groups[None], 4, 0.5)[0]
    assert np.allclose(answer(scores, groups, 4, 0.5), want), "divide scores by the temperature"
    with np.errstate(all="ignore"):
        large = np.asarray(answer(scores + 1000, groups, 4, 0.5))
    assert np.isfinite(large).all(), "subtract the largest score before the exponential"
    assert np.allclose(large, want), "a constant added to all scores changes nothing"


def check_pair(answer: Callable[[dict[int, set[int]], int, int], float]) -> None:
    """Check Adamic and Adar's score of one pair.

    Args:
        answer: Takes a dictionary of sets of friends and two people, returns a score.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(1)
    graph = np.triu(rng.random((12, 12)) < 0.4, 1)
    graph |= graph.T
    friends: dict[int, Any] = {u: set(np.flatnonzero(graph[u]).tolist()) for u in range(12)}
    want = adamic_adar(graph)
    got = np.array([[answer(friends, u, v) for v in range(12) if v != u] for u in range(12)])
    right = np.array([[want[u, v] for v in range(12) if v != u] for u in range(12)])
    shared = np.array(
        [[len(friends[u] & friends[v]) for v in range(12) if v != u] for u in range(12)]
    )
    assert not np.allclose(got, shared), "weigh a shared friend by how many friends they have"
    assert np.allclose(got, right), "one over the natural logarithm of the shared friend's friends"


def check_variety(answer: Callable[[np.ndarray], float]) -> None:
    """Check the number of equally frequent topics with the same entropy.

    Args:
        answer: Takes the topics of posts (n,), returns a number.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert np.isclose(answer(np.array([3, 3, 3])), 1), "one topic alone is as varied as one"
    even = answer(np.array([0, 1, 2, 3]))
    assert not np.isclose(even, np.log(4)), "that is the entropy: take its exponential"
    assert np.isclose(even, 4), "four topics, equally often, are as varied as four"
    topics = np.array([0] * 6 + [1] * 3 + [2])
    want = float(np.exp(entropy(np.array([[0.6, 0.3, 0.1]]))[0]))
    assert np.isclose(answer(topics), want), "weigh the logarithms by the shares themselves"
