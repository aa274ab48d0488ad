"""A newcomer's posterior: at once, one by one, by a library, and over draws."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct
from sklearn.linear_model import Ridge

from recsys_book.data import Interactions
from recsys_book.meta_learning.cold_start import (
    BayesianFactors,
    Belief,
    DrawnFactors,
    alternating_factors,
    average_over_draws,
    cold_user_world,
    fold_in,
    gp_posterior_mean,
    learn_prior,
    measure,
    prior_from_features,
    prior_of_users,
    profiles,
    residual_covariance,
)


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 4))
    return Belief(rng.normal(size=4), root @ root.T), rng.normal(size=(6, 4)), rng.normal(size=6)


@pytest.mark.equation("eq-posterior-user")
def test_posterior_is_the_library_s_ridge_in_white_coordinates(case):
    prior, A, e = case
    L = np.linalg.cholesky(prior.cov)
    ridge = Ridge(alpha=0.7, fit_intercept=False).fit(A @ L, e - A @ prior.mean)
    after = prior.after(A, e, 0.7)
    assert after.mean == pytest.approx(prior.mean + L @ ridge.coef_)
    precision = np.linalg.inv(prior.cov) + A.T @ A / 0.7
    assert after.cov == pytest.approx(np.linalg.inv(precision))


@pytest.mark.equation("eq-posterior-user")
def test_fold_in_is_a_round_prior(case):
    _, A, e = case
    round_ = Belief(np.zeros(4), np.eye(4) * 0.7 / 3)
    assert fold_in(A, e, 3.0) == pytest.approx(round_.after(A, e, 0.7).mean)


def test_nothing_shown_leaves_the_prior(case):
    prior, A, e = case
    after = prior.after(A[:0], e[:0], 0.7)
    assert np.array_equal(after.mean, prior.mean)
    assert np.array_equal(after.cov, prior.cov)


def test_leading_axes_are_separate_beliefs(case):
    prior, A, e = case
    two = Belief(np.stack([prior.mean, 0 * prior.mean]), np.stack([prior.cov, np.eye(4)]))
    after = two.after(np.stack([A, A]), e, np.array([0.7, 0.3]))
    assert after.mean[0] == pytest.approx(prior.after(A, e, 0.7).mean)
    assert after.mean[1] == pytest.approx(Belief(0 * prior.mean, np.eye(4)).after(A, e, 0.3).mean)


@pytest.mark.equation("eq-posterior-one-more")
def test_ratings_one_by_one_in_any_order_are_all_at_once(case):
    prior, A, e = case
    at_once = prior.after(A, e, 0.7)
    for order in (range(6), reversed(range(6))):
        belief = prior
        for row in order:
            belief = belief.after_one(A[row], e[row], 0.7)
        assert belief.mean == pytest.approx(at_once.mean, abs=1e-10)
        assert belief.cov == pytest.approx(at_once.cov, abs=1e-10)


def test_predicted_variance_is_what_happens(case):
    prior, A, _ = case
    rng = np.random.default_rng(1)
    z = rng.multivariate_normal(prior.mean, prior.cov, 20_000)
    noisy = z @ A[:3].T + np.sqrt(0.7) * rng.normal(size=(len(z), 3))
    after = prior.after(A[:3], noisy[0], 0.7)
    gain = prior.cov @ A[:3].T @ np.linalg.inv(A[:3] @ prior.cov @ A[:3].T + 0.7 * np.eye(3))
    guess = prior.mean + (noisy - A[:3] @ prior.mean) @ gain.T
    assert guess[0] == pytest.approx(after.mean)
    error = ((guess - z) @ A.T).var(axis=0)
    assert error == pytest.approx(after.predict(A)[1], rel=0.05)
    assert after.predict(A, 0.7)[1] == pytest.approx(after.predict(A)[1] + 0.7)


@pytest.mark.equation("eq-prior-of-users")
def test_what_guesses_do_not_know_belongs_to_the_prior(case):
    prior, A, _ = case
    rng = np.random.default_rng(2)
    z = rng.multivariate_normal(prior.mean, prior.cov, 20_000)
    noisy = z @ A.T + rng.normal(size=(len(z), 6))
    V = prior.after(A, noisy[0], 1.0).cov
    gain = V @ A.T
    guess = prior.mean + (noisy - A @ prior.mean) @ gain.T
    found = prior_of_users(guess, V)
    assert found.mean == pytest.approx(prior.mean, abs=0.1)
    assert np.trace(found.cov) == pytest.approx(np.trace(prior.cov), rel=0.03)
    assert np.trace(prior_of_users(guess).cov) < 0.99 * np.trace(found.cov)
    with pytest.raises(ValueError, match="at least two"):
        prior_of_users(guess[:1])


@pytest.mark.equation("eq-prior-of-users")
def test_expectation_maximisation_finds_the_prior_and_the_noise():
    rng = np.random.default_rng(3)
    A, cov = rng.normal(size=(40, 2)), np.array([[0.5, 0.2], [0.2, 0.3]])
    z = rng.multivariate_normal([1.0, -1.0], cov, 1500)
    B = sp.csr_matrix((rng.random((1500, 40)) < 0.2).astype(float))
    E = B.multiply(z @ A.T + np.sqrt(0.4) * rng.normal(size=(1500, 40))).tocsr()
    prior, noise = learn_prior(B, E, A, Belief(np.zeros(2), np.eye(2)), 1.0, 60)
    assert noise == pytest.approx(0.4, rel=0.05)
    assert prior.mean == pytest.approx([1.0, -1.0], abs=0.06)
    assert prior.cov == pytest.approx(cov, abs=0.06)


def test_factors_of_a_planted_table_are_found():
    rng = np.random.default_rng(4)
    P, Q = rng.normal(size=(50, 2)), rng.normal(size=(30, 2))
    user, item = (x.ravel() for x in np.indices((50, 29)))
    log = Interactions(user, item, (P @ Q.T)[user, item], 0 * user, np.arange(51), np.arange(30))
    p, q = alternating_factors(log, log.value, 2, 1e-6, sweeps=30)
    assert (p[:50] @ q[:29].T) == pytest.approx(P @ Q[:29].T, abs=1e-3)
    assert not p[50].any()
    assert not q[29].any()


@pytest.mark.equation("eq-item-gp")
def test_gp_is_the_library_s_and_factors_are_a_gp(case):
    prior, A, e = case
    L = np.linalg.cholesky(prior.cov)
    white = A @ L
    K = white @ white.T
    ours = gp_posterior_mean(K[:4, :4], K[4:, :4], e[:4], 0.7)
    library = GaussianProcessRegressor(DotProduct(0.0, "fixed"), alpha=0.7, optimizer=None)
    assert ours == pytest.approx(library.fit(white[:4], e[:4]).predict(white[4:]))
    centred = Belief(np.zeros(4), prior.cov)
    assert ours == pytest.approx(A[4:] @ centred.after(A[:4], e[:4], 0.7).mean)


@pytest.mark.equation("eq-item-gp")
def test_negative_eigenvalues_are_no_information():
    K = np.array([[0.0, 1.0], [1.0, 0.0]])  # eigenvalues 1 and -1
    assert gp_posterior_mean(K, np.eye(2), np.array([1.0, -1.0]), 0.5) == pytest.approx([2.0, -2.0])


def test_residual_covariance_by_hand():
    user, item = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 0])
    C = residual_covariance(user, item, np.array([1.0, 2.0, -1.0, 1.0, 3.0]), (3, 3), 2.0)
    assert C[0, 1] == C[1, 0] == pytest.approx((2.0 - 1.0) / (2 + 2))
    assert C[0, 0] == pytest.approx(11 / 5)
    assert not C[2].any()


@pytest.mark.equation("eq-prior-from-features")
def test_prior_mean_follows_the_features():
    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(4000), rng.normal(size=(4000, 2))])
    W = rng.normal(size=(3, 2))
    Z = X @ W + rng.multivariate_normal([0, 0], [[0.4, 0.1], [0.1, 0.2]], 4000)
    found, cov = prior_from_features(X, np.stack([Z, 2 * Z]), 1e-6)
    assert found[0] == pytest.approx(W, abs=0.05)
    assert found[1] == pytest.approx(2 * found[0])
    assert cov[0] == pytest.approx(np.array([[0.4, 0.1], [0.1, 0.2]]), abs=0.03)
    shrunk, _ = prior_from_features(X, Z, 1e9)
    assert abs(shrunk[1:]).max() < 1e-4
    assert shrunk[0] == pytest.approx(Z.mean(axis=0), abs=1e-4)


@pytest.mark.equation("eq-average-over-draws")
def test_average_over_draws_by_hand():
    A, z = np.array([[[1.0, 0]], [[0, 2.0]]]), np.array([[3.0, 9], [9, 5.0]])
    assert average_over_draws(A, z).tolist() == [(3 + 10) / 2]


def test_draws_know_how_little_they_know(ml100k):
    world = cold_user_world(ml100k.interactions, 0)
    users, items = profiles(ml100k)
    model = DrawnFactors(
        samples=10, burn_in=10, user_features=users, item_features=items, rated=5
    ).fit(world.warm)
    counts = np.bincount(world.warm.item, minlength=1682)
    famous, rare = np.argsort(-counts)[:100], np.flatnonzero(counts == 1)
    shown = famous[:5], np.full(5, 5.0)
    sure, unsure = (model.variance(-1, *shown, query).mean() for query in (famous, rare))
    assert unsure > sure + 0.05
    assert model.item_draws_.shape == (10, 1683, 10)
    few = model._describe(famous[:1]), model._describe(famous[:50])
    assert np.linalg.norm(few[0]) < np.linalg.norm(few[1])
    assert not model._describe(famous[:0]).any()


def test_draws_beat_factors_on_two_splits(ml100k):
    log = ml100k.interactions
    make = {"factors": BayesianFactors, "draws": lambda: DrawnFactors(samples=15, burn_in=10)}
    got = {n: measure(m, log, splits=(1, 2), ks=(10,), hows=("random",)) for n, m in make.items()}
    assert (
        got["draws"].rmse_by_split("random", 10) < got["factors"].rmse_by_split("random", 10)
    ).all()


@pytest.mark.parametrize("wrong", [np.zeros((3, 2)), np.zeros(943), np.full((943, 1), np.nan)])
def test_wrong_user_features_are_refused(ml100k, wrong):
    warm = cold_user_world(ml100k.interactions, 0).warm
    with pytest.raises(ValueError, match="finite row for every user"):
        DrawnFactors(user_features=wrong).fit(warm)
