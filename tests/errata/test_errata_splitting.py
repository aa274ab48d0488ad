"""Both sides of each entry: the articles' split fails as described, the package's does not."""

import numpy as np
import pytest

from recsys_book.data.interactions import Interactions
from recsys_book.data.simulated import item_life_cycle
from recsys_book.errata.splitting import (
    met_13_best_on_test,
    met_14_score_on_train,
    met_20_fit_after_cross_validation,
    pre_10_random_split,
    pre_10_trend_hits,
)
from recsys_book.preprocessing import (
    LeakageError,
    assert_past_only,
    expected_best,
    future_shares,
    random_split,
    temporal_split,
    three_way,
)


@pytest.mark.erratum("PRE-10")
def test_pre_10_a_random_split_flatters_and_a_temporal_one_does_not():
    simulated = item_life_cycle(seed=0)
    item, time = simulated.interactions.item, simulated.truth["day"]
    train, test = pre_10_random_split(len(item), test=0.1)
    around = pre_10_trend_hits(item, time, train, test).mean()
    honest = pre_10_trend_hits(item, time, train, test, past_only=True).mean()
    log = Interactions(
        np.zeros(len(item), int), item, np.arange(len(item)), time, np.array([0]), np.arange(500)
    )
    split = temporal_split(log, test=0.1)
    rows = [side.value.astype(int) for side in (split.train, split.test)]
    temporal = pre_10_trend_hits(item, time, *rows, window=6, past_only=True).mean()
    assert around > 1.3 * honest
    assert around > 1.5 * temporal
    assert future_shares(split)["any"] == 0
    assert_past_only(split)
    with pytest.raises(LeakageError):
        assert_past_only(random_split(log, test=0.1))


def test_pre_10_split_is_a_partition_of_the_stated_size():
    train, test = pre_10_random_split(50, test=0.3)
    assert len(test) == 15 and sorted([*train, *test]) == list(range(50))


def test_pre_10_window_counts_both_sides_or_only_the_past():
    item, time = np.array([0, 0, 1, 1, 1, 0, 1]), np.array([1, 1, 3, 4, 4, 2, 2])
    train, test = np.arange(5), np.array([5, 6])
    both = pre_10_trend_hits(item, time, train, test, window=2, k=1)
    past = pre_10_trend_hits(item, time, train, test, window=2, k=1, past_only=True)
    assert both.tolist() == [False, True] and past.tolist() == [True, False]


def coin_flippers(seed, models=200, n=200):
    g = np.random.default_rng(seed)
    truth, fresh = g.integers(0, 2, (2, n))
    return g.integers(0, 2, (models, n)), truth, fresh


@pytest.mark.erratum("MET-13")
def test_met_13_the_best_coin_flipper_is_still_a_coin_flipper():
    chosen, later = [], []
    for seed in range(50):
        predictions, truth, fresh = coin_flippers(seed)
        best, score = met_13_best_on_test(predictions, truth)
        chosen.append(score)
        later.append(np.mean(predictions[best] == fresh))
    assert np.mean(chosen) == pytest.approx(expected_best(200, 200), abs=0.01)
    assert np.mean(later) == pytest.approx(0.5, abs=0.02)


@pytest.mark.erratum("MET-13")
def test_met_13_a_validation_cut_leaves_the_test_score_fair():
    log = Interactions(
        np.zeros(300, int), np.arange(300), np.ones(300), np.arange(300), [0], np.arange(300)
    )
    three = three_way(temporal_split, log, test=1 / 3)
    scores = []
    for seed in range(200):
        g = np.random.default_rng(seed)
        guesses, truth = g.integers(0, 2, (50, 300)), g.integers(0, 2, 300)
        best, _ = met_13_best_on_test(
            guesses[:, three.validation.item], truth[three.validation.item]
        )
        scores.append(np.mean(guesses[best, three.test.item] == truth[three.test.item]))
    assert np.mean(scores) == pytest.approx(0.5, abs=0.02)


def nearest(X, y):
    def predict(Z):
        return y[np.argmin(((Z[:, None] - X[None]) ** 2).sum(-1), axis=1)]

    return predict


@pytest.mark.erratum("MET-14")
def test_met_14_noise_is_learned_perfectly_and_predicted_not_at_all():
    g = np.random.default_rng(0)
    X, y = g.normal(size=(200, 10)), g.integers(0, 2, 200)
    fresh, labels = g.normal(size=(1_000, 10)), g.integers(0, 2, 1_000)
    assert met_14_score_on_train(nearest, X, y) == 1
    assert np.mean(nearest(X, y)(fresh) == labels) == pytest.approx(0.5, abs=0.05)


def least_squares(X, y):
    return np.linalg.lstsq(X, y, rcond=None)[0]


def ridge(X, y):
    return np.linalg.solve(X.T @ X + 10 * np.eye(X.shape[1]), X.T @ y)


@pytest.mark.erratum("MET-20")
def test_met_20_cross_validation_changes_nothing_and_a_penalty_does():
    g = np.random.default_rng(0)
    X, new = g.normal(size=(40, 30)), g.normal(size=(2_000, 30))
    y, truth = X[:, 0] + g.normal(size=40), new[:, 0] + g.normal(size=2_000)
    overfit = least_squares(X, y)
    assert np.array_equal(met_20_fit_after_cross_validation(least_squares, X, y), overfit)
    error, smaller = (np.mean((truth - new @ b) ** 2) for b in (overfit, ridge(X, y)))
    assert smaller < 0.7 * error
