"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import new_domains as exercises


def will_it_hurt(n, m, gap, noise):
    return gap > noise * (1 / n + 1 / m)


def copyable(source, target):
    return sorted(name for name in source if target.get(name) == source[name])


def forgetting(error):
    last = len(error) - 1
    drop = [error[last, d] - error[d:last, d].min() for d in range(last)]
    back = [error[d, d] - error[last, d] for d in range(last)]
    return np.mean(drop), np.mean(back)


def greedy(similarity):
    left = np.array(similarity, dtype=float)
    pairs = set()
    for _ in range(min(left.shape)):
        i, j = np.unravel_index(left.argmax(), left.shape)
        pairs.add((int(i), int(j)))
        left[i, :], left[:, j] = -np.inf, -np.inf
    return pairs


def best_ratio(n, m, gap, noise):
    worth = noise / (gap + noise / m)
    return n / (n + worth)


def test_solutions_pass():
    exercises.check_will_it_hurt(will_it_hurt)
    exercises.check_copyable(copyable)
    exercises.check_forgetting(forgetting)
    exercises.check_greedy_pairs(greedy)
    exercises.check_best_ratio(best_ratio)


def best_pairs(similarity):
    from scipy.optimize import linear_sum_assignment

    return set(zip(*map(list, linear_sum_assignment(similarity, maximize=True))))


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_will_it_hurt, lambda n, m, g, s: g > s / n, "source's own noise"),
        (exercises.check_will_it_hurt, lambda n, m, g, s: True, "one rating is noisier"),
        (exercises.check_will_it_hurt, lambda n, m, g, s: False, "knows better"),
        (exercises.check_copyable, lambda s, t: sorted(set(s) & set(t)), "number of rows"),
        (exercises.check_copyable, lambda s, t: ["head", "old", "users"], "no such part"),
        (exercises.check_forgetting, lambda e: (0.2, -0.2), "best so far"),
        (exercises.check_forgetting, lambda e: (0.4, 0.2), "diagonal with the last row"),
        (exercises.check_greedy_pairs, best_pairs, "best assignment"),
        (exercises.check_best_ratio, lambda n, m, g, s: n / (n + m), "source_weight"),
        (exercises.check_best_ratio, lambda n, m, g, s: 1.0, "without a gap"),
    ],
)
def test_likely_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
