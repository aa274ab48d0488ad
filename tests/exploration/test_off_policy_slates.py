"""Slates: each estimator against full enumeration, so that bias is a sum and not a guess."""

from itertools import permutations, product

import numpy as np
import pytest

from recsys_book.exploration import off_policy as ope

K, L = 4, 3
RNG = np.random.default_rng(0)


def plackett_luce(scores):
    """Pages without repeats, with the probability of each slot given the slots above."""
    pages, conditional = [], []
    for page in permutations(range(K), L):
        left, chances = scores.astype(float).copy(), []
        for action in page:
            chances.append(left[action] / left.sum())
            left[action] = 0
        pages.append(page)
        conditional.append(chances)
    return np.array(pages), np.array(conditional)


PAGES, LOGGED = plackett_luce(np.array([1, 2, 3, 4]))
_, TESTED = plackett_luce(np.array([5, 3, 2, 1]))
CHANCE, CHANCE_TESTED = LOGGED.prod(axis=1), TESTED.prod(axis=1)


def expectation(estimate):
    """Mean of the terms under the policy that logged: every page occurs once in them."""
    return CHANCE @ estimate.terms


def cascade_rewards():
    """A reward that depends on the slot and on what stands above it."""
    own = np.array([0.1, 0.5, 0.3, 0.7])[PAGES]
    above = np.hstack([np.zeros((len(PAGES), 1)), PAGES[:, :-1] == 1])
    return own * np.where(np.cumsum(above, axis=1) > 0, 0.2, 1.0)


@pytest.mark.equation("eq-slate-ips")
def test_standard_and_cascade_are_exact_under_a_cascade_and_independent_is_not():
    reward = cascade_rewards()
    truth = CHANCE_TESTED @ reward.sum(axis=1)
    assert expectation(ope.slate_standard_ips(reward, TESTED, LOGGED)) == pytest.approx(truth)
    assert expectation(ope.slate_cascade_ips(reward, TESTED, LOGGED)) == pytest.approx(truth)
    marginal = [[marginals(p)[slot, a] for slot, a in enumerate(page)] for p, page in both()]
    logged, tested = np.array(marginal).reshape(2, len(PAGES), L)
    independent = expectation(ope.slate_independent_ips(reward, tested, logged))
    assert abs(independent - truth) > 0.01
    alone = np.array([0.1, 0.5, 0.3, 0.7])[PAGES]
    truth_alone = CHANCE_TESTED @ alone.sum(axis=1)
    got = expectation(ope.slate_independent_ips(alone, tested, logged))
    assert got == pytest.approx(truth_alone)


def marginals(chance):
    out = np.zeros((L, K))
    for page, p in zip(PAGES, chance, strict=True):
        out[np.arange(L), page] += p
    return out


def both():
    return [(p, page) for p in (CHANCE, CHANCE_TESTED) for page in PAGES]


def test_a_reward_that_looks_down_breaks_the_cascade_but_not_the_standard_weights():
    reward = cascade_rewards()
    reward[:, 0] += PAGES[:, 2] == 3
    truth = CHANCE_TESTED @ reward.sum(axis=1)
    assert expectation(ope.slate_standard_ips(reward, TESTED, LOGGED)) == pytest.approx(truth)
    assert abs(expectation(ope.slate_cascade_ips(reward, TESTED, LOGGED)) - truth) > 0.01


def test_cascade_weights_vary_less_than_those_of_the_page():
    reward = cascade_rewards()
    spread = []
    for estimator in (ope.slate_standard_ips, ope.slate_cascade_ips):
        terms = estimator(reward, TESTED, LOGGED).terms
        spread.append(CHANCE @ terms**2)
    assert spread[1] < 0.8 * spread[0]


def test_cascade_dr_is_unbiased_for_any_model_that_averages_its_own_target():
    reward = cascade_rewards()
    q = {}
    for length in range(1, L + 1):
        for prefix in permutations(range(K), length):
            q[prefix] = RNG.random()
    q_logged = np.array([[q[tuple(page[: s + 1])] for s in range(L)] for page in PAGES])
    chances = {}
    for page, given in zip(PAGES, TESTED, strict=True):
        for s in range(L):
            chances[tuple(page[: s + 1])] = given[s]
    q_target = np.array(
        [
            [
                sum(
                    chances[(*page[:s], a)] * q[(*page[:s], a)]
                    for a in range(K)
                    if a not in page[:s]
                )
                for s in range(L)
            ]
            for page in PAGES
        ]
    )
    estimate = ope.slate_cascade_dr(reward, TESTED, LOGGED, q_logged, q_target)
    assert expectation(estimate) == pytest.approx(CHANCE_TESTED @ reward.sum(axis=1))


def test_pseudo_inverse_is_exact_for_a_sum_of_slots_and_is_the_known_form_with_repeats():
    worth = RNG.random((L, K))
    reward = worth[np.arange(L), PAGES].sum(axis=1)
    uniform = np.full(len(PAGES), 1 / len(PAGES))
    target = np.broadcast_to(marginals(CHANCE_TESTED), (len(PAGES), L, K))
    moments = ope.uniform_slate_moments(K, L)
    estimate = ope.pseudo_inverse(PAGES, reward, target, moments)
    assert uniform @ estimate.terms == pytest.approx(CHANCE_TESTED @ reward)
    vectors = np.eye(K)[PAGES].reshape(len(PAGES), -1)
    np.testing.assert_allclose(vectors.T @ vectors / len(PAGES), moments, atol=1e-12)

    pages = np.array(list(product(range(K), repeat=L)))
    policy = RNG.dirichlet(np.ones(K), size=L)
    target = np.broadcast_to(policy, (len(pages), L, K))
    got = ope.pseudo_inverse(
        pages, np.ones(len(pages)), target, ope.uniform_slate_moments(K, L, repeats=True)
    )
    ratios = K * policy[np.arange(L), pages]
    np.testing.assert_allclose(got.terms, ratios.sum(axis=1) - L + 1, atol=1e-9)


def test_bad_slates_are_one_sentence():
    ones = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"must have one shape \(n, L\)"):
        ope.slate_standard_ips(ones, ones, np.ones((2, 2)))
    zero = ones.copy()
    zero[1, 2] = 0
    with pytest.raises(ValueError, match="Row 1, slot 2: the propensity 0 is not in"):
        ope.slate_cascade_ips(ones, ones, zero)
    with pytest.raises(ValueError, match="do not fit"):
        ope.pseudo_inverse(np.zeros((2, 2)), [0, 0], np.ones((2, 3, 4)), np.eye(12))
    assert ope.uniform_slate_moments(1, 1).tolist() == [[1.0]]
