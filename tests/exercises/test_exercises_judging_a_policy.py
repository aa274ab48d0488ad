"""Right answers pass, and the likely wrong ones get a hint."""

import numpy as np
import pytest

from recsys_book.exercises import judging_a_policy as exercises


def weights(r, pi, p):
    w = pi / p
    return (w * r).mean(), (w * r).sum() / w.sum()


def doubly_robust(r, a, p, pi, q, model=1.0, whole=False):
    rows = np.arange(len(r))
    w = pi[rows, a] / p
    residual = r if whole else r - q[rows, a]
    return np.mean((pi * q).sum(axis=1) + model * w * residual)


def cascade(r, pi, p):
    return (np.cumprod(pi / p, axis=1) * r).sum(axis=1).mean()


def test_right_answers_pass():
    exercises.check_weights(weights)
    exercises.check_longer_log(lambda K: K)
    exercises.check_doubly_robust(doubly_robust)
    exercises.check_floor(lambda K, M: K / M)
    exercises.check_cascade(cascade)


@pytest.mark.parametrize(
    ("checker", "answer", "hint"),
    [
        ("weights", lambda r, pi, p: (0.0,), "return two numbers"),
        ("weights", lambda r, pi, p: ((r * pi * p).mean() * 2, 0), "do not multiply"),
        ("weights", lambda r, pi, p: ((r * pi / p).sum(), 0), "divide by n"),
        ("weights", lambda r, pi, p: ((r * pi / p).mean(),) * 2, "the sum of the weights"),
        ("weights", lambda r, pi, p: (1.0, 0.3), "2 and 1.5"),
        ("longer_log", lambda K: 1, "is not 1"),
        ("longer_log", lambda K: K**2, "enters once"),
        ("longer_log", lambda K: K**0.5, "no root"),
        ("longer_log", lambda K: K + 1, "put w = K"),
        ("doubly_robust", lambda *a: doubly_robust(*a, model=0), "the model alone"),
        ("doubly_robust", lambda *a: doubly_robust(*a, whole=True), "weight the residual"),
        ("doubly_robust", lambda *a: doubly_robust(*a) + 1, "all K actions"),
        ("floor", lambda K, M: 1 / M, r"only e / K"),
        ("floor", lambda K, M: M / K, "at most 1"),
        ("floor", lambda K, M: 0.2, "solve K / e"),
        ("cascade", lambda r, pi, p: ((pi / p).prod(1) * r.sum(1)).mean(), "cumulative"),
        ("cascade", lambda r, pi, p: (pi / p * r).sum(1).mean(), "slots above too"),
        ("cascade", lambda r, pi, p: cascade(r, pi, p) / 3, "mean over pages"),
    ],
)
def test_wrong_answers_get_a_hint(checker, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, f"check_{checker}")(answer)
