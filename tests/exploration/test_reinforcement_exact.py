"""Dynamic programming against closed forms, and the feed against its own law."""

import numpy as np
import pytest

from recsys_book.exploration.reinforcement import (
    KINDS,
    MDP,
    REWARDS,
    Feed,
    action_values,
    bellman_backup,
    constrained_policy,
    discounted_returns,
    greedy_policy,
    occupancy,
    policy_gradient,
    policy_value,
    rewards_by_step,
    simulate_users,
    softmax,
    start_value,
    value_iteration,
)

FEED = Feed()
UNIFORM = np.full((FEED.n_states, len(KINDS)), 0.25)


def small(discount=0.9, seed=0, states=5, actions=3):
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.ones(states), (actions, states))
    return MDP(P, rng.normal(size=(states, actions)), rng.dirichlet(np.ones(states)), discount)


def best(mdp):
    return greedy_policy(action_values(mdp, value_iteration(mdp)))


def test_value_of_a_visit_that_repeats_is_a_geometric_sum():
    stay = 0.8
    P = np.array([[[stay, 1 - stay], [0, 1]]])
    mdp = MDP(P, np.array([[2.0], [0.0]]), np.array([1.0, 0.0]), 0.95)
    assert start_value(mdp, np.ones((2, 1))) == pytest.approx(2 / (1 - 0.95 * stay))
    undiscounted = MDP(P, mdp.rewards, mdp.start, 1.0)
    assert start_value(undiscounted, np.ones((2, 1))) == pytest.approx(2 / (1 - stay))


@pytest.mark.equation("eq-bellman")
def test_value_iteration_finds_the_best_of_all_deterministic_policies():
    mdp = small(states=3, actions=3)
    values = [policy_value(mdp, np.eye(3)[list(choice)]) for choice in np.ndindex(3, 3, 3)]
    np.testing.assert_allclose(value_iteration(mdp), np.max(values, axis=0), atol=1e-8)


@pytest.mark.equation("eq-bellman")
def test_backup_is_a_contraction_and_the_best_value_its_fixed_point():
    mdp, rng = small(), np.random.default_rng(1)
    v, w = rng.normal(size=(2, 5))
    gap = np.abs(bellman_backup(mdp, v) - bellman_backup(mdp, w)).max()
    assert gap <= 0.9 * np.abs(v - w).max()
    star = value_iteration(mdp)
    np.testing.assert_allclose(bellman_backup(mdp, star), star, atol=1e-8)
    np.testing.assert_allclose(policy_value(mdp, best(mdp)), star, atol=1e-8)


@pytest.mark.equation("eq-bellman")
def test_returns_obey_the_recursion():
    rewards = np.random.default_rng(0).normal(size=(6, 3))
    G = discounted_returns(rewards, 0.7)
    np.testing.assert_allclose(G[:-1], rewards[:-1] + 0.7 * G[1:])
    np.testing.assert_allclose(G[0], 0.7 ** np.arange(6) @ rewards)


@pytest.mark.equation("eq-policy-gradient", "eq-advantage")
@pytest.mark.parametrize("mdp", [small(), FEED.mdp()], ids=["small", "feed"])
def test_exact_gradient_is_that_of_finite_differences(mdp):
    rng = np.random.default_rng(2)
    logits = rng.normal(size=mdp.rewards.shape)
    gradient = policy_gradient(mdp, logits)
    for _ in range(8):
        cell = tuple(rng.integers(0, mdp.rewards.shape))
        step = np.zeros_like(logits)
        step[cell] = 1e-5
        up, down = (start_value(mdp, softmax(logits + s)) for s in (step, -step))
        assert gradient[cell] == pytest.approx((up - down) / 2e-5, abs=1e-7)


def test_occupancy_weighs_rewards_into_the_value():
    mdp = small()
    policy = softmax(np.random.default_rng(3).normal(size=(5, 3)))
    visits = occupancy(mdp, policy)
    assert visits.sum() == pytest.approx(1 / (1 - 0.9))
    assert (visits[:, None] * policy * mdp.rewards).sum() == pytest.approx(start_value(mdp, policy))
    steps = rewards_by_step(mdp, policy, 300)
    assert 0.9 ** np.arange(300) @ steps == pytest.approx(start_value(mdp, policy))


def test_constraint_holds_and_costs_no_more_than_it_must():
    minutes, glad = FEED.mdp("minutes"), FEED.mdp("satisfaction")
    free = start_value(minutes, best(minutes))
    for level in (-5.0, 2.0, 3.5):
        policy = constrained_policy(minutes, FEED.means["satisfaction"], level)
        assert start_value(glad, policy) >= level - 1e-6
        weighted = FEED.mdp({"minutes": 1.0, "satisfaction": 3.0})
        bound = start_value(weighted, best(weighted)) - 3 * level
        assert start_value(minutes, policy) <= min(free, bound) + 1e-6
    assert start_value(minutes, constrained_policy(minutes, FEED.means["satisfaction"], -5.0)) == (
        pytest.approx(free)
    )
    with pytest.raises(ValueError, match="no policy keeps"):
        constrained_policy(minutes, FEED.means["satisfaction"], 99.0)


