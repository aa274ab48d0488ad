"""Scales, averages and learned weights, against scipy, scikit-learn and finite differences."""

import numpy as np
import pytest
from contract import checkerboard
from scipy.optimize import check_grad, minimize
from scipy.stats import norm, rankdata, zscore
from sklearn.linear_model import LinearRegression

from recsys_book.data import Interactions
from recsys_book.preprocessing import rolling_cuts
from recsys_book.preprocessing.splitting import Split
from recsys_book.recommenders import EASE, GenreProfile, Popularity, RecentPopularity
from recsys_book.recommenders.hybrid import (
    SCALES,
    WeightedHybrid,
    choice_loss,
    choice_weights,
    choices,
    held_back,
    least_squares_weights,
    scale_scores,
    simplex_weights,
    weighted_average,
)

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(6, 30)) * 10 ** RNG.uniform(-3, 3, size=(6, 1))


@pytest.mark.equation("eq-score-scaling")
def test_scales_are_those_of_scipy():
    np.testing.assert_allclose(scale_scores(SCORES, "zscore"), zscore(SCORES, axis=1), rtol=1e-9)
    ranks = rankdata(SCORES, axis=1)
    np.testing.assert_array_equal(scale_scores(SCORES, "rank"), ranks / 30)
    np.testing.assert_allclose(scale_scores(SCORES, "normal"), norm.ppf((ranks - 0.5) / 30))
    np.testing.assert_allclose(scale_scores(SCORES, "log_rank"), -np.log(31 - ranks))
    p = np.exp(scale_scores(SCORES, "softmax", temperature=0.3))
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(
        np.log(p[:, 0] / p[:, 1]) * 0.3, np.diff(-zscore(SCORES, axis=1))[:, 0]
    )
    box = scale_scores(SCORES, "minmax")
    assert (box.min(axis=1) == 0).all() and (box.max(axis=1) == 1).all()
    assert scale_scores(SCORES, "raw") is SCORES


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_keeps_the_order_and_forgives_constants(scale):
    scaled = scale_scores(SCORES, scale)
    np.testing.assert_array_equal(np.argsort(scaled, axis=1), np.argsort(SCORES, axis=1))
    flat = scale_scores(np.full((2, 5), 3.0), scale)
    assert np.isfinite(flat).all() and np.ptp(flat) == 0


def test_only_raw_depends_on_the_unit():
    for scale in SCALES[1:]:
        np.testing.assert_allclose(
            scale_scores(1000 * SCORES + 7, scale), scale_scores(SCORES, scale), atol=1e-6
        )


@pytest.mark.parametrize(
    ("scores", "scale", "temperature", "message"),
    [
        (SCORES, "unit", 1.0, "scale is 'unit'"),
        (SCORES * np.nan, "rank", 1.0, "NaN or infinite"),
        (SCORES, "softmax", 0.0, "temperature is 0"),
    ],
)
def test_bad_scores_are_refused(scores, scale, temperature, message):
    with pytest.raises(ValueError, match=message):
        scale_scores(scores, scale, temperature)


@pytest.mark.equation("eq-weighted-hybrid")
def test_the_average_does_not_depend_on_the_sum_of_the_weights():
    stars = np.array([[4.0, 1.0], [4.2, 2.0], [3.9, 3.0]])
    np.testing.assert_allclose(weighted_average(stars), stars.mean(axis=0))
    for factor in (0.01, 1.0, 50.0):
        mixed = weighted_average(stars, factor * np.array([1.0, 2.0, 1.0]))
        np.testing.assert_allclose(mixed, (stars[0] + 2 * stars[1] + stars[2]) / 4, rtol=1e-12)
    for wrong in ([1.0, 1.0], [0.0, 0.0, 0.0], [1.0, -1.0, 1.0]):
        with pytest.raises(ValueError, match="weights"):
            weighted_average(stars, wrong)


def noisy_members(n=400, m=4, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    shared = rng.normal(size=n)
    spread = rng.uniform(0.3, 1.5, m)
    return y[:, None] + 0.5 * shared[:, None] + spread * rng.normal(size=(n, m)), y


@pytest.mark.equation("eq-simplex-weights")
@pytest.mark.parametrize("seed", range(5))
def test_simplex_weights_are_those_of_a_general_solver(seed):
    P, y = noisy_members(seed=seed)
    P[:, 0] += 2.0 * (seed % 2)  # a biased member, whose weight is zero
    found = simplex_weights(P, y)
    general = minimize(
        lambda w: np.mean((P @ w - y) ** 2),
        np.full(4, 0.25),
        method="SLSQP",
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-14},
    )
    np.testing.assert_allclose(found, general.x, atol=2e-5)
    assert found.min() >= 0 and abs(found.sum() - 1) < 1e-12
    assert np.mean((P @ found - y) ** 2) <= general.fun + 1e-10


@pytest.mark.equation("eq-simplex-weights")
def test_identical_members_share_and_a_perfect_one_takes_all():
    P, y = noisy_members(m=2)
    twins = np.c_[P[:, :1], P[:, :1]]
    np.testing.assert_allclose(simplex_weights(twins, y), [0.5, 0.5], atol=1e-3)
    np.testing.assert_allclose(simplex_weights(np.c_[P, y], y), [0, 0, 1], atol=1e-3)
    np.testing.assert_allclose(simplex_weights(np.c_[y, y], y), [0.5, 0.5])


