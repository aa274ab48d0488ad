"""The closed loop: what is written down, and the truth behind it."""

import numpy as np
import pytest

from recsys_book.data import DataError, FeedbackLog, SimulatedPeople, closed_loop
from recsys_book.evaluation import assign_arms, compare_rates
from recsys_book.recommenders import Popularity

K = 5


def at_random(log, users, rng):
    return np.array([rng.permutation(log.n_items)[:K] for _ in users])


def most_clicked(log, users, rng):
    clicks = log.clicks()
    if not len(clicks):
        return at_random(log, users, rng)
    return Popularity().fit(clicks).recommend(users, K, exclude_seen=False)[0]


def greedy(scores):
    return lambda log, users, rng: np.argsort(-scores[users], axis=1)[:, :K]


def test_every_place_shown_is_written_down_with_its_position():
    people = SimulatedPeople(20, 30)
    log = closed_loop(people, at_random, rounds=3, users=[4, 9])
    assert len(log) == 3 * 2 * K
    frame = log.to_frame()
    np.testing.assert_array_equal(frame["position"], np.tile(np.arange(K), 6))
    assert frame.groupby(["round", "user"]).size().eq(K).all()
    assert set(frame["user"]) == {4, 9}
    np.testing.assert_array_equal(np.isnan(log.satisfied), ~log.clicked)


def test_an_empty_place_is_not_shown():
    log = SimulatedPeople(3, 4).respond([0], [[2, -1]], 7, np.random.default_rng(0))
    assert log.item.tolist() == [2] and log.round.tolist() == [7]


def test_the_same_seed_gives_the_same_loop():
    people = SimulatedPeople(30, 20)
    a, b, c = (closed_loop(people, most_clicked, 4, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(a.clicked, b.clicked)
    assert not np.array_equal(a.item, c.item)


def test_clicks_are_what_the_truth_says():
    people = SimulatedPeople(400, 50, position_bias=1.0)
    log = closed_loop(people, at_random, rounds=10)
    for place in range(K):
        rows = log.position == place
        expected = (people.attraction[log.user, log.item] / (1 + place))[rows].mean()
        assert log.clicked[rows].mean() == pytest.approx(expected, abs=0.03)
    clicked = log.clicked
    expected = people.enjoyment[log.user, log.item][clicked].mean()
    assert log.satisfied[clicked].mean() == pytest.approx(expected, abs=0.03)


def test_a_click_is_not_satisfaction():
    people = SimulatedPeople(300, 80, bait=2.0)
    lured = closed_loop(people, greedy(people.attraction), 5)
    glad = closed_loop(people, greedy(people.attraction * people.enjoyment), 5)
    assert lured.clicked.mean() > glad.clicked.mean()
    assert np.nanmean(lured.satisfied) + 0.1 < np.nanmean(glad.satisfied)
    honest = SimulatedPeople(300, 80, bait=0.0)
    order = np.argsort(honest.attraction, axis=1)
    np.testing.assert_array_equal(order, np.argsort(honest.enjoyment, axis=1))


def test_an_offline_metric_agrees_with_what_was_logged_not_with_satisfaction():
    """Hits on later clicks favour the policy that lures; hits on satisfied clicks do not."""
    people = SimulatedPeople(300, 80, bait=2.0)
    log = closed_loop(people, at_random, rounds=20)
    lists = {
        "lure": greedy(people.attraction)(log, np.arange(300), None),
        "serve": greedy(people.attraction * people.enjoyment)(log, np.arange(300), None),
    }

    def hits(events, listed):
        return (listed[events.user] == events.item[:, None]).any(axis=1).mean()

    clicks, glad = log.clicks(), log.clicks(satisfied_only=True)
    assert hits(clicks, lists["lure"]) > hits(clicks, lists["serve"])
    assert hits(glad, lists["lure"]) < hits(glad, lists["serve"])


def test_the_next_round_uses_the_log_and_the_loop_narrows():
    people = SimulatedPeople(100, 60)
    learned = closed_loop(people, most_clicked, 8).by_round()
    free = closed_loop(people, at_random, 8).by_round()
    assert learned["items_shown"].iloc[0] == 60
    assert (learned["items_shown"].iloc[1:] == K).all()
    assert (free["items_shown"] > 50).all()
    assert learned["click_rate"].iloc[1:].mean() > free["click_rate"].mean()
    assert learned["shown"].eq(500).all() and learned["satisfaction"].between(0, 1).all()


def test_clicks_become_interactions_of_the_loop_so_far():
    log = closed_loop(SimulatedPeople(50, 10), at_random, 3)
    clicks = log.clicks()
    assert len(clicks) == log.clicked.sum() and clicks.n_users == 50 and clicks.n_items == 10
    assert set(clicks.timestamp) == {0, 86_400, 2 * 86_400}
    assert len(log.clicks(satisfied_only=True)) == np.nansum(log.satisfied)


def test_an_ab_test_on_the_simulator():
    people = SimulatedPeople(2000, 40)
    arms = assign_arms(range(2000), "greedy against random")
    policies = (at_random, greedy(people.attraction))
    logs = [
        closed_loop(people, policy, 1, users=np.flatnonzero(arms == arm), seed=arm)
        for arm, policy in enumerate(policies)
    ]
    users = [log.to_frame().groupby("user")["clicked"].any() for log in logs]
    found = compare_rates(users[0].sum(), len(users[0]), users[1].sum(), len(users[1]))
    assert found.p_value < 1e-6 and found.low > 0


@pytest.mark.parametrize(
    "settings", [{"n_users": 0}, {"rank": 0}, {"bait": -1}, {"position_bias": -0.1}]
)
def test_impossible_people(settings):
    with pytest.raises(DataError, match="give sizes from 1"):
        SimulatedPeople(**settings)


def test_impossible_lists_and_rounds():
    people, rng = SimulatedPeople(3, 4), np.random.default_rng(0)
    with pytest.raises(DataError, match="one each"):
        people.respond([0, 1], [[2]], 0, rng)
    with pytest.raises(DataError, match="outside 0 to 3"):
        people.respond([0], [[4]], 0, rng)
    assert len(people.respond([], np.zeros((0, 2)), 0, rng)) == 0
    with pytest.raises(DataError, match="at least one"):
        closed_loop(people, at_random, 0)
    assert len(FeedbackLog.empty(1, 1)) == 0
