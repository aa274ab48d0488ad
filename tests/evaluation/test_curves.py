import numpy as np
import pytest
import sklearn.metrics as sk

from recsys_book.evaluation import (
    area_under,
    auc_by_user,
    average_precision,
    precision_recall_curve,
    roc_auc,
    roc_curve,
)


def case(seed, n=300, decimals=12, share=0.2):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    return y, np.round(rng.normal(size=n) + y, decimals)


@pytest.mark.equation("eq-auc")
@pytest.mark.parametrize("decimals", [12, 1, 0])
def test_auc_is_the_share_of_ordered_pairs_and_the_trapezoid(decimals):
    y, s = case(0, decimals=decimals)
    pos, neg = s[y == 1][:, None], s[y == 0][None, :]
    pairs = ((pos > neg) + 0.5 * (pos == neg)).mean()
    assert roc_auc(y, s) == pytest.approx(pairs, abs=1e-12)
    assert roc_auc(y, s) == pytest.approx(area_under(roc_curve(y, s)), abs=1e-12)
    assert roc_auc(y, s) == pytest.approx(sk.roc_auc_score(y, s), abs=1e-9)


@pytest.mark.parametrize("decimals", [12, 1])
def test_curves_equal_scikit_learn(decimals):
    y, s = case(1, decimals=decimals)
    fpr, tpr, thresholds = sk.roc_curve(y, s, drop_intermediate=False)
    mine = roc_curve(y, s)
    np.testing.assert_allclose(mine.x, fpr, atol=1e-12)
    np.testing.assert_allclose(mine.y, tpr, atol=1e-12)
    np.testing.assert_allclose(mine.thresholds, thresholds)
    precision, recall, thresholds = sk.precision_recall_curve(y, s)
    mine = precision_recall_curve(y, s)
    np.testing.assert_allclose(mine.x[::-1], recall, atol=1e-12)
    np.testing.assert_allclose(mine.y[::-1], precision, atol=1e-12)
    np.testing.assert_allclose(mine.thresholds[:0:-1], thresholds)


@pytest.mark.equation("eq-average-precision")
@pytest.mark.parametrize("decimals", [12, 0])
def test_average_precision_equals_scikit_learn(decimals):
    y, s = case(2, decimals=decimals)
    assert average_precision(y, s) == pytest.approx(sk.average_precision_score(y, s), abs=1e-9)


@pytest.mark.parametrize("decimals", [12, 0])
def test_auc_by_user(decimals):
    rng = np.random.default_rng(3)
    y, s = case(3, n=400, decimals=decimals)
    user = rng.integers(0, 12, 400) * 5 + 3
    y[user == 3] = 0
    users, auc = auc_by_user(user, y, s)
    np.testing.assert_array_equal(users, np.unique(user))
    assert np.isnan(auc[0])
    for u, value in list(zip(users, auc))[1:]:
        assert value == pytest.approx(sk.roc_auc_score(y[user == u], s[user == u]), abs=1e-9)


def test_auc_does_not_see_imbalance_and_precision_does():
    rng = np.random.default_rng(4)
    pos, neg = rng.normal(2, 1, 2000), rng.normal(0, 1, 200_000)
    rare = np.r_[np.ones(2000), np.zeros(200_000)], np.r_[pos, neg]
    even = np.r_[np.ones(2000), np.zeros(2000)], np.r_[pos, neg[:2000]]
    assert abs(roc_auc(*rare) - roc_auc(*even)) < 0.01
    assert average_precision(*even) - average_precision(*rare) > 0.5


@pytest.mark.parametrize(
    "function", [roc_auc, roc_curve, precision_recall_curve, average_precision]
)
def test_bad_input_is_refused(function):
    with pytest.raises(ValueError, match="all 2 labels are 1; a curve needs events of both"):
        function([1, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match="all 1 labels are 0"):
        function([0], [0.1])
    with pytest.raises(ValueError, match="labels has shape"):
        function([0, 1], [0.1])
    with pytest.raises(ValueError, match="scores has shape"):
        function([0, 1], [[0.1], [0.2]])
