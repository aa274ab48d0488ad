import numpy as np
import pytest
from scipy import stats

from recsys_book.evaluation import (
    benjamini_hochberg,
    bootstrap_interval,
    cohens_dz,
    holm,
    paired_test,
    probability_of_superiority,
    seeds_and_users_interval,
    variance_of_difference,
)
from recsys_book.evaluation import inference as module

RNG = np.random.default_rng(0)
BASE = RNG.random(120)
A, B = BASE + 0.08 + 0.2 * RNG.random(120), BASE + 0.2 * RNG.random(120)


def test_bootstrap_matches_the_normal_interval_and_the_seed():
    x = RNG.random(400)
    low, high = bootstrap_interval(x, n=4000)
    half = 1.96 * x.std(ddof=1) / 20
    assert low == pytest.approx(x.mean() - half, abs=0.004)
    assert high == pytest.approx(x.mean() + half, abs=0.004)
    assert bootstrap_interval(x, n=4000) == (low, high) != bootstrap_interval(x, n=4000, seed=1)
    narrow = bootstrap_interval(x, level=0.5, n=4000)
    assert low < narrow[0] < narrow[1] < high
    assert bootstrap_interval([2.0, 2.0]) == (2.0, 2.0)


def test_bootstrap_covers_the_truth():
    rng = np.random.default_rng(1)
    hits = 0
    for j in range(200):
        low, high = bootstrap_interval(rng.exponential(size=80), n=400, seed=j)
        hits += low < 1 < high
    assert 0.88 < hits / 200 <= 0.98


def test_bootstrap_in_pieces(monkeypatch):
    monkeypatch.setattr(module, "_CELLS", 1000)
    low, high = bootstrap_interval(BASE, n=101)
    assert low < BASE.mean() < high
    assert paired_test(A, B, n=101).p_value < 0.05


def test_seeds_are_resampled_too():
    users = RNG.random(300)
    lucky = np.stack([users, users + 0.5, users - 0.5])
    low, high = seeds_and_users_interval(lucky)
    only_users = bootstrap_interval(lucky.mean(axis=0))
    assert high - low > 5 * (only_users[1] - only_users[0])
    same_seed = seeds_and_users_interval(np.stack([users] * 3), seed=3)
    assert same_seed == pytest.approx(bootstrap_interval(users), abs=0.006)


@pytest.mark.equation("eq-paired-variance")
def test_variance_of_difference():
    total, apart, shared = variance_of_difference(A, B)
    assert total == pytest.approx(apart - shared, abs=1e-12)
    assert total == pytest.approx(np.var(A - B, ddof=1))
    assert apart == pytest.approx(np.var(A, ddof=1) + np.var(B, ddof=1))
    assert total < 0.2 * apart


def test_paired_tests_equal_scipy():
    assert paired_test(A, B, "t").p_value == pytest.approx(stats.ttest_rel(A, B).pvalue)
    assert paired_test(A, B, "wilcoxon").p_value == pytest.approx(stats.wilcoxon(A - B).pvalue)
    small_a, small_b = A[:12], B[:12] + 0.05
    exact = stats.permutation_test(
        (small_a, small_b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=1e5
    ).pvalue
    got = paired_test(small_a, small_b, n=20_000).p_value
    assert got == pytest.approx(exact, abs=0.015)


def test_paired_test_reports_direction_and_size():
    forth, back = paired_test(A, B), paired_test(B, A)
    assert forth.difference == pytest.approx(np.mean(A - B)) == -back.difference
    assert forth.verdict == "better" and back.verdict == "worse"
    assert forth.low < forth.difference < forth.high
    assert forth.n_users == 120 and forth.test == "permutation"
    assert forth.p_value == pytest.approx(1 / 2001)
    assert forth.dz == cohens_dz(A, B) and forth.superiority == probability_of_superiority(A, B)
    assert paired_test(A, A[::-1]).verdict == "tie"


def test_p_values_are_uniform_when_nothing_differs():
    rng = np.random.default_rng(2)
    p = [paired_test(*rng.random((2, 40)), n=200, seed=j).p_value for j in range(300)]
    assert abs(np.mean(np.array(p) < 0.1) - 0.1) < 0.05


@pytest.mark.parametrize("test", ["permutation", "t", "wilcoxon"])
def test_equal_models_and_constant_differences(test):
    same = paired_test(A, A, test)
    assert (same.p_value, same.dz, same.superiority, same.verdict) == (1.0, 0.0, 0.5, "tie")
    shifted = paired_test(np.arange(20.0) + 1, np.arange(20.0), test)
    assert shifted.p_value < 0.001 and shifted.dz == np.inf and shifted.superiority == 1
    assert cohens_dz(np.arange(3.0), np.arange(3.0) + 1) == -np.inf


def test_effect_sizes():
    assert cohens_dz([1, 2, 3, 6], [0, 0, 0, 0]) == pytest.approx(3 / np.std([1, 2, 3, 6], ddof=1))
    assert probability_of_superiority([1, 0, 1, 5], [0, 1, 1, 1]) == 0.625


def test_adjustments_equal_scipy_and_the_definition():
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.5])
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p))
    np.testing.assert_allclose(holm(p), [0.04, 0.09, 0.09, 0.025, 0.5])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])
    many = np.random.default_rng(3).random(50) ** 3
    np.testing.assert_allclose(benjamini_hochberg(many), stats.false_discovery_control(many))
    assert (holm(many) >= benjamini_hochberg(many)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_interval([]), "values is empty"),
        (lambda: bootstrap_interval([1, np.nan]), r"values is NaN at position \[1\]"),
        (lambda: bootstrap_interval([[1.0]]), "pass an array with 1 axis"),
        (lambda: bootstrap_interval([1.0], level=1), "level is 1"),
        (lambda: bootstrap_interval([1.0], n=0), "n is 0"),
        (lambda: seeds_and_users_interval([1.0]), "pass an array with 2 axes"),
        (lambda: paired_test(A, B[:5]), r"a has shape \(120,\) and b has shape \(5,\)"),
        (lambda: paired_test([1.0], [2.0]), "at least two"),
        (lambda: paired_test(A, B, "z"), "test is 'z'; use one of permutation, t, wilcoxon"),
        (lambda: holm([]), "p_values is empty"),
        (lambda: benjamini_hochberg([0.1, 1.5]), "outside 0 to 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
