"""The live system of the feed: each switch does one thing, and each thing is what it says."""

from dataclasses import replace

import numpy as np
import pytest

from recsys_book.case_studies import social_feed as sf
from recsys_book.data import SimulatedFeed, feed_sentences
from recsys_book.meta_learning.drift import OnlineRidge
from recsys_book.recommenders.reranking import calibrate, unit_range

OFF = {"explore": False, "rerank": 0.0, "control": "none"}


def topic_vectors():
    """Stand-ins for sentence vectors, that carry the topic and the lure of each sentence."""
    pool, rng = feed_sentences(), np.random.default_rng(0)
    exact = np.column_stack([np.eye(12)[pool.topic], pool.lure])
    return np.hstack([exact, np.zeros((864, 7))]) + 0.05 * rng.normal(size=(864, 20))


@pytest.fixture(scope="module")
def feed():
    return SimulatedFeed(n_users=60, n_creators=20, n_posts=400, hours=36, change=24, seed=2)


@pytest.fixture(scope="module")
def before(feed):
    return sf.warm_up(feed, 12, 6)


@pytest.fixture(scope="module")
def contexts(feed):
    vectors = topic_vectors()[feed.sentence]
    return sf.Contexts(feed, sf.reduce_vectors(vectors, feed.posted < 0, 12))


def make(contexts, before, **switches):
    value = sf.ValueModel.fit(before.events)
    options = replace(sf.Switches(), **(OFF | switches))
    return sf.FeedSystem(contexts, contexts.feed.topic, options, value, seed=4).fit(before.events)


def live(feed, policy, before, **options):
    return sf.run_feed(feed, policy, 12, k=6, mood=before.mood, **options)


def test_reduced_vectors_use_known_rows_only_and_have_unit_length():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 10)) * np.arange(1, 11)
    known = np.arange(300) < 200
    reduced = sf.reduce_vectors(vectors, known, 4)
    moved = vectors.copy()
    moved[200:] *= 7
    assert np.allclose(sf.reduce_vectors(moved, known, 4)[:200], reduced[:200])
    assert np.allclose(reduced[known].std(axis=0), 0.5)
    with pytest.raises(ValueError, match="width is 11, but there are 200 known"):
        sf.reduce_vectors(vectors, known, 11)


def test_creators_have_one_vector_each(feed):
    blind = sf.creator_vectors(feed, 8, seed=1)
    assert blind.shape == (400, 8)
    for creator in (0, 7):
        assert len(np.unique(blind[feed.creator == creator], axis=0)) == 1


def test_scores_are_rows_times_weights_at_the_top_place(feed, before, contexts):
    theta = np.random.default_rng(1).normal(size=(feed.n_users, contexts.dim))
    events = before.events
    rows, log = contexts.rows(events), events.log
    rows[:, -1] = 0
    for row in (0, 100, len(log) - 1):
        hour, user = log.round[row], log.user[row]
        one = contexts.scores(hour, np.array([user]), log.item[row : row + 1], theta[[user]])
        assert one[0, 0] == pytest.approx(rows[row] @ theta[user])


@pytest.mark.equation("eq-tempered-posterior")
def test_a_users_model_is_ridge_regression_around_the_shared_weights():
    rng = np.random.default_rng(0)
    shared, X = rng.normal(size=5), rng.normal(size=(40, 5))
    y, user = rng.normal(size=40), rng.integers(0, 3, 40)
    tastes = sf.UserTastes(3, shared, l2=2.0, scale=0.5, seed=1)
    assert np.allclose(tastes.weights(np.arange(3)), shared)
    tastes.learn(user, X, y)
    models = [OnlineRidge(5, l2=2.0, prior_mean=shared) for _ in range(3)]
    for u, x, r in zip(user, X, y):
        models[u].partial_fit(x, r)
    for u in range(3):
        assert np.allclose(tastes.weights(np.array([u]))[0], models[u].weights)
        assert np.allclose(tastes.covariance(u), models[u].inverse)
    kept = tastes.weights(np.array([2]))
    tastes.temper(np.array([0, 1]), 0.3)
    for u in (0, 1):
        mine = user == u
        A = 2 * np.eye(5) + 0.3 * X[mine].T @ X[mine]
        want = np.linalg.solve(A, 0.3 * X[mine].T @ (y - X @ shared)[mine])
        assert np.allclose(tastes.weights(np.array([u]))[0], shared + want)
        assert np.allclose(tastes.covariance(u), np.linalg.inv(A))
    assert (tastes.weights(np.array([2])) == kept).all()
    tastes.temper(np.arange(3), 0.0)
    assert np.allclose(tastes.weights(np.arange(3)), shared)


