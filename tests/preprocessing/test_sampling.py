"""Sampling a log: what stays, what vanishes, and the probabilities of the drawn negatives."""

import numpy as np
import pytest

from recsys_book.data.interactions import Interactions
from recsys_book.preprocessing import (
    expected_items_kept,
    sample_events,
    sample_negatives,
    user_sequences,
)


def log_of(user, item, timestamp=None, n_users=4, n_items=5):
    n = len(user)
    time = np.arange(n) if timestamp is None else timestamp
    return Interactions(user, item, np.ones(n), time, np.arange(n_users), np.arange(n_items))


def test_event_sampling_loses_the_items_that_the_formula_says():
    count = np.array([1, 2, 3, 10, 0])
    log = log_of(np.zeros(16, int), np.repeat(np.arange(5), count))
    kept = [len(np.unique(sample_events(log, 0.3, seed).item)) for seed in range(3_000)]
    assert expected_items_kept(count, 0.3) == pytest.approx(np.mean(kept), abs=0.05)
    assert expected_items_kept([0, 1], 0.25) == pytest.approx(0.25)


def test_event_sampling_keeps_rows_in_order_and_is_seeded():
    log = log_of(np.zeros(500, int), np.arange(500) % 5)
    one = sample_events(log, 0.2, seed=1)
    assert 70 < len(one) < 130 and np.all(np.diff(one.timestamp) > 0)
    assert np.array_equal(one.timestamp, sample_events(log, 0.2, seed=1).timestamp)
    assert len(one) != len(sample_events(log, 0.6, seed=1))


@pytest.mark.parametrize("share", [0, 1, -1, 2])
def test_a_share_outside_zero_and_one_is_refused(share):
    log = log_of([0, 1], [0, 1])
    for call in (lambda: sample_events(log, share), lambda: expected_items_kept([1], share)):
        with pytest.raises(ValueError, match=f"strictly between 0 and 1 but is {share}.$"):
            call()


@pytest.mark.parametrize("power", [0.0, 0.75, 1.0])
def test_negatives_follow_their_stated_probabilities(power):
    count = np.array([1, 2, 3, 10, 0])
    log = log_of(np.repeat([0, 2], 8), np.repeat(np.arange(5), count))
    users, items, log_q = sample_negatives(log, per_positive=2_000, power=power, seed=0)
    assert users.shape == items.shape == log_q.shape == (32_000,)
    assert np.bincount(users).tolist() == [16_000, 0, 16_000]
    weight = np.ones(5) if power == 0 else count**power
    drawn = np.bincount(items, minlength=5) / len(items)
    assert drawn == pytest.approx(weight / weight.sum(), abs=0.01)
    assert np.exp(log_q) == pytest.approx((weight / weight.sum())[items])


def test_negatives_need_at_least_one_draw():
    with pytest.raises(ValueError, match="^per_positive must be at least 1 but is 0.$"):
        sample_negatives(log_of([0], [0]), per_positive=0)


def test_sequences_are_in_time_order_padded_on_the_left():
    log = log_of([0, 1, 0, 0, 1, 3], [0, 1, 2, 3, 4, 0], [5, 1, 1, 9, 2, 0])
    sequences, mask = user_sequences(log, length=2)
    assert sequences.tolist() == [[0, 3], [1, 4], [5, 5], [5, 0]]
    assert mask.tolist() == [[True, True], [True, True], [False, False], [False, True]]
    assert user_sequences(log, length=4)[0][0].tolist() == [5, 2, 0, 3]
    assert user_sequences(log)[0].shape == (4, 50)


def test_sequences_break_ties_by_row_or_by_seed():
    log = log_of([0, 0, 0], [0, 1, 2], [7, 7, 7])
    assert user_sequences(log, 3)[0][0].tolist() == [0, 1, 2]
    seen = {tuple(user_sequences(log, 3, seed)[0][0]) for seed in range(40)}
    assert len(seen) == 6
    with pytest.raises(ValueError, match="^length must be at least 1 but is 0.$"):
        user_sequences(log, 0)
