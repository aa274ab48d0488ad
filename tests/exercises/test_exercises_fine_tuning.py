"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import fine_tuning as exercises


def click_loss(z, y):
    return np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))


def leave_one_out(X, y, l2):
    H = X @ np.linalg.solve(X.T @ X + l2 * np.eye(X.shape[1]), X.T)
    return (y - H @ y) / (1 - np.diag(H))


def lora_rank(inputs, outputs, part):
    return inputs * outputs // (part * (inputs + outputs))


def false_negatives(found, held_out):
    return np.mean(found / held_out)


ACCEPTED = [
    (exercises.check_stable_click_loss, click_loss),
    (exercises.check_leave_one_out, leave_one_out),
    (exercises.check_lora_rank, lora_rank),
    (exercises.check_false_negatives, false_negatives),
    (exercises.check_what_adapts, {"history", "step"}),
]


@pytest.mark.parametrize(("check", "answer"), ACCEPTED)
def test_the_printed_solution_passes(check, answer):
    check(answer)


def ordinary(X, y, l2):
    return y - X @ np.linalg.solve(X.T @ X + l2 * np.eye(X.shape[1]), X.T @ y)


REFUSED = [
    (exercises.check_stable_click_loss, lambda z, y: click_loss(z, y).mean(), "without a mean"),
    (exercises.check_stable_click_loss, lambda z, y: 0 * z, "costs log 2"),
    (
        exercises.check_stable_click_loss,
        lambda z, y: np.log1p(np.exp(z)) - y * z,
        "must not overflow",
    ),
    (exercises.check_leave_one_out, lambda X, y, l2: 0.0, "one residual a row"),
    (exercises.check_leave_one_out, ordinary, "ordinary residuals"),
    (exercises.check_leave_one_out, lambda X, y, l2: 2 * ordinary(X, y, l2), "nine times"),
    (exercises.check_lora_rank, lambda i, o, part: i * o // (i + o), "trains too much"),
    (exercises.check_lora_rank, lambda i, o, part: 192 if part == 1 else 1, "one more would fit"),
    (exercises.check_lora_rank, lambda i, o, part: i * o / (part * (i + o)), "whole number"),
    (exercises.check_false_negatives, lambda f, h: f.mean(), "only half"),
    (exercises.check_false_negatives, lambda f, h: 0.5, "found is the true one"),
    (exercises.check_false_negatives, lambda f, h: f.mean() / h.mean(), "each user's share"),
    (exercises.check_what_adapts, "step", "answer with a set"),
    (exercises.check_what_adapts, {"yes"}, "choose among"),
    (exercises.check_what_adapts, {"log", "history", "step"}, "the film stayed"),
    (exercises.check_what_adapts, {"history"}, "what moved the film"),
    (exercises.check_what_adapts, {"step"}, "same input"),
]


@pytest.mark.parametrize(("check", "answer", "hint"), REFUSED)
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_likely_mistake_gets_a_hint(check, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        check(answer)
