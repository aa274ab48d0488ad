"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import text_vectors as exercises


def mean_of_tokens(hidden, mask):
    return (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1)[:, None]


def without_common_direction(vectors):
    moved = vectors - vectors.mean(axis=0)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def recall(found, exact):
    return np.mean([np.isin(e, f).mean() for f, e in zip(found, exact)])


def cost(read, compare, items):
    search = items * compare
    return (items + 1) * read + search, read + search


def keep_end(ids, limit):
    return ids if len(ids) <= limit else [ids[0], *ids[len(ids) - limit + 1 :]]


def test_solutions_pass():
    exercises.check_masked_mean(mean_of_tokens)
    exercises.check_common_direction(without_common_direction)
    exercises.check_recall(recall)
    exercises.check_requests_a_second(cost)
    exercises.check_truncate_left(keep_end)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_masked_mean, lambda h, m: h.mean(axis=2), "axis 1"),
        (exercises.check_masked_mean, lambda h, m: h.mean(axis=1), "use the mask"),
        (
            exercises.check_masked_mean,
            lambda h, m: (h * m[:, :, None]).mean(axis=1),
            "number of real tokens",
        ),
        (exercises.check_masked_mean, lambda h, m: h[:, 0], "divide by the mask's sum"),
        (exercises.check_common_direction, lambda v: v[:1], "for each that came in"),
        (exercises.check_common_direction, lambda v: v, "subtract the mean"),
        (exercises.check_common_direction, lambda v: v - v.mean(axis=0), "length one"),
        (
            exercises.check_common_direction,
            lambda v: without_common_direction(v)[::-1],
            "over texts",
        ),
        (exercises.check_recall, lambda f, e: 0.0, "exact answer"),
        (exercises.check_recall, lambda f, e: (f == e).mean(), "order within"),
        (exercises.check_recall, lambda f, e: np.isin(e, f).mean(), "its own neighbours"),
        (
            exercises.check_recall,
            lambda f, e: float(recall(f, e) > 0.9),
            "three of six",
        ),
        (
            exercises.check_recall,
            lambda f, e: recall(f, e) * f.size / (f >= 0).sum(),
            "divide by k",
        ),
        (exercises.check_requests_a_second, lambda r, c, n: cost(r, c, n)[::-1], "first of the"),
        (exercises.check_requests_a_second, lambda r, c, n: (n * r, n * c), "in both cases"),
        (exercises.check_requests_a_second, lambda r, c, n: (n * r, r), "every item is compared"),
        (
            exercises.check_requests_a_second,
            lambda r, c, n: (n * r, cost(r, c, n)[1]),
            "the query and every item",
        ),
        (exercises.check_truncate_left, lambda i, n: i[-3:], "stays as it is"),
        (exercises.check_truncate_left, lambda i, n: i, "so many tokens"),
        (exercises.check_truncate_left, lambda i, n: i[-n:], "its first"),
        (
            exercises.check_truncate_left,
            lambda i, n: i if len(i) <= n else [*i[: n - 1], i[-1]],
            "cut the beginning",
        ),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
