"""Weights, their exact second moment, and the corrections for logs and for lists."""

import numpy as np
import pytest

from recsys_book.exploration.reinforcement import (
    Feed,
    Visits,
    action_values,
    corrected_gradient,
    discounted_returns,
    effective_shares,
    greedy_policy,
    importance_ratios,
    learn_from_log,
    per_decision_values,
    policy_value,
    return_totals,
    rewards_by_step,
    simulate_users,
    softmax,
    squared_weights,
    start_value,
    top_k_multiplier,
    value_iteration,
    whole_life_values,
)

FEED = Feed()
CLICKS = FEED.mdp()
S, A = CLICKS.rewards.shape
UNIFORM = np.full((S, A), 1 / A)
BEST = greedy_policy(action_values(CLICKS, value_iteration(CLICKS)))
NEAR = 0.7 * UNIFORM + 0.3 * BEST


@pytest.fixture(scope="module")
def log():
    visits = simulate_users(FEED, UNIFORM, 20_000, horizon=6, seed=2)
    return visits, visits.rewards()


@pytest.mark.equation("eq-per-decision")
def test_weighted_visits_have_the_value_of_the_other_policy(log):
    visits, rewards = log
    truth = 0.98 ** np.arange(6) @ rewards_by_step(CLICKS, NEAR, 6)
    logged = 0.98 ** np.arange(6) @ rewards_by_step(CLICKS, UNIFORM, 6)
    steps = per_decision_values(visits, rewards, NEAR, UNIFORM, 0.98)
    whole = whole_life_values(visits, rewards, NEAR, UNIFORM, 0.98)
    for x in (steps, whole):
        assert abs(x.mean() - truth) < 4 * x.std() / np.sqrt(len(x))
    assert abs(logged - truth) > 5 * steps.std() / np.sqrt(len(steps)), "the test could not fail"
    assert steps.std() < whole.std()
    same = per_decision_values(visits, rewards, UNIFORM, UNIFORM, 0.98)
    np.testing.assert_allclose(same, discounted_returns(rewards, 0.98)[0])


@pytest.mark.equation("eq-per-decision")
def test_weights_by_hand():
    """One user, three visits, the last after leaving."""
    states = np.array([[0], [1], [2], [2]])
    visits = Visits(states, np.array([[0], [1], [0]]), states[:-1] != 2, {})
    target, logging = np.full((3, 2), 0.5), np.array([[0.25, 0.75], [0.75, 0.25], [0.5, 0.5]])
    rewards = np.array([[1.0], [10.0], [0.0]])
    np.testing.assert_allclose(importance_ratios(visits, target, logging)[:, 0], [2, 2, 1])
    got = per_decision_values(visits, rewards, target, logging, 0.5)
    np.testing.assert_allclose(got, [2 * 1 + 0.5 * 4 * 10])
    whole = whole_life_values(visits, rewards, target, logging, 0.5)
    np.testing.assert_allclose(whole, [4 * (1 + 0.5 * 10)])


@pytest.mark.equation("eq-per-decision")
def test_effective_share_is_the_inverse_of_the_exact_second_moment(log):
    visits, _ = log
    exact = squared_weights(CLICKS, NEAR, UNIFORM, 6)
    assert (np.diff(exact) > 0).all() and exact[0] > 1
    np.testing.assert_allclose(effective_shares(visits, NEAR, UNIFORM), 1 / exact, rtol=0.1)
    one = greedy_policy(np.random.default_rng(0).normal(size=(S, A)))
    assert squared_weights(CLICKS, one, UNIFORM, 1)[0] == pytest.approx(A)
    np.testing.assert_allclose(squared_weights(CLICKS, NEAR, NEAR, 4), 1)
    np.testing.assert_allclose(importance_ratios(visits, UNIFORM, UNIFORM), 1)


