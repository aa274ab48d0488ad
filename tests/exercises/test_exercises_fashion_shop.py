"""Right answers pass, and the likely wrong ones get a hint."""

import numpy as np
import pytest

from recsys_book.case_studies.fashion_shop import exaggeration, ftrl_weights, undo_sampling
from recsys_book.evaluation import rate_interval
from recsys_book.exercises import fashion_shop as exercises


def ftrl_step(z, n, g, *settings, sigma=True, square=True):
    w = float(ftrl_weights(np.array(z), np.array(n), *settings))
    new = n + (g * g if square else abs(g))
    pull = (np.sqrt(new) - np.sqrt(n)) / settings[0] * w if sigma else 0.0
    z = z + g - pull
    return z, new, float(ftrl_weights(np.array(z), np.array(new), *settings))


def rows_apart(a, b, last=True):
    def touch(n):
        return rate_interval(round(a * n), n)[1] >= rate_interval(round(b * n), n)[0]

    if last:
        return max(n for n in range(1, 1001) if touch(n)) + 1
    return min(n for n in range(1, 1001) if not touch(n))


def luck(effect, error, seed, both=True, keep=True):
    estimates = effect + error * np.random.default_rng(seed).normal(size=400_000)
    found = np.abs(estimates) > 1.959964 * error if keep else np.ones(len(estimates), bool)
    return (np.abs(estimates) if both else estimates)[found].mean() / effect


def choose(lows, safe):
    best = max(lows, key=lows.get)
    return safe if lows[safe] >= lows[best] else best


def test_right_answers_pass():
    exercises.check_sampling(undo_sampling)
    exercises.check_ftrl_step(ftrl_step)
    exercises.check_rows_apart(rows_apart)
    exercises.check_exaggeration(luck)
    exercises.check_exaggeration(lambda effect, error, seed: exaggeration(effect, error))
    exercises.check_choice(choose)


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        ("sampling", lambda rates, kept: kept * rates, "odds are multiplied"),
        ("sampling", lambda rates, kept: rates, "lower"),
        ("ftrl_step", lambda *a: ftrl_step(*a, sigma=False), "sigma times the old weight"),
        ("ftrl_step", lambda *a: ftrl_step(*a, square=False), "squared gradient"),
        ("rows_apart", lambda a, b: 10, "still touch"),
        ("rows_apart", lambda a, b: 900, "count down"),
        ("exaggeration", lambda *a: luck(*a, both=False), "absolute value|significant"),
        ("exaggeration", lambda *a: luck(*a, keep=False), "significant"),
        ("choice", lambda lows, safe: safe, "highest"),
        ("choice", lambda lows, safe: max(lows, key=lows.get), "in doubt"),
    ],
)
def test_wrong_answers_get_a_hint(check, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, f"check_{check}")(answer)
