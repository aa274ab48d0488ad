"""Rating factorisation: against closed forms, against Surprise and scikit-learn, and bad input."""

import numpy as np
import pytest
from contract import check_contract
from surprise import SVD, Dataset, Reader
from surprise import SVDpp as SurpriseSVDpp

from recsys_book.data import Interactions
from recsys_book.recommenders import BiasedALS, BiasedMF, SVDpp, UserItemBias
from recsys_book.recommenders.factorization import (
    NMF,
    PMF,
    BayesianPMF,
    RatingBlend,
    RatingSVD,
    UserRegression,
    blend_weights,
    half_step,
    mf_objective,
    multiplicative_update,
    pmf_log_posterior,
)
from recsys_book.recommenders.factorization.ratings import grouped

FEATURES = np.random.default_rng(5).normal(size=(20, 3))
MODELS = {
    "mf": lambda: BiasedMF(factors=3, epochs=4),
    "svdpp": lambda: SVDpp(factors=3, epochs=4),
    "als": lambda: BiasedALS(factors=3, l2=1.0, epochs=3),
    "pmf": lambda: PMF(factors=3, epochs=3),
    "nmf": lambda: NMF(factors=3, epochs=5),
    "bayes": lambda: BayesianPMF(factors=3, samples=4, burn_in=2, implicit=2),
    "regression": lambda: UserRegression(FEATURES),
    "svd": lambda: RatingSVD(factors=3, iterations=3, shrink=0.1),
    "blend": lambda: RatingBlend([UserItemBias(), PMF(factors=2, epochs=2)]),
}


@pytest.fixture(scope="module")
def ratings():
    """30 users, 20 items, rank two plus biases plus noise; the last user and item are silent."""
    rng = np.random.default_rng(1)
    cell = rng.permutation(29 * 19)[:330]
    user, item = cell // 19, cell % 19
    P, Q = rng.normal(size=(30, 2)), rng.normal(size=(20, 2))
    b_u, b_i = rng.normal(size=30), rng.normal(size=20)
    value = 3 + 0.5 * (b_u[user] + b_i[item]) + 0.4 * (P[user] * Q[item]).sum(axis=1)
    value = np.clip(np.round(2 * value) / 2, 1, 5)
    return Interactions(user, item, value, np.arange(330), np.arange(30), np.arange(20))


@pytest.mark.parametrize("name", MODELS)
def test_the_contract_is_kept(name):
    check_contract(MODELS[name], personalised=False)


@pytest.mark.parametrize("name", MODELS)
def test_all_equal_ratings_are_predicted_as_they_are(name, ratings):
    equal = Interactions(
        ratings.user, ratings.item, np.full(330, 4.0), ratings.timestamp, *vocabularies()
    )
    model = MODELS[name]().fit(equal)
    np.testing.assert_array_equal(model.predict([0, -1, 5, -1], [3, 3, -1, -1]), 4.0)


def vocabularies():
    return np.arange(30), np.arange(20)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"blend"}))
def test_one_user_is_enough(name):
    one = Interactions(
        np.zeros(4, int), np.arange(4), [1, 5, 3, 4], np.arange(4), [7], np.arange(20)
    )
    model = MODELS[name]().fit(one)
    predicted = model.predict([0] * 20, np.arange(20))
    assert np.isfinite(predicted).all() and predicted.min() >= 1 and predicted.max() <= 5
    assert np.isfinite(model.score([0, -1])).all()


@pytest.mark.parametrize("name", MODELS)
def test_the_unknown_the_silent_and_the_unseen(name, ratings):
    model = MODELS[name]().fit(ratings)
    known = model.predict([3], [2])
    assert np.isfinite(model.score([3])).all()  # item 19 was never rated
    np.testing.assert_array_equal(model.predict([29], [2]), model.predict([-1], [2]))
    assert model.predict([], []).shape == (0,)
    pairs = model.predict([3, -1, 3, -1], [2, 2, -1, -1])
    assert pairs[0] == known[0] and np.isfinite(pairs).all()
    assert ((pairs >= 1) & (pairs <= 5)).all()
    with pytest.raises(ValueError, match="2 users and 1 items"):
        model.predict([0, 1], [0])
    with pytest.raises(ValueError, match="item position 20"):
        model.predict([0], [20])


