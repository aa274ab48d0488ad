"""Each checker of the introduction accepts a right answer and explains a wrong one."""

import numpy as np
import pytest

from recsys_book.exercises import introduction as ex


def count(items, n_items, k):
    counts = np.bincount(items, minlength=n_items)
    return np.argsort(-counts, kind="stable")[:k]


def stream(scores, elapsed, item, half_life):
    scores = scores * 0.5 ** (elapsed / half_life)
    scores[item] += 1
    return scores


def in_place(scores, elapsed, item, half_life):
    scores *= 0.5 ** (elapsed / half_life)
    scores[item] += 1
    return scores


def regressions(X, l2):
    n = X.shape[1]
    B = np.zeros((n, n))
    for j in range(n):
        others = np.delete(np.arange(n), j)
        Z = X[:, others]
        B[others, j] = np.linalg.solve(Z.T @ Z + l2 * np.eye(n - 1), Z.T @ X[:, j])
    return B


RIGHT = [
    (ex.check_count, count),
    (ex.check_streaming, stream),
    (ex.check_regressions, regressions),
    (ex.check_cold_start, {"new item": True, "new user": False}),
    (ex.check_history, list(ex.HISTORY)),
    (ex.check_families, dict(ex.FAMILIES)),
]

WRONG = [
    (ex.check_count, 7, "function"),
    (ex.check_count, lambda i, n, k: [0] * k, "most frequent are 2 and 0"),
    (
        ex.check_count,
        lambda i, n, k: np.lexsort((-np.arange(n), -np.bincount(i, minlength=n)))[:k],
        "level",
    ),
    (
        ex.check_count,
        lambda i, n, k: [2, 0] if len(i) == 6 else [1, 3],
        "still belong",
    ),
    (
        ex.check_count,
        lambda i, n, k: {6: [2, 0], 4: [1, 3, 0]}.get(len(i), range(k)),
        "random log",
    ),
    (ex.check_streaming, None, "function"),
    (ex.check_streaming, lambda s, t, i, h: s, "only adds one"),
    (ex.check_streaming, lambda s, t, i, h: s + np.eye(len(s))[i], "count half"),
    (ex.check_streaming, in_place, "copy them"),
    (
        ex.check_streaming,
        lambda s, t, i, h: (s if t == 0 else s * 0.5) + np.eye(len(s))[i],
        "weighted sum",
    ),
    (ex.check_regressions, 3, "function"),
    (ex.check_regressions, lambda X, l2: np.zeros(8), "shape"),
    (ex.check_regressions, lambda X, l2: np.eye(8), "predict itself"),
    (ex.check_regressions, lambda X, l2: regressions(X, l2).T, "transposed"),
    (ex.check_regressions, lambda X, l2: regressions(X, l2 + 1), "closed form"),
    (ex.check_cold_start, [True, False], "dictionary"),
    (ex.check_cold_start, {"new item": True}, "new user"),
    (ex.check_cold_start, {"new item": False, "new user": False}, "still has genres"),
    (ex.check_cold_start, {"new item": True, "new user": True}, "no profile"),
    (ex.check_history, ["Tapestry"], "each of these names once"),
    (ex.check_history, list(ex.HISTORY)[::-1], "place 1"),
    (ex.check_families, {**ex.FAMILIES, "EASE": "hybrid"}, "who watched what"),
]


@pytest.mark.parametrize("checker, answer", RIGHT, ids=lambda x: getattr(x, "__name__", ""))
def test_a_right_answer_passes(checker, answer):
    checker(answer)


@pytest.mark.parametrize("checker, answer, hint", WRONG)
def test_a_wrong_answer_gets_a_hint(checker, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(answer)
