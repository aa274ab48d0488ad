"""Right answers pass, and the likely wrong ones get a hint."""

import numpy as np
import pytest

from recsys_book.exercises import rewards_that_come_later as exercises


def returns(rewards, discount):
    out, after = np.zeros(len(rewards)), 0.0
    for t in reversed(range(len(rewards))):
        out[t] = after = rewards[t] + discount * after
    return out


def backup(P, r, v, discount):
    return (r + discount * (P @ v).T).max(axis=1)


def baseline(p, r):
    length = ((np.eye(len(p)) - p) ** 2).sum(axis=1)
    return (p * length * r).sum() / (p * length).sum()


def double(r, one, two, discount):
    return r + discount * two[np.arange(len(r)), one.argmax(axis=1)]


def multiplier(p, k):
    return k * (1 - p) ** (k - 1)


def visits(target, logging, share):
    return int(np.log(1 / share) / np.log((target**2 / logging).sum()))


def test_right_answers_pass():
    exercises.check_returns(returns)
    exercises.check_backup(backup)
    exercises.check_best_baseline(baseline)
    exercises.check_double_target(double)
    exercises.check_top_k(multiplier)
    exercises.check_usable_visits(visits)


@pytest.mark.parametrize(
    ("checker", "answer", "hint"),
    [
        ("returns", lambda r, d: r.sum(), "one return a step"),
        ("returns", lambda r, d: r * 0, "last return"),
        ("returns", lambda r, d: r[::-1].cumsum()[::-1], "discounted twice"),
        ("returns", lambda r, d: np.array([3.0, 4, 8]), "go backwards"),
        ("returns", lambda r, d: np.array([2.0, 4, 8]) if len(r) == 3 else r, "reward of now"),
        ("backup", lambda P, r, v, d: backup(P, r, v, d).max(), "one value a state"),
        ("backup", lambda P, r, v, d: r.max(axis=1), "discounted value"),
        (
            "backup",
            lambda P, r, v, d: r.max(axis=1) + d * (P @ v).max(axis=0),
            "before you take the maximum",
        ),
        ("backup", lambda P, r, v, d: (r + (P @ v).T).max(axis=1), "maximum over actions"),
        ("best_baseline", lambda p, r: p @ r if len(p) > 2 else baseline(p, r), "long scores"),
        ("best_baseline", lambda p, r: 0.0, "squared length"),
        ("double_target", lambda r, a, b, d: r[:2], "one target a row"),
        ("double_target", lambda r, a, b, d: r + d * a.max(axis=1), "judge itself"),
        ("double_target", lambda r, a, b, d: r + d * b.max(axis=1), "must not choose"),
        ("double_target", lambda r, a, b, d: double(r, b, a, d), "chooser's best"),
        ("top_k", lambda p, k: p, "ordinary case"),
        ("top_k", lambda p, k: 1, "in the list anyway"),
        ("top_k", lambda p, k: (1 - p) ** (k - 1), "K chances"),
        ("top_k", lambda p, k: k ** (1 - 2 * p) if k > 1 else 1, "differentiate"),
        ("usable_visits", lambda p, q, s: 9, "keeps a quarter"),
        ("usable_visits", lambda p, q, s: 1, "multiply"),
        ("usable_visits", lambda p, q, s: 1 if s > 0.1 else 5, "mean square"),
    ],
)
def test_wrong_answers_get_a_hint(checker, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, f"check_{checker}")(answer)
