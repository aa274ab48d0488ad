"""Splits: partitions, sizes, time order, determinism, the peers' digests, and bad input."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from recsys_book.data.interactions import Interactions
from recsys_book.preprocessing import (
    Split,
    cold_item_split,
    cold_user_split,
    kfold,
    leave_one_out,
    per_user_random_split,
    random_split,
    rolling_cuts,
    stratified_split,
    temporal_split,
    three_way,
    tie_choices,
    time_series_folds,
)

QUICK = settings(max_examples=40, deadline=None)


def make(user, item=None, timestamp=None, value=None, n_users=None, n_items=None):
    """A log whose ``value`` is the row number unless given, so that rows can be followed."""
    n = len(user)
    item = np.zeros(n, int) if item is None else np.asarray(item)
    n_users = n_users or int(np.max(user, initial=-1)) + 1
    n_items = n_items or int(np.max(item, initial=-1)) + 1
    return Interactions(
        user=np.asarray(user, int),
        item=item,
        value=np.arange(n) if value is None else np.asarray(value, float),
        timestamp=np.arange(n) if timestamp is None else np.asarray(timestamp),
        users=np.arange(n_users) * 10,
        items=np.arange(n_items) * 10,
    )


@st.composite
def logs(draw, min_rows=4, distinct=False):
    n = draw(st.integers(min_rows, 60))
    user = draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))
    item = draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    time = rng.permutation(n) if distinct else rng.integers(0, max(2, n // 3), n)
    if np.ptp(time) == 0:
        time[0] += 1
    return make(np.array(user), np.array(item), time, n_users=8, n_items=12)


def rows(events):
    return events.value.astype(int).tolist()


def digest(*arrays):
    """The peers' digest, written again: the first 12 hex digits over int64 row positions."""
    h = hashlib.sha256()
    for a in arrays:
        h.update(np.ascontiguousarray(a, dtype=np.int64).tobytes())
    return h.hexdigest()[:12]


def tried(function, *args, **kwargs):
    try:
        out = function(*args, **kwargs)
        return out if isinstance(out, Split) else list(out)
    except ValueError:
        return None


# ------------------------------------------------------------------ the reference digests
@pytest.fixture(scope="module")
def pairs(ml100k):
    log = ml100k.interactions
    table = np.full((log.n_users, log.n_items), -1)
    table[log.user, log.item] = np.arange(len(log))
    return lambda part: table[part.user, part.item]


@pytest.mark.parametrize(
    ("function", "settings_", "expected"),
    [
        (temporal_split, {}, "505bc152e4e4"),
        (leave_one_out, {}, "936f50db8ea1"),
        (per_user_random_split, {"seed": 42}, "29420a2451c7"),
        (random_split, {"seed": 42}, "1669fd7db672"),
    ],
)
def test_movielens_splits_are_the_reference_ones(ml100k, pairs, function, settings_, expected):
    split = function(ml100k.interactions, **settings_)
    assert digest(pairs(split.train), pairs(split.test)) == expected


@pytest.mark.parametrize(
    ("function", "expected"), [(temporal_split, "4810ac680e2a"), (leave_one_out, "978d38a5be34")]
)
def test_movielens_validation_is_the_reference_one(ml100k, pairs, function, expected):
    tuning = three_way(function, ml100k.interactions).tuning
    assert digest(pairs(tuning.train), pairs(tuning.test)) == expected


def test_movielens_notes_are_the_published_counts(ml100k):
    log = ml100k.interactions
    notes = temporal_split(log).notes
    assert (notes["rows_train"], notes["rows_test"], notes["users_test"]) == (80_000, 2_952, 109)
    assert (notes["cold_rows"], notes["cold_users"]) == (17_048, 192)
    assert notes["rows_test_unseen_items"] == 89
    notes = leave_one_out(log).notes
    assert (notes["rows_test"], notes["users_tied"], notes["rows_test_unseen_items"]) == (
        943,
        415,
        3,
    )
    assert round(notes["users_tied"] / 943, 2) == 0.44
    assert [s.notes["users_test"] for s in rolling_cuts(log)] == [81, 95, 85, 81, 90]


# ------------------------------------------------------------------ exact small cases
def test_repr_names_the_rule_and_the_sizes():
    split = temporal_split(make([0, 0, 0, 0, 0]))
    assert repr(split) == "Split('temporal', train=4, test=1)"


