"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import better_meta_optimizers as exercises


def rate(q, v, noise, k):
    return v / (v + noise / (k * q)) / (2 * q)


def weights(steps, t, until):
    done = min(t / until, 1)
    w = np.full(steps, (1 - done) / steps)
    w[-1] += done
    return w


def slope(h, pull, w, target):
    return (w - target) / (1 + h / pull)


def prototype(points, prior, strength):
    return (strength * prior + points.sum(0)) / (strength + len(points))


def no_order(names):
    return [name for name in names if name != "LSTM"]


def test_solutions_pass():
    exercises.check_optimal_rate(rate)
    exercises.check_step_weights(weights)
    exercises.check_implicit_gradient(slope)
    exercises.check_prototype(prototype)
    exercises.check_order(no_order)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_optimal_rate, lambda q, v, n, k: 2 * rate(q, v, n, k), "twice"),
        (exercises.check_optimal_rate, lambda q, v, n, k: 1 / (2 * q), "do not move"),
        (exercises.check_optimal_rate, lambda q, v, n, k: v / (v + n) / (2 * q), "more rows"),
        (exercises.check_step_weights, lambda s, t, u: np.ones(s), "alike"),
        (exercises.check_step_weights, lambda s, t, u: np.full(s, 1 / s), "only the last"),
        (exercises.check_step_weights, lambda s, t, u: np.ones(1), "one weight"),
        (exercises.check_implicit_gradient, lambda h, p, w, t: w - t, "decides"),
        (exercises.check_implicit_gradient, lambda h, p, w, t: (w - t) / (1 + h), "divide"),
        (exercises.check_prototype, lambda x, m, s: (s * m + x.mean(0)) / (s + 1), "without rows"),
        (exercises.check_prototype, lambda x, m, s: m, "it is the mean"),
        (exercises.check_order, lambda names: names, "one row after another"),
        (exercises.check_order, lambda names: names[1:2], "mean loss"),
    ],
)
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
