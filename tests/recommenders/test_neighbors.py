"""Neighbour models: the contract, the scores written out, reasons, and bad input."""

import numpy as np
import pytest
from contract import check_contract, checkerboard

from recsys_book.data import Interactions
from recsys_book.recommenders import ItemKNN, RP3beta, UserKNN

#: All items of a colour are level on the checkerboard: where an item of the history speaks for its
#: k neighbours only, k has to hold them all.
MODELS = {
    "user": lambda: UserKNN(k=5),
    "user, jaccard": lambda: UserKNN(k=5, similarity="jaccard", shrinkage=1.0),
    "user, tf-idf": lambda: UserKNN(k=5, similarity="tfidf"),
    "item": lambda: ItemKNN(k=5),
    "item, bm25": lambda: ItemKNN(k=10, similarity="bm25", keep="source"),
    "item, recent": lambda: ItemKNN(k=5, half_life=4.0, alpha=0.3),
    "random walks": lambda: RP3beta(k=10),
}
#: On ratings that are all one, centred ratings say nothing.
RATING_MEASURES = {
    "user, pearson": lambda: UserKNN(k=5, similarity="pearson"),
    "item, adjusted cosine": lambda: ItemKNN(k=5, similarity="adjusted_cosine"),
}


def make_log(user, item, value=None, n_users=None, n_items=None):
    user, item = np.asarray(user), np.asarray(item)
    return Interactions(
        user=user,
        item=item,
        value=np.ones(len(user)) if value is None else np.asarray(value, float),
        timestamp=np.arange(len(user)),
        users=np.arange(n_users or user.max() + 1),
        items=np.arange(n_items or item.max() + 1),
    )


@pytest.mark.parametrize("name", MODELS)
def test_contract(name):
    check_contract(MODELS[name], personalised=True)


@pytest.mark.parametrize("name", RATING_MEASURES)
def test_contract_of_measures_of_ratings(name):
    check_contract(RATING_MEASURES[name], personalised=False)


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(0)
    table = rng.random((30, 12)) < 0.3
    table[np.arange(30), np.arange(30) % 12] = True  # nobody is without an event
    user, item = np.nonzero(table)
    return make_log(user, item, rng.integers(1, 6, len(user)), 30, 12)


@pytest.mark.equation("eq-knn-score")
@pytest.mark.parametrize("keep", ["target", "source"])
def test_item_scores_written_out(log, keep):
    X = log.to_csr(1.0).toarray()
    n, together = X.sum(axis=0), X.T @ X
    s = together / (n[:, None] ** 0.5 * n**0.5 + 2.0)
    np.fill_diagonal(s, 0)
    for j in range(12):
        line = s[:, j] if keep == "target" else s[j]
        line[np.argsort(-line, kind="stable")[4:]] = 0  # a view: only four neighbours stay
    want = np.array(
        [[sum(s[i, j] for i in np.flatnonzero(X[u])) for j in range(12)] for u in range(30)]
    )
    model = ItemKNN(k=4, shrinkage=2.0, keep=keep).fit(log)
    np.testing.assert_allclose(model.score(np.arange(30)), want, atol=1e-12)


@pytest.mark.equation("eq-knn-score")
def test_user_scores_written_out(log):
    X = log.to_csr(1.0).toarray()
    n, together = X.sum(axis=1), X @ X.T
    s = together / (n[:, None] ** 0.5 * n**0.5 + 1.0)
    np.fill_diagonal(s, 0)
    want = np.zeros((30, 12))
    for u in range(30):
        for v in np.argsort(-s[u], kind="stable")[:6]:
            want[u] += s[u, v] * X[v]
    model = UserKNN(k=6, shrinkage=1.0).fit(log)
    np.testing.assert_allclose(model.score(np.arange(30)), want, atol=1e-12)


def test_random_walks_written_out(log):
    X = log.to_csr(1.0).toarray()
    item, user = X.sum(axis=0), np.maximum(X.sum(axis=1), 1)
    walk = (X / item).T ** 0.8 @ (X / user[:, None]) ** 0.8 / item**0.4
    np.fill_diagonal(walk, 0)
    model = RP3beta(k=12, alpha=0.8, beta=0.4).fit(log)
    np.testing.assert_allclose(model.score(np.arange(30)), X @ walk, rtol=1e-10)


def test_a_smaller_alpha_holds_popular_items_back():
    # Item 0 is bought by everybody, items 1 and 2 by the same three.
    user = np.r_[np.arange(20), [0, 1, 2], [0, 1, 2]]
    item = np.r_[np.zeros(20, int), [1] * 3, [2] * 3]
    log = make_log(user, item)
    plain, strict = (ItemKNN(k=2, shrinkage=0.0, alpha=a).fit(log) for a in (0.9, 0.1))
    assert plain.similarity_[1, 0] > strict.similarity_[1, 0]


def test_half_life_weights_the_history(log):
    model = ItemKNN(k=4, half_life=1.0).fit(log)
    np.testing.assert_array_equal(
        model.similarity_.toarray(), ItemKNN(4).fit(log).similarity_.toarray()
    )
    last = log.item[log.user == 5][-1]
    assert model.history_[5, last] == 1 and model.history_[5].max() == 1
    assert model.history_[5].sum() < 2


def test_contributions_add_up_to_the_score(log):
    model = ItemKNN(k=6, shrinkage=1.0).fit(log)
    user = 3
    history = set(log.item[log.user == user])
    item = int(model.recommend([user], k=1)[0][0, 0])
    reasons, shares = model.explain(user, item, n=12)
    assert set(reasons) <= history and (np.diff(shares) <= 0).all() and (shares > 0).all()
    assert shares.sum() == pytest.approx(model.score([user])[0, item])
    assert len(model.explain(user, item, n=1)[0]) == 1
    for nobody in ((-1, item), (user, -1)):
        assert len(model.explain(*nobody)[0]) == 0


def test_an_item_without_events_gets_a_finite_score():
    log = make_log([0, 0, 1, 1], [0, 1, 0, 1], n_items=4)
    for make in (*MODELS.values(), *RATING_MEASURES.values()):
        scores = make().fit(log).score([0, 1, -1])
        assert np.isfinite(scores).all()


@pytest.mark.filterwarnings("error")
def test_one_user_and_ratings_that_are_all_equal():
    alone = make_log([0, 0, 0], [0, 1, 2], [3, 3, 3], n_items=4)
    for make in (*MODELS.values(), *RATING_MEASURES.values()):
        scores = make().fit(alone).score([0])
        assert scores.shape == (1, 4) and np.isfinite(scores).all()


def test_repeated_pairs_count_once_and_with_their_mean_rating():
    once = make_log([0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2], [5, 1, 4, 4, 2, 5])
    twice = make_log([0, 0, 0, 0, 1, 1, 1], [0, 0, 1, 2, 0, 1, 2], [4, 6, 1, 4, 4, 2, 5])
    for similarity in ("cosine", "pearson", "adjusted_cosine"):
        a, b = (UserKNN(similarity=similarity).fit(each).similarity_ for each in (once, twice))
        np.testing.assert_allclose(a.toarray(), b.toarray(), atol=1e-12)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ItemKNN(keep="both"), "keep is 'both'"),
        (ItemKNN(half_life=0.0), "half_life is 0"),
        (ItemKNN(similarity="euclid"), "similarity is 'euclid'"),
        (UserKNN(k=0), "k is 0"),
        (RP3beta(beta=-1.0), "beta -1"),
    ],
)
def test_settings_out_of_range(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(checkerboard()[0])
