"""Bandit policies: which item to show next, with what probability, vectorised over runs."""

from recsys_book._lazy import lazy_names

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "BetaThompson": "thompson",
    "Boltzmann": "boltzmann",
    "Bootstrapped": "bootstrapped",
    "CascadePolicy": "slates",
    "CascadeThompson": "slates",
    "CascadeUCB": "slates",
    "ClickPolicy": "counts",
    "CountingPolicy": "counts",
    "DiscountedUCB": "ucb",
    "EpsilonGreedy": "greedy",
    "ExploreThenCommit": "greedy",
    "GaussianThompson": "thompson",
    "Greedy": "greedy",
    "HybridLinUCB": "hybrid_linucb",
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

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
