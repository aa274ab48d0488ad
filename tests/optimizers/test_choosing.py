"""The luck of the best, the seeds it takes, and two ways to validate a choice."""

import math

import numpy as np
import pytest
from scipy import stats

from recsys_book.optimizers import selection as s


@pytest.mark.equation("eq-best-of-n")
def test_expected_maximum_of_known_cases():
    assert s.expected_best_of(1) == pytest.approx(0, abs=1e-9)
    assert s.expected_best_of(2) == pytest.approx(1 / math.sqrt(math.pi), abs=1e-6)
    assert s.expected_best_of(3) == pytest.approx(1.5 / math.sqrt(math.pi), abs=1e-6)
    # Harter (1961): the expected maximum of 10 and of 100 normal deviates.
    assert s.expected_best_of(10) == pytest.approx(1.53875, abs=1e-4)
    assert s.expected_best_of(100) == pytest.approx(2.50759, abs=1e-4)
    assert s.expected_best_of(10, sd=0.2) == pytest.approx(0.30775, abs=1e-4)


def test_expected_maximum_of_drawn_noise_and_its_bound():
    noise = np.random.default_rng(0).normal(size=(20_000, 30))
    best = noise.max(axis=1)
    assert s.expected_best_of(30) == pytest.approx(best.mean(), abs=4 * best.std() / 20_000**0.5)
    for n in (2, 10, 1000):
        assert s.expected_best_of(n) < math.sqrt(2 * math.log(n))


def test_optimism_of_noise_is_the_expected_maximum_and_of_a_clear_winner_is_none():
    rng = np.random.default_rng(1)
    valid, test = rng.normal(size=(2, 4000, 20))
    assert s.selection_optimism(valid, test).mean() == pytest.approx(
        s.expected_best_of(20), abs=0.08
    )
    clear = np.where(np.arange(20) == 7, -100.0, 0.0)
    assert abs(s.selection_optimism(valid + clear, test + clear).mean()) < 0.08
    assert s.selection_optimism([[1, 2]], [[5, 9]]).tolist() == [4.0]


@pytest.mark.equation("eq-seeds-needed")
def test_seeds_needed_by_the_equation():
    # (1.95996 + 0.84162)^2 = 7.8489 squared standard deviations a squared difference
    assert s.seeds_needed(1.0, 1.0, exact=False) == 8
    assert s.seeds_needed(0.5, 1.0, exact=False) == 32
    assert s.seeds_needed(-0.5, 1.0, exact=False) == 32
    assert s.seeds_needed(1.0, 1.0) == 10  # Student's t costs two more
    assert s.seeds_needed(100.0, 1.0, exact=False) == 2


def test_power_is_what_simulated_tests_find():
    rng = np.random.default_rng(0)
    for n, difference in ((5, 1.5), (10, 1.0), (10, -1.0)):
        drawn = rng.normal(difference, 1.0, (4000, n))
        found = (stats.ttest_1samp(drawn, 0.0, axis=1).pvalue < 0.05).mean()
        assert s.power_of_seeds(n, difference, 1.0) == pytest.approx(found, abs=0.03)
    n = s.seeds_needed(0.7, 1.0)
    assert s.power_of_seeds(n, 0.7, 1.0) >= 0.8 > s.power_of_seeds(n - 1, 0.7, 1.0)


def test_mean_interval_is_students_and_covers():
    values = np.random.default_rng(0).normal(2.0, 1.0, (3000, 5))
    low, high = np.transpose([s.mean_interval(row) for row in values])
    assert ((low < 2) & (high > 2)).mean() == pytest.approx(0.95, abs=0.015)
    want = stats.t.interval(0.9, 4, values[0].mean(), stats.sem(values[0]))
    assert s.mean_interval(values[0], 0.9) == pytest.approx(want)


def test_one_standard_error_prefers_the_simple_one_within_reach():
    best = [1.0, 1.2, 0.8, 1.1, 0.9]  # mean 1.0, standard error 0.0707
    scores = [[1.2] * 5, [1.06] * 5, best, [1.01] * 5]
    assert s.one_standard_error(scores) == 1
    assert s.one_standard_error([[1.2] * 5, [1.08] * 5, best]) == 2
    assert s.one_standard_error([[1.0, 1.0], [1.0, 1.0]]) == 0


def test_nested_validation_is_not_flattered_by_noise():
    gaps, nested = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        table = rng.normal(size=(20, 5))  # each configuration's luck on each fold
        result = s.nested_validation(lambda c, train, test, t=table: t[c, test], 20, 5)
        assert result.plain == pytest.approx(table.mean(axis=1).min())
        gaps.append(result.plain)
        nested.append(result.nested)
    expected = -s.expected_best_of(20) / math.sqrt(5)
    assert np.mean(gaps) == pytest.approx(expected, abs=0.12)
    assert np.mean(nested) == pytest.approx(0, abs=0.2)


def test_nested_validation_never_shows_the_outer_fold_to_the_inner_loop():
    seen = []

    def evaluate(config, train, test):
        seen.append((config, tuple(train), test))
        return float(config)

    result = s.nested_validation(evaluate, 2, 3)
    assert result.chosen == (0, 0, 0) and result.scores.tolist() == [0, 0, 0]
    assert len(seen) == 3 * (2 * 3 + 1)
    assert all(test not in train for _, train, test in seen)
    first = seen[:4]  # everything before the first outer run
    assert all(0 not in train and test != 0 for _, train, test in first)
    assert seen[4] == (0, (1, 2), 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: s.expected_best_of(0), "best of 0 scores"),
        (lambda: s.expected_best_of(3, -1.0), "with noise -1.0"),
        (lambda: s.selection_optimism([1.0], [1.0]), "both must be"),
        (lambda: s.selection_optimism([[1.0]], [[1.0, 2.0]]), "both must be"),
        (lambda: s.power_of_seeds(1, 1.0, 1.0), "in 1 seeds"),
        (lambda: s.seeds_needed(0.0, 1.0), "difference of 0.0"),
        (lambda: s.seeds_needed(1.0, 0.0), "spread 0.0"),
        (lambda: s.seeds_needed(1.0, 1.0, power=0.01), "power is 0.01"),
        (lambda: s.mean_interval([1.0]), "two repeats"),
        (lambda: s.one_standard_error([[1.0]]), "two folds or more"),
        (lambda: s.nested_validation(lambda c, a, b: 0.0, 1, 2), "2 folds is impossible"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
