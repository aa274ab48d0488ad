"""What to ask a newcomer: gains by hand, unknown films, and interviews that do not cheat."""

import numpy as np
import pytest

from recsys_book.data import Interactions
from recsys_book.meta_learning.cold_start import (
    BayesianFactors,
    Belief,
    chance_of_an_answer,
    cold_user_world,
    entropy_items,
    expected_gain,
    greedy_information,
    interviews,
    popular_items,
    random_items,
    rating_entropy,
)


@pytest.fixture
def warm():
    user = np.array([0, 1, 2, 3, 0, 1, 2, 0])
    item = np.array([0, 0, 0, 0, 1, 1, 2, 3])
    value = np.array([4.0, 4, 4, 4, 1, 5, 3, 2])
    return Interactions(user, item, value, 0 * user, np.arange(4), np.arange(5))


def test_orders_of_items(warm):
    assert popular_items(warm).tolist() == [0, 1, 2, 3, 4]
    assert rating_entropy(warm).tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]
    assert entropy_items(warm)[0] == entropy_items(warm, popularity=True)[0] == 1
    assert sorted(random_items(5, 3)) == [0, 1, 2, 3, 4]
    assert not np.array_equal(random_items(50, 0), random_items(50, 1))
    assert chance_of_an_answer(warm).tolist() == [1.0, 0.5, 0.25, 0.25, 0.0]


def test_popularity_outweighs_a_little_disagreement():
    value = np.r_[np.tile([3.0, 4, 5, 3, 4], 20), [1.0, 5, 2, 4]]
    item = np.r_[np.zeros(100, int), np.ones(4, int)]
    log = Interactions(np.arange(104), item, value, 0 * item, np.arange(104), np.arange(2))
    assert entropy_items(log)[0] == 1
    assert entropy_items(log, popularity=True)[0] == 0


@pytest.mark.equation("eq-evidence-gain")
def test_gain_is_the_fall_of_the_weighted_variance():
    rng = np.random.default_rng(0)
    A, root = rng.normal(size=(12, 3)), rng.normal(size=(3, 3))
    prior, weight, chance = Belief(np.zeros(3), root @ root.T), rng.random(12), rng.random(12)
    gain = expected_gain(A, prior.cov, 0.6, weight, chance)
    before = weight @ prior.predict(A)[1]
    for i in range(12):
        after = prior.after_one(A[i], 0.0, 0.6)
        assert gain[i] == pytest.approx(chance[i] * (before - weight @ after.predict(A)[1]))


@pytest.mark.equation("eq-evidence-gain")
def test_greedy_questions():
    A = np.array([[2.0, 0], [1.9, 0], [0, 1.0], [0, 0.9]])
    prior, chance = Belief(np.zeros(2), np.eye(2)), np.array([0.9, 0.9, 0.9, 0.01])
    knows, knows_not = np.ones(4, bool), np.array([False, True, True, True])
    assert greedy_information(prior, A, 0.1, chance, knows, 2).tolist() == [0, 2]
    # The first film is unknown: nothing was learned, so the nearest substitute comes next.
    assert greedy_information(prior, A, 0.1, chance, knows_not, 3).tolist() == [0, 1, 2]
    every = greedy_information(prior, A, 0.1, chance, knows, 4, weight=np.ones(4))
    assert sorted(every) == [0, 1, 2, 3]
    assert greedy_information(prior, A, 0.1, chance, knows, 0).tolist() == []
    with pytest.raises(ValueError, match="5 questions about 4 items"):
        greedy_information(prior, A, 0.1, chance, knows, 5)


def test_interviews_ask_for_one_half_and_predict_the_other(ml100k):
    log = ml100k.interactions
    world = cold_user_world(log, 0)
    for talk, user in zip(interviews(log, world.cold, 1), world.cold):
        assert not np.intersect1d(talk.items, talk.query).size
        assert abs(len(talk.items) - len(talk.query)) <= 1
        assert len(talk.items) + len(talk.query) == (log.user == user).sum()
    asked = np.r_[talk.query[:3], talk.items[:2], talk.items[:1]]
    items, ratings = talk.answers(asked[:5])
    assert items.tolist() == talk.items[:2].tolist()
    assert ratings.tolist() == talk.ratings[:2].tolist()
    assert talk.can_answer(log.n_items).sum() == len(talk.items)
    assert [part.size for part in talk.answers(talk.query)] == [0, 0]


def test_somebody_with_one_rating_cannot_be_interviewed(warm):
    with pytest.raises(ValueError, match="User 3 has 1 rating"):
        interviews(warm, np.array([3]))


def test_popular_questions_beat_random_ones(ml100k):
    log = ml100k.interactions
    world = cold_user_world(log, 0)
    model = BayesianFactors().fit(world.warm)
    error = {}
    for name, order in (("random", random_items(1682)), ("popular", popular_items(world.warm))):
        squared = []
        for talk in interviews(log, world.cold):
            items, ratings = talk.answers(order[:20])
            squared.append((model.predict(-1, items, ratings, talk.query) - talk.truth) ** 2)
        error[name] = np.sqrt(np.concatenate(squared).mean())
    assert error["popular"] < error["random"] - 0.01
