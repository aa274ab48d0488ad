"""The bounds, by hand and against what is measured."""

import math

import numpy as np
import pytest

from recsys_book.exploration import BernoulliArms, policies, simulate, theory

MEANS = np.array([0.8, 0.5, 0.4])
RUNS, ROUNDS = 60, 3000


def regret_of(policy, means=MEANS, rounds=ROUNDS, seed=4):
    world = BernoulliArms(means, n_runs=policy.n_runs, seed=seed)
    return simulate(policy, world, rounds).cumulative_regret.mean(axis=1)


def test_divergence_by_hand():
    assert theory.bernoulli_kl(0.5, 0.25) == pytest.approx(
        0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    )
    assert theory.bernoulli_kl([0.0, 1.0, 0.3], [0.2, 0.2, 0.3]) == pytest.approx(
        [-math.log(0.8), -math.log(0.2), 0.0]
    )
    assert theory.bernoulli_kl(0.1, 0.0) == np.inf


@pytest.mark.equation("eq-lai-robbins")
def test_lai_robbins_by_hand():
    kl = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)
    assert theory.lai_robbins_constant([0.8, 0.5]) == pytest.approx(0.3 / kl)
    assert theory.lai_robbins_constant([0.8, 0.8]) == 0
    # Pinsker: kl >= 2 gap^2, so the constant is at most a half over the gap
    assert theory.lai_robbins_constant([0.8, 0.5]) <= 1 / (2 * 0.3)


@pytest.mark.equation("eq-hoeffding")
@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_hoeffding_holds_and_is_loose_for_small_rates(rate):
    values = np.random.default_rng(1).binomial(100, rate, size=200_000) / 100
    measured = np.mean(values >= rate + 0.1)
    bound = theory.hoeffding_tail(100, 0.1)
    assert bound == pytest.approx(math.exp(-2))
    assert 0 < measured <= bound
    assert (measured < bound / 100) == (rate == 0.05)


@pytest.mark.equation("eq-ucb1-bound")
def test_ucb1_bound_by_hand_and_measured():
    want = 8 * math.log(1000) * (1 / 0.3 + 1 / 0.4) + (1 + math.pi**2 / 3) * 0.7
    assert theory.ucb1_bound(MEANS, 1000) == pytest.approx(want)
    regret = regret_of(policies.UCB1(n_arms=3, n_runs=RUNS))
    bounds = np.array([theory.ucb1_bound(MEANS, t) for t in (10, 100, 1000, ROUNDS)])
    assert (regret[[9, 99, 999, ROUNDS - 1]] < bounds).all()


def test_ucb1_reaches_its_own_slope_and_no_other():
    regret = regret_of(policies.UCB1(n_arms=3, n_runs=RUNS))
    slope = theory.log_slope(regret, 300, ROUNDS)
    assert theory.ucb1_slope(MEANS) == pytest.approx(2 / 0.3 + 2 / 0.4)
    assert 0.8 < slope / theory.ucb1_slope(MEANS) < 1.9  # the bound allows four times


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("KLUCB", 0.7, 1.8), ("BetaThompson", 0.45, 1.3), ("UCB1", 4.0, 14.0)],
)
def test_regret_grows_as_the_lower_bound_where_it_should(name, low, high):
    means = np.array([0.9, 0.6, 0.5])
    make = getattr(policies, name)
    regret = regret_of(make(n_arms=3, n_runs=200), means, rounds=4000)
    slope = theory.log_slope(regret, 400, 4000)
    assert low < slope / theory.lai_robbins_constant(means) < high


@pytest.mark.equation("eq-epsilon-greedy")
def test_epsilon_greedy_is_linear_for_ever():
    assert theory.epsilon_greedy_slope(MEANS, 0.1) == pytest.approx(0.1 * 0.7 / 3)
    regret = regret_of(policies.EpsilonGreedy(n_arms=3, n_runs=RUNS, epsilon=0.1))
    late = (regret[-1] - regret[ROUNDS // 2]) / (ROUNDS / 2)
    assert late == pytest.approx(theory.epsilon_greedy_slope(MEANS, 0.1), rel=0.15)


def test_decayed_epsilon_under_its_bound():
    means, d, c = np.array([0.9, 0.4, 0.3]), 0.5, 5.5
    policy = policies.EpsilonGreedy(
        n_arms=3, n_runs=RUNS, epsilon=lambda t: policies.decayed_epsilon(t, 3, d, c)
    )
    regret = regret_of(policy, means)
    bounds = {t: theory.decayed_epsilon_bound(means, t, d, c) for t in (50, 500, ROUNDS)}
    assert all(regret[t - 1] < bound for t, bound in bounds.items())
    assert bounds[50] == pytest.approx(50 * 1.1)  # nothing is known of rounds below cK/d^2
    assert theory.decayed_epsilon_bound(means, 60_000, d, c) < 0.1 * 60_000
    slope = theory.log_slope(regret, 300, ROUNDS)
    assert slope == pytest.approx(c / d**2 * 1.1, rel=0.2)  # the term (c / d^2) ln T


def test_commit_under_its_bound():
    explore = 40
    policy = policies.ExploreThenCommit(n_arms=3, explore=explore, n_runs=RUNS)
    regret = regret_of(policy)
    bound = theory.commit_bound(MEANS, ROUNDS, explore)
    want = sum(g * (40 + 2880 * math.exp(-40 * g * g)) for g in (0.3, 0.4))
    assert bound == pytest.approx(want)
    assert 0.7 * explore <= regret[-1] + 1e-9 < bound


def test_thompson_under_its_bayesian_bound():
    means = np.random.default_rng(3).random((200, 10))
    policy = policies.BetaThompson(n_arms=10, n_runs=200)
    regret = regret_of(policy, means, rounds=1000)
    assert theory.thompson_bayes_bound(10, 1000) == pytest.approx(math.sqrt(5000 * math.log(10)))
    for t in (10, 100, 1000):
        assert regret[t - 1] < theory.thompson_bayes_bound(10, t)


def test_log_slope_of_a_logarithm():
    assert theory.log_slope(3 * np.log(np.arange(1, 101)) + 7, 10, 100) == pytest.approx(3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.lai_robbins_constant([[0.1]]), "means has shape"),
        (lambda: theory.ucb1_bound([0.1, np.nan], 5), "finite numbers"),
        (lambda: theory.ucb1_bound([0.1, 0.2], 0), "rounds is 0"),
        (lambda: theory.bernoulli_kl(1.2, 0.5), "a rate lies outside"),
        (lambda: theory.hoeffding_tail(-1, 0.1), "n is -1"),
        (lambda: theory.epsilon_greedy_slope([0.1], 2), "epsilon is 2"),
        (lambda: theory.commit_bound([0.1, 0.2], 10, 6), "explore is 6 for 2 arms"),
        (lambda: theory.decayed_epsilon_bound([0.1, 0.2], 10, 0.2), "gap is 0.2"),
        (lambda: theory.thompson_bayes_bound(0, 10), "n_arms is 0"),
        (lambda: theory.log_slope([1, 2], 2, 3), "start is 2 and stop 3"),
    ],
)
def test_what_is_out_of_range_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
