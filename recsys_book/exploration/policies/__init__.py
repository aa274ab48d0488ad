"""Bandit policies: which item to show next, with what probability, vectorised over runs."""

from importlib import import_module
from typing import Any

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "BetaThompson": "thompson",
    "Boltzmann": "boltzmann",
    "Bootstrapped": "bootstrapped",
    "CascadePolicy": "slates",
    "CascadeThompson": "slates",
    "CascadeUCB": "slates",
    "CountingPolicy": "counts",
    "DiscountedUCB": "ucb",
    "EpsilonGreedy": "greedy",
    "ExploreThenCommit": "greedy",
    "GaussianThompson": "thompson",
    "Greedy": "greedy",
    "HybridLinUCB": "linucb",
    "IndexPolicy": "base",
    "KLUCB": "ucb",
    "LinUCB": "linucb",
    "LinearThompson": "linear_thompson",
    "NeuralLinear": "neural_linear",
    "Policy": "base",
    "Proportional": "boltzmann",
    "RidgeArms": "ridge_arms",
    "SamplingPolicy": "base",
    "SlidingWindowUCB": "ucb",
    "TopKThompson": "slates",
    "UCB1": "ucb",
    "UniformRandom": "greedy",
    "beta_posterior": "thompson",
    "cascade_click_probability": "slates",
    "decayed_epsilon": "greedy",
    "kl_ucb_index": "ucb",
    "softmax_probabilities": "boltzmann",
    "ucb1_index": "ucb",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
