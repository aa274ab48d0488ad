"""What the models of features, facts and views do with too little, or with what does not fit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from contract import checkerboard

from recsys_book.data import Interactions
from recsys_book.recommenders.features import (
    DIN,
    DeepFM,
    FactorizationMachine,
    FeatureFactorization,
    Field,
    MultiTask,
    WideAndDeep,
    identity_field,
    movielens_fields,
)
from recsys_book.recommenders.fusion import EarlyFusion, LateFusion
from recsys_book.recommenders.knowledge_graph import (
    PathRecommender,
    SideInformationEASE,
    build_triples,
)

FAST = {"epochs": 1, "batch_size": 64, "factors": 2}


def graph_of(n):
    """Items share a kind with every second one; the last has no fact at all."""
    rows = [(f"i{i}", "kind", f"k{i % 2}") for i in range(n - 1)]
    frame = pd.DataFrame(rows, columns=["head", "relation", "tail"])
    return build_triples(frame, pd.Series([f"i{i}" for i in range(n)]))


def table(n, value=1.0):
    features = np.eye(2)[np.arange(n) % 2]
    features[0, 0] = value
    return features


def fields(n_users, n_items, value=1.0):
    side = Field("kind", "item", sp.csr_matrix(table(n_items, value)))
    return identity_field("user", n_users), side


#: From the numbers of users and items, and a value that stands in the features, to a model.
WITH_FEATURES = {
    "machine": lambda u, i, x=1.0: FactorizationMachine(fields(u, i, x), 2, epochs=1),
    "warp": lambda u, i, x=1.0: FeatureFactorization(fields(u, i, x), 2, epochs=1),
    "wide and deep": lambda u, i, x=1.0: WideAndDeep(fields(u, i, x), hidden=(3,), **FAST),
    "deepfm": lambda u, i, x=1.0: DeepFM(fields(u, i, x), hidden=(3,), **FAST),
    "ease with features": lambda u, i, x=1.0: SideInformationEASE(table(i, x), l2=1.0),
    "early fusion": lambda u, i, x=1.0: EarlyFusion({"kind": table(i, x), "id": np.eye(i)}),
    "late fusion": lambda u, i, x=1.0: LateFusion({"kind": table(i, x), "id": np.eye(i)}),
}
RATING = {
    "machine": lambda: FactorizationMachine(factors=2, epochs=2),
    "wide and deep": lambda: WideAndDeep(loss="rating", hidden=(3,), **FAST),
    "deepfm": lambda: DeepFM(loss="rating", hidden=(3,), **FAST),
}
MODELS = {
    **WITH_FEATURES,
    "multi-task": lambda u, i: MultiTask(follow=1.0, **FAST),
    "multi-task, nobody follows": lambda u, i: MultiTask(follow=9.0, rank_by="both", **FAST),
    "multi-task, clicks only": lambda u, i: MultiTask(follow=9.0, space="clicked", **FAST),
    "din": lambda u, i: DIN(hidden=3, length=3, **FAST),
    "paths": lambda u, i: PathRecommender(graph_of(i)),
}
every_model = pytest.mark.parametrize("name", MODELS)


def log_of(pairs, n_users, n_items, value=1.0):
    user, item = np.array(pairs).T
    n = len(user)
    values = np.broadcast_to(float(value), n).copy()
    return Interactions(user, item, values, np.arange(n), np.arange(n_users), np.arange(n_items))


@every_model
def test_a_single_user_who_has_seen_everything(name):
    model = MODELS[name](1, 4).fit(log_of([(0, i) for i in range(4)], 1, 4))
    assert np.isfinite(model.score([0, -1])).all()
    items, values = model.recommend([0], k=3)  # no candidate is left
    assert (items == -1).all() and np.isneginf(values).all()
    assert sorted(model.recommend([0], k=4, exclude_seen=False)[0][0]) == [0, 1, 2, 3]


@every_model
def test_a_single_event(name):
    log = log_of([(0, 1)], 2, 3)
    if name == "din":
        with pytest.raises(ValueError, match="No user has two events"):
            MODELS[name](2, 3).fit(log)
        return
    model = MODELS[name](2, 3).fit(log)
    assert np.isfinite(model.score([0, 1, -1])).all()
    assert set(model.recommend([0], k=2)[0][0]) == {0, 2}


@every_model
def test_items_that_nobody_has_seen_have_finite_scores(name):
    log, _ = checkerboard()
    wider = replace(log, items=np.r_[log.items, 900, 901])
    scores = MODELS[name](20, 22).fit(wider).score(np.arange(20))
    assert scores.shape == (20, 22) and np.isfinite(scores).all()


@every_model
def test_a_user_of_another_vocabulary_is_refused(name):
    model = MODELS[name](20, 20).fit(checkerboard()[0])
    with pytest.raises(ValueError, match="user position 20"):
        model.score([20])


@pytest.mark.parametrize("name", WITH_FEATURES)
def test_features_of_another_catalogue_are_refused(name):
    with pytest.raises(ValueError, match="19"):
        WITH_FEATURES[name](20, 19).fit(checkerboard()[0])


@pytest.mark.parametrize("name", WITH_FEATURES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused_or_means_a_missing_view(name, value):
    model = WITH_FEATURES[name](20, 20, value)
    log, _ = checkerboard()
    if "fusion" in name and np.isnan(value):
        assert np.isfinite(model.fit(log).score(np.arange(20))).all()
        return
    with pytest.raises(ValueError, match="finite"):
        model.fit(log)


@pytest.mark.parametrize("name", RATING)
def test_equal_ratings_are_all_there_is_to_predict(name):
    log = log_of([(u, i) for u in range(4) for i in range(3)], 5, 5, value=3.0)
    model = RATING[name]().fit(log)
    pairs = [0, 4, -1, 0, -1], [0, 0, 0, -1, 4]  # a silent and an unknown user, unknown, unseen
    np.testing.assert_allclose(model.predict(*pairs), 3.0)
    with pytest.raises(ValueError, match="item position 5"):
        model.predict([0], [5])


@pytest.mark.parametrize("name", RATING)
def test_predictions_for_the_unknown_lie_within_the_ratings(name):
    log, _ = checkerboard()
    log = replace(log, value=1.0 + log.item % 5, items=np.r_[log.items, 900])
    model = RATING[name]().fit(log)
    predicted = model.predict([-1, 0, -1, 0], [3, -1, -1, 20])
    assert predicted.dtype == np.float64 and ((predicted >= 1) & (predicted <= 5)).all()


def test_attention_of_the_unknown():
    model = DIN(hidden=3, length=4, **FAST).fit(checkerboard()[0])
    assert (model.attention(-1, [0, 3]) == np.zeros((2, 4))).all()
    assert (model.attention(19, [0, 3]) != 0).all()  # whom -1 must not be taken for
    for items, message in (([-1], "unknown item"), ([20], "item position 20")):
        with pytest.raises(ValueError, match=message):
            model.attention(0, items)


def test_questions_about_items_that_do_not_exist_are_refused():
    log, _ = checkerboard()
    with pytest.raises(ValueError, match="item position 20"):
        PathRecommender(graph_of(20)).fit(log).reasons(0, 20)
    with pytest.raises(ValueError, match="user position 20"):
        MultiTask(**FAST).fit(log).probabilities([20])


def test_a_release_without_people_has_no_fields_of_people(ml100k):
    silent = replace(ml100k, users=None)
    assert len(movielens_fields(silent, ("user", "item", "genre", "year", "hour"))) == 5
    with pytest.raises(ValueError, match="nothing about its users; leave out 'gender'"):
        movielens_fields(silent, ("user", "gender"))
