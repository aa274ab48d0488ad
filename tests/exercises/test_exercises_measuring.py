"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.evaluation import users_per_arm
from recsys_book.exercises import measuring as exercises


def f1(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def possible(ratings, claimed):
    nearest = np.clip(ratings, 0, 1)
    return bool(claimed >= np.mean((ratings - nearest) ** 2))


def ndcg(relevance, k):
    weights = 1 / np.log2(np.arange(2, len(relevance) + 2))
    best = np.sort(relevance)[::-1]
    return relevance[:k] @ weights[:k] / (best[:k] @ weights[:k])


def sampled_hit_at_1(rank, n_items, m):
    return (1 - (rank - 1) / (n_items - 1)) ** m


def saving(a, b):
    return (a.var(ddof=1) + b.var(ddof=1)) / (a - b).var(ddof=1)


def test_solutions_pass():
    exercises.check_f1(f1)
    exercises.check_same_system(possible)
    exercises.check_ndcg(ndcg)
    exercises.check_sampled_hit(sampled_hit_at_1)
    exercises.check_users_needed(users_per_arm(0.02, 0.001))
    exercises.check_paired_or_not(saving)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_f1, lambda p, r: (p + r) / 2, "arithmetic mean cannot see it"),
        (exercises.check_f1, lambda p, r: p, "use the harmonic mean|with no hit"),
        (exercises.check_f1, lambda p, r: 0.5, "an arithmetic mean"),
        (exercises.check_f1, lambda p, r: 1.0, "every kind of mean"),
        (exercises.check_f1, lambda p, r: f1(p, r) + (p == 0), "with no hit at all"),
        (exercises.check_same_system, lambda y, m: True, "cannot be reached"),
        (exercises.check_same_system, lambda y, m: m < 0.02, "first article's"),
        (exercises.check_same_system, lambda y, m: False, "just above the floor"),
        (exercises.check_same_system, lambda y, m: m > 1, "just below the floor"),
        (
            exercises.check_same_system,
            lambda y, m: m >= np.mean((y - 1.0) ** 2),
            "rescaled to 0..1",
        ),
        (exercises.check_ndcg, lambda r, k: 0.0, "a perfect list scores 1"),
        (exercises.check_ndcg, lambda r, k: 1.0, "rank 2 is worth"),
        (
            exercises.check_ndcg,
            lambda r, k: (
                ndcg(r, k) * (ndcg(r, k) if r.sum() == 5 else 1) * (0.5 if len(r) == 10 else 1)
            ),
            "holds only three",
        ),
        (
            exercises.check_ndcg,
            lambda r, k: ndcg(r, k) if len(r) < 30 else ndcg(r, 30),
            "the same relevances sorted",
        ),
        (exercises.check_sampled_hit, lambda r, n, m: 0.5, "always a hit"),
        (exercises.check_sampled_hit, lambda r, n, m: (1 - (r - 1) / n) ** m, "n_items - 1 others"),
        (exercises.check_users_needed, 1000.5, "whole number"),
        (exercises.check_users_needed, users_per_arm(0.02, 0.05), "a tenth of a point"),
        (exercises.check_users_needed, 2 * users_per_arm(0.02, 0.001), "both arms"),
        (exercises.check_users_needed, 10, "use users_per_arm"),
        (exercises.check_paired_or_not, lambda a, b: 0.5, "pairing helps"),
        (exercises.check_paired_or_not, lambda a, b: 2.0, "divide var"),
        (
            exercises.check_paired_or_not,
            lambda a, b: max(saving(a, b), 1.5),
            "gains next to nothing",
        ),
    ],
)
def test_wrong_answers_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
