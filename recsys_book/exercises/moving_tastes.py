"""Checkers for the exercises of the chapter on drift."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.data import Interactions
from recsys_book.meta_learning.drift import best_interval, hoeffding_cut, permute_dates, prequential


def check_fading(answer: Callable[[np.ndarray, float], np.ndarray]) -> None:
    """Check a faded prequential mean.

    Args:
        answer: Takes losses (n,) and a factor, returns the mean after each event (n,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    one = np.asarray(answer(np.array([4.0, 0.0]), 0.5))
    assert one.shape == (2,), "return one mean an event"
    assert one[0] == 4, "the mean of one loss is that loss: divide by the faded count, which is 1"
    assert one[1] != 2, "the older loss counts half, so the mean is below the plain one"
    assert np.isclose(one[1], 4 / 3), "half of 4, plus 0, over a half plus 1"
    losses = np.random.default_rng(0).random(50)
    want = prequential(losses, fading=0.9)
    assert np.allclose(answer(losses, 0.9), want), "fade the sum and the count by the same factor"
    assert np.allclose(answer(losses, 1.0), prequential(losses)), "a factor of 1 is the plain mean"


def check_rank_one(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check the inverse of a matrix to which an outer product is added.

    Args:
        answer: Takes the inverse of A (d, d) and x (d,), returns the inverse of A plus x x'.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    got = answer(np.eye(1), np.array([1.0]))
    assert np.shape(got) == (1, 1), "return a matrix"
    assert got[0, 0] != 0, "divide by one plus x' times the inverse times x"
    assert np.isclose(got[0, 0], 0.5), "the inverse of 1 + 1 is a half"
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(9, 4))
    A = rows.T @ rows + np.eye(4)
    x = rng.normal(size=4)
    want = np.linalg.inv(A + np.outer(x, x))
    assert np.allclose(answer(np.linalg.inv(A), x), want), "subtract the outer product of P x"


def check_smallest_jump(answer: Callable[[int, int, float], float]) -> None:
    """Check which difference of two means Hoeffding's inequality cannot put down to chance.

    Args:
        answer: Takes n0, n1 and delta, returns the difference for values between 0 and 1.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    even, uneven = answer(100, 100, 0.05), answer(1000, 10, 0.05)
    assert even < uneven, "the smaller side decides: ten values say little, whatever the other has"
    assert answer(100, 100, 0.001) > even, "a smaller delta asks for a larger difference"
    for n0, n1, delta in ((100, 100, 0.05), (1000, 10, 0.002), (5, 7, 0.5)):
        want = hoeffding_cut(n0, n1, delta)
        assert np.isclose(answer(n0, n1, delta), want), (
            "the sum of the squared ranges is 1/n0 + 1/n1; solve 2 exp(-2 e^2 / that) = delta for e"
        )


def check_interval(answer: Callable[[float, float], float]) -> None:
    """Check how often to fit anew.

    Args:
        answer: Takes the growth of the error an event and the price of a fit, returns events.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    slow, fast = answer(1e-4, 2.0), answer(4e-4, 2.0)
    assert fast < slow, "what drifts faster is fitted more often"
    assert np.isclose(slow / fast, 2), "four times the drift halves the interval: it goes by roots"
    assert np.isclose(slow, best_interval(1e-4, 2.0)), "set the derivative q/2 - c/T^2 to zero"


def check_same_sessions(answer: Callable[[Interactions, int], Interactions]) -> None:
    """Check a control log in which users come at other dates, each history unchanged.

    Args:
        answer: Takes a log and a seed, returns the control log in time order.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(2)
    user = np.repeat(np.arange(12), 5)
    time = np.repeat(rng.permutation(12) * 1000, 5) + np.tile([0, 7, 9, 30, 50], 12)
    log = Interactions(user, rng.integers(0, 9, 60), user % 5, time, np.arange(12), np.arange(9))
    log = log.select(log.order_by_time())
    new = answer(log, 0)
    assert len(new) == len(log), "keep every event"
    assert (np.diff(new.timestamp) >= 0).all(), "sort the events by their new times"
    want = permute_dates(log, 0)
    for u in range(12):
        mine, own = new.user == u, log.user == u
        gaps, old = np.diff(new.timestamp[mine]), np.diff(log.timestamp[own])
        assert np.array_equal(gaps, old), "keep the intervals between a user's own events"
        assert np.array_equal(new.item[mine], log.item[own]), "keep the order of a user's items"
    starts = [new.timestamp[new.user == u].min() for u in range(12)]
    assert not np.array_equal(starts, [log.timestamp[log.user == u].min() for u in range(12)]), (
        "users must come at other dates than before"
    )
    assert sorted(starts) == sorted(
        np.unique(want.timestamp[np.r_[True, np.diff(want.user) != 0]])
    ), "use the same first dates, given to other users"
