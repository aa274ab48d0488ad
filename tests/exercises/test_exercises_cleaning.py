"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import cleaning as exercises
from recsys_book.preprocessing import modified_z_scores, resolve_repeats


def keep_last(log):
    ordered = log.sort_values("timestamp", kind="stable")
    return log.loc[~ordered.duplicated(["user", "item"], keep="last").reindex(log.index)]


def debounce(times, window):
    return np.diff(times, prepend=-np.inf) > window


def short_history(values):
    return np.abs(modified_z_scores(values)) > 3.5


def item_propensity(log, n_users):
    propensity = log.groupby("item")["value"].transform("size") / n_users
    return (log["value"] / propensity).sum() / (n_users * log["item"].nunique())


def which_scaling(z):
    if np.isclose(z.min(), 0) and np.isclose(z.max(), 1):
        return "min-max"
    return "z-score" if abs(z.mean()) < 1e-9 and np.isclose(z.std(), 1) else "neither"


def test_solutions_pass():
    exercises.check_keep_last(keep_last)
    exercises.check_keep_last(lambda log: resolve_repeats(log, "last")[0])
    exercises.check_debounce(debounce)
    exercises.check_short_history(short_history)
    exercises.check_item_propensity(item_propensity)
    exercises.check_item_propensity(lambda log, n: log.groupby("item")["value"].mean().mean())
    exercises.check_which_scaling(which_scaling)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (
            "check_keep_last",
            lambda log: log.drop_duplicates(["user", "item"], keep="last"),
            "order",
        ),
        ("check_keep_last", lambda log: log.index, "return a DataFrame"),
        ("check_debounce", lambda t, w: np.diff(t, prepend=-np.inf) >= w, "equal to the window"),
        ("check_short_history", lambda x: np.abs(x - x.mean()) > 3 * x.std(ddof=1), "unnoticed"),
        ("check_short_history", lambda x: x > 10 if np.ptp(x) else x > 0, "constant"),
        ("check_item_propensity", lambda log, n: log["value"].mean(), "no weights"),
        ("check_which_scaling", lambda z: "min-max", "the raw column"),
    ],
)
def test_mistakes_get_hints(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, checker)(wrong)


def test_a_function_that_changes_its_input_is_told_so():
    def destructive(log):
        log.drop(index=log.index[0], inplace=True)
        return log

    with pytest.raises(AssertionError, match="work on a copy"):
        exercises.check_keep_last(destructive)
