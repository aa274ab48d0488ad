"""The loop, the simple feeds and the meters, on worlds small enough to count by hand."""

import numpy as np
import pytest

from recsys_book.case_studies import social_feed as sf
from recsys_book.data import FeedEvents, SimulatedFeed
from recsys_book.data.feedback import FeedbackLog


@pytest.fixture(scope="module")
def feed():
    return SimulatedFeed(n_users=40, n_creators=12, n_posts=300, hours=60, seed=5)


@pytest.fixture(scope="module")
def newest(feed):
    return sf.run_feed(feed, sf.SimpleFeed(feed, "newest"), 0, 50, k=5)


def events_of(rows, n_users, n_posts):
    """Events from rows (hour, user, post, position, clicked, satisfied)."""
    hour, user, item, place, clicked, glad = (np.array(c) for c in zip(*rows))
    satisfied = np.where(clicked == 1, glad.astype(float), np.nan)
    log = FeedbackLog(hour, user, item, place, clicked == 1, satisfied, n_users, n_posts)
    none = np.zeros(len(rows), bool)
    return FeedEvents(log, none, none, none, none)


def test_simple_feeds_follow_their_rule(feed):
    users = np.arange(40)
    posts = feed.alive(20)
    lists = sf.SimpleFeed(feed, "newest").recommend(20, users, 4)
    assert (lists == posts[-1:-5:-1]).all()
    lists = sf.SimpleFeed(feed, "followed").recommend(20, users, 4)
    for user, row in zip(users, lists):
        mine = posts[feed.follows[user, feed.creator[posts]]][::-1][:4]
        assert row[: len(mine)].tolist() == mine.tolist()
    chance = sf.SimpleFeed(feed, "random", seed=1)
    first = chance.recommend(20, users, 4)
    assert (first != chance.recommend(20, users, 4)).any()
    assert (first == sf.SimpleFeed(feed, "random", seed=1).recommend(20, users, 4)).all()
    assert (sf.SimpleFeed(feed, "newest").recommend(20, users, 500)[:, -1] == -1).all()
    with pytest.raises(ValueError, match="rule is 'loudest'; use one of random"):
        sf.SimpleFeed(feed, "loudest")


def test_popularity_halves_in_six_hours(feed):
    policy = sf.SimpleFeed(feed, "popular")
    post = feed.alive(10)[0]
    once = events_of([(9, 0, post, 0, 1, 1)], 40, 300)
    policy.learn(9, once)
    for hour in range(10, 16):
        policy.learn(hour, FeedEvents.empty(40, 300))
    assert policy.views[post] == pytest.approx(0.5)
    assert (policy.recommend(10, np.arange(40), 1) == post).all()
    again = sf.SimpleFeed(feed, "popular").fit(once)
    assert again.views[post] == 1


def test_mood_is_fed_by_joy_and_fades(feed):
    run = sf.run_feed(feed, sf.SimpleFeed(feed, "newest"), 0, 1, k=5, mood=np.full(40, 0.5))
    came = run.came[0]
    glad = np.zeros(40, bool)
    glad[run.events.log.user[run.events.happened("satisfied")]] = True
    assert np.allclose(run.mood[~came], 0.5)
    assert np.allclose(run.mood[came & glad], 0.6) and np.allclose(run.mood[came & ~glad], 0.4)


def test_the_same_feed_twice_is_the_same_run(feed, newest):
    again = sf.run_feed(feed, sf.SimpleFeed(feed, "newest"), 0, 50, k=5)
    assert (again.came == newest.came).all() and (again.mood == newest.mood).all()
    assert (again.events.log.clicked == newest.events.log.clicked).all()


def test_outcomes_count_what_happened(newest):
    found, events = newest.outcomes(), newest.events
    user_days = 40 * 50 / 24
    assert found["visits"] == pytest.approx(newest.came.sum() / user_days)
    assert found["views"] == pytest.approx(events.log.clicked.sum() / user_days)
    assert found["shares"] == pytest.approx(events.share.sum() / user_days)
    assert found["joys"] == pytest.approx(np.nansum(events.log.satisfied) / user_days)
    assert found["joy_rate"] == pytest.approx(np.nanmean(events.log.satisfied))
    table = newest.by_hour(20)
    assert table.index.tolist() == [0, 20, 40]
    assert table["views"].sum() == pytest.approx(events.log.clicked.sum() / 40)
    assert table["visits"].iloc[2] == pytest.approx(newest.came[40:].sum() / 40)


