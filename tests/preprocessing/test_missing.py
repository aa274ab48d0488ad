"""Missing values: fills learned on train, labels never invented, and the propensity estimators."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_book.preprocessing import (
    MissingValueFiller,
    drop_missing,
    expected_observed_mean,
    filled_variance,
    ips_mean,
    snips_mean,
)

TRAIN = pd.DataFrame(
    {
        "age": [20.0, 30.0, np.nan, 70.0],
        "job": ["nurse", "nurse", None, "pilot"],
        "country": ["NL", "NL", "FR", "DE"],
        "value": [1.0, 2.0, np.nan, 4.0],
    }
)
TEST = pd.DataFrame(
    {"age": [np.nan, np.nan, 900.0], "job": [None, "judge", None], "country": ["NL", "FR", "XX"]},
    index=["p", "q", "r"],
)


def test_drop_missing_names_the_first_hole_of_each_row():
    kept, report = drop_missing(TRAIN, ["job", "age"])
    assert list(kept.index) == [0, 1, 3] and report.reasons == {"no job": 1}
    assert drop_missing(TRAIN, [])[1].removed == ()
    assert len(drop_missing(TRAIN.iloc[:0], ["age"])[0]) == 0


@pytest.mark.equation("eq-fill")
@pytest.mark.parametrize(("strategy", "fill"), [("mean", 40.0), ("median", 30.0), ("mode", 20.0)])
def test_fill_keeps_what_is_observed_and_uses_train_only(strategy, fill):
    filled, report = MissingValueFiller(["age"], strategy).fit(TRAIN).transform(TEST)
    assert filled.age.tolist() == [fill, fill, 900.0]  # the 900 of the test rows has no say
    assert report.reasons == {"filled age": 2} and report.changed == ("p", "q")
    assert TEST.age.isna().sum() == 2  # the input is untouched


def test_fill_agrees_with_the_formula_written_out():
    x = TRAIN.age.to_numpy()
    observed = ~np.isnan(x)
    filled = MissingValueFiller(["age"], "mean").fit(TRAIN).transform(TRAIN)[0].age
    assert filled.to_numpy() == pytest.approx(np.where(observed, x, x[observed].mean()))


def test_text_takes_the_mode_or_a_constant():
    filled = MissingValueFiller(["job"], "mode").fit(TRAIN).transform(TEST)[0]
    assert filled.job.tolist() == ["nurse", "judge", "nurse"]
    constant = MissingValueFiller(["job"], "constant", fill_value="unknown").fit(TRAIN)
    assert constant(TEST)[0].job.tolist() == ["unknown", "judge", "unknown"]


def test_groups_fall_back_on_the_whole_column():
    filler = MissingValueFiller(["age"], "mean", group="country").fit(TRAIN)
    assert filler.transform(TEST)[0].age.tolist() == [25.0, 40.0, 900.0]  # NL, empty FR
    assert filler.transform(TEST.assign(age=np.nan))[0].age.tolist() == [25.0, 40.0, 40.0]
    mode = MissingValueFiller(["job"], "mode", group="country").fit(TRAIN)
    assert mode.transform(TEST)[0].job.tolist() == ["nurse", "judge", "nurse"]
    constant = MissingValueFiller(["age"], "constant", group="country", fill_value=-1.0)
    assert constant.fit(TRAIN).transform(TEST)[0].age.tolist() == [-1.0, -1.0, 900.0]


def test_indicator_remembers_and_survives_a_second_run():
    filler = MissingValueFiller(["age"], "mean", indicator=True).fit(TRAIN)
    once, _ = filler.transform(TEST)
    assert once.age_missing.tolist() == [1.0, 1.0, 0.0]
    twice, report = filler.transform(once)
    pd.testing.assert_frame_equal(once, twice)
    assert report.changed == () and str(report) == "fill (mean): 3 → 3 rows (0 removed)"


def test_integer_columns_with_holes_stay_integers_where_they_can():
    train = pd.DataFrame({"year": pd.array([1990, None, 1990], dtype="Int64")})
    filled = MissingValueFiller(["year"], "mode").fit(train).transform(train)[0]
    assert filled.year.tolist() == [1990, 1990, 1990] and str(filled.year.dtype) == "Int64"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["value"],), "'value' is a target"),
        ((["age"], "average"), "choose one of mean"),
        ((["age"], "constant"), "pass fill_value"),
    ],
)
def test_refusals_at_construction(arguments, message):
    with pytest.raises(ValueError, match=message):
        MissingValueFiller(*arguments)


def test_refusals_later():
    with pytest.raises(ValueError, match="has no median"):
        MissingValueFiller(["job"]).fit(TRAIN)
    with pytest.raises(ValueError, match="no observed value in the training rows"):
        MissingValueFiller(["age"]).fit(TRAIN.assign(age=np.nan))
    with pytest.raises(ValueError, match="call fit"):
        MissingValueFiller(["age"]).transform(TEST)
    with pytest.raises(ValueError, match="no column 'age'"):
        MissingValueFiller(["age"]).fit(TRAIN).transform(TEST.drop(columns="age"))
    other_target = MissingValueFiller(["value"], targets=["clicked"])  # a feature elsewhere
    assert other_target.fit(TRAIN).transform(TRAIN)[0]["value"].tolist() == [1, 2, 2, 4]


numbers = st.floats(-100, 100)


@pytest.mark.equation("eq-filled-variance")
@given(st.lists(numbers, min_size=1, max_size=20), st.integers(0, 20))
def test_filled_variance_is_what_filling_gives(values, holes):
    x = np.r_[values, np.full(holes, np.nan)]
    assert filled_variance(x) == pytest.approx(np.where(np.isnan(x), np.nanmean(x), x).var())


@pytest.mark.equation("eq-observed-mean")
@given(st.lists(st.tuples(numbers, st.floats(0.05, 1)), min_size=1, max_size=20))
def test_expected_observed_mean_is_the_weighted_mean(pairs):
    r, p = np.array(pairs).T
    assert expected_observed_mean(r, p) == pytest.approx((p * r).sum() / p.sum(), abs=1e-9)


def all_observation_patterns(p):
    """Every pattern of observation with its probability: the expectation without sampling."""
    for bits in range(2 ** len(p)):
        seen = np.array([bits >> j & 1 for j in range(len(p))], dtype=bool)
        yield seen, np.where(seen, p, 1 - p).prod()


@pytest.mark.equation("eq-ips")
def test_ips_is_unbiased_exactly():
    r, p = np.array([1.0, 2.0, 3.0, 5.0, 5.0]), np.array([0.1, 0.3, 0.5, 0.9, 1.0])
    cases = all_observation_patterns(p)
    expected = sum(w * ips_mean(r[seen], p[seen], len(r)) for seen, w in cases)
    assert expected == pytest.approx(r.mean(), abs=1e-12)


@pytest.mark.equation("eq-snips")
def test_snips_needs_propensities_only_up_to_a_factor_and_stays_in_range():
    rng = np.random.default_rng(0)
    r = rng.integers(1, 6, 20_000).astype(float)
    p = r / 6
    seen = rng.random(len(r)) < p
    snips = snips_mean(r[seen], p[seen])
    assert snips == pytest.approx(r.mean(), abs=0.05)
    assert snips == pytest.approx(snips_mean(r[seen], p[seen] / 2))
    assert snips_mean([5.0], [0.01]) == 5.0 and ips_mean([5.0], [0.01], 2) == 250.0


@pytest.mark.parametrize("bad", [0.0, -0.1, 1.2, np.nan])
def test_propensities_are_probabilities(bad):
    with pytest.raises(ValueError, match=r"in row 1 is not a probability in \(0, 1\]"):
        ips_mean([1.0, 2.0], [0.5, bad], 4)
