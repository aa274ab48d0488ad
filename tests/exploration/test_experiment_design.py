"""Power, sample-ratio mismatch and A/A tests."""

import numpy as np
import pytest
import scipy.stats

from recsys_book.evaluation import users_per_arm
from recsys_book.exploration import experiments as ex


@pytest.mark.equation("eq-power")
def test_power_is_that_of_simulated_tests():
    rng = np.random.default_rng(0)
    n, sd, difference = 80, 2.0, 0.7
    a = rng.normal(0, sd, (4000, n)).mean(axis=1)
    b = rng.normal(difference, sd, (4000, n)).mean(axis=1)
    alarms = np.abs(b - a) > 1.959964 * sd * np.sqrt(2 / n)
    assert ex.power(difference, sd, n) == pytest.approx(alarms.mean(), abs=0.025)


@pytest.mark.equation("eq-power")
def test_power_without_a_difference_is_the_level_and_grows_either_way():
    assert ex.power(0.0, 1.0, 50, alpha=0.03) == pytest.approx(0.03)
    assert ex.power(-0.4, 1.0, 50) == pytest.approx(ex.power(0.4, 1.0, 50))
    assert ex.power(0.4, 1.0, 50) < ex.power(0.4, 1.0, 51) < ex.power(0.41, 1.0, 51)


def test_design_agrees_with_the_two_rates_of_evaluation():
    rate, lift = 0.1, 0.005
    sd = np.sqrt(rate * (1 - rate))
    n = users_per_arm(rate, lift)
    assert ex.users_per_arm_for_mean(sd, lift) == n
    assert ex.minimum_detectable_effect(sd, n) == pytest.approx(lift, rel=1e-4)
    assert ex.power(ex.minimum_detectable_effect(sd, n), sd, n) == pytest.approx(0.8, abs=1e-6)


def test_users_for_a_mean_fall_with_the_square_of_the_difference():
    few = ex.users_per_arm_for_mean(3.0, 0.2)
    assert ex.users_per_arm_for_mean(3.0, 0.1) == pytest.approx(4 * few, abs=4)


@pytest.mark.equation("eq-sample-ratio")
@pytest.mark.parametrize("counts", [(500, 500), (821_588, 815_482), (30, 50, 20)])
def test_sample_ratio_equals_scipy(counts):
    got = ex.sample_ratio(counts)
    want = scipy.stats.chisquare(counts)
    assert got.statistic == pytest.approx(want.statistic)
    assert got.p_value == pytest.approx(want.pvalue)


@pytest.mark.equation("eq-sample-ratio")
def test_a_mismatch_of_a_published_example_is_found():
    # Kohavi, Tang & Xu (2020), chapter 21: 821,588 against 815,482 users, p of about 2e-6
    got = ex.sample_ratio((821_588, 815_482))
    assert got.mismatch and 1.5e-6 < got.p_value < 2e-6 * 1.2


def test_planned_shares_are_respected():
    assert not ex.sample_ratio((901, 99), shares=(0.9, 0.1)).mismatch
    assert ex.sample_ratio((901, 99)).mismatch


@pytest.mark.parametrize(
    "counts, shares, words",
    [
        ((5,), None, "two arms"),
        ((0, 0), None, "two arms"),
        ((5, -1), None, "two arms"),
        ((5, 5), (0.5, 0.4), "adding up to 1"),
        ((5, 5), (1.0, 0.0), "adding up to 1"),
        ((5, 5), (1.0,), "adding up to 1"),
    ],
)
def test_impossible_counts_are_refused(counts, shares, words):
    with pytest.raises(ValueError, match=words):
        ex.sample_ratio(counts, shares)


def clustered(rng, n=300):
    seen = rng.integers(1, 60, n)
    return rng.binomial(seen, rng.beta(0.8, 0.8, n)), seen


def test_an_aa_test_finds_the_wrong_unit_and_passes_the_right_one():
    clicks, seen = clustered(np.random.default_rng(1))

    def impressions(arm):
        a, b = (clicks[arm == k].sum() / seen[arm == k].sum() for k in (0, 1))
        p = clicks.sum() / seen.sum()
        se = np.sqrt(p * (1 - p) * sum(1 / seen[arm == k].sum() for k in (0, 1)))
        return 2 * scipy.stats.norm.sf(abs(b - a) / se)

    def users(arm):
        return ex.compare_ratios(clicks, seen, arm).p_value

    wrong = ex.aa_test(np.arange(300), impressions, 200)
    right = ex.aa_test(np.arange(300), users, 200)
    assert wrong.uniformity < 1e-6 and wrong.false_alarms() > 0.3
    assert right.uniformity > 0.01 and right.false_alarms() < 0.11


def test_splits_of_an_aa_test_have_names_of_their_own():
    seen = []
    ex.aa_test(np.arange(50), lambda arm: seen.append(tuple(arm)) or 0.5, 20)
    assert len(set(seen)) == 20


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: ex.aa_test(np.arange(5), lambda arm: 0.5, 0), "at least once"),
        (lambda: ex.aa_test(np.arange(5), lambda arm: 1.5, 3), "p-value"),
        (lambda: ex.aa_test(np.arange(5), lambda arm: np.nan, 3), "p-value"),
        (lambda: ex.power(0.1, 0.0, 10), "positive spread"),
        (lambda: ex.power(0.1, 1.0, 0), "at least one user"),
        (lambda: ex.power(0.1, 1.0, 9, alpha=1.0), "alpha is 1.0"),
        (lambda: ex.minimum_detectable_effect(1.0, 9, target=0.0), "target is 0.0"),
        (lambda: ex.users_per_arm_for_mean(1.0, 0.0), "difference 0"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
