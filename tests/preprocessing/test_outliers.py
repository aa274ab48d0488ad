"""Outlier rules: each finds a planted value, and each is known to be blind somewhere."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recsys_book.preprocessing import (
    OutlierRule,
    business_rule,
    modified_z_scores,
    z_score_bound,
    z_scores,
)


def frame(values):
    return pd.DataFrame({"x": np.asarray(values, dtype=float)})


PLANTED = frame(np.r_[np.random.default_rng(0).normal(10, 1, 200), 40.0])


@pytest.mark.equation("eq-z-bound")
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
@example([1e6, 999999.9999999999])  # a mean that rounds to one of the values
def test_no_z_score_exceeds_the_bound(values):
    assert np.abs(z_scores(values)).max() <= z_score_bound(len(values)) + 1e-6


@pytest.mark.equation("eq-z-bound")
@pytest.mark.parametrize("n", [2, 5, 10, 11, 100])
def test_the_bound_is_reached_by_one_value_among_equal_ones(n):
    x = np.r_[7.0, np.zeros(n - 1)]
    assert z_scores(x)[0] == pytest.approx(z_score_bound(n))
    assert (z_score_bound(n) < 3) == (n <= 10)


@pytest.mark.equation("eq-modified-z")
def test_modified_z_scores():
    x = [1.0, 2.0, 3.0, 4.0, 100.0]  # median 3, MAD 1
    assert modified_z_scores(x)[-1] == pytest.approx(0.6745 * 97, rel=1e-4)
    normal = np.random.default_rng(1).normal(5, 2, 20_000)
    assert modified_z_scores(normal).std() == pytest.approx(1, abs=0.03)


def test_modified_z_scores_without_median_deviation():
    x = np.r_[np.full(9, 4.0), 5.0]
    assert modified_z_scores(x)[-1] == pytest.approx(1 / (1.2533141 * 0.1))
    assert not modified_z_scores(np.full(5, 0.1)).any()


def test_constant_columns_have_no_outliers():
    assert not z_scores(np.full(11, 0.1)).any() and not z_scores([3.0]).any()
    for method in ("z", "mad", "iqr"):
        rule = OutlierRule("x", method).fit(frame(np.full(12, 0.1)))
        assert (rule.low_, rule.high_) == (-np.inf, np.inf)


@pytest.mark.parametrize("method", ["z", "mad", "iqr", "quantile"])
def test_rules_find_the_planted_value(method):
    kept, report = OutlierRule("x", method).fit(PLANTED).transform(PLANTED)
    assert 200 in report.removed and len(kept) == len(PLANTED) - len(report.removed)
    assert sum(report.reasons.values()) == len(report.removed) <= 8


def test_limits_come_from_the_training_rows():
    rule = OutlierRule("x", "z").fit(PLANTED.iloc[:200])
    test = frame([10.0, 14.0, -5.0, np.nan])
    kept, report = rule(test)
    assert kept.index.tolist() == [0, 3] and len(report.reasons) == 2  # NaN is no outlier
    again, report = rule(kept)
    assert report.removed == () and again.equals(kept)


def test_iqr_limits_written_out():
    rule = OutlierRule("x", "iqr").fit(frame([1, 2, 3, 4, 5]))
    assert (rule.low_, rule.high_) == (2 - 3, 4 + 3)


def test_winsorising_moves_values_and_runs_again_without_change():
    rule = OutlierRule("x", "quantile", 0.05, action="winsorise").fit(PLANTED)
    once, report = rule.transform(PLANTED)
    assert len(once) == len(PLANTED) and once.x.max() == rule.high_ < 40
    assert len(report.changed) == sum(report.reasons.values()) == 20
    twice, report = rule.transform(once)
    assert report.changed == () and twice.equals(once)


def test_blanking_keeps_the_rows():
    rule = OutlierRule("x", "mad", action="blank").fit(PLANTED)
    once, report = rule.transform(PLANTED)
    assert len(once) == len(PLANTED) and once.x.isna()[200] and 200 in report.changed
    assert once.x.isna().sum() == len(report.changed)
    assert rule.transform(once)[1].changed == ()


def test_flagging_adds_a_column():
    rule = OutlierRule("x", "mad", action="flag").fit(PLANTED)
    once, report = rule.transform(PLANTED)
    assert once.x_outlier[200] and 200 in report.changed
    assert rule.transform(once)[1].changed == ()


@pytest.mark.parametrize("n", range(2, 11))
def test_a_z_rule_that_can_never_fire_is_refused(n):
    with pytest.raises(ValueError, match=r"could never be passed; use method 'mad'"):
        OutlierRule("x", "z").fit(frame(range(n)))
    OutlierRule("x", "mad").fit(frame(range(n)))
    OutlierRule("x", "z").fit(frame(range(11)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "sigma"), "choose one of z, mad"),
        (("x", "z", 3, "delete"), "choose one of drop"),
        (("x", "z", 0), "makes no limits"),
        (("x", "quantile", 0.5), "below 0.5 for quantiles"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        OutlierRule(*arguments)


def test_refusals_at_fit_and_transform():
    with pytest.raises(ValueError, match="no observed value"):
        OutlierRule("x").fit(frame([np.nan]))
    with pytest.raises(ValueError, match="call fit"):
        OutlierRule("x").transform(PLANTED)


def test_business_rules_count_no_answer_as_no():
    log = pd.DataFrame({"value": pd.array([1, 9, None], dtype="Int64")})
    kept, report = business_rule(log, "outside 1 to 5", lambda x: x["value"].between(1, 5))
    assert kept.index.tolist() == [0] and report.reasons == {"outside 1 to 5": 2}