@pytest.mark.equation("eq-low-rank")
@pytest.mark.parametrize("name", ["mf", "svdpp", "als", "pmf", "regression", "svd"])
def test_scores_are_unclipped_predictions(name, ratings):
    model = MODELS[name]().fit(ratings)
    score = model.score([3])[0]
    by_hand = model.mean_ + model.user_bias_[3] + model.item_bias_
    by_hand = by_hand + model.item_factors_ @ model.user_factors_[3]
    np.testing.assert_allclose(score, by_hand, atol=1e-12)
    np.testing.assert_allclose(
        model.predict([3] * 20, np.arange(20)), np.clip(score, model.low_, model.high_), atol=1e-12
    )


@pytest.mark.parametrize("name", ["nmf", "bayes", "blend"])
def test_scores_and_predictions_agree_for_the_others(name, ratings):
    model = MODELS[name]().fit(ratings)
    np.testing.assert_allclose(
        model.predict([3] * 20, np.arange(20)), np.clip(model.score([3])[0], 1, 5), atol=1e-12
    )


def surprise_set(log):
    import pandas as pd

    frame = pd.DataFrame({"u": log.user, "i": log.item, "r": log.value})
    return Dataset.load_from_df(frame, Reader(rating_scale=(1, 5))).build_full_trainset()


def in_surprise_order(trainset):
    """The ratings as Surprise visits them: user by user, in its own numbering."""
    u, i, r = map(np.array, zip(*trainset.all_ratings()))
    return Interactions(
        u, i, r, np.arange(len(u)), np.arange(trainset.n_users), np.arange(trainset.n_items)
    )


def same_start(monkeypatch, model_class, draws):
    """Let our model start from Surprise's random numbers."""

    def start(self, log, factors, sd, seed):
        self.user_factors_, self.item_factors_ = draws[0].copy(), draws[1].copy()
        self.user_bias_, self.item_bias_ = np.zeros(log.n_users), np.zeros(log.n_items)

    monkeypatch.setattr(model_class, "_start", start)


@pytest.mark.equation("eq-mf-sgd")
def test_descent_is_that_of_surprise(ratings, monkeypatch):
    trainset = surprise_set(ratings)
    theirs = SVD(n_factors=4, n_epochs=7, lr_all=0.02, reg_all=0.05, random_state=3).fit(trainset)
    rng = np.random.RandomState(3)
    draws = rng.normal(0, 0.1, (trainset.n_users, 4)), rng.normal(0, 0.1, (trainset.n_items, 4))
    same_start(monkeypatch, BiasedMF, draws)
    ours = BiasedMF(factors=4, rate=0.02, l2=0.05, epochs=7, shuffle=False)
    ours.fit(in_surprise_order(trainset))
    np.testing.assert_allclose(ours.user_factors_, theirs.pu, rtol=1e-10)
    np.testing.assert_allclose(ours.item_factors_, theirs.qi, rtol=1e-10)
    np.testing.assert_allclose(ours.user_bias_, theirs.bu, rtol=1e-10)
    np.testing.assert_allclose(ours.item_bias_, theirs.bi, rtol=1e-10)


