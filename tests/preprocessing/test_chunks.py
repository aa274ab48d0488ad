"""Processing in chunks equals processing the whole file."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_book.data import messy_event_log
from recsys_book.preprocessing import (
    FirstOccurrences,
    MissingValueFiller,
    OutlierRule,
    RunningMoments,
    Scaler,
    clean_chunks,
    drop_missing,
    first_occurrences,
    map_chunks,
)

LOG = messy_event_log(300).events
KEY = ["user", "item", "event", "timestamp"]


def pieces(log, cuts):
    edges = [0, *sorted(cuts), len(log)]
    return [log.iloc[a:b] for a, b in zip(edges, edges[1:])]


CUTS = st.lists(st.integers(0, len(LOG)), max_size=6)


@settings(max_examples=6, deadline=None)
@given(CUTS)
def test_cleaning_in_chunks_equals_cleaning_the_whole(cuts):
    rule = OutlierRule("dwell_seconds").fit(LOG)
    filler = MissingValueFiller(["dwell_seconds"], group="device").fit(LOG)
    fixed = [partial(drop_missing, columns=["user"]), rule, filler]
    expected = LOG[first_occurrences(LOG, KEY)]
    for step in fixed:
        expected, _ = step(expected)
    parts = list(clean_chunks(pieces(LOG, cuts), [FirstOccurrences(KEY), *fixed]))
    pd.testing.assert_frame_equal(pd.concat([part for part, _ in parts]), expected)
    assert sum(len(r[0].removed) for _, r in parts) == (~first_occurrences(LOG, KEY)).sum()


@settings(max_examples=25, deadline=None)
@given(CUTS)
def test_moments_of_chunks_equal_those_of_the_whole(cuts):
    columns = ["dwell_seconds", "timestamp", "rating"]
    moments = RunningMoments(columns)
    for part in pieces(LOG, cuts):
        moments.update(part)
    scaler = Scaler().fit(LOG[columns])
    np.testing.assert_allclose(moments.mean, scaler.location_, rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(moments.variance), scaler.scale_, rtol=1e-9)
    np.testing.assert_array_equal(moments.count, LOG[columns].notna().sum())


def test_moments_of_nothing():
    assert np.isnan(RunningMoments(["x"]).update(pd.DataFrame({"x": [np.nan]})).variance).all()


@pytest.mark.parametrize("jobs", [1, 3])
def test_threads_keep_the_order(jobs):
    rule = OutlierRule("dwell_seconds").fit(LOG)
    parts = list(map_chunks(iter(pieces(LOG, [50, 300, 301])), rule, jobs))
    pd.testing.assert_frame_equal(pd.concat([p for p, _ in parts]), rule(LOG)[0])
    assert sum(len(r.removed) for _, r in parts) == len(rule(LOG)[1].removed)


def test_a_thread_is_needed():
    with pytest.raises(ValueError, match="at least one thread"):
        next(map_chunks([], OutlierRule("x"), 0))


def test_a_file_read_in_pieces(tmp_path):
    LOG.to_csv(tmp_path / "log.csv", index=False)
    whole = pd.read_csv(tmp_path / "log.csv")
    with pd.read_csv(tmp_path / "log.csv", chunksize=100) as chunks:
        parts = [part for part, _ in clean_chunks(chunks, [FirstOccurrences(KEY)])]
    joined = pd.concat(parts)
    assert joined.index.tolist() == whole.index[first_occurrences(whole, KEY)].tolist()


def test_missing_keys_are_equal_to_each_other():
    log = pd.DataFrame({"a": [1.0, np.nan, np.nan], "b": [None, "x", "x"]})
    kept, _ = FirstOccurrences(["a", "b"])(log)
    assert kept.index.tolist() == [0, 1]
