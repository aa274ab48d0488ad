"""Each entry fails as described, and the package's own version does not."""

import numpy as np
import pytest

from recsys_book.errata import measuring as errata
from recsys_book.evaluation import (
    Ranked,
    accuracy,
    area_under,
    catalog_coverage,
    compare_rates,
    confusion,
    f1_at_k,
    log_loss_from_logits,
    mse,
    precision_recall_curve,
    recall_at_k,
    rmse,
    roc_auc,
    roc_curve,
    tolerance_rate,
    users_per_arm,
)

STARS = np.repeat(np.arange(1, 6), [6110, 11370, 27145, 34174, 21201])


@pytest.mark.erratum("MET-01")
def test_a_constant_scores_a_third_of_the_tolerance_rate(ml100k):
    ratings = ml100k.interactions.value
    np.testing.assert_array_equal(np.sort(ratings), STARS)
    assert errata.met_01_accuracy(ratings, np.full(100_000, 4.0)) == 0.34174
    near, far = ratings + 0.6, ratings - 3.0
    assert errata.met_01_accuracy(ratings, near) == errata.met_01_accuracy(ratings, far) == 0
    assert rmse(ratings, near) < rmse(ratings, far)
    assert tolerance_rate(ratings, near, 0.7) == 1


@pytest.mark.erratum("MET-02")
def test_all_pairs():
    rng = np.random.default_rng(0)
    y = rng.choice(5, 2000, p=[0.06, 0.11, 0.27, 0.34, 0.22]) + 1
    p = (y + 0.2 * rng.normal(size=2000))[:, None]
    wrong = errata.met_02_accuracy_of_all_pairs(p, y)
    assert wrong < 0.28 and tolerance_rate(y, p[:, 0]) > 0.97
    assert wrong == errata.met_02_accuracy_of_all_pairs(rng.permutation(p), y)
    with pytest.raises(ValueError, match="give both the same shape"):
        tolerance_rate(y, p)


@pytest.mark.erratum("MET-03")
def test_f1():
    assert errata.met_03_f1_as_average(1.0, 0.01) == 0.505
    assert round(2 * 1.0 * 0.01 / 1.01, 4) == 0.0198
    everything = Ranked.from_arrays(np.zeros((1, 1000)), np.eye(1, 1000))
    assert f1_at_k(everything, 1000)[0] < 0.002 < 0.5 < errata.met_03_f1_as_average(0.001, 1.0)
    assert confusion([1, 1, 0], [1, 0, 0]).f1 == pytest.approx(2 / 3)


@pytest.mark.erratum("MET-04")
def test_roc_is_not_precision_against_recall():
    rng = np.random.default_rng(0)
    y = rng.random(50_000) < 0.01
    s = rng.normal(size=50_000) + 2 * y
    thresholds = np.linspace(-4, 6, 101)
    recall, precision = errata.met_04_roc_curve(y, s, thresholds)
    area = np.trapezoid(precision[::-1], recall[::-1])
    assert abs(area - 0.27) < 0.05 and abs(roc_auc(y, s) - 0.92) < 0.02
    assert area_under(roc_curve(y, s)) == pytest.approx(roc_auc(y, s))
    assert abs(area - area_under(precision_recall_curve(y, s))) < 0.03


@pytest.mark.erratum("MET-05")
def test_coverage():
    lists = np.tile(np.arange(10), (1000, 1))
    assert errata.met_05_coverage(lists, 1000 * 10) == 1.0
    assert catalog_coverage(lists, 5000) == 0.002


@pytest.mark.erratum("MET-06")
def test_never_click_is_accurate():
    y = np.random.default_rng(0).random(200_000) < 0.01
    assert errata.met_06_accuracy_of_never(y) > 0.989
    never = confusion(y, np.zeros(y.size))
    assert never.recall == 0 and never.f1 == 0
    assert roc_auc(y, np.zeros(y.size)) == 0.5


@pytest.mark.erratum("MET-07")
def test_half_the_sum_over_all_cells():
    assert errata.met_07_mse_of_all_cells([1.0, 2, 3], [2.0, 2, 5]) == 2.5
    assert mse([1, 2, 3], [2, 2, 5]) == pytest.approx(5 / 3)
    rng = np.random.default_rng(0)
    rated = rng.random((100, 100)) < 0.05
    table = np.where(rated, 4.0, 0.0)
    fours, zeros = np.full((100, 100), 4.0), np.zeros((100, 100))
    assert errata.met_07_mse_of_all_cells(table, zeros) < errata.met_07_mse_of_all_cells(
        table, fours
    )
    assert mse(table[rated], fours[rated]) == 0 < mse(table[rated], zeros[rated])


