"""Reward and action alone choose clickbait; state, return and propensity do not."""

import numpy as np
import pytest
from torch import nn

from recsys_book.errata import rewards_that_come_later as errata
from recsys_book.exploration import reinforcement as rl

FEED = rl.Feed()
CLICKS = FEED.mdp()
UNIFORM = np.full(CLICKS.rewards.shape, 0.25)


@pytest.mark.erratum("ADA-03")
@pytest.mark.parametrize("model", [nn.Linear(3, 1), rl.Reinforce(41, 4), rl.QLearning(41, 4)])
def test_no_model_has_the_method(model):
    with pytest.raises(AttributeError, match="update_policy"):
        errata.ada_03_reinforcement_learning(model, 1.0, 2)


@pytest.mark.erratum("ADA-03")
def test_a_model_that_had_it_would_be_called():
    class Made:
        def update_policy(self, reward, action):
            return reward, action

    assert errata.ada_03_reinforcement_learning(Made(), 1.0, 2) == (1.0, 2)


@pytest.mark.erratum("ADA-03")
def test_reward_and_action_alone_lose_the_users_that_a_plan_keeps():
    visits = rl.simulate_users(FEED, UNIFORM, 8000, seed=0)
    rewards, alive = visits.rewards(), visits.alive
    means = errata.ada_03_mean_reward_of_actions(rewards[alive], visits.actions[alive], 4)
    assert means.argmax() == 2, "clickbait is clicked most"
    stateless = rl.greedy_policy(np.tile(means, (41, 1)))
    planner = rl.ModelBased(41, 4)
    rl.train(planner, FEED, [2000], seed=0)
    best = CLICKS.start @ rl.value_iteration(CLICKS)
    assert rl.start_value(CLICKS, stateless) < 0.6 * best
    assert rl.start_value(CLICKS, planner.policy()) > 0.75 * best


@pytest.mark.erratum("ADA-03")
def test_propensities_recover_the_value_of_another_policy():
    """Click rates .1, .3, .5 logged with probabilities .7, .2, .1."""
    g = np.random.default_rng(0)
    p, rate = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.5])
    action = g.choice(3, 100_000, p=p)
    click = g.random(action.size) < rate[action]
    assert click.mean() == pytest.approx(0.18, abs=0.01)
    assert np.mean(click / (3 * p[action])) == pytest.approx(0.30, abs=0.01)
    np.testing.assert_allclose(
        errata.ada_03_mean_reward_of_actions(click, action, 4), [*rate, 0], atol=0.02
    )
