"""The simulated feed does what its docstring says, and its truth is the truth."""

import numpy as np
import pytest

from recsys_book.data import EVENTS, TOPICS, DataError, FeedEvents, SimulatedFeed, feed_sentences


@pytest.fixture(scope="module")
def feed():
    return SimulatedFeed(n_users=60, n_creators=20, n_posts=300, hours=40, change=20, seed=3)


def random_lists(feed, hour, k=5, seed=0):
    users = np.arange(feed.n_users)
    rng = np.random.default_rng(seed)
    posts = feed.alive(hour)
    return users, np.stack([rng.choice(posts, k, replace=False) for _ in users])


def test_sentences_are_different_and_cover_the_topics():
    pool = feed_sentences()
    assert len(set(pool.text)) == len(pool.text) == 864
    assert len(TOPICS) == 12
    assert set(np.bincount(pool.topic[~pool.lure])) == {48}
    assert set(np.bincount(pool.topic[pool.lure])) == {24}
    assert all(text[0].isupper() and "{" not in text for text in pool.text)


def test_posts_say_what_their_truth_says(feed):
    pool = feed_sentences()
    assert (pool.topic[feed.sentence] == feed.topic).all()
    assert (pool.lure[feed.sentence] == feed.lure).all()
    assert (feed.text == pool.text[feed.sentence]).all()
    assert (np.diff(feed.posted) >= 0).all()


def test_same_seed_same_world_other_seed_other_world(feed):
    again = SimulatedFeed(n_users=60, n_creators=20, n_posts=300, hours=40, change=20, seed=3)
    other = SimulatedFeed(n_users=60, n_creators=20, n_posts=300, hours=40, change=20, seed=4)
    assert (again.taste == feed.taste).all() and (again.sentence == feed.sentence).all()
    assert (again.friends == feed.friends).all() and (again.follows == feed.follows).all()
    assert not (other.taste == feed.taste).all()


def test_probabilities_are_the_documented_formula(feed):
    users, posts, hour = np.array([2, 5]), feed.alive(25)[:4], 25
    opened, joy = (f(hour, users, posts) for f in (feed.view_probability, feed.joy_probability))
    assert opened.shape == joy.shape == (2, 4)
    u, i = 5, posts[3]
    z = feed.taste[hour, u, feed.topic[i]]
    logit = z + feed.trend[hour, feed.topic[i]] + 1.2 * feed.lure[i] - 2
    logit += 0.6 * feed.follows[u, feed.creator[i]]
    logit -= np.log(2) * (hour - feed.posted[i]) / 8
    assert opened[1, 3] == pytest.approx(1 / (1 + np.exp(-logit)))
    logit = z - 1.5 * feed.lure[i] + feed.quality[i]
    assert joy[1, 3] == pytest.approx(1 / (1 + np.exp(-logit)))


def test_tastes_of_the_movers_jump_at_the_change_and_walk_otherwise(feed):
    step = np.abs(np.diff(feed.taste, axis=0)).mean(axis=2)  # (hours - 1, users)
    assert 0 < feed.moved.sum() < feed.n_users
    assert step[19, feed.moved].min() > 5 * np.median(step)
    assert step[19, ~feed.moved].max() < 5 * np.median(step)
    still = SimulatedFeed(n_users=5, n_creators=3, n_posts=20, hours=5, walk=np.inf)
    assert (still.taste == still.taste[0]).all() and not still.moved.any()
    shares = feed.interests(0)
    assert np.allclose(shares.sum(axis=1), 1) and shares.shape == (60, 12)


def test_a_post_lives_for_a_day(feed):
    alive = feed.alive(30)
    assert (feed.posted[alive] <= 30).all() and (feed.posted[alive] > 6).all()
    assert len(alive) == ((feed.posted <= 30) & (feed.posted > 6)).sum()


