"""Two towers, live users, replayed visits and the pipeline."""

import numpy as np
import pandas as pd
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.exploration import (
    AdaptivePipeline,
    LiveUsers,
    NewItemBonus,
    Profiles,
    ReplayedRatings,
    Shown,
    TwoTowers,
    evaluate_towers,
    only_eligible,
    prequential_errors,
    replay_visits,
    train_towers,
)
from recsys_book.exploration.policies import (
    Bootstrapped,
    HybridLinUCB,
    LinearThompson,
    LinUCB,
    RidgeArms,
)


def ratings(n_users=40, n_items=30, each=12, seed=0):
    """Half of the users like items with a positive first number, half the others."""
    rng = np.random.default_rng(seed)
    text = rng.normal(size=(n_items, 6))
    rows = []
    for user in range(n_users):
        for item in rng.permutation(n_items)[:each]:
            sign = 1 if user % 2 else -1
            liked = sign * text[item, 0] > 0
            rows.append((user, int(item), 5.0 if liked else 2.0))
    frame = pd.DataFrame(rows, columns=["user", "item", "value"])
    frame = frame.sample(frac=1, random_state=seed).reset_index(drop=True)
    frame["timestamp"] = np.arange(len(frame))
    return Interactions.from_frame(frame), text


@pytest.mark.parametrize("loss", ["pairs", "softmax"])
def test_training_returns_its_losses_and_finds_the_planted_taste(loss):
    log, text = ratings()
    held = np.random.default_rng(0).random(len(log)) < 0.2
    train, test = log.select(~held), log.select(held)
    towers = TwoTowers(text, width=4)
    found = train_towers(towers, train, test, loss=loss, passes=25, batch=64, rate=0.02)
    assert len(found.losses) == len(found.validation) == 25
    assert found.losses[-1] < found.losses[0]
    scores = evaluate_towers(towers, train, test)
    assert scores["auc"] == found.validation[-1] > 0.85
    assert scores["log_loss"] > 0 and 0 <= scores["accuracy"] <= 1
    assert towers.item_vectors().shape == (30, 4)
    assert towers.user_vectors(Profiles(train, towers.text.numpy()).of_users()).shape == (40, 4)


def test_the_same_seed_trains_the_same_towers():
    log, text = ratings()
    made = []
    for _ in range(2):
        towers = TwoTowers(text, width=3, seed=5)
        assert train_towers(towers, log, passes=1, seed=2).validation == []
        made.append(towers.item_vectors())
    np.testing.assert_array_equal(*made)


def test_a_pair_does_not_see_its_own_rating():
    log, text = ratings()
    text = text.astype(np.float32)
    rows = np.array([0, 5])
    without = Profiles(log, text).without(rows)
    for row, profile in zip(rows, without):
        others = (log.user == log.user[row]) & (np.arange(len(log)) != row)
        weights = (log.value[others] - 3.5) / 2
        want = weights @ text[log.item[others]] / np.sqrt(others.sum())
        np.testing.assert_allclose(profile, want, atol=1e-4)


def test_scores_of_a_batch_hold_the_scores_of_pairs():
    log, text = ratings()
    towers = TwoTowers(text, width=3)
    profiles = torch.from_numpy(Profiles(log, towers.text.numpy()).without(np.arange(4)))
    items = torch.from_numpy(log.item[:4].astype(np.int64))
    with torch.no_grad():
        whole, pairs = towers.score_batch(profiles, items), towers(profiles, items)
    np.testing.assert_allclose(np.diag(whole), pairs, atol=1e-5)


def test_wrong_towers():
    log, text = ratings()
    with pytest.raises(ValueError, match="width is 0"):
        TwoTowers(text, width=0)
    with pytest.raises(ValueError, match="loss is 'hinge'"):
        train_towers(TwoTowers(text), log, loss="hinge")


@pytest.mark.equation("eq-linear-thompson")
def test_a_live_user_is_the_ridge_solution_of_the_users_events():
    log, text = ratings()
    users = LiveUsers(text, np.full(30, 3.0), variance=0.5)
    prequential_errors(users, log)
    mine = log.user == 7
    X, y = text[log.item[mine]], log.value[mine] - 3
    cov = np.linalg.inv(X.T @ X + 2 * np.eye(6))
    np.testing.assert_allclose(users.state(7).mean, cov @ X.T @ y, atol=1e-9)
    np.testing.assert_allclose(users.state(7).cov, cov, atol=1e-9)
    np.testing.assert_allclose(users.predict_all(7)[3], users.predict(7, 3))
    width = np.sqrt(text[3] @ cov @ text[3])
    assert np.isclose(users.upper(7, 2.0)[3], users.predict(7, 3) + 2 * width)
    assert np.isclose(users.upper(7, 2.0, np.array([3]))[0], users.upper(7, 2.0)[3])
    rng = np.random.default_rng(0)
    drawn = np.array([users.draw(7, 0.5, rng)[3] for _ in range(4000)])
    assert abs(drawn.mean() - users.predict(7, 3)) < 0.05 * width
    assert abs(drawn.std() / (0.5 * width) - 1) < 0.05


