"""One vector for two domains, and the map from one domain's vectors to the other's."""

from dataclasses import replace

import numpy as np
import pytest

from recsys_book.meta_learning import transfer as tr


def world(rho=1.0, seed=0, **options):
    return tr.simulate_domains(rho, n_users=150, n_items=60, source_events=40, seed=seed, **options)


def rmse(model, log):
    return np.sqrt(np.mean((model.predict(log.user, log.item) - log.value) ** 2))


@pytest.mark.equation("eq-collective")
def test_no_pass_raises_the_objective_and_it_is_what_the_equation_says():
    w = world()
    model = tr.CollectiveFactors(0.3, factors=3, l2=2.0, epochs=5).fit(w.target, w.source)
    assert (np.diff(model.objective_) <= 1e-9).all()
    e = [(np.array([1.0, 2.0]), 1.0), (np.array([3.0]), 0.5)]
    P, Q = np.array([[1.0, 2.0]]), [np.array([[1.0, 0.0]]), np.array([[0.0, 4.0]])]
    value = tr.collective_objective(e, P, Q, np.array([10.0, 1.0]))
    assert value == (1 + 4 + 10) + 0.5 * (9 + 16) + (10 + 4)


@pytest.mark.equation("eq-collective")
def test_the_solution_is_where_the_gradient_vanishes():
    w = world()
    target, source = w.target, w.source
    model = tr.CollectiveFactors(0.3, factors=2, l2=2.0, epochs=400).fit(target, source)
    u, q = 7, model.item_vectors_
    fresh = tr.CollectiveFactors(0.3, factors=2, l2=2.0, epochs=401).fit(target, source)
    np.testing.assert_allclose(fresh.user_vectors_[u], model.user_vectors_[u], atol=1e-4)
    i = 3
    rows = target.item == i
    P = np.column_stack([np.ones(rows.sum()), model.user_vectors_[target.user[rows]][:, 1:]])
    left = target.value[rows] - model.mean_ - model.user_vectors_[target.user[rows]][:, 0]
    want = np.linalg.solve(P.T @ P + np.diag([5.0, 2.0, 2.0]), P.T @ left)
    np.testing.assert_allclose(q[i], want, atol=1e-9)
    parts = [
        (target, q, model.mean_, 1.0),
        (source, model.source_item_vectors_, source.value.mean(), 0.3),
    ]
    M, right = np.diag([5.0, 2.0, 2.0]), np.zeros(3)
    for log, vectors, mean, weight in parts:
        rows = log.user == u
        Q = np.column_stack([np.ones(rows.sum()), vectors[log.item[rows]][:, 1:]])
        M = M + weight * Q.T @ Q
        right += weight * Q.T @ (log.value[rows] - mean - vectors[log.item[rows]][:, 0])
    np.testing.assert_allclose(model.user_vectors_[u], np.linalg.solve(M, right), atol=1e-3)


def test_weight_zero_is_the_target_alone():
    w = world()
    alone = tr.CollectiveFactors(0.0, factors=3).fit(w.target)
    ignored = tr.CollectiveFactors(0.0, factors=3).fit(w.target, w.source)
    np.testing.assert_array_equal(alone.item_vectors_, ignored.item_vectors_)


def test_a_related_source_helps_and_an_unrelated_one_hurts():
    for rho, better in ((1.0, True), (0.0, False)):
        w = world(rho, target_events=50)
        few, rest = tr.few_per_user(w.target, 30 if rho == 0 else 8, 0)
        alone = tr.CollectiveFactors(0.0, factors=4, l2=2.0).fit(few)
        pooled = tr.CollectiveFactors(1.0, factors=4, l2=2.0).fit(few, w.source)
        assert bool(rmse(pooled, rest) < 0.95 * rmse(alone, rest)) is better
        if not better:
            assert rmse(pooled, rest) > 1.2 * rmse(alone, rest)


