"""Each policy does what its formula says."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from recsys_book.exploration import BernoulliArms, bernoulli_kl, policies, simulate


def feed(policy, answers):
    for arm, reward in answers:
        policy.update(np.full(policy.n_runs, arm), np.full(policy.n_runs, float(reward)))
    return policy


def test_greedy_stays_with_the_first_arm_that_pays():
    policy = feed(policies.Greedy(n_arms=3, ties="first"), [(0, 0), (0, 1)])
    assert policy.means().tolist() == [[0.5, 0, 0]]
    assert policy.select().tolist() == [0]


def test_greedy_that_hopes_tries_every_arm():
    policy = policies.Greedy(n_arms=3, initial=np.inf)
    simulation = simulate(policy, BernoulliArms([0.1, 0.2, 0.3]), 3)
    assert simulation.pulls(3).tolist() == [[1, 1, 1]]


def test_explore_then_commit_explores_equally_and_never_looks_back():
    policy = policies.ExploreThenCommit(n_arms=3, explore=5, n_runs=20, seed=2)
    simulation = simulate(policy, BernoulliArms([0.0, 1.0, 0.0], n_runs=20), 40)
    assert (simulation.pulls(3) == [5, 30, 5]).all()
    feed(policy, [(1, 0)] * 100)
    assert (policy.select() == 1).all()


@pytest.mark.equation("eq-epsilon-greedy")
def test_epsilon_greedy_propensities():
    policy = feed(policies.EpsilonGreedy(n_arms=4, epsilon=0.2), [(i, i == 2) for i in range(4)])
    assert policy.probabilities() == pytest.approx(np.array([[0.05, 0.05, 0.85, 0.05]]))


def test_decayed_epsilon_is_one_then_falls_as_one_over_t():
    assert policies.decayed_epsilon(10, n_arms=2, gap=0.5, c=5) == 1
    assert policies.decayed_epsilon(400, n_arms=2, gap=0.5, c=5) == pytest.approx(0.1)
    assert policies.decayed_epsilon(4000, n_arms=2, gap=0.5, c=5) == pytest.approx(0.01)


@pytest.mark.equation("eq-boltzmann")
def test_softmax_of_means():
    got = policies.softmax_probabilities(np.array([[0.0, math.log(2)], [5e3, 0.0]]), 1.0)
    assert got == pytest.approx(np.array([[1 / 3, 2 / 3], [1.0, 0.0]]))
    cold = policies.softmax_probabilities(np.array([[0.1, 0.2]]), 0.05)
    assert cold[0, 1] == pytest.approx(1 / (1 + math.exp(-2)))


def test_proportional_shares():
    policy = feed(policies.Proportional(n_arms=2), [(0, 3), (1, 1)])
    assert policy.probabilities().tolist() == [[0.75, 0.25]]


@pytest.mark.equation("eq-ucb1")
def test_ucb1_index_by_hand():
    got = policies.ucb1_index(np.array([0.5, 0.2, 0.0]), np.array([4, 100, 0]), 104)
    want = [0.5 + math.sqrt(2 * math.log(104) / 4), 0.2 + math.sqrt(2 * math.log(104) / 100)]
    assert got[:2] == pytest.approx(want)
    assert got[2] == np.inf
    half = policies.ucb1_index(np.array([0.5]), np.array([4]), 104, alpha=0.5)
    assert half[0] - 0.5 == pytest.approx((want[0] - 0.5) / 2)


@pytest.mark.equation("eq-kl-ucb")
@pytest.mark.parametrize("mean", [0.0, 0.01, 0.02, 0.3, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("n", [1, 30, 4000])
@pytest.mark.parametrize("level", [0.0, 0.7, 5.0, 12.0])
def test_kl_ucb_index_is_the_root(mean, n, level):
    got = float(policies.kl_ucb_index(np.array(mean), np.array(n), level))

    def excess(q):
        return n * bernoulli_kl(mean, q) - level

    if excess(1 - 1e-12) <= 0:
        want = 1.0
    else:
        want = mean if level == 0 else brentq(excess, max(mean, 1e-14), 1 - 1e-12, xtol=1e-14)
    assert got == pytest.approx(want, abs=1e-5)


def test_kl_ucb_is_tighter_than_the_hoeffding_bound_it_improves():
    mean, n = np.array([0.02, 0.1, 0.5]), np.array([200, 200, 200])
    level = math.log(5000)
    kl = policies.kl_ucb_index(mean, n, level) - mean
    hoeffding = math.sqrt(level / (2 * 200))
    assert (kl <= hoeffding).all()
    assert kl[0] < hoeffding / 2 < kl[2]


@pytest.mark.equation("eq-thompson-beta")
def test_beta_posterior_and_its_draws():
    policy = feed(policies.BetaThompson(n_arms=2, n_runs=4000), [(0, 1)] * 3 + [(0, 0)] * 5)
    a, b = policies.beta_posterior(policy.total, policy.n - policy.total)
    assert (a[0].tolist(), b[0].tolist()) == ([4, 1], [6, 1])
    draws = policy.sample()
    assert draws.mean(axis=0) == pytest.approx([0.4, 0.5], abs=0.02)
    assert draws.var(axis=0) == pytest.approx([24 / 1100, 1 / 12], rel=0.08)


def test_a_discounted_posterior_returns_to_its_prior():
    policy = feed(policies.BetaThompson(n_arms=2, discount=0.5), [(0, 1)] * 4 + [(1, 0)] * 30)
    assert policy.n[0, 0] < 1e-8
    assert policy.n[0, 1] == pytest.approx(2, abs=1e-6)


def test_gaussian_posterior_by_hand():
    policy = policies.GaussianThompson(n_arms=2, sd=2.0, prior_mean=1.0, prior_sd=0.5)
    feed(policy, [(0, 5.0), (0, 3.0)])
    mean, sd = policy.posterior()
    assert mean[0] == pytest.approx([(4 * 1 + 8 / 4) / (4 + 0.5), 1.0])
    assert sd[0] == pytest.approx([4.5**-0.5, 0.5])


def test_discounted_and_windowed_counts():
    fading = feed(policies.DiscountedUCB(n_arms=2, discount=0.5), [(0, 1), (0, 1), (1, 0)])
    assert fading.n[0].tolist() == [0.75, 1]
    assert fading.total[0].tolist() == [0.75, 0]
    bonus = np.sqrt(2 * np.log(1.75) / np.array([0.75, 1]))  # the faded answers, not all three
    assert fading.index()[0] == pytest.approx(np.array([1, 0]) + bonus)
    window = feed(policies.SlidingWindowUCB(n_arms=2, window=2), [(0, 1), (0, 1), (1, 0)])
    assert window.n[0].tolist() == [1, 1]
    assert window.total[0].tolist() == [1, 0]
    plain = feed(policies.UCB1(n_arms=2), [(0, 1), (1, 0)])
    for policy in (window, feed(policies.DiscountedUCB(n_arms=2, discount=1), [(0, 1), (1, 0)])):
        assert policy.index() == pytest.approx(plain.index())
