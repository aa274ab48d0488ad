"""Shared stock makes a split of users lie; adaptive allocation makes a mean lie."""

import numpy as np
import pytest

from recsys_book.exploration import experiments as ex


@pytest.fixture(scope="module")
def scarce():
    return ex.Market(listings=100, visitors=60.0)


def test_orders_settle_where_as_many_leave_as_come_back(scarce):
    log = scarce.run(np.zeros((600, 20)), seed=1)
    # free share f: visitors * p * f = comes_back * (1 - f) * listings, orders before the return
    v, p = scarce.visitors / scarce.listings, scarce.orders[0]
    free = scarce.comes_back / (v * p * (1 - scarce.comes_back) + scarce.comes_back)
    assert log.rate(0, slice(100, None)).mean() == pytest.approx(p * free, rel=0.03)


def test_a_split_of_users_overstates_the_effect(scarce):
    truth = ex.global_effect(scarce, periods=800, regions=10)
    naive = ex.user_split(scarce, 120, 60)
    assert 0 < truth < 0.6 * naive.mean()


def test_with_plenty_of_stock_the_split_is_right():
    plenty = ex.Market(listings=100_000, visitors=50.0)
    truth = plenty.orders[1] - plenty.orders[0]
    naive = ex.user_split(plenty, 120, 60)
    assert naive.mean() == pytest.approx(truth, abs=4 * naive.std() / np.sqrt(60) + 1e-3)


def test_long_blocks_with_a_burn_in_come_near_the_truth(scarce):
    truth = ex.global_effect(scarce, periods=800, regions=10)
    short = ex.switchback(scarce, 240, 60, block=1)
    long = ex.switchback(scarce, 240, 60, block=40, burn_in=20)
    assert abs(long.mean() - truth) < 0.3 * abs(short.mean() - truth)


def test_the_first_periods_of_a_block_are_not_counted(scarce):
    truth = ex.global_effect(scarce, periods=800, regions=10)
    whole = ex.switchback(scarce, 240, 120, block=20)
    late = ex.switchback(scarce, 240, 120, block=20, burn_in=10)
    assert late.mean() < whole.mean() - 3 * late.std() / np.sqrt(120)
    assert abs(late.mean() - truth) < 0.5 * abs(whole.mean() - truth)


def test_nothing_is_ordered_that_is_not_there():
    tight = ex.Market(listings=3, visitors=200.0, orders=(1.0, 1.0), comes_back=0.5)
    log = tight.run(np.full((50, 4), 0.5), seed=2)
    assert log.orders.sum(axis=2).max() <= 3
    assert (log.orders <= log.visitors).all()


def test_an_arm_without_visitors_has_no_rate(scarce):
    log = scarce.run(np.array([[0.0, 1.0]] * 30), seed=3)
    assert np.isnan(log.rate(1)[0]) and log.rate(1)[1] > 0


def test_the_same_seed_gives_the_same_market(scarce):
    plan = np.full((20, 3), 0.5)
    one, two = scarce.run(plan, 5), scarce.run(plan, 5)
    assert np.array_equal(one.orders, two.orders)
    assert not np.array_equal(one.orders, scarce.run(plan, 6).orders)


def greedy_log(epsilon, rounds, runs, rate, seed):
    rng = np.random.default_rng(seed)
    pulls, sums = np.ones((runs, 2)), (rng.random((runs, 2)) < rate).astype(float)
    arms, rewards, chance = (np.empty((rounds, runs)) for _ in range(3))
    for t in range(rounds):
        best = (sums / pulls + 1e-9 * rng.random((runs, 2))).argmax(axis=1)
        arm = np.where(rng.random(runs) < epsilon, rng.integers(0, 2, runs), best)
        arms[t], chance[t] = arm, np.where(arm == best, 1 - epsilon / 2, epsilon / 2)
        rewards[t] = rng.random(runs) < rate
        pulls[np.arange(runs), arm] += 1
        sums[np.arange(runs), arm] += rewards[t]
    return arms.astype(int), rewards, chance


def test_naive_means_are_too_low_and_weighted_ones_are_not():
    arms, rewards, chance = greedy_log(0.2, 100, 6000, 0.4, seed=3)
    naive = np.nanmean(ex.arm_means(arms, rewards, 2), axis=0)
    right = ex.arm_means(arms, rewards, 2, chance)
    noise = right.std(axis=0) / np.sqrt(6000)
    assert (naive < 0.4 - 0.01).all()
    assert (np.abs(right.mean(axis=0) - 0.4) < 4 * noise).all()


def test_an_arm_without_a_pull_has_no_mean():
    got = ex.arm_means(np.zeros((3, 1), dtype=int), np.ones((3, 1)), 2)
    assert got[0, 0] == 1 and np.isnan(got[0, 1])


def test_successive_rejects_finds_the_best_and_spends_its_budget():
    rng = np.random.default_rng(4)
    means = np.array([0.2, 0.5, 0.25, 0.3])
    found = [
        ex.successive_rejects(lambda a, n: rng.random(n) < means[a], 4, 600)[0] for _ in range(60)
    ]
    assert np.mean(np.array(found) == 1) > 0.95
    _, pulls = ex.successive_rejects(lambda a, n: rng.random(n) < means[a], 4, 600)
    assert 560 <= pulls.sum() <= 600 and pulls[1] == pulls.max()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: ex.Market(listings=0), "positive"),
        (lambda: ex.Market(orders=(0.0, 0.5)), "chances"),
        (lambda: ex.Market().run(np.array([0.5])), "table of shares"),
        (lambda: ex.Market().run(np.array([[1.5]])), "table of shares"),
        (lambda: ex.switchback(ex.Market(), 10, 2, block=3), "do not fit"),
        (lambda: ex.switchback(ex.Market(), 12, 2, block=3, burn_in=3), "do not fit"),
        (lambda: ex.arm_means([[0]], [[1.0], [2.0]], 2), "one of each"),
        (lambda: ex.arm_means([[2]], [[1.0]], 2), "outside 0 to 1"),
        (lambda: ex.arm_means([[0]], [[1.0]], 2, [[0.0]]), "above 0"),
        (lambda: ex.successive_rejects(lambda a, n: np.ones(n), 1, 10), "two arms"),
        (lambda: ex.successive_rejects(lambda a, n: np.ones(n), 5, 5), "more pulls"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
