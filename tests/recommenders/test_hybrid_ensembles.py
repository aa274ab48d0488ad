"""Averages of many, boosting, stacking: against simulation and scikit-learn."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import AdaBoostClassifier
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from recsys_book.data import Interactions
from recsys_book.preprocessing import random_split
from recsys_book.recommenders import (
    EASE,
    BaggedRecommender,
    BoostedEASE,
    BoostedRecommender,
    CascadeHybrid,
    ContentRidge,
    FeatureAugmentation,
    FeatureCombination,
    GenreProfile,
    Popularity,
    StackedHybrid,
    StackedRating,
    SwitchingHybrid,
    UserItemBias,
    genre_matrix,
)
from recsys_book.recommenders.closed_form import ease_weights
from recsys_book.recommenders.hybrid import (
    LEARNERS,
    adaboost_round,
    ambiguity,
    bootstrap_interactions,
    bootstrap_users,
    make_learner,
    out_of_fold,
    own_precision,
    variance_of_mean,
)


@pytest.fixture(scope="module")
def small(ml100k):
    log = ml100k.interactions
    part = log.select((log.user < 150) & (log.item < 200))
    columns = (part.user, part.item, part.value, part.timestamp)
    return Interactions(*columns, log.users[:150], log.items[:200])


@pytest.fixture(scope="module")
def genres(ml100k):
    return genre_matrix(ml100k.items["genres"])[0]


def rmse(model, split):
    found = np.clip(model.predict(split.test.user, split.test.item), 1, 5)
    return np.sqrt(np.mean((found - split.test.value) ** 2))


@pytest.mark.equation("eq-bagging-variance")
@pytest.mark.parametrize(("rho", "n"), [(0.0, 4), (0.5, 10), (0.9, 3), (1.0, 5), (-0.25, 5)])
def test_variance_of_a_mean_is_that_of_simulated_numbers(rho, n):
    rng = np.random.default_rng(0)
    cov = 2.0 * ((1 - rho) * np.eye(n) + rho)
    draws = rng.multivariate_normal(np.zeros(n), cov, 40_000, method="eigh")
    want = variance_of_mean(2.0, rho, n)
    assert abs(draws.mean(axis=1).var() - want) < 0.02 * want + 1e-3
    assert abs(want - cov.sum() / n**2) < 1e-12


def test_impossible_correlations_are_refused():
    for rho, n in ((-0.5, 5), (1.1, 2), (0.0, 0)):
        with pytest.raises(ValueError, match="common correlation"):
            variance_of_mean(1.0, rho, n)


@pytest.mark.equation("eq-ambiguity")
def test_error_is_that_of_the_members_minus_their_disagreement():
    rng = np.random.default_rng(0)
    y = rng.normal(size=50)
    f = y[:, None] + rng.normal(size=(50, 4))
    for w in (None, [1.0, 2.0, 0.0, 5.0]):
        error, members, disagreement = ambiguity(f, y, w)
        assert abs(error - (members - disagreement)) < 1e-12
        assert abs(error - np.mean((np.average(f, axis=1, weights=w) - y) ** 2)) < 1e-12
        assert error < members
    assert ambiguity(f[:, [0, 0]], y)[2] == 0  # identical members do not disagree


def test_bootstrap_draws_rows_and_users_with_replacement(small):
    rng = np.random.default_rng(0)
    bag, times = bootstrap_interactions(small, rng)
    assert len(bag) == len(small) == times.sum()
    assert abs((times == 0).mean() - np.exp(-1)) < 0.02
    np.testing.assert_array_equal(bag.user, np.repeat(small.user, times))
    people, drawn = bootstrap_users(small, rng)
    assert people.n_users == drawn.sum() == len(np.unique(small.user))
    assert len(people) == (drawn * np.bincount(small.user, minlength=small.n_users)).sum()
    u = np.flatnonzero(drawn == 2)[0]
    twins = np.flatnonzero(
        [
            set(people.item[people.user == v]) == set(small.item[small.user == u])
            for v in range(people.n_users)
        ]
    )
    assert len(twins) == 2


@pytest.mark.equation("eq-bagging-variance")
def test_a_bag_is_the_mean_of_its_members_and_knows_its_error(small):
    split = random_split(small, 0.2, 0)
    bag = BaggedRecommender(UserItemBias(0.1, 0.1), 6).fit(split.train)
    pairs = split.test.user, split.test.item
    np.testing.assert_allclose(
        bag.predict(*pairs), np.mean([m.predict(*pairs) for m in bag.models_], axis=0)
    )
    assert len({m.item_bias_[5] for m in bag.models_}) == 6
    assert abs(bag.out_of_bag_rmse_ - rmse(bag, split)) < 0.06
    assert rmse(bag, split) < np.mean([rmse(m, split) for m in bag.models_]) - 0.005


def test_a_bag_of_users_scores_whole_histories(small):
    bag = BaggedRecommender(EASE(50.0), 3, "users").fit(small)
    want = np.mean([m.score_histories(small) for m in bag.models_], axis=0)
    np.testing.assert_allclose(bag.score(np.arange(20)), want[:20])
    assert not np.allclose(bag.models_[0].weights_, bag.models_[1].weights_)


@pytest.mark.equation("eq-adaboost")
def test_weights_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = (X[:, 0] + X[:, 1] ** 2 + 0.3 * rng.normal(size=300) > 0.7).astype(int)
    stump = DecisionTreeClassifier(max_depth=1, random_state=0)
    theirs = AdaBoostClassifier(stump, n_estimators=8).fit(X, y)
    w, vote = np.full(300, 1 / 300), np.zeros(300)
    for member, their_weight in zip(theirs.estimators_, theirs.estimator_weights_):
        alpha, w = adaboost_round(w, member.predict(X) != y)
        vote += alpha * (2 * member.predict(X) - 1)
        assert abs(2 * alpha - their_weight) < 1e-9  # they drop the half
    np.testing.assert_array_equal(vote > 0, theirs.predict(X) == 1)
    np.testing.assert_allclose(w, np.exp(-vote * (2 * y - 1)) / np.exp(-vote * (2 * y - 1)).sum())


@pytest.mark.equation("eq-adaboost")
def test_alpha_minimises_the_exponential_loss():
    w, wrong = np.full(10, 0.1), np.arange(10) < 3
    alpha, new = adaboost_round(w, wrong)

    def loss(a):
        return w @ np.exp(np.where(wrong, a, -a))

    assert loss(alpha) < min(loss(alpha - 0.01), loss(alpha + 0.01))
    assert abs(new[wrong].sum() - 0.5) < 1e-12  # the next one finds a coin
    for bad in (np.zeros(10, bool), np.arange(10) < 5):
        with pytest.raises(ValueError, match="weak classifier"):
            adaboost_round(w, bad)


@pytest.mark.equation("eq-boosting")
def test_each_model_is_fitted_to_what_is_left(small, genres):
    features = genres[: small.n_items]
    split = random_split(small, 0.2, 0)
    train = split.train
    boosted = BoostedRecommender([UserItemBias(), ContentRidge(features, 20.0)], 0.8)
    boosted.fit(train)
    left = train.value - train.value.mean()
    for model in boosted.models_:
        again = type(model)(**{k: getattr(model, k) for k in _arguments(model)})
        again.fit(
            Interactions(train.user, train.item, left, train.timestamp, train.users, train.items)
        )
        step = model.predict(train.user, train.item)
        np.testing.assert_allclose(step, again.predict(train.user, train.item))
        left = left - 0.8 * step
    assert abs(boosted.train_rmse_[-1] - np.sqrt(np.mean(left**2))) < 1e-12
    assert boosted.train_rmse_[1] < boosted.train_rmse_[0]
    total = train.value.mean() + 0.8 * sum(
        m.predict(split.test.user, split.test.item) for m in boosted.models_
    )
    np.testing.assert_allclose(
        boosted.predict(split.test.user, split.test.item), np.clip(total, 1, 5)
    )


def _arguments(model):
    return [name for name in vars(model) if not name.endswith("_")]


@pytest.mark.equation("eq-adaboost")
def test_boosted_ease_listens_to_badly_served_users(small):
    boosted = BoostedEASE(3, 20.0).fit(small)
    X = boosted.seen_
    first = ease_weights((X.T @ X).toarray(), 20.0)
    np.testing.assert_allclose(BoostedEASE(1, 20.0).fit(small).weights_, first, atol=1e-12)
    quality = own_precision(X, X @ first)
    second = boosted.user_weights_[1]
    present = np.diff(X.indptr) > 0
    assert np.corrcoef(quality[present], second[present])[0, 1] < -0.9
    assert abs(second[present].mean() - 1) < 1e-12
    assert (boosted.alphas_ > 0).all()
    alpha = 0.5 * np.log((1 + quality[present].mean()) / (1 - quality[present].mean()))
    assert abs(boosted.alphas_[0] - alpha) < 1e-9


def test_own_precision_by_hand():
    import scipy.sparse as sp

    X = sp.csr_matrix([[1, 0, 1, 0], [0, 0, 0, 0]])
    found = own_precision(X, np.array([[0.9, 0.5, 0.7, 0.1], [1, 2, 3, 4]]))
    assert found[0] == 1.0 and found[1] == 0.0
    found = own_precision(X[:1], np.array([[0.1, 0.9, 0.8, 0.5]]))
    assert abs(found[0] - (1 / 2 + 2 / 4) / 2) < 1e-12


class AsRegressor(RegressorMixin, BaseEstimator):
    """The damped biases behind scikit-learn's interface: a row is a user and an item."""

    def __init__(self, n_users=0, n_items=0):
        self.n_users, self.n_items = n_users, n_items

    def fit(self, X, y):
        n = np.arange(len(y))
        log = Interactions(X[:, 0], X[:, 1], y, n, np.arange(self.n_users), np.arange(self.n_items))
        self.model_ = UserItemBias(method="damped").fit(log)
        return self

    def predict(self, X):
        return self.model_.predict(X[:, 0], X[:, 1])


