"""Reports, duplicates, repeats, and the pipeline that runs to a fixed point."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_book.data import Interactions
from recsys_book.preprocessing import (
    OutlierRule,
    Report,
    business_rule,
    clean,
    drop_exact_duplicates,
    drop_missing,
    drop_technical_duplicates,
    first_occurrences,
    resolve_repeats,
)


def log_of(rows, columns=("user", "item", "event", "value", "timestamp"), index=None):
    return pd.DataFrame(rows, columns=list(columns), index=index)


LOG = log_of(
    [
        ("a", 1, "play", 3.0, 100),
        ("a", 1, "play", 3.0, 100),  # exact copy
        ("a", 1, "play", 4.0, 101),  # technical copy: one second later
        ("a", 1, "play", 5.0, 900),  # a second viewing
        ("b", 1, "play", 2.0, 900),
        ("b", 2, "like", 1.0, 50),
    ],
    index=list("uvwxyz"),
)


def test_report_says_what_happened_in_one_line():
    report = Report("step", 1200, 1198, (4, 9), {"too old": 2, "never": 0}, (7,))
    assert str(report) == "step: 1,200 → 1,198 rows (2 removed, 1 changed: 2 × too old)"
    assert str(Report("nothing", 3, 3)) == "nothing: 3 → 3 rows (0 removed)"


def test_reports_add_up():
    first = Report("one", 5, 4, ("a",), {"x": 1}, ("b", "c"))
    second = Report("two", 4, 2, ("b", "d"), {"x": 1, "y": 1}, ("c",))
    total = sum([first, second])
    assert (total.rows_before, total.rows_after) == (5, 2)
    assert total.removed == ("a", "b", "d") and total.reasons == {"x": 2, "y": 1}
    assert total.changed == ("c",) and total.step == "one + two"
    assert (first + Report("one", 4, 4)).step == "one"
    with pytest.raises(ValueError, match="order in which the steps ran"):
        second + first
    with pytest.raises(TypeError):
        1 + first


def test_report_that_does_not_add_up_is_refused():
    with pytest.raises(ValueError, match="list every removed row once"):
        Report("step", 3, 1, ("a",))


@pytest.mark.equation("eq-first-occurrence")
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), max_size=12))
def test_first_occurrence_is_the_formula(keys):
    log = pd.DataFrame(keys, columns=["user", "item"])
    by_formula = [all(keys[i] != keys[j] for j in range(i)) for i in range(len(keys))]
    assert first_occurrences(log, ["user", "item"]).tolist() == by_formula


def test_exact_duplicates():
    kept, report = drop_exact_duplicates(LOG)
    assert list(kept.index) == list("uwxyz") and report.removed == ("v",)
    assert report.reasons == {"equal in every column": 1}
    kept, report = drop_exact_duplicates(LOG, ["user", "item"])
    assert list(kept.index) == list("uyz") and len(report.removed) == 3
    assert len(LOG) == 6  # the input is untouched


def test_technical_duplicates_within_a_window():
    kept, report = drop_technical_duplicates(LOG, window=2)
    assert list(kept.index) == list("uxyz")
    assert report.reasons == {"same user, item, event within 2 s": 2}
    assert list(drop_technical_duplicates(LOG, window=0)[0].index) == list("uwxyz")
    backwards = drop_technical_duplicates(LOG[::-1], window=2)[0]  # row order is no matter
    assert set(backwards.index) == {"x", "y", "z", "v"}


def test_technical_duplicates_by_event_id():
    log = LOG.assign(event_id=[1, 1, 2, 3, None, None])
    kept, report = drop_technical_duplicates(log, event_id="event_id")
    assert list(kept.index) == list("uwxyz") and report.reasons == {"same event_id": 1}


def test_technical_duplicates_refuse_a_negative_window():
    with pytest.raises(ValueError, match="pass 0 or more"):
        drop_technical_duplicates(LOG, window=-1)


@pytest.mark.parametrize(
    ("policy", "labels"),
    [("all", "uvwxyz"), ("first", "uyz"), ("last", "xyz"), ("max", "xyz")],
)
def test_repeats_keep_rows_as_they_are(policy, labels):
    kept, report = resolve_repeats(LOG, policy)
    pd.testing.assert_frame_equal(kept, LOG.loc[list(labels)])
    assert len(report.removed) == 6 - len(labels) and report.changed == ()


def test_repeats_sum_and_count_run_again_without_change():
    kept, report = resolve_repeats(LOG, "sum")
    assert kept.value.to_dict() == {"x": 15.0, "y": 2.0, "z": 1.0} and report.changed == ("x",)
    kept, report = resolve_repeats(LOG, "count")
    assert kept["count"].to_dict() == {"x": 4, "y": 1, "z": 1}
    again, report = resolve_repeats(kept, "count")
    pd.testing.assert_frame_equal(again, kept)
    assert report.removed == report.changed == ()


def test_repeats_tied_in_time_follow_the_rows_and_max_prefers_the_earliest():
    log = log_of([(1, 1, "e", 5.0, 7), (1, 1, "e", 2.0, 7), (1, 1, "e", 5.0, 9)])
    assert resolve_repeats(log, "first")[0].index.tolist() == [0]
    assert resolve_repeats(log.iloc[:2], "last")[0].index.tolist() == [1]
    assert resolve_repeats(log, "max")[0].index.tolist() == [0]


def test_repeats_refuse_an_unknown_policy():
    with pytest.raises(ValueError, match="choose one of all, first"):
        resolve_repeats(LOG, "newest")


def test_bad_logs_get_one_sentence():
    with pytest.raises(ValueError, match="no column 'item' .*rename a column"):
        drop_exact_duplicates(LOG.drop(columns="item"), ["user", "item"])
    with pytest.raises(ValueError, match="Row label 1 occurs more than once"):
        drop_exact_duplicates(LOG.set_axis([1, 1, 2, 3, 4, 5]))


@pytest.mark.parametrize("policy", ["all", "first", "last", "max", "sum", "count"])
def test_empty_log_and_one_row(policy):
    for log in (LOG.iloc[:0], LOG.iloc[:1]):
        for step in (drop_exact_duplicates, drop_technical_duplicates):
            kept, report = step(log)
            assert len(kept) == len(log) and report.removed == ()
        assert len(resolve_repeats(log, policy)[0]) == len(log)


def test_clean_reports_one_line_a_step_and_feeds_interactions():
    steps = [
        partial(drop_missing, columns=["user", "item"]),
        drop_exact_duplicates,
        partial(drop_technical_duplicates, window=2),
        partial(resolve_repeats, policy="last"),
    ]
    clean_log, reports = clean(LOG, steps)
    assert [r.rows_after for r in reports] == [6, 5, 4, 3]
    assert sum(reports).rows_before == 6 and set(sum(reports).removed) == set("uvw")
    assert len(Interactions.from_frame(clean_log)) == 3


def test_clean_repeats_until_nothing_is_left_to_do():
    log = log_of([(1, 1, "e", 5.0, 7), (1, 1, "e", 5.0, 8)])
    rounding = OutlierRule("timestamp", "quantile", 0.4, "winsorise").fit(log)
    # Winsorising makes the two rows equal, which only a second pass can see.
    cleaned, reports = clean(log.assign(timestamp=[7.45, 7.48]), [drop_exact_duplicates, rounding])
    assert len(cleaned) == 2 and len(reports) == 2
    low_high = log.assign(timestamp=[1.0, 2.0])
    cleaned, reports = clean(low_high, [drop_exact_duplicates, rounding])
    assert len(cleaned) == 1 and [len(r.removed) for r in reports] == [1, 0]
    assert len(sum(reports).removed) == 1


def test_clean_gives_up_on_steps_that_never_rest():
    def restless(log):
        return log, Report("restless", len(log), len(log), (), {}, tuple(log.index))

    with pytest.raises(ValueError, match="after 3 passes, first 'restless'"):
        clean(LOG, [restless], max_passes=3)


def test_clean_without_steps():
    cleaned, reports = clean(LOG, [])
    assert cleaned is LOG and reports == []


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", None]),
            st.integers(0, 2),
            st.sampled_from(["x", "y"]),
            st.sampled_from([1.0, 2.0, 5.0, 50.0, np.nan]),
            st.integers(0, 6),
        ),
        max_size=15,
    ),
    st.sampled_from(["all", "first", "last", "max", "sum", "count"]),
)
def test_clean_is_idempotent_and_its_reports_are_complete(rows, policy):
    log = log_of(rows)
    rule = OutlierRule("timestamp", "iqr", action="winsorise").fit(LOG)
    steps = [
        partial(drop_missing, columns=["user", "value"]),
        drop_exact_duplicates,
        partial(drop_technical_duplicates, window=1),
        partial(resolve_repeats, policy=policy),
        rule,
        partial(business_rule, name="above 5", keep=lambda x: x["value"] <= 500),
    ]
    once, reports = clean(log, steps)
    twice, again = clean(once, steps)
    pd.testing.assert_frame_equal(once, twice)
    assert all(r.removed == r.changed == () for r in again)
    removed = sum(reports).removed
    assert len(set(removed)) == len(removed)
    assert set(removed) | set(once.index) == set(log.index)
