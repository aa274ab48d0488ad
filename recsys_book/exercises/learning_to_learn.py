"""Checkers for the exercises of the chapter on learning to learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from recsys_book.meta_learning import masked_mse


def check_two_gradients(answer: Callable[..., tuple[float, float]]) -> None:
    """Check the gradients of MAML and of first-order MAML for one weight and one inner step.

    Args:
        answer: Takes w, the support's curvature and minimum, the query's curvature and minimum,
            and the inner rate; returns the MAML gradient and the first-order one.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    got = answer(0.0, 2.0, 2.0, 2.0, 3.0, 0.1)
    assert np.size(got) == 2, "return two numbers: MAML, then first-order MAML"
    assert not np.isclose(got[1], -6.0), "the query's gradient is taken after the inner step"
    assert np.isclose(got[1], -5.2), "first step by the support, then take the query's gradient"
    assert not np.isclose(got[0], got[1]), "MAML's gradient has one factor more"
    assert np.isclose(got[0], -4.16), "the factor is the derivative of the inner step: 1 - αh"
    got = answer(1.0, 3.0, -1.0, 0.5, 2.0, 0.2)
    want = 0.5 * (1.0 - 0.2 * 3.0 * 2.0 - 2.0)
    assert np.allclose(got, (0.4 * want, want)), "the factor has the support's curvature"


def check_mean_over_tasks(answer: Callable[[torch.Tensor, torch.Tensor], float]) -> None:
    """Check the loss of a batch of ragged tasks.

    Args:
        answer: Takes squared errors (T, n) and a mask (T, n), returns the mean over tasks of each
            task's mean over its real rows.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    errors = torch.tensor([[4.0, 9.0, 9.0, 9.0], [1.0, 1.0, 1.0, 1.0]])
    mask = torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    got = float(answer(errors, mask))
    assert not np.isclose(got, float(errors.mean())), "padding rows must not count"
    assert not np.isclose(got, 1.0), "divide a task's sum by its number of real rows"
    assert not np.isclose(got, 1.6), "that is the mean over rows: long tasks drown the short ones"
    assert np.isclose(got, 2.5), "average within each task first, then over the tasks"
    zero = torch.zeros_like(errors)
    want = float(masked_mse(errors.sqrt(), zero, mask).mean())
    assert np.isclose(got, want), "compare with masked_mse"


def check_reptile(answer: Callable[..., np.ndarray]) -> None:
    """Check one outer step of Reptile.

    Args:
        answer: Takes the start (d,), the trained weights of each task (T, d) and the rate ε,
            returns the new start (d,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    start, trained = np.array([1.0, 0.0]), np.array([[2.0, 0.0], [4.0, 2.0]])
    got = np.asarray(answer(start, trained, 1.0))
    assert got.shape == (2,), "the new start has the shape of the old one"
    assert np.allclose(got, [3.0, 1.0]), "with ε = 1 the start becomes the mean of the weights"
    assert np.allclose(answer(start, trained, 0.0), start), "with ε = 0 the start stays"
    got = answer(start, trained, 0.5)
    assert not np.allclose(got, [0.0, -0.5]), "the start moves towards the trained weights"
    assert np.allclose(got, [2.0, 0.5]), "go the share ε of the way"


def check_largest_rate(answer: Callable[[np.ndarray], float]) -> None:
    """Check the inner rate above which some quadratic task diverges.

    Args:
        answer: Takes the curvatures of the tasks, returns the smallest rate at which an inner
            loop no longer converges.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    limit = answer(np.array([1.0, 9.0]))
    assert not np.isclose(limit, 2.0), "that is the limit of the flattest task"
    assert not np.isclose(limit, 1 / 9), "at that rate the steepest task is solved in one step"
    assert not np.isclose(limit, 0.4), "the mean curvature protects no single task"
    for curvature in (np.array([1.0, 9.0]), np.array([0.3, 2.0, 0.7])):
        limit = answer(curvature)
        below, above = (np.abs(1 - rate * limit * curvature) for rate in (0.99, 1.01))
        assert (below < 1).all(), "a task diverges below your limit: look at |1 - αh|"
        assert (above > 1).any(), "no task diverges above your limit: it can be larger"


def check_cost(answer: Callable[[int, int], tuple[int, int]]) -> None:
    """Check what one outer step costs, against a step of joint training on as many tasks.

    Args:
        answer: Takes the number of tasks and of inner steps, returns the gradients that
            first-order MAML and joint training compute in one outer step.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(1, 0) == (1, 1), "without inner steps there is one gradient a task, in both"
    assert answer(10, 1)[1] == 10, "joint training needs one gradient a task"
    assert answer(10, 1)[0] != 10, "the inner step is a gradient too"
    assert answer(10, 5)[0] != 51, "every task has a query gradient of its own"
    assert answer(10, 5) == (60, 10), "count the inner steps of every task, and its query"
