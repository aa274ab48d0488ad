"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import adaptive_rates as exercises


def adagrad(gradient, w, steps, lr):
    s = 0.0
    for _ in range(steps):
        g = gradient(w)
        s += g * g
        w -= lr * g / (np.sqrt(s) + 1e-10)
    return w


def growing(gradient, w, steps, lr):
    for t in range(steps):
        g = gradient(w)
        lr += g * g / (t + 1)
        w -= lr * g
    return w


def last_square_only(gradient, w, steps, lr):
    for _ in range(steps):
        g = gradient(w)
        w -= lr * g / (abs(g) + 1e-10)
    return w


def ascending(gradient, w, steps, lr):
    return 2 * w - adagrad(gradient, w, steps, lr)


def sgd(gradient, w, steps, lr):
    for _ in range(steps):
        w -= lr * gradient(w)
    return w


def adam(g, squared=True, corrected=True, beta1=0.9):
    m = v = 0.0
    changes = []
    for t, x in enumerate(g, start=1):
        m = beta1 * m + (1 - beta1) * x
        v = 0.999 * v + 0.001 * (x * x if squared else x)
        a, b = (1 - beta1**t, 1 - 0.999**t) if corrected else (1, 1)
        changes.append(-(m / a) / (np.sqrt(v / b) + 1e-8))
    return np.array(changes)


def upside_down(g):
    m = v = 0.0
    changes = []
    for t, x in enumerate(g, start=1):
        m, v = 0.9 * m + 0.1 * x, 0.999 * v + 0.001 * x * x
        changes.append(-v / (1 - 0.999**t))
    return np.array(changes)


def norm(g, beta2, p):
    terms = np.abs(g) * beta2 ** np.arange(len(g) - 1, -1, -1)
    top = terms.max()
    return top * ((terms / top) ** p).sum() ** (1 / p) if top else 0.0


def plain_norm(g, beta2, p):
    terms = np.abs(g) * beta2 ** np.arange(len(g) - 1, -1, -1)
    return (terms**p).sum() ** (1 / p)


def first_rectified(beta2):
    t = 1
    while 2 / (1 - beta2) - 1 - 2 * t * beta2**t / (1 - beta2**t) <= 4:
        t += 1
    return t


def test_solutions_pass():
    exercises.check_adagrad(adagrad)
    exercises.check_adam(adam)
    exercises.check_correction(lambda betas: 1 - np.prod(betas))
    exercises.check_norm(norm)
    exercises.check_first_rectified(first_rectified)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_adagrad, ascending, "count the minus signs"),
        (exercises.check_adagrad, growing, "the length of the rate"),
        (exercises.check_adagrad, sgd, "the length of the rate"),
        (
            exercises.check_adagrad,
            lambda g, w, n, lr: lr if abs(g(0)) < 5 else 1.0,
            "100 times as steep",
        ),
        (exercises.check_adagrad, last_square_only, "remembers both"),
        (
            exercises.check_adagrad,
            lambda g, w, n, lr: adagrad(g, w, min(n, 3), lr),
            "from above",
        ),
        (exercises.check_adam, lambda g: -g[:1], "one change a gradient"),
        (exercises.check_adam, lambda g: adam(g, squared=False), "average of squares"),
        (exercises.check_adam, upside_down, "does a sign cancel"),
        (exercises.check_adam, lambda g: -g, "1000 times as large"),
        (exercises.check_adam, lambda g: adam(g, corrected=False), "start at zero"),
        (exercises.check_adam, lambda g: adam(g, beta1=0.8), "use beta1"),
        (exercises.check_correction, lambda b: 1.0, "the known case"),
        (exercises.check_correction, lambda b: 1 - b[0] ** len(b), "a product"),
        (
            exercises.check_correction,
            lambda b: 1 - np.prod(b) if b[0] else 0.5,
            "nothing left to correct",
        ),
        (exercises.check_norm, lambda g, b, p: 1.0, "discounted squares"),
        (exercises.check_norm, plain_norm, "overflows"),
        (exercises.check_norm, lambda g, b, p: norm(g, b, min(p, 2)), "largest discounted"),
        (
            exercises.check_norm,
            lambda g, b, p: norm(g, b, p) if g.any() else np.nan,
            "zero, not NaN",
        ),
        (exercises.check_first_rectified, lambda b: 1, "still infinite"),
        (exercises.check_first_rectified, lambda b: 4, "still infinite"),
        (exercises.check_first_rectified, lambda b: 40, "an earlier step"),
    ],
)
def test_wrong_answers_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
