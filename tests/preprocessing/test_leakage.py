"""Leakage assertions: each accepts an honest split and names the first offender of another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_book.data.interactions import Interactions
from recsys_book.preprocessing import (
    LeakageError,
    Split,
    assert_cold_items,
    assert_cold_users,
    assert_features_as_of,
    assert_no_overlap,
    assert_past_only,
    assert_past_only_per_user,
    assert_same_vocabulary,
    assert_warm_users,
    cold_item_split,
    cold_user_split,
    expected_future_share,
    future_shares,
    kfold,
    leave_one_out,
    per_user_random_split,
    random_split,
    rolling_cuts,
    stratified_split,
    temporal_split,
)


def log_of(user, item, timestamp):
    user, item = np.asarray(user), np.asarray(item)
    return Interactions(
        user, item, np.ones(len(user)), timestamp, np.arange(10) * 10, np.arange(10)
    )


def split_of(train, test, name="made"):
    return Split(log_of(*train), log_of(*test), name)


NOTHING = ([], [], np.array([], dtype=np.int64))
HONEST = split_of(([0, 1], [0, 1], [1, 2]), ([0, 1], [2, 3], [3, 4]))


def error(function, *args, **kwargs):
    with pytest.raises(LeakageError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


def test_an_honest_split_passes_everything():
    for check in (
        assert_no_overlap,
        assert_past_only,
        assert_past_only_per_user,
        assert_same_vocabulary,
        assert_warm_users,
        assert_cold_items,
    ):
        assert check(HONEST) is None
    assert_past_only(HONEST, strict=True)
    assert_past_only_per_user(HONEST, strict=True)
    assert_no_overlap(HONEST, on=("user", "item"))


def test_overlap_is_found_by_event_and_by_pair():
    split = split_of(([0, 1, 2], [5, 5, 6], [1, 2, 9]), ([1, 2, 1], [4, 6, 5], [7, 8, 2]))
    assert error(assert_no_overlap, split) == (
        "made: the event (user 10, item 5, 1970-01-01T00:00:02) is also in train "
        "(same user, item, timestamp); remove duplicates before splitting."
    )
    message = error(assert_no_overlap, split, on=("user", "item"))
    assert "(user 20, item 6, 1970-01-01T00:00:08)" in message and "(same user, item)" in message


def test_the_future_is_found_globally():
    split = split_of(([0, 3, 0], [0, 1, 0], [1, 5, 2]), ([2, 1, 1], [2, 3, 4], [5, 4, 3]))
    assert error(assert_past_only, split) == (
        "made: the event (user 10, item 3, 1970-01-01T00:00:04) is tested, but train already holds "
        "the event (user 30, item 1, 1970-01-01T00:00:05); cut the log by time with temporal_split."
    )
    assert "user 20, item 2" in error(assert_past_only, split, strict=True)


def test_the_future_is_found_per_user():
    split = split_of(([0, 1, 0], [0, 1, 4], [1, 9, 5]), ([1, 0, 0], [2, 3, 4], [9, 5, 4]))
    assert error(assert_past_only_per_user, split) == (
        "made: the event (user 0, item 4, 1970-01-01T00:00:04) is tested, but train holds a later "
        "event of the same user; hold out each user's last events with leave_one_out."
    )
    assert "user 10, item 2" in error(assert_past_only_per_user, split, strict=True)
    other = split_of(([0], [0], [9]), ([1], [1], [1]))
    assert_past_only_per_user(other, strict=True)
    error(assert_past_only, other)


def test_a_user_without_training_rows_has_no_future_in_train():
    split = split_of(([0], [0], [5]), ([1], [1], [0]))
    assert_past_only_per_user(split, strict=True)


def test_empty_sides_leak_nothing():
    for train, test in ((NOTHING, NOTHING), (NOTHING, ([0], [0], [1])), (([0], [0], [1]), NOTHING)):
        split = split_of(train, test)
        for check in (assert_no_overlap, assert_past_only, assert_past_only_per_user):
            assert check(split) is None


def test_cold_and_warm_entities():
    split = split_of(([0, 1], [0, 1], [1, 2]), ([2, 1], [0, 7], [3, 4]))
    assert error(assert_cold_users, split) == (
        "made: the event (user 10, item 7, 1970-01-01T00:00:04) is tested as a cold user, but "
        "train holds events of this user; split with cold_user_split."
    )
    assert error(assert_cold_items, split) == (
        "made: the event (user 20, item 0, 1970-01-01T00:00:03) is tested as a cold item, but "
        "train holds events of this item; split with cold_item_split."
    )
    assert error(assert_warm_users, split) == (
        "made: the event (user 20, item 0, 1970-01-01T00:00:03) is tested, but train holds no "
        "event of this user; drop cold users or score them by a rule of their own."
    )


def test_two_vocabularies_are_refused():
    left = log_of([0], [0], [1])
    for users, items, words in (
        (np.arange(10) * 10 + (np.arange(10) > 3), left.items, "the users of train (10)"),
        (
            left.users,
            np.arange(9),
            "the items of train (10) and test (9) differ from position 9 on",
        ),
    ):
        right = Interactions(left.user, left.item, left.value, left.timestamp, users, items)
        message = error(assert_same_vocabulary, Split(left, right, "made"))
        assert message.startswith("made: ") and words in message
    assert "from position 4 on" in error(
        assert_same_vocabulary,
        Split(
            left,
            Interactions([0], [0], [1], [1], left.users + (np.arange(10) > 3), left.items),
            "a",
        ),
    )


# ------------------------------------------------------------------ features as of their time
def count_so_far(log):
    order = np.lexsort((log.timestamp, log.user))
    first = np.searchsorted(log.user[order], log.user[order])
    start = np.searchsorted(
        log.user[order] * 10_000 + log.timestamp[order],
        log.user[order] * 10_000 + log.timestamp[order],
    )
    out = np.empty(len(log))
    out[order] = start - first
    return out


def count_of_all(log):
    return np.bincount(log.user, minlength=log.n_users)[log.user]


def test_features_as_of_their_time_pass_and_totals_do_not():
    rng = np.random.default_rng(0)
    log = log_of(rng.integers(0, 5, 80), rng.integers(0, 10, 80), rng.integers(0, 40, 80))
    assert_features_as_of(count_so_far, log, rows=80)
    assert_features_as_of(lambda x: np.column_stack([count_so_far(x), x.user]), log, rows=500)
    assert_features_as_of(lambda x: np.full(len(x), np.nan), log)
    message = error(assert_features_as_of, count_of_all, log)
    assert message.startswith("the features of the event (user ")
    assert message.endswith("compute them from earlier events only.")
    last = log.select(np.argsort(log.timestamp))
    assert f"{last.timestamp[0]:02d})" in error(assert_features_as_of, count_of_all, last, rows=80)


def test_a_feature_that_counts_its_own_moment_is_refused():
    log = log_of([0, 0, 0], [1, 2, 3], [1, 2, 2])

    def same_moment(x):
        return np.array([np.sum(x.timestamp <= t) for t in x.timestamp])

    assert "item 2" in error(assert_features_as_of, same_moment, log, rows=3)


# ------------------------------------------------------------------ how much future is in train
def test_future_shares_of_a_small_split():
    split = split_of(([0, 1, 2], [0, 1, 2], [1, 5, 9]), ([0, 1, 2, 3], [1, 5, 2, 2], [2, 4, 9, 3]))
    assert future_shares(split) == {"any": 0.75, "user": 0.25, "item": 0.5}
    assert future_shares(split_of(NOTHING, ([0], [0], [0])))["any"] == 0


def test_future_shares_by_rule(ml100k):
    log = ml100k.interactions
    assert set(future_shares(temporal_split(log)).values()) == {0.0}
    assert future_shares(leave_one_out(log))["user"] == 0
    assert future_shares(leave_one_out(log))["any"] > 0.9
    assert future_shares(random_split(log))["any"] > 0.99


@pytest.mark.equation("eq-future-share")
@pytest.mark.parametrize("test", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("m", [1, 2, 5, 40])
def test_expected_future_share_is_the_simulated_one(m, test):
    rng = np.random.default_rng(m)
    held = rng.random((40_000, m)) < test
    later = np.cumsum(~held[:, ::-1], axis=1)[:, ::-1] - ~held > 0
    simulated = np.sum(held & later) / np.sum(held)
    assert expected_future_share(np.array([m]), test)[0] == pytest.approx(simulated, abs=0.015)


def test_expected_future_share_of_one_event_is_nothing():
    assert expected_future_share(np.array([1, 2]), 0.5) == pytest.approx([0, 0.25])


# ------------------------------------------------------------------ every rule keeps its promise
PROMISES = {
    temporal_split: (assert_past_only, assert_past_only_per_user, assert_warm_users),
    leave_one_out: (assert_past_only_per_user, assert_warm_users),
    per_user_random_split: (assert_warm_users,),
    random_split: (),
    stratified_split: (),
    rolling_cuts: (assert_past_only, assert_past_only_per_user, assert_warm_users),
    cold_user_split: (assert_cold_users,),
    cold_item_split: (assert_cold_items,),
    kfold: (),
}


@pytest.mark.parametrize("rule", PROMISES, ids=lambda f: f.__name__)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(12, 60))
def test_each_rule_keeps_its_promise(rule, seed, n):
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(100)[:n]
    log = log_of(pairs // 10, pairs % 10, rng.integers(0, 30, n))
    try:
        result = rule(log)
        splits = [result] if isinstance(result, Split) else list(result)
    except ValueError:
        return
    for split in splits:
        assert_no_overlap(split, on=("user", "item"))
        assert_same_vocabulary(split)
        for promise in PROMISES[rule]:
            promise(split)


def test_random_splits_break_the_promises_of_time(ml100k):
    log = ml100k.interactions
    error(assert_past_only, random_split(log))
    error(assert_past_only_per_user, per_user_random_split(log))
    error(assert_past_only, leave_one_out(log))
