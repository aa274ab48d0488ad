"""From no rating to twenty: maps, posteriors, networks with gaps, and generated starts."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.meta_learning import cold_start as cold
from recsys_book.meta_learning.cold_start.networks import minimise, small_network
from recsys_book.recommenders import BiasedALS


@pytest.fixture(scope="module")
def planted():
    """80 users, 60 items; items' vectors are a linear function of their features, nearly."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 4))
    theta = features @ rng.normal(0, 0.4, (4, 3)) + rng.normal(0, 0.1, (60, 3))
    users = np.column_stack([np.ones(80), rng.normal(0, 1.0, (80, 2))])
    user, item = np.nonzero(rng.random((80, 60)) < 0.6)
    value = 3 + (users[user] * theta[item]).sum(axis=1) + rng.normal(0, 0.3, len(user))
    strict = np.linspace(-1, 1, 80)
    value += strict[user]
    log = Interactions(user, item, value, np.arange(len(user)), np.arange(80), np.arange(60))
    life = cold.item_life(log, 0, most=10, at_least=20)
    counts = np.bincount(life.warm.item, minlength=60)
    space = cold.WarmSpace(3.0, strict, users, theta * (counts > 0)[:, None], counts)
    return life, space, features, theta


def rmse(life, space, theta):
    judged = cold.judge_life(life, space, theta)
    return np.sqrt(judged["squared_error"].sum() / judged["count"].sum())


def test_what_arrives_and_what_is_asked_do_not_overlap(planted):
    life = planted[0]
    assert life.arrivals.shape == (len(life.items), 10)
    for item, first, query in zip(life.items, life.arrivals, life.query):
        assert not set(first) & set(query)
        assert set(life.log.item[np.r_[first, query]]) == {item}
        assert len(first) + len(query) == (life.log.item == item).sum()
    assert not set(life.warm.item) & set(life.items)


def test_equations_are_the_ratings_minus_levels(planted):
    life, space, *_ = planted
    A, y = cold.equations(life, space, 3)
    assert A.shape == (len(life.items), 3, 3)
    row = life.arrivals[2, 1]
    assert np.array_equal(A[2, 1], space.users[life.log.user[row]])
    strict = space.user_bias[life.log.user[row]]
    assert y[2, 1] == pytest.approx(life.log.value[row] - 3 - strict)
    assert cold.equations(life, space, 0)[0].shape == (len(life.items), 0, 3)


def test_the_space_of_a_model_predicts_as_the_model(planted):
    life = planted[0]
    model = BiasedALS(3, 2.0, 5).fit(life.warm)
    space = cold.warm_space(model, life.warm)
    u, i = life.warm.user[:50], life.warm.item[:50]
    ours = space.mean + space.user_bias[u] + (space.users[u] * space.items[i]).sum(axis=1)
    ours = np.clip(ours, life.warm.value.min(), life.warm.value.max())
    assert np.allclose(ours, model.predict(u, i))
    assert not space.items[life.items].any()


def test_an_item_without_ratings_has_no_vector_even_if_the_model_drew_one(planted):
    life = planted[0]
    drawn = SimpleNamespace(
        mean_=3.0,
        user_bias_=np.zeros(80),
        item_bias_=np.ones(60),
        user_factors_=np.ones((80, 2)),
        item_factors_=np.ones((60, 2)),
    )
    space = cold.warm_space(drawn, life.warm)
    assert not space.items[life.items].any()
    assert np.array_equal(space.items[space.counts > 0], np.ones((60 - len(life.items), 3)))


def test_judging_counts_errors_by_item_and_orders_by_user(planted):
    life, space, _, theta = planted
    judged = cold.judge_life(life, space, theta[life.items])
    rows = life.query[1]
    user = life.log.user[rows]
    guess = 3 + space.user_bias[user] + space.users[user] @ theta[life.items[1]]
    guess = np.clip(guess, life.warm.value.min(), life.warm.value.max())
    assert judged["squared_error"][1] == pytest.approx(((guess - life.log.value[rows]) ** 2).sum())
    assert judged["count"][1] == len(rows)
    upside_down = cold.judge_life(life, space, -theta[life.items])
    assert upside_down["ndcg@5"].mean() < judged["ndcg@5"].mean() - 0.1
    assert judged["ndcg@5"].max() <= 1


