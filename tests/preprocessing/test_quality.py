"""The data report: known numbers on a small log, and the facts of MovieLens-100K."""

import numpy as np
import pandas as pd
import pytest

from recsys_book.evaluation import gini
from recsys_book.preprocessing import data_report, popularity_drift

LOG = pd.DataFrame(
    {
        "user": ["a", "a", "b", "b", None],
        "item": [1, 1, 1, 2, 2],
        "value": [3.0, 3.0, np.nan, 5.0, 1.0],
        "timestamp": [10, 10, 20, 30, 40],
    }
)


def test_report_on_a_small_log():
    report = data_report(LOG)
    assert (report.rows, report.users, report.items) == (5, 2, 2)
    assert report.missing == {"user": 1, "item": 0, "value": 1, "timestamp": 0}
    assert report.exact_duplicates == report.repeated_pairs == 1
    assert report.tied_timestamps == 2 and report.ranges["value"] == (1.0, 5.0)
    assert report.density == 3 / 4 and report.head_share == 3 / 4
    assert report.drift == pytest.approx(0.5)
    frame = report.to_frame()
    assert dict(zip(frame.measure, frame.value))["range of value"] == "1 to 5"
    assert frame.measure.is_unique


def test_report_fails_loudly():
    report = data_report(LOG)
    assert report.require(missing=2, drift=1, exact_duplicates=1) is report
    with pytest.raises(ValueError, match="'exact duplicates' is 1, above its limit 0; clean it"):
        report.require(exact_duplicates=0)
    with pytest.raises(ValueError, match="'missing' is 2"):
        report.require(missing=0)
    with pytest.raises(ValueError, match="no number 'beauty'"):
        report.require(beauty=1)


def test_report_of_degenerate_logs():
    with pytest.raises(ValueError, match="The log is empty"):
        data_report(LOG.iloc[:0])
    nobody = data_report(LOG.assign(user=None))
    assert (nobody.density, nobody.gini, nobody.head_share, nobody.drift) == (0, 0, 0, 0)
    one = data_report(LOG.iloc[:1])
    assert one.density == 1 and one.gini == 0 and one.drift == 0


def test_gini_is_the_one_of_the_evaluation():
    rng = np.random.default_rng(0)
    log = pd.DataFrame({"user": rng.integers(0, 50, 400), "item": rng.zipf(2, 400)})
    report = data_report(log.assign(timestamp=range(400)))
    assert report.gini == pytest.approx(gini(log["item"].value_counts().to_numpy()))


def test_drift_is_a_distance():
    log = pd.DataFrame({"item": [1, 2, 1, 2], "timestamp": [1, 2, 3, 4]})
    assert popularity_drift(log) == 0
    assert popularity_drift(log.assign(item=[1, 1, 2, 2])) == 1


def test_movielens_is_already_clean(ml100k):
    report = data_report(ml100k.interactions.to_frame())
    assert (report.rows, report.users, report.items) == (100_000, 943, 1682)
    assert report.repeated_pairs == 0 and sum(report.missing.values()) == 0
    assert report.tied_timestamps > 70_000
