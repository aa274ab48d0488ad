"""Exploration: policies that try things, estimates without running them, and experiments."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "AdaptivePipeline": "adaptive_pipeline",
    "BernoulliArms": "environments",
    "CascadeEnvironment": "environments",
    "Decision": "adaptive_pipeline",
    "Environment": "environments",
    "GaussianArms": "environments",
    "ItemRidge": "loop",
    "LinearArms": "environments",
    "LiveUsers": "live",
    "LoopResult": "loop",
    "NewItemBonus": "new_items",
    "Profiles": "two_towers",
    "ReplayedRatings": "new_items",
    "Shown": "new_items",
    "Simulation": "environments",
    "SwitchingArms": "environments",
    "TrainingRun": "two_towers",
    "TwoTowers": "two_towers",
    "UserState": "live",
    "Visit": "new_items",
    "bernoulli_kl": "theory",
    "commit_bound": "theory",
    "decayed_epsilon_bound": "theory",
    "epsilon_greedy_slope": "theory",
    "evaluate_towers": "two_towers",
    "feedback_loop": "loop",
    "hoeffding_tail": "theory",
    "lai_robbins_constant": "theory",
    "log_slope": "theory",
    "only_eligible": "new_items",
    "pair_loss": "two_towers",
    "prequential_errors": "live",
    "regret_from_pulls": "theory",
    "replay_visits": "new_items",
    "simulate": "environments",
    "thompson_bayes_bound": "theory",
    "train_towers": "two_towers",
    "ucb1_bound": "theory",
    "ucb1_slope": "theory",
}

__all__ = sorted(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
