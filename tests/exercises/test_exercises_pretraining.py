"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import math

import numpy as np
import pytest

from recsys_book.exercises import pretraining as exercises

LABELS = {"titles": "none", "sessions": "implicit", "stars": "explicit", "ages": "explicit"}


def visible_lies(share, masked, random):
    return share * random / (1 - share * masked)


def shortest_row(share, tolerated):
    return math.ceil(math.log(tolerated) / math.log(1 - share))


def pair_loss(share, p):
    return -(share * math.log(p) + (1 - share) * math.log(1 - p))


def in_batch(a, b, temperature):
    a, b = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (a, b))
    scores = a @ b.T / temperature
    return float(np.mean(np.log(np.exp(scores).sum(axis=1)) - np.diag(scores)))


def products(a, b, temperature):
    scores = a @ b.T / temperature
    return float(np.mean(np.log(np.exp(scores).sum(axis=1)) - np.diag(scores)))


def test_solutions_pass():
    exercises.check_visible_lies(visible_lies)
    exercises.check_empty_rows(shortest_row)
    exercises.check_pair_loss(pair_loss)
    exercises.check_in_batch_loss(in_batch)
    exercises.check_labels(LABELS)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_visible_lies, lambda s, m, r: s * (m + r), "readable is true"),
        (exercises.check_visible_lies, lambda s, m, r: s * r * (1 - m), "divide the random"),
        (exercises.check_visible_lies, lambda s, m, r: s * r, "share of all words"),
        (exercises.check_visible_lies, lambda s, m, r: r * s / (1 - s * m) ** 2, "divide the ran"),
        (exercises.check_visible_lies, lambda s, m, r: r / 3, "all words are readable"),
        (exercises.check_empty_rows, lambda s, t: 1, "fail together"),
        (exercises.check_empty_rows, lambda s, t: 2, "too often"),
        (exercises.check_empty_rows, lambda s, t: 2 if s == 0.5 else 19.5, "whole number"),
        (exercises.check_empty_rows, lambda s, t: 2 if s == 0.5 else 40, "shorter row"),
        (exercises.check_pair_loss, lambda s, p: 0.5, "log 2"),
        (exercises.check_pair_loss, lambda s, p: math.log(2), "costs nothing"),
        (exercises.check_pair_loss, lambda s, p: -math.log(p), "minus the logarithm"),
        (exercises.check_in_batch_loss, lambda a, b, t: 0.0, "log 4"),
        (exercises.check_in_batch_loss, products, "length of a vector"),
        (exercises.check_in_batch_loss, lambda a, b, t: in_batch(a, b, 1.0), "temperature"),
        (
            exercises.check_in_batch_loss,
            lambda a, b, t: in_batch(b, a, t),
            "sum over the second",
        ),
        (exercises.check_labels, {"titles": "none"}, "say something about ages"),
        (exercises.check_labels, LABELS | {"titles": "implicit"}, "nobody judged"),
        (exercises.check_labels, LABELS | {"sessions": "none"}, "the answer itself"),
        (exercises.check_labels, LABELS | {"sessions": "explicit"}, "nobody was asked"),
        (exercises.check_labels, LABELS | {"stars": "implicit"}, "answer to a question"),
        (exercises.check_labels, LABELS | {"ages": "none"}, "as soon as"),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
