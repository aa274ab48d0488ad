"""Sequential tests: fair games, Ville's bound, published constants."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from recsys_book.exploration import experiments as ex


@pytest.mark.equation("eq-msprt")
def test_mixture_ratio_is_the_average_likelihood_ratio():
    d, v, tau = 0.37, 0.05, 0.4
    effects = np.linspace(-4, 4, 20001)
    prior = norm.pdf(effects, 0, tau) * (effects[1] - effects[0])
    want = (prior * norm.pdf(d, effects, np.sqrt(v))).sum() / norm.pdf(d, 0, np.sqrt(v))
    assert np.exp(ex.log_mixture_ratio(d, v, tau)) == pytest.approx(want, rel=1e-8)


@pytest.mark.equation("eq-msprt")
def test_mixture_ratio_is_a_fair_game_without_an_effect():
    # one more normal observation: the expected evidence is the evidence so far
    n, mean, tau = 7, 0.4, 0.8
    x, w = np.polynomial.hermite_e.hermegauss(80)
    now = np.exp(ex.log_mixture_ratio(mean, 1 / n, tau))
    later = np.exp(ex.log_mixture_ratio((n * mean + x) / (n + 1), 1 / (n + 1), tau))
    assert (w @ later) / w.sum() == pytest.approx(now, rel=1e-6)


@pytest.mark.equation("eq-e-process")
def test_betting_is_a_fair_game_at_the_true_rate():
    for rate, prior in ((0.5, 0.5), (0.1, 0.5), (0.5, 40.0)):
        for n in (1, 6, 40):
            wins = np.arange(n + 1)
            fortune = np.exp(ex.log_wealth(wins, n - wins, rate, prior))
            assert binom.pmf(wins, n, rate) @ fortune == pytest.approx(1.0, rel=1e-9)


@pytest.mark.equation("eq-e-process")
def test_one_more_bet_leaves_the_fortune_where_it_was_on_average():
    now = np.exp(ex.log_wealth(5, 9, 0.3))
    up, down = np.exp(ex.log_wealth(6, 9, 0.3)), np.exp(ex.log_wealth(5, 10, 0.3))
    assert 0.3 * up + 0.7 * down == pytest.approx(now)


def test_false_alarms_at_any_look_stay_below_the_level():
    rng = np.random.default_rng(3)
    steps = rng.normal(size=(1500, 1000))
    n = np.arange(1, 1001)
    mean = steps.cumsum(axis=1) / n
    assert (np.abs(mean) * np.sqrt(n) > 1.96).any(axis=1).mean() > 0.4
    evidence = ex.log_mixture_ratio(mean, 1 / n, tau=0.1)
    assert 0.01 < (ex.always_valid_p(evidence) <= 0.05).any(axis=1).mean() < 0.065
    coins = rng.integers(0, 2, (1500, 1000)).cumsum(axis=1)
    assert (ex.log_wealth(coins, n - coins) >= np.log(20)).any(axis=1).mean() < 0.065


@pytest.mark.equation("eq-msprt")
def test_the_interval_holds_zero_exactly_while_there_is_no_alarm():
    rng = np.random.default_rng(4)
    n = np.arange(1, 400)
    mean = (rng.normal(0.15, 1, len(n))).cumsum() / n
    low, high = ex.always_valid_interval(mean, 1 / n, 0.2)
    outside = (low > 0) | (high < 0)
    assert np.array_equal(outside, ex.log_mixture_ratio(mean, 1 / n, 0.2) > np.log(20))
    assert outside.any() and not outside[0]


def test_p_values_never_rise():
    p = ex.always_valid_p(np.array([[-1.0, 2.0, 1.0, 3.0], [-5.0, -4.0, -3.0, -9.0]]))
    assert np.allclose(p[0], np.exp([0, -2, -2, -3]))
    assert (p[1] == 1).all()


def test_the_scale_makes_the_interval_shortest():
    tau = ex.mixture_scale(0.3, 0.01)

    def radius(t):
        return float(ex.always_valid_interval(0.0, 0.3, t, 0.01)[1])

    assert radius(tau) < min(radius(0.97 * tau), radius(1.03 * tau))
    assert radius(tau) > 2.576 * np.sqrt(0.3)


def test_stitched_radius_holds_and_shrinks_by_the_iterated_logarithm():
    n = np.arange(1, 2001)
    radius = ex.stitched_radius(n, 0.5)
    means = np.random.default_rng(5).integers(0, 2, (500, 2000)).cumsum(axis=1) / n
    assert (np.abs(means - 0.5) > radius).any(axis=1).mean() < 0.05
    want = 1.7 * np.sqrt((np.log(np.log(2000)) + 0.72 * np.log(10.4 / 0.05)) / 1000)
    assert ex.stitched_radius(1000, 1.0) == pytest.approx(want)


def test_sequence_of_a_rate_covers_at_all_looks_and_is_the_set_not_ruined():
    n = np.arange(1, 801)
    wins = (np.random.default_rng(6).random((400, 800)) < 0.08).cumsum(axis=1)
    low, high = ex.rate_sequence(wins[:, ::20], (n - wins)[:, ::20])
    assert ((low > 0.08) | (high < 0.08)).any(axis=1).mean() < 0.05
    assert ex.log_wealth(12, 88, ex.rate_sequence(12, 88)[0]) == pytest.approx(np.log(20), abs=1e-6)
    assert ex.rate_sequence(0, 50)[0] == 0 and ex.rate_sequence(50, 0)[1] == 1
    assert ex.rate_sequence(0, 50)[1] < 0.2


@pytest.mark.equation("eq-group-sequential")
def test_one_look_is_the_fixed_test_and_two_looks_are_the_bivariate_normal():
    assert ex.crossing_probabilities([1.96]).sum() == pytest.approx(2 * norm.sf(1.96))
    from scipy.stats import multivariate_normal as normal

    law = normal(mean=[1.2 / np.sqrt(2), 1.2], cov=[[1, 0.5**0.5], [0.5**0.5, 1]])
    c = np.array([2.2, 1.9])
    stay = law.cdf(c) - law.cdf([-c[0], c[1]]) - law.cdf([c[0], -c[1]]) + law.cdf([-c[0], -c[1]])
    assert 1 - ex.crossing_probabilities(c, 1.2).sum() == pytest.approx(stay, abs=1e-5)


@pytest.mark.equation("eq-group-sequential")
@pytest.mark.parametrize(
    "looks, repeated", [(2, 0.083), (5, 0.142), (10, 0.193), (20, 0.248), (100, 0.374)]
)
def test_repeated_testing_equals_armitage_mcpherson_and_rowe(looks, repeated):
    got = ex.crossing_probabilities(np.full(looks, norm.isf(0.025))).sum()
    assert got == pytest.approx(repeated, abs=6e-4)


@pytest.mark.parametrize(
    "looks, flat, last",
    [(2, 2.178, 1.977), (3, 2.289, 2.004), (4, 2.361, 2.024), (5, 2.413, 2.040)],
)
def test_boundaries_equal_the_published_constants(looks, flat, last):
    assert ex.pocock(looks) == pytest.approx(np.full(looks, flat), abs=6e-4)
    bounds = ex.obrien_fleming(looks)
    assert bounds[-1] == pytest.approx(last, abs=6e-4)
    assert bounds[0] == pytest.approx(bounds[-1] * np.sqrt(looks))


def test_ten_looks_and_other_levels():
    assert ex.pocock(10)[0] == pytest.approx(2.555, abs=6e-4)
    assert ex.obrien_fleming(10)[-1] == pytest.approx(2.087, abs=6e-4)
    assert ex.pocock(5, 0.01)[0] == pytest.approx(2.986, abs=6e-4)
    assert ex.pocock(1)[0] == pytest.approx(1.959964)


def test_price_of_the_boundaries():
    flat, strict = ex.pocock(5), ex.obrien_fleming(5)
    assert ex.inflation(flat) == pytest.approx(1.229, abs=0.002)
    assert ex.inflation(strict) == pytest.approx(1.028, abs=0.002)
    assert ex.expected_share(flat, 0.0) > 0.95
    assert ex.expected_share(flat, 4.0) < ex.expected_share(strict, 4.0) < 0.85


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: ex.log_mixture_ratio(0.1, 0.0, 1.0), "not above 0"),
        (lambda: ex.log_mixture_ratio(0.1, [], 1.0), "not above 0"),
        (lambda: ex.log_mixture_ratio(0.1, 1.0, 0.0), "tau is 0.0"),
        (lambda: ex.always_valid_interval(0.1, 1.0, 1.0, alpha=0.0), "alpha is 0.0"),
        (lambda: ex.mixture_scale(-1.0), "not above 0"),
        (lambda: ex.stitched_radius(0, 1.0), "1 or more"),
        (lambda: ex.stitched_radius(5, 0.0), "sd above 0"),
        (lambda: ex.log_wealth(-1, 2), "counts"),
        (lambda: ex.log_wealth(1, 2, 1.2), "from 0 to 1"),
        (lambda: ex.log_wealth(1, 2, prior=0.0), "prior is 0.0"),
        (lambda: ex.rate_sequence(1, 2, alpha=2), "alpha is 2"),
        (lambda: ex.crossing_probabilities([]), "one a look"),
        (lambda: ex.crossing_probabilities([2.0, -1.0]), "positive"),
        (lambda: ex.crossing_probabilities([2.0, np.inf]), "positive"),
        (lambda: ex.pocock(0), "at least one"),
        (lambda: ex.obrien_fleming(3, 0.0), "no probability"),
        (lambda: ex.inflation([2.0], power=1.0), "no probability"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