def test_impossible_processes_are_refused():
    good = small()
    with pytest.raises(ValueError, match="transitions of an MDP have shape"):
        MDP(good.transitions[:2], good.rewards, good.start, 0.9)
    with pytest.raises(ValueError, match="start of an MDP needs 5"):
        MDP(good.transitions, good.rewards, good.start[:4], 0.9)
    with pytest.raises(ValueError, match="transitions of an MDP are no prob"):
        MDP(good.transitions * 0.9, good.rewards, good.start, 0.9)
    with pytest.raises(ValueError, match="start of an MDP are no prob"):
        MDP(good.transitions, good.rewards, -good.start, 0.9)
    with pytest.raises(ValueError, match="not finite"):
        MDP(good.transitions, good.rewards * np.nan, good.start, 0.9)
    with pytest.raises(ValueError, match=r"discount 1\.5"):
        MDP(good.transitions, good.rewards, good.start, 1.5)
    with pytest.raises(ValueError, match="policy has shape"):
        policy_value(good, np.ones((2, 2)))
    with pytest.raises(ValueError, match="no probability in some state"):
        policy_value(good, np.ones((5, 3)))
    endless = MDP(good.transitions, good.rewards, good.start, 1.0)
    with pytest.raises(ValueError, match="not converge"):
        policy_value(MDP(np.ones((1, 1, 1)), np.ones((1, 1)), np.ones(1), 1.0), np.ones((1, 1)))
    with pytest.raises(ValueError, match="below 1"):
        occupancy(endless, np.full((5, 3), 1 / 3))
    with pytest.raises(ValueError, match="not settled after 3"):
        value_iteration(good, most=3)


def test_feed_is_a_process_with_three_rewards():
    assert FEED.transitions.shape == (4, 41, 41)
    np.testing.assert_allclose(FEED.transitions.sum(axis=2), 1)
    assert FEED.features.shape == (41, 11)
    assert (FEED.features[:-1].sum(axis=1) == 3).all() and not FEED.features[-1].any()
    for name in REWARDS:
        assert FEED.means[name].shape == (41, 4) and not FEED.means[name][-1].any()
    assert (FEED.means["click"][:-1].argmax(axis=1) == 2).all(), "clickbait is clicked most"
    both = FEED.mdp({"click": 2.0, "minutes": 0.5}).rewards
    np.testing.assert_allclose(both, 2 * FEED.means["click"] + 0.5 * FEED.means["minutes"])


def test_greed_loses_and_ties_without_consequences():
    clicks = FEED.mdp()
    greedy = greedy_policy(clicks.rewards)
    assert start_value(clicks, greedy) < 0.6 * start_value(clicks, best(clicks))
    calm = Feed(consequence=0.0)
    assert np.ptp(calm.transitions, axis=0).max() < 1e-12
    mdp = calm.mdp()
    assert start_value(mdp, greedy_policy(mdp.rewards)) == pytest.approx(
        start_value(mdp, best(mdp))
    )


def test_simulated_users_follow_the_law():
    visits = simulate_users(FEED, UNIFORM, 20_000, horizon=5, seed=1)
    assert visits.states.shape == (6, 20_000) and len(visits) == 20_000
    for name in REWARDS:
        want = rewards_by_step(FEED.mdp(name), UNIFORM, 5)
        got = visits.rewards(name)
        error = got.std(axis=1) / np.sqrt(20_000)
        assert (np.abs(got.mean(axis=1) - want) < 4.5 * error).all(), name
    alive = rewards_by_step(
        MDP(FEED.transitions, np.r_[np.ones(40), 0][:, None] * UNIFORM * 4, FEED.start, 0.9),
        UNIFORM,
        5,
    )
    np.testing.assert_allclose(visits.alive.mean(axis=1), alive, atol=0.02)
    gone = visits.states[:-1] == 40
    assert not visits.rewards({"click": 1, "minutes": 1, "satisfaction": 1})[gone].any()


def test_simulation_ends_when_nobody_is_left_and_repeats_with_the_seed():
    first, again = (simulate_users(FEED, UNIFORM, 30, seed=4) for _ in range(2))
    assert (first.states[-1] == 40).all() and len(first.states) < 301
    np.testing.assert_array_equal(first.states, again.states)
    assert not np.array_equal(
        first.actions[0], simulate_users(FEED, UNIFORM, 30, seed=5).actions[0]
    )


def test_feed_refuses_nonsense():
    with pytest.raises(ValueError, match="harm is 2"):
        Feed(harm=2)
    with pytest.raises(ValueError, match="reward 'joy' is unknown"):
        FEED.mdp("joy")
    with pytest.raises(ValueError, match="0 users"):
        simulate_users(FEED, UNIFORM, 0)
    with pytest.raises(ValueError, match="rows that sum to 1"):
        simulate_users(FEED, UNIFORM[:5], 3)
    with pytest.raises(ValueError, match="nothing negative"):
        simulate_users(FEED, np.tile([1.5, -0.5, 0.0, 0.0], (41, 1)), 3)
    with pytest.raises(ValueError, match="no reward is named"):
        FEED.mdp({})
