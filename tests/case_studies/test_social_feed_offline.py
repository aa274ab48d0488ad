"""Topics, the click classifier, news in MIND's format, and music that is heard again."""

import numpy as np
import pytest

from recsys_book.case_studies import social_feed as sf
from recsys_book.data import DataError, FeedEvents, SimulatedFeed, load_mind
from recsys_book.data.feedback import FeedbackLog


@pytest.fixture(scope="module")
def feed():
    return SimulatedFeed(n_users=40, n_creators=12, n_posts=300, hours=40, seed=5)


@pytest.fixture(scope="module")
def events(feed):
    return sf.warm_up(feed, 40, 6).events


@pytest.fixture(scope="module")
def mind(feed, events, tmp_path_factory):
    return load_mind(sf.feed_as_mind(feed, events, tmp_path_factory.mktemp("mind")))


@pytest.mark.equation("eq-category-share")
def test_a_topics_share_is_the_sum_over_its_posts():
    rng = np.random.default_rng(0)
    scores, groups = rng.normal(size=(5, 9)), rng.integers(0, 4, (5, 9))
    shares = sf.category_shares(scores, groups, 4, 0.7)
    for row in range(5):
        p = np.exp(scores[row] / 0.7)
        p /= p.sum()
        assert shares[row] == pytest.approx([p[groups[row] == c].sum() for c in range(4)])
    assert np.allclose(sf.category_shares(scores + 1e4, groups, 4, 0.7), shares)
    scores[0, 3:] = -np.inf
    assert sf.category_shares(scores, groups, 4)[0].sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="temperature is 0; use a number above 0"):
        sf.category_shares(scores, groups, 4, 0)


def test_the_temperature_that_made_the_choices_is_found():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(6000, 6))
    groups = np.tile(np.arange(6), (6000, 1))
    p = np.exp(scores / 0.5)
    chosen = (p.cumsum(axis=1) / p.sum(axis=1, keepdims=True) > rng.random((6000, 1))).argmax(
        axis=1
    )
    assert sf.fit_temperature(scores, groups, chosen, 6) == pytest.approx(0.5, rel=0.1)
    loss = [sf.category_loss(scores, groups, chosen, 6, t).mean() for t in (0.25, 0.5, 1.0)]
    assert loss[1] < min(loss[0], loss[2])


def test_profiles_hold_views_of_earlier_hours_only():
    vectors = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    hour, item = np.array([0, 0, 1, 2]), np.array([0, 1, 2, 0])
    clicked = np.array([True, False, True, False])
    log = FeedbackLog(hour, np.zeros(4, int), item, np.zeros(4, int), clicked, clicked * 1.0, 1, 3)
    table = sf.click_table(FeedEvents(log, *(np.zeros(4, bool),) * 4), vectors)
    assert table.features[:, :2].tolist() == vectors[item].tolist()
    profile = [[0, 0], [0, 0], [1, 0], [2, 1.5]]  # nothing; nothing; the first; mean of two
    assert np.allclose(table.features[:, 2:], vectors[item] * profile)
    assert (table.clicked == clicked).all() and (table.hour == hour).all()


def test_the_click_head_learns_what_can_be_learned_and_only_from_its_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 4))
    clicked = rng.random(3000) < 1 / (1 + np.exp(-(2 * X[:, 0] - 1)))
    rows = np.arange(3000) < 2000
    table = sf.ClickTable(X, clicked, np.zeros(3000, int))
    guess = sf.train_click_head(table, rows, decay=0.0)
    truth = 1 / (1 + np.exp(-(2 * X[:, 0] - 1)))
    assert np.abs(guess[~rows] - truth[~rows]).mean() < 0.05
    other = sf.ClickTable(X, np.where(rows, clicked, ~clicked), table.hour)
    assert (sf.train_click_head(other, rows, decay=0.0) == guess).all()
    with pytest.raises(ValueError, match="one class only"):
        sf.train_click_head(table, rows & clicked)


