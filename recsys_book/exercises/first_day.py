"""Checkers for the exercises of the chapter on new items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np


def check_weights(answer: Callable[[np.ndarray, str], np.ndarray]) -> None:
    """Check the weights of items for a question about ratings and one about items.

    Args:
        answer: Takes counts (n,) and ``"rating"`` or ``"item"``, returns weights (n,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    counts = np.array([0, 8, 24, 392])
    for kind in ("rating", "item"):
        weights = np.asarray(answer(counts, kind), dtype=float)
        assert np.isclose(weights.sum(), 1), "scale the weights to sum to one"
        assert weights[0] == 0, "an item without ratings teaches nothing"
    by_rating, by_item = answer(counts, "rating"), answer(counts, "item")
    assert np.isclose(by_rating[3] / by_rating[1], 49), (
        "a test on ratings asks about an item as often as it is rated"
    )
    assert np.isclose(by_item[2] / by_item[1], 1.5), (
        "an item's mean is a measurement with variance tau^2 + sigma^2/n: n / (n + 8)"
    )


def check_hand_over(answer: Callable[[float, float, float], int]) -> None:
    """Check the number of ratings after which ratings have a given share.

    Args:
        answer: Takes the noise variance, the variance that content misses and a share inside
            (0, 1), returns a whole number.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(1.0, 0.25, 0.5) != 1, "content is worth noise / missed ratings, not the inverse"
    assert answer(1.0, 0.25, 0.5) == 4, "half and half at n = kappa"
    for noise, missed, share in ((0.9, 0.2, 0.9), (0.85, 0.3, 0.2), (1.0, 0.1, 0.99)):
        n, kappa = answer(noise, missed, share), noise / missed
        assert n == int(n), "ratings come whole"
        assert n / (n + kappa) >= share - 1e-9, "the ratings do not have that share yet"
        assert (n - 1) / (n - 1 + kappa) < share, "one rating less would do"


def check_rate(answer: Callable[[int, float], float]) -> None:
    """Check the rate with which one gradient step is the posterior.

    Args:
        answer: Takes the number of ratings and kappa, returns the rate.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    for n, kappa in ((1, 3.0), (5, 4.5), (20, 0.5)):
        y, start = rng.normal(size=n), rng.normal()
        step = start - answer(n, kappa) * 2 * (start - y.mean())
        posterior = (y.sum() + kappa * start) / (n + kappa)
        assert not np.isclose(answer(n, kappa), n / (n + kappa)), (
            "the gradient of the mean squared error has a factor of two"
        )
        assert np.isclose(step, posterior), f"with n = {n} the step ends elsewhere"


def check_hiding(answer: Callable[[np.ndarray, np.ndarray, float], float]) -> None:
    """Check how much a linear network copies when the content's answer is fixed.

    Args:
        answer: Takes the vector (d,), what content says (d,) and the probability of hiding,
            returns the factor.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    theta, h = np.array([1.0, 2.0, -1.0]), np.array([0.5, 0.0, 1.0])
    assert np.isclose(answer(theta, 0 * h, 0.5), 1), "where content is silent, copy"
    assert np.isclose(answer(theta, theta, 0.5), 0), "where content says all, do not copy"
    gamma = answer(theta, h, 0.3)

    def loss(g: float) -> float:
        return 0.7 * ((theta - g * theta - h) ** 2).sum() + 0.3 * ((theta - h) ** 2).sum()

    assert loss(gamma) <= min(loss(gamma + 1e-3), loss(gamma - 1e-3)), (
        "a small change lowers the loss: set the derivative by gamma to zero"
    )
    assert np.isclose(gamma, answer(theta, h, 0.9)), "only the first term depends on gamma"


def check_control(answer: Callable[[list[list[str]], np.random.Generator], list]) -> None:
    """Check a negative control that keeps counts and breaks meanings.

    Args:
        answer: Takes lists of facts and a generator, returns lists.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rows = [["a", "b", "c"], [], ["a"], ["d", "a", "e", "f"], ["g", "h", "b"]]
    out = answer(rows, np.random.default_rng(0))
    assert [len(row) for row in out] == [3, 0, 1, 4, 3], "every item keeps the number of its facts"
    before = Counter(fact for row in rows for fact in row)
    after = Counter(str(fact) for row in out for fact in row)
    assert after == before, "every fact occurs as often as before: permute, do not draw anew"
    seen = {str(answer(rows, np.random.default_rng(seed))) for seed in range(5)}
    assert len(seen) > 1, "draw from the generator that is passed"
    assert [sorted(map(str, row)) for row in out] != [sorted(row) for row in rows], (
        "the facts must change hands between items, not only their order in a row"
    )