def test_responses_have_the_true_rates():
    feed = SimulatedFeed(n_users=3000, n_creators=10, n_posts=100, hours=30, seed=1)
    users, lists = random_lists(feed, 20, k=4)
    events = feed.respond(20, users, lists)
    log = events.log
    at = (np.arange(len(log)) // 4, np.searchsorted(np.unique(lists), log.item))
    chance = feed.view_probability(20, users, np.unique(lists))[at]
    joy = feed.joy_probability(20, users, np.unique(lists))[at]
    for place in range(4):
        rows = log.position == place
        want = chance[rows].mean() * (1 + place) ** -0.5
        assert log.clicked[rows].mean() == pytest.approx(want, abs=4 * 0.5 / np.sqrt(3000))
    viewed = log.clicked
    assert np.nanmean(log.satisfied) == pytest.approx(joy[viewed].mean(), abs=0.05)
    glad = events.happened("satisfied")
    assert events.like[glad].mean() == pytest.approx(0.4, abs=0.06)
    assert events.like[viewed & ~glad].mean() < 0.12
    lured = viewed & feed.lure[log.item]
    assert events.comment[lured].mean() > 2 * events.comment[viewed & ~feed.lure[log.item]].mean()


def test_nothing_happens_without_a_view_and_nobody_follows_twice(feed):
    users, lists = random_lists(feed, 30)
    parts = [feed.respond(h, users, random_lists(feed, h, seed=h)[1]) for h in range(10, 40)]
    events = FeedEvents.join(parts)
    view = events.happened("view")
    for name in EVENTS[1:]:
        assert events.happened(name).any() and not (events.happened(name) & ~view).any()
    assert (events.follow <= events.like).all()
    creator = feed.creator[events.log.item]
    assert not (events.follow & feed.follows[events.log.user, creator]).any()
    assert np.isnan(events.log.satisfied[~view]).all()
    assert len(events) == 30 * 60 * 5


def test_dice_belong_to_hour_user_and_place(feed):
    users, lists = random_lists(feed, 12)
    all_of_them = feed.respond(12, users, lists)
    some = feed.respond(12, users[10:20], lists[10:20])
    rows = np.isin(all_of_them.log.user, users[10:20])
    assert (some.log.clicked == all_of_them.log.clicked[rows]).all()
    assert (some.like == all_of_them.like[rows]).all()


def test_empty_places_are_not_shown(feed):
    users, lists = random_lists(feed, 12)
    lists[:, 3:] = -1
    events = feed.respond(12, users, lists)
    assert len(events) == 180 and events.log.item.min() >= 0


def test_good_moods_come_more_often():
    feed = SimulatedFeed(n_users=4000, n_creators=2, n_posts=10, hours=24)
    for mood, want in ((0.0, 0.15), (1.0, 0.5)):
        came = [len(feed.visitors(h, np.full(4000, mood))) / 4000 for h in range(24)]
        assert np.mean(came) == pytest.approx(want, abs=0.01)
        assert max(came) > 2 * min(came)


def test_events_as_interactions_and_as_a_table(feed):
    users, lists = random_lists(feed, 12)
    events = feed.respond(12, users, lists)
    log = events.interactions("view")
    assert len(log) == events.log.clicked.sum() and set(log.timestamp) == {12 * 3600}
    frame = events.to_frame()
    assert frame.columns.tolist() == ["hour", "user", "post", "position", *EVENTS, "satisfied"]
    assert len(FeedEvents.empty(3, 4)) == 0
    with pytest.raises(DataError, match="no event 'wink'; use one of view"):
        events.happened("wink")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_users": 1}, "n_users = 1"),
        ({"half_life": 0}, "half_life = 0"),
        ({"walk": float("nan")}, "walk = nan"),
        ({"movers": 1.5}, "movers = 1.5"),
    ],
)
def test_settings_out_of_range(settings, words):
    with pytest.raises(DataError, match=words):
        SimulatedFeed(**settings)


def test_lists_that_cannot_be_shown(feed):
    users, lists = random_lists(feed, 12)
    with pytest.raises(DataError, match="give one each"):
        feed.respond(12, users[:3], lists)
    with pytest.raises(DataError, match="comes twice at hour 12"):
        feed.respond(12, np.zeros(60, int), lists)
    for post in (feed.n_posts, -2, feed.n_posts - 1):  # unknown, unknown, not yet written
        lists[7, 2] = post
        with pytest.raises(DataError, match=f"post {post}, which is unknown, not yet written"):
            feed.respond(12, users, lists)
