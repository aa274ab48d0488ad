"""What the source articles call reinforcement learning, and where it fails.

The functions are the faulty versions. The right ones are in
``recsys_book.exploration.reinforcement``.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def ada_03_reinforcement_learning(model: Any, reward: float, action: int) -> Any:
    """ADA-03: reinforcement learning as one call that is defined nowhere.

    Article S1 §3.2.1: ``reinforcement_learning(reward, action)``, whose body is
    ``model.update_policy(reward, action)``. It has no state, no probability of the action, no
    next state, and no library's model has such a method.

    Args:
        model: Any model.
        reward: What came at once.
        action: What was done.

    Returns:
        Whatever the method returns.

    Raises:
        AttributeError: With every model that the article could mean.
    """
    return model.update_policy(reward, action)


def ada_03_mean_reward_of_actions(
    rewards: np.ndarray, actions: np.ndarray, n_actions: int
) -> np.ndarray:
    """ADA-03: the most that can be learned from pairs of reward and action alone.

    Without a state, one answer serves everybody; without a next state, only the reward of now
    counts; without propensities, nothing can be said of another policy.

    Args:
        rewards: (n,) what came at once.
        actions: (n,) what was done.
        n_actions: Number of actions.

    Returns:
        (n_actions,) mean reward of each action, 0 for one never taken.
    """
    total = np.bincount(actions, rewards, n_actions)
    return total / np.maximum(np.bincount(actions, minlength=n_actions), 1)
