"""Newcomers and new films: the protocol, the models, and the figures that others have reached."""

import numpy as np
import pytest

from recsys_book.data import Interactions
from recsys_book.meta_learning import cold_start as cold


@pytest.fixture(scope="module")
def small():
    """60 users, 40 items, ratings from genre tastes that differ between users."""
    rng = np.random.default_rng(0)
    flags = (rng.random((40, 3)) < 0.4).astype(float)
    tastes = rng.normal(0, 1.0, (60, 3))
    user, item = np.nonzero(rng.random((60, 40)) < 0.7)
    value = 3 + flags[item] @ np.array([0.8, -0.8, 0.0]) + (flags[item] * tastes[user]).sum(1)
    value = np.clip(value + rng.normal(0, 0.3, len(user)), 1, 5)
    time = np.arange(len(user))
    return Interactions(user, item, value, time, np.arange(60), np.arange(40)), flags


def measure(model, worlds, k=5):
    """Mean over the worlds of the pooled RMSE, and the mean nDCG@5."""
    rmse, ndcg = [], []
    for world in worlds:
        tasks = cold.cold_episodes(world, k)
        answers = cold.predict_episodes(model.fit(world.warm), world, tasks)
        judged = cold.judge_episodes(answers, world, tasks)
        rmse.append(cold.pooled_rmse(judged))
        ndcg.append(judged["ndcg@5"].mean())
    return np.mean(rmse), np.mean(ndcg)


def test_no_rating_of_a_new_item_or_a_newcomer_is_trained_on(small):
    log, _ = small
    world = cold.cold_item_world(log, 3)
    assert not set(world.warm.item) & set(world.cold_items)
    assert not set(world.warm.user) & set(world.cold)
    for task in cold.cold_episodes(world, 5):
        assert task.user in world.cold
        assert set(log.item[task.query]) <= set(world.cold_items)
        assert not set(log.item[task.support]) & set(world.cold_items)
        assert set(log.user[np.r_[task.support, task.query]]) == {task.user}
        assert len(task.support) <= 5


def test_the_shown_ratings_grow_with_k_and_are_the_same_each_time(small):
    log, _ = small
    world = cold.cold_item_world(log, 3)
    five, again, ten = (cold.cold_episodes(world, k) for k in (5, 5, 10))
    for a, b, c in zip(five, again, ten):
        assert np.array_equal(a.support, b.support)
        assert np.array_equal(a.support, c.support[:5])


def test_tuning_splits_lie_inside_the_known_part_of_split_100(small):
    log, _ = small
    rng = np.random.default_rng(100)
    users = set(rng.permutation(60)[:48])
    items = set(rng.permutation(40)[:32])
    first, second = cold.tuning_cold_worlds(log, (101, 102))
    for world in (first, second):
        assert set(world.warm.user) | set(world.cold) <= users
        assert set(world.cold_items) | set(world.known_items) == items
    assert set(first.cold_items) != set(second.cold_items)


def test_the_figures_of_the_protocol_are_reproduced(ml100k):
    genre_year = cold.genres_and_year(ml100k)
    worlds = [cold.cold_item_world(ml100k.interactions, seed) for seed in range(5)]
    none, _ = measure(cold.ItemPrior(), worlds)
    plain, ndcg = measure(cold.ItemPrior(genre_year), worlds)
    assert none == pytest.approx(1.0903, abs=5e-5)
    assert plain == pytest.approx(1.0536, abs=5e-5)
    assert ndcg == pytest.approx(0.708, abs=1e-3)


def test_facts_and_a_learned_prior_pass_the_stretch_target(ml100k):
    genre_year = cold.genres_and_year(ml100k)
    taste = genre_year[:, genre_year.sum(axis=0) > 20]
    before = cold.stack_blocks(
        (genre_year, 1),
        (cold.facts(ml100k, cold.PEOPLE), 8),
        (cold.facts(ml100k, cold.ORIGIN), 4),
        (cold.facts(ml100k, cold.AGE_RATING), 2),
    )
    worlds = [cold.cold_item_world(ml100k.interactions, seed) for seed in (0, 1)]
    base, base_ndcg = measure(cold.ItemPrior(genre_year), worlds)
    best, best_ndcg = measure(cold.LearnedPrior(before, taste), worlds)
    assert best <= 0.985 * base
    assert best_ndcg > base_ndcg


