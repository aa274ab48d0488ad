"""Right answers pass, and the likely wrong ones get a hint."""

from dataclasses import replace

import numpy as np
import pytest

from recsys_book.exercises import moving_tastes as exercises
from recsys_book.meta_learning.drift import (
    best_interval,
    hoeffding_cut,
    permute_dates,
    prequential,
    shuffle_histories,
)


def rank_one(inverse, x):
    moved = inverse @ x
    return inverse - np.outer(moved, moved) / (1 + x @ moved)


def without_denominator(inverse, x):
    moved = inverse @ x
    return inverse - np.outer(moved, moved)


def test_right_answers_pass():
    exercises.check_fading(lambda losses, factor: prequential(losses, fading=factor))
    exercises.check_rank_one(rank_one)
    exercises.check_smallest_jump(hoeffding_cut)
    exercises.check_interval(best_interval)
    exercises.check_same_sessions(permute_dates)


def unsorted(log, seed):
    new = permute_dates(log, seed)
    return new.select(np.arange(len(new))[::-1])


def far_away(log, seed):
    new = permute_dates(log, seed)
    return replace(new, timestamp=new.timestamp + 10**6)


@pytest.mark.parametrize(
    ("checker", "answer", "hint"),
    [
        ("fading", lambda losses, factor: losses[:1], "one mean an event"),
        ("fading", lambda losses, factor: losses * 2, "divide by the faded count"),
        ("fading", lambda losses, factor: prequential(losses), "older loss counts half"),
        ("rank_one", lambda inverse, x: 0.5, "return a matrix"),
        ("rank_one", without_denominator, "divide by one plus"),
        ("rank_one", lambda inverse, x: inverse / 2, "subtract the outer product"),
        ("smallest_jump", lambda n0, n1, d: 1 / (n0 + n1), "smaller side decides"),
        ("smallest_jump", lambda n0, n1, d: 1 / n0 + 1 / n1, "smaller delta"),
        ("smallest_jump", lambda n0, n1, d: 2 * hoeffding_cut(n0, n1, d), "squared ranges"),
        ("interval", lambda q, c: q * c, "fitted more often"),
        ("interval", lambda q, c: c / q, "by roots"),
        ("interval", lambda q, c: (c / q) ** 0.5, "derivative"),
        ("same_sessions", lambda log, seed: log.select(np.arange(3)), "keep every event"),
        ("same_sessions", unsorted, "sort the events"),
        ("same_sessions", shuffle_histories, "order of a user's items"),
        ("same_sessions", lambda log, seed: log, "other dates than before"),
        ("same_sessions", far_away, "same first dates"),
    ],
)
def test_wrong_answers_get_a_hint(checker, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, f"check_{checker}")(answer)
