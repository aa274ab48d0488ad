"""Judging and learning a policy from the log of another one."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "Diagnosis": "diagnostics",
    "Estimate": "estimate",
    "LearnedPolicy": "learning",
    "LoggedWorld": "simulated",
    "betting_sequence": "intervals",
    "bootstrap_of_ratio": "intervals",
    "clipped_ips": "estimators",
    "confidence_sequence": "intervals",
    "deterministic_policy": "targets",
    "diagnose": "diagnostics",
    "direct_method": "estimators",
    "doubly_robust": "estimators",
    "effective_sample_size": "diagnostics",
    "empirical_bernstein": "intervals",
    "empirical_policy": "targets",
    "estimate_propensities": "reward_model",
    "fit_reward_model": "reward_model",
    "folds_of_rows": "reward_model",
    "greedy_policy": "learning",
    "importance_weights": "targets",
    "interval_of_mean": "intervals",
    "ips": "estimators",
    "ips_variance": "simulated",
    "learn_policy": "learning",
    "learning_objective": "learning",
    "normal_interval": "intervals",
    "policy_value": "simulated",
    "pseudo_inverse": "slates",
    "replay": "replaying",
    "replay_learning": "replaying",
    "require_support": "diagnostics",
    "self_normalized_dr": "estimators",
    "shrunk_dr": "estimators",
    "slate_cascade_dr": "slates",
    "slate_cascade_ips": "slates",
    "slate_independent_ips": "slates",
    "slate_standard_ips": "slates",
    "snips": "estimators",
    "softmax_policy": "simulated",
    "switch_dr": "estimators",
    "switch_threshold": "estimators",
    "uniform_policy": "targets",
    "uniform_slate_moments": "slates",
}

__all__ = sorted(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
