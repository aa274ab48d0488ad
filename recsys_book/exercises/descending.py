"""Checkers for the exercises of the chapter on gradient descent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch

from recsys_book.optimizers import GradientDescent, Optimizer
from recsys_book.optimizers.theory import descent


def check_limit(answer: Callable[[np.ndarray], float]) -> None:
    """Check the largest rate for a quadratic that is given by its matrix.

    Args:
        answer: Takes the Hessian, (n, n), returns the rate at which divergence begins.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(np.diag([1.0, 8.0])) - 0.25) < 1e-9, (
        "the steepest direction decides: 2 over the largest curvature, not the mean or the smallest"
    )
    tilted = np.array([[2.0, 1.5], [1.5, 2.0]])
    value = answer(tilted)
    assert abs(value - 1.0) > 1e-9, (
        "the diagonal is not the curvature of a tilted bowl: take the eigenvalues"
    )
    assert abs(value - 2 / 3.5) < 1e-9, "take the largest eigenvalue of the matrix"


def check_heavy_ball(
    answer: Callable[[float, float, float, float, float], tuple[float, float]],
) -> None:
    """Check one step of the heavy ball.

    Args:
        answer: Takes weight, sum b, gradient, rate and momentum; returns the new weight and sum.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    w, b = answer(1.0, 0.0, 2.0, 0.1, 0.5)
    assert abs(b - 2.0) < 1e-12, (
        "the gradient enters in full: momentum * b + g, without a factor 1 - momentum"
    )
    assert abs(w - 0.8) < 1e-12, "the weight moves by minus the rate times the new sum"
    w, b = answer(0.8, 2.0, 1.0, 0.1, 0.5)
    assert abs(b - 2.0) < 1e-12, "the old sum is kept by the share momentum, then g is added"
    assert abs(w - 0.6) < 1e-12, "move by the rate times the sum, not by the gradient alone"


def check_batch_for_floor(answer: Callable[[float, float, float], int]) -> None:
    """Check the smallest batch with which a fixed rate stays below a noise floor.

    Args:
        answer: Takes the rate, the variance of one sample's gradient and the largest allowed
            variance of the weight, for curvature 1; returns a whole number of samples.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    size = answer(0.5, 3.0, 0.01)
    assert isinstance(size, int | np.integer), "give a whole number of samples"
    assert size != math.ceil(0.5 / 2 * 3.0 / 0.01), (
        "the floor is rate / (2 - rate), not rate / 2: at a rate of 0.5 the difference shows"
    )
    for rate, variance, floor in ((0.5, 3.0, 0.01), (0.1, 1.0, 0.02), (0.1, 1.0, 1.0)):
        size = answer(rate, variance, floor)
        assert size >= 1, "a batch holds at least one sample"
        assert descent.noise_floor(rate, variance / size) <= floor * (1 + 1e-9), (
            "the batch is too small: the variance of the gradient falls as one over its size"
        )
        assert size == 1 or descent.noise_floor(rate, variance / (size - 1)) > floor, (
            "a smaller batch would do: round up, once"
        )


def check_gradient(answer: Callable[[np.ndarray, np.ndarray, float, float], np.ndarray]) -> None:
    """Check the gradient of one rating's loss by the user's factors.

    Args:
        answer: Takes p, q, the rating and l2; returns the gradient of
            ``(p @ q - rating)**2 + l2 * p @ p`` by p.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(2, 4))

    def loss(w: np.ndarray, l2: float) -> float:
        return (w @ q - 3.0) ** 2 + l2 * w @ w

    for l2, hint in (
        (0.0, "the chain rule gives 2 (p·q - rating) times what multiplies p, which is q"),
        (0.3, "the penalty adds 2 l2 p"),
    ):
        want = np.array(
            [(loss(p + 1e-5 * e, l2) - loss(p - 1e-5 * e, l2)) / 2e-5 for e in np.eye(4)]
        )
        got = np.asarray(answer(p, q, 3.0, l2))
        assert got.shape == p.shape, "a gradient has the shape of what it is the gradient of"
        assert np.allclose(got, want, atol=1e-6), hint


def check_reads(answer: Callable[[int, int, int], tuple[int, int]]) -> None:
    """Check how many rows the article's listing reads (OPT-16).

    Args:
        answer: Takes the number of rows, the batch size and the epochs; returns the rows read for
            gradients and the rows read for evaluation, if each evaluation reads all rows.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    gradients, evaluation = answer(1000, 100, 2)
    assert gradients == 2000, "every row is in one batch of an epoch, whatever the batch size"
    assert evaluation != 2000, "that is once an epoch; the listing evaluates after every batch"
    assert evaluation == 20_000, "ten batches an epoch, each followed by a pass over all rows"
    assert answer(1000, 300, 1) == (1000, 4000), "the last batch may be smaller, but it is one"


def check_loop(
    answer: Callable[[torch.optim.Optimizer, Callable, Iterable], float | None],
) -> None:
    """Check a training loop for an epoch (COD-08, COD-09).

    Args:
        answer: Takes an optimizer, a function from a batch to a loss, and the batches; returns the
            mean loss.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = Optimizer([w], GradientDescent(lr=0.1))
    mean = answer(optimizer, lambda target: ((w - target) ** 2 / 2).sum(), [3.0] * 40)
    assert w.item() != 0, "nothing has moved: call backward, then optimizer.step"
    want = 3 - 3 * 0.9**40
    assert abs(w.item() - want) < 1e-9, (
        "the weight is not where 40 steps lead: are the gradients cleared before each backward?"
    )
    assert mean is not None, "the loop returns nothing, so nobody can print or check its loss"
    losses = 4.5 * 0.81 ** np.arange(40)
    assert isinstance(mean, float), "return a number, not a tensor that keeps its graph alive"
    assert abs(mean - losses.mean()) < 1e-9, "return the mean of the batches' losses"