@pytest.mark.equation("eq-stacking")
def test_out_of_fold_predictions_are_those_of_scikit_learn(small):
    ours = out_of_fold([UserItemBias(method="damped")], small, k=4, seed=3)[:, 0]
    fold = np.empty(len(small), dtype=int)
    shuffled = np.random.default_rng(3).permutation(len(small))
    for f, rows in enumerate(np.array_split(shuffled, 4)):
        fold[rows] = f
    theirs = cross_val_predict(
        AsRegressor(small.n_users, small.n_items),
        np.c_[small.user, small.item],
        small.value,
        cv=PredefinedSplit(fold),
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@pytest.mark.erratum("ENS-03")
@pytest.mark.equation("eq-stacking")
def test_stacking_does_not_trust_the_member_that_memorised(small, genres):
    split = random_split(small, 0.2, 0)
    noise = np.random.default_rng(0).normal(size=(small.n_items, 80))
    parrot = ContentRidge(noise, 1e-3)  # knows its own ratings by heart
    stacked = StackedRating([UserItemBias(), parrot], k=4).fit(split.train)
    assert stacked.weights_[0] > 0.8
    members = [rmse(m, split) for m in stacked.models_]
    assert rmse(stacked, split) <= min(members) + 0.003
    free = StackedRating([UserItemBias(), parrot], convex=False, k=4).fit(split.train)
    assert rmse(free, split) <= min(members) + 0.005


@pytest.mark.equation("eq-stacking")
@pytest.mark.parametrize("learner", [*LEARNERS, GaussianNB()])
def test_every_learner_finds_the_member_that_knows(small, learner):
    noise = GenreProfile(np.random.default_rng(0).normal(size=(small.n_items, 3)))
    model = StackedHybrid(
        [EASE(50.0), noise], learner, validation="last", negatives=20, context=False
    ).fit(small)
    assert model.n_rows_ > 1000
    users = np.arange(30)
    found = model.score(users)
    order = np.corrcoef(found.ravel(), EASE(50.0).fit(small).score(users).ravel())[0, 1]
    assert order > 0.4
    np.testing.assert_allclose(model.score([5])[0], found[5], atol=1e-6)
    if learner in LEARNERS[:3]:
        importance = model.meta_.importance()
        assert importance[0] > 1.5 * importance[1]


def test_a_stack_reads_the_context_and_names_no_importance_it_does_not_know(small):
    model = StackedHybrid([EASE(50.0)], "boosting", validation="last", negatives=10).fit(small)
    assert model.meta_.mean_.shape == (3,)
    assert np.isfinite(model.score([-1, 0])).all()
    with pytest.raises(ValueError, match="which features matter"):
        model.meta_.importance()
    assert make_learner("svm", 3).model.random_state == 3


def test_features_are_more_users(small, genres):
    features = genres[: small.n_items]
    plain = FeatureCombination(features, 0.0, 50.0).fit(small)
    np.testing.assert_array_equal(plain.weights_, EASE(50.0).fit(small).weights_)
    mixed = FeatureCombination(features, 100.0, 50.0).fit(small)
    X = mixed.seen_.toarray()
    F = features - features.mean(axis=0)
    F = 10.0 * F / np.sqrt(np.mean((F**2).sum(axis=1)))
    stacked = np.vstack([X, F.T])
    np.testing.assert_allclose(mixed.weights_, ease_weights(stacked.T @ stacked, 50.0), atol=1e-10)
    constant = FeatureCombination(np.ones((small.n_items, 2)), 5.0, 50.0).fit(small)
    np.testing.assert_array_equal(constant.weights_, plain.weights_)


def test_imagined_events_go_to_short_histories_only(small, genres):
    features = genres[: small.n_items]
    model = FeatureAugmentation(GenreProfile(features), EASE(50.0), n=4, below=10).fit(small)
    length = np.bincount(small.user, minlength=small.n_users)
    short = np.flatnonzero((length > 0) & (length < 10))
    assert model.n_imagined_ == 4 * len(short) > 0
    longer = np.diff(model.models_[1].seen_.indptr) - np.diff(model.seen_.indptr)
    np.testing.assert_array_equal(np.flatnonzero(longer), short)
    nobody = FeatureAugmentation(GenreProfile(features), EASE(50.0), below=1).fit(small)
    np.testing.assert_array_equal(nobody.score([0]), EASE(50.0).fit(small).score([0]))


def test_switching_asks_the_member_in_charge(small, genres):
    content = GenreProfile(genres[: small.n_items])
    model = SwitchingHybrid([Popularity(), content, EASE(50.0)], (10, 40)).fit(small)
    length = np.bincount(small.user, minlength=small.n_users)
    for low, high, member in ((1, 10, Popularity()), (10, 40, content), (40, 999, EASE(50.0))):
        users = np.flatnonzero((length >= low) & (length < high))[:5]
        np.testing.assert_allclose(model.score(users), member.fit(small).score(users))
    by_item = SwitchingHybrid([content, Popularity()], (20,), by="item", scale="rank").fit(small)
    rare = np.bincount(small.item, minlength=small.n_items) < 20
    np.testing.assert_array_equal(by_item.case_ == 0, rare)
    assert np.unique(by_item.score([0, 1])[:, ~rare], axis=0).shape[0] == 1
    assert np.unique(by_item.score([0, 1])[:, rare], axis=0).shape[0] == 2


def test_a_cascade_orders_what_the_retriever_found(small):
    users = np.arange(8)
    listed = CascadeHybrid(Popularity(), EASE(50.0), 10).fit(small).recommend(users, 10)[0]
    found = Popularity().fit(small).recommend(users, 10)[0]
    np.testing.assert_array_equal(np.sort(listed), np.sort(found))
    by_ranker = np.take_along_axis(EASE(50.0).fit(small).score(users), listed, axis=1)
    assert (np.diff(by_ranker, axis=1) <= 0).all()
    assert not np.array_equal(listed, found)