@pytest.mark.erratum("MET-08")
def test_the_printed_mse_is_a_row_of_digits():
    assert f"{errata.MET_08_PRINTED:.10f}"[2:] == "".join(map(str, range(10)))
    assert abs(errata.MET_08_PRINTED - 1 / 81) < 2e-10
    won_in_2009 = 0.8567  # test RMSE of the entry that won the Netflix Prize
    assert won_in_2009 / 7 > errata.MET_08_PRINTED**0.5
    assert mse(STARS, np.full(STARS.size, STARS.mean())) > 100 * errata.MET_08_PRINTED


@pytest.mark.erratum("MET-09")
def test_a_sigmoid_cannot_predict_stars():
    floor = mse(STARS, np.ones(STARS.size))  # the best that outputs below 1 can come near to
    assert 7.66 < floor < 7.67 and floor > 290 * errata.MET_09_PRINTED
    outputs = 1 / (1 + np.exp(-np.random.default_rng(0).normal(0, 9, STARS.size)))
    assert mse(STARS, outputs) > floor
    assert mse(STARS, np.full(STARS.size, STARS.mean())) < 1.3


@pytest.mark.erratum("MET-10")
def test_cross_entropy_on_ratings_has_no_bottom():
    losses = [errata.met_10_cross_entropy_on_ratings(5.0, z) for z in (0.0, 5.0, 20.0, 100.0)]
    np.testing.assert_allclose(losses, [0.69, -20, -80, -400], atol=0.01)
    with pytest.raises(ValueError, match="labels holds 5; it must lie between 0 and 1"):
        log_loss_from_logits([5.0], [100.0])
    assert min(log_loss_from_logits([y], [100.0]) for y in (0.0, 0.5, 1.0)) >= 0


@pytest.mark.erratum("MET-11")
def test_accuracy_of_the_last_batch():
    right = np.random.default_rng(0).random(992) < 0.7
    values = [errata.met_11_accuracy_of_last_batch(right, size) for size in (32, 124, 992)]
    assert values[0] < 0.9 and values[1] > 9 and values[2] > 600
    assert accuracy(np.ones(992), right) == right.mean()


@pytest.mark.erratum("MET-12")
def test_argmax_over_the_batch():
    y = np.random.default_rng(0).integers(0, 2, 64)
    scores = np.full((64, 64), 0.5)
    np.fill_diagonal(scores, y * 0.98 + 0.01)  # a perfect model
    assert errata.met_12_argmax_over_batch(scores, y) < 0.6
    assert accuracy(y, np.diag(scores) > 0.5) == 1.0 == roc_auc(y, np.diag(scores))


@pytest.mark.erratum("MET-15")
def test_counts():
    recommended, relevant = {1, 2, 3, 4}, {2, 4, 6}
    assert errata.met_15_counts(recommended, relevant) == (3, 0)
    ids = np.arange(1, 8)
    c = confusion(np.isin(ids, list(relevant)), np.isin(ids, list(recommended)))
    assert (c.tp, c.fp, c.fn, c.tn) == (2, 2, 1, 2)


@pytest.mark.erratum("MET-16")
def test_root_of_the_mean_of_squares():
    e = np.array([1.0, 4, 9])
    assert errata.met_16_mean_of_roots(e) == 2
    assert rmse(np.zeros(3), e) == pytest.approx((98 / 3) ** 0.5)
    assert rmse(np.zeros(3), e) > np.abs(e).mean() > 2


@pytest.mark.erratum("MET-17")
def test_recall_needs_a_cut_off():
    rng = np.random.default_rng(0)
    assert errata.met_17_recall_without_k(rng.permutation(500), np.array([3, 77])) == 1.0
    relevance = np.zeros((200, 500))
    relevance[:, [3, 77]] = 1
    assert recall_at_k(Ranked.from_arrays(rng.random((200, 500)), relevance), 10).mean() < 0.1


@pytest.mark.erratum("MET-17")
def test_rmse_and_ranking_can_disagree():
    y = np.array([5.0, 4, 3])
    a, b = np.array([3.9, 4.0, 4.1]), np.array([2.0, 1.0, 0.0])
    assert rmse(y, a) < rmse(y, b)
    assert list(np.argsort(-a)) == [2, 1, 0] and list(np.argsort(-b)) == [0, 1, 2]


@pytest.mark.erratum("MET-18")
def test_metrics_have_no_slope():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    y = (x + 0.5 * rng.normal(size=200) > 0).astype(int)
    f1 = lambda w: confusion(y, (w * x - 0.3 > 0)).f1  # noqa: E731
    loss = lambda w: log_loss_from_logits(y, w * x - 0.3)  # noqa: E731
    assert errata.met_18_slope(f1, 0.7) == 0
    assert errata.met_18_slope(loss, 0.7) < -0.05


@pytest.mark.erratum("MET-19")
def test_a_lift_needs_its_users():
    assert errata.met_19_lift(*errata.MET_19_RATES) == pytest.approx(0.15)
    assert compare_rates(14, 20, 17, 20).low < 0 < compare_rates(1400, 2000, 1700, 2000).low
    assert 56_000 < users_per_arm(0.10, 0.005) < 57_000
