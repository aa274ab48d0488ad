"""Checkers for the exercises of the chapter on rewards that come later."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.exploration.reinforcement import (
    MDP,
    bellman_backup,
    discounted_returns,
    double_q_targets,
    top_k_multiplier,
)


def check_returns(answer: Callable[[np.ndarray, float], np.ndarray]) -> None:
    """Check discounted returns.

    Args:
        answer: Takes rewards (T,) and a discount, returns the return from each step on (T,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    got = np.asarray(answer(np.array([0.0, 0.0, 8.0]), 0.5))
    assert got.shape == (3,), "give one return a step"
    assert got[2] == 8, "the last return is the last reward"
    assert got[0] != 8, "a reward two steps away is discounted twice"
    assert np.allclose(got, [2, 4, 8]), "go backwards: reward now plus discount times what follows"
    rewards = np.random.default_rng(0).normal(size=20)
    want = discounted_returns(rewards[:, None], 0.9)[:, 0]
    assert np.allclose(answer(rewards, 0.9), want), "add the reward of now to what follows"


def check_backup(
    answer: Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray],
) -> None:
    """Check one step of value iteration.

    Args:
        answer: Takes transitions (A, S, S), rewards (S, A), values (S,) and a discount, returns
            the new values (S,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(1)
    P, r, v = rng.dirichlet(np.ones(4), (3, 4)), rng.normal(size=(4, 3)), rng.normal(size=4)
    got = np.asarray(answer(P, r, v, 0.8))
    assert got.shape == (4,), "give one value a state: take the best action"
    assert not np.allclose(got, r.max(axis=1)), "add the discounted value of the next state"
    assert not np.allclose(got, r.max(axis=1) + 0.8 * (P @ v).max(axis=0)), (
        "reward and future belong to the same action: add before you take the maximum"
    )
    want = bellman_backup(MDP(P, r, np.full(4, 0.25), 0.8), v)
    assert np.allclose(got, want), "maximum over actions of reward + discount * (P @ v)"


def check_best_baseline(answer: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """Check the constant that makes the variance of the score estimate smallest.

    Args:
        answer: Takes a softmax policy (A,) and the rewards of the actions (A,), returns b.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(2)
    for n in (2, 5):
        p, r = rng.dirichlet(np.ones(n)), rng.normal(size=n)
        scores = np.eye(n) - p
        length = (scores**2).sum(axis=1)
        want = (p * length * r).sum() / (p * length).sum()
        got = float(answer(p, r))
        if n > 2:
            assert not np.isclose(got, p @ r), (
                "the mean reward is near, but rare actions have long scores and weigh more"
            )
        assert np.isclose(got, want), "weigh each reward by p times the squared length of its score"


def check_double_target(
    answer: Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray],
) -> None:
    """Check the targets of double Q-learning.

    Args:
        answer: Takes rewards (n,), the chooser's and the judge's next values (n, A) and a
            discount, returns targets (n,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(3)
    r, one, two = rng.normal(size=6), rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    got = np.asarray(answer(r, one, two, 0.9))
    assert got.shape == (6,), "give one target a row"
    assert not np.allclose(got, r + 0.9 * one.max(axis=1)), "the chooser must not judge itself"
    assert not np.allclose(got, r + 0.9 * two.max(axis=1)), "the judge must not choose"
    want = double_q_targets(r, one, two, 0.9)
    assert np.allclose(got, want), "take the judge's value at the chooser's best action"


def check_top_k(answer: Callable[[float, int], float]) -> None:
    """Check the multiplier of the top-K correction.

    Args:
        answer: Takes an action's probability and K, returns the multiplier.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(0.3, 1) == 1, "a list of one is the ordinary case: the multiplier is 1"
    assert answer(0.9, 5) < 1, "an action that is in the list anyway needs no more push"
    assert np.isclose(answer(0.0, 5), 5), "a rare action has K chances"
    for p, k in ((0.1, 2), (0.5, 5), (0.9, 5)):
        want = float(top_k_multiplier(np.array(p), k))
        assert np.isclose(answer(p, k), want), "differentiate 1 - (1 - p) ** K with respect to p"


def check_usable_visits(answer: Callable[[np.ndarray, np.ndarray, float], int]) -> None:
    """Check how many visits a log can be reweighted over.

    Args:
        answer: Takes a target policy (A,), a logging policy (A,) and a share, returns the largest
            number of visits after which the effective share is still at least that.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    q = np.full(4, 0.25)
    one = np.array([1.0, 0, 0, 0])
    assert answer(one, q, 0.2) == 1, "a sure action under a uniform log of four keeps a quarter"
    assert answer(one, q, 0.0005) == 5, "the second moments of the visits multiply"
    near = np.array([0.4, 0.2, 0.2, 0.2])
    moment = (near**2 / q).sum()
    want = int(np.log(1 / 0.01) / np.log(moment))
    assert answer(near, q, 0.01) == want, "the mean square of a ratio is the sum of p^2 / q"
