"""Checkers for the exercises of the chapter on experiments."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from recsys_book.exploration import experiments as ex


def check_two_rates(answer: Callable[[float, float], int]) -> None:
    """Check how many users an arm needs to tell two rates apart.

    Args:
        answer: Takes the two rates, returns the users of each arm.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    z = norm.isf(0.025) + norm.ppf(0.8)
    near, far = answer(0.10, 0.11), answer(0.10, 0.12)
    assert near > far, "a smaller difference needs more users"
    assert float(near).is_integer(), "round up: there are no parts of users"
    for a, b in ((0.10, 0.11), (0.70, 0.85), (0.02, 0.03)):
        want = math.ceil(z**2 * (a * (1 - a) + b * (1 - b)) / (b - a) ** 2)
        assert abs(answer(a, b) - want) <= 1, (
            "the variance of the difference is p(1-p)/n of the one rate plus that of the other"
        )


def check_ratio_error(answer: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """Check the standard error of a ratio of sums with the user as the unit.

    Args:
        answer: Takes clicks (n,) and impressions (n,), returns the standard error of their ratio.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    seen = rng.integers(1, 30, 200)
    clicks = rng.binomial(seen, rng.beta(1, 1, 200))
    got, rate = answer(clicks, seen), clicks.sum() / seen.sum()
    pooled = np.sqrt(rate * (1 - rate) / seen.sum())
    assert not np.isclose(got, pooled, rtol=0.02), (
        "impressions of one person hang together: sum over users, not over impressions"
    )
    shares = (clicks / seen).std(ddof=1) / np.sqrt(200)
    assert not np.isclose(got, shares, rtol=0.005), (
        "that is the error of the mean of the users' shares; users with many impressions count more"
    )
    want = ex.linearised(clicks, seen).std(ddof=1) / np.sqrt(200)
    assert np.isclose(got, want, rtol=0.01), (
        "give each user (clicks - ratio * impressions) / mean impressions, and take that's error"
    )


def check_betting(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    """Check the fortune of one who stakes a tenth of it on each step upwards.

    Args:
        answer: Takes steps of plus and minus one (n,), returns the fortune after each (n,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    one = np.asarray(answer(np.array([1, -1])), dtype=float)
    assert one.shape == (2,), "return the fortune after each step"
    assert np.isclose(one[0], 1.1), "start with 1, and win a tenth"
    assert not np.isclose(one[1], 1.0), "the stake is a tenth of the fortune then, not of the first"
    assert np.isclose(one[1], 1.1 * 0.9), "multiply by nine tenths after a loss"
    steps = np.random.default_rng(1).choice([-1, 1], 60)
    assert np.allclose(answer(steps), np.cumprod(1 + 0.1 * steps)), "multiply step by step"


def check_theta(answer: Callable[[np.ndarray, np.ndarray], tuple[float, float]]) -> None:
    """Check the best coefficient of CUPED and what it leaves of the variance.

    Args:
        answer: Takes the metric (n,) and the covariate (n,), returns theta and the ratio.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(2)
    for slope in (0.5, -2.0):
        x = rng.normal(5, 2, 300)
        y = slope * x + rng.normal(size=300)
        theta, ratio = answer(y, x)
        want = ex.cuped(y, x)
        assert not np.isclose(theta, 1 / want.theta, rtol=0.05), "divide by the variance of x"
        assert np.isclose(theta, want.theta, rtol=0.01), "covariance over the variance of x"
        assert np.isclose(ratio, want.variance_ratio, rtol=0.02), (
            "one minus the squared correlation"
        )


def check_teams(answer: Callable[[list, list, list], list]) -> None:
    """Check a team draft with given coins.

    Args:
        answer: Takes ranking a, ranking b and one coin a round (0: a picks first), returns the
            list of items, two a round.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    a, b = [1, 2, 3, 4], [2, 3, 4, 1]
    assert list(answer(a, b, [0])) == [1, 2], "a begins with its first item, then b with its own"
    assert list(answer(a, b, [1])) == [2, 1], "with the other coin, b begins"
    assert list(answer([1, 2, 3], [1, 3, 2], [0])) == [1, 3], (
        "b's first item is taken: b picks its next free one"
    )
    assert list(answer(a, b, [0, 1])) == [1, 2, 3, 4], "toss a new coin each round"
    rng = np.random.default_rng(3)
    for _ in range(20):
        a, b = rng.permutation(9).tolist(), rng.permutation(9).tolist()
        coins = rng.integers(0, 2, 4).tolist()
        got = list(answer(a, b, coins))
        assert len(set(got)) == 8, "list no item twice"
        assert got == _draft(a, b, coins), "each captain picks the best item that is still free"


def _draft(a: list, b: list, coins: list) -> list:
    out: list = []
    for coin in coins:
        for ranking in (b, a) if coin else (a, b):
            out.append(next(item for item in ranking if item not in out))
    return out
