"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import embeddings as exercises


def look_up_gradient(ids, upstream, rows):
    gradient = np.zeros((rows, upstream.shape[1]))
    np.add.at(gradient, ids, upstream)
    return gradient


def keeps_the_last(ids, upstream, rows):
    gradient = np.zeros((rows, upstream.shape[1]))
    gradient[ids] += upstream
    return gradient


def rows_that_fit(n_bytes, width, state):
    return n_bytes // (4 * (width + state))


def price(gradients):
    energy = (gradients**2).sum(axis=0)
    return np.sqrt(energy).sum() / np.sqrt(len(energy) * energy.sum())


def first_step(beta1, beta2):
    return (1 - beta1) / np.sqrt(1 - beta2)


def fading_counts(steps, forget):
    counts, n, last = [], 0.0, 0
    for t in steps:
        n, last = n * (1 - forget) ** (t - last) + 1, t
        counts.append(n)
    return np.array(counts)


def test_solutions_pass():
    exercises.check_look_up_gradient(look_up_gradient)
    exercises.check_memory(rows_that_fit)
    exercises.check_price_of_sharing(price)
    exercises.check_lazy_first_step(first_step)
    exercises.check_forgetting(fading_counts)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_look_up_gradient, keeps_the_last, "keeps the last one"),
        (exercises.check_look_up_gradient, lambda i, g, n: g, "shape of the table"),
        (
            exercises.check_look_up_gradient,
            lambda i, g, n: look_up_gradient(i, g, n) + 1,
            "not looked up",
        ),
        (
            exercises.check_look_up_gradient,
            lambda i, g, n: look_up_gradient(i, g, n) / len(i),
            "not their mean",
        ),
        (exercises.check_memory, lambda b, w, s: b // w, "four bytes"),
        (exercises.check_memory, lambda b, w, s: b // (4 * w), "memory too"),
        (exercises.check_memory, lambda b, w, s: b // 4 // (w + s // 2), "more than there is"),
        (
            exercises.check_memory,
            lambda b, w, s: b // 4 // (w + s) if s < 20 and s != 1 else b // 4 // (w + 2 * s),
            "one more row",
        ),
        (exercises.check_price_of_sharing, lambda g: 0.0, "costs nothing"),
        (exercises.check_price_of_sharing, lambda g: 1.0, "over the root of 4"),
        (
            exercises.check_price_of_sharing,
            lambda g: np.abs(g).sum() / np.sqrt(g.size * (g**2).sum()),
            "Cauchy",
        ),
        (exercises.check_lazy_first_step, lambda a, b: 10.0, "cancel"),
        (exercises.check_lazy_first_step, lambda a, b: 1.0, "a thirtieth"),
        (
            exercises.check_lazy_first_step,
            lambda a, b: first_step(a, b) if a == 0.9 else 0.0,
            "divide the first m",
        ),
        (exercises.check_forgetting, lambda s, f: s, "number of visits"),
        (exercises.check_forgetting, lambda s, f: np.arange(1, 4) * (1 - f), "first visit"),
        (exercises.check_forgetting, lambda s, f: np.arange(1, 4), "halves in one step"),
        (
            exercises.check_forgetting,
            lambda s, f: fading_counts(np.arange(1, 4), f),
            "halved eight times",
        ),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
