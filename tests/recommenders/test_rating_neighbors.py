"""Rating prediction by neighbours: the sum written out, the peers' error, and bad input."""

import numpy as np
import pytest
from contract import check_contract, checkerboard

from recsys_book.data import Interactions
from recsys_book.evaluation import evaluate_ratings
from recsys_book.preprocessing import random_split
from recsys_book.recommenders import RatingKNN, UserItemBias


def make_log(user, item, value, n_users, n_items):
    return Interactions(
        np.asarray(user),
        np.asarray(item),
        np.asarray(value, float),
        np.arange(len(user)),
        np.arange(n_users),
        np.arange(n_items),
    )


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(1)
    user, item = np.nonzero(rng.random((25, 14)) < 0.4)
    return make_log(user, item, rng.integers(1, 6, len(user)), 26, 15)


@pytest.mark.parametrize("based_on", ["item", "user"])
@pytest.mark.parametrize("similarity", ["adjusted_cosine", "pearson", "cosine"])
def test_contract(based_on, similarity):
    check_contract(
        lambda: RatingKNN(k=5, based_on=based_on, similarity=similarity), personalised=False
    )


@pytest.mark.equation("eq-knn-prediction")
@pytest.mark.parametrize("based_on", ["item", "user"])
def test_predictions_written_out(log, based_on):
    # Two common ratings at least: one alone has a cosine of one, and all of these are tied.
    k, shrinkage, damping = 3, 2.0, 0.5
    model = RatingKNN(k, based_on, "adjusted_cosine", shrinkage, 0.0, 2, damping).fit(log)
    base = UserItemBias(5.0, 5.0).fit(log)
    e = np.full((26, 15), np.nan)
    e[log.user, log.item] = log.value - base.predict(log.user, log.item)
    table = e if based_on == "item" else e.T
    n = table.shape[1]
    s = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            both = ~np.isnan(table[:, i] + table[:, j])
            if i != j and both.sum() > 1:
                x, y = table[both, i], table[both, j]
                s[i, j] = x @ y / np.sqrt((x @ x) * (y @ y)) * both.sum() / (both.sum() + shrinkage)
    for u in range(26):
        for i in range(15):
            row, target = (u, i) if based_on == "item" else (i, u)
            known = np.flatnonzero(~np.isnan(table[row]) & (s[target] > 0))
            known = known[np.argsort(-s[target, known], kind="stable")[:k]]
            w = s[target, known]
            rest = w @ table[row, known] / (w.sum() + damping)
            want = np.clip(base.predict([u], [i])[0] + rest, 1, 5)
            assert model.predict([u], [i])[0] == pytest.approx(want, abs=1e-10)


def test_scores_are_the_predictions_and_pairs_come_back_in_their_order(log):
    model = RatingKNN(k=4).fit(log)
    users, items = np.array([3, 0, 3, 9, -1, 2]), np.array([5, 5, 1, 0, 4, -1])
    got = model.predict(users, items)
    alone = [model.predict([u], [i])[0] for u, i in zip(users, items)]
    np.testing.assert_array_equal(got, alone)
    np.testing.assert_array_equal(model.score([3, 0])[:, 5], got[:2])


def test_unknown_users_and_items_get_the_biases(log):
    model = RatingKNN(k=4).fit(log)
    base = model.biases_
    assert model.predict([-1], [2])[0] == pytest.approx(base.mean_ + base.item_bias_[2])
    assert model.predict([2], [-1])[0] == pytest.approx(base.mean_ + base.user_bias_[2])
    assert model.predict([-1, 25], [-1, 14]).tolist() == [base.mean_] * 2  # 25 and 14: no events
    np.testing.assert_allclose(model.score([-1])[0], base.mean_ + base.item_bias_)


def test_predictions_stay_in_the_range_of_the_ratings(log):
    grid = np.divmod(np.arange(26 * 15), 15)
    values = RatingKNN(k=1, shrinkage=0.0, l2_user=0.1, l2_item=0.1).fit(log).predict(*grid)
    assert values.min() >= 1 and values.max() <= 5 and np.isfinite(values).all()


@pytest.mark.filterwarnings("error")
def test_equal_ratings_and_a_single_user():
    flat = make_log([0, 0, 1, 1, 2], [0, 1, 0, 1, 0], [4] * 5, 3, 3)
    alone = make_log([0, 0, 0], [0, 1, 2], [1, 3, 5], 1, 4)
    for based_on in ("item", "user"):
        model = RatingKNN(based_on=based_on).fit(flat)
        assert model.similarity_.nnz == 0
        np.testing.assert_allclose(model.predict([0, 1, 2], [0, 1, 2]), 4)
        assert np.isfinite(RatingKNN(based_on=based_on).fit(alone).score([0, -1])).all()


def test_rounding_makes_no_neighbours():
    odd = next(n for n in range(3, 40) if np.mean([3.3] * n) != 3.3)
    user, item = np.divmod(np.arange(odd), 2)
    log = make_log(user, item, [3.3] * odd, user.max() + 1, 2)
    assert RatingKNN().fit(log).similarity_.nnz == 0


def test_a_pool_keeps_so_many_similarities_and_changes_nothing_when_large(log):
    full, small = RatingKNN().fit(log), RatingKNN(pool=2).fit(log)
    assert np.diff(small.similarity_.indptr).max() <= 2 < np.diff(full.similarity_.indptr).max()
    large = RatingKNN(pool=15).fit(log)
    np.testing.assert_array_equal(full.score([1, 2]), large.score([1, 2]))


def test_a_repeated_pair_counts_with_its_mean(log):
    twice = log.select(np.r_[np.arange(len(log)), 0])
    assert RatingKNN().fit(twice).residuals_.nnz == len(log)


def test_movielens_error_is_that_of_the_peers_or_below(ml100k):
    split = random_split(ml100k.interactions, 0.2, 42)
    # Plain NumPy without damping has 0.9097, Surprise's KNNBaseline 0.9130.
    same = RatingKNN(k=40, shrinkage=100.0, damping=0.0).fit(split.train)
    assert evaluate_ratings(same, split).rmse <= 0.9097
    item = evaluate_ratings(RatingKNN(k=40, shrinkage=200.0).fit(split.train), split).rmse
    assert item <= 0.9080
    biases = evaluate_ratings(UserItemBias().fit(split.train), split, (1, 5)).rmse
    user = evaluate_ratings(RatingKNN(based_on="user").fit(split.train), split).rmse
    assert item < user < biases - 0.01


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"based_on": "people"}, "based_on is 'people'"),
        ({"similarity": "jaccard"}, "residuals need"),
        ({"k": 0}, "k is 0"),
        ({"pool": 0}, "pool 0"),
        ({"damping": -1.0}, "damping -1"),
        ({"l2_user": 0.0}, "l2_user"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        RatingKNN(**settings).fit(checkerboard()[0])


def test_bad_pairs(log):
    with pytest.raises(ValueError, match="not fitted"):
        RatingKNN().predict([0], [0])
    model = RatingKNN().fit(log)
    with pytest.raises(ValueError, match="pairs of one length"):
        model.predict([0, 1], [0])
    with pytest.raises(ValueError, match="outside the vocabulary"):
        model.predict([0], [99])
    assert model.predict(np.empty(0, int), np.empty(0, int)).shape == (0,)
