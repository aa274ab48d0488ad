"""Intervals: the textbook's formulas, and the coverage they promise."""

import numpy as np
import pytest

from recsys_book.exploration import off_policy as ope

TERMS = np.random.default_rng(0).random(300) ** 2


def test_the_normal_interval_is_196_standard_errors():
    half = 1.959964 * TERMS.std(ddof=1) / np.sqrt(300)
    want = (TERMS.mean() - half, TERMS.mean() + half)
    np.testing.assert_allclose(ope.normal_interval(TERMS), want, rtol=1e-6)


def test_empirical_bernstein_is_the_theorem():
    variance, log_term = TERMS.var(ddof=1), np.log(4 / 0.05)
    half = np.sqrt(2 * variance * log_term / 300) + 7 * log_term / (3 * 299)
    low, high = ope.empirical_bernstein(TERMS, (0, 1))
    assert high - TERMS.mean() == pytest.approx(half, rel=1e-12)
    assert low == pytest.approx(TERMS.mean() - half, rel=1e-12)
    wide = ope.empirical_bernstein(TERMS[:3], (0, 1))
    assert wide == (0.0, 1.0)


@pytest.mark.equation("eq-confidence-sequence")
def test_the_sequence_equals_a_loop_over_the_theorem():
    alpha, x = 0.05, TERMS[:50]
    log_term = np.log(2 / alpha)
    mean, squares, sums = 0.5, 0.25, np.zeros(3)
    low, high = 0.0, 1.0
    want = []
    for t, value in enumerate(x, start=1):
        spread = squares / t
        stake = min(np.sqrt(2 * log_term / (spread * t * np.log(1 + t))), 0.5)
        psi = (-np.log(1 - stake) - stake) / 4
        sums += (stake, stake * value, 4 * (value - mean) ** 2 * psi)
        mean = (0.5 + x[:t].sum()) / (t + 1)
        squares += (value - mean) ** 2
        half = (log_term + sums[2]) / sums[0]
        low = max(low, sums[1] / sums[0] - half)
        high = min(high, sums[1] / sums[0] + half)
        want.append((low, high))
    got = ope.confidence_sequence(x, (0, 1))
    np.testing.assert_allclose(got, want, rtol=1e-9)
    scaled = ope.confidence_sequence(10 * x - 3, (-3, 7))
    np.testing.assert_allclose(scaled, 10 * got - 3, rtol=1e-9)


def test_the_sequences_hold_at_every_look_and_shrink():
    rng = np.random.default_rng(4)
    x = (rng.random((200, 600)) < 0.1).astype(float)
    missed, missed_normal, widths = 0, 0, []
    for row in x:
        ends = ope.confidence_sequence(row, (0, 1))
        assert (np.diff(ends[:, 0]) >= 0).all() and (np.diff(ends[:, 1]) <= 0).all()
        missed += bool(((ends[:, 0] > 0.1) | (ends[:, 1] < 0.1)).any())
        widths.append(np.ptp(ends[-1]))
        looks = [ope.normal_interval(row[:t]) for t in range(100, 600, 25)]
        missed_normal += any(low > 0.1 or high < 0.1 for low, high in looks)
    assert missed <= 10, "at most 5 % of the runs ever miss"
    assert missed_normal > 20, "an interval for one look misses far more often"
    assert np.mean(widths) < 0.25


def test_betting_is_valid_and_narrower():
    rng = np.random.default_rng(5)
    missed, narrower = 0, 0
    for row in (rng.random((60, 400)) < 0.1).astype(float):
        ends = ope.betting_sequence(row, (0, 1), grid=200)
        missed += bool(((ends[:, 0] > 0.1) | (ends[:, 1] < 0.1)).any())
        narrower += np.ptp(ends[-1]) < np.ptp(ope.confidence_sequence(row, (0, 1))[-1])
    assert missed <= 4 and narrower > 45


def test_betting_that_strikes_out_every_candidate_keeps_its_last_interval():
    terms = np.r_[np.zeros(400), np.ones(4000)]
    ends = ope.betting_sequence(terms, (0, 1), grid=20)
    assert np.isfinite(ends).all() and (ends[:, 0] <= ends[:, 1]).all()


@pytest.mark.parametrize("method", ["normal", "bootstrap"])
def test_coverage_is_nominal_where_weights_are_mild(method):
    """500 or more logs of 500 rows, weights below 4: between 93 and 97 % of the intervals hold."""
    world = ope.LoggedWorld.draw(types=10, actions=4, dim=3, rate=0.3, seed=2)
    logging = ope.softmax_policy(world.q, 0.5)
    policy = ope.softmax_policy(world.q, 0.15)
    assert (policy / logging).max() < 4
    runs, last = (600, 3) if method == "normal" else (500, 1)
    truth, held = world.value(policy), np.zeros(last)
    for seed in range(runs):
        log, types = world.log(logging, 500, seed)
        target = policy[types]
        estimates = (
            ope.ips(log, target),
            ope.snips(log, target),
            ope.doubly_robust(log, target, 0.7 * world.q[types]),
        )
        for k, estimate in enumerate(estimates[:last]):
            low, high = estimate.interval(method=method, n=200)
            held[k] += low <= truth <= high
    assert ((held / runs > 0.93) & (held / runs < 0.97)).all(), held / runs


def test_an_estimate_passes_its_terms_on():
    estimate = ope.Estimate.of_mean(TERMS)
    assert estimate.interval(method="normal") == ope.normal_interval(TERMS)
    assert estimate.interval(method="bernstein", bounds=(0, 1)) == ope.empirical_bernstein(
        TERMS, (0, 1)
    )
    last = tuple(ope.confidence_sequence(TERMS, (0, 1))[-1])
    assert estimate.interval(method="sequence", bounds=(0, 1)) == last
    low, high = estimate.interval(n=500)
    assert low < estimate.value < high
    assert estimate.standard_error == pytest.approx(TERMS.std(ddof=1) / np.sqrt(300))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ope.interval_of_mean(TERMS, method="exact"), "no interval 'exact'"),
        (lambda: ope.interval_of_mean(TERMS, method="sequence"), "needs bounds"),
        (lambda: ope.empirical_bernstein(TERMS, (0, 0.1)), "outside the bounds 0 to 0.1"),
        (lambda: ope.confidence_sequence(TERMS, (1, 0)), "are in no order"),
        (lambda: ope.normal_interval([1.0]), "at least two finite terms"),
        (lambda: ope.normal_interval([1.0, np.nan]), "at least two finite terms"),
        (lambda: ope.normal_interval(TERMS, level=95), "must be between 0 and 1"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
