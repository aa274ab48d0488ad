"""Replay: run a policy against a log made at random, and keep the rows on which they agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.data import BanditLog
from recsys_book.exploration.off_policy.estimate import Estimate
from recsys_book.exploration.off_policy.targets import deterministic_policy

__all__ = ["replay", "replay_learning"]


def replay(log: BanditLog, actions: np.ndarray, seed: int | None = None) -> Estimate:
    """Average the reward over the rows whose logged action a policy would have shown.

    On a log made uniformly at random this is an unbiased estimate (given at least one match). A
    log of another policy needs a rejection step: a matching row is kept with probability
    ``least propensity / propensity``, so that what is kept is as if made at random.

    Source: Li, Chu, Langford & Wang (2011), Unbiased Offline Evaluation of
    Contextual-Bandit-Based News Article Recommendation Algorithms, WSDM, Algorithm 2.

    Args:
        log: n rows.
        actions: (n,) what the policy would show.
        seed: Of the rejection step; needed where the propensities differ.

    Returns:
        The mean over the kept rows; its terms are linearised as those of ``snips``.

    Raises:
        ValueError: If an item is unknown, nothing matches, or a seed is needed.
    """
    chosen = deterministic_policy(log, actions)
    kept = chosen[np.arange(len(log)), log.action] * _keep(log, seed)
    if not kept.any():
        raise ValueError(
            f"None of the {len(log)} rows shows what the policy would show; take a longer log or "
            "an estimator with a reward model."
        )
    return Estimate.of_ratio(kept, log.reward)


def replay_learning(
    log: BanditLog,
    select: Callable[[np.ndarray], int],
    update: Callable[[np.ndarray, int, float], None],
    seed: int | None = None,
) -> np.ndarray:
    """Let a learning policy walk through the log: it learns from the rows on which it agrees.

    Args:
        log: n rows, in order of time.
        select: Takes one context (d,), returns an action.
        update: Takes the context, the action and its reward; called on kept rows only.
        seed: Of the rejection step; needed where the propensities differ.

    Returns:
        The rewards of the kept rows, in order.

    Raises:
        ValueError: If the policy returns an unknown item, or a seed is needed.
    """
    accepted = _keep(log, seed) > 0
    rewards = []
    for row in range(len(log)):
        action = select(log.context[row])
        if not 0 <= action < log.n_actions:
            raise ValueError(
                f"Row {row}: the policy returns the item {action}, which is unknown to the log "
                f"(its items are 0 to {log.n_actions - 1}); map or mask such items first."
            )
        if accepted[row] and action == log.action[row]:
            update(log.context[row], int(action), float(log.reward[row]))
            rewards.append(log.reward[row])
    return np.array(rewards)


def _keep(log: BanditLog, seed: int | None) -> np.ndarray:
    """(n,) 1 where the row survives the rejection that makes the log uniform."""
    least = log.propensity.min()
    if np.allclose(log.propensity, least, rtol=1e-9, atol=0):
        return np.ones(len(log))
    if seed is None:
        raise ValueError(
            "The propensities differ, so replay needs a rejection step; pass a seed, or use ips."
        )
    draws = np.random.default_rng(seed).random(len(log))
    return (draws < least / log.propensity).astype(np.float64)