@pytest.mark.equation("eq-newborn-posterior")
def test_the_posterior_is_that_of_the_normal_equations():
    rng = np.random.default_rng(0)
    A, y, prior = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6)), rng.normal(size=(4, 3))
    root = rng.normal(size=(3, 3))
    S, noise = root @ root.T + np.eye(3), 0.7
    out = cold.newborn_posterior(prior, S, A, y, noise)
    for j in range(4):
        left = np.linalg.inv(S) + A[j].T @ A[j] / noise
        right = np.linalg.solve(S, prior[j]) + A[j].T @ y[j] / noise
        assert np.allclose(out[j], np.linalg.solve(left, right), atol=1e-10)


def test_the_posterior_goes_from_the_prior_to_the_ratings(planted):
    life, space, features, theta = planted
    model = cold.TextToFactor(features, l2=0.1).fit(space, noise=0.09)
    blind = cold.TextToFactor(None).fit(space, noise=0.09)
    errors = []
    for n in (0, 1, 5, 10):
        A, y = cold.equations(life, space, n)
        told, untold = (m.vectors(life.items, A, y) for m in (model, blind))
        errors.append((rmse(life, space, told), rmse(life, space, untold)))
    told, untold = np.array(errors).T
    assert (told < untold).all() and (np.diff(told) < 0).all() and (np.diff(untold) < 0).all()
    assert (untold - told)[-1] < 0.3 * (untold - told)[0]
    A, y = cold.equations(life, space, 0)
    assert np.array_equal(model.vectors(life.items, A, y), model.prior_[life.items])


@pytest.mark.equation("eq-text-to-factor")
def test_text_to_factor_knows_new_items_and_what_it_misses(planted):
    life, space, features, theta = planted
    model = cold.TextToFactor(features, l2=0.1).fit(space)
    gap = theta[life.items] - model.prior_[life.items]
    assert np.sqrt((gap**2).mean()) < 0.15
    blind = cold.TextToFactor(None).fit(space)
    assert np.trace(model.cov_) < 0.2 * np.trace(blind.cov_)
    assert np.linalg.eigvalsh(model.cov_).min() > 0
    assert np.allclose(blind.prior_, blind.prior_[0])


def test_a_fold_may_hold_all_rated_items():
    space = cold.WarmSpace(3.0, np.zeros(2), np.ones((2, 2)), np.eye(4, 2), np.array([9, 0, 0, 0]))
    model = cold.TextToFactor(np.arange(8.0).reshape(4, 2), folds=4).fit(space)
    assert np.allclose(model.prior_, [1, 0])
    assert np.isfinite(model.cov_).all()


def test_the_mapping_ends_as_fitted_on_all_items(planted):
    _, space, features, _ = planted
    mapping = cold.FeatureMap(0.1)
    model = cold.TextToFactor(features, mapping=mapping).fit(space)
    assert np.array_equal(mapping.predict(features), model.prior_)


def test_what_is_missed_is_measured_on_items_that_were_not_seen():
    rng = np.random.default_rng(0)
    items = rng.normal(size=(40, 2))
    space = cold.WarmSpace(3.0, np.zeros(2), np.ones((2, 2)), items, np.full(40, 9))
    noise_features = rng.normal(size=(40, 39))
    model = cold.TextToFactor(noise_features, l2=1e-6).fit(space)
    assert np.trace(model.cov_) > 1.0 * np.trace(np.cov(items.T))


def test_a_network_can_take_the_place_of_the_ridge(planted):
    life, space, features, theta = planted
    mapping = cold.NeuralMap(hidden=16, decay=0.01, steps=100)
    model = cold.TextToFactor(features, mapping=mapping, folds=2).fit(space)
    flat = cold.TextToFactor(None).fit(space)
    new = life.items
    assert rmse(life, space, model.prior_[new]) < 0.7 * rmse(life, space, flat.prior_[new])
    assert np.array_equal(mapping.predict(np.zeros((1, 4)))[0], mapping.level_)
    with pytest.raises(ValueError, match="All items are cold"):
        mapping.fit(features, space.items, np.zeros(60))


