"""MetaFactors: the inner steps, the posterior they go to, the outer gradient, bad input."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from cold_gradient_cases import check_gradient, planted_log

from recsys_book.meta_learning.cold_start import (
    BayesianFactors,
    FactorTables,
    MetaFactors,
    WarmTasks,
    hierarchical_start,
    plain_start,
    preconditioned_steps,
    warm_biases,
)
from recsys_book.meta_learning.divergence import NonFiniteTaskError

LOG, X, U, FULL = planted_log()
WARM = LOG.select(LOG.user < 36)
NOBODY = np.zeros((LOG.n_users, 0))
NOTHING = np.zeros((LOG.n_items, 0))


def support(user, k=6):
    rows = np.flatnonzero(LOG.user == user)[:k]
    return LOG.item[rows], LOG.value[rows]


def rmse(model):
    asked = [(u, *support(u), np.arange(LOG.n_items)) for u in range(36, 48)]
    answers = model.predict_many(*map(list, zip(*asked)))
    return np.sqrt(np.mean([(a - FULL[u]) ** 2 for (u, *_), a in zip(asked, answers)]))


def small(**settings):
    first = {"item_features": X, "user_features": U, "factors": 2, "sweeps": 4, "l2": 2.0}
    return MetaFactors(**(first | {"outer_steps": 20, "batch": 18, "sizes": (2, 8)} | settings))


@pytest.fixture(scope="module")
def fitted():
    return small().fit(WARM)


@pytest.mark.equation("eq-meta-factors")
def test_a_step_is_the_gradient_of_the_penalised_support_loss():
    rng = np.random.default_rng(0)
    a, e = torch.tensor(rng.normal(size=(2, 5, 3))), torch.tensor(rng.normal(size=(2, 5)))
    precision = torch.tensor(rng.uniform(0.5, 2, (2, 5)))
    precision[1, 3:] = 0.0
    start = torch.tensor(rng.normal(size=(2, 3)), requires_grad=True)
    scale, rate = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64), 0.7
    z = start.detach().clone().requires_grad_()
    for _ in range(2):
        error = (a @ z[:, :, None])[:, :, 0] - e
        loss = 0.5 * (precision * error**2).sum() + 0.5 * ((z - start.detach()) ** 2).sum()
        slope = torch.autograd.grad(loss, z)[0]
        curvature = 1 + (precision[:, :, None] * a**2).sum((1, 2))
        z = (z - (rate / curvature)[:, None] * scale * slope).detach().requires_grad_()
    moved = preconditioned_steps(
        a, e, precision, start, torch.full((2,), rate, dtype=scale.dtype), scale
    )
    torch.testing.assert_close(moved, z, rtol=0, atol=1e-12)


@pytest.mark.equation("eq-meta-factors")
@pytest.mark.equation("eq-posterior-user")
def test_many_steps_reach_the_posterior_mean():
    rng = np.random.default_rng(1)
    a, e = rng.normal(size=(4, 3)), rng.normal(size=4)
    A, noise, start = torch.tensor(a)[None], 0.8, torch.tensor(rng.normal(size=(1, 3)))
    z = preconditioned_steps(
        A,
        torch.tensor(e)[None],
        torch.full((1, 4), 1 / noise, dtype=torch.float64),
        start,
        torch.ones(3000, dtype=torch.float64),
        torch.ones(3, dtype=torch.float64),
    )
    m = start.numpy()[0]
    K = a @ a.T + noise * np.eye(4)
    np.testing.assert_allclose(z[0], m + a.T @ np.linalg.solve(K, e - a @ m), atol=1e-10)


def test_ratings_only_with_many_steps_is_bayesian_factors():
    """No features, no learning: the same answers as the closed form."""
    plain = MetaFactors(factors=3, sweeps=0, steps=600, outer_steps=0).fit(WARM)
    plain.params_["log_rates"][:] = 0.0
    plain.params_["log_rare"][()] = -50.0
    closed = BayesianFactors(factors=3, l2=10.0, noise=0.7).fit(WARM)
    items, ratings = support(40)
    query = np.array([0, 7, 12, -1])
    np.testing.assert_allclose(
        plain.predict(40, items, ratings, query),
        closed.predict(40, items, ratings, query),
        atol=2e-5,
    )


@pytest.mark.equation("eq-maml-objective")
@pytest.mark.parametrize("learn", ["steps", "all"])
def test_meta_gradient_equals_finite_differences(learn):
    model = small(learn=learn, rated=2, outer_steps=2).fit(WARM)
    tasks = WarmTasks(WARM, 5, 12, (3, 6))(0)
    params = {n: p.contiguous().clone().requires_grad_() for n, p in model.params_.items()}
    check_gradient(lambda: model.meta_loss(tasks, params), list(params.values()))


def test_features_and_ratings_help_newcomers(fitted):
    without = small(item_features=None, user_features=None).fit(WARM)
    level = warm_biases(WARM)
    bias_only = np.sqrt(np.mean((level.mean + level.item[:-1] - FULL[36:]) ** 2))
    assert rmse(fitted) < 0.97 * rmse(without)
    assert rmse(without) < 0.8 * bias_only


def test_the_outer_loop_lowers_the_query_loss_of_held_out_users():
    log, x, u, _ = planted_log(n_users=160)
    known, new = log.select(log.user < 120), log.select(log.user >= 120)
    tasks = WarmTasks(new, 1, 40, (6, 6))(0)
    settings = {"item_features": x, "user_features": u, "steps": 2, "batch": 30}
    before, after = (
        float(small(outer_steps=n, **settings).fit(known).meta_loss(tasks)) for n in (0, 60)
    )
    assert after < 0.95 * before


def test_learning_everything_lowers_the_training_loss():
    model = small(learn="all", sweeps=0, outer_steps=80, outer_rate=0.01).fit(WARM)
    assert model.history_[-16:].mean() < 0.9 * model.history_[:16].mean()


def test_same_seed_same_answers(fitted):
    items, ratings = support(41)
    again = small().fit(WARM)
    query = np.arange(8)
    assert (
        fitted.predict(41, items, ratings, query) == again.predict(41, items, ratings, query)
    ).all()
    np.testing.assert_allclose(
        fitted.predict_many([41, 40], [items, items[:2]], [ratings, ratings[:2]], [query, query])[
            0
        ],
        fitted.predict(41, items, ratings, query),
        atol=1e-12,
    )


def test_an_empty_support_gets_the_start_and_unknown_items_are_left_out(fitted):
    query = np.array([3, -1])
    start = fitted.predict(40, [], [], query)
    unknown = fitted.predict(40, [-1, -1], [5.0, 1.0], query)
    np.testing.assert_allclose(start, unknown)
    assert not np.allclose(start, fitted.predict(40, *support(40), query))
    assert np.isfinite(fitted.predict(-1, *support(40), query)).all()


def test_a_support_with_one_value_only(fitted):
    items, _ = support(40, 5)
    low, high = (fitted.predict(40, items, np.full(5, v), np.arange(40)) for v in (1.0, 5.0))
    assert np.isfinite(low).all() and (high > low).all()


def test_nan_in_one_task_is_named_and_the_others_are_unharmed(fitted):
    items, ratings = support(40)
    bad = ratings.copy()
    bad[2] = np.nan
    query = np.arange(5)
    with pytest.raises(NonFiniteTaskError, match=r"Task 1 \(user 41\).*not finite"):
        fitted.predict_many([40, 41], [items] * 2, [ratings, bad], [query] * 2)
    frozen = small(on_divergence="freeze").fit(WARM)
    both = frozen.predict_many([40, 41], [items] * 2, [ratings, bad], [query] * 2)
    np.testing.assert_allclose(both[0], frozen.predict(40, items, ratings, query), atol=1e-12)
    np.testing.assert_allclose(both[1], frozen.predict(41, [], [], query), atol=1e-12)


@pytest.mark.parametrize("how", ["raise", "freeze"])
def test_an_inner_rate_that_diverges(how):
    model = small(on_divergence=how, outer_steps=0).fit(WARM)
    model.params_["log_rates"][:] = 12.0
    items, ratings = support(40)
    if how == "raise":
        with pytest.raises(NonFiniteTaskError, match=r"Task 0 \(user 40\): the inner loop"):
            model.predict(40, items, ratings, [1])
    else:
        given = model.predict(40, items, ratings, [1, 2])
        expected = model.forward(model._tasks([40], [items], [ratings], [[1, 2]]), model.params_)
        np.testing.assert_allclose(given, expected[0, -2:])
        assert (np.abs(given - 3.5) < 4).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"learn": "some"}, "learn is 'some'"),
        ({"steps": 0}, "steps is 0"),
        ({"folds": 1}, "folds is 1"),
        ({"on_divergence": "stop"}, "on_divergence is 'stop'"),
        ({"item_features": X[:5]}, "item_features has shape"),
        ({"user_features": U * np.nan}, "user_features has shape"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(ValueError, match=words):
        small(**settings).fit(WARM)


def tables_of(log, sweeps):
    none = plain_start(log, warm_biases(log), X, U, 2, 10.0)
    return hierarchical_start(log, none, X, U, sweeps=sweeps, l2=2.0) if sweeps else none


def test_whitening_changes_nothing_but_the_coordinates():
    tables = tables_of(WARM, 2).with_unknown_item()
    white = tables.whitened()
    np.testing.assert_allclose(
        white.vectors @ white.vectors.T, tables.vectors @ tables.cov @ tables.vectors.T
    )
    np.testing.assert_allclose(white.bias, tables.bias + tables.vectors @ tables.mean)
    np.testing.assert_allclose(
        white.vectors @ white.user_weights.T, tables.vectors @ tables.user_weights.T
    )


def test_sweeps_without_features_raise_the_marginal_likelihood():
    start = plain_start(WARM, warm_biases(WARM), NOTHING, NOBODY, 2, 10.0)

    def evidence(tables):
        total = 0.0
        for user in range(36):
            rows = WARM.user == user
            A, y = tables.vectors[WARM.item[rows]], WARM.value[rows] - WARM.value.mean()
            e = y - tables.bias[WARM.item[rows]] - A @ tables.mean
            K = A @ tables.cov @ A.T + tables.noise * np.eye(len(e))
            total -= 0.5 * (e @ np.linalg.solve(K, e) + np.linalg.slogdet(K)[1])
        return total

    levels = [
        evidence(hierarchical_start(WARM, start, NOTHING, NOBODY, sweeps=s, l2=1e-3, l2_bias=1e-3))
        for s in (1, 2, 4, 8)
    ]
    assert (np.diff(levels) > 0).all()


def test_tables_that_are_not_finite_are_refused():
    tables = tables_of(WARM, 0)
    with pytest.raises(ValueError, match="not finite"):
        FactorTables(**(vars(tables) | {"bias": tables.bias * np.nan}))


def test_five_learned_steps_on_real_newcomers(ml100k):
    """Better than empirical-Bayes factors at k = 10 on a test split, in two seconds."""
    from recsys_book.meta_learning.cold_start import (
        cold_user_world,
        episodes,
        film_flags,
        judge_episodes,
        people_flags,
        pooled_rmse,
        predict_episodes,
    )

    world = cold_user_world(ml100k.interactions, 0)
    tasks = episodes(world, 10)
    features = {"item_features": film_flags(ml100k), "user_features": people_flags(ml100k)}

    def error(model):
        return pooled_rmse(judge_episodes(predict_episodes(model, world, tasks), world, tasks))

    bayes = error(BayesianFactors().fit(world.warm))
    assert error(MetaFactors(rated=10, **features).fit(world.warm)) < 0.99 * bayes
