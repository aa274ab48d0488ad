"""The log of a policy, and the fashion shop's logs."""

import numpy as np
import pandas as pd
import pytest

from recsys_book.data import BanditLog, DataError, load_open_bandit
from recsys_book.data.open_bandit import CAMPAIGNS


def small(**changes):
    columns = {
        "context": np.zeros((3, 2)),
        "action": [0, 1, 2],
        "reward": [0, 1, 0],
        "propensity": [0.5, 0.25, 1.0],
        "position": [0, 1, 0],
        "n_actions": 3,
        "n_positions": 2,
    }
    return BanditLog(**{**columns, **changes})


def test_the_columns_are_arrays_of_the_stated_types():
    log = small(action_context=np.eye(3), timestamp=[1, 2, 3])
    assert log.action.dtype == np.int64 and log.reward.dtype == np.float64
    assert len(log) == 3
    np.testing.assert_array_equal(log.counts(), [[1, 0, 1], [0, 1, 0]])


def test_taking_rows_keeps_them_aligned():
    log = small(timestamp=np.array([10, 20, 30])).take(np.array([2, 1]))
    assert log.action.tolist() == [2, 1]
    assert log.propensity.tolist() == [1.0, 0.25]
    assert log.timestamp.tolist() == [30, 20]
    assert small().take(np.array([True, False, False])).timestamp is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"propensity": [0.5, 0.0, 1.0]}, "Row 1: the propensity is 0, yet the action was shown"),
        ({"propensity": [0.5, np.nan, 1.0]}, "Row 1: the propensity is missing; estimate it"),
        ({"propensity": [0.5, 0.5, 1.2]}, "Row 2: the propensity is 1.2, which is no probability"),
        ({"propensity": [-0.1, 0.5, 1]}, "Row 0: the propensity is -0.1"),
        ({"propensity": [0.5, 0.5]}, r"propensity has shape \(2,\) in a log of 3 rows"),
        ({"action": [0, 1, 3]}, "Row 2: the action 3 is unknown, there are 3 from 0 to 2"),
        ({"action": [0, 1.5, 2]}, "Row 1: the action 1.5 is unknown"),
        ({"action": [0, np.nan, 2]}, "Row 1: the action nan is unknown"),
        ({"action": ["shirt", "b", "c"]}, "action of the log holds something that is not a number"),
        ({"position": [0, 2, 0]}, "Row 1: the position 2 is unknown"),
        ({"reward": [0, np.inf, 0]}, "Row 1: the reward is inf"),
        ({"context": np.zeros((2, 2))}, r"context has shape \(2, 2\) where there are 3 rows"),
        ({"context": [[0, 1], [0, np.nan], [0, 0]]}, "context, row 1: a feature is missing"),
        ({"action_context": np.eye(2)}, r"action_context has shape \(2, 2\) where there are 3 act"),
        ({"timestamp": [1, 2]}, r"timestamp has shape \(2,\) in a log of 3 rows"),
        ({"action": []}, "at least one row"),
    ],
)
def test_a_wrong_log_is_one_sentence_that_names_the_row(changes, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        small(**changes)
    assert str(caught.value).count(". ") == 0 and str(caught.value).endswith(".")


@pytest.fixture(scope="module")
def logs():
    return {(c, p): load_open_bandit(c, p) for c in CAMPAIGNS for p in ("random", "bts")}


def test_the_six_logs_are_as_the_docstring_says(logs):
    sizes = {"all": 80, "men": 34, "women": 46}
    clicks = {"random": (38, 46, 46), "bts": (42, 69, 46)}
    for (campaign, policy), shop in logs.items():
        log = shop.log
        assert len(log) == len(shop.rows) == 10_000
        assert log.n_actions == len(shop.items) == sizes[campaign]
        assert log.reward.sum() == clicks[policy][CAMPAIGNS.index(campaign)]
        np.testing.assert_array_equal(log.position + 1, shop.rows["position"])
        np.testing.assert_array_equal(log.action, shop.rows["item_id"])
        assert (np.diff(log.timestamp).astype(int) >= 0).all()
        assert log.context.sum(axis=1).tolist() == [4.0] * 10_000
        assert len(shop.features) == log.context.shape[1]
        tied = pd.Series(log.timestamp).duplicated(keep=False).sum()
        assert 2 <= tied <= 22
        assert not shop.rows.duplicated().any()


def test_propensities_are_uniform_under_random_and_move_under_thompson(logs):
    for campaign in CAMPAIGNS:
        log = logs[campaign, "random"].log
        np.testing.assert_allclose(log.propensity, 1 / log.n_actions, rtol=1e-12)
    low = min(logs[c, "bts"].log.propensity.min() for c in CAMPAIGNS)
    high = max(logs[c, "bts"].log.propensity.max() for c in CAMPAIGNS)
    assert low == 1e-6 and 0.962 < high < 0.963


def test_the_two_logs_of_a_campaign_share_their_columns(logs):
    for campaign in CAMPAIGNS:
        one, other = logs[campaign, "random"], logs[campaign, "bts"]
        assert one.features == other.features
        np.testing.assert_array_equal(one.log.action_context, other.log.action_context)
        hashed = "item_feature_1"
        assert not set(one.items[hashed]) & set(other.items[hashed])


def test_an_unknown_log_and_a_broken_file_are_one_sentence(tmp_path):
    with pytest.raises(DataError, match="no log 'greedy/all'"):
        load_open_bandit("all", "greedy")
    with pytest.raises(DataError, match="no log 'random/kids'"):
        load_open_bandit("kids")
    with pytest.raises(DataError, match=r"all\.csv cannot be read"):
        load_open_bandit(folder=tmp_path)
    place = tmp_path / "random" / "all"
    place.mkdir(parents=True)
    (place / "all.csv").write_text("timestamp,item_id\n")
    with pytest.raises(DataError, match="has no column 'position'"):
        load_open_bandit(folder=tmp_path)
