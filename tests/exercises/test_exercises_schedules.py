"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import schedules as exercises


def transformer(step, warmup):
    return min(step / warmup, (warmup / step) ** 0.5)


def plateau(losses, factor, patience, compare="best"):
    rate, best, bad, rates = 1.0, float("inf"), 0, []
    for loss in losses:
        bad = 0 if loss < best else bad + 1
        best = min(best, loss) if compare == "best" else loss
        if bad > patience:
            rate, bad = rate * factor, 0
        rates.append(rate)
    return rates


def never_reset(losses, factor, patience):
    rate, best, bad, rates = 1.0, float("inf"), 0, []
    for loss in losses:
        bad += loss >= best
        best = min(best, loss)
        if bad > patience:
            rate *= factor
        rates.append(rate)
    return rates


def no_zeroing(losses, factor, patience):
    rate, best, bad, rates = 1.0, float("inf"), 0, []
    for loss in losses:
        bad += loss >= best
        best = min(best, loss)
        if bad > patience:
            rate, bad = rate * factor, 0
        rates.append(rate)
    return rates


def slope(x, y, xv, yv, penalty):
    h = x @ x + penalty
    w = (x @ y) / h
    return (xv @ (xv * w - yv)) * (-w / h)


def average(g):
    T = len(g)
    return -(g * (T - np.arange(T)) / T).sum()


def test_solutions_pass():
    exercises.check_transformer(transformer)
    exercises.check_plateau(plateau)
    exercises.check_equal_distance(lambda floor: (1 + floor) / 2)
    exercises.check_ridge_slope(slope)
    exercises.check_average(average)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_transformer, lambda t, w: t**-0.5, "the factor is 1"),
        (exercises.check_transformer, lambda t, w: min(1, w / t), "straight line"),
        (exercises.check_transformer, lambda t, w: min(t / w, w / t), "one over the square root"),
        (
            exercises.check_transformer,
            lambda t, w: transformer(t, w) if t < 1000 else 0.0,
            "step 5000",
        ),
        (exercises.check_plateau, lambda s, f, p: [f**n for n in range(len(s))], "the rate stays"),
        (exercises.check_plateau, lambda s, f, p: plateau(s, f, 0), "tolerates one bad epoch"),
        (exercises.check_plateau, no_zeroing, "back to zero"),
        (
            exercises.check_plateau,
            lambda s, f, p: plateau(s, f, p) if len(s) < 5 else never_reset(s, f, p),
            "starts anew",
        ),
        (
            exercises.check_plateau,
            lambda s, f, p: plateau(s, f, p, compare="last" if p == 0 else "best"),
            "best loss so far",
        ),
        (exercises.check_equal_distance, lambda floor: 0.5, "never falls"),
        (exercises.check_equal_distance, lambda floor: 1.0, "half a wave"),
        (exercises.check_equal_distance, lambda floor: (1 + floor**2) / 2, "top and the floor"),
        (exercises.check_ridge_slope, lambda *a: -slope(*a), "the sign is turned"),
        (exercises.check_ridge_slope, lambda *a: 2 * slope(*a), "multiply the validation"),
        (exercises.check_average, lambda g: -g.sum(), "the last iterate"),
        (exercises.check_average, lambda g: -g.mean(), "T - k of T"),
    ],
)
def test_wrong_answers_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
