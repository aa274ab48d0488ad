"""Right answers pass, and the likely wrong ones get a hint."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from recsys_book.evaluation import users_per_arm
from recsys_book.exercises import experiments as exercises
from recsys_book.exploration import experiments as ex


def two_rates(a, b):
    z = norm.isf(0.025) + norm.ppf(0.8)
    return math.ceil(z**2 * (a * (1 - a) + b * (1 - b)) / (b - a) ** 2)


def ratio_error(clicks, seen):
    return ex.linearised(clicks, seen).std(ddof=1) / len(seen) ** 0.5


def theta(y, x):
    made = ex.cuped(y, x)
    return made.theta, made.variance_ratio


def draft(a, b, coins):
    out = []
    for coin in coins:
        for ranking in (b, a) if coin else (a, b):
            out.append(next(item for item in ranking if item not in out))
    return out


def test_right_answers_pass():
    exercises.check_two_rates(two_rates)
    exercises.check_ratio_error(ratio_error)
    exercises.check_betting(lambda steps: np.cumprod(1 + 0.1 * np.asarray(steps)))
    exercises.check_theta(theta)
    exercises.check_teams(draft)


def pooled(clicks, seen):
    rate = clicks.sum() / seen.sum()
    return (rate * (1 - rate) / seen.sum()) ** 0.5


@pytest.mark.parametrize(
    "check, wrong, hint",
    [
        (exercises.check_two_rates, lambda a, b: users_per_arm(a, b - a), "of the other"),
        (exercises.check_two_rates, lambda a, b: two_rates(a, b) + 0.5, "round up"),
        (exercises.check_two_rates, lambda a, b: 100, "more users"),
        (exercises.check_ratio_error, pooled, "hang together"),
        (
            exercises.check_ratio_error,
            lambda c, s: (c / s).std(ddof=1) / len(s) ** 0.5,
            "count more",
        ),
        (exercises.check_ratio_error, lambda c, s: 0.0, "mean impressions"),
        (exercises.check_betting, lambda s: 1 + 0.1 * np.cumsum(s), "fortune then"),
        (exercises.check_betting, lambda s: np.cumprod(1 + 0.2 * np.asarray(s)), "a tenth"),
        (exercises.check_betting, lambda s: 1.1, "after each"),
        (exercises.check_theta, lambda y, x: (1 / theta(y, x)[0], 0.5), "variance of x"),
        (exercises.check_theta, lambda y, x: (theta(y, x)[0], 0.5), "squared correlation"),
        (exercises.check_teams, lambda a, b, c: [a[0], b[0]], "begins"),
        (exercises.check_teams, lambda a, b, c: draft(a, b, [0] * len(c)), "other coin"),
        (exercises.check_teams, lambda a, b, c: draft(a, b, [c[0]] * len(c)), "."),
    ],
)
def test_wrong_answers_get_a_hint(check, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check(wrong)
