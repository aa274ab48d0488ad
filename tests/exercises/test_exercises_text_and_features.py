"""The checkers accept a right answer and explain a wrong one."""

import numpy as np
import pandas as pd
import pytest

from recsys_book.exercises import text_and_features as exercises


def name_the_scaling(before, after):
    return "z-score" if abs(after.mean()) < 1e-9 else "min-max"


def hours_apart(a, b):
    return min(abs(a - b), 24 - abs(a - b))


def read_the_target(left_out, mean, n):
    return n * mean - (n - 1) * left_out


def unused_columns(model, frame):
    unused = []
    for column in frame:
        changed = frame.copy()
        changed[column] = frame[column].to_numpy()[::-1]
        if np.allclose(model(changed), model(frame)):
            unused.append(column)
    return unused


def mean_before(item, rating, time):
    return [
        rating[(item == i) & (time < t)].mean() if ((item == i) & (time < t)).any() else np.nan
        for i, t in zip(item, time)
    ]


def test_right_answers_pass():
    exercises.check_name_the_scaling(name_the_scaling)
    exercises.check_hours_apart(hours_apart)
    exercises.check_read_the_target(read_the_target)
    exercises.check_unused_columns(unused_columns)
    exercises.check_mean_before(mean_before)


def spoils_the_frame(model, frame):
    unused = unused_columns(model, frame)
    frame["age"] = 0.0
    return unused


def mean_up_to_now(item, rating, time):
    return [rating[(item == i) & (time <= t)].mean() for i, t in zip(item, time)]


def mean_of_all_items(item, rating, time):
    truth = np.array(mean_before(item, rating, time))
    return np.where(np.isnan(truth), np.nan, rating.mean())


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        ("name_the_scaling", lambda b, a: "min-max", "is a z-score"),
        ("name_the_scaling", lambda b, a: "z-score", "is min-max"),
        (
            "name_the_scaling",
            lambda b, a: "min-max" if a.min() == 0 or b.min() < 0 else "z-score",
            "forget the unit",
        ),
        ("hours_apart", lambda a, b: abs(a - b), "midnight is no wall"),
        ("hours_apart", lambda a, b: None, "not None"),
        ("hours_apart", lambda a, b: (b - a) % 24 if (a, b) != (4, 1) else 21, "order"),
        ("read_the_target", lambda x, m, n: x, "n times its mean"),
        ("read_the_target", lambda x, m, n: m, "one target a row"),
        ("unused_columns", lambda model, frame: [], "shuffle one column"),
        ("unused_columns", spoils_the_frame, "the frame you were given has changed|shuffle"),
        ("mean_before", lambda i, r, t: 0.0, "one mean a row"),
        ("mean_before", mean_up_to_now, "same timestamp"),
        ("mean_before", mean_of_all_items, "strictly earlier events count"),
    ],
)
def test_wrong_answers_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, f"check_{checker}")(wrong)


def test_a_frame_is_what_the_checker_gives():
    seen = []
    with pytest.raises(AssertionError):
        exercises.check_unused_columns(lambda model, frame: seen.append(type(frame)) or ["x"])
    assert seen == [pd.DataFrame]