@pytest.mark.equation("eq-svdpp")
@pytest.mark.equation("eq-svdpp-affine")
def test_svdpp_is_that_of_surprise_which_moves_every_vector_at_every_cell(ratings, monkeypatch):
    trainset = surprise_set(ratings)
    settings = {"n_factors": 3, "n_epochs": 5, "lr_all": 0.02, "reg_all": 0.05}
    theirs = SurpriseSVDpp(**settings, random_state=3).fit(trainset)
    rng = np.random.RandomState(3)
    sizes = trainset.n_users, trainset.n_items, trainset.n_items
    draws = [rng.normal(0, 0.1, (n, 3)) for n in sizes]
    same_start(monkeypatch, SVDpp, draws)

    class Draws:
        normal = staticmethod(lambda mean, sd, shape: draws[2].copy())

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Draws)
    ours = SVDpp(factors=3, rate=0.02, l2=0.05, epochs=5, shuffle=False)
    ours.fit(in_surprise_order(trainset))
    np.testing.assert_allclose(ours.implicit_factors_, theirs.yj, rtol=1e-9)
    np.testing.assert_allclose(ours.item_factors_, theirs.qi, rtol=1e-9)
    for user in range(5):
        told = [theirs.estimate(user, i) for i in range(trainset.n_items)]
        np.testing.assert_allclose(ours.score([user])[0], told, rtol=1e-9)


@pytest.mark.equation("eq-mf-sgd")
@pytest.mark.equation("eq-mf-objective")
def test_one_step_is_half_the_gradient_of_one_cell_of_the_objective():
    one = Interactions([0], [0], [4.0], [0], [0], [0])
    rate, l2 = 1e-3, 0.3
    model = BiasedMF(factors=3, rate=rate, l2=l2, epochs=1, init_sd=0.7).fit(one)
    start = BiasedMF(factors=3, rate=rate, l2=l2, epochs=1, init_sd=0.7)
    start._start(one, 3, 0.7, 0)
    start.mean_ = 4.0
    for name in ("user_bias_", "item_bias_", "user_factors_", "item_factors_"):
        table, moved = getattr(start, name), getattr(model, name)
        for place in np.ndindex(table.shape):
            keep = table[place]
            table[place] = keep + 1e-6
            up = mf_objective(start, one, l2)
            table[place] = keep - 1e-6
            down = mf_objective(start, one, l2)
            table[place] = keep
            step = -rate * (up - down) / 2e-6 / 2
            assert moved[place] - keep == pytest.approx(step, abs=1e-9)


@pytest.mark.equation("eq-mf-objective")
def test_the_two_ways_to_count_the_penalty():
    log = Interactions([0, 0], [0, 1], [3.0, 5.0], [0, 1], [0], [0, 1])
    model = PMF(factors=1).fit(log)
    model.user_factors_, model.item_factors_ = np.array([[2.0]]), np.array([[1.0], [0.0]])
    error = (3 - 4 - 2) ** 2 + (5 - 4) ** 2
    assert mf_objective(model, log, 0.5, per_cell=False) == pytest.approx(error + 0.5 * (4 + 1))
    assert mf_objective(model, log, 0.5) == pytest.approx(error + 0.5 * (2 * 4 + 1))


@pytest.mark.equation("eq-als-normal")
def test_als_rows_solve_their_normal_equations(ratings):
    model = BiasedALS(factors=3, l2=2.0, epochs=4, l2_bias=1.5).fit(ratings)
    residual = ratings.value - model.mean_ - model.user_bias_[ratings.user]
    for item in (0, 7, 18):
        mine = ratings.item == item
        A = model.user_factors_[ratings.user[mine]]
        A = np.column_stack([np.ones(len(A)), A])
        want = half_step(A, residual[mine], np.array([1.5, 2, 2, 2]))
        np.testing.assert_allclose(model.item_bias_[item], want[0], rtol=1e-10)
        np.testing.assert_allclose(model.item_factors_[item], want[1:], rtol=1e-10)
    assert not model.item_factors_[19].any()


@pytest.mark.equation("eq-als-normal")
def test_no_half_step_of_als_raises_the_objective(ratings):
    def value(epochs):
        model = BiasedALS(factors=3, l2=2.0, epochs=epochs, l2_bias=2.0).fit(ratings)
        return mf_objective(model, ratings, 2.0, per_cell=False)

    values = [value(n) for n in (1, 2, 3, 5, 9)]
    assert (np.diff(values) < 1e-9).all() and values[0] > 1.01 * values[-1]