def test_return_is_a_visit_within_three_hours():
    came = np.zeros((6, 2), bool)
    came[[0, 3], 0] = True  # user 0 comes back after three hours; the end of the run is cut
    came[1, 1] = True  # user 1 does not come back
    run = sf.FeedRun(FeedEvents.empty(2, 3), came, np.zeros(2), 0)
    assert run.outcomes()["return"] == pytest.approx(1 / 2)
    came[3, 0], came[4, 0] = False, True  # after four hours it is no return
    assert run.outcomes()["return"] == 0
    assert np.isnan(
        sf.FeedRun(FeedEvents.empty(2, 3), came[:2], np.zeros(2), 0).outcomes()["return"]
    )


def test_runs_that_cannot_be(feed):
    policy = sf.SimpleFeed(feed, "newest")
    for options in ({"start": 5, "stop": 5}, {"stop": 61}, {"k": 0}):
        with pytest.raises(ValueError, match="give a stretch inside it"):
            sf.run_feed(feed, policy, **options)


def test_topic_mix_and_entropy():
    events = events_of([(0, 0, 0, 0, 0, 0), (0, 0, 1, 1, 0, 0), (0, 1, 2, 0, 0, 0)], 3, 3)
    mix = sf.topic_mix(events, np.array([0, 1, 1]), 2)
    assert mix.tolist() == [[0.5, 0.5], [0.0, 1.0], [0.0, 0.0]]
    assert sf.entropy(mix) == pytest.approx([np.log(2), 0, 0])


def test_hours_until_the_first_impressions(feed):
    new = np.flatnonzero((feed.posted >= 0) & (feed.posted < 60 - 24))
    a, b = new[3], new[4]
    h = int(feed.posted[a]) + 1
    rows = [(h, 0, a, 0, 0, 0), (h + 2, 1, a, 0, 0, 0), (h + 5, 2, a, 0, 0, 0), (h, 3, b, 0, 0, 0)]
    run = sf.FeedRun(events_of(rows, 40, 300), np.ones((60, 40), bool), np.zeros(40), 0)
    hours = sf.first_impressions(run, feed, n=2)
    assert len(hours) == len(new)
    assert hours[3] == pytest.approx(h + 2 - feed.posted[a])
    assert np.isinf(np.delete(hours, 3)).all()
    short = sf.FeedRun(run.events, np.ones((10, 40), bool), np.zeros(40), 0)
    with pytest.raises(ValueError, match="No post was written and gone"):
        sf.first_impressions(short, feed)


def test_last_lists():
    rows = [(1, 0, 5, 0, 0, 0), (1, 0, 6, 1, 0, 0), (4, 0, 7, 0, 0, 0), (2, 2, 8, 1, 0, 0)]
    lists = sf.last_lists(events_of(rows, 3, 9), 2)
    assert lists.tolist() == [[7, -1], [-1, -1], [-1, 8]]


def test_meters_tell_one_list_for_all_from_lists_of_ones_own(feed, newest):
    crowd = sf.read_meters(newest, feed, 5)
    chance = sf.read_meters(sf.warm_up(feed, 50, 5), feed, 5)
    assert crowd["fresh"] > chance["fresh"]
    assert crowd["overlap"] > 3 * chance["overlap"]
    assert chance["topics"] > chance["topics_liked"]
    for found in (crowd, chance):
        assert all(0 <= found[m] <= 1 for m in found if m not in ("topics", "topics_liked",
                                                                  "miscalibration"))  # fmt: skip
        assert found["miscalibration"] >= 0 and 1 <= found["topics"] <= 12


def test_interval_is_students():
    from scipy.stats import t

    mean, low, high = sf.interval_over_worlds([1.0, 2.0, 6.0])
    want = t.interval(0.95, 2, loc=3, scale=np.std([1, 2, 6], ddof=1) / np.sqrt(3))
    assert (mean, low, high) == pytest.approx((3, *want))
    with pytest.raises(ValueError, match="There is 1 world"):
        sf.interval_over_worlds([1.0])


def test_the_page_has_eight_steps(tmp_path):
    import pandas as pd

    table = pd.DataFrame({"joys": [1.25]}, index=["full"])
    steps = sf.feed_sections({"Effect": table})
    assert len(steps) == 8 and steps[-1].table is table and steps[0].table is None
    page = sf.write_feed_page(tmp_path / "page.html", "It works.", {"Effect": table})
    html = page.read_text(encoding="utf-8")
    assert all(step.heading in html for step in steps) and "<script" not in html
    with pytest.raises(ValueError, match="'Magic' is no step"):
        sf.feed_sections({"Magic": table})
