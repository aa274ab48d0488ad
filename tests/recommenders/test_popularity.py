"""Popularity, recent popularity, decayed popularity and random scores."""

import numpy as np
import pytest

from recsys_book.data import Interactions
from recsys_book.recommenders import DecayedPopularity, Popularity, Random, RecentPopularity

DAY = 86_400


def log_of(items, times, n_items=3):
    n = len(items)
    return Interactions(
        user=np.arange(n) % 4,
        item=np.array(items),
        value=np.full(n, 2.0),
        timestamp=np.array(times),
        users=np.arange(4),
        items=np.arange(n_items),
    )


@pytest.mark.equation("eq-popularity")
def test_popularity_is_the_maximum_likelihood_share():
    log = log_of([0, 0, 0, 1, 2, 0, 1, 1], range(8))
    share = Popularity().fit(log).share_
    np.testing.assert_allclose(share, [4 / 8, 3 / 8, 1 / 8])

    def log_likelihood(p):
        return np.log(p[log.item]).sum()

    rng = np.random.default_rng(0)
    others = rng.dirichlet(np.ones(3), size=500)
    assert all(log_likelihood(p) < log_likelihood(share) for p in others)


def test_values_do_not_count_events_do():
    log = log_of([0, 1, 1], [0, 1, 2])
    heavy = Interactions(
        log.user, log.item, np.array([100.0, 1, 1]), log.timestamp, log.users, log.items
    )
    assert Popularity().fit(heavy).recommend([3], 1)[0][0, 0] == 1


def test_recent_popularity_counts_the_last_rows_in_time_not_in_file_order():
    log = log_of([2, 2, 0, 0, 0, 1, 1, 1, 1, 1], [9, 8, 0, 1, 2, 3, 4, 5, 6, 7])
    np.testing.assert_allclose(RecentPopularity(0.2).fit(log).share_, [0, 0, 1])
    np.testing.assert_allclose(RecentPopularity(0.4).fit(log).share_, [0, 0.5, 0.5])
    everything = RecentPopularity(1.0).fit(log).share_
    np.testing.assert_allclose(everything, Popularity().fit(log).share_)


def test_recent_popularity_keeps_at_least_one_row():
    log = log_of([0, 1], [0, 1])
    np.testing.assert_allclose(RecentPopularity(0.001).fit(log).share_, [0, 1, 0])


@pytest.mark.equation("eq-decayed-popularity")
def test_an_event_one_half_life_old_counts_half():
    log = log_of([0, 1, 2], [0, 7 * DAY, 14 * DAY])
    share = DecayedPopularity(half_life_days=7).fit(log).share_
    np.testing.assert_allclose(share, np.array([0.25, 0.5, 1.0]) / 1.75)


def test_decay_runs_from_recent_to_plain_popularity():
    log = log_of([0, 0, 0, 1, 1, 2], np.array([0, 1, 2, 3, 4, 5]) * DAY)
    assert DecayedPopularity(1e9).fit(log).recommend([-1], 3)[0].tolist() == [[0, 1, 2]]
    assert DecayedPopularity(0.1).fit(log).recommend([-1], 3)[0].tolist() == [[2, 1, 0]]


def test_decay_can_be_computed_one_event_at_a_time():
    # The recursion of the chapter: at each event, the old score fades by the time that passed.
    times = np.array([0, 3, 4, 9, 11]) * DAY
    items = np.array([0, 1, 0, 2, 0])
    score, last = np.zeros(3), 0
    for item, now in zip(items, times):
        score *= 0.5 ** ((now - last) / DAY / 5)
        score[item] += 1
        last = now
    share = DecayedPopularity(5).fit(log_of(items, times)).share_
    np.testing.assert_allclose(share, score / score.sum())


@pytest.mark.parametrize("window", [0, -0.1, 1.5, float("nan")])
def test_window_out_of_range(window):
    with pytest.raises(ValueError, match="window is"):
        RecentPopularity(window).fit(log_of([0], [0]))


@pytest.mark.parametrize("half_life", [0, -1, float("nan")])
def test_half_life_out_of_range(half_life):
    with pytest.raises(ValueError, match="half_life_days is"):
        DecayedPopularity(half_life).fit(log_of([0], [0]))


def test_random_depends_on_seed_and_user_only():
    log = log_of([0, 1, 2, 1], range(4), n_items=3)
    one = Random(seed=1).fit(log)
    np.testing.assert_array_equal(one.score([2])[0], one.score([0, 1, 2, 3])[2])
    assert not np.array_equal(one.score([2]), Random(seed=2).fit(log).score([2]))
    assert not np.array_equal(one.score([2]), one.score([3]))
