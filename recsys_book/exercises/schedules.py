"""Checkers for the exercises of the chapter on schedules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def check_transformer(answer: Callable[[int, int], float]) -> None:
    """Check the schedule of the first transformer, as a factor of its highest rate.

    Args:
        answer: Takes the step, from 1, and the steps of warm-up; returns the factor.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(40, 40) - 1) < 1e-12, "at the end of the warm-up the factor is 1"
    assert abs(answer(10, 40) - 0.25) < 1e-12, "the rise is a straight line through zero"
    assert abs(answer(160, 40) - 0.5) < 1e-12, (
        "after the peak the rate falls with one over the square root: a quarter of the peak's "
        "inverse time is half of its rate"
    )
    for t in (1, 39, 41, 5000):
        want = min(t / 40, (40 / t) ** 0.5)
        assert abs(answer(t, 40) - want) < 1e-12, f"step {t} should have the factor {want:.4f}"


def check_plateau(answer: Callable[[Sequence[float], float, int], list[float]]) -> None:
    """Check the articles' adjust(L), written as a plateau rule that starts at the rate 1.

    Args:
        answer: Takes validation losses, a factor and a patience; returns the rate after each.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert list(answer([3, 2, 1], 0.5, 0)) == [1, 1, 1], "while the loss falls, the rate stays"
    assert list(answer([1, 2, 2], 0.5, 1)) == [1, 1, 0.5], (
        "a patience of 1 tolerates one bad epoch; the second reduces the rate"
    )
    assert list(answer([3, 4, 2, 3], 0.5, 1)) == [1, 1, 1, 1], (
        "an improvement sets the count of bad epochs back to zero"
    )
    assert list(answer([1, 2, 2, 2, 2], 0.1, 1))[-1] == 0.1**2, (
        "after a reduction the count starts anew"
    )
    assert list(answer([1, 2, 1.5, 1.2], 0.5, 0)) == [1, 0.5, 0.25, 0.125], (
        "compare with the best loss so far, not with the last one"
    )


def check_equal_distance(answer: Callable[[float], float]) -> None:
    """Check the constant factor that goes as far as a long cosine with a floor.

    Args:
        answer: Takes the floor, returns the mean factor of the cosine.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(1.0) - 1) < 1e-12, "with the floor at 1 the rate never falls"
    assert abs(answer(0.0) - 0.5) < 1e-12, "the mean of a cosine over half a wave is zero"
    assert abs(answer(0.2) - 0.6) < 1e-12, "it is the mean of the top and the floor"


def check_ridge_slope(
    answer: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float], float],
) -> None:
    """Check the derivative of a validation error in the penalty, for one weight.

    Args:
        answer: Takes features and targets to train on, the same to validate on, each of shape
            ``(n,)``, and the penalty; returns the derivative of half the summed squared error.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    x, xv = rng.normal(size=(2, 30))
    y, yv = 2 * x + rng.normal(size=30), 2 * xv + rng.normal(size=30)

    def error(penalty: float) -> float:
        w = (x @ y) / (x @ x + penalty)
        return 0.5 * ((xv * w - yv) ** 2).sum()

    for penalty in (0.5, 10.0):
        want = (error(penalty + 1e-5) - error(penalty - 1e-5)) / 2e-5
        got = answer(x, y, xv, yv, penalty)
        assert abs(got + want) > 1e-4 * abs(want), (
            "the sign is turned: dw/dλ is -w over the Hessian"
        )
        assert abs(got - want) < 1e-4 * abs(want), (
            "multiply the validation gradient by dw/dλ = -w / (Σx² + λ)"
        )


def check_average(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    """Check the weights that a gradient has in an average of the iterates.

    Args:
        answer: Takes gradients, shape ``(T,)``; returns the mean of the T iterates after each
            step of size 1 from zero, without a loop over the iterates.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    g = np.random.default_rng(1).normal(size=12)
    iterates = -np.cumsum(g)
    got = answer(g)
    assert abs(got - iterates[-1]) > 1e-9, "that is the last iterate: every gradient at full rate"
    assert abs(got - iterates.mean()) < 1e-9, (
        "gradient k is in all iterates after it: T - k of T, counted from 0, which is a rate that "
        "falls in a straight line"
    )
