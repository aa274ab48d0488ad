"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import math

import numpy as np
import pytest
import torch

from recsys_book.exercises import language_models as exercises


def perplexity(p):
    return float(np.exp(-np.log(p).mean()))


def companions(pairs):
    before = {}
    for first, second in pairs:
        before.setdefault(second, set()).add(first)
    return {word: len(each) for word, each in before.items()}


def occurrences(pairs):
    return {word: sum(b == word for _, b in pairs) for _, word in pairs}


def reach(size, share):
    return math.ceil(math.log(share) / math.log(size))


def can_generate(scores, size):
    ids = torch.arange(6)[None] % size
    later = ids.clone()
    later[0, -1] = (later[0, -1] + 1) % size
    return torch.allclose(scores(ids)[:, :-1], scores(later)[:, :-1], atol=1e-6)


def order_matters(scores, history):
    return not np.allclose(scores(history), scores(history[::-1]))


def test_solutions_pass():
    exercises.check_perplexity(perplexity)
    exercises.check_companions(companions)
    exercises.check_reach(reach)
    exercises.check_can_generate(can_generate)
    exercises.check_order_matters(order_matters)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_perplexity, lambda p: -np.log2(p).mean(), "number of bits"),
        (exercises.check_perplexity, lambda p: float((1 / p).mean()), "mean of the logarithms"),
        (exercises.check_perplexity, lambda p: float(1 / p.mean()), "geometric mean"),
        (exercises.check_perplexity, lambda p: 1.0, "four choices"),
        (exercises.check_perplexity, lambda p: perplexity(p[p > 0]), "impossible"),
        (exercises.check_companions, occurrences, "how often 5 occurs"),
        (exercises.check_companions, lambda pairs: {}, "different first words"),
        (
            exercises.check_companions,
            lambda pairs: companions(pairs) if len(pairs) < 9 else {},
            "continuation_counts",
        ),
        (exercises.check_reach, lambda size, share: 1, "power of 2"),
        (exercises.check_reach, lambda size, share: reach(size, share * 0.99), "is enough"),
        (exercises.check_reach, lambda s, q: float(reach(s, q)), "whole steps"),
        (
            exercises.check_reach,
            lambda s, q: reach(s, q) if s in (0.5, 0.9) else 5,
            "rounded up",
        ),
        (exercises.check_can_generate, lambda f, v: False, "this is a decoder"),
        (exercises.check_can_generate, lambda f, v: True, "this is an encoder"),
        (
            exercises.check_order_matters,
            lambda f, h: not np.array_equal(f(h), f(h[::-1])),
            "allow for rounding",
        ),
        (exercises.check_order_matters, lambda f, h: False, "last state changes"),
        (
            exercises.check_order_matters,
            lambda f, h: bool((np.abs(f(h)) <= 1).all()),
            "no order",
        ),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with np.errstate(all="ignore"), pytest.raises(AssertionError, match=hint):
        checker(wrong)