def test_the_file_says_what_the_feed_did(feed, events, mind):
    assert mind.news["title"].tolist() == feed.text.tolist()
    assert mind.news["category"].nunique() == 12
    assert len(mind.impressions) == len(np.unique(events.log.round * 100 + events.log.user))
    assert len(mind.interactions) == events.log.clicked.sum()
    items, clicked = mind.impressions.shown(0)
    first = events.to_frame().query("hour == hour.min()")
    first = first[first["user"] == first["user"].min()]
    assert items.tolist() == first["post"].tolist()
    assert clicked.tolist() == first["view"].astype(int).tolist()


def test_histories_grow_by_what_was_read(mind):
    shown, read = mind.impressions, {}
    for j in range(len(shown)):
        assert shown.read_before(j).tolist() == read.get(shown.user[j], [])
        items, clicked = shown.shown(j)
        read[shown.user[j]] = read.get(shown.user[j], []) + items[clicked == 1].tolist()


def test_views_count_from_earlier_seconds_only_and_fade(mind):
    shown = mind.impressions
    scores, fading = sf.fading_views(mind), sf.fading_views(mind, 2.0)
    row = np.repeat(np.arange(len(shown)), np.diff(shown.start))
    when = shown.timestamp[row]
    for place in (0, 500, len(row) - 1):
        earlier = (shown.item == shown.item[place]) & (shown.clicked == 1) & (when < when[place])
        assert scores[place] == earlier.sum()
        weight = 0.5 ** ((when[place] - when[earlier]) / 3600 / 2.0)
        assert fading[place] == pytest.approx(weight.sum())


def test_profiles_compare_with_the_mean_of_the_history(feed, mind):
    vectors = np.eye(12)[feed.topic]
    scores, shown = sf.profile_scores(mind, vectors), mind.impressions
    j = len(shown) - 1
    items, _ = shown.shown(j)
    past = shown.read_before(j)
    want = [(feed.topic[past] == feed.topic[i]).mean() for i in items]
    assert scores[shown.start[j] :] == pytest.approx(want)
    assert (scores[: shown.start[1]] == 0).all()


def test_metrics_of_lists(mind):
    shown = mind.impressions
    perfect = sf.impression_metrics(mind, shown.clicked.astype(float))
    assert np.allclose(perfect, 1)
    worst = sf.impression_metrics(mind, -shown.clicked.astype(float))
    assert np.allclose(worst["auc"], 0) and (worst["mrr"] < 1).all()
    reads = np.add.reduceat(shown.clicked == 1, shown.start[:-1])
    assert len(perfect) == ((reads > 0) & (reads < np.diff(shown.start))).sum()
    late = sf.impression_metrics(mind, shown.clicked * 1.0, int(shown.timestamp.max()))
    assert 0 < len(late) < len(perfect)
    with pytest.raises(ValueError, match="give one each, in the order of the file"):
        sf.impression_metrics(mind, np.zeros(3))


def test_plays_repeat_as_often_as_they_were_told_to():
    plays = sf.simulated_plays(n_users=200, n_songs=5000, n_plays=60, repeat=0.7, seed=1)
    again = plays.truth["again"].reshape(200, 60)
    assert again[:, 1:].mean() == pytest.approx(0.7, abs=0.01) and not again[:, 0].any()
    song = plays.interactions.item.reshape(200, 60)
    rows = [(u, t) for u in range(20) for t in range(60) if again[u, t]]
    assert all(song[u, t] in song[u, :t] for u, t in rows)
    assert sf.repeat_share(plays.interactions) > 0.6
    never = sf.simulated_plays(n_songs=10**6, n_plays=20, repeat=0.0)
    assert sf.repeat_share(never.interactions) < sf.repeat_share(plays.interactions) / 2
    with pytest.raises(DataError, match="repeat = 1.5"):
        sf.simulated_plays(repeat=1.5)


def test_recent_plays_count_more():
    plays = sf.simulated_plays(n_users=2, n_songs=30, n_plays=10, seed=2).interactions
    scores = sf.recent_scores(plays, fade=3.0)
    song = plays.item[plays.user == 1]
    want = sum(np.exp(-(9 - t) / 3) for t in range(10) if song[t] == song[-1])
    assert scores[1, song[-1]] == pytest.approx(want)
    assert scores[1].sum() == pytest.approx(np.exp(-np.arange(10) / 3).sum())
