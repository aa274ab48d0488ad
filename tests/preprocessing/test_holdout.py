"""What a held-out number is worth: each closed form against a simulation."""

import numpy as np
import pytest

from recsys_book.preprocessing import (
    corrected_standard_error,
    expected_best,
    kfold_mean_error,
    random_walk_errors,
    users_needed,
)


@pytest.mark.equation("eq-best-of-m")
@pytest.mark.parametrize(("m", "n", "p"), [(1, 50, 0.5), (200, 200, 0.5), (10, 40, 0.1)])
def test_expected_best_is_the_simulated_maximum(m, n, p):
    best = np.random.default_rng(0).binomial(n, p, size=(4_000, m)).max(axis=1) / n
    assert expected_best(m, n, p) == pytest.approx(best.mean(), abs=4 * best.std() / 4_000**0.5)


def test_expected_best_of_one_is_fair_and_of_many_is_not():
    assert expected_best(1, 30, 0.3) == pytest.approx(0.3)
    assert expected_best(2, 1, 0.5) == pytest.approx(0.75)
    scores = [expected_best(m, 100) for m in (1, 10, 100, 1000)]
    assert scores == sorted(scores) and scores[-1] < 1
    assert expected_best(200, 200) == pytest.approx(0.597, abs=0.002)
    for m, n in ((0, 5), (5, 0)):
        with pytest.raises(ValueError, match=f"^m and n must be at least 1 but are {m} and {n}.$"):
            expected_best(m, n)


@pytest.mark.equation("eq-kfold-mean")
@pytest.mark.parametrize(("n", "k"), [(12, 3), (20, 20), (10, 2)])
def test_kfold_mean_error_is_the_simulated_one(n, k):
    y = np.random.default_rng(0).normal(3, 2, size=(20_000, n + 1))
    rows, new = y[:, :n], y[:, n]
    folds = np.arange(n) % k
    estimate = np.mean(
        [(rows[:, folds == f] - rows[:, folds != f].mean(1, keepdims=True)) ** 2 for f in range(k)]
    )
    final = np.mean((new - rows.mean(1)) ** 2)
    assert kfold_mean_error(n, k, variance=4.0) == pytest.approx((estimate, final), rel=0.04)


def test_kfold_mean_error_is_pessimistic_by_little():
    estimate, final = kfold_mean_error(100, 5)
    assert (estimate, final) == pytest.approx((1 + 1 / 80, 1 + 1 / 100))
    for n, k in ((10, 3), (10, 1)):
        with pytest.raises(ValueError, match=f"^k must be at least 2 .* k is {k} and n is {n}.$"):
            kfold_mean_error(n, k)


def walk_errors(k, horizon, step, seed=0, n=4_000, cut=3_000):
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, step**0.5, n))
    fold = rng.integers(0, k, n)
    errors = []
    for f in range(k):
        train, test = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        right = np.clip(np.searchsorted(train, test), 1, len(train) - 1)
        left_is_nearer = test - train[right - 1] <= train[right] - test
        nearest = np.where(left_is_nearer, train[right - 1], train[right])
        errors.append((walk[test] - walk[nearest]) ** 2)
    starts = np.arange(0, n - horizon, horizon)
    ahead = [(walk[s + 1 : s + 1 + horizon] - walk[s]) ** 2 for s in starts]
    return np.mean(np.concatenate(errors)), np.mean(ahead)


@pytest.mark.equation("eq-kfold-walk")
@pytest.mark.parametrize(("k", "horizon", "step"), [(2, 10, 1.0), (5, 40, 1.0), (5, 3, 2.5)])
def test_random_walk_errors_are_the_simulated_ones(k, horizon, step):
    measured = np.mean([walk_errors(k, horizon, step, seed) for seed in range(40)], axis=0)
    assert measured[0] == pytest.approx(random_walk_errors(k, horizon, step)[0], rel=0.03)
    assert measured[1] == pytest.approx(random_walk_errors(k, horizon, step)[1], rel=0.15)


def test_random_walk_errors_in_numbers_and_in_bad_input():
    assert random_walk_errors(2, 1) == pytest.approx((4 / 3, 1.0))
    assert random_walk_errors(5, 9, step=2.0) == pytest.approx((50 / 24, 10.0))
    for k, h in ((1, 1), (2, 0)):
        with pytest.raises(ValueError, match=f"at least 1, but are {k} and {h}.$"):
            random_walk_errors(k, h)


@pytest.mark.equation("eq-kfold-variance")
def test_corrected_standard_error_covers_the_spread_between_data_sets():
    rng, k, n = np.random.default_rng(0), 5, 40
    estimates, naive, corrected = [], [], []
    for _ in range(600):
        x, w = rng.normal(size=(n, 12)), np.ones(12)
        y = x @ w + rng.normal(size=n)
        scores = []
        for _ in range(k):
            test = rng.permutation(n)[: n // k]
            train = np.setdiff1d(np.arange(n), test)
            b = np.linalg.lstsq(x[train], y[train], rcond=None)[0]
            scores.append(np.mean((y[test] - x[test] @ b) ** 2))
        pair = corrected_standard_error(scores, 1 / k)
        estimates.append(np.mean(scores))
        naive.append(pair[0] ** 2)
        corrected.append(pair[1] ** 2)
    truth = np.var(estimates)
    assert np.mean(naive) < 0.8 * truth
    assert 0.8 * truth < np.mean(corrected) < 1.6 * truth


def test_corrected_standard_error_in_numbers_and_in_bad_input():
    naive, corrected = corrected_standard_error([1.0, 2.0, 3.0], 0.2)
    assert (naive, corrected) == pytest.approx(((1 / 3) ** 0.5, (1 / 3 + 0.25) ** 0.5))
    for folds, share in (([1.0], 0.2), ([1.0, 2.0], 0), ([1.0, 2.0], 1)):
        with pytest.raises(
            ValueError, match=f"there are {len(folds)} folds and the share is {share}"
        ):
            corrected_standard_error(folds, share)


@pytest.mark.equation("eq-users-needed")
def test_users_needed_gives_the_promised_power():
    n = users_needed(sd=2.0, difference=0.5)
    assert n == 126
    draws = np.random.default_rng(0).normal(0.5, 2.0, size=(4_000, n))
    low = draws.mean(1) - 1.96 * draws.std(1, ddof=1) / n**0.5
    assert np.mean(low > 0) == pytest.approx(0.8, abs=0.03)
    assert users_needed(2.0, -0.5) == n
    assert users_needed(2.0, 0.5, level=0.99) > n and users_needed(2.0, 0.5, power=0.9) > n
    for sd, difference in ((0, 1), (-1, 1), (1, 0)):
        with pytest.raises(ValueError, match=f"not 0, but are {sd} and {difference}.$"):
            users_needed(sd, difference)