def test_learning_after_tempering_is_still_exact():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4)), rng.normal(size=20)
    tastes = sf.UserTastes(1, np.zeros(4), l2=1.0)
    tastes.learn(np.zeros(10, int), X[:10], y[:10])
    tastes.temper(np.array([0]), 0.5)
    tastes.learn(np.zeros(10, int), X[10:], y[10:])
    weight = np.repeat([0.5, 1.0], 10)
    A = np.eye(4) + (X * weight[:, None]).T @ X
    assert np.allclose(tastes.weights(np.array([0]))[0], np.linalg.solve(A, X.T @ (weight * y)))


def test_draws_have_the_posteriors_spread_and_follow_the_seed():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)

    def drawn(seed):
        tastes = sf.UserTastes(2, np.ones(3), l2=1.0, scale=0.5, seed=seed)
        tastes.learn(np.zeros(30, int), X, y)
        return tastes, np.stack([tastes.draw(np.array([0]))[0] for _ in range(3000)])

    tastes, draws = drawn(7)
    assert np.allclose(np.cov(draws.T), 0.25 * tastes.covariance(0), atol=0.002)
    assert np.allclose(draws.mean(axis=0), tastes.weights(np.array([0]))[0], atol=0.01)
    assert (draws[:5] == drawn(7)[1][:5]).all() and (draws[0] != drawn(8)[1][0]).any()


def test_a_taste_says_what_it_cannot_learn_from():
    tastes = sf.UserTastes(2, np.zeros(2))
    for users, rewards in (([2], [1.0]), ([0], [np.nan])):
        with pytest.raises(ValueError, match="event 0 has user .* use users 0 to 1"):
            tastes.learn(np.array(users), np.ones((1, 2)), np.array(rewards))
    with pytest.raises(ValueError, match="factor is 1.5; use a number from 0 to 1"):
        tastes.temper(np.array([0]), 1.5)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.8, 1.0])
def test_calibrated_lists_are_those_of_the_one_user_rule(weight):
    rng = np.random.default_rng(5)
    relevance = rng.normal(size=(30, 25))
    relevance[3] = 0.5  # all alike
    groups = rng.integers(0, 6, (30, 25))
    history = rng.random((30, 6)) * (rng.random((30, 6)) < 0.5)
    history[0] = 0  # no past
    lists = sf.calibrate_many(relevance, groups, history, 8, weight)
    for row in range(30):
        target = history[row] / max(history[row].sum(), 1e-300)
        shares = np.eye(6)[groups[row]]
        want = calibrate(unit_range(relevance[row]), shares, target, 8, weight)
        assert lists[row].tolist() == want.tolist()


def test_calibrated_lists_refuse_impossible_lengths_and_weights():
    for k, weight in ((0, 0.3), (6, 0.3), (2, 1.1)):
        with pytest.raises(ValueError, match=f"k is {k} and weight {weight}; use 1 to 5"):
            sf.calibrate_many(np.ones((1, 5)), np.zeros((1, 5), int), np.ones((1, 2)), k, weight)


def test_value_is_the_share_of_joy_among_people_who_reacted_alike(before):
    events = before.events
    value = sf.ValueModel.fit(events, share=1.0)
    viewed = events.log.clicked
    alone = viewed & ~events.like & ~events.comment & ~events.share
    n, joy, overall = alone.sum(), events.log.satisfied[alone].sum(), events.log.satisfied[viewed]
    assert value.value[0] == pytest.approx((joy + 2 * overall.mean()) / (n + 2))
    assert value.asked == viewed.sum() > sf.ValueModel.fit(events, 0.2).asked
    worth = value(events)
    assert (worth[~viewed] == 0).all() and (worth[viewed] > 0).all()
    with pytest.raises(ValueError, match="Nobody was asked"):
        sf.ValueModel.fit(events, share=0.0)


def test_rewards(before):
    events = before.events
    assert sf.reward(events, "like").sum() == events.like.sum()
    assert sf.reward(events, "satisfied").sum() == events.happened("satisfied").sum()
    with pytest.raises(ValueError, match="there is no value model"):
        sf.reward(events, "value")


def test_disappointment_rises_where_the_squared_error_falls():
    rng = np.random.default_rng(0)
    guess = np.full(4000, 0.4)
    right, less = rng.random(4000) < 0.4, rng.random(4000) < 0.2
    signed = [sf.disappointment(guess, y.astype(float)) for y in (right, less)]
    assert signed[0].mean() == pytest.approx(0.5, abs=0.01)
    assert signed[1].mean() > signed[0].mean() + 0.08
    assert ((guess - less) ** 2).mean() < ((guess - right) ** 2).mean()
    assert sf.disappointment(np.array([5.0, -5.0]), np.zeros(2)).tolist() == [1.0, 0.0]


