from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from recsys_book.data.interactions import Interactions
from recsys_book.evaluation import evaluate_ranking, evaluate_ratings, mae, rank_items, rmse
from recsys_book.evaluation import protocol as module
from recsys_book.preprocessing.splitting import leave_one_out, temporal_split


class Counts:
    """Popularity in three lines."""

    def __init__(self, train):
        self.counts = np.bincount(train.item, minlength=train.n_items).astype(float)

    def score(self, users):
        return np.tile(self.counts, (len(users), 1))


class Table:
    def __init__(self, scores):
        self.scores = np.asarray(scores, dtype=float)

    def score(self, users):
        return self.scores[users]


def log(user, item, value=None, n_users=3, n_items=5):
    user, item = np.asarray(user), np.asarray(item)
    value = np.ones(len(user)) if value is None else np.asarray(value, dtype=float)
    return Interactions(
        user=user,
        item=item,
        value=value,
        timestamp=np.arange(len(user)),
        users=np.arange(n_users),
        items=np.arange(n_items),
    )


SPLIT = SimpleNamespace(
    train=log([0, 0, 1, 2], [0, 1, 0, 4]), test=log([0, 1, 1], [2, 1, 3], [5, 2, 4])
)
SCORES = np.array([[9, 8, 3, 2, 1], [9, 1, 5, 4, 3], [1, 1, 1, 1, 1]])


def test_seen_items_come_last_and_infinite_scores_before_them():
    scores = np.array([[5.0, np.inf, 1.0, -np.inf, 4.0]])
    order = rank_items(scores, sp.csr_matrix([[1, 0, 0, 0, 0]]))
    assert order[0, :2].tolist() == [4, 2]
    assert set(order[0, 2:4]) == {1, 3} and order[0, 4] == 0
    assert scores[0, 1] == np.inf  # the caller's scores are left alone


def test_ties_follow_one_seeded_permutation():
    order = rank_items(np.zeros((4, 50)))
    np.testing.assert_array_equal(order, np.tile(np.random.default_rng(7).permutation(50), (4, 1)))
    assert (rank_items(np.zeros((1, 50)), seed=8) != order[0]).any()


def test_report_by_hand():
    report = evaluate_ranking(Table(SCORES), SPLIT, k=2)
    frame = report.per_user
    assert frame.columns.tolist() == ["user", "ndcg", "recall", "precision", "hit", "mrr", "map"]
    assert frame["user"].tolist() == [0, 1]
    assert report.items.tolist() == [[2, 3], [2, 3]]
    d = 1 / np.log2(3)
    np.testing.assert_allclose(frame["ndcg"], [1, d / (1 + d)])
    np.testing.assert_allclose(frame["recall"], [1, 0.5])
    np.testing.assert_allclose(frame["precision"], [0.5, 0.5])
    np.testing.assert_allclose(frame["mrr"], [1, 0.5])
    np.testing.assert_allclose(frame["map"], [1, 0.25])
    assert report.mean()["recall"] == 0.75 and "user" not in report.mean()
    assert (report.k, report.n_items) == (2, 5)
    low, high = report.interval("recall")
    assert (low, high) == (0.5, 1.0)
    with pytest.raises(ValueError, match="metric is 'auc'; use one of ndcg, recall"):
        report.interval("auc")


def test_options():
    only_liked = evaluate_ranking(Table(SCORES), SPLIT, k=2, min_value=4)
    np.testing.assert_allclose(only_liked.per_user["recall"], [1, 1])
    with_seen = evaluate_ranking(Table(SCORES), SPLIT, k=2, exclude_seen=False)
    assert with_seen.items[0].tolist() == [0, 1]
    with pytest.raises(ValueError, match="no test row is relevant"):
        evaluate_ranking(Table(SCORES), SPLIT, k=2, min_value=9)
    with pytest.raises(ValueError, match="k is 6 but the catalogue has 5 items"):
        evaluate_ranking(Table(SCORES), SPLIT, k=6)
    with pytest.raises(ValueError, match=r"Table.score gave shape \(2, 4\) for 2 users and 5"):
        evaluate_ranking(Table(SCORES[:, :4]), SPLIT, k=2)
    with pytest.raises(ValueError, match="scores is NaN"):
        evaluate_ranking(Table(SCORES * np.nan), SPLIT, k=2)
    with pytest.raises(ValueError, match="seen has shape"):
        rank_items(SCORES, sp.csr_matrix((2, 5)))


def test_batches_change_nothing(monkeypatch):
    whole = evaluate_ranking(Table(SCORES), SPLIT, k=2)
    monkeypatch.setattr(module, "_CELLS", 5)
    pieces = evaluate_ranking(Table(SCORES), SPLIT, k=2)
    np.testing.assert_array_equal(whole.per_user, pieces.per_user)
    np.testing.assert_array_equal(whole.items, pieces.items)


@pytest.mark.parametrize(
    ("rule", "ndcg", "users"), [(temporal_split, 0.1451, 109), (leave_one_out, 0.0439, 943)]
)
def test_popularity_on_movielens_agrees_with_other_libraries(ml100k, rule, ndcg, users):
    split = rule(ml100k.interactions)
    report = evaluate_ranking(Counts(split.train), split)
    assert report.mean()["ndcg"] == pytest.approx(ndcg, abs=1e-4)
    assert len(report.per_user) == users
    low, high = report.interval()
    assert low < ndcg < high


def test_ratings_per_user_and_overall():
    class Threes:
        def predict(self, users, items):
            return np.full(len(users), 3.0) + 4.0 * (items == 3)

    test = SPLIT.test
    report = evaluate_ratings(Threes(), SPLIT)
    raw = np.array([3.0, 3.0, 7.0])
    assert report.rmse == pytest.approx(rmse(test.value, raw))
    assert report.mae == pytest.approx(mae(test.value, raw))
    assert report.per_user.columns.tolist() == ["user", "n", "rmse", "mae"]
    assert report.per_user["n"].tolist() == [1, 2]
    np.testing.assert_allclose(report.per_user["mae"], [2, 2])
    bounded = evaluate_ratings(Threes(), SPLIT, bounds=(1, 5))
    np.testing.assert_allclose(bounded.per_user["mae"], [2, 1])