def test_temporal_split_cuts_at_one_moment_and_counts_what_it_drops():
    log = make([0, 1, 0, 1, 2, 0, 2, 1, 3, 0], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    split = temporal_split(log, test=0.5)
    assert (rows(split.train), rows(split.test)) == ([0, 1, 2, 3, 4], [5, 6, 7, 9])
    assert split.notes == {
        "rows_train": 5,
        "rows_test": 4,
        "rows_dropped": 1,
        "users_test": 3,
        "rows_test_unseen_items": 4,
        "cold_rows": 1,
        "cold_users": 1,
        "rows_tied_at_cut": 0,
    }
    kept = temporal_split(log, test=0.5, drop_cold_users=False)
    assert rows(kept.test) == [5, 6, 7, 8, 9]
    assert (kept.notes["rows_dropped"], kept.notes["cold_rows"]) == (0, 1)


def test_temporal_split_takes_ties_in_row_order_and_counts_them_at_the_cut():
    split = temporal_split(make([0] * 6, timestamp=[5, 1, 3, 3, 3, 9]), test=0.5)
    assert (rows(split.train), rows(split.test)) == ([1, 2, 3], [4, 0, 5])
    assert split.notes["rows_tied_at_cut"] == 1


def test_unseen_items_are_counted_by_row():
    split = temporal_split(make([0] * 6, item=[0, 1, 1, 0, 2, 3]), test=0.5)
    assert split.notes["rows_test_unseen_items"] == 2


def test_leave_one_out_takes_each_users_last_event():
    log = make([0, 1, 0, 2, 1, 0], timestamp=[3, 1, 2, 9, 5, 1])
    split = leave_one_out(log)
    assert rows(split.test) == [0, 4]
    assert rows(split.train) == [5, 1, 2, 3]
    assert split.notes["users_without_test"] == 1
    assert split.notes["users_tied"] == 0


def test_leave_one_out_breaks_ties_by_row_or_by_seed():
    log = make([0] * 5 + [1] * 2, timestamp=[1, 7, 7, 7, 7, 1, 2])
    assert rows(leave_one_out(log).test) == [4, 6]
    assert leave_one_out(log).notes["users_tied"] == 1
    chosen = {rows(leave_one_out(log, seed=s).test)[0] for s in range(40)}
    assert chosen == {1, 2, 3, 4}
    assert rows(leave_one_out(log, seed=3).test) == rows(leave_one_out(log, seed=3).test)


def test_a_lone_tied_user_without_test_is_not_counted_as_tied():
    log = make([0, 1, 1], timestamp=[5, 1, 2])
    assert leave_one_out(log).notes["users_tied"] == 0


@pytest.mark.equation("eq-tie-choices")
def test_tie_choices_counts_the_candidates_for_last():
    log = make([0, 0, 0, 1, 1, 3], timestamp=[1, 4, 4, 2, 3, 0], n_users=5)
    assert tie_choices(log).tolist() == [2, 1, 0, 1, 0]
    tests = {tuple(rows(leave_one_out(log, seed=s).test)) for s in range(30)}
    assert len(tests) == np.prod(tie_choices(log)[:2])


@pytest.mark.equation("eq-temporal-cut")
@QUICK
@given(logs(distinct=True), st.floats(0.1, 0.9))
def test_temporal_cut_is_a_threshold_on_time(log, share):
    split = tried(temporal_split, log, share, drop_cold_users=False)
    if split is None:
        return
    cut = split.train.timestamp.max()
    assert set(rows(split.train)) == set(np.flatnonzero(log.timestamp <= cut))
    assert set(rows(split.test)) == set(np.flatnonzero(log.timestamp > cut))
    assert len(split.train) == round(len(log) * (1 - share))


def test_random_split_is_random_and_keeps_row_order():
    log = make(np.arange(100) % 7)
    split = random_split(log, test=0.25, seed=3)
    assert len(split.test) == 25 and rows(split.test) == sorted(rows(split.test))
    assert rows(split.train) == sorted(rows(split.train))
    assert rows(split.test) != list(range(25))
    assert rows(random_split(log, test=0.25, seed=4).test) != rows(split.test)


def test_per_user_random_split_holds_out_a_share_of_each_user():
    user = np.repeat([0, 1, 2, 3], [10, 5, 2, 1])
    split = per_user_random_split(make(user), test=0.2, seed=0)
    assert np.bincount(split.test.user, minlength=4).tolist() == [2, 1, 1, 0]
    assert split.notes["users_without_test"] == 1
    assert np.all(np.diff(split.train.timestamp) > 0) and np.all(np.diff(split.test.timestamp) > 0)
    greedy = per_user_random_split(make(user), test=0.99)
    assert np.bincount(greedy.train.user, minlength=4).tolist() == [1, 1, 1, 1]


def test_stratified_split_keeps_the_shares_of_every_rating():
    value = np.repeat([1.0, 2.0, 3.0, 5.0], [10, 20, 30, 40])
    split = stratified_split(make(np.zeros(100, int), value=value), test=0.2)
    assert [int(np.sum(split.test.value == v)) for v in (1, 2, 3, 5)] == [2, 4, 6, 8]
    assert split.notes["strata"] == 4 and split.name == "stratified"


def test_stratified_split_by_given_labels_and_by_largest_remainder():
    log = make(np.zeros(10, int))
    labels = np.array(list("aaabbbcccc"))
    split = stratified_split(log, test=0.5, by=labels)
    counts = [int(np.isin(rows(split.test), np.flatnonzero(labels == x)).sum()) for x in "abc"]
    assert counts == [2, 1, 2]
    assert rows(split.test) == sorted(rows(split.test))
    assert rows(split.train) == sorted(rows(split.train))
    drawn = {tuple(rows(stratified_split(log, test=0.5, by=labels, seed=s).test)) for s in range(9)}
    assert len(drawn) > 3


def test_rolling_cuts_test_the_next_stretch_only():
    log = make(np.zeros(20, int), item=np.arange(20))
    cuts = list(rolling_cuts(log))
    assert [len(s.train) for s in cuts] == [10, 12, 14, 16, 18]
    assert [rows(s.test) for s in cuts] == [[10, 11], [12, 13], [14, 15], [16, 17], [18, 19]]
    assert [s.name for s in cuts][:2] == ["rolling_0.5", "rolling_0.6"]
    assert cuts[0].notes["rows_dropped"] == 8 and cuts[0].notes["cold_rows"] == 0
    one = list(rolling_cuts(log, starts=[0.25], width=0.5))
    assert rows(one[0].test) == list(range(5, 15))


def test_rolling_cuts_can_keep_cold_users():
    log = make([0] * 10 + [1] + [0] * 9)
    assert next(rolling_cuts(log)).notes["cold_rows"] == 1
    assert len(next(rolling_cuts(log)).test) == 1
    assert len(next(rolling_cuts(log, drop_cold_users=False)).test) == 2


@pytest.mark.parametrize(("n", "k"), [(12, 2), (12, 5), (23, 4), (6, 5), (3, 2)])
def test_time_series_folds_are_those_of_scikit_learn(n, k):
    log = make(np.zeros(n, int), timestamp=np.arange(n)[::-1])
    order = log.order_by_time()
    ours = [(rows(s.train), rows(s.test)) for s in time_series_folds(log, k)]
    theirs = [(order[a].tolist(), order[b].tolist()) for a, b in TimeSeriesSplit(k).split(order)]
    assert ours == theirs
    assert [s.name for s in time_series_folds(log, k)] == [f"time_series_{i}" for i in range(k)]


def test_time_series_folds_keep_cold_users_unless_told():
    log = make([0, 0, 0, 0, 1, 0])
    assert [len(s.test) for s in time_series_folds(log, 2)] == [2, 2]
    assert [len(s.test) for s in time_series_folds(log, 2, drop_cold_users=True)] == [2, 1]


def test_kfold_tests_every_row_once():
    log = make(np.zeros(11, int))
    folds = list(kfold(log, k=3, seed=1))
    assert sorted(sum((rows(s.test) for s in folds), [])) == list(range(11))
    assert sorted(len(s.test) for s in folds) == [3, 4, 4]
    assert all(sorted(rows(s.train) + rows(s.test)) == list(range(11)) for s in folds)
    assert [s.name for s in folds] == ["kfold_0", "kfold_1", "kfold_2"]
    assert rows(folds[0].train) == sorted(rows(folds[0].train))
    assert rows(folds[0].test) != rows(next(kfold(log, k=3, seed=2)).test)
    assert len(list(kfold(log))) == 5
    assert len(list(kfold(log, k=11))) == 11
    assert len(list(kfold(log, k=2))) == 2


@pytest.mark.parametrize(
    ("function", "column"), [(cold_user_split, "user"), (cold_item_split, "item")]
)
def test_cold_splits_share_no_entity(function, column):
    codes = np.repeat(np.arange(10), 3)
    log = make(**{"user": codes, "item": codes[::-1]}, n_users=12, n_items=12)
    split = function(log, test=0.3, seed=5)
    test = set(getattr(split.test, column).tolist())
    assert len(test) == 3 and not test & set(getattr(split.train, column).tolist())
    assert len(split.train) + len(split.test) == 30
    assert split.name == f"cold_{column}"
    assert len(np.unique(getattr(function(log, test=0.99).train, column))) == 1
    assert len(np.unique(getattr(function(log, test=0.01).test, column))) == 1
    default = function(log)
    assert len(np.unique(getattr(default.test, column))) == 2
    assert {tuple(function(log, seed=s).test.value) for s in range(5)} != {
        tuple(default.test.value)
    }


def test_three_way_applies_the_rule_to_its_own_train():
    log = make(np.zeros(100, int), item=np.arange(100))
    three = three_way(temporal_split, log, test=0.1)
    assert (len(three.train), len(three.validation), len(three.test)) == (81, 9, 10)
    assert rows(three.final.train) == rows(three.train) + rows(three.validation)
    assert rows(three.test) == list(range(90, 100))
    assert three.tuning.name == three.final.name == "temporal"


# ------------------------------------------------------------------ properties of every rule
RULES = {
    "random": random_split,
    "per_user": per_user_random_split,
    "stratified": stratified_split,
    "loo": leave_one_out,
    "loo_seeded": lambda log: leave_one_out(log, seed=1),
    "temporal": temporal_split,
    "rolling": rolling_cuts,
    "kfold": kfold,
    "series": time_series_folds,
    "cold_user": cold_user_split,
    "cold_item": cold_item_split,
}


@pytest.mark.parametrize("rule", RULES)
@QUICK
@given(log=logs())
def test_no_row_is_lost_or_doubled_and_the_same_call_gives_the_same_split(rule, log):
    result = tried(RULES[rule], log)
    if result is None:
        return
    again = tried(RULES[rule], log)
    splits = [result] if isinstance(result, Split) else result
    again = [again] if isinstance(again, Split) else again
    for one, two in zip(splits, again):
        used = rows(one.train) + rows(one.test)
        assert len(used) == len(set(used)) == len(log) - one.notes["rows_dropped"]
        assert len(one.train) > 0 and len(one.test) > 0
        assert (one.notes["rows_train"], one.notes["rows_test"]) == (len(one.train), len(one.test))
        assert one.notes["users_test"] == len(set(one.test.user.tolist()))
        assert rows(one.train) == rows(two.train) and rows(one.test) == rows(two.test)
        for side in (one.train, one.test):
            kept = rows(side)
            assert np.array_equal(side.user, log.user[kept])
            assert np.array_equal(side.item, log.item[kept])
            assert side.users is log.users and side.items is log.items


@pytest.mark.parametrize("rule", ["loo", "temporal", "rolling", "series", "cold_user", "cold_item"])
@QUICK
@given(log=logs(distinct=True), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter_where_time_or_ids_decide(rule, log, seed):
    shuffled = log.select(np.random.default_rng(seed).permutation(len(log)))
    one, two = tried(RULES[rule], log), tried(RULES[rule], shuffled)
    assert (one is None) == (two is None)
    if one is None:
        return
    for a, b in zip(*([x] if isinstance(x, Split) else x for x in (one, two))):
        assert set(rows(a.train)) == set(rows(b.train)) and set(rows(a.test)) == set(rows(b.test))


@QUICK
@given(log=logs())
def test_temporal_rules_never_train_on_the_future(log):
    for rule in ("temporal", "rolling", "series"):
        result = tried(RULES[rule], log) or []
        for split in [result] if isinstance(result, Split) else result:
            assert split.train.timestamp.max() <= split.test.timestamp.min()
            assert np.all(np.diff(split.train.timestamp) >= 0)
            assert np.all(np.diff(split.test.timestamp) >= 0)


@QUICK
@given(log=logs(), seed=st.one_of(st.none(), st.integers(0, 9)))
def test_leave_one_out_holds_at_most_one_last_row_a_user(log, seed):
    split = tried(leave_one_out, log, seed)
    if split is None:
        return
    assert len(set(split.test.user.tolist())) == len(split.test)
    assert np.all(np.diff(split.train.timestamp) >= 0) and np.all(np.diff(split.test.user) > 0)
    for user, time in zip(split.test.user, split.test.timestamp):
        assert time == log.timestamp[log.user == user].max()
    assert set(split.test.user.tolist()) <= set(split.train.user.tolist())


@QUICK
@given(log=logs(min_rows=10), share=st.floats(0.15, 0.85))
def test_random_and_stratified_hold_out_the_rounded_share(log, share):
    n_test = round(len(log) * share)
    assert len(random_split(log, share).test) == n_test
    labels = log.item
    split = stratified_split(log, share, by=labels)
    assert len(split.test) == n_test
    sizes, held = np.bincount(labels, minlength=12), np.bincount(split.test.item, minlength=12)
    assert np.all(np.abs(held - sizes * n_test / len(log)) < 1)


# ------------------------------------------------------------------ bad input
ONE_SHARE = [random_split, per_user_random_split, stratified_split, temporal_split]
ONE_SHARE += [cold_user_split, cold_item_split]


@pytest.mark.parametrize("function", ONE_SHARE)
@pytest.mark.parametrize("share", [0, 1, -0.2, 1.5, float("nan")])
def test_a_share_outside_zero_and_one_is_refused(function, share):
    log = make(np.arange(20) % 4, np.arange(20) % 5)
    with pytest.raises(ValueError, match="^a share must lie strictly between 0 and 1 but is "):
        function(log, test=share)


@pytest.mark.parametrize("share", [0, 1.0])
def test_rolling_cuts_refuse_shares_outside_zero_and_one(share):
    log = make(np.zeros(20, int))
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        list(rolling_cuts(log, starts=[share]))
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        list(rolling_cuts(log, width=share))
    with pytest.raises(ValueError, match="^the cut at 0.95 with width 0.1 reaches past the end"):
        list(rolling_cuts(log, starts=[0.95]))
    with pytest.raises(ValueError, match="^the cut at 0.9 with width 0.11 reaches past the end"):
        list(rolling_cuts(log, starts=[0.9], width=0.11))


@pytest.mark.parametrize("rule", RULES)
def test_an_empty_log_is_refused(rule):
    log = make([], n_users=3, n_items=3)
    with pytest.raises(ValueError) as error:
        list(RULES[rule](log)) if rule in ("rolling", "kfold", "series") else RULES[rule](log)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


@pytest.mark.parametrize("function", [random_split, stratified_split, temporal_split])
def test_too_few_rows_are_refused(function):
    with pytest.raises(ValueError, match="^a split needs at least two events but there are 1.$"):
        function(make([0]))
    with pytest.raises(ValueError, match="^a test share of 0.2 of 2 events leaves one side empty"):
        function(make([0, 0]))
    with pytest.raises(ValueError, match="^a test share of 0.9 of 3 events leaves one side empty"):
        function(make([0, 0, 0]), test=0.9)
    assert len(function(make([0, 0]), test=0.5).test) == 1


def test_one_user_is_enough_for_time_and_not_for_cold_users():
    log = make([0] * 10, item=np.arange(10))
    assert len(temporal_split(log).test) == 2 and len(leave_one_out(log).test) == 1
    with pytest.raises(ValueError, match="^a cold-user split needs at least two users .* have 1.$"):
        cold_user_split(log)


def test_one_item_is_enough_for_time_and_not_for_cold_items():
    log = make(np.arange(10) % 2, item=[0] * 10)
    assert temporal_split(log).notes["rows_test_unseen_items"] == 0
    with pytest.raises(ValueError, match="^a cold-item split needs at least two items .* have 1.$"):
        cold_item_split(log)
    assert len(np.unique(cold_user_split(log).test.user)) == 1


def test_users_with_single_events_cannot_be_split_per_user():
    log = make(np.arange(6))
    with pytest.raises(ValueError, match="^no user has two events, so none can be held out"):
        per_user_random_split(log)
    with pytest.raises(ValueError, match="^no user has two events, so leave-one-out leaves"):
        leave_one_out(log)


@pytest.mark.parametrize("rule", ["temporal", "rolling", "series"])
def test_equal_timestamps_separate_nothing(rule):
    log = make([0] * 20, timestamp=[7] * 20)
    with pytest.raises(ValueError, match="^all timestamps are equal, so no moment separates"):
        result = RULES[rule](log)
        list(result)
    assert len(leave_one_out(log).test) == 1


def test_a_cut_without_a_known_user_is_refused():
    log = make([0] * 8 + [1] * 2)
    with pytest.raises(ValueError, match="^no user after the temporal cut has events before it"):
        temporal_split(log)
    assert len(temporal_split(log, drop_cold_users=False).test) == 2


def test_a_cut_that_leaves_one_side_empty_is_refused():
    log = make([0] * 4)
    with pytest.raises(
        ValueError, match="^the rolling_0.1 cut leaves 0 rows before it and 1 after"
    ):
        list(rolling_cuts(log, starts=[0.1]))
    with pytest.raises(
        ValueError, match="^the rolling_0.6 cut leaves 2 rows before it and 0 after"
    ):
        list(rolling_cuts(log, starts=[0.6], width=0.01))


def test_labels_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"^`by` has shape \(3,\) but there are 10 events; give"):
        stratified_split(make([0] * 10), by=np.zeros(3))


@pytest.mark.parametrize("folds", [kfold, time_series_folds])
def test_the_number_of_folds_is_checked(folds):
    log = make([0] * 6)
    with pytest.raises(ValueError, match="^k-fold needs at least 2 folds but k is 1.$"):
        list(folds(log, k=1))
    most = 6 if folds is kfold else 5
    with pytest.raises(ValueError, match=f"^{most + 1} folds need more .* at most {most}.$"):
        list(folds(log, k=most + 1))
    assert len(list(folds(log, k=most))) == most


# ------------------------------------------------------------------ defaults, names, sentences
def test_stratified_split_gives_the_left_over_row_to_the_largest_remainder():
    labels = np.repeat([0, 1, 2], [6, 6, 13])
    split = stratified_split(make(np.zeros(25, int), item=labels), test=0.2, by=labels)
    assert np.bincount(split.test.item).tolist() == [1, 1, 3]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (random_split, "random"),
        (per_user_random_split, "per_user_random"),
        (stratified_split, "stratified"),
        (cold_user_split, "cold_user"),
        (cold_item_split, "cold_item"),
        (kfold, "kfold_0"),
    ],
)
def test_the_default_seed_is_zero_and_the_rule_has_its_name(function, name):
    log = make(np.arange(60) % 6, np.arange(60) % 10, value=np.arange(60) % 4)

    def first(**seed):
        result = function(log, **seed)
        return result if isinstance(result, Split) else next(result)

    one, again, other = first(), first(seed=0), first(seed=1)
    assert one.name == name
    assert one.test.timestamp.tolist() == again.test.timestamp.tolist()
    assert one.test.timestamp.tolist() != other.test.timestamp.tolist()


