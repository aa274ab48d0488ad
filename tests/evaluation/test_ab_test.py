import numpy as np
import pytest
from scipy import stats

from recsys_book.evaluation import (
    TwoRates,
    compare_rates,
    peeking_false_alarms,
    rate_interval,
    users_for_paired_difference,
    users_per_arm,
)


@pytest.mark.equation("eq-sample-size")
def test_users_per_arm_reach_the_stated_power():
    n = users_per_arm(0.10, 0.005)
    assert 56_000 < n < 57_000
    assert n == users_per_arm(0.10, -0.005)
    rng = np.random.default_rng(0)
    a, b = rng.binomial(n, 0.0975, 2000), rng.binomial(n, 0.1025, 2000)
    found = np.mean([compare_rates(x, n, y, n).p_value < 0.05 for x, y in zip(a, b)])
    assert found == pytest.approx(0.8, abs=0.035)
    assert users_per_arm(0.1, 0.01, power=0.9) > users_per_arm(0.1, 0.01)
    assert users_per_arm(0.1, 0.01, alpha=0.01) > users_per_arm(0.1, 0.01)


def test_users_for_paired_difference_reach_the_stated_power():
    n = users_for_paired_difference(0.2, 0.02)
    assert n == pytest.approx((1.96 + 0.8416) ** 2 * 100, abs=2)
    d = np.random.default_rng(1).normal(0.02, 0.2, (1000, n))
    assert (stats.ttest_1samp(d, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.05)
    assert users_for_paired_difference(0.0, 1.0) == 2


def test_rate_interval_is_wilsons():
    for events, n in ((0, 20), (3, 40), (20, 20), (500, 1000)):
        want = stats.binomtest(events, n).proportion_ci(method="wilson")
        assert rate_interval(events, n) == pytest.approx((want.low, want.high), abs=1e-12)
    wide, narrow = rate_interval(3, 40, 0.99), rate_interval(3, 40, 0.5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_compare_rates():
    result = compare_rates(100, 1000, 130, 1000)
    assert result.difference == pytest.approx(0.03)
    assert result.low < 0.03 < result.high
    table = [[100, 900], [130, 870]]
    want = stats.chi2_contingency(table, correction=False).pvalue
    assert result.p_value == pytest.approx(want, abs=1e-12)
    half = 1.959964 * np.sqrt(0.1 * 0.9 / 1000 + 0.13 * 0.87 / 1000)
    assert result.high - result.difference == pytest.approx(half, abs=1e-6)
    assert compare_rates(0, 10, 0, 10) == TwoRates(0, 0, 0, 1)


def test_peeking_raises_false_alarms():
    once, any_time = peeking_false_alarms(20, 500, n_tests=4000)
    assert once == pytest.approx(0.05, abs=0.012)
    assert any_time > 3 * once
    same = peeking_false_alarms(1, 500)
    assert same[0] == same[1]
    assert peeking_false_alarms(3, 1, rate=0.001, n_tests=5) == (0, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: users_per_arm(1.5, 0.1), "rate is 1.5"),
        (lambda: users_per_arm(0.5, 0), "lift is 0"),
        (lambda: users_per_arm(0.5, 0.1, alpha=0), "alpha is 0"),
        (lambda: users_per_arm(0.5, 0.1, power=1), "power is 1"),
        (lambda: users_for_paired_difference(-1, 1), "sd is -1"),
        (lambda: rate_interval(3, 2), "3 events among 2 users are impossible"),
        (lambda: rate_interval(0, 0), "impossible"),
        (lambda: compare_rates(1, 2, 1, 2, level=2), "level is 2"),
        (lambda: peeking_false_alarms(0, 5), "looks is 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
