"""Experiments on people: design, sequential tests, variance reduction, interleaving."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "AATest": "design",
    "Cuped": "variance",
    "Effect": "effects",
    "Interleaved": "interleaving",
    "Market": "market",
    "MarketLog": "market",
    "SampleRatio": "design",
    "aa_test": "design",
    "always_valid_interval": "sequential",
    "always_valid_p": "sequential",
    "arm_means": "adaptive",
    "balanced": "interleaving",
    "balanced_credit": "interleaving",
    "choice_probabilities": "interleaving",
    "compare_means": "effects",
    "compare_ratios": "variance",
    "crossing_probabilities": "group_sequential",
    "cuped": "variance",
    "expected_share": "group_sequential",
    "global_effect": "market",
    "inflation": "group_sequential",
    "linearised": "variance",
    "log_mixture_ratio": "sequential",
    "log_wealth": "sequential",
    "minimum_detectable_effect": "design",
    "mixture_scale": "sequential",
    "obrien_fleming": "group_sequential",
    "pocock": "group_sequential",
    "power": "design",
    "probabilistic": "interleaving",
    "probabilistic_credit": "interleaving",
    "rate_sequence": "sequential",
    "regression_adjusted": "variance",
    "sample_ratio": "design",
    "stitched_radius": "sequential",
    "stratified": "variance",
    "successive_rejects": "adaptive",
    "switchback": "market",
    "team_credit": "interleaving",
    "team_draft": "interleaving",
    "user_split": "market",
    "users_per_arm_for_mean": "design",
}

__all__ = sorted(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
