"""CUPED, regression, strata and ratios against closed forms and brute force."""

import numpy as np
import pytest
import scipy.stats

from recsys_book.evaluation import ratio_interval
from recsys_book.exploration import experiments as ex


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 1, 400)
    y = 0.8 * x + rng.normal(0, 0.7, 400)
    return y, x, rng.permutation(np.arange(400) % 2)


def test_compare_means_is_welch():
    rng = np.random.default_rng(1)
    y, z = rng.normal(size=900), rng.random(900) < 0.3
    got = ex.compare_means(y, z)
    want = scipy.stats.ttest_ind(y[z], y[~z], equal_var=False)
    assert got.difference / got.se == pytest.approx(want.statistic)
    assert got.p_value == pytest.approx(want.pvalue, abs=2e-3)
    assert got.low < got.difference < got.high


def test_no_spread_is_certain():
    assert ex.compare_means([1, 1, 1, 1], [0, 0, 1, 1]).p_value == 1
    assert ex.compare_means([1, 1, 2, 2], [0, 0, 1, 1]).p_value == 0


@pytest.mark.equation("eq-cuped")
def test_variance_ratio_is_one_minus_the_squared_correlation(people):
    y, x, _ = people
    got = ex.cuped(y, x)
    assert got.variance_ratio == pytest.approx(1 - np.corrcoef(x, y)[0, 1] ** 2)
    assert got.theta == pytest.approx(np.polyfit(x, y, 1)[0])
    assert got.values.mean() == pytest.approx(y.mean())


@pytest.mark.equation("eq-cuped")
def test_no_other_coefficient_is_better_and_any_is_unbiased(people):
    y, x, z = people
    best = ex.cuped(y, x)
    for shift in (-0.1, 0.1):
        other = ex.cuped(y, x, best.theta + shift)
        assert other.variance_ratio > best.variance_ratio
    rng = np.random.default_rng(2)
    values = ex.cuped(y, x, 0.5).values
    effects = [ex.compare_means(values, rng.permutation(z)).difference for _ in range(800)]
    assert abs(np.mean(effects)) < 4 * np.std(effects) / np.sqrt(800)


def test_regression_adjustment_equals_least_squares_with_interactions(people):
    y, x, z = people
    c = x - x.mean()
    design = np.column_stack([np.ones(400), z, c, z * c])
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    inverse = np.linalg.inv(design.T @ design)
    h = np.einsum("nd,de,ne->n", design, inverse, design)
    e = y - design @ beta
    cov = inverse @ (design.T * (e**2 / (1 - h))) @ design @ inverse  # HC2
    got = ex.regression_adjusted(y, z, x)
    assert got.difference == pytest.approx(beta[1])
    assert got.se == pytest.approx(np.sqrt(cov[1, 1]))
    assert got.se < 0.8 * ex.compare_means(y, z).se


def test_regression_without_information_changes_little(people):
    y, _, z = people
    noise = np.random.default_rng(3).normal(size=(400, 2))
    assert ex.regression_adjusted(y, z, noise).se == pytest.approx(
        ex.compare_means(y, z).se, rel=0.02
    )


def test_strata_by_hand():
    y = np.array([1.0, 3, 2, 6, 10, 12, 13, 15])
    z = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    strata = np.array(list("aaaabbbb"))
    got = ex.stratified(y, z, strata)
    assert got.difference == pytest.approx(0.5 * (4 - 2) + 0.5 * (14 - 11))
    assert got.se == pytest.approx(np.sqrt(0.25 * (2 / 2 + 8 / 2) + 0.25 * (2 / 2 + 2 / 2)))
    assert got.se < ex.compare_means(y, z).se


@pytest.mark.equation("eq-delta-method")
def test_linearised_users_have_the_spread_of_the_ratio():
    rng = np.random.default_rng(4)
    seen = rng.integers(1, 40, 500)
    clicks = rng.binomial(seen, rng.beta(1, 2, 500))
    users = ex.linearised(clicks, seen)
    ratio, low, high = ratio_interval(clicks, seen)
    assert users.mean() == pytest.approx(ratio)
    assert 3.92 * users.std() / np.sqrt(500) == pytest.approx(high - low, rel=0.06)


@pytest.mark.equation("eq-delta-method")
def test_linearised_variance_is_the_textbook_formula():
    rng = np.random.default_rng(5)
    b = rng.integers(1, 9, 60).astype(float)
    a = b * rng.random(60)
    r, cov = a.sum() / b.sum(), np.cov(a, b)
    want = (cov[0, 0] - 2 * r * cov[0, 1] + r * r * cov[1, 1]) / b.mean() ** 2
    assert ex.linearised(a, b).var(ddof=1) == pytest.approx(want)


def test_compared_ratios_are_the_ratios_of_the_arms():
    rng = np.random.default_rng(6)
    seen, z = rng.integers(1, 9, 80), rng.integers(0, 2, 80)
    clicks = rng.binomial(seen, 0.4)
    got = ex.compare_ratios(clicks, seen, z)
    want = [clicks[z == k].sum() / seen[z == k].sum() for k in (0, 1)]
    assert got.difference == pytest.approx(want[1] - want[0])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: ex.compare_means([1, 2, 3], [0, 1, 1]), "fewer than two"),
        (lambda: ex.compare_means([1, 2, 3, 4], [0, 1, 2, 1]), "0 and 1"),
        (lambda: ex.compare_means([1, 2, 3, 4], [0, 1, 1]), "shape"),
        (lambda: ex.compare_means([1, 2, 3, 4], [0, 0, 1, 1], level=1.0), "level is 1.0"),
        (lambda: ex.cuped([1.0, 2.0], [3.0, 3.0]), "same for all"),
        (lambda: ex.cuped([1.0], [3.0]), "same for all"),
        (lambda: ex.stratified([1, 2, 3, 4], [0, 0, 1, 1], [0, 0, 0, 1]), "merge"),
        (lambda: ex.regression_adjusted([1, 2, 3, 4], [0, 0, 1, 1], [1, 2, 3, 4]), "fewer cov"),
        (lambda: ex.regression_adjusted([1, 2, 3, 4], [0, 0, 1, 1], [1, 2]), "one row a user"),
        (
            lambda: ex.regression_adjusted(np.arange(8), [0, 1] * 4, np.ones((8, 1))),
            "fewer covariates",
        ),
        (lambda: ex.linearised([1, 2], [0, 0]), "not all zero"),
        (lambda: ex.linearised([1, 2], [-1, 2]), "zero or above"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
