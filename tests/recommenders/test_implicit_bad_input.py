"""What the models of unary feedback do with logs that hold too little, or all the same."""

import numpy as np
import pytest
from contract import checkerboard

from recsys_book.data import Interactions
from recsys_book.recommenders import BPR, SLIM, WARP, ImplicitALS, LightGCN, LogisticMF

MODELS = {
    "als, cg": lambda: ImplicitALS(3, epochs=2),
    "als, cholesky": lambda: ImplicitALS(3, epochs=2, solver="cholesky"),
    "als, subspace": lambda: ImplicitALS(3, epochs=2, solver="subspace", block=2),
    "bpr": lambda: BPR(3, epochs=2),
    "warp": lambda: WARP(3, epochs=2),
    "logistic": lambda: LogisticMF(3, epochs=2),
    "logistic, sampled": lambda: LogisticMF(3, epochs=2, sample=2),
    "slim": lambda: SLIM(0.1, 1.0),
    "lightgcn": lambda: LightGCN(3, epochs=2, batch_size=300),
}
COUNTS_EVENTS = {"als, cg", "als, cholesky", "als, subspace", "logistic", "logistic, sampled"}

every_model = pytest.mark.parametrize("name", MODELS)


def log_of(pairs, n_users, n_items, value=1.0):
    user, item = np.array(pairs).T
    n = len(user)
    values = np.broadcast_to(value, n).copy()
    return Interactions(user, item, values, np.arange(n), np.arange(n_users), np.arange(n_items))


@every_model
def test_a_single_user_who_has_seen_everything(name):
    model = MODELS[name]().fit(log_of([(0, i) for i in range(4)], 1, 4))
    assert np.isfinite(model.score([0, -1])).all()
    items, values = model.recommend([0], k=3)  # nothing is left to recommend
    assert (items == -1).all() and np.isneginf(values).all()
    assert sorted(model.recommend([0], k=4, exclude_seen=False)[0][0]) == [0, 1, 2, 3]


@every_model
def test_a_single_event(name):
    model = MODELS[name]().fit(log_of([(0, 1)], 2, 3))
    assert np.isfinite(model.score([0, 1, -1])).all()
    assert set(model.recommend([0], k=2)[0][0]) == {0, 2}


@every_model
def test_an_item_that_nobody_has_seen_has_a_finite_score(name):
    log, _ = checkerboard()
    wider = Interactions(
        log.user, log.item, log.value, log.timestamp, log.users, np.r_[log.items, 900, 901]
    )
    scores = MODELS[name]().fit(wider).score(np.arange(20))
    assert scores.shape == (20, 22) and np.isfinite(scores).all()
    if name.startswith("als") or name == "slim":
        np.testing.assert_array_equal(scores[:, 20:], 0)


@every_model
def test_the_values_of_the_events_do_not_matter(name):
    log, _ = checkerboard()
    scores = MODELS[name]().fit(log).score(np.arange(20))
    for value in (np.full(len(log), 5.0), np.arange(len(log)) % 5 + 1.0):
        other = Interactions(log.user, log.item, value, log.timestamp, log.users, log.items)
        np.testing.assert_array_equal(MODELS[name]().fit(other).score(np.arange(20)), scores)


@every_model
def test_a_repeated_event_counts_again_only_where_the_model_says_so(name):
    log, _ = checkerboard()
    twice = log.select(np.r_[np.arange(len(log)), np.zeros(5, int)])
    once, again = (MODELS[name]().fit(each).score(np.arange(20)) for each in (log, twice))
    assert np.array_equal(once, again) == (name not in COUNTS_EVENTS)


@every_model
def test_a_list_longer_than_the_catalogue_is_refused(name):
    model = MODELS[name]().fit(checkerboard()[0])
    with pytest.raises(ValueError, match="k is 21"):
        model.recommend([0], k=21)


@every_model
def test_users_with_the_same_history_and_more_factors_than_items(name):
    log = log_of([(u, i) for u in range(3) for i in range(2)], 3, 3)
    model = MODELS[name]()
    if hasattr(model, "factors"):
        model.factors = 8
    assert np.isfinite(model.fit(log).score([0, 1, 2])).all()
