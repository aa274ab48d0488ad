"""Checkers for the exercises of the chapter on contexts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def check_bound(answer: Callable[..., float]) -> None:
    """Check the upper confidence bound of one arm.

    Args:
        answer: Takes rows (n, d), rewards (n,), x (d,), alpha and l2; returns the bound.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    nothing = np.empty((0, 1)), np.empty(0)
    first = answer(*nothing, np.ones(1), 2.0, 4.0)
    assert first is not None, "return the bound"
    assert not np.isclose(first, 0.5), "take the root of x' A⁻¹ x, then multiply by alpha"
    assert np.isclose(first, 1.0), "without events A is l2 times the identity: its root's inverse"
    g = np.random.default_rng(0)
    X, r, x = g.normal(size=(9, 3)), g.normal(size=9), g.normal(size=3)
    P = np.linalg.inv(X.T @ X + 0.5 * np.eye(3))
    assert np.isclose(answer(X, r, x, 0.0, 0.5), x @ P @ X.T @ r), (
        "with alpha 0 the bound is the prediction of ridge regression"
    )
    want = x @ P @ X.T @ r + 1.5 * np.sqrt(x @ P @ x)
    assert np.isclose(answer(X, r, x, 1.5, 0.5), want), "add alpha times the width"


def check_forget(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check the inverse of a matrix from which an outer product is taken.

    Args:
        answer: Takes the inverse of A (d, d) and x (d,), returns the inverse of A minus x x'.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    g = np.random.default_rng(1)
    X = g.normal(size=(8, 3))
    A = X.T @ X + np.eye(3)
    got = answer(np.linalg.inv(A), X[0])
    assert np.shape(got) == (3, 3), "return a matrix"
    P, v = np.linalg.inv(A), np.linalg.solve(A, X[0])
    assert not np.allclose(got, P - np.outer(v, v) / (1 + X[0] @ v)), (
        "that adds the event a second time: turn both signs"
    )
    assert not np.allclose(got, P + np.outer(v, v) / (1 + X[0] @ v)), (
        "the sign in the denominator turns too"
    )
    assert np.allclose(got, np.linalg.inv(A - np.outer(X[0], X[0]))), (
        "add the outer product of A⁻¹x with itself, over 1 minus x' A⁻¹ x"
    )


def check_new_arm(answer: Callable[..., float]) -> None:
    """Check the squared width of an arm never played, in the hybrid.

    Args:
        answer: Takes z (k,), x (d,), the shared inverse (k, k) and l2; returns the squared width.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    z, x = np.array([1.0, 2.0]), np.array([3.0])
    shared = np.array([[0.5, 0.1], [0.1, 0.2]])
    got = answer(z, x, shared, 2.0)
    assert not np.isclose(got, z @ shared @ z), "the arm's own weights are unknown too"
    assert not np.isclose(got, 9 / 2), "the shared weights are uncertain too"
    assert np.isclose(got, 9 / 2 + z @ shared @ z), "B is zero, so v is z, and A is l2 times I"


def check_propensity(answer: Callable[..., np.ndarray]) -> None:
    """Check the probabilities of a mixture of the best bound and a uniform draw.

    Args:
        answer: Takes bounds (m,), eligible (m,) boolean and epsilon; returns probabilities (m,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    bounds, eligible = np.array([0.2, 0.9, 0.5]), np.array([True, False, True])
    p = np.asarray(answer(bounds, eligible, 0.4), dtype=float)
    assert p.shape == (3,), "return one probability a candidate"
    assert p[1] == 0, "what is not eligible is never shown"
    assert np.isclose(p.sum(), 1), "probabilities sum to one: share epsilon among the eligible"
    assert not np.isclose(p[2], 0.6), "the best one can be drawn in the uniform part, too"
    assert np.allclose(p, [0.2, 0, 0.8]), "epsilon over the eligible, and the rest on the best"


def check_leaving(answer: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """Check the alpha at which the arm with the higher estimate is left.

    Args:
        answer: Takes estimates (2,) and widths (2,), returns alpha or infinity.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    got = answer(np.array([0.5, 0.3]), np.array([0.1, 0.5]))
    assert not np.isclose(got, 0.4), "both bounds rise with alpha: compare the widths"
    assert np.isclose(got, 0.5), "solve 0.5 + 0.1 alpha = 0.3 + 0.5 alpha"
    swapped = answer(np.array([0.3, 0.5]), np.array([0.5, 0.1]))
    assert np.isclose(swapped, 0.5), "the order of the arms does not matter"
    never = answer(np.array([0.5, 0.3]), np.array([0.5, 0.1]))
    assert never == np.inf, "an arm that is worse and surer is never preferred"
