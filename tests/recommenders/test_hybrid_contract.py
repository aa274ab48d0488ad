"""Every hybrid keeps the contract of recommenders, and says what it does with bad input."""

import numpy as np
import pytest
from contract import N, check_contract, checkerboard, parity_features

from recsys_book.data import Interactions
from recsys_book.recommenders import (
    EASE,
    BaggedRecommender,
    BoostedEASE,
    BoostedRecommender,
    CascadeHybrid,
    ContentRidge,
    ContextReweighting,
    FeatureAugmentation,
    FeatureCombination,
    GenreProfile,
    Popularity,
    RankFusion,
    RecentPopularity,
    StackedHybrid,
    StackedRating,
    SwitchingHybrid,
    UserItemBias,
    WeightedHybrid,
)

FEATURES = parity_features()


def members():
    return [EASE(5.0), GenreProfile(FEATURES), Popularity()]


RANKERS = {
    "weighted, learned on time": lambda: WeightedHybrid(members()),
    "weighted, learned on last": lambda: WeightedHybrid(members(), validation="last"),
    "weighted, given": lambda: WeightedHybrid(members(), [2.0, 1.0, 0.0], scale="zscore"),
    "borda": lambda: RankFusion(members()[:2], "borda"),
    "reciprocal ranks": lambda: RankFusion(members()[:2], "rrf"),
    "vote": lambda: RankFusion(members()[:2], "vote", depth=1),
    "switching users": lambda: SwitchingHybrid(members()[:2], (5,)),
    "switching items": lambda: SwitchingHybrid(members()[:2], (5,), by="item"),
    "cascade": lambda: CascadeHybrid(GenreProfile(FEATURES), EASE(5.0), 5),
    "feature combination": lambda: FeatureCombination(FEATURES, 1.0, 5.0),
    "feature augmentation": lambda: FeatureAugmentation(GenreProfile(FEATURES), EASE(5.0), 1),
    "stacked, last": lambda: StackedHybrid(members(), "logistic", validation="last", negatives=5),
    "stacked, nothing held back": lambda: StackedHybrid(members()[:2], "logistic"),
    "bagged rows": lambda: BaggedRecommender(EASE(5.0), 5),
    "bagged users": lambda: BaggedRecommender(EASE(5.0), 5, "users"),
    "boosted": lambda: BoostedEASE(3, 5.0),
    "context": lambda: ContextReweighting(EASE(5.0), "daytime", 0.1),
}
RATERS = {
    "stacked": lambda: StackedRating([UserItemBias(), ContentRidge(FEATURES)], k=3),
    "stacked, free": lambda: StackedRating([UserItemBias()], convex=False, k=2),
    "bagged": lambda: BaggedRecommender(UserItemBias(), 3),
    "boosted": lambda: BoostedRecommender([UserItemBias(), ContentRidge(FEATURES)], 0.5),
    "content ridge": lambda: ContentRidge(FEATURES),
}


@pytest.mark.parametrize("name", RANKERS)
def test_ranker_keeps_the_contract(name):
    check_contract(RANKERS[name], personalised=True)


@pytest.mark.parametrize("name", RATERS)
def test_rater_keeps_the_contract(name):
    check_contract(RATERS[name], personalised=False)


@pytest.mark.parametrize("name", RATERS)
def test_rater_predicts_pairs_and_unknown_ones(name):
    rng = np.random.default_rng(0)
    log = checkerboard()[0]
    log = Interactions(
        log.user, log.item, rng.integers(1, 6, len(log)), log.timestamp, log.users, log.items
    )
    model = RATERS[name]().fit(log)
    users, items = np.arange(N), np.arange(N)[::-1]
    pairs = model.predict(users, items)
    np.testing.assert_allclose(pairs, model.score(users)[users, items], rtol=1e-12)
    assert pairs.min() >= 1 and pairs.max() <= 5
    unknown = model.predict([-1, 0, -1], [0, -1, -1])
    assert np.isfinite(unknown).all()
    with pytest.raises(ValueError, match="one length"):
        model.predict([0], [0, 1])


def single_user():
    n = 8
    return Interactions(
        np.zeros(n), np.arange(n), np.full(n, 3.0), np.arange(n), np.array([7]), np.arange(12)
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: WeightedHybrid([EASE(5.0), Popularity()]),
        lambda: RankFusion([EASE(5.0), Popularity()]),
        lambda: StackedHybrid([EASE(5.0), Popularity()], validation="last", negatives=500),
        lambda: BaggedRecommender(EASE(5.0), 2, "users"),
        lambda: BoostedEASE(2, 5.0),
        lambda: BoostedRecommender([UserItemBias()]),
        lambda: StackedRating([UserItemBias(), UserItemBias(9.0)], k=2),
    ],
)
def test_one_user_and_equal_ratings_are_enough(make):
    model = make().fit(single_user())
    assert np.isfinite(model.score([0, -1])).all()
    items, _ = model.recommend([0], 4)
    assert sorted(items[0]) == [8, 9, 10, 11]  # items never seen in training are scored too


