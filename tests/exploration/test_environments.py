"""The worlds are what they say, and the loop hands feedback over when it says."""

import numpy as np
import pytest

from recsys_book.exploration import (
    BernoulliArms,
    CascadeEnvironment,
    GaussianArms,
    LinearArms,
    SwitchingArms,
    policies,
    regret_from_pulls,
    simulate,
)


class Recorder(policies.UniformRandom):
    """Notes how many answers it had before each choice."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.answers, self.had = 0, []

    def select(self, contexts=None):
        self.had.append(self.answers)
        return super().select(contexts)

    def update(self, arms, rewards, contexts=None):
        super().update(arms, rewards, contexts)
        self.answers += 1


@pytest.mark.parametrize(
    ("options", "had"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"delay": 2}, [0, 0, 0, 1, 2, 3]),
        ({"batch": 3}, [0, 0, 0, 3, 3, 3]),
        ({"delay": 1, "batch": 3}, [0, 0, 0, 2, 2, 2]),
    ],
)
def test_delay_and_batches(options, had):
    policy = Recorder(n_arms=2)
    simulate(policy, BernoulliArms([0.1, 0.2]), 6, **options)
    assert policy.had == had


@pytest.mark.equation("eq-regret")
def test_regret_is_gap_times_pulls_and_luck_is_not_in_it():
    means = np.array([0.2, 0.5, 0.45])
    simulation = simulate(
        policies.UniformRandom(n_arms=3, n_runs=4), BernoulliArms(means, n_runs=4), 200
    )
    pulls = simulation.pulls(3)
    assert pulls.sum(axis=1).tolist() == [200] * 4
    want = pulls @ [0.3, 0.0, 0.05]
    assert simulation.cumulative_regret[-1] == pytest.approx(want)
    assert regret_from_pulls(means, pulls) == pytest.approx(want)
    assert simulation.regret.min() == 0


def test_bernoulli_and_gaussian_arms_pay_their_means():
    clicks = BernoulliArms(np.tile([[0.1, 0.8]], (4000, 1)), seed=1)
    assert clicks.pull(np.ones(4000, int)).mean() == pytest.approx(0.8, abs=0.03)
    assert set(clicks.pull(np.zeros(4000, int))) == {0.0, 1.0}
    noisy = GaussianArms([1.0, 3.0], sd=2.0, n_runs=4000, seed=1)
    paid = noisy.pull(np.ones(4000, int))
    assert (paid.mean(), paid.std()) == pytest.approx((3.0, 2.0), abs=0.15)
    assert noisy.regret(np.array([0, 1] * 2000))[:2].tolist() == [2.0, 0.0]


@pytest.mark.parametrize(
    ("theta", "table"),
    [((3, 2), (5, 2)), ((2,), (5, 3, 2)), ((3, 2), (5, 3, 2))],
)
def test_linear_arms(theta, table):
    rng = np.random.default_rng(0)
    theta, table = rng.random(theta) / 4, rng.random(table)
    world = LinearArms(theta, table, sd=0.0, n_runs=6, seed=3)
    x = world.contexts(0)
    for arm in range(3):
        arms = np.full(6, arm)
        vector = x if x.ndim == 2 else x[:, arm]
        want = vector @ (theta if theta.ndim == 1 else theta[arm])
        assert world.pull(arms) == pytest.approx(want)
        assert world.regret(arms) == pytest.approx(world.means.max(axis=1) - want)
    clicks = LinearArms(theta, table, clicks=True, n_runs=6)
    clicks.contexts(0)
    assert set(np.concatenate([clicks.pull(np.zeros(6, int)) for _ in range(30)])) == {0.0, 1.0}


def test_a_policy_with_contexts_gets_those_of_its_own_round():
    seen = []

    class Reader(policies.UniformRandom):
        def select(self, contexts=None):
            seen.append(contexts)
            return super().select(contexts)

        def update(self, arms, rewards, contexts=None):
            assert contexts is seen[self.done]
            self.done += 1

    reader = Reader(n_arms=3)
    reader.done = 0
    world = LinearArms(np.ones((3, 2)), np.random.default_rng(1).random((9, 2)))
    simulate(reader, world, 10, delay=3)
    assert reader.done == 7


def test_switching_arms_switch_on_the_round():
    world = SwitchingArms([[0.1, 0.9], [0.9, 0.1]], [0, 5])
    regrets = []
    for t in range(10):
        world.contexts(t)
        regrets.append(world.regret(np.array([0]))[0])
    assert regrets == pytest.approx([0.8] * 5 + [0.0] * 5)


def test_a_simulation_is_a_function_of_its_seeds():
    def play(policy_seed, world_seed):
        policy = policies.BetaThompson(n_arms=3, n_runs=5, seed=policy_seed)
        return simulate(policy, BernoulliArms([0.1, 0.2, 0.3], n_runs=5, seed=world_seed), 50).arms

    assert np.array_equal(play(1, 2), play(1, 2))
    assert not np.array_equal(play(1, 2), play(2, 2))
    assert not np.array_equal(play(1, 2), play(1, 3))


@pytest.mark.parametrize(
    "world",
    [
        BernoulliArms([0.1] * 3, n_runs=4, seed=5),
        LinearArms(np.ones((3, 2)), np.ones((5, 2)), seed=5),
        CascadeEnvironment([0.1] * 3, 2, seed=5),
    ],
)
def test_a_policy_of_the_same_seed_shares_no_luck_with_the_world(world):
    ours = policies.BetaThompson(n_arms=3, seed=5)
    for rng in (ours.rng, ours._monte_carlo):
        assert rng.bit_generator.state != world.rng.bit_generator.state


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BernoulliArms([0.1, 1.2]), "click probability lies outside"),
        (lambda: BernoulliArms([]), "means has shape"),
        (lambda: BernoulliArms([[0.1], [0.2]], n_runs=3), "2 rows and n_runs is 3"),
        (lambda: GaussianArms([0.0], sd=-1), "sd is -1"),
        (lambda: LinearArms(np.ones((3, 2)), np.ones((5, 4))), "theta has shape"),
        (lambda: LinearArms(np.ones(2), np.ones((5, 2))), "theta has shape"),
        (lambda: LinearArms(np.ones((3, 2)), np.ones((5, 2)), clicks=True), "scale theta"),
        (lambda: SwitchingArms([[0.1, 0.2]], [1]), "starts is"),
        (lambda: CascadeEnvironment([0.1, 0.2], 3), "n_positions is 3"),
        (
            lambda: simulate(policies.UCB1(n_arms=2), BernoulliArms([0.1] * 3), 5),
            "policy has 1 runs of 2 arms and the environment 1 of 3",
        ),
        (lambda: simulate(policies.UCB1(n_arms=1), BernoulliArms([0.1]), 0), "rounds is 0"),
    ],
)
def test_what_does_not_fit_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