@pytest.mark.equation("eq-mf-objective")
def test_als_finds_the_brute_force_optimum_of_a_tiny_case():
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    user, item = np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 0, 1, 2])
    log = Interactions(user, item, rng.normal(size=7), np.arange(7), np.arange(3), np.arange(3))
    model = BiasedALS(factors=1, l2=0.3, epochs=2000, l2_bias=0.3).fit(log)
    y = log.value - log.value.mean()

    def objective(x):
        b_u, b_i, p, q = x.reshape(4, 3)
        e = y - b_u[user] - b_i[item] - p[user] * q[item]
        return e @ e + 0.3 * x @ x

    best = min(minimize(objective, rng.normal(size=12)).fun for _ in range(10))
    assert mf_objective(model, log, 0.3, per_cell=False) == pytest.approx(best, abs=1e-5)


@pytest.mark.equation("eq-pmf")
def test_pmf_ends_where_its_log_posterior_is_level(ratings):
    model = PMF(factors=2, noise_sd=0.7, factor_sd=0.5, epochs=300).fit(ratings)
    P, Q = model.user_factors_, model.item_factors_

    def value(P, Q):
        e = ratings.value - model.mean_ - (P[ratings.user] * Q[ratings.item]).sum(axis=1)
        return pmf_log_posterior(e, P, Q, 0.7, 0.5)

    here = value(P, Q)
    for table in (P, Q):
        for place in [(0, 0), (4, 1), (11, 0)]:
            keep = table[place]
            table[place] = keep + 1e-4
            up = value(P, Q)
            table[place] = keep - 1e-4
            down = value(P, Q)
            table[place] = keep
            assert abs(up - down) / 2e-4 < 0.05 and up < here and down < here


@pytest.mark.equation("eq-pmf")
def test_the_penalty_is_the_ratio_of_the_variances(ratings):
    a = PMF(factors=2, noise_sd=0.6, factor_sd=0.3, epochs=3).fit(ratings)
    P, Q = a.user_factors_, a.item_factors_
    _, user, y, _ = grouped(ratings.item, ratings.user, ratings.value - a.mean_, 20)
    mine = np.sort(ratings.item) == 4
    want = half_step(P[user[mine]], y[mine], (0.6 / 0.3) ** 2)
    np.testing.assert_allclose(Q[4], want, rtol=1e-10)


@pytest.mark.equation("eq-nmf-update")
def test_on_a_full_matrix_nmf_is_that_of_scikit_learn():
    import scipy.sparse as sp
    from sklearn.decomposition import NMF as Theirs

    rng = np.random.default_rng(0)
    X, P, Q = rng.uniform(0.1, 5, (8, 6)), rng.uniform(size=(8, 3)), rng.uniform(size=(6, 3))
    theirs = Theirs(3, init="custom", solver="mu", max_iter=5, tol=0)
    W = theirs.fit_transform(X, W=P.copy(), H=Q.T.copy())
    for _ in range(5):
        P = multiplicative_update(sp.csr_matrix(X), P, Q)
        Q = multiplicative_update(sp.csr_matrix(X.T), Q, P)
    np.testing.assert_allclose(P, W, rtol=1e-6)
    np.testing.assert_allclose(Q.T, theirs.components_, rtol=1e-6)


@pytest.mark.equation("eq-nmf-update")
def test_nmf_never_gets_worse_on_the_observed_cells_and_stays_positive(ratings):
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    P, Q = rng.uniform(size=(30, 3)), rng.uniform(size=(20, 3))
    X = sp.csr_matrix(ratings.to_csr())
    errors = []
    for _ in range(10):
        e = ratings.value - (P[ratings.user] * Q[ratings.item]).sum(axis=1)
        errors.append(e @ e)
        P = multiplicative_update(X, P, Q)
        Q = multiplicative_update(X.T.tocsr(), Q, P)
    assert (np.diff(errors) < 0).all() and (P >= 0).all() and (Q >= 0).all()


