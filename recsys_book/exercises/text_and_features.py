"""Checkers of the exercises in *Text and features*; each raises ``AssertionError`` with a hint."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd


def check_name_the_scaling(answer: Callable[[np.ndarray, np.ndarray], str]) -> None:
    """Check a function that tells which scaling turned one column into another.

    Args:
        answer: takes the column before and after, returns ``"z-score"`` or ``"min-max"``.
    """
    rng = np.random.default_rng(0)
    for n in (5, 40):
        x = rng.lognormal(1, 1, n)
        z, m = (x - x.mean()) / x.std(), (x - x.min()) / (x.max() - x.min())
        assert answer(x, z) == "z-score", (
            "a column with mean 0 and standard deviation 1 is a z-score"
        )
        assert answer(x, m) == "min-max", "a column that runs exactly from 0 to 1 is min-max"
        assert answer(3 * x - 7, z) == "z-score", (
            "both scalings forget the unit: do not compare with the original values"
        )


def check_hours_apart(answer: Callable[[float, float], float]) -> None:
    """Check the distance between two hours of the day, the shorter way round.

    Args:
        answer: takes two hours, returns hours.
    """
    for a, b, apart in [(1, 4, 3), (23, 1, 2), (0, 12, 12), (6, 6, 0), (22.5, 3, 4.5)]:
        got = answer(a, b)
        assert got is not None and np.isclose(got, apart), (
            f"{a} and {b} o'clock are {apart} hours apart, not {got}: midnight is no wall"
        )
        assert np.isclose(answer(b, a), apart), "the distance must not depend on the order"


def check_read_the_target(answer: Callable[[np.ndarray, float, int], np.ndarray]) -> None:
    """Check that targets are recovered from leave-one-out means.

    Args:
        answer: takes the leave-one-out means of one category's rows, the category's mean and its
            number of rows; returns the targets.
    """
    rng = np.random.default_rng(1)
    for n in (2, 7, 30):
        target = rng.integers(1, 6, n).astype(float)
        left_out = (target.sum() - target) / (n - 1)
        got = np.asarray(answer(left_out, float(target.mean()), n), dtype=float)
        assert got.shape == target.shape, "return one target a row"
        assert np.allclose(got, target), (
            "the category's sum is n times its mean, and (n - 1) times a row's leave-one-out mean "
            "is that sum without the row's target"
        )


def check_unused_columns(
    answer: Callable[[Callable[[pd.DataFrame], np.ndarray], pd.DataFrame], list[str]],
) -> None:
    """Check a function that finds the columns which a model ignores.

    Args:
        answer: takes a model (frame → predictions) and a frame; returns column names.
    """
    rng = np.random.default_rng(2)
    columns = ["item", "purchase_frequency", "average_rating", "age"]
    frame = pd.DataFrame(rng.normal(size=(50, 4)), columns=columns)
    cases = [
        (lambda f: 2 * f["item"].to_numpy(), ["age", "average_rating", "purchase_frequency"]),
        (lambda f: (f["age"] * f["item"]).to_numpy(), ["average_rating", "purchase_frequency"]),
        (lambda f: f.sum(axis=1).to_numpy(), []),
    ]
    before = frame.copy()
    for model, unused in cases:
        got = sorted(answer(model, frame))
        assert got == unused, (
            f"for one model you returned {got}: shuffle one column at a time and see whether "
            "any prediction moves"
        )
    assert frame.equals(before), "work on a copy: the frame you were given has changed"


def check_mean_before(
    answer: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> None:
    """Check the mean rating of an item over strictly earlier events.

    Args:
        answer: takes items, ratings and timestamps; returns a mean a row, NaN without history.
    """
    rng = np.random.default_rng(3)
    item, rating = rng.integers(0, 4, 40), rng.integers(1, 6, 40).astype(float)
    time = rng.integers(0, 20, 40)
    truth = []
    for i, t in zip(item, time):
        past = rating[(item == i) & (time < t)]
        truth.append(past.mean() if len(past) else np.nan)
    got = np.asarray(answer(item, rating, time), dtype=float)
    assert got.shape == (40,), "return one mean a row"
    assert (np.isnan(got) == np.isnan(truth)).all(), (
        "a row without strictly earlier events of its item has no mean (NaN); "
        "events with the same timestamp are not earlier"
    )
    assert np.allclose(got, truth, equal_nan=True), "only the item's strictly earlier events count"
