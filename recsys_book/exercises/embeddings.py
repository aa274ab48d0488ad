"""Checkers for the exercises of the chapter on embedding tables."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.optimizers import Adam, RowwiseAdaGrad, table_state_floats


def check_look_up_gradient(answer: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> None:
    """Check the gradient of a table from the gradients of what was looked up.

    Args:
        answer: Takes ids (n,), upstream gradients (n, width) and the number of rows, returns
            the table's gradient (rows, width).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    one = answer(np.array([2]), np.array([[1.0, -1.0]]), 4)
    assert np.shape(one) == (4, 2), "the gradient has the shape of the table"
    assert not np.any(one[[0, 1, 3]]), "a row that was not looked up has a gradient of zero"
    twice = answer(np.array([1, 1]), np.array([[1.0], [10.0]]), 2)
    assert twice[1, 0] != 10, (
        "a row that occurs twice gets both gradients: `table[ids] += g` in NumPy keeps the last one"
    )
    assert twice[1, 0] == 11, "a row's gradient is the sum over its occurrences, not their mean"
    rng = np.random.default_rng(0)
    ids, upstream = rng.integers(0, 7, 50), rng.normal(size=(50, 3))
    want = np.zeros((7, 3))
    np.add.at(want, ids, upstream)
    assert np.allclose(answer(ids, upstream, 7), want), "compare with np.add.at"


def check_memory(answer: Callable[[int, int, int], int]) -> None:
    """Check the largest table that fits with the state of row-wise AdaGrad or of Adam.

    Args:
        answer: Takes a number of bytes, a width and the state's floats a row, returns the rows
            that fit, weights and state together, at four bytes a float.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(4 * 10 * 8, 8, 0) == 10, "without state a row takes four bytes times its width"
    assert answer(4 * 10 * 8, 8, 16) != 10, "the state takes memory too"
    for rule in (Adam(), RowwiseAdaGrad()):
        per_row = table_state_floats(rule, 1, 64)
        rows = answer(16 * 2**30, 64, per_row)
        assert rows == int(rows), "give whole rows"
        assert rows * 4 * (64 + per_row) <= 16 * 2**30, "that is more than there is"
        assert (rows + 1) * 4 * (64 + per_row) > 16 * 2**30, "one more row would fit"


def check_price_of_sharing(answer: Callable[[np.ndarray], float]) -> None:
    """Check what a row loses when its coordinates share a rate.

    Args:
        answer: Takes a row's gradients (steps, width), returns the elementwise AdaGrad bound as a
            share of the row-wise one.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    even = answer(np.ones((5, 4)))
    assert abs(even - 1) < 1e-9, "where all coordinates have the same energy, sharing costs nothing"
    alone = np.zeros((5, 4))
    alone[:, 2] = 3.0
    assert abs(answer(alone) - 0.5) < 1e-9, (
        "with all energy in one of four coordinates the share is 1 over the root of 4"
    )
    g = np.random.default_rng(0).normal(size=(30, 6)) * [1, 2, 3, 4, 5, 6]
    energy = (g**2).sum(axis=0)
    want = np.sqrt(energy).sum() / np.sqrt(6 * energy.sum())
    assert abs(answer(g) - want) < 1e-9, (
        "sum squares over the steps first, then take roots: Cauchy and Schwarz do the rest"
    )


def check_lazy_first_step(answer: Callable[[float, float], float]) -> None:
    """Check how long lazy Adam's first step of a late row is.

    Args:
        answer: Takes beta1 and beta2, returns the step's length in rates, long after the start.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(0.9, 0.99) - 1.0) < 1e-9, (
        "at beta1 0.9 and beta2 0.99 the two moments are both a tenth too small, and cancel"
    )
    assert answer(0.9, 0.999) > 3, (
        "v is a thousandth of the squared gradient, so its root is a thirtieth: not bias-corrected,"
        " because the optimizer's step count is large"
    )
    for beta1, beta2 in ((0.9, 0.999), (0.5, 0.9), (0.0, 0.99)):
        want = (1 - beta1) / np.sqrt(1 - beta2)
        assert abs(answer(beta1, beta2) - want) < 1e-9, "divide the first m by the root of first v"


def check_forgetting(answer: Callable[[np.ndarray, float], np.ndarray]) -> None:
    """Check a row's count that fades while the row is away.

    Args:
        answer: Takes the rising steps at which a row was seen and the share that a count loses in
            a step, returns the count at each of them, including that visit.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    steps = np.array([1, 2, 10])
    counts = np.asarray(answer(steps, 0.0))
    assert np.allclose(counts, [1, 2, 3]), "without forgetting it is the number of visits so far"
    counts = np.asarray(answer(steps, 0.5))
    assert abs(counts[0] - 1) < 1e-12, "at its first visit a row's count is 1"
    assert abs(counts[1] - 1.5) < 1e-12, "the old count halves in one step, then 1 is added"
    want = 1.5 * 0.5**8 + 1
    assert abs(counts[2] - want) < 1e-12, "eight steps away: the count is halved eight times"
