"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import tuning as exercises
from recsys_book.optimizers.selection import expected_best_of, seeds_needed


def verdict(train, valid, cured_train, cured_valid):
    if cured_valid < valid:
        return "helped"
    return "only fits less" if cured_valid == valid else "hurt"


def zero_share(w, threshold):
    return (w.abs() <= threshold).float().mean().item()


def bill(n, factor, rungs):
    return n * rungs


def scaled(lr, old, new, adaptive):
    return lr * (new / old) ** (0.5 if adaptive else 1.0)


def deflated(best, sd, n):
    return best + expected_best_of(n, sd)


def plan(pilot, goal):
    return seeds_needed(goal, float(np.std(pilot, ddof=1)))


def test_solutions_pass():
    exercises.check_overfitting_claim(verdict)
    exercises.check_zero_share(zero_share)
    exercises.check_halving_bill(bill)
    exercises.check_scaled_rate(scaled)
    exercises.check_deflated(deflated)
    exercises.check_seed_plan(plan)


def by_gap(train, valid, cured_train, cured_valid):
    return "helped" if cured_valid - cured_train < valid - train else "hurt"


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_overfitting_claim, lambda *a: "hurt", "what a cure is for"),
        (exercises.check_overfitting_claim, by_gap, "nothing was gained"),
        (
            exercises.check_overfitting_claim,
            lambda a, b, c, d: "only fits less" if d >= b else "helped",
            "learns nothing has no gap",
        ),
        (
            exercises.check_overfitting_claim,
            lambda a, b, c, d: verdict(a, b, c, d) if c > a else "hurt",
            "judge by validation",
        ),
        (exercises.check_zero_share, lambda w, t: 0.0, "threshold of 0"),
        (
            exercises.check_zero_share,
            lambda w, t: (w.abs() < t).float().mean().item() if t else 1 / 6,
            "exactly the threshold",
        ),
        (
            exercises.check_zero_share,
            lambda w, t: min(zero_share(w, t), 0.9) if t > 1 else zero_share(w, t),
            "leaves nothing",
        ),
        (exercises.check_halving_bill, lambda n, f, r: n * f ** (r - 1), "full training"),
        (exercises.check_halving_bill, lambda n, f, r: n, "same bill"),
        (exercises.check_scaled_rate, lambda lr, o, n, a: lr, "a quarter of the steps"),
        (exercises.check_scaled_rate, lambda lr, o, n, a: lr * n / o, "the root is left"),
        (
            exercises.check_scaled_rate,
            lambda lr, o, n, a: scaled(lr, o, n, a) if n > o else lr,
            "downwards",
        ),
        (exercises.check_deflated, lambda b, s, n: b + s, "not chosen"),
        (exercises.check_deflated, lambda b, s, n: b - expected_best_of(n, s), "lies above"),
        (exercises.check_deflated, lambda b, s, n: b + s * (n > 1), "add expected_best_of"),
        (
            exercises.check_seed_plan,
            lambda p, g: seeds_needed(float(np.mean(p)), float(np.std(p, ddof=1))),
            "happened to show",
        ),
        (exercises.check_seed_plan, lambda p, g: 3, "standard deviation"),
    ],
)
def test_wrong_answers_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