def test_regression_is_ridge_on_the_features_of_what_a_user_rated(ratings):
    from sklearn.linear_model import Ridge

    model = UserRegression(FEATURES, l2=3.0).fit(ratings)
    residual = ratings.value - UserItemBias().fit(ratings).predict(ratings.user, ratings.item)
    mine = ratings.user == 8
    centred = FEATURES - FEATURES.mean(axis=0)
    ridge = Ridge(3.0, fit_intercept=False).fit(centred[ratings.item[mine]], residual[mine])
    np.testing.assert_allclose(model.user_factors_[8], ridge.coef_, atol=1e-9)


def test_blend_weights_are_the_best_that_sum_to_one():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=500)
    good, noisy = truth + 0.1 * rng.normal(size=500), truth + 1.0 * rng.normal(size=500)
    harmful = -truth
    w = blend_weights(np.column_stack([good, noisy, harmful]), truth)
    assert w.sum() == pytest.approx(1) and (w >= 0).all() and w[2] < 0.01 and w[0] > 0.9
    w = blend_weights(np.column_stack([good, noisy]), truth)
    slightly = [
        (((np.column_stack([good, noisy]) @ [w[0] + d, w[1] - d]) - truth) ** 2).sum()
        for d in (-0.003, 0, 0.003)
    ]
    assert slightly[1] < min(slightly[0], slightly[2])


def test_a_blend_learns_its_weights_on_ratings_that_no_model_saw(ratings):
    class Memory(UserItemBias):
        """Knows its training ratings by heart and nothing else."""

        def predict(self, users, items):
            table = self.table_
            return table[np.asarray(users), np.asarray(items)]

        def _fit(self, interactions):
            super()._fit(interactions)
            self.table_ = np.full((30, 20), 1.0)
            self.table_[interactions.user, interactions.item] = interactions.value

    blend = RatingBlend([UserItemBias(), Memory()]).fit(ratings)
    assert blend.weights_[0] > 0.8 and len(blend.models_) == 2
    assert not hasattr(blend.models[0], "mean_")  # the models that were passed stay unfitted


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BiasedMF(factors=0), "factors is 0"),
        (lambda: BiasedMF(rate=0), "rate is 0"),
        (lambda: BiasedMF(l2=-1), "l2 is -1"),
        (lambda: BiasedMF(epochs=0), "epochs is 0"),
        (lambda: BiasedMF(rate=100.0), "diverged with rate 100"),
        (lambda: SVDpp(rate=-1), "rate is -1"),
        (lambda: BiasedALS(l2=0), "l2 is 0"),
        (lambda: BiasedALS(l2_bias=0), "l2_bias is 0"),
        (lambda: PMF(noise_sd=0), "noise_sd is 0"),
        (lambda: NMF(l2=-2), "l2 is -2"),
        (lambda: BayesianPMF(samples=0), "samples is 0"),
        (lambda: BayesianPMF(feature_l2=0), "feature_l2 is 0"),
        (lambda: BayesianPMF(user_features=np.zeros((3, 2))), r"user_features has shape \(3, 2\)"),
        (lambda: BayesianPMF(item_features=np.full((20, 1), np.nan)), "not finite in row 0"),
        (lambda: UserRegression(np.zeros((19, 2))), "vocabulary has 20 entries"),
        (lambda: RatingSVD(fill="guess"), "fill is 'guess'"),
        (lambda: RatingSVD(shrink=-1), "shrink is -1"),
        (lambda: RatingBlend([]), "no models"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_bad_settings_are_named(make, message, ratings):
    with pytest.raises(ValueError, match=message):
        make().fit(ratings)


def test_bad_ratings_are_named(ratings):
    value = ratings.value.copy()
    value[17] = np.nan
    holed = Interactions(ratings.user, ratings.item, value, ratings.timestamp, *vocabularies())
    with pytest.raises(ValueError, match="not finite in row 17"):
        BiasedALS().fit(holed)
    value[17] = -1
    negative = Interactions(ratings.user, ratings.item, value, ratings.timestamp, *vocabularies())
    with pytest.raises(ValueError, match="shift the ratings"):
        NMF().fit(negative)
