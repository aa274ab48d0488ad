"""Weights, thresholds, cores, samples and id codes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_book.preprocessing import (
    IdMap,
    k_core,
    purchase_frequency,
    sample_users,
    to_implicit,
    watch_ratio,
    weight_events,
)

LOG = pd.DataFrame(
    {
        "user": [1, 1, 1, 2],
        "item": [7, 7, 7, 8],
        "event": ["view", "buy", "buy", "view"],
        "value": [3.0, 5.0, 4.0, 1.0],
        "timestamp": [0, 10, 86_400, 5],
    }
)


def test_event_weights():
    out, report = weight_events(LOG, {"view": 1, "buy": 5})
    assert out.weight.tolist() == [1, 5, 5, 1] and report.reasons == {"view": 2, "buy": 2}
    assert weight_events(out, {"view": 1, "buy": 5})[1].changed == ()
    with pytest.raises(ValueError, match="row 1: event 'buy' has no weight"):
        weight_events(LOG, {"view": 1})
    with pytest.raises(ValueError, match="weight of event 'buy' is -1"):
        weight_events(LOG, {"view": 1, "buy": -1})


def test_watch_ratio():
    assert watch_ratio([30, 0, 240], [60, 60, 60]).tolist() == [0.5, 0, 1]
    assert watch_ratio([240], [60], cap=2)[0] == 2
    with pytest.raises(ValueError, match="Row 1: 5 s watched of a video of 0 s"):
        watch_ratio([1, 5], [10, 0])


def test_to_implicit_keeps_the_ratings_and_runs_again():
    out, report = to_implicit(LOG, 4)
    assert out.value.tolist() == [5, 4] and out.weight.tolist() == [1, 1]
    assert report.reasons == {"value below 4": 2}
    assert to_implicit(out, 4)[0].equals(out)
    with pytest.raises(ValueError, match="row 0: a missing rating is neither"):
        to_implicit(LOG.assign(value=[np.nan, 1, 2, 3]), 4)


def test_purchase_frequency_is_purchases_per_active_day():
    frequency = purchase_frequency(LOG)
    assert frequency.to_dict() == {1: 1.0, 2: 0.0}
    assert purchase_frequency(LOG, purchase="view").to_dict() == {1: 0.5, 2: 1.0}


pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40)


@given(pairs, st.integers(1, 4), st.integers(1, 4))
def test_k_core_holds_and_is_the_greatest(rows, min_user, min_item):
    log = pd.DataFrame(rows, columns=["user", "item"])
    core, report = k_core(log, min_user, min_item)
    assert (core.user.value_counts() >= min_user).all()
    assert (core.item.value_counts() >= min_item).all()
    assert sum(report.reasons.values()) == len(report.removed) and "" not in report.reasons
    # The greatest core does not depend on the order of removal: items first gives the same rows.
    swapped = k_core(log.rename(columns={"user": "item", "item": "user"}), min_item, min_user)[0]
    assert swapped.index.equals(core.index)
    assert k_core(core, min_user, min_item)[1].removed == ()


def test_k_core_may_be_empty():
    core, report = k_core(LOG, 9, 9)
    assert len(core) == 0 and len(report.removed) == 4


def test_sample_users_keeps_whole_histories():
    log = pd.DataFrame({"user": np.repeat(np.arange(10), 3), "item": range(30)})
    sample, report = sample_users(log, 0.3, seed=1)
    assert sample.user.nunique() == 3 and (sample.user.value_counts() == 3).all()
    assert sample.equals(sample_users(log, 0.3, seed=1)[0]) and len(report.removed) == 21
    assert len(sample_users(log, 1.0)[0]) == 30
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        sample_users(log, 0.0)


@given(st.lists(st.one_of(st.integers(-9, 9)), max_size=12), st.lists(st.integers(-9, 9)))
def test_ids_round_trip_and_strangers_are_minus_one(known, asked):
    ids = IdMap(known)
    assert ids.decode(ids.encode(known)).tolist() == known
    codes = ids.encode(asked)
    assert ((codes == -1) == ~np.isin(asked, known)).all()
    back = ids.decode(codes, unknown=None)
    assert list(back) == [a if a in known else None for a in asked]


def test_ids_of_text():
    ids = IdMap.fit(pd.DataFrame({"user": ["bo", "al", None, "bo"]}), "user")
    assert len(ids) == 2 and ids.encode(["al", "cy"]).tolist() == [0, -1]
    assert ids.encode(["al"]).dtype == np.int64
    with pytest.raises(ValueError, match="Code 2 in row 1 belongs to no id"):
        ids.decode([0, 2])
