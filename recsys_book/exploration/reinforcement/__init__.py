"""Rewards that come later: a feed with a known law, exact planning, and agents that learn."""

from importlib import import_module
from typing import Any

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "ActorCritic": "actor_critic",
    "Agent": "agents",
    "Curve": "agents",
    "DQN": "dqn",
    "Feed": "feed",
    "KINDS": "feed",
    "MDP": "exact",
    "ModelBased": "agents",
    "QLearning": "q_learning",
    "REWARDS": "feed",
    "Reinforce": "reinforce",
    "ReplayBuffer": "dqn",
    "Visits": "feed",
    "action_values": "exact",
    "bellman_backup": "exact",
    "constrained_policy": "exact",
    "corrected_gradient": "correction",
    "discounted_returns": "reinforce",
    "double_q_targets": "q_learning",
    "effective_shares": "correction",
    "epsilon_greedy": "agents",
    "expected_maximum": "q_learning",
    "greedy_policy": "exact",
    "importance_ratios": "correction",
    "learn_from_log": "correction",
    "occupancy": "exact",
    "per_decision_values": "correction",
    "policy_gradient": "exact",
    "policy_value": "exact",
    "q_targets": "q_learning",
    "return_totals": "correction",
    "rewards_by_step": "exact",
    "roulette": "q_learning",
    "score_gradients": "reinforce",
    "simulate_users": "feed",
    "softmax": "exact",
    "squared_weights": "correction",
    "start_value": "exact",
    "table_step": "reinforce",
    "td_errors": "actor_critic",
    "top_k_multiplier": "correction",
    "train": "agents",
    "value_iteration": "exact",
    "whole_life_values": "correction",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