def test_a_log_without_times_needs_another_rule():
    log = single_user()
    flat = Interactions(log.user, log.item, log.value, 0 * log.timestamp, log.users, log.items)
    with pytest.raises(ValueError, match="all timestamps are equal"):
        WeightedHybrid([Popularity()]).fit(flat)
    for rule in ("random", lambda log: []):
        assert WeightedHybrid([Popularity()], validation=rule).fit(flat).weights_ == [1.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WeightedHybrid([]), "at least one"),
        (lambda: RankFusion([]), "at least one recommender"),
        (lambda: WeightedHybrid([Popularity()], [1.0, 2.0]), "1 members but weights of shape"),
        (lambda: WeightedHybrid([Popularity()], [-1.0]), "at least 0"),
        (lambda: WeightedHybrid([Popularity()], [np.nan]), "at least 0"),
        (lambda: WeightedHybrid([Popularity()], validation="fold"), "validation is 'fold'"),
        (lambda: RankFusion([Popularity()], "mean"), "rule is 'mean'"),
        (lambda: SwitchingHybrid([Popularity()], (), "day"), "by is 'day'"),
        (lambda: SwitchingHybrid([Popularity()], (3,)), "one rising threshold"),
        (lambda: SwitchingHybrid([Popularity()] * 3, (3, 3)), "one rising threshold"),
        (lambda: CascadeHybrid(Popularity(), EASE(), 0), "candidates is 0"),
        (lambda: FeatureCombination(FEATURES[1:]), "features have shape"),
        (lambda: FeatureCombination(FEATURES * np.nan), "item 0 are NaN"),
        (lambda: FeatureCombination(FEATURES, weight=-1.0), "weight is -1"),
        (lambda: ContentRidge(np.full_like(FEATURES, np.inf)), "NaN or infinite"),
        (lambda: ContentRidge(FEATURES, l2=0.0), "l2 is 0"),
        (lambda: StackedHybrid([Popularity()], "tree"), "learner is 'tree'"),
        (lambda: BaggedRecommender(EASE(), 0), "n_models is 0"),
        (lambda: BaggedRecommender(EASE(), 2, "items"), "sample is 'items'"),
        (lambda: BaggedRecommender(Popularity(), 2, "users"), "not fitted on"),
        (lambda: BoostedEASE(0), "rounds is 0"),
        (lambda: BoostedRecommender([]), "at least one rating model"),
        (lambda: BoostedRecommender([UserItemBias()], 0.0), "rate is 0"),
        (lambda: ContextReweighting(EASE(), "moon"), "context is 'moon'"),
        (lambda: ContextReweighting(EASE(), "daytime", -1.0), "strength is -1"),
        (lambda: ContextReweighting(EASE(), np.zeros(3, int)), "one integer"),
        (lambda: ContextReweighting(EASE(), np.zeros(180)), "one integer"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make().fit(checkerboard()[0])


def test_candidates_beyond_the_catalogue_mean_all_of_it():
    log, _ = checkerboard()
    cascade = CascadeHybrid(RecentPopularity(0.5), EASE(5.0), 10_000).fit(log)
    alone = EASE(5.0).fit(log)
    np.testing.assert_array_equal(
        np.sort(cascade.recommend([3], 5)[0]), np.sort(alone.recommend([3], 5)[0])
    )


def test_members_are_left_unfitted_and_vocabularies_must_agree():
    log, _ = checkerboard()
    inner = EASE(5.0)
    model = WeightedHybrid([inner], [1.0]).fit(log)
    assert not hasattr(inner, "seen_")
    shorter = Interactions(
        log.user, log.item, log.value, log.timestamp, log.users, np.r_[log.items, 999]
    )
    with pytest.raises(ValueError, match="are not the"):
        model.models_[0].score_histories(shorter)


def test_only_a_rating_model_in_a_bag_predicts():
    model = BaggedRecommender(EASE(5.0), 2).fit(checkerboard()[0])
    assert model.out_of_bag_rmse_ is None
    with pytest.raises(ValueError, match="predicts no ratings"):
        model.predict([0], [0])
