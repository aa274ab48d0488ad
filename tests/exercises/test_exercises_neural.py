"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import neural as exercises


def log_q(scores, item, q):
    z = scores - np.log(q[item])
    z = z - z.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(axis=1)) - np.diag(z)))


def naive(z):
    return float(np.mean(np.log(np.exp(z).sum(axis=1)) - np.diag(z)))


def linear_time(V):
    return 0.5 * (np.square(V.sum(axis=0)) - np.square(V).sum(axis=0)).sum()


def divergence(mean, sigma):
    return 0.5 * np.sum(mean**2 + sigma**2 - 1 - 2 * np.log(sigma))


def layer(X, P, Q):
    users, items = X.sum(axis=1), np.maximum(X.sum(axis=0), 1)
    return (X / np.sqrt(users)[:, None] / np.sqrt(items)) @ Q


def several_right(k):
    return np.log(k), 0.0


def test_solutions_pass():
    exercises.check_log_q(log_q)
    exercises.check_linear_time(linear_time)
    exercises.check_divergence(divergence)
    exercises.check_layers(layer)
    exercises.check_several_right(several_right)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_log_q, lambda s, i, q: s, "one number"),
        (exercises.check_log_q, lambda s, i, q: 0.0, "ln 4"),
        (exercises.check_log_q, lambda s, i, q: naive(s), "lowered"),
        (exercises.check_log_q, lambda s, i, q: naive(s + np.log(q[i])), "subtract log q"),
        (exercises.check_log_q, lambda s, i, q: naive(s - np.log(q[i])[:, None]) - 0.0, "lowered"),
        (exercises.check_log_q, lambda s, i, q: naive(s - np.log(q[i])) + (len(s) == 5), "mean"),
        (exercises.check_log_q, lambda s, i, q: naive(s - np.log(q[i])), "overflows"),
        (exercises.check_linear_time, lambda V: 2 * linear_time(V), "halve"),
        (exercises.check_linear_time, lambda V: 0.0, "dot product"),
        (exercises.check_linear_time, lambda V: V[0] @ V[1], "halved"),
        (exercises.check_divergence, lambda m, s: 1.0, "do not diverge"),
        (exercises.check_divergence, lambda m, s: 0.0, "half of the squared"),
        (
            exercises.check_divergence,
            lambda m, s: 0.5 * np.sum(m**2 + s - 1 - np.log(s)),
            "square of sigma",
        ),
        (
            exercises.check_divergence,
            lambda m, s: 0.5 * np.mean(m**2 + s**2 - 1 - 2 * np.log(s)),
            "sum over",
        ),
        (exercises.check_layers, lambda X, P, Q: Q, "one vector a user"),
        (exercises.check_layers, lambda X, P, Q: X @ Q, "both degrees"),
        (
            exercises.check_layers,
            lambda X, P, Q: X @ Q / X.sum(axis=1, keepdims=True),
            "item 0 has one",
        ),
        (
            exercises.check_layers,
            lambda X, P, Q: X @ Q / np.sqrt(X.sum(axis=1, keepdims=True)),
            "must not reach",
        ),
        (exercises.check_several_right, lambda k: (1.0, 0.0), "both can reach 0"),
        (exercises.check_several_right, lambda k: (np.log(k), np.log(k)), "independent"),
        (exercises.check_several_right, lambda k: (0.0, 0.0), "sum to 1"),
    ],
)
def test_a_wrong_answer_gets_a_hint(checker, wrong, hint):
    with np.errstate(all="ignore"), pytest.raises(AssertionError, match=hint):
        checker(wrong)
