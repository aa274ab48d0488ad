"""The claims about factorisation fail as described, and the package does what is true."""

import numpy as np
import pytest
import scipy.sparse as sp

from recsys_book.data import Interactions
from recsys_book.errata import factorisation as errata
from recsys_book.recommenders import BiasedALS, RatingSVD, UserItemBias
from recsys_book.recommenders.factorization import impute


def rank_one(n=60, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    return np.outer(a - a.mean(), b - b.mean())


def as_log(matrix, mask):
    user, item = mask.nonzero()
    n = np.arange(len(user))
    return Interactions(user, item, matrix[mask], n, *map(np.arange, matrix.shape))


def rmse(a, b):
    return np.sqrt(np.mean((a - b) ** 2))


@pytest.mark.erratum("CF-01")
def test_regression_on_ids_explains_nothing_of_a_matrix_of_rank_one():
    R = rank_one()
    log = as_log(R, np.ones(R.shape, bool))
    args = (log.user, log.item, log.value, R.shape)
    assert np.abs(errata.cf_01_regression_on_one_hot_ids(*args)).max() < 1e-6
    factors = BiasedALS(factors=1, l2=1e-6, epochs=30, l2_bias=1e-6).fit(log)
    assert rmse(factors.score(np.arange(60)), R) < 1e-3 < 0.5 < R.std()


@pytest.mark.erratum("CF-01")
def test_regression_on_ids_is_the_bias_model_on_real_ratings(ml100k):
    log = ml100k.interactions.select(np.arange(0, 100_000, 10))
    args = (log.user, log.item, log.value, (log.n_users, log.n_items))
    table = errata.cf_01_regression_on_one_hot_ids(*args)
    biases = UserItemBias(l2_user=1e-4, l2_item=1e-4).fit(log)
    fitted = table[log.user, log.item]
    assert rmse(fitted, biases.predict(log.user, log.item)) < 1e-3
    moved = table - table[:, :1]  # every user orders the items alike
    np.testing.assert_allclose(moved, np.tile(moved[0], (len(table), 1)), atol=1e-9)


def planted():
    rng = np.random.default_rng(0)
    T = 3.5 + 0.5 * rng.normal(size=(200, 3)) @ rng.normal(size=(3, 150))
    return T, rng.random(T.shape) < 0.25


@pytest.mark.erratum("CF-02")
def test_the_svd_of_ratings_with_holes_is_worse_than_a_constant():
    T, M = planted()
    log = as_log(T, M)
    zero = errata.cf_02_svd_of_a_matrix_with_holes(log.user, log.item, log.value, T.shape, 4)
    constant = rmse(T[M].mean(), T[~M])
    assert rmse(zero[~M], T[~M]) > 2.2 > 2 * constant
    user, item = (~M).nonzero()
    imputed = RatingSVD(factors=4, fill="hard", iterations=100).fit(log).predict(user, item)
    assert rmse(imputed, T[~M]) < 0.25 * constant


@pytest.mark.erratum("CF-02")
def test_the_faulty_version_is_the_zero_fill_of_the_package():
    T, M = planted()
    log = as_log(np.clip(T, 1, 5), M)
    zero = errata.cf_02_svd_of_a_matrix_with_holes(log.user, log.item, log.value, T.shape, 4)
    ours = RatingSVD(factors=4, fill="zero").fit(log).score(np.arange(200))
    np.testing.assert_allclose(ours, zero, atol=1e-6)


@pytest.mark.erratum("CF-12")
def test_an_overwritten_matrix_freezes_its_errors():
    rng = np.random.default_rng(0)
    T = rng.normal(size=(100, 3)) @ rng.normal(size=(3, 80))
    M = rng.random(T.shape) < 0.3
    once = errata.cf_12_interactions_overwritten(T, M, 3, 1)
    often = errata.cf_12_interactions_overwritten(T, M, 3, 10)
    np.testing.assert_allclose(once, often, atol=1e-9)
    assert rmse(often[M], T[M]) > 1.1 and rmse(often[~M], T[~M]) > 1.3
    U, s, Vt = impute(sp.csr_matrix(np.where(M, T, 0.0)), 3, 0.0, 150)
    kept = (U * s) @ Vt
    assert rmse(kept[~M], T[~M]) < 1e-2
