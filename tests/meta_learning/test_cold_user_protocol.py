"""Episodes show k ratings and ask for the others, and are judged newcomer by newcomer."""

import numpy as np
import pytest

from recsys_book.data import Interactions
from recsys_book.meta_learning.cold_start import (
    SPLITS,
    cold_user_world,
    episodes,
    judge_episodes,
    pooled_rmse,
    predict_episodes,
    split_users,
    tuning_world,
)


def small_log(per_user=(6, 6, 6, 3)):
    user = np.repeat(np.arange(len(per_user)), per_user)
    item = np.concatenate([np.arange(n) for n in per_user])
    rng = np.random.default_rng(0)
    return Interactions(
        user,
        item,
        rng.integers(1, 6, len(user)).astype(float),
        rng.permutation(len(user)),
        np.arange(len(per_user)),
        np.arange(6),
    )


@pytest.mark.parametrize("split", SPLITS)
def test_nobody_is_both_known_and_new(ml100k, split):
    world = cold_user_world(ml100k.interactions, split)
    assert len(world.cold) == 189
    assert not np.isin(world.warm.user, world.cold).any()
    assert len(world.warm) + np.isin(ml100k.interactions.user, world.cold).sum() == 100_000


def test_tuning_leaves_out_a_fifth_of_the_users_altogether(ml100k):
    log, world = ml100k.interactions, tuning_world(ml100k.interactions)
    _, held = split_users(np.arange(log.n_users), 100)
    assert not np.isin(held, world.cold).any()
    assert not np.isin(held, world.warm.user).any()
    assert len(np.unique(world.warm.user)) + len(world.cold) + len(held) == log.n_users


@pytest.mark.parametrize("share", [0.0, 1.0, 0.001])
def test_a_share_that_leaves_nobody_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        split_users(np.arange(20), 0, share)


@pytest.mark.parametrize("how", ["random", "first"])
def test_support_and_query_are_all_ratings_once(how):
    log = small_log()
    world = cold_user_world(log, 1, share=0.5)
    for task in episodes(world, 2, how):
        rows = np.concatenate([task.support, task.query])
        assert sorted(rows) == np.flatnonzero(log.user == task.user).tolist()
        assert len(task.support) == 2
        if how == "first":
            assert log.timestamp[task.support].max() < log.timestamp[task.query].min()


def test_random_supports_do_not_follow_the_log(ml100k):
    world = cold_user_world(ml100k.interactions, 0)
    random, first = (episodes(world, 5, how) for how in ("random", "first"))
    same = [set(a.support) == set(b.support) for a, b in zip(random, first)]
    assert np.mean(same) < 0.05


@pytest.mark.parametrize(("k", "how"), [(0, "random"), (2, "last")])
def test_impossible_supports_are_refused(k, how):
    with pytest.raises(ValueError, match="k is 0|how is 'last'"):
        episodes(cold_user_world(small_log(), 0, 0.5), k, how)


def test_a_newcomer_with_too_few_ratings_is_named():
    log = small_log((4, 4, 4, 4))
    with pytest.raises(ValueError, match=r"User \d has 4 ratings; .* at least 5"):
        episodes(cold_user_world(log, 0, 0.5), 4)


class Echo:
    """Predicts the mean of the support, out of range for user 0."""

    def fit(self, warm):
        return self

    def predict(self, user, items, ratings, query):
        return np.full(len(query), 9.0 if user == 0 else ratings.mean())


class Many(Echo):
    def predict_many(self, users, items, ratings, queries):
        return [self.predict(*each) for each in zip(users, items, ratings, queries)]


def test_predictions_are_clipped_and_batches_agree():
    log = small_log((6,) * 10)
    world = cold_user_world(log, 3, 0.5)
    tasks = episodes(world, 2)
    one, many = (predict_episodes(model, world, tasks) for model in (Echo(), Many()))
    assert all(np.array_equal(a, b) for a, b in zip(one, many))
    assert max(a.max() for a in one) <= log.value.max()


def test_judging_by_hand():
    log = small_log((6,) * 4)
    world = cold_user_world(log, 0, 0.5)
    tasks = episodes(world, 2)
    truth = [log.value[t.query] for t in tasks]
    off = [truth[0] + 1, truth[1].copy()]
    judged = judge_episodes(off, world, tasks)
    assert judged["rmse"].tolist() == [1.0, 0.0]
    assert pooled_rmse(judged) == pytest.approx(np.sqrt(0.5))
    assert judged["ndcg@5"] == pytest.approx([1.0, 1.0])  # both orders are perfect
    worst = judge_episodes([-t for t in truth], world, tasks)
    assert (worst["ndcg@5"] < 1).all()
    with pytest.raises(ValueError, match="zip"):
        judge_episodes(off[:1], world, tasks)
