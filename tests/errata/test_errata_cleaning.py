"""Both sides of the source check on cleaning: the fault fails as described, ours does not."""

import numpy as np
import pandas as pd
import pytest

from recsys_book.errata import cleaning as errata
from recsys_book.preprocessing import (
    MissingValueFiller,
    drop_exact_duplicates,
    drop_missing,
    expected_observed_mean,
    first_occurrences,
    ips_mean,
    modified_z_scores,
    purchase_frequency,
    z_score_bound,
    z_scores,
)


@pytest.mark.erratum("PRE-01")
def test_set_deduplication_removes_nothing_or_everything():
    records = ["a", "b", "b", "c", "c"]
    assert errata.pre_01_set_deduplication(records, multiset=False) == records
    assert errata.pre_01_set_deduplication(records, multiset=True) == ["a"]
    assert errata.pre_01_set_deduplication(records[1:], multiset=True) == []
    log = pd.DataFrame({"record": records})
    assert list(log.record[first_occurrences(log, ["record"])]) == ["a", "b", "c"]


@pytest.mark.erratum("PRE-02")
def test_removing_equal_matrix_rows_removes_users():
    X = (np.random.default_rng(0).random((1000, 20)) < 0.03).astype(int)
    assert len(errata.pre_02_remove_duplicated_rows(X)) < 130
    user, item = np.nonzero(X)
    log = pd.DataFrame({"user": user, "item": item, "timestamp": 0})
    doubled = pd.concat([log, log], ignore_index=True)
    clean, _ = drop_exact_duplicates(doubled, ["user", "item", "timestamp"])
    assert clean.user.nunique() == log.user.nunique() > 400 and len(clean) == len(log)


@pytest.mark.erratum("PRE-03")
def test_fill_by_union_leaves_the_holes():
    assert errata.pre_03_fill_by_union([1.0, None, 3.0], 2.0) == [1.0, None, 3.0]
    frame = pd.DataFrame({"x": [1.0, np.nan, 3.0]})
    filled, _ = MissingValueFiller(["x"], "mean").fit(frame).transform(frame)
    assert filled.x.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.erratum("PRE-08")
def test_purchase_frequency_counts_views_and_forgets_repeats():
    log = pd.DataFrame({"user": [1] * 4, "item": [7, 7, 7, 8], "event": ["buy"] * 3 + ["view"]})
    log["timestamp"] = [0, 86_400, 2 * 86_400, 2 * 86_400]
    assert errata.pre_08_purchase_frequency(log)[1] == 2
    assert purchase_frequency(log)[1] == 1.0  # three purchases on three active days


@pytest.mark.erratum("PRE-09")
def test_filling_with_the_frame_mean_raises_on_text_and_fills_the_target():
    with pytest.raises(TypeError):
        errata.pre_09_fill_with_frame_mean(
            pd.DataFrame({"text": ["a", "b"], "rating": [1.0, None]})
        )
    numbers = pd.DataFrame({"age": [20.0, np.nan, 90.0], "rating": [1.0, np.nan, 3.0]})
    filled = errata.pre_09_fill_with_frame_mean(numbers)
    assert filled.rating[1] == 2.0 and filled.age[1] == 55.0  # a label, and a test row's age
    with pytest.raises(ValueError, match="target"):
        MissingValueFiller(["age", "rating"])
    train, test = drop_missing(numbers, ["rating"])[0].iloc[:1], numbers.iloc[1:]
    assert MissingValueFiller(["age"], "mean").fit(train).transform(test)[0].age.tolist() == [
        20,
        90,
    ]


@pytest.mark.erratum("PRE-17")
@pytest.mark.parametrize("n", range(2, 11))
def test_z_score_rule_is_blind_up_to_ten_values(n):
    x = np.zeros(n)
    x[0] = 1e9
    assert not errata.pre_17_z_score_outliers(x).any()
    assert z_scores(x).max() == pytest.approx(z_score_bound(n)) and z_score_bound(n) < 3
    if n == 10:
        y = np.array([3, 4, 4, 3, 5, 4, 2, 4, 3, 1e9])
        assert not errata.pre_17_z_score_outliers(y).any() and modified_z_scores(y)[-1] > 3.5
    assert errata.pre_17_z_score_outliers(np.r_[1e9, np.zeros(10)]).any()  # eleven are enough


@pytest.mark.erratum("PRE-18")
def test_filled_ratings_are_biased_and_shrunk_or_invented():
    rng = np.random.default_rng(0)
    true = rng.integers(1, 6, 100_000)
    p = true / 6
    seen = rng.random(len(true)) < p
    ratings = np.where(seen, true, np.nan)
    filled = errata.pre_18_fill_ratings_with_mean(ratings)
    assert filled.mean() - true.mean() > 0.4 and filled.var() < 0.75 * true.var()
    assert filled.mean() == pytest.approx(expected_observed_mean(true, p), abs=0.02)
    assert ips_mean(true[seen], p[seen], len(true)) == pytest.approx(true.mean(), abs=0.03)
    invented = errata.pre_18_fill_ratings_at_random(ratings, seed=1)
    assert np.corrcoef(invented[~seen], true[~seen])[0, 1] < 0.05
    assert set(np.unique(invented)) == {1, 2, 3, 4, 5}