@pytest.mark.equation("eq-dropoutnet")
def test_the_objective_is_the_mean_over_users_and_over_hiding():
    rng = np.random.default_rng(0)
    target, seen, hidden = rng.normal(size=(3, 5, 4))
    users = rng.normal(size=(30, 4))
    by_hand = 0.7 * (((target - seen) @ users.T) ** 2).mean(axis=1)
    by_hand += 0.3 * (((target - hidden) @ users.T) ** 2).mean(axis=1)
    gram = users.T @ users / 30
    assert np.allclose(cold.dropout_objective(target, seen, hidden, gram, 0.3), by_hand)


def test_gaps_in_training_serve_new_items_and_spare_the_old(planted):
    life, space, features, theta = planted
    known = np.flatnonzero(space.counts > 0)
    full = cold.View(space.items, np.ones(60))
    options = {"decay": 0.01, "hidden": 16, "steps": 200}
    gaps = cold.DropoutNet(features, 0.5, **options).fit(space)
    none = cold.DropoutNet(features, 0.0, **options).fit(space)
    new = [rmse(life, space, net.vectors(life.items)) for net in (gaps, none)]
    assert new[0] < 0.7 * new[1]
    copied = gaps.vectors(known, full) - space.items[known]
    assert np.sqrt((copied**2).mean()) < 0.25 * space.items[known].std()
    assert gaps.losses_[-1] < 0.1 * gaps.losses_[0]


def test_the_network_trains_on_the_expected_objective(planted):
    _, space, features, _ = planted
    net = cold.DropoutNet(features, 0.0, hidden=0, steps=1, rate=1e-12).fit(space)
    weights = cold.event_weights(space.counts, np.inf)
    level = np.tile(net.level_, (60, 1))
    gram = cold.gram_of_raters(space)
    loss = cold.dropout_objective(space.items, level, level, gram, 0.0)
    assert net.losses_[0] == pytest.approx((weights * loss).sum() / weights.sum())


def test_partial_views_are_posteriors_of_few_ratings(planted):
    life, space, *_ = planted
    plain = cold.TextToFactor(None).fit(space, noise=0.09)
    two, ten = cold.partial_views(space, life.warm, plain, (2, 10), 0)
    known = space.counts >= 10
    assert two.trust[known].max() == pytest.approx(2 / 7)
    gaps = [np.sqrt(((v.items - space.items)[known] ** 2).mean()) for v in (two, ten)]
    assert 0 < gaps[1] < gaps[0]
    few = space.counts < 2
    assert np.array_equal(two.items[few], space.items[few]) and (two.trust[few] == 1).all()
    net = cold.DropoutNet(np.zeros((60, 1)), 0.2, steps=30).fit(space, (two, ten))
    assert net.vectors(life.items, two).shape == (len(life.items), 3)


@pytest.mark.equation("eq-meta-embedding")
def test_the_meta_loss_is_both_phases_and_its_gradient_is_right():
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    theta, first, second = draw(3, 2), (draw(3, 4, 2), draw(3, 4)), (draw(3, 5, 2), draw(3, 5))
    start = theta.clone().requires_grad_()
    inner = cold.squared_loss(start, *first)
    (slope,) = torch.autograd.grad(inner.sum(), start)
    wanted = 0.3 * inner + 0.7 * cold.squared_loss(start - 0.1 * slope, *second)
    ours = cold.meta_embedding_loss(theta, first, second, 0.1, 0.3)
    assert torch.isclose(ours, wanted.mean())
    theta.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda t: cold.meta_embedding_loss(t, first, second, 0.1, 0.3), theta
    )


@pytest.mark.equation("eq-fixed-trust")
@pytest.mark.parametrize("n", [1, 20])
def test_steps_go_a_share_of_the_way_whatever_the_number_of_ratings(n):
    y = torch.linspace(0, 2, n, dtype=torch.float64)[None]
    ones = torch.ones(1, n, 1, dtype=torch.float64)
    moved = cold.warm_up(torch.full((1, 1), 4.0, dtype=torch.float64), ones, y, 0.15, 3)
    share = 1 - (1 - 0.3) ** 3
    assert moved.item() == pytest.approx(4 + share * (y.mean().item() - 4))


