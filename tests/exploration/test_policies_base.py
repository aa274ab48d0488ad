"""What every policy promises: shapes, honest propensities, clear errors, no learning in select."""

import numpy as np
import pytest

from recsys_book.exploration import policies

K, R = 4, 3
MAKERS = {
    "uniform": policies.UniformRandom,
    "greedy": policies.Greedy,
    "commit": lambda **k: policies.ExploreThenCommit(explore=2, **k),
    "epsilon": policies.EpsilonGreedy,
    "decayed": lambda **k: policies.EpsilonGreedy(epsilon=lambda t: min(1.0, 5 / t), **k),
    "boltzmann": lambda **k: policies.Boltzmann(temperature=0.2, **k),
    "dirichlet": lambda **k: policies.Boltzmann(temperature=0.2, draw="dirichlet", **k),
    "proportional": policies.Proportional,
    "ucb1": policies.UCB1,
    "klucb": lambda **k: policies.KLUCB(c=3, **k),
    "discounted": lambda **k: policies.DiscountedUCB(discount=0.9, **k),
    "window": lambda **k: policies.SlidingWindowUCB(window=5, **k),
    "beta": policies.BetaThompson,
    "fading beta": lambda **k: policies.BetaThompson(discount=0.9, **k),
    "gauss": policies.GaussianThompson,
}


def trained(make, rounds=12, **settings):
    policy = make(**{"n_arms": K, "n_runs": R, "seed": 1, **settings})
    rng = np.random.default_rng(5)
    for _ in range(rounds):
        arms = policy.select()
        policy.update(arms, (rng.random(policy.n_runs) < 0.3 + 0.1 * arms).astype(float))
    return policy


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("rounds", [0, 12])
def test_probabilities_are_those_of_select(name, rounds):
    policy = trained(MAKERS[name], rounds)
    want = policy.probabilities()
    assert want.shape == (R, K)
    assert np.allclose(want.sum(axis=1), 1)
    counts, draws = np.zeros((R, K)), 2000
    for _ in range(draws):
        arms = policy.select()
        assert arms.shape == (R,)
        counts[np.arange(R), arms] += 1
    assert np.abs(counts / draws - want).max() < 0.07  # five standard errors of both estimates


@pytest.mark.parametrize("name", MAKERS)
def test_asking_for_probabilities_changes_no_choice(name):
    asked, silent = trained(MAKERS[name]), trained(MAKERS[name])
    for _ in range(20):
        asked.probabilities()
        arms = asked.select()
        assert np.array_equal(arms, silent.select())
        for policy in (asked, silent):
            policy.update(arms, np.ones(R))


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    ("arms", "rewards", "message"),
    [
        ([0, 1, 4], [0, 0, 0], "arm 4 in run 2 is unknown; use 0 to 3"),
        ([0, -1, 0], [0, 0, 0], "arm -1 in run 1 is unknown"),
        ([0, 1, 2], [0, np.nan, 0], "the reward in run 1 is nan"),
        ([0, 1], [0, 0, 0], "arms has shape"),
        ([0, 1, 2], [0], "rewards has shape"),
        ([0.0, 1.0, 2.0], [0, 0, 0], "arms has type float64"),
    ],
)
def test_bad_feedback_is_refused_and_leaves_the_policy_as_it_was(name, arms, rewards, message):
    policy = trained(MAKERS[name])
    before = policy.probabilities()
    with pytest.raises(ValueError, match=message):
        policy.update(np.array(arms), np.array(rewards))
    fresh = trained(MAKERS[name])
    assert np.array_equal(before, fresh.probabilities())
    assert np.array_equal(policy.select(), fresh.select())


@pytest.mark.parametrize("name", ["ucb1", "klucb", "discounted", "window", "beta", "fading beta"])
def test_rewards_above_one_are_refused_where_the_theory_needs_it(name):
    policy = trained(MAKERS[name])
    with pytest.raises(ValueError, match="run 2 is 1.5; .* needs rewards from 0 to 1"):
        policy.update(np.array([0, 1, 2]), np.array([0, 1, 1.5]))


def test_a_negative_reward_has_no_share():
    with pytest.raises(ValueError, match="run 0 is -1.0; use rewards of 0 or more"):
        policies.Proportional(n_arms=2).update(np.array([0]), np.array([-1.0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: policies.Greedy(n_arms=0), "n_arms is 0"),
        (lambda: policies.Greedy(n_arms=2.5), "n_arms is 2.5"),
        (lambda: policies.Greedy(n_arms=2, n_runs=0), "n_runs is 0"),
        (lambda: policies.Greedy(n_arms=2, ties="last"), "ties is 'last'"),
        (lambda: policies.ExploreThenCommit(n_arms=2, explore=0), "explore is 0"),
        (lambda: policies.EpsilonGreedy(n_arms=2, epsilon=1.1), "epsilon is 1.1 in round 1"),
        (lambda: policies.Boltzmann(n_arms=2, temperature=0), "temperature is 0"),
        (lambda: policies.Boltzmann(n_arms=2, draw="max"), "draw is 'max'"),
        (lambda: policies.UCB1(n_arms=2, alpha=-1), "alpha is -1"),
        (lambda: policies.KLUCB(n_arms=2, c=-1), "c is -1"),
        (lambda: policies.DiscountedUCB(n_arms=2, discount=0), "discount is 0"),
        (lambda: policies.SlidingWindowUCB(n_arms=2, window=0), "window is 0"),
        (lambda: policies.BetaThompson(n_arms=2, prior=(1, 0)), r"prior is \(1, 0\)"),
        (lambda: policies.BetaThompson(n_arms=2, discount=2), "discount is 2"),
        (lambda: policies.BetaThompson(n_arms=2).probabilities(draws=0), "draws is 0"),
        (lambda: policies.GaussianThompson(n_arms=2, sd=0), "sd is 0"),
        (lambda: policies.decayed_epsilon(0, 2, 0.1), "t is 0"),
        (lambda: policies.CascadeUCB(n_arms=2, n_positions=3), "n_positions is 3"),
        (lambda: policies.CascadeUCB(n_arms=2, n_positions=1, bound="x"), "bound is 'x'"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_contexts_are_checked_for_those_who_read_them():
    policy = policies.Greedy(n_arms=K, n_runs=R)
    assert policy._check_contexts(np.ones((R, 2)), 2).shape == (R, 2)
    assert policy._check_contexts(np.ones((R, K, 2)), 2, per_arm=True).shape == (R, K, 2)
    bad = np.ones((R, 2))
    bad[1, 0] = np.inf
    for contexts, message in ((None, "missing"), (np.ones((R, 3)), "shape"), (bad, "of run 1")):
        with pytest.raises(ValueError, match=message):
            policy._check_contexts(contexts, 2)


def test_ties_first_and_at_random():
    first = policies.Greedy(n_arms=K, n_runs=500, ties="first")
    assert (first.select() == 0).all()
    assert np.array_equal(first.probabilities()[0], [1, 0, 0, 0])
    spread = np.bincount(policies.Greedy(n_arms=K, n_runs=500).select(), minlength=K)
    assert spread.min() > 80
    assert np.allclose(policies.Greedy(n_arms=K).probabilities(), 1 / K)


def test_runs_are_independent_of_their_neighbours():
    pair = policies.UCB1(n_arms=2, n_runs=2, ties="first")
    for _ in range(50):
        pair.update(np.array([0, 0]), np.array([1.0, 0.0]))
        pair.update(np.array([1, 1]), np.array([0.0, 1.0]))
    assert pair.select().tolist() == [0, 1]
