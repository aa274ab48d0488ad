import numpy as np
import pytest
from sklearn.linear_model import Ridge

from recsys_book.encoders import AmongCold, LinearProbe, ridge
from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing import cold_item_split


@pytest.fixture(scope="module")
def split(ml100k):
    return cold_item_split(ml100k.interactions, seed=0)


@pytest.fixture(scope="module")
def vectors(ml100k):
    return np.random.default_rng(0).normal(size=(ml100k.interactions.n_items, 7))


@pytest.mark.equation("eq-linear-probe")
def test_ridge_equals_scikit_learn():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(30, 4)), rng.normal(size=(30, 3))
    peer = Ridge(alpha=0.7, fit_intercept=False).fit(X, Y).coef_.T
    np.testing.assert_allclose(ridge(X, Y, 0.7), peer, rtol=1e-10)


@pytest.mark.parametrize("l2", [0.0, -1.0, float("nan")])
def test_ridge_wants_a_positive_penalty(l2):
    with pytest.raises(ValueError, match="must be above 0"):
        ridge(np.eye(2), np.eye(2), l2)


@pytest.mark.equation("eq-linear-probe")
def test_probe_equals_scikit_learn_for_each_user(split, vectors):
    probe = LinearProbe(vectors, l2=3.0).fit(split.train)
    X = split.train.to_csr(1.0).toarray() > 0
    warm = X.any(axis=0)
    for user in (0, 17):
        peer = Ridge(alpha=3.0).fit(vectors[warm], X[user, warm].astype(float))
        got = probe.score(np.array([user]))[0]
        np.testing.assert_allclose(got, peer.predict(vectors), rtol=1e-9, atol=1e-12)


def test_probe_learns_nothing_from_a_cold_vector(split, vectors):
    cold = np.setdiff1d(np.arange(len(vectors)), split.train.item)
    other = vectors.copy()
    other[cold] += 100.0
    a, b = (LinearProbe(v).fit(split.train) for v in (vectors, other))
    np.testing.assert_array_equal(a.weights_, b.weights_)


def test_probe_refuses_vectors_of_another_catalogue(split, vectors):
    with pytest.raises(ValueError, match="one row an item"):
        LinearProbe(vectors[:-1]).fit(split.train)


def test_probe_names_the_item_whose_vector_is_not_finite(split, vectors):
    bad = vectors.copy()
    bad[[5, 9], 0] = np.nan
    with pytest.raises(ValueError, match="Row 5 of the vectors is not finite, and 2"):
        LinearProbe(bad).fit(split.train)


def test_only_cold_items_are_listed(split, vectors):
    probe = LinearProbe(vectors).fit(split.train)
    report = evaluate_ranking(AmongCold(probe, split.train), split)
    assert not np.isin(report.items, split.train.item).any()
    users = np.array([3, 4])
    cold = np.setdiff1d(np.arange(len(vectors)), split.train.item)
    kept = AmongCold(probe, split.train).score(users)
    np.testing.assert_array_equal(kept[:, cold], probe.score(users)[:, cold])


def test_no_cold_item_is_an_error(ml100k, vectors):
    with pytest.raises(ValueError, match="no item is cold"):
        AmongCold(LinearProbe(vectors), ml100k.interactions)
