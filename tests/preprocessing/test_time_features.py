"""Time features against brute force, the calendar, and known distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_book.preprocessing import (
    calendar,
    cyclical,
    haversine,
    history_features,
    recency_weight,
    sessions,
)


@pytest.mark.equation("eq-cyclical")
def test_distance_on_the_circle_depends_on_the_shorter_way_round():
    month = cyclical(np.arange(1, 13), 12)
    for a in range(12):
        for b in range(12):
            way = min(abs(a - b), 12 - abs(a - b))
            chord = np.linalg.norm(month[a] - month[b])
            assert chord == pytest.approx(2 * np.sin(np.pi * way / 12))
    np.testing.assert_allclose((month**2).sum(axis=1), 1)


def test_calendar_knows_dates():
    frame = calendar(np.array([0, 874_724_710, 951_782_400]))
    assert frame.to_numpy().tolist() == [[0, 3, 1, 1970], [3, 5, 9, 1997], [0, 1, 2, 2000]]
    assert frame.columns.tolist() == ["hour", "weekday", "month", "year"]


def test_recency_weight_halves_and_refuses_the_future():
    np.testing.assert_allclose(recency_weight(np.array([0, 7, 14]), 7), [1, 0.5, 0.25])
    with pytest.raises(ValueError, match="Age -1 in row 1 is negative"):
        recency_weight(np.array([1, -1]), 7)


def test_sessions_by_hand_and_in_any_row_order():
    user = np.array([1, 0, 1, 1, 0])
    time = np.array([100, 50, 120, 500, 60])
    assert sessions(user, time, gap=30).tolist() == [1, 0, 1, 2, 0]
    assert sessions(user, time, gap=1000).tolist() == [1, 0, 1, 1, 0]
    assert sessions(user, time, gap=5).tolist() == [2, 0, 3, 4, 1]
    assert sessions(user[:0], time[:0]).tolist() == []


def brute_force(user, item, value, time, window):
    rows = []
    for j in range(len(user)):
        row = []
        for key in (user, item):
            past = [k for k in range(len(user)) if key[k] == key[j] and time[k] < time[j]]
            row += [
                len(past),
                np.mean([value[k] for k in past]) if past else np.nan,
                sum(time[k] >= time[j] - window for k in past),
                time[j] - max(time[k] for k in past) if past else np.nan,
            ]
        rows.append(row)
    return np.array(rows, dtype=float).reshape(-1, 8)


events = st.lists(
    st.tuples(st.integers(0, 3), st.integers(10, 13), st.integers(1, 5), st.integers(1000, 1020)),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(events, st.integers(1, 15))
def test_history_features_equal_brute_force(rows, window):
    user, item, value, time = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    ours = history_features(user, item, value, time, window)
    np.testing.assert_allclose(ours.to_numpy(float), brute_force(user, item, value, time, window))


def test_history_features_do_not_see_the_present_or_the_future(ml100k):
    x = ml100k.interactions
    rows = np.flatnonzero(x.user < 40)
    log = [c[rows] for c in (x.user, x.item, x.value, x.timestamp)]
    before = history_features(*log)
    cut = np.median(log[3])
    changed = log[2].copy()
    changed[log[3] >= cut] = 99.0
    after = history_features(log[0], log[1], changed, log[3])
    early = log[3] <= cut
    np.testing.assert_array_equal(before[early], after[early])
    assert not before[~early].equals(after[~early])


def test_haversine_known_distances():
    paris, new_york = (48.8566, 2.3522), (40.7128, -74.0060)
    assert haversine(*paris, *new_york) == pytest.approx(5837, abs=5)
    assert haversine(0, 0, 0, 180) == pytest.approx(np.pi * 6371.0088)
    assert haversine(10, 179.5, 10, -179.5) < 112  # across the date line
    assert haversine(np.array([0, 90]), 0, 0, np.array([0, 77])).tolist() == pytest.approx(
        [0, np.pi / 2 * 6371.0088]
    )
    with pytest.raises(ValueError, match="outside"):
        haversine(2.3, 0, 148.8, 0)
