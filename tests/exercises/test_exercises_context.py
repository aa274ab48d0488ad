"""Right answers pass, and the likely wrong ones get a hint."""

import numpy as np
import pytest

from recsys_book.exercises import context as exercises


def bound(rows, rewards, x, alpha, l2):
    gram = rows.T @ rows + l2 * np.eye(len(x))
    theta = np.linalg.solve(gram, rows.T @ rewards)
    return x @ theta + alpha * np.sqrt(x @ np.linalg.solve(gram, x))


def forget(inverse, x, sign=1, under=-1):
    moved = inverse @ x
    return inverse + sign * np.outer(moved, moved) / (1 + under * (x @ moved))


def propensity(bounds, eligible, epsilon):
    p = eligible * epsilon / eligible.sum()
    p[np.where(eligible, bounds, -np.inf).argmax()] += 1 - epsilon
    return p


def leaving(estimates, widths):
    best = int(np.argmax(estimates))
    wider = widths[1 - best] - widths[best]
    return (estimates[best] - estimates[1 - best]) / wider if wider > 0 else np.inf


def test_right_answers_pass():
    exercises.check_bound(bound)
    exercises.check_forget(forget)
    exercises.check_new_arm(lambda z, x, P, l2: x @ x / l2 + z @ P @ z)
    exercises.check_propensity(propensity)
    exercises.check_leaving(leaving)


def no_root(rows, rewards, x, alpha, l2):
    return bound(rows, rewards, x, 0, l2) + alpha / l2


def uniform_among_the_rest(bounds, eligible, epsilon):
    return np.array([0.4, 0.0, 0.6])


@pytest.mark.parametrize(
    ("checker", "answer", "hint"),
    [
        ("bound", lambda *_: None, "return the bound"),
        ("bound", no_root, "take the root"),
        ("bound", lambda *_: 7.0, "l2 times the identity"),
        ("bound", lambda X, r, x, a, b: a / b**0.5, "prediction of ridge"),
        ("bound", lambda X, r, x, a, b: bound(X, r, x, a if len(X) < 2 else 0, b), "add alpha"),
        ("forget", lambda P, x: 1.0, "return a matrix"),
        ("forget", lambda P, x: forget(P, x, -1, 1), "second time"),
        ("forget", lambda P, x: forget(P, x, 1, 1), "denominator"),
        ("forget", lambda P, x: P, "add the outer product"),
        ("new_arm", lambda z, x, P, l2: z @ P @ z, "own weights"),
        ("new_arm", lambda z, x, P, l2: x @ x / l2, "shared weights"),
        ("new_arm", lambda z, x, P, l2: 0.0, "B is zero"),
        ("propensity", lambda b, e, p: 1.0, "one probability"),
        ("propensity", lambda b, e, p: np.full(3, 1 / 3), "never shown"),
        ("propensity", lambda b, e, p: np.array([0.1, 0, 0.1]), "sum to one"),
        ("propensity", uniform_among_the_rest, "uniform part"),
        ("propensity", lambda b, e, p: np.array([0.5, 0, 0.5]), "epsilon over"),
        ("leaving", lambda e, w: (e.max() - e.min()) / w.max(), "compare the widths"),
        ("leaving", lambda e, w: 9.0, "solve"),
        ("leaving", lambda e, w: (e[0] - e[1]) / (w[1] - w[0]) * np.sign(e[0] - e[1]), "order"),
        ("leaving", lambda e, w: abs((e[0] - e[1]) / (w[1] - w[0])), "worse and surer"),
    ],
)
def test_wrong_answers_get_a_hint(checker, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, f"check_{checker}")(answer)
