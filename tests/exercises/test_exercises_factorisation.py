"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import factorisation as exercises


def rank_for_share(s, share):
    energy = np.cumsum(s**2) / (s**2).sum()
    return int(np.searchsorted(energy, share - 1e-12)) + 1


def sgd_step(p, q, error, rate, l2):
    return p + rate * (error * q - l2 * p), q + rate * (error * p - l2 * q)


def in_turn(p, q, error, rate, l2):
    p = p + rate * (error * q - l2 * p)
    return p, q + rate * (error * p - l2 * q)


def soft_threshold(X, shrink):
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    return (U * np.maximum(s - shrink, 0)) @ Vt


def no_floor(X, shrink):
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    return (U * (s - shrink)) @ Vt


def gram(G, Q_seen, confidence):
    return G + Q_seen.T @ ((confidence - 1)[:, None] * Q_seen)


def rank_loss(n_items, draws):
    return sum(1 / r for r in range(1, (n_items - 1) // draws + 1))


def test_solutions_pass():
    exercises.check_rank_for_share(rank_for_share)
    exercises.check_sgd_step(sgd_step)
    exercises.check_soft_threshold(soft_threshold)
    exercises.check_gram(gram)
    exercises.check_rank_loss(rank_loss)
    exercises.check_which_claim("b")


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (
            exercises.check_rank_for_share,
            lambda s, share: int(np.searchsorted(np.cumsum(s) / s.sum(), share)) + 1,
            "sum of squares",
        ),
        (exercises.check_rank_for_share, lambda s, share: 2, "one value is enough"),
        (exercises.check_sgd_step, in_turn, "old p"),
        (exercises.check_sgd_step, lambda p, q, e, r, l2: (p, q), "moves along q"),
        (
            exercises.check_sgd_step,
            lambda p, q, e, r, l2: sgd_step(p, q, e, r, 0),
            "penalty alone",
        ),
        (exercises.check_soft_threshold, no_floor, "below zero"),
        (exercises.check_soft_threshold, lambda X, s: np.maximum(X - s, 0), "stays as it is"),
        (
            exercises.check_gram,
            lambda G, Q, c: G + Q.T @ (c[:, None] * Q),
            "every seen item once already",
        ),
        (exercises.check_gram, lambda G, Q, c: G, "sum over all items"),
        (exercises.check_rank_loss, lambda n, draws: (n - 1) // draws, r"1 \+ 1/2"),
        (exercises.check_which_claim, "a", "same order"),
        (exercises.check_which_claim, "c", "two unknowns"),
        (exercises.check_which_claim, "d", "closed form"),
        (exercises.check_which_claim, 7, "letters"),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
