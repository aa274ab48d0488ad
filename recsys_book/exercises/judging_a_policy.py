"""Checkers for the exercises of the chapter on judging a policy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.exploration import off_policy as ope

_RNG_SEED = 3


def check_weights(answer: Callable[..., tuple[float, float]]) -> None:
    """Check an IPS and a SNIPS estimate.

    Args:
        answer: Takes rewards, target probabilities and propensities, each (n,), returns two
            numbers.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    r, pi, p = np.array([1.0, 0.0]), np.array([0.5, 0.9]), np.array([0.25, 0.6])
    got = answer(r, pi, p)
    assert len(got) == 2, "return two numbers, IPS and SNIPS"
    assert not np.isclose(got[0], 0.125), "divide by the propensity, do not multiply"
    assert np.isclose(got[0], 1.0), "IPS is the mean of weight times reward: divide by n"
    assert not np.isclose(got[1], 1.0), "SNIPS divides by the sum of the weights, not by n"
    assert np.isclose(got[1], 2 / 3.5), "the weights are 2 and 1.5"


def check_longer_log(answer: Callable[[int], float]) -> None:
    """Check how many times as many rows IPS needs on a uniform log.

    Args:
        answer: Takes K, returns the factor.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    got = answer(80)
    assert got != 1, "the weight of the candidate's action is not 1"
    assert not np.isclose(got, 6400), "the weight enters once, the other turned one policy into two"
    assert not np.isclose(got, 80**0.5), "rows, not standard errors: no root is taken"
    assert np.isclose(got, 80) and np.isclose(answer(3), 3), "put w = K into the variance"


def check_doubly_robust(answer: Callable[..., float]) -> None:
    """Check a doubly robust estimate.

    Args:
        answer: Takes rewards, actions and propensities (n,), target and model (n, K), returns
            a number.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    world = ope.LoggedWorld.draw(types=6, actions=4, dim=2, rate=0.3, seed=_RNG_SEED)
    policy = ope.softmax_policy(world.q, 0.2)
    log, types = world.log(np.full((6, 4), 0.25), 50, seed=_RNG_SEED)
    pi, q = policy[types], 0.5 * world.q[types]
    got = answer(log.reward, log.action, log.propensity, pi, q)
    model = ope.direct_method(log, pi, q).value
    assert not np.isclose(got, model), "this is the model alone: add the weighted residuals"
    doubled = model + ope.ips(log, pi).value
    assert not np.isclose(got, doubled), "weight the residual r - q, not the reward"
    want = ope.doubly_robust(log, pi, q).value
    assert np.isclose(got, want), "average the model over all K actions, then add w (r - q)"


def check_floor(answer: Callable[[int, float], float]) -> None:
    """Check the least exploration that bounds every later weight.

    Args:
        answer: Takes K and M, returns the share of uniform exploration.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    got = answer(10, 100)
    assert not np.isclose(got, 0.01), "a share e of exploration gives each action only e / K"
    assert got <= 1, "a share is at most 1"
    assert np.isclose(got, 0.1) and np.isclose(answer(5, 50), 0.1), "solve K / e = M"


def check_cascade(answer: Callable[..., float]) -> None:
    """Check the cascade estimate of a page's clicks.

    Args:
        answer: Takes rewards, target and logging probabilities, each (n, L), returns a number.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    g = np.random.default_rng(_RNG_SEED)
    r, pi, p = g.random((3, 20, 3))
    got = answer(r, pi, p)
    whole = ope.slate_standard_ips(r, pi, p).value
    alone = ope.slate_independent_ips(r, pi, p).value
    assert not np.isclose(got, whole), "leave out the slots below: cumulative products"
    assert not np.isclose(got, alone), "multiply the ratios of the slots above too"
    assert np.isclose(got, ope.slate_cascade_ips(r, pi, p).value), "sum over slots, mean over pages"
