"""Checkers for the exercises of the chapter on better meta-optimizers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def check_optimal_rate(answer: Callable[[float, float, float, int], float]) -> None:
    """Check the best rate of one step on the mean squared error of one feature.

    Args:
        answer: Takes the feature's mean square, the variance of the tasks' weights, the variance
            of the noise and the number of rows; returns the rate.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    sure = answer(1.0, 1.0, 0.0, 5)
    assert abs(sure - 1.0) > 1e-9, (
        "the curvature of a mean squared error is twice the feature's mean square"
    )
    assert abs(sure - 0.5) < 1e-9, "without noise one step should land on the support's minimum"
    assert abs(answer(1.0, 0.0, 1.0, 5)) < 1e-9, "if all tasks are alike, do not move"
    assert answer(1.0, 1.0, 1.0, 20) > answer(1.0, 1.0, 1.0, 2), "more rows deserve a longer step"
    for q, v, noise, k in ((2.0, 0.3, 0.7, 10), (0.5, 1.0, 2.0, 3)):
        want = v / (v + noise / (k * q)) / (2 * q)
        assert abs(answer(q, v, noise, k) - want) < 1e-9, (
            "the minimum of k rows is off by the noise over k times the mean square"
        )


def check_step_weights(answer: Callable[[int, int, int], np.ndarray]) -> None:
    """Check the weights of the multi-step loss.

    Args:
        answer: Takes the number of inner steps, the outer step and the outer step at which only
            the last loss counts; returns one weight an inner step.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    first = np.asarray(answer(4, 0, 100), dtype=float)
    assert first.shape == (4,), "one weight an inner step"
    assert np.allclose(first, 0.25), "at the start all steps count alike"
    late = np.asarray(answer(4, 500, 100), dtype=float)
    assert np.allclose(late, [0, 0, 0, 1]), "after the annealing only the last step counts"
    half = np.asarray(answer(4, 50, 100), dtype=float)
    assert abs(half.sum() - 1) < 1e-9, "the weights always add up to 1"
    assert np.allclose(half, [0.125, 0.125, 0.125, 0.625]), "half-way lies the mean of both ends"


def check_implicit_gradient(answer: Callable[[float, float, float, float], float]) -> None:
    r"""Check the implicit meta-gradient on a parabola.

    Args:
        answer: Takes the curvature of the support loss, the pull, the adapted weight and the
            query's target, whose loss is half the squared distance; returns the derivative of the
            query loss in the start.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(1e-9, 1.0, 3.0, 1.0) - 2.0) < 1e-6, (
        "on a flat support loss the adapted weight is the start, and so is the derivative"
    )
    assert abs(answer(1e9, 1.0, 3.0, 1.0)) < 1e-6, (
        "a steep support loss decides the adapted weight alone, whatever the start"
    )
    for h, pull, w, target in ((2.0, 0.5, 1.0, -1.0), (0.3, 3.0, 0.0, 2.0)):
        want = (w - target) / (1 + h / pull)
        assert abs(answer(h, pull, w, target) - want) < 1e-9, (
            "divide the query's slope by 1 + curvature / pull"
        )


def check_prototype(answer: Callable[[np.ndarray, np.ndarray, float], np.ndarray]) -> None:
    """Check a prototype that is drawn towards a prior.

    Args:
        answer: Takes a class's support points (n, e), the prior (e,) and its strength in rows,
            above 0; returns the prototype (e,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    prior = np.array([1.0, -1.0])
    none = np.asarray(answer(np.empty((0, 2)), prior, 2.0))
    assert not np.isnan(none).any(), "a class without rows has the prior as its prototype"
    assert np.allclose(none, prior), "a class without rows has the prior as its prototype"
    points = np.array([[4.0, 2.0], [2.0, 0.0]])
    assert np.allclose(answer(points, prior, 1e-12), [3.0, 1.0]), "without a prior it is the mean"
    assert np.allclose(answer(points, prior, 2.0), [2.0, 0.0]), (
        "a strength of two counts the prior like two more rows"
    )


def check_order(answer: Callable[[list[str]], list[str]]) -> None:
    """Check which learners answer alike when the support's rows change places.

    Args:
        answer: Takes the names of learners, returns those whose answers cannot change.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    names = ["MAML", "set encoder", "LSTM", "matching network", "prototypes"]
    found = list(answer(names))
    assert "LSTM" not in found, "an LSTM reads one row after another, and its gates see the order"
    assert "MAML" in found, "MAML's steps use the mean loss of the whole support"
    assert "matching network" in found, "a softmax over rows is a sum over rows"
    assert sorted(found) == sorted(set(names) - {"LSTM"}), "means and sums do not know an order"
