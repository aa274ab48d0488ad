"""Agents against the exact gradient and the exact values of the process they learn in."""

import numpy as np
import pytest

from recsys_book.exploration.reinforcement import (
    DQN,
    MDP,
    ActorCritic,
    Agent,
    Feed,
    ModelBased,
    QLearning,
    Reinforce,
    ReplayBuffer,
    Visits,
    action_values,
    discounted_returns,
    double_q_targets,
    epsilon_greedy,
    expected_maximum,
    policy_gradient,
    policy_value,
    q_targets,
    roulette,
    score_gradients,
    simulate_users,
    softmax,
    start_value,
    table_step,
    td_errors,
    train,
    value_iteration,
)

FEED = Feed()
CLICKS = FEED.mdp()
S, A = CLICKS.rewards.shape
BEST = CLICKS.start @ value_iteration(CLICKS)


@pytest.fixture(scope="module")
def sample():
    """Visits of a policy that is not uniform, with its returns."""
    logits = 0.5 * np.random.default_rng(0).normal(size=(S, A))
    visits = simulate_users(FEED, softmax(logits), 20_000, seed=1)
    rewards = visits.rewards()
    discounts = 0.98 ** np.arange(len(rewards))[:, None]
    return logits, visits, rewards, discounts


def distances(gradients, exact):
    """Distance of the mean from the truth in standard errors, where there is enough to tell."""
    seen = (gradients != 0).mean(axis=0) > 0.01
    error = gradients.std(axis=0) / np.sqrt(len(gradients))
    return ((gradients.mean(axis=0) - exact) / np.where(seen, error, 1))[seen]


@pytest.mark.equation("eq-policy-gradient")
def test_reinforce_estimates_the_exact_gradient(sample):
    logits, visits, rewards, discounts = sample
    G = discounted_returns(rewards, 0.98)
    z = distances(
        score_gradients(visits, softmax(logits), discounts * G), policy_gradient(CLICKS, logits)
    )
    assert len(z) > 60 and np.abs(z).max() < 4.5 and np.mean(z**2) < 1.5


@pytest.mark.equation("eq-baseline")
def test_a_baseline_leaves_the_mean_and_lowers_the_variance(sample):
    logits, visits, rewards, _ = sample
    exact = policy_gradient(CLICKS, logits)
    plain, based = Reinforce(S, A, baseline=False), Reinforce(S, A)
    plain.logits = based.logits = logits
    based.value = policy_value(CLICKS, softmax(logits))
    one, two = plain.gradients(visits, rewards), based.gradients(visits, rewards)
    assert np.mean(distances(two, exact) ** 2) < 1.5
    assert two.var(axis=0).sum() < 0.7 * one.var(axis=0).sum()


@pytest.mark.equation("eq-advantage")
def test_errors_of_the_true_value_have_the_advantage_as_mean(sample):
    logits, visits, rewards, discounts = sample
    policy = softmax(logits)
    value = policy_value(CLICKS, policy)
    errors = td_errors(visits, rewards, value, 0.98)
    advantage = action_values(CLICKS, value) - value[:, None]
    alive = visits.alive
    pair = visits.states[:-1][alive] * A + visits.actions[alive]
    count = np.bincount(pair, minlength=S * A)
    mean = np.bincount(pair, errors[alive], S * A) / np.maximum(count, 1)
    often = count > 500
    assert often.sum() > 50
    np.testing.assert_allclose(mean[often], advantage.ravel()[often], atol=0.12)
    z = distances(
        score_gradients(visits, policy, discounts * errors), policy_gradient(CLICKS, logits)
    )
    assert np.mean(z**2) < 1.5


@pytest.mark.equation("eq-advantage")
def test_errors_by_hand():
    states = np.array([[0], [1], [2]])
    visits = Visits(states, np.zeros((2, 1), int), states[:-1] != 2, {})
    errors = td_errors(visits, np.array([[1.0], [2.0]]), np.array([10.0, 20.0, 0.0]), 0.5)
    np.testing.assert_allclose(errors[:, 0], [1 + 0.5 * 20 - 10, 2 - 20])