def test_people_are_matched_by_id_not_by_position():
    w = world()
    shuffled = np.random.default_rng(1).permutation(150)
    renamed = replace(
        w.source, user=np.argsort(shuffled)[w.source.user], users=w.source.users[shuffled]
    )
    sorted_ids = np.argsort(renamed.users)
    renamed = replace(
        renamed, users=renamed.users[sorted_ids], user=np.argsort(sorted_ids)[renamed.user]
    )
    extra = replace(renamed, users=np.r_[-5, renamed.users], user=renamed.user + 1)
    collective, mapped = tr.CollectiveFactors(1.0, factors=2), tr.EMCDR(2, 2.0)
    for model, other in ((collective, extra), (collective, renamed), (mapped, renamed)):
        want = model.fit(w.target, w.source).predict(np.arange(150), np.zeros(150, int))
        got = model.fit(w.target, other).predict(np.arange(150), np.zeros(150, int))
        np.testing.assert_allclose(got, want, atol=1e-6)


def test_unknown_people_and_items_get_the_rest():
    w = world()
    for model in (tr.CollectiveFactors(1.0, factors=2), tr.EMCDR(2)):
        model.fit(w.target, w.source)
        unknown = model.predict(np.array([-1]), np.array([-1]))
        assert unknown == pytest.approx(model.mean_)
        with pytest.raises(ValueError, match="outside the vocabulary"):
            model.predict(np.array([150]), np.array([0]))


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"alpha": 2.0}, "alpha is 2.0"),
        ({"l2": 0.0}, "l2 is 0.0"),
        ({"factors": -1}, "factors is -1"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_settings_out_of_range_are_refused(options, hint):
    w = world()
    with pytest.raises(ValueError, match=hint):
        tr.CollectiveFactors(**options).fit(w.target, w.source)


def test_bad_domains_are_named():
    w = world()
    with pytest.raises(ValueError, match="no source"):
        tr.CollectiveFactors(1.0).fit(w.target)
    with pytest.raises(ValueError, match="target domain has no rating"):
        tr.CollectiveFactors(0.0).fit(w.target.select(np.arange(0)))
    holed = replace(w.source, value=np.where(np.arange(len(w.source)) == 3, np.nan, 3.0))
    with pytest.raises(ValueError, match="Rating 3 of the source domain is nan"):
        tr.CollectiveFactors(1.0).fit(w.target, holed)
    strangers = replace(w.source, users=w.source.users + 1000)
    for model in (tr.CollectiveFactors(1.0), tr.EMCDR()):
        with pytest.raises(ValueError, match="share no user"):
            model.fit(w.target, strangers)


@pytest.mark.equation("eq-emcdr")
def test_the_map_is_the_ridge_regression_with_a_free_constant():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    W = tr.taste_map(x, y, 4.0)
    design = np.column_stack([np.ones(40), x])
    want = np.linalg.solve(design.T @ design + 4 * np.diag([0, 1, 1, 1]), design.T @ y)
    np.testing.assert_allclose(W, want, atol=1e-12)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    np.testing.assert_allclose(tr.taste_map(x, x @ turn + 2, 1e-9)[1:], turn, atol=1e-8)
    np.testing.assert_allclose(tr.taste_map(x, y, 1e12)[0], y.mean(0), atol=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "l2", "hint"),
    [
        (np.ones((2, 1)), np.ones((3, 1)), 1.0, "2 source and 3 target"),
        (np.ones((0, 1)), np.ones((0, 1)), 1.0, "at least one user"),
        (np.full((2, 1), np.nan), np.ones((2, 1)), 1.0, "not finite"),
        (np.ones((2, 1)), np.ones((2, 1)), 0.0, "l2 is 0.0"),
    ],
)
def test_maps_of_nothing_are_refused(x, y, l2, hint):
    with pytest.raises(ValueError, match=hint):
        tr.taste_map(x, y, l2)


@pytest.mark.equation("eq-emcdr")
def test_newcomers_gain_if_the_tastes_are_related_and_not_otherwise():
    for rho, low, high in ((1.0, 0.0, 0.85), (0.0, 0.97, 1.1)):
        w = tr.simulate_domains(rho, source_events=60, target_events=60, seed=2)
        cold = w.target.user < 100
        model = tr.EMCDR(4, 2.0).fit(w.target.select(~cold), w.source)
        rows = w.target.select(cold)
        assert low < rmse(model, rows) / rows.value.std() < high
        assert model.newcomers_.sum() == 100
    warm = w.target.select(~cold)
    assert rmse(model, warm) < 0.8 * warm.value.std()