def test_generated_starts_know_new_items(planted):
    life, space, features, _ = planted
    made = cold.MetaEmbeddings(features, decay=0.01, steps=150, tasks=64).fit(space, life.warm)
    A, y = cold.equations(life, space, 0)
    start = made.vectors(life.items, A, y)
    flat = cold.TextToFactor(None).fit(space).prior_[life.items]
    assert rmse(life, space, start) < 0.6 * rmse(life, space, flat)
    A, y = cold.equations(life, space, 10)
    assert rmse(life, space, made.vectors(life.items, A, y)) < rmse(life, space, start)
    assert made.losses_[-1] < made.losses_[0]
    again = cold.MetaEmbeddings(features, decay=0.01, steps=150, tasks=64).fit(space, life.warm)
    assert np.array_equal(again.vectors(life.items, A, y), made.vectors(life.items, A, y))


def test_the_handfuls_are_different_ratings_of_one_item(planted):
    from recsys_book.meta_learning.cold_start.meta_embeddings import _Handfuls

    life, space, features, _ = planted
    options = cold.MetaEmbeddings(features, handful=3, tasks=40, by_event=False)
    can = np.flatnonzero(space.counts >= 6)
    items, (A, y), (B, z) = _Handfuls(space, life.warm, can, options)()
    assert A.shape == (40, 3, 3) and B.shape == (40, 3, 3)
    for item, a, b, ya, yb in zip(items, A.numpy(), B.numpy(), y.numpy(), z.numpy()):
        rows = np.flatnonzero(life.warm.item == item)
        user = life.warm.user[rows]
        residual = life.warm.value[rows] - 3 - space.user_bias[user]
        pairs = {tuple(p) for p in np.c_[space.users[user], residual]}
        drawn = [(*v, r) for v, r in zip(np.r_[a, b], np.r_[ya, yb])]
        rounded = {tuple(np.round(p, 9)) for p in pairs}
        assert len({tuple(np.round(d, 9)) for d in drawn}) == 6
        assert all(tuple(np.round(d, 9)) in rounded for d in drawn)


def test_a_network_starts_at_zero_and_a_bad_rate_is_named():
    net = small_network(3, 2, 8, 0)
    assert not net(torch.ones(1, 3, dtype=torch.float64)).any()
    with pytest.raises(ValueError, match="step 0 is not finite"):
        minimise(net, lambda step: torch.tensor(float("nan")), 3, 0.1, 0.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda l, s, F: cold.TextToFactor(F[:-1]).fit(s), "one row for every item"),
        (lambda l, s, F: cold.TextToFactor(F * np.nan).fit(s), "Row 0"),
        (lambda l, s, F: cold.DropoutNet(F, 1.5).fit(s), "p is 1.5"),
        (lambda l, s, F: cold.DropoutNet(F[:9]).fit(s), "one row for every item"),
        (lambda l, s, F: cold.MetaEmbeddings(F, alpha=2.0).fit(s, l.warm), "alpha is 2.0"),
        (lambda l, s, F: cold.MetaEmbeddings(F, handful=99).fit(s, l.warm), "198 ratings"),
        (lambda l, s, F: cold.equations(l, s, 11), "n is 11"),
        (lambda l, s, F: cold.equations(l, s, -1), "n is -1"),
        (lambda l, s, F: cold.item_life(l.log, 0, most=30, at_least=30), "at_least is 30"),
        (lambda l, s, F: cold.item_life(l.log, 0, at_least=9000), "is no item"),
        (
            lambda l, s, F: cold.newborn_posterior(F, np.eye(4), F[None], F[:1], 0.0),
            "noise is 0.0",
        ),
    ],
)
def test_bad_input_is_named(planted, call, words):
    life, space, features, _ = planted
    with pytest.raises(ValueError, match=words):
        call(life, space, features)


def test_all_items_cold_is_named(planted):
    _, space, features, _ = planted
    empty = cold.WarmSpace(3.0, space.user_bias, space.users, 0 * space.items, 0 * space.counts)
    for model in (cold.TextToFactor(features), cold.DropoutNet(features)):
        with pytest.raises(ValueError, match="All items are cold"):
            model.fit(empty)
