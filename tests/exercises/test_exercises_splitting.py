"""Each checker accepts a right answer and says something useful about a wrong one."""

import numpy as np
import pytest

from recsys_book.evaluation import evaluate_ranking
from recsys_book.exercises import splitting as exercises
from recsys_book.preprocessing import cold_item_split, cold_user_split
from recsys_book.recommenders import GenreProfile, Popularity, genre_matrix


def last_k(log, k):
    order = log.order_by_time()
    order = order[np.argsort(log.user[order], kind="stable")]
    user = log.user[order]
    from_end = np.searchsorted(user, user, side="right") - np.arange(len(user)) - 1
    size = np.bincount(log.user, minlength=log.n_users)[user]
    return order[from_end < np.minimum(k, size - 1)]


def history(log):
    out = np.zeros((len(log), 2))
    for row in range(len(log)):
        mine = (log.user == log.user[row]) & (log.timestamp < log.timestamp[row])
        if mine.any():
            out[row] = mine.sum(), log.value[mine].mean()
    return out


def cold_claims(log, items):
    features, _ = genre_matrix(items["genres"])
    found = {}
    for name, split in (("new items", cold_item_split(log)), ("new users", cold_user_split(log))):
        models = [GenreProfile(features), Popularity()]
        a, b = (evaluate_ranking(m.fit(split.train), split).mean()["ndcg"] for m in models)
        found[name] = a - b
    return found


def items_kept(count, share):
    return np.sum(1 - (1 - share) ** count)


RIGHT = [
    (exercises.check_last_k, last_k),
    (exercises.check_user_history, history),
    (exercises.check_cold_claims, cold_claims),
    (exercises.check_items_kept, items_kept),
]


@pytest.mark.parametrize(("checker", "answer"), RIGHT)
def test_a_right_answer_is_accepted(checker, answer):
    assert checker(answer) is None


def random_rows(log, k):
    rng = np.random.default_rng(0)
    picks = []
    for user in np.unique(log.user):
        own = np.flatnonzero(log.user == user)
        picks += rng.choice(own, min(k, len(own) - 1), replace=False).tolist()
    return picks


def totals(log):
    count = np.bincount(log.user, minlength=log.n_users)
    mean = np.bincount(log.user, log.value, log.n_users) / np.maximum(count, 1)
    return np.column_stack([count, mean])[log.user]


WRONG = [
    (exercises.check_last_k, lambda log, k: np.tile(last_k(log, k), 2), "twice"),
    (exercises.check_last_k, lambda log, k: np.arange(len(log)), "every user keeps one"),
    (exercises.check_last_k, random_rows, "older than a kept one"),
    (exercises.check_user_history, lambda log: log.value, "two columns"),
    (exercises.check_user_history, totals, "change when all events at or after"),
    (exercises.check_user_history, lambda log: history(log) + [1, 0], "count the user's events"),
    (exercises.check_user_history, lambda log: history(log) * [1, 2], "mean value"),
    (exercises.check_cold_claims, lambda log, items: {"new items": 1.0}, "keys"),
    (exercises.check_cold_claims, lambda log, items: {"new items": 1, "new users": 0}, "new items"),
    (exercises.check_items_kept, lambda count, share: np.sum(count > 0), "one event"),
    (exercises.check_items_kept, lambda count, share: share * len(count), "two events"),
    (
        exercises.check_items_kept,
        lambda c, s: np.mean(1 - (1 - s) ** c),
        "expectation of a sum",
    ),
]


@pytest.mark.parametrize(("checker", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_a_hint(checker, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(answer)


def test_content_helps_new_items_and_not_new_users():
    found = cold_claims(*exercises._genre_log())
    assert found["new items"] > 0.1 and abs(found["new users"]) < 1e-12
