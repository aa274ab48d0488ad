"""The same choices as MABWiser, one by one, on the same clicks and the same seed."""

import numpy as np
import pytest
from mabwiser.mab import MAB, LearningPolicy

from recsys_book.exploration import policies

K, ROUNDS, SEED = 6, 400, 11
RATES = np.linspace(0.05, 0.4, K)


def play_both(ours, theirs, rounds=ROUNDS, warm=False, refit=False):
    """Both choose, then both learn from the same table of clicks; count equal choices."""
    clicks = (np.random.default_rng(SEED + 1).random((rounds + K, K)) < RATES).astype(float)
    history = [(arm, clicks[rounds + arm, arm]) for arm in range(K)] if warm else []
    for arm, reward in history:
        ours.update(np.array([arm]), np.array([reward]))
    theirs.fit(*map(np.array, zip(*history)) if warm else (np.array([], int), np.array([])))
    equal, seen = 0, set()
    for t in range(rounds):
        mine, other = int(ours.select()[0]), theirs.predict()
        equal += mine == other
        seen.add(mine)
        reward = clicks[t, mine]
        ours.update(np.array([mine]), np.array([reward]))
        history.append((other, clicks[t, other]))
        if refit:
            theirs.fit(*map(np.array, zip(*history)))
        else:
            theirs.partial_fit(np.array([other]), np.array([clicks[t, other]]))
    assert len(seen) > 1, "a test on one arm would compare nothing"
    return equal


def library(policy):
    return MAB(list(range(K)), policy, seed=SEED)


def test_random():
    ours = policies.UniformRandom(n_arms=K, seed=SEED)
    assert play_both(ours, library(LearningPolicy.Random())) == ROUNDS


@pytest.mark.parametrize("epsilon", [0.05, 0.3, 1.0])
def test_epsilon_greedy(epsilon):
    ours = policies.EpsilonGreedy(n_arms=K, epsilon=epsilon, initial=0, seed=SEED, ties="first")
    assert play_both(ours, library(LearningPolicy.EpsilonGreedy(epsilon=epsilon))) == ROUNDS


@pytest.mark.parametrize("alpha", [0.2, 1.0, 1.5])
def test_ucb1(alpha):
    ours = policies.UCB1(n_arms=K, alpha=alpha, seed=SEED, ties="first")
    theirs = library(LearningPolicy.UCB1(alpha=alpha))
    assert play_both(ours, theirs, warm=True) == ROUNDS


def test_thompson():
    ours = policies.BetaThompson(n_arms=K, seed=SEED)
    assert play_both(ours, library(LearningPolicy.ThompsonSampling())) == ROUNDS


@pytest.mark.parametrize("tau", [0.3, 1.0])
def test_softmax_is_an_argmax_of_a_dirichlet_draw(tau):
    ours = policies.Boltzmann(n_arms=K, temperature=tau, seed=SEED, draw="dirichlet")
    theirs = library(LearningPolicy.Softmax(tau=tau))
    assert play_both(ours, theirs, warm=True) == ROUNDS


def test_popularity_when_fitted_on_the_whole_history():
    ours = policies.Proportional(n_arms=K, seed=SEED, draw="dirichlet")
    theirs = library(LearningPolicy.Popularity())
    assert play_both(ours, theirs, rounds=200, warm=True, refit=True) == 200


def test_popularity_updated_in_parts_is_another_policy():
    ours = policies.Proportional(n_arms=K, seed=SEED, draw="dirichlet")
    theirs = library(LearningPolicy.Popularity())
    assert play_both(ours, theirs, rounds=200, warm=True) < 150


def test_softmax_of_mabwiser_does_not_draw_with_softmax_chances():
    draw = policies.Boltzmann(n_arms=2, temperature=1.0, seed=0, draw="dirichlet", n_runs=1)
    for _ in range(50):
        draw.update(np.array([0]), np.array([2.0]))
        draw.update(np.array([1]), np.array([0.0]))
    want = draw.weights()[0, 0]
    got = draw.probabilities(draws=20_000)[0, 0]
    assert want == pytest.approx(1 / (1 + np.exp(-2)))
    assert abs(got - want) > 0.015  # five standard errors
