"""The factorisation machine: the identity, the gradients, biased factorisation inside it."""

import numpy as np
import pytest
import scipy.sparse as sp
from contract import check_contract, checkerboard

from recsys_book.data import Interactions
from recsys_book.evaluation import rmse
from recsys_book.preprocessing import random_split
from recsys_book.recommenders.features import (
    FactorizationMachine,
    FeatureFactorization,
    Field,
    fm_double_sum,
    fm_linear_time,
    identity_field,
    label_field,
    movielens_fields,
)
from recsys_book.recommenders.features import (
    machine_kernels as kernels,
)
from recsys_book.recommenders.features.factorization_machine import csr_parts

PARITY = label_field("parity", "item", ["even", "odd"] * 10)


def machine(p=7, f=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(), rng.normal(size=p), rng.normal(size=(p, f))


@pytest.mark.equation("eq-fm")
@pytest.mark.equation("eq-fm-linear-time")
def test_the_linear_time_form_is_the_double_sum():
    w0, w, V = machine()
    X = np.random.default_rng(1).normal(size=(20, 7)) * (
        np.random.default_rng(2).random((20, 7)) < 0.6
    )
    slow = [fm_double_sum(x, w0, w, V) for x in X]
    np.testing.assert_allclose(fm_linear_time(X, w0, w, V), slow, rtol=1e-12, atol=1e-12)

    np.testing.assert_allclose(fm_linear_time(sp.csr_matrix(X), w0, w, V), slow, atol=1e-12)


@pytest.mark.equation("eq-fm")
def test_a_pair_counts_once_and_a_feature_does_not_meet_itself():
    V = np.array([[2.0], [3.0], [5.0]])
    assert fm_double_sum(np.array([1.0, 1, 0]), 0.0, np.zeros(3), V) == 6.0
    assert fm_double_sum(np.array([7.0, 0, 0]), 0.0, np.zeros(3), V) == 0.0


@pytest.mark.equation("eq-fm")
def test_with_a_user_and_an_item_it_is_biased_factorisation():
    log, _ = checkerboard()
    log = Interactions(log.user, log.item, 1.0 + log.item % 5, log.timestamp, log.users, log.items)
    model = FactorizationMachine(factors=4, epochs=3, l2=0.01).fit(log)
    b_u, b_i = model.w_[:20], model.w_[20:]
    P, Q = model.V_[:20], model.V_[20:]
    raw = model.w0_ + b_u[:, None] + b_i + P @ Q.T
    np.testing.assert_allclose(model.score(np.arange(20)), np.clip(raw, 1, 5), rtol=1e-12)


def one_event(seed=0):
    """A user with two columns, two items with three (one shared), no time; and all weights."""
    rng = np.random.default_rng(seed)
    users = np.array([[1.0, 0.5, 0, 0, 0, 0]])
    items = np.array([[0, 0, 1, 0, 0.7, 0.0], [0, 0, 0, 1, 0.7, 0.2]])

    tables = [csr_parts(sp.csr_matrix(x)) for x in (users, items, np.zeros((1, 6)))]
    weights = np.array([[0.3]]), rng.normal(size=(6, 1)), rng.normal(size=(6, 4))
    return users, items, tables, weights


def gradient(after, before, rate, acc):
    """AdaGrad from an accumulator ``acc``: the step that was taken gives the gradient back."""
    s = (before - after) / rate  # g / sqrt(acc + g^2)
    return s * np.sqrt(acc / (1 - s**2))


def numerical(loss, params, h=1e-6):
    grads = []
    for param in params:
        grad = np.zeros_like(param)
        for index in np.ndindex(param.shape):
            keep = param[index]
            param[index] = keep + h
            up = loss()
            param[index] = keep - h
            grad[index] = (up - loss()) / (2 * h)
            param[index] = keep
        grads.append(grad)
    return grads


def test_a_step_on_a_rating_follows_the_gradient_by_finite_differences():
    users, items, tables, weights = one_event()
    l2_w, l2_v, value, big = 0.1, 0.2, 4.0, 1e8
    used = (users[0] + items[0]) != 0

    def loss():
        w0, w, V = weights
        guess = fm_linear_time((users[0] + items[0])[None], w0[0, 0], w[:, 0], V)[0]
        return 0.5 * (guess - value) ** 2 + 0.5 * (
            l2_w * (w[used] ** 2).sum() + l2_v * (V[used] ** 2).sum()
        )

    wanted = numerical(loss, weights)
    before = [w.copy() for w in weights]
    accumulators = [np.full_like(w, big) for w in weights]
    one = np.zeros(1, np.int64)
    kernels.rating_epoch(
        one, one, one, np.array([value]), *tables, (*weights, *accumulators), (1.0, l2_w, l2_v)
    )
    for after, old, grad in zip(weights, before, wanted):
        np.testing.assert_allclose(gradient(after, old, 1.0, big), grad, rtol=1e-4, atol=1e-4)


def test_a_step_on_a_pair_follows_the_gradient_by_finite_differences():
    users, items, tables, weights = one_event(3)
    l2, big = 0.05, 1e8

    def loss():
        w0, w, V = weights
        rows = np.stack([users[0] + items[0], users[0] + items[1]])
        good, bad = fm_linear_time(rows, w0[0, 0], w[:, 0], V)
        # the shared column of the items is looked up twice, and so shrunk twice
        looked_up = (users[0] != 0) * 1 + (items != 0).sum(0)
        decay_w = (looked_up - (users[0] != 0)) @ w[:, 0] ** 2  # the user's weight cancels
        return np.log1p(np.exp(bad - good)) + 0.5 * l2 * (decay_w + looked_up @ (V**2).sum(1))

    wanted = numerical(loss, weights)
    before = [w.copy() for w in weights]
    accumulators = [np.full_like(w, big) for w in weights]
    one, seen = np.zeros(1, np.int64), (np.array([0, 1]), np.array([0]))
    for seed in range(100):  # until the draw is the other item
        state = np.array([seed], np.uint64)
        if kernels.below(state.copy(), 2) == 1:
            break
    mean = kernels.ranking_epoch(
        one, one, one, *tables, seen, (*weights, *accumulators), (1.0, l2, l2), state
    )
    for after, old, grad in zip(weights[1:], before[1:], wanted[1:]):
        np.testing.assert_allclose(gradient(after, old, 1.0, big), grad, rtol=1e-3, atol=1e-3)
    assert mean > 0 and weights[0] == before[0]


def test_draws_are_uniform_and_never_out_of_range():
    state = np.array([5], np.uint64)
    draws = np.array([kernels.below(state, 7) for _ in range(7000)])
    np.testing.assert_allclose(np.bincount(draws, minlength=7) / 7000, 1 / 7, atol=0.02)


MODELS = {
    "ranking": lambda: FactorizationMachine(
        factors=4, loss="ranking", epochs=40, rate=0.2, l2=0.001, init=0.3
    ),
    "ranking with a field": lambda: FactorizationMachine(
        (identity_field("user", 20), identity_field("item", 20), PARITY),
        factors=4,
        loss="ranking",
        epochs=40,
        rate=0.2,
        l2=0.001,
    ),
    "warp": lambda: FeatureFactorization(factors=2, epochs=40, rate=0.1, l2=0.03),
    "warp with a field": lambda: FeatureFactorization(
        (identity_field("user", 20), identity_field("item", 20), PARITY), factors=8, epochs=30
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_contract(name):
    check_contract(MODELS[name], personalised=True)


def test_contract_of_the_rating_machine():
    check_contract(lambda: FactorizationMachine(factors=2, epochs=2), personalised=False)


def test_both_keep_the_taste_of_a_new_item_through_its_field():
    log, _ = checkerboard()
    log = log.select(log.item != 6)  # nobody has seen item 6, which is even
    fields = identity_field("user", 20), PARITY
    for model in (
        FactorizationMachine(fields, factors=4, loss="ranking", epochs=30, rate=0.2, l2=0.001),
        FeatureFactorization(fields, factors=4, epochs=30),
    ):
        scores = model.fit(log).score([0, 1])
        assert scores[0, 6] > scores[0, 7] and scores[1, 6] < scores[1, 7]


def test_the_context_enters_as_a_field_and_pays_where_taste_depends_on_it():
    # In the morning a user likes even items and in the evening odd ones: user and item say nothing.
    rng = np.random.default_rng(0)
    n = 3000
    user, item, evening = (
        rng.integers(30, size=n),
        rng.integers(20, size=n),
        rng.integers(2, size=n),
    )
    value = 3.0 + 1.5 * np.where((item % 2) == evening, 1, -1) + rng.normal(0, 0.3, n)
    log = Interactions(user, item, value, 3600 * (8 + 12 * evening), np.arange(30), np.arange(20))
    split = random_split(log, 0.2, 0)
    plain = identity_field("user", 30), identity_field("item", 20)
    error = {}
    for name, fields in (("plain", plain), ("hour", (*plain, Field("hour", "time")))):
        model = FactorizationMachine(fields, factors=4, l2=0.001, rate=0.1, epochs=20, init=0.1)
        model.fit(split.train)
        test = split.test
        error[name] = rmse(test.value, model.predict(test.user, test.item, test.timestamp))
        if name == "hour":
            morning, night = model.score_at([0, 0], np.array([3600 * 8, 3600 * 20]))
    assert error["plain"] > 1.4 and error["hour"] < 0.45
    assert (morning[::2].min() > morning[1::2].max()) and (night[::2].max() < night[1::2].min())


def test_unknown_positions_leave_their_columns_empty():
    log, _ = checkerboard()
    log = Interactions(log.user, log.item, 1.0 + log.user % 5, log.timestamp, log.users, log.items)
    model = FactorizationMachine(factors=3, epochs=5).fit(log.select(log.user != 4))
    assert model.predict([-1], [-1])[0] == pytest.approx(np.clip(model.w0_, 1, 5))
    np.testing.assert_allclose(model.predict([-1, 4], [3, 3]), model.score([-1])[0, 3])
    assert model.predict([], []).shape == (0,)
    assert model.predict([0], [0]).dtype == np.float64


def test_a_lonely_user_and_equal_ratings_are_no_trouble():
    log, _ = checkerboard()
    alone = log.select(log.user == 0)
    for model in (FactorizationMachine(epochs=2), FeatureFactorization(epochs=2)):
        assert np.isfinite(model.fit(alone).score([0, 5])).all()
    assert FactorizationMachine(epochs=2).fit(log).predict([0], [1])[0] == 1.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "hinge"}, "loss is 'hinge'"),
        ({"factors": 0}, "factors is 0"),
        ({"rate": -1.0}, "rate is -1"),
        ({"l2": -0.1}, "l2 is -0.1"),
        ({"l2": float("nan")}, "l2 is nan"),
    ],
)
def test_hyper_parameters_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        FactorizationMachine(**settings).fit(checkerboard()[0])


def test_bad_pairs_are_refused():
    model = FactorizationMachine(epochs=1).fit(checkerboard()[0])
    with pytest.raises(ValueError, match="2 users and 1 items"):
        model.predict([0, 1], [0])
    with pytest.raises(ValueError, match="item position 20"):
        model.predict([0], [20])


def test_side_fields_help_on_real_ratings(ml100k):
    split = random_split(ml100k.interactions, 0.2, 42)
    test = split.test
    error = {}
    for name, fields in (("plain", None), ("side", movielens_fields(ml100k))):
        model = FactorizationMachine(fields, factors=8).fit(split.train)
        error[name] = rmse(test.value, model.predict(test.user, test.item))
    assert error["side"] < error["plain"] - 0.004  # stars
    assert error["plain"] < 0.925  # user and item biases alone reach 0.935


def test_features_of_another_catalogue_are_refused():
    wrong = Field("parity", "item", PARITY.table[:10])
    with pytest.raises(ValueError, match="10 rows and the log has 20 items"):
        FeatureFactorization((identity_field("user", 20), wrong)).fit(checkerboard()[0])