def test_score_gradients_ignore_who_has_left(sample):
    logits, visits, _, _ = sample
    weights = np.where(visits.alive, 0.0, 1e6)
    assert not score_gradients(visits, softmax(logits), weights).any()


def test_table_moves_by_the_mean_error():
    new = table_step(np.zeros(3), np.array([0, 0, 2]), np.array([1.0, 3.0, 5.0]), 0.1)
    np.testing.assert_allclose(new, [0.2, 0.0, 0.5])


def line(n=200):
    """Visits of a deterministic line of three states: every pair is tried, none is noisy."""
    moves, rewards = np.array([[1, 2], [2, 0]]), np.array([[0.0, 1.0], [2.0, -0.5]])
    rng = np.random.default_rng(0)
    states, actions = [rng.integers(0, 2, n)], []
    for _ in range(10):
        a = rng.integers(0, 2, n)
        actions.append(a)
        states.append(np.append(moves, [[2, 2]], axis=0)[states[-1], a])
    s, a = np.array(states), np.array(actions)
    P = np.zeros((2, 3, 3))
    for state in range(2):
        for action in range(2):
            P[action, state, moves[state, action]] = 1
    P[:, 2, 2] = 1
    reward = np.append(rewards, [[0, 0]], axis=0)
    mdp = MDP(P, reward, np.array([0.5, 0.5, 0]), 0.9)
    return mdp, Visits(s, a, s[:-1] != 2, {}), reward[s[:-1], a]


@pytest.mark.equation("eq-q-learning")
@pytest.mark.parametrize(
    "double", [False, pytest.param(True, marks=pytest.mark.equation("eq-double-q"))]
)
def test_q_learning_finds_the_exact_values(double):
    mdp, visits, rewards = line()
    agent = QLearning(3, 2, discount=0.9, double=double)
    for _ in range(60):
        agent.learn(visits, rewards)
    want = action_values(mdp, value_iteration(mdp))
    np.testing.assert_allclose(agent.Q, want, atol=1e-6)
    assert agent.belief(mdp.start) == pytest.approx(mdp.start @ want.max(axis=1))


@pytest.mark.equation("eq-q-learning")
def test_q_learning_nears_the_exact_values_of_the_feed():
    agent = QLearning(S, A, epsilon=1.0, power=0.8)
    for seed in range(40):
        visits = simulate_users(FEED, agent.behaviour(), 500, seed=seed)
        agent.learn(visits, visits.rewards())
    want = action_values(CLICKS, value_iteration(CLICKS))
    often = agent.counts[0] > 1500
    assert often.sum() > 12
    assert np.abs(agent.Q - want)[often].max() < 0.25
    assert start_value(CLICKS, agent.policy()) > 0.85 * BEST


def test_counts_of_a_noiseless_process_are_its_law():
    mdp, visits, rewards = line()
    agent = ModelBased(3, 2, discount=0.9)
    agent.learn(visits, rewards)
    np.testing.assert_allclose(agent.estimate().transitions, mdp.transitions)
    np.testing.assert_allclose(agent.Q, action_values(mdp, value_iteration(mdp)), atol=1e-5)
    np.testing.assert_array_equal(ModelBased(3, 2).estimate().transitions[:, :, -1], 1)
    wary = ModelBased(3, 2, least=10**6)
    wary.learn(visits, rewards)
    assert not wary.Q.any(), "what was tried too rarely is worth nothing"


@pytest.mark.equation("eq-q-learning", "eq-double-q")
def test_targets_by_hand():
    r, first, second = np.array([1.0]), np.array([[3.0, 2.0]]), np.array([[0.5, 9.0]])
    np.testing.assert_allclose(q_targets(r, first, 0.5), [2.5])
    np.testing.assert_allclose(double_q_targets(r, first, second, 0.5), [1.25])
    np.testing.assert_allclose(double_q_targets(r, first, first, 0.5), q_targets(r, first, 0.5))


