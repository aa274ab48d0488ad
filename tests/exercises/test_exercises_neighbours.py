"""Each solution of the chapter passes its checker, and typical mistakes get a hint."""

import numpy as np
import pytest

from recsys_book.exercises import neighbours as exercises


def right_pearson(x, y):
    both = ~np.isnan(x + y)
    if both.sum() < 2:
        return 0.0
    x, y = x[both] - x[both].mean(), y[both] - y[both].mean()
    length = np.sqrt((x @ x) * (y @ y))
    return x @ y / length if length > 0 else 0.0


def right_halves(first, n, second):
    grid = np.arange(201)
    loss = [np.mean((first * n / (n + s) - second) ** 2) for s in grid]
    return grid[np.argmin(loss)]


def right_measure(values):
    return "jaccard" if np.ptp(values) == 0 else "adjusted_cosine"


def right_cold_start(new_user, new_item):
    able = []
    if not new_user:
        able.append("content")
        if not new_item:
            able.append("neighbours")
    if not new_item:
        able.append("popularity")
    return able


def right_update(scores, similarity, item):
    return scores + similarity[item]


RIGHT = {
    "check_pearson": right_pearson,
    "check_shrinkage_from_halves": right_halves,
    "check_measure": right_measure,
    "check_cold_start": right_cold_start,
    "check_update_history": right_update,
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_solution_passes(name):
    getattr(exercises, name)(RIGHT[name])


def own_means(x, y):
    both = ~np.isnan(x + y)
    x, y = (x - np.nanmean(x))[both], (y - np.nanmean(y))[both]
    length = np.sqrt((x @ x) * (y @ y))
    return x @ y / length if length > 0 else 0.0


def in_place(scores, similarity, item):
    scores += similarity[item]
    return scores


def no_guard(x, y):
    both = ~np.isnan(x + y)
    return float(np.corrcoef(x[both], y[both])[0, 1])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("check_pearson", lambda x, y: float("nan"), "NaN came out"),
        ("check_pearson", own_means, "means over the common ratings"),
        ("check_pearson", no_guard, "nothing in common"),
        (
            "check_pearson",
            lambda x, y: 1.0 if np.std(x) == 0 else right_pearson(x, y),
            "has no taste",
        ),
        (
            "check_pearson",
            lambda x, y: np.sign(right_pearson(x, y)),
            "compare with similarity.pearson",
        ),
        ("check_shrinkage_from_halves", lambda a, n, b: 0, "without shrinkage"),
        ("check_shrinkage_from_halves", lambda a, n, b: 200, "compare r n"),
        ("check_measure", lambda v: "adjusted_cosine", "ones are zeros"),
        ("check_measure", lambda v: "jaccard", "one loved and one hated"),
        (
            "check_measure",
            lambda v: "jaccard" if np.all(v == 1) else "adjusted_cosine",
            "whatever 3 is",
        ),
        ("check_cold_start", lambda u, i: [], "with both known"),
        ("check_cold_start", lambda u, i: ["content", "neighbours"], "nobody has rated"),
        ("check_cold_start", lambda u, i: ["neighbours", "content"][i:], "has none"),
        ("check_update_history", in_place, "leave the ones"),
        ("check_update_history", lambda s, w, i: s + w[:, i], "through its row"),
        ("check_update_history", lambda s, w, i: s + 1, "add one row"),
    ],
)
def test_a_mistake_gets_its_hint(name, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, name)(answer)
