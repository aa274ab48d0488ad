"""The singular value decomposition: exact where the matrix is full, and imputed where it is not."""

import numpy as np
import pytest
import scipy.sparse as sp
from contract import check_contract

from recsys_book.data import Interactions
from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing import leave_one_out, temporal_split
from recsys_book.recommenders import PureSVD
from recsys_book.recommenders.factorization import RatingSVD, impute, rank_error, truncated_svd


def test_pure_svd_keeps_the_contract():
    check_contract(lambda: PureSVD(factors=2), personalised=True)


@pytest.mark.equation("eq-eckart-young")
def test_nothing_of_rank_k_is_closer_than_the_truncated_svd():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 7))
    s = np.linalg.svd(X, compute_uv=False)
    for k in (1, 3, 6):
        U, d, Vt = truncated_svd(X, k)
        np.testing.assert_allclose(d, s[:k])
        error = np.linalg.norm(X - (U * d) @ Vt)
        assert error == pytest.approx(rank_error(s, k), rel=1e-9)
        for _ in range(20):  # the best fit to any other k columns is no closer
            P = rng.normal(size=(9, k))
            other = P @ np.linalg.lstsq(P, X, rcond=None)[0]
            assert np.linalg.norm(X - other) > error


def test_signs_and_order_do_not_depend_on_the_solver():
    X = np.random.default_rng(0).normal(size=(6, 5))
    U, s, Vt = truncated_svd(sp.csr_matrix(X), 2)
    full = truncated_svd(X, 5)
    np.testing.assert_allclose(U, full[0][:, :2], atol=1e-9)
    np.testing.assert_allclose(Vt, full[2][:2], atol=1e-9)
    assert (np.diff(full[1]) < 0).all()
    assert len(truncated_svd(X, 99)[1]) == 5
    with pytest.raises(ValueError, match="k is 0"):
        truncated_svd(X, 0)


def test_the_sign_of_an_empty_direction_is_left_alone():
    U, s, Vt = truncated_svd(np.zeros((3, 2)), 2)
    assert np.isfinite(U).all() and not s.any()


@pytest.fixture(scope="module")
def splits(ml100k):
    log = ml100k.interactions
    return {"temporal": temporal_split(log), "last": leave_one_out(log)}


@pytest.mark.parametrize(
    ("name", "k", "peer", "se"), [("temporal", 16, 0.1789, 0.024), ("last", 32, 0.0731, 0.006)]
)
def test_pure_svd_is_that_of_scipy_and_reaches_the_published_figure(name, k, peer, se, splits):
    from scipy.sparse.linalg import svds

    split = splits[name]
    model = PureSVD(k).fit(split.train)
    X = sp.csr_matrix(split.train.to_csr(1.0))
    X.data[:] = 1.0
    V = svds(X, k=k, rng=np.random.default_rng(5))[2].T
    users = np.arange(0, 943, 40)
    users = users[np.diff(model.seen_.indptr)[users] > 0]
    np.testing.assert_allclose(model.score(users), X[users] @ V @ V.T, atol=1e-8)
    assert evaluate_ranking(model, split).mean()["ndcg"] > peer - se


def planted(noise, seed=0, share=0.25):
    """A matrix of rank three around 3.5, and the cells that are observed."""
    rng = np.random.default_rng(seed)
    T = 0.5 * rng.normal(size=(200, 3)) @ rng.normal(size=(3, 150))
    M = rng.random(T.shape) < share
    return T, M, T + noise * rng.normal(size=T.shape)


@pytest.mark.equation("eq-soft-impute")
def test_soft_impute_ends_at_a_fixed_point_of_the_exact_map():
    T, M, Y = planted(0.3)
    R = sp.csr_matrix(np.where(M, Y, 0.0))
    U, s, Vt = impute(R, 8, 8.0, 120)
    Z = (U * s) @ Vt
    A, d, B = np.linalg.svd(np.where(M, Y, Z), full_matrices=False)
    np.testing.assert_allclose((A * np.maximum(d - 8.0, 0)) @ B, Z, atol=1e-3)
    assert (s[:3] > 1).all()


@pytest.mark.equation("eq-soft-impute")
def test_soft_impute_lowers_its_objective_every_round():
    _, M, Y = planted(0.3)
    R = sp.csr_matrix(np.where(M, Y, 0.0))

    def objective(rounds):
        U, s, Vt = impute(R, 20, 12.0, rounds)
        return 0.5 * ((Y - (U * s) @ Vt)[M] ** 2).sum() + 12.0 * s.sum()

    values = [objective(n) for n in (1, 2, 4, 8, 16)]
    assert (np.diff(values) < 0).all()


def test_hard_impute_recovers_what_zero_filling_cannot():
    T, M, _ = planted(0.0)
    R = sp.csr_matrix(np.where(M, T, 0.0))
    U, s, Vt = impute(R, 3, 0.0, 150)
    rmse = lambda Z: np.sqrt(((Z - T)[~M] ** 2).mean())  # noqa: E731
    assert rmse((U * s) @ Vt) < 0.02 < 0.3 < rmse(impute_once(R))


def impute_once(R):
    U, s, Vt = impute(R, 3, 0.0, 1)
    return (U * s) @ Vt


def test_an_observed_zero_is_no_hole():
    R = sp.csr_matrix((np.array([0.0, 2.0, 2.0]), ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
    U, s, Vt = impute(R, 1, 0.0, 200)
    assert ((U * s) @ Vt)[1, 0] == pytest.approx(0.0, abs=1e-6)


def test_the_four_fills_on_ratings():
    T, M, Y = planted(0.3)
    user, item = M.nonzero()
    value = np.clip(3.5 + Y[M], 1, 5)
    log = Interactions(user, item, value, np.arange(len(user)), np.arange(200), np.arange(150))
    hu, hi = (~M).nonzero()
    error = {}
    for fill in ("zero", "biases", "hard", "soft"):
        model = RatingSVD(factors=3, fill=fill, shrink=4.0, iterations=40).fit(log)
        guess = model.predict(hu, hi)
        error[fill] = np.sqrt(((guess - np.clip(3.5 + T[~M], 1, 5)) ** 2).mean())
    assert error["zero"] > 2 * error["biases"]
    assert max(error["hard"], error["soft"]) < 0.6 * error["biases"]