@pytest.mark.equation("eq-stacking")
def test_free_weights_are_those_of_scikit_learn():
    P, y = noisy_members()
    ours, theirs = least_squares_weights(P, y), LinearRegression().fit(P, y)
    np.testing.assert_allclose(ours, np.r_[theirs.intercept_, theirs.coef_], atol=1e-10)
    shrunk = least_squares_weights(P, y, l2=1e6)
    assert np.abs(shrunk[1:]).max() < 1e-3 and abs(shrunk[0] - y.mean()) < 1e-2


@pytest.mark.parametrize("learn", [simplex_weights, least_squares_weights])
def test_weights_need_a_clean_table(learn):
    P, y = noisy_members()
    with pytest.raises(ValueError, match="one row a target"):
        learn(P[1:], y)
    with pytest.raises(ValueError, match="NaN"):
        learn(np.where(P > 1, np.nan, P), y)


def planted_choices(n_users=600, n_items=40, weights=(1.5, 0.5, 0.0), seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n_users, n_items, len(weights)))
    offered = rng.random((n_users, n_items)) < 0.8
    utility = np.where(offered, z @ np.array(weights) + rng.gumbel(size=offered.shape), -np.inf)
    chosen = np.zeros_like(offered)
    chosen[np.arange(n_users), utility.argmax(axis=1)] = True
    return z, chosen, offered


@pytest.mark.equation("eq-choice-weights")
def test_the_gradient_is_that_of_finite_differences():
    z, chosen, offered = planted_choices(30)
    chosen[:, :5] |= offered[:, :5]  # several choices a user
    for w in (np.zeros(3), np.array([0.3, -1.0, 2.0])):
        arguments = (z, chosen, offered, 0.1)
        gap = check_grad(
            lambda *a: choice_loss(*a)[0], lambda *a: choice_loss(*a)[1], w, *arguments
        )
        assert gap < 1e-6
    loss = choice_loss(np.zeros(3), z, chosen, offered, 0.0)[0]
    assert abs(loss - np.log(offered.sum(axis=1)).mean()) < 1e-12  # knowing nothing: all alike


@pytest.mark.equation("eq-choice-weights")
def test_planted_weights_are_found():
    z, chosen, offered = planted_choices()
    found = choice_weights(z, chosen, offered, l2=0.0)
    np.testing.assert_allclose(found, [1.5, 0.5, 0.0], atol=0.15)
    z[:, :, 2] = -z[:, :, 0]
    assert choice_weights(z, chosen, offered)[2] == 0
    assert choice_weights(z, chosen, offered, nonnegative=False)[2] < -0.1


def test_learned_weights_prefer_the_member_that_knows(ml100k):
    log = ml100k.interactions
    log = log.select(log.item < 300)
    split = next(rolling_cuts(log, (0.8,)))
    noise = GenreProfile(np.random.default_rng(0).normal(size=(log.n_items, 5)))
    hybrid = WeightedHybrid([RecentPopularity(0.2), noise], scale="normal", max_users=30)
    hybrid.fit(split.train)
    assert hybrid.weights_[0] > 0.85 and abs(hybrid.weights_.sum() - 1) < 1e-12
    assert hybrid.sharpness_ > 0.2
    users = split.test.user[:3]
    by_hand = sum(
        w * scale_scores(m.score(users), "normal") for w, m in zip(hybrid.weights_, hybrid.models_)
    )
    np.testing.assert_allclose(hybrid.score(users), by_hand, rtol=1e-12)


def test_the_test_events_play_no_part(ml100k):
    log = ml100k.interactions
    log = log.select(log.item < 200)
    for rule in ("time", "last", "random"):
        for split in held_back(log, rule, seed=1):
            assert len(split.train) + len(split.test) <= len(log)
            if rule == "time":
                assert split.train.timestamp.max() <= split.test.timestamp.min()
    assert len(held_back(log, "time")) == 3
    assert held_back(checkerboard()[0], "time") == []


def test_a_useless_set_of_members_falls_back_to_equal_weights(ml100k):
    class Upside(Popularity):
        def _score(self, users):
            return -super()._score(users)

    log = ml100k.interactions
    log = log.select(log.item < 150)
    model = WeightedHybrid([Upside(), Upside()], validation="last").fit(log)
    np.testing.assert_array_equal(model.weights_, [0.5, 0.5])
    zero = WeightedHybrid([Popularity(), EASE()], [1.0, 0.0], scale="raw").fit(log)
    np.testing.assert_array_equal(zero.score([0]), Popularity().fit(log).score([0]))


def test_what_was_seen_before_is_no_choice():
    def log(user, item):
        n = len(user)
        return Interactions(user, item, np.ones(n), np.arange(n), np.arange(3), np.arange(4))

    # User 0 comes back to item 0 and picks item 2; user 1 only comes back; user 2 picks item 3.
    split = Split(log([0, 1, 2], [0, 1, 0]), log([0, 0, 1, 2], [0, 2, 1, 3]), "by hand")
    members = [Popularity().fit(split.train)]
    scores, chosen, offered = choices(members, split, "raw")
    assert scores.shape == (2, 4, 1)
    np.testing.assert_array_equal(chosen, [[0, 0, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_array_equal(offered, [[0, 1, 1, 1], [0, 1, 1, 1]])
