"""Lists: what is seen is learned from, what is not is not."""

import numpy as np
import pytest

from recsys_book.exploration import CascadeEnvironment, policies, simulate

K, L, R = 8, 3, 40
ATTRACTION = np.array([0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6])


@pytest.mark.equation("eq-cascade")
def test_the_chance_of_a_click_by_hand_and_by_readers():
    assert policies.cascade_click_probability(np.array([0.5, 0.2])) == pytest.approx(0.6)
    world = CascadeEnvironment(ATTRACTION, L, n_runs=20_000, seed=1)
    lists = np.tile([6, 0, 4], (20_000, 1))
    position = world.pull(lists)
    shares = np.bincount(position, minlength=4) / 20_000
    want = [0.5, 0.5 * 0.05, 0.5 * 0.95 * 0.3, 0.5 * 0.95 * 0.7]
    assert shares == pytest.approx(want, abs=0.015)
    best = policies.cascade_click_probability(np.array([0.6, 0.5, 0.4]))
    assert world.regret(lists)[0] == pytest.approx(best - (1 - want[3]))
    assert world.regret(np.tile([7, 6, 5], (20_000, 1))) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("position", "seen", "clicks"),
    [(0, [1, 0, 0], [1, 0, 0]), (1, [1, 1, 0], [0, 1, 0]), (3, [1, 1, 1], [0, 0, 0])],
)
def test_below_the_click_nothing_is_learned(position, seen, clicks):
    policy = policies.CascadeThompson(n_arms=K, n_positions=L)
    policy.update(np.array([[5, 2, 7]]), np.array([position]))
    assert policy.n[0, [5, 2, 7]].tolist() == seen
    assert policy.clicks[0, [5, 2, 7]].tolist() == clicks
    assert policy.n.sum() == sum(seen)


def test_a_full_answer_teaches_about_every_position():
    policy = policies.TopKThompson(n_arms=K, n_positions=L)
    policy.update(np.array([[5, 2, 7]]), np.array([[1, 0, 1]]))
    assert policy.n[0, [5, 2, 7]].tolist() == [1, 1, 1]
    assert policy.clicks[0, [5, 2, 7]].tolist() == [1, 0, 1]


MAKERS = {
    "ucb1": lambda **k: policies.CascadeUCB(**k),
    "kl": lambda **k: policies.CascadeUCB(bound="kl", **k),
    "thompson": policies.CascadeThompson,
}


@pytest.mark.parametrize("name", MAKERS)
def test_cascades_find_the_best_list(name):
    policy = MAKERS[name](n_arms=K, n_positions=L, n_runs=R, seed=2)
    world = CascadeEnvironment(ATTRACTION, L, n_runs=R, seed=3)
    simulation = simulate(policy, world, 1500)
    assert simulation.arms.shape == (1500, R, L)
    assert simulation.pulls(K).sum(axis=1).tolist() == [1500 * L] * R
    assert simulation.regret[-300:].mean() < 0.35 * simulation.regret[:100].mean()
    last = np.sort(simulation.arms[-300:], axis=2)
    assert (last == [5, 6, 7]).all(axis=2).mean() > 0.3  # by chance: 1 of 56
    shown = policy.probabilities(draws=200)
    assert shown.sum(axis=1) == pytest.approx(L)
    assert shown.max() <= 1


def test_no_item_twice_in_a_list_and_ties_at_random():
    lists = policies.CascadeUCB(n_arms=K, n_positions=L, n_runs=2000).select()
    assert (np.diff(np.sort(lists, axis=1), axis=1) > 0).all()
    assert np.bincount(lists.ravel(), minlength=K).min() > 600


@pytest.mark.parametrize(
    ("lists", "position", "message"),
    [
        ([[1, 2, 8]], [0], "unknown item"),
        ([[1, 2, 2]], [0], "an item twice"),
        ([[1, 2, 3]], [4], "position is not in 0 to 3"),
        ([[1, 2, 3]], [np.nan], "position is not in 0 to 3"),
        ([[1, 2]], [0], "lists has shape"),
    ],
)
def test_bad_lists(lists, position, message):
    policy = policies.CascadeThompson(n_arms=K, n_positions=L)
    with pytest.raises(ValueError, match=message):
        policy.update(np.array(lists), np.array(position))
    assert policy.n.sum() == 0


def test_bad_answers_of_a_full_list():
    policy = policies.TopKThompson(n_arms=K, n_positions=L)
    with pytest.raises(ValueError, match="a value besides 0 and 1"):
        policy.update(np.array([[1, 2, 3]]), np.array([[0, 1, np.nan]]))
