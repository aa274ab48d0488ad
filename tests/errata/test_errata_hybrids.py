"""Each faulty ensemble fails as described, and the package's own does not."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from recsys_book.data import Interactions
from recsys_book.errata import hybrids as errata
from recsys_book.preprocessing import random_split
from recsys_book.recommenders import ContentRidge, StackedRating, UserItemBias
from recsys_book.recommenders.hybrid import (
    EpsilonLast,
    RankFusion,
    majority_vote,
    weighted_average,
)


@pytest.mark.erratum("ENS-01")
def test_the_sum_leaves_the_scale_and_the_average_does_not():
    stars = [4.0, 4.2, 3.9]
    assert errata.ens_01_weighted_sum(stars, [1, 1, 1]) > 12
    assert errata.ens_01_weighted_sum(stars, [0.1, 0.1, 0.1]) < 1.3
    for w in (0.1, 1.0, 30.0):
        assert min(stars) <= weighted_average(stars, [w, 2 * w, w]) <= max(stars)


@pytest.mark.erratum("ENS-02")
def test_the_first_speaker_wins_a_vote_on_numbers():
    rng = np.random.default_rng(0)
    for _ in range(50):
        numbers = rng.normal(size=5).tolist()
        assert errata.ens_02_vote_on_numbers(numbers) == numbers[0]
        assert errata.ens_02_vote_on_numbers(numbers[::-1]) == numbers[-1]
    with pytest.raises(ValueError, match="real numbers"):
        majority_vote(numbers)
    labels = ["like", "dislike", "dislike"]
    assert majority_vote(labels) == majority_vote(labels[::-1]) == "dislike"
    assert RankFusion([], "borda").rule == "borda"


@pytest.fixture(scope="module")
def ratings(ml100k):
    log = ml100k.interactions
    part = log.select((log.user < 150) & (log.item < 200))
    columns = (part.user, part.item, part.value, part.timestamp)
    return random_split(Interactions(*columns, log.users[:150], log.items[:200]), 0.2, 0)


def rmse(predicted, split):
    return np.sqrt(np.mean((np.clip(predicted, 1, 5) - split.test.value) ** 2))


@pytest.mark.erratum("ENS-03")
def test_in_sample_the_stack_trusts_the_parrot(ratings):
    noise = np.random.default_rng(0).normal(size=(200, 80))
    models = [UserItemBias(), ContentRidge(noise, 1e-3)]
    fitted = [UserItemBias().fit(ratings.train), ContentRidge(noise, 1e-3).fit(ratings.train)]
    bad = errata.ens_03_weights_in_sample(fitted, ratings.train)
    good = StackedRating(models, k=4).fit(ratings.train)
    assert bad[2] > 0.9 and good.weights_[1] < 0.15
    pairs = ratings.test.user, ratings.test.item
    z = np.column_stack([m.predict(*pairs) for m in fitted])
    alone = rmse(z[:, 0], ratings)
    assert rmse(bad[0] + z @ bad[1:], ratings) > alone + 0.1
    assert rmse(good.predict(*pairs), ratings) < alone + 0.003


@pytest.mark.erratum("ENS-03")
def test_the_printed_stack_does_not_run(ratings):
    fitted = [UserItemBias().fit(ratings.train)]
    pairs = ratings.test.user, ratings.test.item
    with pytest.raises(Exception, match="not fitted"):
        errata.ens_03_unfitted_stack(fitted, LinearRegression(), *pairs)
    sideways = LinearRegression().fit(np.ones((3, 1)), np.ones(3))
    with pytest.raises(ValueError, match="features"):
        errata.ens_03_unfitted_stack(fitted, sideways, *pairs)
    assert np.isfinite(
        StackedRating([UserItemBias()], k=2).fit(ratings.train).predict(*pairs)
    ).all()


@pytest.mark.erratum("ENS-04")
def test_a_forest_averages_and_boosting_adds_up():
    from xgboost import XGBRegressor

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), rng.normal(size=200)
    label = (X[:, 0] > 0).astype(int)
    assert errata.ens_04_kind_of_ensemble("random forest") == "stacking"
    assert errata.ens_04_kind_of_ensemble("xgboost") == "stacking"
    forest = RandomForestClassifier(8, random_state=0).fit(X, label)
    mean = np.mean([tree.predict_proba(X) for tree in forest.estimators_], axis=0)
    np.testing.assert_allclose(forest.predict_proba(X), mean)  # no weights are learned
    boosted = XGBRegressor(
        n_estimators=5, max_depth=2, learning_rate=1.0, reg_lambda=0.0, base_score=0.0, n_jobs=1
    ).fit(X, y)
    left, errors = y.copy(), []
    for t in range(5):  # each tree is a regression of what the trees before it left over
        step = boosted.predict(X, iteration_range=(t, t + 1))
        left = left - step
        errors.append(np.mean(left**2))
    np.testing.assert_allclose(y - left, boosted.predict(X), atol=1e-5)
    assert (np.diff(errors) < 0).all()


@pytest.mark.erratum("ENS-04")
def test_stability_is_the_business_of_bagging():
    from sklearn.ensemble import BaggingRegressor, GradientBoostingRegressor

    rng = np.random.default_rng(0)
    grid = np.linspace(-2, 2, 40)[:, None]
    found = {"tree": [], "bagging": [], "stump": [], "boosting": []}
    for seed in range(8):
        X = rng.uniform(-2, 2, (80, 1))
        y = np.sin(2 * X[:, 0]) + 0.5 * rng.normal(size=80)
        stump = DecisionTreeRegressor(max_depth=1)
        for name, model in (
            ("tree", DecisionTreeRegressor()),
            ("bagging", BaggingRegressor(DecisionTreeRegressor(), 10, random_state=seed)),
            ("stump", stump),
            ("boosting", GradientBoostingRegressor(max_depth=1, n_estimators=40)),
        ):
            found[name].append(model.fit(X, y).predict(grid))
    truth = np.sin(2 * grid[:, 0])
    variance = {n: np.var(f, axis=0).mean() for n, f in found.items()}
    bias = {n: np.mean((np.mean(f, axis=0) - truth) ** 2) for n, f in found.items()}
    assert variance["bagging"] < 0.7 * variance["tree"]
    assert bias["boosting"] < 0.8 * bias["stump"]


@pytest.mark.erratum("CF-15")
def test_a_reranking_after_the_exploration_undoes_it():
    scores = np.random.default_rng(0).normal(size=200)
    ranked = np.argsort(-scores)
    explore = EpsilonLast(0.3, seed=0)
    kept, left = [], []
    for _ in range(200):
        shown, _ = explore(ranked, 10)
        kept.append((~np.isin(shown, ranked[:10])).mean())
        pool, _ = explore(ranked, 20)
        last = errata.cf_15_collaborative_filtering_last(pool, scores, 10)
        left.append((~np.isin(last, ranked[:20])).mean())
    assert abs(np.mean(kept) - 0.3) < 0.03
    assert np.mean(left) < 0.02
