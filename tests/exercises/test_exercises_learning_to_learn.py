"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import learning_to_learn as exercises


def two_gradients(w, h, c, h2, c2, rate):
    stepped = w - rate * h * (w - c)
    first = h2 * (stepped - c2)
    return (1 - rate * h) * first, first


def query_factor(w, h, c, h2, c2, rate):
    _, first = two_gradients(w, h, c, h2, c2, rate)
    return (1 - rate * h2) * first, first


def no_step(w, h, c, h2, c2, rate):
    return 0.0, h2 * (w - c2)


def mean_over_tasks(errors, mask):
    return ((errors * mask).sum(1) / mask.sum(1)).mean()


def reptile(start, trained, epsilon):
    return start + epsilon * (trained.mean(0) - start)


def largest_rate(curvatures):
    return 2 / max(curvatures)


def cost(tasks, inner_steps):
    return tasks * (inner_steps + 1), tasks


def test_solutions_pass():
    exercises.check_two_gradients(two_gradients)
    exercises.check_mean_over_tasks(mean_over_tasks)
    exercises.check_reptile(reptile)
    exercises.check_largest_rate(largest_rate)
    exercises.check_cost(cost)


E = exercises


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (E.check_two_gradients, lambda *a: two_gradients(*a)[0], "return two numbers"),
        (E.check_two_gradients, no_step, "after the inner step"),
        (E.check_two_gradients, lambda *a: two_gradients(*a)[::-1], "first step by the support"),
        (E.check_two_gradients, lambda *a: (two_gradients(*a)[1],) * 2, "one factor more"),
        (E.check_two_gradients, query_factor, "the support's curvature"),
        (E.check_mean_over_tasks, lambda e, m: e.mean(), "padding rows"),
        (E.check_mean_over_tasks, lambda e, m: (e * m).mean(), "number of real rows"),
        (E.check_mean_over_tasks, lambda e, m: (e * m).sum() / m.sum(), "mean over rows"),
        (E.check_reptile, lambda s, t, e: t, "shape of the old one"),
        (E.check_reptile, lambda s, t, e: s, "becomes the mean"),
        (E.check_reptile, lambda s, t, e: t.mean(0), "the start stays"),
        (
            E.check_reptile,
            lambda s, t, e: t.mean(0) if e == 1 else s - e * (t.mean(0) - s),
            "towards the trained",
        ),
        (E.check_largest_rate, lambda h: 2 / min(h), "flattest task"),
        (E.check_largest_rate, lambda h: 1 / max(h), "one step"),
        (E.check_largest_rate, lambda h: 2 / np.mean(h), "mean curvature"),
        (E.check_largest_rate, lambda h: 1.5 / max(h), "no task diverges above"),
        (E.check_largest_rate, lambda h: 3 / max(h), "diverges below"),
        (E.check_cost, lambda n, k: (n, n), "a gradient too"),
        (E.check_cost, lambda n, k: (n * k + 1, n), "gradient of its own"),
        (E.check_cost, lambda n, k: (n * (k + 1), n * (k + 1)), "one gradient a task"),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
