"""Features of user–item pairs look only back; information gain equals scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from recsys_book.preprocessing import information_gain, pair_features


def test_pairs_equal_a_loop_over_the_past():
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 3, 80), rng.integers(0, 2, 80)
    value, time = rng.random(80), rng.integers(0, 50, 80)
    table = pair_features(user, item, value, time, window=10)
    assert list(table) == ["pair_count", "pair_mean", "pair_recent", "pair_pause"]
    for row in range(80):
        past = (user == user[row]) & (item == item[row]) & (time < time[row])
        assert table.loc[row, "pair_count"] == past.sum()
        assert table.loc[row, "pair_recent"] == (past & (time >= time[row] - 10)).sum()
        if past.any():
            assert table.loc[row, "pair_mean"] == pytest.approx(value[past].mean())
            assert table.loc[row, "pair_pause"] == time[row] - time[past].max()
        else:
            assert np.isnan(table.loc[row, ["pair_mean", "pair_pause"]].astype(float)).all()


def test_gain_equals_mutual_information():
    rng = np.random.default_rng(0)
    feature = rng.choice(["a", "b", "c"], 300)
    label = np.where(rng.random(300) < 0.7, feature, "a")
    expected = mutual_info_score(feature, label) / np.log(2)
    assert information_gain(feature, label) == pytest.approx(expected)


def test_gain_of_everything_and_of_nothing():
    label = np.array([0, 1] * 4)
    assert information_gain(np.arange(8), label) == pytest.approx(1)  # an id "explains" it all
    assert information_gain(np.zeros(8), label) == 0


def test_gain_needs_rows():
    with pytest.raises(ValueError, match="as many of both"):
        information_gain([], [])
    with pytest.raises(ValueError, match="3 rows and the label 2"):
        information_gain([1, 2, 3], [1, 2])