@pytest.mark.equation("eq-double-q")
def test_maximum_of_noisy_estimates_is_too_high_and_the_double_one_is_not():
    single, double = expected_maximum(50, draws=20_000)
    assert single == pytest.approx(2.249, abs=0.03)  # the expected maximum of 50 normal values
    assert abs(double) < 0.03
    plain, paired = roulette(2000)[-1].mean(), roulette(2000, double=True)[-1].mean()
    assert plain > 10 and abs(paired) < 1.5


@pytest.mark.parametrize(
    ("agent", "users", "share"),
    [
        (ModelBased(S, A), 1500, 0.88),
        (QLearning(S, A), 2000, 0.8),
        (Reinforce(S, A), 4000, 0.62),
        (ActorCritic(S, A), 4000, 0.62),
        (DQN(FEED.features, A, seed=0), 1600, 0.6),
        (DQN(FEED.features, A, double=True, seed=0), 1600, 0.6),
    ],
    ids=["model", "q", "reinforce", "actor-critic", "dqn", "double dqn"],
)
def test_agents_improve(agent, users, share):
    uniform = start_value(CLICKS, np.full((S, A), 0.25))
    curve = train(agent, FEED, [20, users], seed=1)
    assert curve.users.tolist() == [20, users]
    assert curve.values[-1] > share * BEST > uniform * 1.2
    assert start_value(CLICKS, agent.policy()) == pytest.approx(curve.values[-1])
    np.testing.assert_allclose(agent.behaviour().sum(axis=1), 1)
    assert np.isnan(curve.beliefs).all() == isinstance(agent, Reinforce | ActorCritic)


def test_training_repeats_with_the_seed():
    one, two, three = (
        train(DQN(FEED.features, A, seed=s), FEED, [100], seed=s).beliefs for s in (0, 0, 1)
    )
    assert one == two != three


def test_actor_critic_with_late_reward_credits_the_first_step():
    mdp, visits, rewards = line()
    agent = ActorCritic(3, 2, discount=0.9, rate=1.0, critic_rate=0.5)
    for _ in range(200):
        visits_now, r = visits, rewards
        agent.learn(visits_now, r)
    assert agent.policy()[0, 0] > 0.6, "nothing now, two at the next step, beats one now"


def test_epsilon_greedy_mixes():
    np.testing.assert_allclose(epsilon_greedy(np.array([[0.0, 2.0]]), 0.2), [[0.1, 0.9]])


def test_replay_buffer_is_a_ring():
    buffer = ReplayBuffer(4, seed=0)
    with pytest.raises(ValueError, match="empty"):
        buffer.sample(1)
    buffer.add(np.arange(3), np.arange(3), np.arange(3.0), np.arange(3))
    assert len(buffer) == 3
    buffer.add(np.arange(3, 6), np.arange(3), np.arange(3.0, 6), np.arange(3))
    assert len(buffer) == 4
    states, _, rewards, _ = buffer.sample(200)
    assert set(states) == {2, 3, 4, 5}
    np.testing.assert_allclose(rewards, states)
    with pytest.raises(ValueError, match="capacity 0"):
        ReplayBuffer(0)


def test_target_network_stands_still_between_copies():
    agent = DQN(FEED.features, A, steps=1, copy_every=3, seed=0)
    visits = simulate_users(FEED, agent.behaviour(), 10, seed=0)
    before = agent.target[0].weight.clone()
    for _ in range(2):
        agent.learn(visits, visits.rewards())
    assert bool((agent.target[0].weight == before).all())
    agent.learn(visits, visits.rewards())
    assert bool((agent.target[0].weight == agent.network[0].weight).all())


def test_train_refuses_nonsense_and_an_agent_without_values_believes_nothing():
    with pytest.raises(ValueError, match="increasing checkpoints"):
        train(ModelBased(S, A), FEED, [20, 10])
    with pytest.raises(ValueError, match="batch of at least 1"):
        train(ModelBased(S, A), FEED, [20], batch=0)
    assert not hasattr(Agent, "Q")
