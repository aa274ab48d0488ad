"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import hybrids as exercises


def two_weights(a, b, y):
    d = a - b
    return float(np.clip(d @ (y - b) / (d @ d), 0, 1))


def by_error(a, b, y):
    e, f = np.sqrt(np.mean((a - y) ** 2)), np.sqrt(np.mean((b - y) ** 2))
    return f / (e + f)


def members_needed(rho, share):
    if share <= rho:
        return float("inf")
    return max(1, int(np.ceil((1 - rho) / (share - rho) - 1e-9)))


def borda_winner(lists):
    beaten = {item: 0 for item in sorted(lists[0])}
    for order in lists:
        for place, item in enumerate(order):
            beaten[item] += len(order) - 1 - place
    return max(beaten, key=beaten.get)


def most_firsts(lists):
    firsts = [order[0] for order in lists]
    return max(sorted(set(firsts)), key=firsts.count)


def next_weights(weights, wrong):
    half = np.where(wrong, weights[wrong].sum(), weights[~wrong].sum())
    return weights / (2 * half)


def families(others, content):
    if others and content:
        return "hybrid"
    if others:
        return "collaborative"
    return "content-based" if content else "neither"


def test_solutions_pass():
    exercises.check_two_weights(two_weights)
    exercises.check_members_needed(members_needed)
    exercises.check_borda_by_hand(borda_winner)
    exercises.check_adaboost(next_weights)
    exercises.check_stack_table(lambda p: np.stack(p, axis=1))
    exercises.check_families(families)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_two_weights, by_error, "inverse \\*squared\\*"),
        (exercises.check_two_weights, lambda a, b, y: 0.3, "share the weight"),
        (
            exercises.check_two_weights,
            lambda a, b, y: (a - b) @ (y - b) / ((a - b) @ (a - b)),
            "cut off",
        ),
        (exercises.check_members_needed, lambda r, s: 1 / s if r else 2, "never goes away"),
        (exercises.check_members_needed, lambda r, s: 3, "as one over n"),
        (
            exercises.check_members_needed,
            lambda r, s: members_needed(r, s) + (r == 0.2),
            "fewer would do",
        ),
        (
            exercises.check_members_needed,
            lambda r, s: members_needed(r, s) - (r == 0.2),
            "not enough",
        ),
        (exercises.check_borda_by_hand, most_firsts, "beats more items"),
        (exercises.check_adaboost, lambda w, b: w, "weighs more"),
        (exercises.check_adaboost, lambda w, b: w * (1 + b), "sum to one"),
        (
            exercises.check_adaboost,
            lambda w, b: w * (1 + b) / (w * (1 + b)).sum(),
            "one half together",
        ),
        (exercises.check_stack_table, lambda p: np.array(p), "one row a model"),
        (exercises.check_stack_table, lambda p: np.array(p).T[:, ::-1], "keep the order"),
        (exercises.check_families, lambda a, b: "hybrid", "reads behaviour"),
        (
            exercises.check_families,
            lambda a, b: "collaborative" if a else families(a, b),
            "not a new source",
        ),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