@pytest.mark.equation("eq-cold-cold-prior")
def test_the_learned_prior_predicts_as_the_formula_says(small):
    log, flags = small
    model = cold.LearnedPrior(flags, flags).fit(cold.cold_item_world(log, 0).warm)
    shown, query = np.array([1, 5, 9]), np.array([0, 2])
    ratings = np.array([5.0, 1.0, 4.0])
    Phi, S, m = model.vectors_[shown], model.belief_.cov, model.belief_.mean
    e = ratings - model.biases_.mean - model.biases_.item[shown]
    w = np.linalg.solve(
        np.linalg.inv(S) + Phi.T @ Phi / model.noise_,
        np.linalg.solve(S, m) + Phi.T @ e / model.noise_,
    )
    wanted = model.biases_.mean + model.prior_[query] + model.vectors_[query] @ w
    assert np.allclose(model.predict(0, shown, ratings, query), wanted, atol=1e-8)


def test_learned_tastes_beat_a_level_where_users_have_tastes(small):
    log, flags = small
    worlds = [cold.cold_item_world(log, seed) for seed in range(3)]
    level, _ = measure(cold.ItemPrior(flags, l2=1.0), worlds)
    ridge, _ = measure(cold.ItemPrior(flags, l2=1.0, taste=flags, l2_taste=1.0), worlds)
    learned, _ = measure(cold.LearnedPrior(flags, flags, l2=1.0), worlds)
    assert learned < ridge < level


def test_a_newcomer_without_ratings_gets_the_prior(small):
    log, flags = small
    nothing, query = np.zeros(0, dtype=int), np.array([3, 4])
    model = cold.ItemPrior(flags).fit(log)
    wanted = model.biases_.mean + model.prior_[query]
    assert np.array_equal(model.predict(0, nothing, np.zeros(0), query), wanted)
    learned = cold.LearnedPrior(flags, flags).fit(log)
    answer = learned.predict(0, nothing, np.zeros(0), query)
    personal = learned.vectors_[query] @ learned.belief_.mean
    assert np.allclose(answer, learned.biases_.mean + learned.prior_[query] + personal)


def test_popularity_prior_is_a_function_of_expected_popularity(small):
    log, flags = small
    model = cold.PopularityPrior(flags).fit(log)
    expected = cold.expected_popularity(flags, model.biases_.counts)[:, 0]
    assert np.corrcoef(expected, model.prior_)[0, 1] ** 2 == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda log, F: cold.ItemPrior(F[:-1]).fit(log), "one row for every item"),
        (lambda log, F: cold.ItemPrior(F * np.nan).fit(log), "Row 0"),
        (lambda log, F: cold.LearnedPrior(F, F[:3]).fit(log), "one row for every item"),
        (lambda log, F: cold.cold_item_world(log, 0, share=0.0), "leaves one side empty"),
        (lambda log, F: cold.cold_item_world(log, 0, share=1.0), "leaves one side empty"),
        (lambda log, F: cold.cold_episodes(cold.cold_item_world(log, 0), 0), "k is 0"),
    ],
)
def test_bad_input_is_named(small, call, words):
    log, flags = small
    with pytest.raises(ValueError, match=words):
        call(log, flags)


def test_nobody_who_knows_the_new_items_is_named(small):
    log, _ = small
    new = cold.cold_item_world(log, 0).cold_items
    bare = log.select(np.flatnonzero(~np.isin(log.item, new)))
    with pytest.raises(ValueError, match="two of the new items"):
        cold.cold_episodes(cold.cold_item_world(bare, 0), 5)
