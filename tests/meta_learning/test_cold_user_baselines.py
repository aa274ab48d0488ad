"""Means, biases, neighbours and ridge on text: what a newcomer gets from them, and bad input."""

import numpy as np
import pytest

from recsys_book.data import Interactions
from recsys_book.meta_learning.cold_start import (
    BayesianFactors,
    BiasesWithUserRidge,
    DrawnFactors,
    FactorFoldIn,
    GlobalMean,
    ItemBiasOnly,
    ItemGP,
    ItemMean,
    NewcomerKNN,
    TextRidge,
    UserMean,
    centred_units,
    cold_user_world,
    episodes,
    judge_episodes,
    measure,
    ridge_user_bias,
    warm_biases,
)
from recsys_book.recommenders.base import NotFittedError

N_ITEMS = 30


@pytest.fixture(scope="module")
def warm():
    """Forty users of two tastes; item 29 was never rated, user 40 is a newcomer."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(40), 15)
    item = np.concatenate([rng.permutation(N_ITEMS - 1)[:15] for _ in range(40)])
    taste = np.where(user % 2, 1.0, -1.0) * np.where(item < 15, 1.0, -1.0)
    value = np.clip(np.round(3.4 + taste + 0.4 * rng.normal(size=len(user))), 1, 5)
    return Interactions(user, item, value, np.arange(len(user)), np.arange(41), np.arange(N_ITEMS))


def texts():
    return np.random.default_rng(1).normal(size=(N_ITEMS, 4))


MODELS = {
    "global": GlobalMean,
    "user": UserMean,
    "item": ItemMean,
    "bias": ItemBiasOnly,
    "ridge": BiasesWithUserRidge,
    "text": lambda: TextRidge(texts()),
    "fold-in": lambda: FactorFoldIn(factors=2, l2=1.0, l2_newcomer=1.0),
    "knn": lambda: NewcomerKNN(k=10, shrinkage=2.0),
    "gp": lambda: ItemGP(shrinkage=5.0),
    "gp and text": lambda: ItemGP(shrinkage=5.0, vectors=texts()),
    "bayes": lambda: BayesianFactors(factors=2, l2=1.0),
    "em": lambda: BayesianFactors(factors=2, l2=1.0, em_steps=2),
    "draws": lambda: DrawnFactors(factors=2, samples=5, burn_in=5, rated=2, shown=4),
}
PERSONAL = ("fold-in", "knn", "gp", "bayes", "draws")


@pytest.fixture(scope="module", params=sorted(MODELS))
def fitted(request, warm):
    return request.param, MODELS[request.param]().fit(warm)


def test_answers_are_finite_whatever_is_shown(fitted):
    _, model = fitted
    query = np.array([0, 20, 29, -1])
    for items, ratings in (
        ([], []),  # nothing
        ([3], [5.0]),  # one
        ([1, 2, 3, 16, 17], [5.0] * 5),  # one value only
        ([-1, -1], [1.0, 5.0]),  # unknown items only
        ([29, 29], [1.0, 1.0]),  # an item without training events
    ):
        for user in (40, -1):
            answer = model.predict(user, np.array(items, dtype=int), np.array(ratings), query)
            assert answer.shape == (4,)
            assert np.isfinite(answer).all()


def test_ratings_of_unknown_items_are_left_out(fitted):
    _, model = fitted
    query = np.arange(N_ITEMS)
    clean = model.predict(40, np.array([1, 16]), np.array([5.0, 1.0]), query)
    mixed = model.predict(40, np.array([1, -1, 16]), np.array([5.0, 1.0, 1.0]), query)
    assert np.array_equal(clean, mixed)


def test_taste_is_recognised(fitted):
    name, model = fitted
    if name not in PERSONAL:
        pytest.skip("knows no tastes")
    items, ratings = np.array([0, 3, 6, 16, 18, 20]), np.array([5.0, 5, 5, 2, 2, 2])
    answer = model.predict(40, items, ratings, np.array([9, 25]))
    assert answer[0] > answer[1] + 0.15
    other = model.predict(40, items, 7 - ratings, np.array([9, 25]))
    assert other[1] > other[0] + 0.15


def test_the_same_fit_gives_the_same_answer(fitted, warm):
    name, model = fitted
    shown = (40, np.array([1, 16]), np.array([5.0, 1.0]), np.arange(N_ITEMS))
    assert np.array_equal(model.predict(*shown), MODELS[name]().fit(warm).predict(*shown))


@pytest.mark.equation("eq-user-ridge")
def test_user_ridge_is_the_mean_of_its_posterior():
    e, noise, prior = np.array([1.0, 0.5, -0.2]), 0.8, 0.2
    grid = np.linspace(-4, 4, 80_001)
    log_posterior = -((e[:, None] - grid) ** 2).sum(0) / (2 * noise) - grid**2 / (2 * prior)
    weight = np.exp(log_posterior - log_posterior.max())
    assert ridge_user_bias(e, noise / prior) == pytest.approx(weight @ grid / weight.sum())
    assert ridge_user_bias(e[:0], 4.0) == 0.0


def test_baselines_by_hand(warm):
    items, ratings, query = np.array([0, 1]), np.array([5.0, 5.0]), np.array([2, -1])
    biases = warm_biases(warm)
    mu, b = biases.mean, biases.item
    assert GlobalMean().fit(warm).predict(40, items, ratings, query) == pytest.approx([mu, mu])
    user = UserMean(6.0).fit(warm).predict(40, items, ratings, query)
    assert user == pytest.approx(mu + 2 * (5 - mu) / 8)
    of_two = warm.value[warm.item == 2]
    item = ItemMean(3.0).fit(warm).predict(40, items, ratings, query)
    assert item == pytest.approx([mu + (of_two - mu).sum() / (len(of_two) + 3), mu])
    ridge = BiasesWithUserRidge(5.0).fit(warm).predict(40, items, ratings, query)
    bias = (10 - 2 * mu - b[0] - b[1]) / 7
    assert ridge == pytest.approx([mu + b[2] + bias, mu + bias])


def test_biases_leave_residuals_without_level(warm):
    biases = warm_biases(warm, l2_item=1e-9, l2_user=1e-9, sweeps=200)
    left = biases.residuals(warm)
    assert np.bincount(warm.item, left, N_ITEMS) == pytest.approx(np.zeros(N_ITEMS), abs=1e-6)
    assert biases.item[29] == biases.item[-1] == biases.user[40] == 0.0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda m: m.predict(40, [0], [1.0, 2.0], [1]), "1 items and 2 ratings"),
        (lambda m: m.predict(40, [0], [np.nan], [1]), "user 40 holds a rating that is not finite"),
        (lambda m: m.predict(41, [0], [1.0], [1]), "user position 41"),
        (lambda m: m.predict(40, [30], [1.0], [1]), "item position 30"),
        (lambda m: m.predict(40, [0], [1.0], [-2]), "item position -2"),
    ],
)
def test_bad_questions_are_refused(warm, call, match):
    with pytest.raises(ValueError, match=match):
        call(GlobalMean().fit(warm))


def test_bad_logs_are_refused(warm):
    with pytest.raises(ValueError, match="empty log"):
        GlobalMean().fit(warm.select(np.array([], dtype=int)))
    broken = warm.select(np.arange(5))
    broken.value[3] = np.inf
    with pytest.raises(ValueError, match="not finite in row 3"):
        GlobalMean().fit(broken)
    with pytest.raises(NotFittedError, match="GlobalMean is not fitted"):
        GlobalMean().predict(0, [0], [1.0], [1])


def test_text_vectors_are_centred_and_checked():
    units = centred_units(np.vstack([texts(), texts().mean(0)]), N_ITEMS + 1)
    lengths = np.linalg.norm(units, axis=1)
    assert lengths[:N_ITEMS] == pytest.approx(np.ones(N_ITEMS))
    assert lengths[-1] == 0.0
    for wrong in (texts()[:3], texts()[:, 0], texts() * np.nan):
        with pytest.raises(ValueError, match="one finite row for every item"):
            centred_units(wrong, N_ITEMS)


def test_neighbours_without_agreement_change_nothing(warm):
    model = NewcomerKNN().fit(warm)
    lonely = model.predict(40, np.array([29]), np.array([5.0]), np.arange(5))
    ridge = BiasesWithUserRidge(3.0).fit(warm).predict(40, [29], [5.0], np.arange(5))
    assert lonely == pytest.approx(ridge)


def test_a_user_bias_cannot_change_ndcg(ml100k):
    world = cold_user_world(ml100k.interactions, 0)
    log, tasks = world.log, episodes(world, 5)
    answers = []
    for make in (ItemBiasOnly, BiasesWithUserRidge):
        model = make().fit(world.warm)
        asked = (
            (t.user, log.item[t.support], log.value[t.support], log.item[t.query]) for t in tasks
        )
        answers.append([model.predict(*each) for each in asked])
    plain, shifted = (judge_episodes(answer, world, tasks) for answer in answers)
    assert shifted["ndcg@5"] == pytest.approx(plain["ndcg@5"])
    assert (shifted["rmse"] != plain["rmse"]).all()


@pytest.mark.parametrize(
    ("make", "five", "ten"),
    [
        (GlobalMean, 1.1206, 1.1199),
        (ItemMean, 1.0131, 1.0114),
        (BiasesWithUserRidge, 0.9694, 0.9558),
        (FactorFoldIn, 0.9701, 0.9512),
        (BayesianFactors, 0.9642, 0.9470),
    ],
)
def test_the_published_errors_are_reproduced(ml100k, make, five, ten):
    measured = measure(make, ml100k.interactions, hows=("random",))
    assert measured.rmse("random", 5) == pytest.approx(five, abs=0.001)
    assert measured.rmse("random", 10) == pytest.approx(ten, abs=0.001)