def test_lists_are_the_best_scores(feed, before, contexts):
    policy = make(contexts, before)
    users = np.array([3, 8])
    posts = feed.alive(12)
    scores = contexts.scores(12, users, posts, policy.tastes.weights(users))
    lists = policy.recommend(12, users, 4)
    assert (lists == posts[np.argsort(-scores, axis=1)[:, :4]]).all()
    full = policy.recommend(12, users, len(posts) + 3)
    assert (full[:, -3:] == -1).all() and (full[:, :-3] >= 0).all()


def test_reranking_widens_and_exploring_varies(feed, before, contexts):
    users = np.arange(60)
    plain = make(contexts, before).recommend(12, users, 6)
    mixed = make(contexts, before, rerank=0.6).recommend(12, users, 6)
    topics = [np.mean([len(set(feed.topic[row])) for row in lists]) for lists in (plain, mixed)]
    assert topics[1] > topics[0]
    draws = make(contexts, before, explore=True, scale=0.3)
    first, second = draws.recommend(12, users, 6), draws.recommend(12, users, 6)
    assert (first != second).any()
    again = make(contexts, before, explore=True, scale=0.3).recommend(12, users, 6)
    assert (again == first).all()


def test_the_wanted_mix_divides_by_what_was_shown(contexts, before):
    rates, counts = make(contexts, before), make(contexts, before, mix="counts")
    user, topic = np.array([4]), 3
    got, shown = rates.history[:, 4, topic]
    log = before.events.log
    mine = (log.user == 4) & (contexts.feed.topic[log.item] == topic)
    worth = sf.reward(before.events, "value", rates.value)
    assert shown == mine.sum() and got == pytest.approx(worth[mine].sum())
    everybody = contexts.feed.topic[log.item] == topic
    usual = worth[everybody].sum() / everybody.sum()
    assert rates.wanted(user)[0, topic] == pytest.approx((got + 5 * usual) / (shown + 5))
    assert counts.wanted(user)[0, topic] == pytest.approx(got)


def test_offline_stays_as_it_was_fitted_and_online_moves(feed, before, contexts):
    for online in (False, True):
        policy = make(contexts, before, online=online)
        theta = policy.tastes.theta.copy()
        live(feed, policy, before, stop=16)
        assert (policy.tastes.theta == theta).all() != online


def test_fading_and_alarms_temper(feed, before, contexts, monkeypatch):
    calls = []
    original = sf.UserTastes.temper

    def noted(self, users, factor):
        calls.append(factor)
        original(self, users, factor)

    monkeypatch.setattr(sf.UserTastes, "temper", noted)
    live(feed, make(contexts, before, control="fade", fade=0.9), before, stop=15)
    assert calls == [0.9] * 3
    calls.clear()
    policy = make(contexts, before, control="alarm", kept=0.2)
    theta = policy.tastes.shared
    theta += 0.5  # it promises far too much: an intercept and all else too high
    for _ in range(3):  # the detector needs a while of honest promises first
        policy.controller.detector = type(policy.controller.detector)(delta=0.05)
        for _ in range(300):
            policy.controller.step(0.45)
    live(feed, policy, before, stop=20)
    assert policy.alarms and calls[0] == 0.2
    assert len(calls) == len(policy.alarms)


def test_an_hour_without_visitors_teaches_nothing(feed, before, contexts):
    policy = make(contexts, before, control="fade")
    theta = policy.tastes.theta.copy()
    policy.learn(13, type(before.events).empty(feed.n_users, feed.n_posts))
    assert (policy.tastes.theta == theta).all()


def test_reading_posts_or_knowing_creators_beats_no_model(feed, before, contexts):
    def joys(policy):
        return live(feed, policy, before).outcomes()["joys"]

    reading = joys(make(contexts, before))
    blind = sf.Contexts(feed, sf.creator_vectors(feed, 12))
    simple = [joys(sf.SimpleFeed(feed, r).fit(before.events)) for r in ("random", "popular")]
    assert min(reading, joys(make(blind, before))) > max(simple)


def test_unknown_switches():
    with pytest.raises(ValueError, match="control is 'magic'; use \"none\""):
        sf.Switches(control="magic")
    with pytest.raises(ValueError, match="mix is 'likes'; use \"counts\""):
        sf.Switches(mix="likes")