def test_predictions_never_enter_the_ratings():
    log, text = ratings()
    users = LiveUsers(text, np.full(30, 3.0))
    prequential_errors(users, log)
    before = dict(users.ratings)
    users.predict_all(1)
    users.predict(1, 2)
    assert users.ratings == before
    assert users.ratings == {
        (u, i): r for u, i, r in zip(log.user.tolist(), log.item.tolist(), log.value.tolist())
    }


def test_errors_come_before_learning_and_live_beats_frozen():
    log, text = ratings()
    first = text[:, :1]  # the one number that decides
    live, number = prequential_errors(LiveUsers(first, np.full(30, 3.5)), log)
    still, _ = prequential_errors(LiveUsers(first, np.full(30, 3.5)), log, freeze_after=1)
    never, _ = prequential_errors(LiveUsers(first, np.full(30, 3.5)), log, freeze_after=0)
    np.testing.assert_allclose(never, log.value - 3.5)
    np.testing.assert_allclose(live[number < 1], still[number < 1])
    assert (live[number == 0] == log.value[number == 0] - 3.5).all()
    late = number >= 4
    assert (live[late] ** 2).mean() < 0.85 * (still[late] ** 2).mean()
    assert number.max() == 11


def test_forgetting_follows_a_user_who_changed():
    text = np.eye(1)
    fading, plain = (LiveUsers(text, np.zeros(1), 1.0, f) for f in (0.8, 1.0))
    for value in [1.0] * 30 + [-1.0] * 10:
        for users in (fading, plain):
            users.update(0, 0, value)
    assert fading.predict(0, 0) < -0.5 < 0 < plain.predict(0, 0)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda u: u.update(0, 99, 3.0), "item 99 is unknown"),
        (lambda u: u.update(0, 1, float("nan")), "for item 1 is nan"),
        (lambda u: u.predict(0, -1), "item -1 is unknown"),
        (lambda u: LiveUsers(np.ones((2, 2)), np.ones(3)), "usual"),
        (lambda u: LiveUsers(np.ones((2, 2)) * np.nan, np.ones(2)), "not finite"),
        (lambda u: LiveUsers(np.ones((2, 2)), np.ones(2), 0.0), "variances above 0"),
        (lambda u: prequential_errors(u, ratings()[0].select(np.arange(9)[::-1])), "row 1"),
    ],
)
def test_live_users_refuse(action, words):
    with pytest.raises(ValueError, match=words):
        action(LiveUsers(np.ones((3, 2)), np.ones(3)))


def test_visits_offer_each_rating_once_and_answer_with_it():
    log, _ = ratings()
    visits = ReplayedRatings(log, offered=5, seed=1)
    assert len(visits) == 40 * 2
    rating = {(u, i): r for u, i, r in zip(log.user, log.item, log.value)}
    seen = set()
    for visit in visits:
        for item, reward in zip(visit.items, visit.rewards):
            assert (visit.user, item) not in seen
            seen.add((visit.user, item))
            assert reward == (rating[visit.user, item] >= 4)
    again = [v.items.tolist() for v in ReplayedRatings(log, offered=5, seed=1)]
    assert again == [v.items.tolist() for v in visits]
    with pytest.raises(ValueError, match="offer fewer"):
        ReplayedRatings(log, offered=13)
    with pytest.raises(ValueError, match="at least 2"):
        ReplayedRatings(log, offered=1)


@pytest.mark.parametrize("make", [LinUCB, LinearThompson, RidgeArms, HybridLinUCB])
def test_a_replay_shows_what_is_on_offer_and_learns(make):
    log, text = ratings()
    visits = ReplayedRatings(log, offered=4)
    options = {"arm_features": text} if make is HybridLinUCB else {"n_arms": 30}
    policy = make(dim=1, **options)
    shown = replay_visits(policy, visits)
    assert all(item in visit.items for item, visit in zip(shown.items, visits))
    assert len(shown.items) == len(visits)
    counts = np.bincount(shown.items, minlength=30)
    if make is not HybridLinUCB:
        np.testing.assert_array_equal(policy.count[0, :, 0], counts)