def test_leave_one_out_and_folds_by_time_have_their_names_and_defaults():
    log = make([0] * 12)
    assert leave_one_out(log).name == "leave_one_out"
    assert [len(split.test) for split in time_series_folds(log)] == [2] * 5


def sentence(function, *args, **kwargs):
    with pytest.raises(ValueError) as error:
        result = function(*args, **kwargs)
        list(result)
    return str(error.value)


def test_errors_are_whole_sentences_that_say_what_to_do():
    log = make([0] * 8 + [1] * 2)
    assert sentence(temporal_split, log) == (
        "no user after the temporal cut has events before it; move the cut, or keep cold users "
        "with drop_cold_users=False."
    )
    assert sentence(rolling_cuts, log, starts=[0.6], width=0.01) == (
        "the rolling_0.6 cut leaves 6 rows before it and 0 after it; move the cut or give more "
        "events."
    )
    assert sentence(rolling_cuts, log, starts=[0.95]) == (
        "the cut at 0.95 with width 0.1 reaches past the end of the log; make start + width at "
        "most 1."
    )
    assert sentence(temporal_split, make([0] * 4, timestamp=[1] * 4), test=0.5) == (
        "all timestamps are equal, so no moment separates past from future; use random_split, or "
        "load the column that holds the time."
    )
    assert sentence(random_split, make([0, 0])) == (
        "a test share of 0.2 of 2 events leaves one side empty; give more events or another share."
    )
