"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import math

import numpy as np
import pytest

from recsys_book.exercises import descending as exercises


def limit(hessian):
    return 2 / np.linalg.eigvalsh(hessian)[-1]


def heavy_ball(w, b, g, lr, momentum):
    b = momentum * b + g
    return w - lr * b, b


def batch_for_floor(rate, variance, floor):
    return max(1, math.ceil(rate / (2 - rate) * variance / floor))


def gradient(p, q, rating, l2):
    return 2 * (p @ q - rating) * q + 2 * l2 * p


def reads(n, batch_size, epochs):
    return epochs * n, epochs * math.ceil(n / batch_size) * n


def loop(optimizer, loss, batches, clear=True, total=float):
    losses = []
    for batch in batches:
        if clear:
            optimizer.zero_grad()
        value = loss(batch)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return total(sum(losses) / len(losses))


def test_solutions_pass():
    exercises.check_limit(limit)
    exercises.check_heavy_ball(heavy_ball)
    exercises.check_batch_for_floor(batch_for_floor)
    exercises.check_gradient(gradient)
    exercises.check_reads(reads)
    exercises.check_loop(loop)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_limit, lambda h: 2 / np.linalg.eigvalsh(h)[0], "steepest direction"),
        (exercises.check_limit, lambda h: 2 / np.diag(h).max(), "the diagonal is not"),
        (
            exercises.check_limit,
            lambda h: 0.25 if h[0, 1] == 0 else 0.5,
            "take the largest eigenvalue",
        ),
        (
            exercises.check_heavy_ball,
            lambda w, b, g, lr, m: heavy_ball(w, b, (1 - m) * g, lr, m),
            "enters in full",
        ),
        (exercises.check_heavy_ball, lambda w, b, g, lr, m: (w - lr * b, m * b + g), "new sum"),
        (exercises.check_heavy_ball, lambda w, b, g, lr, m: (w - lr * (b + g), b + g), "the share"),
        (
            exercises.check_heavy_ball,
            lambda w, b, g, lr, m: (w - lr * g, m * b + g),
            "not by the gradient alone",
        ),
        (exercises.check_batch_for_floor, lambda a, v, f: a / (2 - a) * v / f, "whole number"),
        (
            exercises.check_batch_for_floor,
            lambda a, v, f: math.ceil(a / 2 * v / f),
            "not rate / 2",
        ),
        (
            exercises.check_batch_for_floor,
            lambda a, v, f: batch_for_floor(a, v, f) - 1,
            "too small",
        ),
        (
            exercises.check_batch_for_floor,
            lambda a, v, f: batch_for_floor(a, v, f) + 1,
            "smaller batch would do",
        ),
        (
            exercises.check_batch_for_floor,
            lambda a, v, f: batch_for_floor(a, v, f) if f < 1 else 0,
            "at least one sample",
        ),
        (exercises.check_gradient, lambda p, q, r, l2: 2 * (p @ q - r) * p, "the chain rule"),
        (exercises.check_gradient, lambda p, q, r, l2: 2 * (p @ q - r) * q, "the penalty adds"),
        (exercises.check_gradient, lambda p, q, r, l2: (p @ q - r) ** 2, "has the shape"),
        (exercises.check_reads, lambda n, b, e: (e * b, 0), "every row is in one batch"),
        (exercises.check_reads, lambda n, b, e: (e * n, e * n), "once an epoch"),
        (exercises.check_reads, lambda n, b, e: (e * n, e * n // b), "ten batches"),
        (exercises.check_reads, lambda n, b, e: (e * n, e * (n // b) * n), "may be smaller"),
        (exercises.check_loop, lambda o, f, b: None, "nothing has moved"),
        (exercises.check_loop, lambda o, f, b: loop(o, f, b, clear=False), "cleared before"),
        (exercises.check_loop, lambda o, f, b: loop(o, f, b, total=lambda x: None), "returns noth"),
        (exercises.check_loop, lambda o, f, b: loop(o, f, b, total=np.atleast_1d), "a number"),
        (exercises.check_loop, lambda o, f, b: 2 * loop(o, f, b), "mean of the batches"),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
