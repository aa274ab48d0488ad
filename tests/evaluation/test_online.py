"""Assignment is stable, even and independent; ratios resample users; sessions are measured."""

import numpy as np
import pytest
from scipy import stats

from recsys_book.evaluation import assign_arms, rate_interval, ratio_interval, session_lengths


def test_assignment_is_stable_even_and_independent_of_other_tests():
    users = np.arange(20_000)
    arms = assign_arms(users, "ranking")
    np.testing.assert_array_equal(arms[[5, 7]], assign_arms([5, 7], "ranking"))
    assert abs(arms.mean() - 0.5) < 0.02
    table = np.histogram2d(arms, assign_arms(users, "colour"), bins=2)[0]
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_shares_of_the_arms():
    arms = assign_arms(range(20_000), "x", (0.1, 0.2, 0.7))
    np.testing.assert_allclose(np.bincount(arms) / 20_000, [0.1, 0.2, 0.7], atol=0.01)


@pytest.mark.parametrize("shares", [(0.5, 0.6), (1.5, -0.5)])
def test_shares_must_add_up(shares):
    with pytest.raises(ValueError, match="add up to 1"):
        assign_arms([1], "x", shares)


def test_ratio_covers_the_truth_where_the_naive_interval_does_not():
    rng = np.random.default_rng(0)
    covered, naive = [], []
    for seed in range(60):
        shown = rng.integers(20, 60, 150)
        clicks = rng.binomial(shown, rng.beta(0.5, 4.5, 150))  # mean rate 0.1, people differ
        ratio, low, high = ratio_interval(clicks, shown, n=300, seed=seed)
        assert ratio == clicks.sum() / shown.sum() and low <= ratio <= high
        covered.append(low <= 0.1 <= high)
        low, high = rate_interval(int(clicks.sum()), int(shown.sum()))
        naive.append(low <= 0.1 <= high)
    assert np.mean(covered) > 0.85 > 0.75 > np.mean(naive)


@pytest.mark.parametrize(
    ("a", "b", "level", "message"),
    [
        ([1], [0], 0.95, "not all zero"),
        ([1, 2], [2, -1], 0.95, "zero or above"),
        ([1], [1], 1.0, "level is 1"),
        ([1], [1, 2], 0.95, "shape"),
    ],
)
def test_impossible_ratios(a, b, level, message):
    with pytest.raises(ValueError, match=message):
        ratio_interval(np.array(a), np.array(b), level)


def test_resamples_without_impressions_are_left_out():
    assert ratio_interval(np.array([0, 1]), np.array([0, 2]), n=50)[1:] == (0.5, 0.5)


def test_session_lengths():
    lengths = session_lengths(np.array([4, 2, 4, 2, 9]), np.array([50, 7, 10, 3, 1]))
    np.testing.assert_array_equal(lengths, [4, 40, 0])