def test_an_action_that_the_log_cannot_hold_is_refused(log):
    visits, rewards = log
    never = np.tile([0.0, 0.5, 0.25, 0.25], (S, 1))
    with pytest.raises(ValueError, match=r"visit 0 of user \d+ has a propensity of 0"):
        per_decision_values(visits, rewards, UNIFORM, never, 0.98)
    totals = return_totals(visits, rewards, 0.98, (S, A))
    with pytest.raises(ValueError, match="action 0 in state 0 has a propensity of 0"):
        corrected_gradient(totals, UNIFORM, never)


@pytest.mark.equation("eq-top-k-correction")
@pytest.mark.parametrize("k", [1, 2, 5])
def test_multiplier_is_the_derivative_of_the_chance_to_be_in_the_list(k):
    p, h = np.linspace(0.05, 0.95, 7), 1e-6
    slope = ((1 - (1 - p - h) ** k) - (1 - (1 - p + h) ** k)) / (2 * h)
    np.testing.assert_allclose(top_k_multiplier(p, k), slope, rtol=1e-6)


@pytest.mark.equation("eq-top-k-correction")
@pytest.mark.parametrize("k", [1, 3])
def test_corrected_gradient_is_that_of_the_lists_reward(k):
    """One state: the expected sum of rewards of a list, by finite differences."""
    rng = np.random.default_rng(1)
    logits, reward, logging = rng.normal(size=(1, 5)), rng.random(5), rng.dirichlet(np.ones(5))

    def worth(x):
        return float(((1 - (1 - softmax(x)) ** k) * reward).sum())

    got = corrected_gradient((logging * reward)[None], softmax(logits), logging[None], k=k)
    for a in range(5):
        step = np.zeros((1, 5))
        step[0, a] = 1e-6
        slope = (worth(logits + step) - worth(logits - step)) / 2e-6
        assert got[0, a] == pytest.approx(slope, abs=1e-7)


def test_a_cap_bounds_the_push():
    totals, logging = np.array([[1.0, 1.0]]), np.array([[0.999, 0.001]])
    even = np.full((1, 2), 0.5)
    free = corrected_gradient(totals, even, logging)
    capped = corrected_gradient(totals, even, logging, cap=2.0)
    assert free[0, 1] > 200 and 0 < capped[0, 1] < 1


@pytest.mark.equation("eq-top-k-correction")
def test_lists_learn_the_second_best_too():
    totals = np.r_[10.0, 9.0, np.ones(8)][None] / 10
    logging, shares = np.full((1, 10), 0.1), {}
    for k in (1, 2):
        logits = np.zeros((1, 10))
        for _ in range(800):
            logits += 0.05 * corrected_gradient(totals, softmax(logits), logging, k=k)
        shares[k] = softmax(logits)[0]
    assert shares[1][0] > 0.95
    assert shares[2][1] > 0.4 and shares[2][2:].sum() < 0.02


def test_an_uncorrected_learner_repeats_the_log():
    """With click rates .1, .3, .5, the most shown item wins without the correction."""
    logging, rates = np.array([[0.7, 0.2, 0.1]]), np.array([[0.1, 0.3, 0.5]])
    totals = logging * rates
    plain = learn_from_log(totals, logging, steps=3000, corrected=False)[0]
    right = learn_from_log(totals, logging, steps=3000)[0]
    np.testing.assert_allclose(plain, totals[0] / totals.sum(), atol=1e-3)
    assert plain.argmax() == 0 and right[2] > 0.99


def test_a_log_teaches_a_policy_better_than_its_own():
    visits = simulate_users(FEED, UNIFORM, 10_000, seed=3)
    totals = return_totals(visits, visits.rewards(), 0.98, (S, A))
    assert abs(totals.sum()) < 1e-9
    learned = learn_from_log(totals, UNIFORM)
    assert start_value(CLICKS, learned) > 1.5 * start_value(CLICKS, UNIFORM)
    improved = greedy_policy(action_values(CLICKS, policy_value(CLICKS, UNIFORM)))
    best = CLICKS.start @ value_iteration(CLICKS)
    assert start_value(CLICKS, improved) < 0.95 * best, "one improvement is not the optimum"
