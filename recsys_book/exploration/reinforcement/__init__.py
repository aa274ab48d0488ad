"""Rewards that come later: a feed with a known law, exact planning, and agents that learn."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "ActorCritic": "actor_critic",
    "Agent": "agents",
    "Curve": "agents",
    "DQN": "dqn",
    "Feed": "feed",
    "GreedyAgent": "agents",
    "KINDS": "feed",
    "MDP": "mdp",
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
    "greedy_policy": "mdp",
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
    "softmax": "mdp",
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

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
