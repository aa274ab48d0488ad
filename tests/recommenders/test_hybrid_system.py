"""Context enters, modules can be exchanged, and exploration stands last."""

import datetime as dt

import numpy as np
import pytest
from contract import N, checkerboard, parity_features

from recsys_book.data import Interactions
from recsys_book.recommenders import (
    EASE,
    ContextReweighting,
    GenreProfile,
    HybridSystem,
    Popularity,
)
from recsys_book.recommenders.hybrid import (
    TIME_CONTEXTS,
    EpsilonLast,
    context_lift,
    mean_of_zscores,
    scale_scores,
    time_context,
)


@pytest.mark.parametrize("kind", TIME_CONTEXTS)
def test_times_are_those_of_the_calendar(kind):
    seconds = np.random.default_rng(0).integers(0, 2**31, 300)
    found = time_context(seconds, kind)
    for s, code in zip(seconds, found):
        when = dt.datetime.fromtimestamp(int(s), dt.UTC)
        want = {
            "daytime": when.hour // 6,
            "weekday": when.weekday(),
            "weekend": int(when.weekday() >= 5),
            "season": when.month % 12 // 3,
        }
        assert code == want[kind]
    assert set(found) == set(range(TIME_CONTEXTS[kind]))


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="use daytime"):
        time_context(np.array([0]), "moon")


@pytest.mark.equation("eq-context-weight")
def test_lift_by_hand():
    item, context = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    lift = context_lift(item, context, 3, 3, prior=2.0)
    assert abs(lift[0, 0] - np.log((2 + 2 * 0.5) / 5 / 0.5)) < 1e-12
    assert abs(lift[0, 1] - np.log((0 + 2 * 0.5) / 3 / 0.5)) < 1e-12
    assert (lift[:, 2] == 0).all() and (lift[2] == 0).all()
    assert np.abs(context_lift(item, context, 3, 3, prior=1e9)).max() < 1e-8
    share = np.exp(lift[:2]) * 0.5
    np.testing.assert_allclose(share.sum(axis=0), 1.0)  # over contexts


def log_with_devices(n_users=60, seed=0):
    """On device 0 everybody picks even items, on device 1 odd ones."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(n_users), 8)
    device = rng.integers(0, 2, len(user))
    item = 2 * rng.integers(0, 15, len(user)) + device
    log = Interactions(
        user, item, np.ones(len(user)), np.arange(len(user)), np.arange(n_users), np.arange(30)
    )
    return log, device


@pytest.mark.equation("eq-context-weight")
def test_a_known_device_decides_and_an_unknown_one_does_not():
    log, device = log_with_devices()
    model = ContextReweighting(EASE(20.0), device, strength=4.0, prior=1.0).fit(log)
    users = np.arange(40)
    for code in (0, 1):
        right = model.at(np.full(60, code)).score(users).argmax(axis=1) % 2 == code
        assert right.mean() > 0.95
    plain = scale_scores(EASE(20.0).fit(log).score(users), "softmax")
    np.testing.assert_allclose(model.score_in(users, np.full(40, -1)), plain)
    np.testing.assert_allclose(model.score(users), model.score_in(users, np.full(40, device[-1])))
    off = ContextReweighting(EASE(20.0), device, strength=0.0).fit(log)
    np.testing.assert_allclose(off.score(users), plain)
    for contexts in (np.zeros(3), np.full(40, 2), np.full(40, -2)):
        with pytest.raises(ValueError, match="one for each user"):
            model.score_in(users, contexts)


def test_a_context_without_meaning_changes_little():
    log, _ = log_with_devices()
    coin = np.random.default_rng(1).integers(0, 2, len(log))
    model = ContextReweighting(EASE(20.0), coin, prior=200.0).fit(log)
    assert np.abs(model.lift_).max() < 0.1


def system(**modules):
    algorithms = {"behaviour": EASE(5.0), "content": GenreProfile(parity_features())}
    return HybridSystem(algorithms, **modules)


def test_modules_work_together_and_alone():
    log, missing = checkerboard()
    whole = system().fit(log)
    assert whole.show(3, 1).items[0] == missing[3]
    by_hand = [EASE(5.0).fit(log), GenreProfile(parity_features()).fit(log)]
    want = mean_of_zscores({str(j): m.score([0]) for j, m in enumerate(by_hand)})
    np.testing.assert_allclose(whole.score([0]), want)
    only_content = system(integrate=lambda scores: scores["content"]).fit(log)
    np.testing.assert_allclose(only_content.score([0]), by_hand[1].score([0]))


def test_the_item_module_and_the_user_module_have_the_last_word_on_their_part():
    log, missing = checkerboard()
    stocked = np.arange(N) >= 10
    whole = system(
        item_module=lambda events: stocked,
        user_module=lambda events: events.select(events.user != 4),
    ).fit(log)
    assert stocked[whole.show(2, 5).items].all()
    np.testing.assert_array_equal(whole.fitted_["behaviour"].seen_[4].nnz, 0)
    assert len(whole.show(3, 40).items) == 5  # even, stocked and unseen
    np.testing.assert_allclose(whole.show(-1, 3).propensity, 1.0)


@pytest.mark.erratum("CF-15")
def test_exploration_stands_last_and_is_written_down():
    log, _ = checkerboard()
    whole = system(explore=EpsilonLast(0.5, seed=0)).fit(log)
    best = system().fit(log).show(0, 3).items
    lists = [whole.show(0, 3) for _ in range(400)]
    explored = np.array([~np.isin(s.items, best) for s in lists])
    assert abs(explored.mean() - 0.5) < 0.05
    for shown in lists:
        assert len(set(shown.items)) == 3
        at_random = ~np.isin(shown.items, best)
        np.testing.assert_allclose(shown.propensity[~at_random], 0.5)
        left = N - 9 - 3 - np.cumsum(at_random) + at_random  # random items that were left
        np.testing.assert_allclose(shown.propensity[at_random], (0.5 / left)[at_random])
    assert len(whole.shown_) == 400 and whole.shown_[0].user == 0
    items, propensity = EpsilonLast(1.0)(np.array([4, 2]), 5)
    np.testing.assert_array_equal(items, [4, 2])
    np.testing.assert_array_equal(propensity, [1.0, 1.0])


def test_feedback_closes_the_loop():
    log, missing = checkerboard()
    whole = system(refit_every=2).fit(log)
    event = log.select(np.array([0]))
    new = Interactions([7], [0], [1.0], [10**6], event.users, event.items)
    before = whole.score([7])
    assert not whole.feedback(new) and whole.n_fits_ == 1
    np.testing.assert_array_equal(whole.score([7]), before)
    assert 0 not in whole.show(7, 11).items  # already seen, although not yet learned from
    assert whole.feedback(new) and whole.n_fits_ == 2
    assert len(whole.log_) == len(log) + 2
    assert not np.array_equal(whole.score([7]), before)
    other = Interactions([0], [0], [1.0], [1], event.users, np.arange(N))
    with pytest.raises(ValueError, match="another way"):
        whole.feedback(other)


def test_a_system_needs_an_algorithm():
    with pytest.raises(ValueError, match="needs an algorithm"):
        HybridSystem({})
    with pytest.raises(ValueError, match="refit_every"):
        HybridSystem({"a": Popularity()}, refit_every=0)
