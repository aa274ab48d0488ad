"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import reading as exercises


def user_vector(vectors, weights):
    total = weights @ vectors
    length = np.linalg.norm(total)
    return total / length if length > 0 else total


def merge(first, second, constant):
    score = {}
    for items in (first, second):
        for rank, item in enumerate(items, start=1):
            score[item] = score.get(item, 0) + 1 / (constant + rank)
    return sorted(score, key=score.get, reverse=True)


def prior_step(P, x, prior, l2):
    return np.linalg.solve(P.T @ P + l2 * np.eye(P.shape[1]), P.T @ x + l2 * prior)


def shrinkage(behaviour, text, events, strength):
    trust = events / (events + strength)
    return trust * behaviour + (1 - trust) * text


def interests(tastes, items):
    return (items @ tastes.T).max(axis=1)


def claim(a, b, n):
    rng = np.random.default_rng(0)
    difference = a - b
    means = [rng.choice(difference, len(difference)).mean() for _ in range(n)]
    return np.quantile(means, 0.025) > 0


def test_solutions_pass():
    exercises.check_user_vector(user_vector)
    exercises.check_merge(merge)
    exercises.check_prior_step(prior_step)
    exercises.check_shrinkage(shrinkage)
    exercises.check_interests(interests)
    exercises.check_claim(claim)


@pytest.mark.parametrize(
    ("check", "wrong", "hint"),
    [
        ("user_vector", lambda v, w: v.mean(axis=0) if len(v) else np.zeros(2), "length"),
        ("user_vector", lambda v, w: v.sum(0) / np.linalg.norm(v.sum(0)), "weight each"),
        ("merge", lambda a, b, c: list(dict.fromkeys([*a, *b])), "two reciprocals"),
        (
            "prior_step",
            lambda P, x, m, l2: np.linalg.solve(P.T @ P + l2 * np.eye(3), P.T @ x),
            "right-hand side",
        ),
        ("shrinkage", lambda b, t, n, k: (b + t) / 2, "only the text"),
        ("interests", lambda k, v: (v @ k.T).mean(axis=1), "whatever the others"),
        ("claim", lambda a, b, n: a.mean() > b.mean(), "noise"),
        (
            "claim",
            lambda a, b, n: a.mean() - b.mean() > 1.96 * np.sqrt((a.var() + b.var()) / len(a)),
            "pair the users",
        ),
    ],
)
def test_mistakes_get_a_hint(check, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, f"check_{check}")(wrong)
