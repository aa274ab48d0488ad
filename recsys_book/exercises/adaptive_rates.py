"""Checkers for the exercises of the chapter on adaptive rates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def _line(scale: float = 1.0, target: float = 3.0) -> Callable[[float], float]:
    """Return the gradient of a parabola whose minimum lies at the target."""
    return lambda w: scale * (w - target)


def check_adagrad(answer: Callable[[Callable[[float], float], float, int, float], float]) -> None:
    """Check an AdaGrad for one weight (CLM-01).

    Args:
        answer: Takes a gradient function, the start, the number of steps and the rate; returns the
            last weight.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    first = answer(_line(), 0.0, 1, 0.1)
    assert first > 0, (
        "the minimum lies above the start and the step went down: count the minus signs"
    )
    other = answer(_line(scale=100.0), 0.0, 1, 0.1)
    assert abs(first - 0.1) < 1e-6, (
        "the first step of AdaGrad has the length of the rate, because the root of the first square"
        " cancels the gradient; add the square before you divide"
    )
    assert abs(other - first) < 1e-6, "a gradient 100 times as steep must not change the step"
    second = answer(_line(), 0.0, 2, 0.1)
    want = 0.1 + 0.1 * 2.9 / np.sqrt(3.0**2 + 2.9**2)
    assert abs(second - want) < 1e-6, "the sum of squares remembers both gradients, not the last"
    far = answer(_line(), 6.0, 300, 1.0)
    assert abs(far - 3) < 1e-3, "with rate 1 the weight should arrive from above, too"


def check_adam(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    """Check Adam's changes of one weight for given gradients, rate 1 (CLM-02).

    Args:
        answer: Takes the gradients, shape (T,); returns the changes of the weight, shape (T,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    g = np.random.default_rng(0).normal(size=40)
    with np.errstate(all="ignore"):
        up, steady, scaled = (np.asarray(answer(x)) for x in (-np.ones(40), np.ones(40), 1000 * g))
        mine = np.asarray(answer(g))
    assert mine.shape == g.shape, f"give one change a gradient: {g.shape}, not {mine.shape}"
    assert np.isfinite(np.concatenate([mine, up])).all(), (
        "a change is not finite: is the second moment an average of squares?"
    )
    assert (up > 0).all(), "a negative gradient must raise the weight; does a sign cancel?"
    assert np.abs(mine - scaled).max() < 1e-4, "gradients 1000 times as large must change nothing"
    assert np.abs(steady + 1).max() < 1e-4, (
        "under a steady gradient every step, the first included, has the length of the rate:"
        " correct both moments for their start at zero"
    )
    m = v = 0.0
    for t, (x, change) in enumerate(zip(g, mine), start=1):
        m, v = 0.9 * m + 0.1 * x, 0.999 * v + 0.001 * x * x
        want = -(m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        assert abs(change - want) < 1e-6, "use beta1 = 0.9, beta2 = 0.999, eps = 1e-8"


def check_correction(answer: Callable[[np.ndarray], float]) -> None:
    """Check the bias correction of an average whose decay rate changes from step to step.

    Args:
        answer: Takes the decay rates of all steps so far, shape (t,); returns what to divide by.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(np.full(5, 0.9)) - (1 - 0.9**5)) < 1e-12, "a constant rate is the known case"
    betas = np.array([0.5, 0.9, 0.99, 0.2])
    v = 0.0
    for beta in betas:
        v = beta * v + (1 - beta) * 7.0
    assert abs(v / answer(betas) - 7) < 1e-9, (
        "feed a constant into the recursion: what is missing is a product of all decay rates"
    )
    assert abs(answer(np.array([0.0, 0.9, 0.9])) - 1) < 1e-12, (
        "a rate of zero forgets the start completely, so there is nothing left to correct"
    )


def check_norm(answer: Callable[[np.ndarray, float, float], float]) -> None:
    """Check the p-norm average that tends to Adamax.

    Args:
        answer: Takes the gradients (the latest last), beta2 and p; returns the p-th root of
            the sum of (beta2 to the age times the gradient's size) to the power p.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    g = np.array([3.0, -0.5, 1.0])
    two = np.sqrt((0.9**2 * 3) ** 2 + (0.9 * 0.5) ** 2 + 1)
    assert abs(answer(g, 0.9, 2.0) - two) < 1e-9, "for p = 2 it is a root of discounted squares"
    with np.errstate(all="ignore"):
        large = answer(1000 * g, 0.9, 1000.0)
    assert np.isfinite(large), "1000 to the power 1000 overflows: take out the largest term first"
    assert abs(large - 1000 * 0.81 * 3) < 0.01, (
        "for large p only the largest discounted term counts"
    )
    assert answer(np.zeros(3), 0.9, 4.0) == 0, "no gradient, no norm: zero, not NaN"


def check_first_rectified(answer: Callable[[float], int]) -> None:
    """Check the first step at which RAdam trusts its second moment.

    Args:
        answer: Takes beta2, returns the first step whose effective length is above 4.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    for beta2 in (0.9, 0.99, 0.999):
        got = answer(beta2)
        lengths = (
            [2 / (1 - beta2) - 1 - 2 * t * beta2**t / (1 - beta2**t) for t in (got - 1, got)]
            if got > 1
            else [0.0, 1.0]
        )
        assert lengths[1] > 4, f"at step {got} with beta2 = {beta2} the variance is still infinite"
        assert lengths[0] <= 4, f"with beta2 = {beta2} an earlier step than {got} is long enough"
