"""Checkers for the exercises of the chapter on cleaning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd


def check_keep_last(answer: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Check a function that keeps the latest event of each user and item.

    Args:
        answer: Takes an event log, returns the kept rows with labels and order of the log.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    log = pd.DataFrame(
        {
            "user": [1, 1, 2, 1, 2],
            "item": [7, 7, 7, 8, 7],
            "value": [5.0, 2.0, 3.0, 4.0, 1.0],
            "timestamp": [90, 10, 50, 60, 50],
        },
        index=[10, 11, 12, 13, 14],
    )
    before = log.copy()
    kept = answer(log)
    assert log.equals(before), "your function changes the log that it was given; work on a copy"
    assert isinstance(kept, pd.DataFrame), "return a DataFrame, the kept rows of the log"
    labels = list(kept.index)
    assert 11 not in labels, "row 11 is not user 1's latest event on item 7: order by timestamp"
    assert 12 not in labels, "rows 12 and 14 are tied in time: of tied rows the later one stays"
    assert sorted(labels) == [10, 13, 14], "one row for each pair of user and item must stay"
    assert labels == [10, 13, 14], "return the rows in the order of the log, with their labels"


def check_debounce(answer: Callable[[np.ndarray, float], np.ndarray]) -> None:
    """Check a function that marks the first row of each chain of close times.

    Args:
        answer: Takes (n,) increasing times and a window, returns (n,) booleans.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    times = np.array([0.0, 1.0, 2.0, 10.0, 12.0, 15.0])
    keep = np.asarray(answer(times, 2.0))
    assert keep.shape == (6,) and keep.dtype == bool, "return one boolean for each time"
    assert keep[0], "the first event has no event before it, so it stays"
    assert not keep[2], "2.0 is close to the event before it (1.0): in a chain only the first stays"
    assert not keep[4], "a gap equal to the window counts as close"
    assert keep.tolist() == [True, False, False, True, False, True], "compare neighbours"
    assert len(answer(np.array([]), 2.0)) == 0, "an empty history has an empty answer"


def check_short_history(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    """Check an outlier rule that must work on fewer than ten values.

    Args:
        answer: Takes (n,) values, returns (n,) booleans, true for an outlier.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    found = np.asarray(answer(np.array([4.0, 5.0, 3.0, 4.0, 80.0, 3.0])))
    assert found.shape == (6,) and found.dtype == bool, "return one boolean for each value"
    assert found[4], "80 among six ratings goes unnoticed: no z-score of six values exceeds 2.04"
    assert found.sum() == 1, "only the 80 is unusual; is your threshold 3.5 on the robust score?"
    calm = np.asarray(answer(np.array([3.0, 4.0, 5.0, 4.0, 3.0, 2.0])))
    assert not calm.any(), "nothing is unusual in 3, 4, 5, 4, 3, 2"
    constant = np.asarray(answer(np.full(7, 0.1)))
    assert not constant.any(), "a constant history has no outliers: mind the division by zero"


def check_item_propensity(answer: Callable[[pd.DataFrame, int], float]) -> None:
    """Check an estimate of the mean of all ratings, seen and unseen, from item propensities.

    Args:
        answer: Takes a log of distinct pairs and the number of users, returns the estimate.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    log = pd.DataFrame({"user": [0, 1, 2, 0], "item": [7, 7, 7, 8], "value": [5.0, 4.0, 3.0, 1.0]})
    estimate = float(answer(log, 4))
    assert abs(estimate - 3.25) > 1e-9, "3.25 is the mean of the observed ratings: no weights yet"
    assert abs(estimate - 10) > 1e-9, "divide the weighted sum by users times items, not by rows"
    assert abs(estimate - 2.5) < 1e-9, "the propensity of an item is its raters over all users"
    assert abs(float(answer(log, 400)) - 2.5) < 1e-9, "with more users the propensities fall too"


def check_which_scaling(answer: Callable[[np.ndarray], str]) -> None:
    """Check a function that says which of two scalings a training column went through.

    Args:
        answer: Takes (n,) transformed values, returns "min-max", "z-score" or "neither".

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    raw = np.random.default_rng(0).lognormal(3, 1, 200)
    unit = (raw - raw.min()) / (raw.max() - raw.min())
    standard = (raw - raw.mean()) / raw.std()
    assert answer(raw) == "neither", "the raw column has neither range 0 to 1 nor mean 0 and sd 1"
    assert answer(unit) == "min-max", "a min-max column has minimum 0 and maximum 1"
    assert answer(standard) == "z-score", (
        "a z-score column has mean 0 and standard deviation 1 (np.std, dividing by n)"
    )
    shifted = unit + 0.5
    assert answer(shifted) == "neither", "a range of width 1 is not enough: it must begin at 0"
