"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import beyond_accuracy as exercises


def next_item(relevance, similarity, chosen, weight):
    likeness = similarity[chosen].max(axis=0) if chosen else np.zeros(len(relevance))
    value = (1 - weight) * relevance - weight * likeness
    value[chosen] = -np.inf
    return int(np.argmax(value))


def by_mean(relevance, similarity, chosen, weight):
    likeness = similarity[chosen].mean(axis=0) if chosen else np.zeros(len(relevance))
    value = (1 - weight) * relevance - weight * likeness
    value[chosen] = -np.inf
    return int(np.argmax(value))


def places_owed(share, k):
    owed = np.floor(share * np.arange(k + 1) + 1e-9)
    return (np.flatnonzero(np.diff(owed)) + 1).tolist()


def gap_by_chance(values, groups, n, seed):
    rng = np.random.default_rng(seed)
    gaps = []
    for _ in range(n):
        labels = rng.permutation(groups)
        means = [values[labels == name].mean() for name in np.unique(labels)]
        gaps.append(max(means) - min(means))
    return np.mean(gaps)


def real_gap(values, groups, n, seed):
    means = [values[groups == name].mean() for name in np.unique(groups)]
    return max(means) - min(means)


def first_place(k):
    worth = 1 / np.log2(1 + np.arange(1, k + 1))
    return worth[0] / worth.sum()


def test_solutions_pass():
    exercises.check_next_item(next_item)
    exercises.check_volume(lambda cosine: 1 - cosine**2)
    exercises.check_places_owed(places_owed)
    exercises.check_gap_by_chance(gap_by_chance)
    exercises.check_attention(first_place)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_next_item, by_mean, "not the mean"),
        (exercises.check_next_item, lambda r, s, c, w: int(np.argmax(r)), "only once"),
        (exercises.check_next_item, lambda r, s, c, w: len(c), "likeness to what is chosen"),
        (exercises.check_volume, lambda c: 1 - c, "two by two"),
        (exercises.check_volume, lambda c: 1.0, "span nothing"),
        (exercises.check_places_owed, lambda s, k: list(range(1, k + 1)), "every second"),
        (
            exercises.check_places_owed,
            lambda s, k: [round(j / s) for j in range(1, k + 1) if s and round(j / s) <= k],
            "place 4",
        ),
        (exercises.check_gap_by_chance, lambda v, g, n, s: 0.0, "never negative"),
        (exercises.check_gap_by_chance, real_gap, "must not enter"),
        (exercises.check_attention, lambda k: 1 / k, "log2"),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
