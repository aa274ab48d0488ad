"""Replay on logs made at random, and on others with a rejection step."""

import numpy as np
import pytest

from recsys_book.data import BanditLog
from recsys_book.exploration import off_policy as ope

WORLD = ope.LoggedWorld.draw(types=6, actions=4, dim=3, rate=0.3, seed=1)
BEST = WORLD.q.argmax(axis=1)


def test_on_a_uniform_log_it_is_the_mean_of_the_matches():
    log, types = WORLD.log(np.full((6, 4), 0.25), 2000, 0)
    match = log.action == BEST[types]
    estimate = ope.replay(log, BEST[types])
    assert estimate.value == pytest.approx(log.reward[match].mean(), rel=1e-12)
    assert estimate.terms.mean() == pytest.approx(estimate.value, rel=1e-12)
    assert estimate.value == pytest.approx(
        ope.snips(log, ope.deterministic_policy(log, BEST[types])).value, rel=1e-12
    )


def test_a_skewed_log_needs_rejection_and_is_right_with_it():
    logging = np.full((6, 4), 0.1) + 0.6 * np.eye(4)[[0, 1, 2, 3, 0, 1]]
    truth = WORLD.value(np.eye(4)[BEST])
    log, types = WORLD.log(logging, 40_000, 2)
    with pytest.raises(ValueError, match="needs a rejection step; pass a seed"):
        ope.replay(log, BEST[types])
    estimate = ope.replay(log, BEST[types], seed=0)
    assert abs(estimate.value - truth) < 4 * estimate.standard_error
    naive = log.reward[log.action == BEST[types]].mean()
    assert abs(naive - truth) > 2 * estimate.standard_error


def test_a_learner_sees_only_the_rows_it_agrees_with():
    log, _ = WORLD.log(np.full((6, 4), 0.25), 400, 0)
    seen = []
    rewards = ope.replay_learning(log, lambda x: 2, lambda x, a, r: seen.append((a, r)))
    np.testing.assert_array_equal(rewards, log.reward[log.action == 2])
    assert [r for _, r in seen] == rewards.tolist() and {a for a, _ in seen} == {2}
    skewed = np.tile([0.4, 0.2, 0.2, 0.2], (6, 1))
    fewer = ope.replay_learning(WORLD.log(skewed, 4000, 0)[0], lambda x: 0, lambda *_: None, seed=1)
    assert len(fewer) == pytest.approx(800, abs=100)


def test_an_unknown_item_and_no_match_are_one_sentence():
    log = BanditLog(np.zeros((2, 1)), [0, 0], [1, 0], [0.5, 0.5], [0, 0], 2)
    with pytest.raises(ValueError, match="Row 0: the policy returns the item 9"):
        ope.replay_learning(log, lambda x: 9, lambda *_: None)
    with pytest.raises(ValueError, match="None of the 2 rows"):
        ope.replay(log, [1, 1])
