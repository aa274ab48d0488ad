"""Reward models, guessed propensities, and policies learned from a log."""

import numpy as np
import pytest

from recsys_book.data import BanditLog
from recsys_book.exploration import off_policy as ope

WORLD = ope.LoggedWorld.draw(types=12, actions=5, dim=3, rate=0.2, seed=3)
LOGGING = ope.softmax_policy(WORLD.q, 0.3)


@pytest.fixture(scope="module")
def log():
    return WORLD.log(LOGGING, 1500, 0)[0]


@pytest.mark.parametrize("model", ["logistic", "ridge", "boosting"])
def test_a_row_is_predicted_by_models_that_have_not_seen_it(log, model):
    small = log.take(np.arange(300))
    q_hat = ope.fit_reward_model(small, folds=3, model=model)
    assert q_hat.shape == (300, 5) and np.isfinite(q_hat).all()
    inside = ope.folds_of_rows(300, 3)[0]
    reward = small.reward.copy()
    reward[inside] = 1 - reward[inside]
    flipped = BanditLog(
        small.context, small.action, reward, small.propensity, small.position, n_actions=5
    )
    again = ope.fit_reward_model(flipped, folds=3, model=model)
    np.testing.assert_allclose(again[inside], q_hat[inside], rtol=1e-9)
    assert not np.allclose(again[~inside], q_hat[~inside])


def test_the_linear_models_predict_what_scikit_learn_predicts(log):
    from sklearn.linear_model import LogisticRegression, Ridge

    described = BanditLog(
        log.context,
        log.action,
        log.reward,
        log.propensity,
        log.position,
        5,
        1,
        action_context=np.arange(5.0)[:, None],
    )
    about = np.hstack([np.eye(5), np.arange(5.0)[:, None]])
    ones = np.ones((len(log), 1))
    pairs = np.hstack([log.context, ones, about[log.action]])
    asked = np.hstack([log.context, ones, np.tile(about[2], (len(log), 1))])
    got = ope.fit_reward_model(described, folds=1, model="ridge")[:, 2]
    np.testing.assert_allclose(got, Ridge(alpha=1).fit(pairs, log.reward).predict(asked))
    got = ope.fit_reward_model(described, folds=1, model="logistic")[:, 2]
    fitted = LogisticRegression(max_iter=500).fit(pairs, log.reward)
    np.testing.assert_allclose(got, fitted.predict_proba(asked)[:, 1], atol=1e-12)


def test_a_model_of_one_log_predicts_another_and_a_log_without_clicks(log):
    other, _ = WORLD.log(LOGGING, 70, 1)
    assert ope.fit_reward_model(log, rows=other).shape == (70, 5)
    none = log.take(log.reward == 0)
    assert not ope.fit_reward_model(none, model="ridge").any()
    q_hat = ope.fit_reward_model(log, model="ridge")
    chosen = q_hat[np.arange(len(log)), log.action]
    assert np.corrcoef(chosen, log.reward)[0, 1] > 0.15


def test_bad_models_are_one_sentence(log):
    with pytest.raises(ValueError, match="no reward model 'forest'"):
        ope.fit_reward_model(log, model="forest")
    with pytest.raises(ValueError, match="folds is 0 for 1500 rows"):
        ope.fit_reward_model(log, folds=0)
    graded = BanditLog(np.zeros((2, 1)), [0, 1], [3.0, 1.0], [0.5, 0.5], [0, 0], 2)
    with pytest.raises(ValueError, match="needs rewards of 0 and 1"):
        ope.fit_reward_model(graded)
    with pytest.raises(ValueError, match="no guess 'magic'"):
        ope.estimate_propensities(log, "magic")
    with pytest.raises(ValueError, match="strength is 0"):
        ope.estimate_propensities(log, strength=0)


def test_guessed_propensities_are_right_only_if_they_look_at_what_the_policy_looked_at():
    log, types = WORLD.log(ope.softmax_policy(WORLD.q, 0.1), 6000, 2)
    shares = ope.estimate_propensities(log, "shares")
    fitted = ope.estimate_propensities(log, "logistic")
    for guess in (shares, fitted):
        assert ((guess > 0) & (guess <= 1)).all()
    error = [np.abs(np.log(guess / log.propensity)).mean() for guess in (shares, fitted)]
    assert error[1] < 0.6 * error[0]
    want = (log.counts()[0] + 1) / (len(log) + 5)
    np.testing.assert_allclose(shares, want[log.action])
    rare = log.take(np.r_[0:40, np.flatnonzero(log.action == 0)[:1]])
    assert (ope.estimate_propensities(rare, "logistic") > 0).all()


@pytest.mark.equation("eq-poem")
@pytest.mark.parametrize("q", [False, True])
@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_the_slope_of_the_objective_is_its_difference_quotient(log, q, penalty):
    few = log.take(np.arange(80))
    x = np.hstack([few.context, np.ones((80, 1))])
    model = np.random.default_rng(0).random((80, 5)) if q else None
    theta = np.random.default_rng(1).normal(0, 0.3, size=(4, 5))
    options = dict(clip=2.0, variance_penalty=penalty, baseline=0.2, q=model)
    _, slope = ope.learning_objective(theta, x, few, **options)
    for cell in [(0, 0), (2, 3), (3, 4)]:
        step = np.zeros_like(theta)
        step[cell] = 1e-6
        up, down = (ope.learning_objective(theta + s * step, x, few, **options)[0] for s in (1, -1))
        assert (up - down) / 2e-6 == pytest.approx(slope[cell], rel=1e-5, abs=1e-9)


@pytest.mark.equation("eq-poem")
def test_the_objective_is_the_estimate_less_standard_errors(log):
    theta = np.random.default_rng(1).normal(0, 0.3, size=(4, 5))
    x = np.hstack([log.context, np.ones((len(log), 1))])
    policy = ope.LearnedPolicy(theta, 0.0).probabilities(log.context)
    estimate = ope.clipped_ips(log, policy, 1.5)
    got, _ = ope.learning_objective(theta, x, log, clip=1.5, variance_penalty=2.0)
    assert got == pytest.approx(estimate.value - 2 * estimate.standard_error, rel=1e-12)
    q_hat = ope.fit_reward_model(log, model="ridge")
    got, _ = ope.learning_objective(theta, x, log, q=q_hat, baseline=0.1)
    want = ope.doubly_robust(log, policy, q_hat).value - 0.1
    assert got == pytest.approx(want, rel=1e-9)


def test_learned_policies_beat_the_one_that_logged():
    log, _ = WORLD.log(LOGGING, 4000, 5)
    base = log.reward.mean()
    q_hat = ope.fit_reward_model(log, model="ridge")
    before = WORLD.value(LOGGING)
    for options in (
        {},
        {"clip": 5.0, "baseline": base},
        {"variance_penalty": 1.0, "baseline": base},
        {"q_hat": q_hat},
    ):
        learned = ope.learn_policy(log, **options)
        chances = learned.probabilities(WORLD.features)
        np.testing.assert_allclose(chances.sum(axis=1), 1)
        assert WORLD.value(chances) > before + 0.02, options
    greedy = ope.greedy_policy(ope.fit_reward_model(log, model="ridge"))
    assert greedy.sum(axis=1).tolist() == [1.0] * 4000


def test_bad_penalties_are_one_sentence(log):
    with pytest.raises(ValueError, match="clip 0, variance_penalty"):
        ope.learn_policy(log, clip=0)
    with pytest.raises(ValueError, match="q_hat has shape"):
        ope.learn_policy(log, q_hat=np.zeros((2, 5)))
