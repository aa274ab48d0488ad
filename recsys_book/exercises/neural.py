"""Checkers for the exercises of the chapter on neural recommenders."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def check_log_q(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], float]) -> None:
    """Check the corrected in-batch softmax loss.

    Args:
        answer: Takes scores (batch, batch), the item of each row (batch,) and the chance of each
            item to be drawn (n_items,), returns the mean loss in nats.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    even = answer(np.zeros((4, 4)), np.arange(4), np.full(4, 0.25))
    assert np.ndim(even) == 0, "return one number: the mean over the batch"
    assert abs(even - np.log(4)) < 1e-9, "with equal scores and equal chances the loss is ln 4"
    rng = np.random.default_rng(0)
    scores, item = rng.normal(size=(5, 5)), np.array([0, 2, 2, 1, 0])
    q = np.array([0.7, 0.25, 0.05])

    def loss(z: np.ndarray) -> float:
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - np.diag(z)))

    got = answer(scores, item, q)
    assert abs(got - loss(scores)) > 1e-9, "the scores must be lowered by log q of their items"
    assert abs(got - loss(scores + np.log(q[item]))) > 1e-9, "subtract log q: popular ones go down"
    assert abs(got - loss(scores - np.log(q[item])[:, None])) > 1e-9, (
        "the correction belongs to the columns, the items that are drawn, not to the rows"
    )
    assert abs(got - loss(scores - np.log(q[item]))) < 1e-9, "take the mean of -log softmax[b, b]"
    big = answer(np.array([[1000.0, 0], [0, 1000.0]]), np.arange(2), np.full(2, 0.5))
    assert np.isfinite(big), "exp(1000) overflows: subtract each row's largest score first"


def check_linear_time(answer: Callable[[np.ndarray], float]) -> None:
    """Check the sum of all pairwise products of vectors.

    Args:
        answer: Takes vectors (p, factors), returns the sum of the dot products over all pairs.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    two = np.array([[1.0, 2.0], [3.0, -1.0]])
    assert abs(answer(two) - 2.0) > 1e-9, "each pair counts once: halve the sum"
    assert abs(answer(two) - 1.0) < 1e-9, "of two vectors it is their dot product"
    V = np.random.default_rng(0).normal(size=(7, 3))
    want = sum(V[i] @ V[j] for i in range(7) for j in range(i + 1, 7))
    assert abs(answer(V) - want) < 1e-9, "square of the sum minus sum of the squares, halved"
    many = np.ones((200_000, 2))
    assert abs(answer(many) / (2 * 200_000 * 199_999 / 2) - 1) < 1e-6, "do not visit the pairs"


def check_divergence(answer: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """Check the divergence of a diagonal Gaussian from the standard one.

    Args:
        answer: Takes means and standard deviations, both (latent,), returns nats.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(np.zeros(3), np.ones(3))) < 1e-12, "equal distributions do not diverge"
    assert abs(answer(np.array([2.0]), np.ones(1)) - 2.0) < 1e-9, "half of the squared mean"
    wide = answer(np.zeros(1), np.array([np.e]))
    assert abs(wide - 0.5 * (np.e**2 - 1 - 2)) < 1e-9, "the variance is the square of sigma"
    mean, sigma = np.array([1.0, -0.5]), np.array([0.3, 2.0])
    want = 0.5 * np.sum(mean**2 + sigma**2 - 1 - np.log(sigma**2))
    assert abs(answer(mean, sigma) - want) < 1e-9, "sum over the coordinates"


def check_layers(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check LightGCN's propagation.

    Args:
        answer: Takes a users-by-items matrix of ones, users' and items' vectors, returns the
            users' vectors after one layer.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    X = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    P, Q = np.zeros((2, 2)), np.array([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    got = np.asarray(answer(X, P, Q))
    assert got.shape == (2, 2), "one vector a user"
    assert abs(got[0, 0] - 1.0) > 1e-9, "divide by the root of both degrees"
    assert abs(got[0, 0] - 1 / np.sqrt(2)) < 1e-9, "item 0 has one user, user 0 two items"
    assert np.allclose(got, [[1 / np.sqrt(2), 0.5], [0, 1 / np.sqrt(2)]]), (
        "item 1 has two users; item 2 has none and must not reach anybody"
    )


def check_several_right(answer: Callable[[int], tuple[float, float]]) -> None:
    """Check the lowest losses of a softmax and of sigmoids where several items are right.

    Args:
        answer: Takes the number of right items, returns the infimum of the softmax cross-entropy
            against equal shares and that of the mean binary cross-entropy.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    softmax, sigmoids = answer(1)
    assert abs(softmax) < 1e-9 and abs(sigmoids) < 1e-9, "with one right item both can reach 0"
    softmax, sigmoids = answer(4)
    assert abs(sigmoids) < 1e-9, "sigmoids are independent: all right items can have chance 1"
    assert abs(softmax - np.log(4)) < 1e-9, "the chances sum to 1, so each right item has 1/k"
