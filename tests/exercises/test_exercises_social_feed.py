"""Right answers pass, and the likely wrong ones get a hint."""

import math

import numpy as np
import pytest

from recsys_book.case_studies import social_feed as sf
from recsys_book.exercises import social_feed as exercises


def temper(A, b, l2, factor):
    prior = l2 * np.eye(len(b))
    return np.linalg.solve(prior + factor * (A - prior), factor * b)


def shares(scores, groups, n_groups, temperature):
    return sf.category_shares(scores[None], groups[None], n_groups, temperature)[0]


def unsafe(scores, groups, n_groups, temperature):
    weight = np.exp(scores / temperature)
    return np.bincount(groups, weight, n_groups) / weight.sum()


def pair(friends, u, v):
    return sum(1 / math.log(len(friends[z])) for z in friends[u] & friends[v])


def variety(topics):
    share = np.unique(topics, return_counts=True)[1] / len(topics)
    return np.exp(-(share * np.log(share)).sum())


def test_right_answers_pass():
    exercises.check_constant(lambda clicked: max(np.mean(clicked), 1 - np.mean(clicked)))
    exercises.check_temper(temper)
    exercises.check_shares(shares)
    exercises.check_pair(pair)
    exercises.check_variety(variety)


@pytest.mark.parametrize(
    ("checker", "answer", "hint"),
    [
        ("constant", np.mean, "nobody clicks"),
        ("constant", lambda clicked: 0.5, "nine of ten"),
        ("constant", lambda clicked: 1 - np.mean(clicked), "where most click"),
        ("temper", lambda A, b, l2, f: 1.0, "one weight a feature"),
        ("temper", lambda A, b, l2, f: b, "nothing changes"),
        ("temper", lambda A, b, l2, f: np.linalg.solve(A, b), "everything learned is gone"),
        ("temper", lambda A, b, l2, f: np.linalg.solve(f * A + (f == 0) * A, f * b), "prior must"),
        ("temper", lambda A, b, l2, f: np.linalg.solve(A, f * b), "prior plus half"),
        ("shares", lambda s, g, n, t: shares(s, g, n, t)[np.unique(g)], "every topic a share"),
        ("shares", lambda s, g, n, t: np.ones(n) / n, "add up the probabilities"),
        ("shares", lambda s, g, n, t: shares(s, g, n, 1.0), "by the temperature"),
        ("shares", unsafe, "subtract the largest"),
        ("pair", lambda friends, u, v: len(friends[u] & friends[v]), "weigh a shared friend"),
        ("pair", lambda friends, u, v: 2 * pair(friends, u, v), "natural logarithm"),
        ("variety", lambda topics: len(topics), "one topic alone"),
        (
            "variety",
            lambda topics: 1 + np.log(variety(topics)) * 0.386 / 1.386,
            "as varied as four",
        ),
        ("variety", lambda topics: 1 if np.ptp(topics) == 0 else np.log(4), "take its exponential"),
        ("variety", lambda topics: len(np.unique(topics)), "by the shares themselves"),
    ],
)
def test_wrong_answers_get_a_hint(checker, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, f"check_{checker}")(answer)