def test_what_was_shown_is_counted():
    shown = Shown(np.array([0, 1, 0, 2, 0]), np.ones(5))
    marked = np.array([True, False, True, True])
    assert shown.share(marked) == 0.8
    np.testing.assert_array_equal(shown.visits_until(marked, 1), [1, 4, np.inf])
    np.testing.assert_array_equal(shown.visits_until(marked, 3), [5, np.inf, np.inf])


def test_a_bonus_fades_and_ends_and_obeys_eligibility():
    rule = NewItemBonus(3, bonus=0.6, guaranteed=2)
    np.testing.assert_allclose(rule.scores(np.zeros(3)), 0.6)
    rule.count(0)
    np.testing.assert_allclose(rule.scores(np.zeros(3)), [0.6 / np.sqrt(2), 0.6, 0.6])
    rule.count(0)
    np.testing.assert_allclose(rule.scores(np.zeros(3)), [0, 0.6, 0.6])
    assert rule.scores(np.zeros(3), [True, False, True]).argmax() == 2
    assert NewItemBonus(1, 1.0).scores(np.zeros(1)) == 1
    with pytest.raises(ValueError, match="no item is eligible"):
        rule.scores(np.zeros(3), np.zeros(3, bool))
    with pytest.raises(ValueError, match="eligible has shape"):
        only_eligible(np.zeros(3), np.ones(2))
    with pytest.raises(ValueError, match="bonus -1"):
        NewItemBonus(3, -1.0)


def test_a_replay_needs_one_run_and_scores():
    log, _ = ratings()
    visits = ReplayedRatings(log, offered=4)
    for policy in (LinUCB(n_arms=30, dim=1, n_runs=2), Bootstrapped(n_arms=30, dim=1)):
        with pytest.raises(ValueError, match="one run"):
            replay_visits(policy, visits)


def pipeline(**options):
    rng = np.random.default_rng(0)
    users = LiveUsers(rng.normal(size=(6, 2)), np.zeros(6))
    return AdaptivePipeline(lambda user: np.array([4, 1, 2]), users, **options)


def test_the_logged_propensity_is_the_frequency():
    first = pipeline(epsilon=0.3).decide(0)
    assert np.isclose(first.propensity, 0.8) or np.isclose(first.propensity, 0.1)
    pipe = pipeline(epsilon=0.3)
    for _ in range(4000):
        pipe.decide(0)
    items = np.array([d.item for d in pipe.log])
    for item in (4, 1, 2):
        stated = {round(d.propensity, 9) for d in pipe.log if d.item == item}
        assert len(stated) == 1
        assert abs(np.mean(items == item) - stated.pop()) < 0.03
    np.testing.assert_array_equal(first.candidates, [4, 1, 2])


def test_an_answer_updates_the_user_once():
    pipe = pipeline()
    decision = pipe.decide(3)
    pipe.answer(0, 1.0)
    assert pipe.users.states[3].events == 1
    assert pipe.users.ratings == {(3, decision.item): 1.0}
    pipe.decide(3)  # not answered: not in the columns
    columns = pipe.logged()
    assert columns["item"].tolist() == [decision.item]
    assert columns["propensity"].tolist() == [decision.propensity]
    assert columns["reward"].tolist() == [1.0]
    with pytest.raises(ValueError, match="answered before"):
        pipe.answer(0, 1.0)
    with pytest.raises(ValueError, match="decision 9 is unknown"):
        pipe.answer(9, 1.0)
    with pytest.raises(ValueError, match="is nan"):
        pipe.answer(1, float("nan"))
    assert 1 not in pipe.rewards


def test_what_may_not_be_shown_never_is():
    pipe = pipeline(epsilon=1.0)
    eligible = np.array([True, True, False, True, True, True])
    assert {pipe.decide(0, eligible).item for _ in range(100)} == {1, 4}
    assert pipe.log[0].propensity == 0.5


@pytest.mark.parametrize(
    ("candidates", "words"),
    [([], "no eligible candidate"), ([9], "unknown"), ([-1], "unknown"), ([1, 1], "twice")],
)
def test_bad_candidates_are_refused(candidates, words):
    pipe = pipeline()
    pipe.candidates = lambda user: np.array(candidates, dtype=int)
    with pytest.raises(ValueError, match=words):
        pipe.decide(0)
    assert pipe.log == []
    with pytest.raises(ValueError, match="epsilon is 0"):
        pipeline(epsilon=0.0)
